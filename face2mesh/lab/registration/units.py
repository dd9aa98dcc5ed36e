"""What a scan's unit is: told, or guessed from the size of a head."""

from __future__ import annotations

import math
from dataclasses import dataclass

from face2mesh.errors import InputFileError

MILLIMETRES = {"um": 0.001, "mm": 1.0, "cm": 10.0, "in": 25.4, "m": 1000.0}
# So much larger or smaller than the model says may a head be that its unit is still taken for one.
LIKELY, POSSIBLE = 1.3, 1.7


@dataclass(frozen=True)
class Unit:
    """How long one of the scan's units is.

    Attributes:
        millimetres: of one unit.
        source: "given", "guessed" (a usual unit makes the head as large as heads are) or "model" (none does: the head
            takes the size that the model expects of it).
        name: "mm", "cm", "1e-03 mm" …
    """

    millimetres: float
    source: str
    name: str

    @property
    def known(self) -> bool:
        """Whether the head keeps its size."""
        return self.source != "model"


def unit_of(expected: float, given: str | None, name: str) -> Unit:
    """The unit of a scan.

    Args:
        expected: millimetres of one unit if the head were as large as the model's.
        given: a name of `MILLIMETRES`, or None.
        name: of the file.

    Raises:
        InputFileError: in the given unit the head would be none of a person.
    """
    if given is not None:
        size = MILLIMETRES[given] / expected
        if not 1 / POSSIBLE < size < POSSIBLE:
            raise InputFileError(
                f"{name}: in {given} this head would be {size:.2g} times as large as a person's; "
                "give the right --unit or none."
            )
        return Unit(MILLIMETRES[given], "given", given)
    power = 10.0 ** round(math.log10(expected))
    for millimetres in (power, MILLIMETRES["in"]):
        if 1 / LIKELY < millimetres / expected < LIKELY:
            named = [key for key, value in MILLIMETRES.items() if math.isclose(value, millimetres)]
            return Unit(millimetres, "guessed", named[0] if named else f"{millimetres:.0e} mm")
    return Unit(expected, "model", "none")
