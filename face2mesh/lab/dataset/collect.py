"""`face2mesh dataset collect`: sculpts and photos become a data set; only what is new or has changed is read.

Letters: N heads, K views.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.head import BaseHead
from face2mesh.lab.dataset.dataset import (
    DATASET_FILE,
    PHOTOS,
    SCULPTS,
    TEMPLATE_FILE,
    VERSION,
    Dataset,
    Heads,
    Views,
    load_template,
    of_heads,
)
from face2mesh.lab.dataset.names import held_out_people, sculpt_of
from face2mesh.lab.dataset.sculpts import Reader, ReadSculpt, sculpt_files
from face2mesh.lab.dataset.seeing import Eye, eye_of, view_of
from face2mesh.lab.label.folder import photos_in
from face2mesh.model import Model
from face2mesh.store import provenance, sha256, write_atomically

MANIFEST_FILE, MANIFEST_FORMAT = "dataset.json", "face2mesh/dataset-manifest"
"""Beside `dataset.npz`, for people; who is held out is read from it again."""

Tell = Callable[[int], None]


@dataclass(frozen=True)
class Refusal:
    """A file that cannot be used, or something in it, and the sentence that says why."""

    file: str
    line: str


@dataclass
class Collected:
    """What a run found.

    Attributes:
        dataset: what is there now.
        notes: what was undone or left out, a line each.
        refused: what cannot be used.
        new: files that were read or looked at now.
        written: whether `dataset.npz` changed.
    """

    dataset: Dataset
    notes: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    new: int = 0
    written: bool = False

    def lines(self) -> list[str]:
        """What the command line prints."""
        dataset = self.dataset
        photos = int((~dataset.views.exact).sum())
        what = "written" if self.written else "unchanged"
        lines = [
            *self.notes,
            *(refusal.line for refusal in self.refused),
            f"{dataset.folder / DATASET_FILE}: {what}; {_count(len(dataset.heads), 'head')} of "
            f"{_count(len(dataset.people), 'person', 'people')} ({len(dataset.held_out)} held out), "
            f"{_count(photos, 'photo')}; {len(self.refused)} refused",
        ]
        if len(dataset.heads) and not len(dataset.views):
            lines.append(f"No photos: put some into {dataset.folder / PHOTOS}, or `face2mesh render {dataset.folder}`.")
        return lines


def collect_dataset(
    folder: Path,
    held_out: Sequence[str] | None = None,
    marker: str = "model",
    model: Path | None = None,
    progress: Callable[[int], Tell] | None = None,
) -> Collected:
    """Read what is new in a data set's folder, check it, and write `dataset.npz` and `dataset.json`.

    Args:
        folder: with `template.npz`, `sculpts` and `photos`.
        held_out: people whom training may not see; None leaves it to the rule (see `held_out_people`).
        marker: "model" or "mediapipe", what marks the faces in photos.
        model: a packaged model's folder; None is the one that comes along.
        progress: given the number of files, who is told how many are done.

    Raises:
        InputFileError: the folder is none of `face2mesh dataset init`.
        Face2MeshError: a wrong name in `held_out`, no MediaPipe where it is wanted, no model.
        OutputError: the folder cannot be written.
    """
    template = load_template(folder)
    before = _before(folder, template)
    sculpts = sculpt_files(folder / SCULPTS)
    photos = photos_in(folder / PHOTOS)
    total = len(sculpts) + len(photos)
    tell = progress(total) if progress and total else _quiet
    collected = Collected(before)
    heads = _heads(folder, template, before, sculpts, collected, tell)
    people = sorted(set(heads.person.tolist()))
    people_held = held_out_people(people, _decided(folder), held_out)
    rendered = before.views.rows(before.views.exact)
    collected.dataset = Dataset(folder, template, heads, Views.none(), tuple(people_held))
    views: list[dict[str, Any]] = []
    try:
        _look_at_photos(collected, before, photos, marker, model, views, lambda done: tell(len(sculpts) + done))
    finally:
        # What was seen until an interruption need not be looked at again.
        seen = Views.of_rows(views)
        collected.dataset = replace(collected.dataset, views=seen.joined(of_heads(rendered, before.heads.keys, heads)))
        _write(collected, before)
    return collected


def _before(folder: Path, template: BaseHead) -> Dataset:
    """What an earlier run wrote; nothing where there is none that this program can read."""
    with suppress(InputFileError):
        return Dataset.load(folder)
    return Dataset(folder, template, Heads.none(len(template.vertices)), Views.none())


def _heads(
    folder: Path, template: BaseHead, before: Dataset, files: list[Path], collected: Collected, tell: Tell
) -> Heads:
    """All heads, those of unchanged files as they were."""
    reader = Reader(folder, template)
    known = {
        (source.partition("#")[0], digest)
        for source, digest in zip(before.heads.source, before.heads.sha256, strict=True)
    }
    refused = {str(one.get("file")) for one in _read_manifest(folder).get("refused", []) if isinstance(one, dict)}
    tables: list[Heads] = []
    for done, path in enumerate(files, 1):
        source, digest = path.relative_to(folder).as_posix(), sha256(path)
        if (source, digest) in known and source not in refused:
            of_file = np.array([name.partition("#")[0] == source for name in before.heads.source.tolist()])
            tables.append(before.heads.rows(of_file))
        else:
            found = reader.read(path)
            # A .blend in which nobody has sculpted yet holds nothing, today and tomorrow.
            collected.new += bool(found.heads or found.refused)
            collected.refused += [Refusal(source, line) for line in found.refused]
            collected.notes += [f"{folder / head.source}: {note}" for head in found.heads for note in head.notes]
            if found.heads:
                tables.append(_table(found.heads, digest))
        tell(done)
    whole = Heads.none(len(template.vertices))
    for table in tables:
        whole = whole.joined(table)
    return _without_doubles(whole, folder, collected)


def _table(sculpts: list[ReadSculpt], digest: str) -> Heads:
    def text(values: list[str]) -> Any:
        return np.array(values, np.str_)

    return Heads(
        vertices=np.stack([sculpt.vertices for sculpt in sculpts]),
        name=text([sculpt.name for sculpt in sculpts]),
        person=text([sculpt.person for sculpt in sculpts]),
        expression=text([sculpt.expression for sculpt in sculpts]),
        source=text([sculpt.source for sculpt in sculpts]),
        sha256=text([digest] * len(sculpts)),
    )


def _without_doubles(heads: Heads, folder: Path, collected: Collected) -> Heads:
    """The heads by name; of two of one name the first counts."""
    first: dict[str, int] = {}
    for row, name in enumerate(heads.name.tolist()):
        if name in first:
            other = heads.source[first[name]]
            source = str(heads.source[row])
            line = f"{folder / source}: {name} is in {other} already; rename one."
            collected.refused.append(Refusal(source.partition("#")[0], line))
        else:
            first[name] = row
    return heads.rows([first[name] for name in sorted(first)])


def _look_at_photos(
    collected: Collected,
    before: Dataset,
    photos: list[Path],
    marker: str,
    model: Path | None,
    views: list[dict[str, Any]],
    tell: Tell,
) -> None:
    """The views of all photos, those of unchanged photos and heads as they were, into `views`."""
    dataset = collected.dataset
    names = dataset.heads.name.tolist()
    digest_now = dict(zip(names, dataset.heads.digests, strict=True))
    digest_then = dict(zip(before.heads.name.tolist(), before.heads.digests, strict=True))
    kept = {
        (photo, digest, before.heads.name[head]): row
        for row, (photo, digest, head) in enumerate(
            zip(
                before.views.photo.tolist(), before.views.photo_sha256.tolist(), before.views.head.tolist(), strict=True
            )
        )
    }
    wanted: list[tuple[Path, str, str]] = []
    for path in photos:
        name = sculpt_of(path.relative_to(dataset.folder / PHOTOS), names)
        source, digest = path.relative_to(dataset.folder).as_posix(), sha256(path)
        if name is None:
            line = f"{path}: no sculpt of this name; name it as its sculpt, {_example(names)}."
            collected.refused.append(Refusal(source, line))
            continue
        row = kept.get((source, digest, name))
        if row is not None and digest_now[name] == digest_then.get(name) and _same_marker(before, row, marker):
            own = {column.name: getattr(before.views, column.name)[row] for column in fields(before.views)}
            views.append(own | {"head": names.index(name)})
        else:
            wanted.append((path, name, digest))
    done = len(photos) - len(wanted)
    tell(done)
    if not wanted:
        return
    with eye_of(marker, Model.load(model)) as eye:
        for path, name, digest in wanted:
            try:
                views.append(_view(eye, path, digest, names.index(name), dataset))
            except Face2MeshError as error:
                collected.refused.append(Refusal(path.relative_to(dataset.folder).as_posix(), str(error)))
            collected.new += 1
            done += 1
            tell(done)
    views.sort(key=lambda view: str(view["photo"]))


def _view(eye: Eye, path: Path, digest: str, head: int, dataset: Dataset) -> dict[str, Any]:
    seen = eye.look(path)
    told = view_of(seen, dataset.heads.vertices[head], dataset.template, str(path))
    source = path.relative_to(dataset.folder).as_posix()
    return {"photo": source, "photo_sha256": digest, "head": head, "marked_by": eye.name, **told}


def _same_marker(before: Dataset, row: int, marker: str) -> bool:
    """Whether a view was marked by what is asked for now; a newer model does not make old marks wrong."""
    return ("mediapipe" in str(before.views.marked_by[row])) == (marker == "mediapipe")


def _write(collected: Collected, before: Dataset) -> None:
    """Write what has changed."""
    dataset = collected.dataset
    if not (dataset.folder / DATASET_FILE).exists() or not _alike(dataset, before):
        inputs = {"template": dataset.folder / TEMPLATE_FILE}
        dataset.save(provenance(inputs))
        collected.written = True
    text = json.dumps(_manifest(collected), indent=1, ensure_ascii=False) + "\n"
    path = dataset.folder / MANIFEST_FILE
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, lambda file: file.write(text.encode()))


def _alike(one: Dataset, other: Dataset) -> bool:
    pairs = ((one.heads, other.heads), (one.views.rows(~one.views.exact), other.views.rows(~other.views.exact)))
    return one.held_out == other.held_out and all(
        np.array_equal(getattr(a, column.name), getattr(b, column.name), equal_nan=column.name in ("points", "light"))
        for a, b in pairs
        for column in fields(a)
    )


def _manifest(collected: Collected) -> dict[str, Any]:
    """What `dataset.json` says: who is there, of which files, and what is wrong."""
    dataset = collected.dataset
    heads, views = dataset.heads, dataset.views.rows(~dataset.views.exact)
    people = []
    for person in dataset.people:
        own = []
        for row in np.flatnonzero(heads.person == person).tolist():
            photos = [
                {
                    "photo": str(views.photo[view]),
                    "residual_percent": round(100 * float(views.residual[view]), 2),
                    "focal_source": str(views.focal_source[view]),
                }
                for view in np.flatnonzero(views.head == row).tolist()
            ]
            own.append({"name": str(heads.name[row]), "source": str(heads.source[row]), "photos": photos})
        people.append({"name": person, "held_out": person in dataset.held_out, "heads": own})
    return {
        "format": MANIFEST_FORMAT,
        "version": VERSION,
        "template_vertices": len(dataset.template.vertices),
        "people": people,
        "refused": [{"file": one.file, "line": one.line} for one in collected.refused],
    }


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) and document.get("format") == MANIFEST_FORMAT else {}


def _decided(folder: Path) -> dict[str, bool]:
    """Name to whether held out, as `dataset.json` says; people edit it by hand."""
    people = _read_manifest(folder).get("people", [])
    try:
        return {str(person["name"]): bool(person["held_out"]) for person in people}
    except (KeyError, TypeError) as error:
        raise InputFileError(f"{folder / MANIFEST_FILE}: damaged; mend it, or delete it and collect again.") from error


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"


def _example(names: list[str]) -> str:
    return f"{names[0]}.jpg or {names[0]}_2.jpg" if names else "when there is one"


def _quiet(done: int) -> None:
    """Tells nobody."""
