"""What belongs together, by names: sculpts to people, photos to sculpts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from face2mesh.errors import Face2MeshError, InputFileError

HELD_OUT_SHARE = 0.25
"""Of the people; of fewer than four nobody."""

SEPARATOR = "-"
"""Between a person and an expression."""
_NAME = re.compile(r"[^\W_][\w. ]*(-[\w. ]+)?")
_NUMBER = re.compile(r"(?P<name>.+?)(?:[-_ .]\d+| ?\(\d+\))")


def person_and_expression(name: str, label: str) -> tuple[str, str]:
    """The two halves of a sculpt's name; the expression is "" for a neutral one.

    Raises:
        InputFileError: not a name.
    """
    if not _NAME.fullmatch(name):
        raise InputFileError(
            f"{label}: the name '{name}' is none of PERSON and PERSON-EXPRESSION (letters and digits, one hyphen); "
            "rename it."
        )
    person, _, expression = name.partition(SEPARATOR)
    return person, expression


def sculpt_of(photo: Path, names: Iterable[str]) -> str | None:
    """The sculpt that a photo shows: of its name, with a number behind it, or of its folder's name; else None.

    Args:
        photo: below the folder of photos, relative to it.
        names: of the sculpts.
    """
    folded = {name.casefold(): name for name in names}
    stem = photo.stem.casefold()
    numbered = _NUMBER.fullmatch(stem)
    candidates = [stem, *([numbered["name"]] if numbered else []), *(part.casefold() for part in photo.parts[-2::-1])]
    return next((folded[name] for name in candidates if name in folded), None)


def held_out_people(people: Sequence[str], decided: Mapping[str, bool], wanted: Sequence[str] | None) -> list[str]:
    """Whom training may not see, sorted.

    Who was held out before stays so, and who was trained on never becomes so, unless the user says otherwise: numbers
    measured on held-out people must not come to lie. New people fill up a quarter, in the order of their names' hashes.

    Args:
        people: all, now.
        decided: name to whether held out, as it was before.
        wanted: by the user; None leaves it to the rule.

    Raises:
        Face2MeshError: the user names somebody who is not there, or everybody.
    """
    if wanted is not None:
        unknown = sorted(set(wanted) - set(people))
        if unknown:
            raise Face2MeshError(
                f"--held-out: nobody is called {unknown[0]}; people here: {', '.join(people) or 'none'}."
            )
        if people and set(wanted) == set(people):
            raise Face2MeshError("--held-out: names everybody; leave some people to train on.")
        return sorted(set(wanted))
    held = [name for name in people if decided.get(name, False)]
    undecided = sorted(set(people) - set(decided), key=lambda name: hashlib.sha256(name.encode()).digest())
    room = max(0, int(HELD_OUT_SHARE * len(people)) - len(held))
    return sorted(held + undecided[:room])
