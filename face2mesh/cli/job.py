"""Photos to files: many photos on several threads, each photo's files all or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from face2mesh.cli.heads import write_picture
from face2mesh.cli.names import photos_of
from face2mesh.cli.progress import Progress
from face2mesh.errors import Face2MeshError, OutputError, PhotoError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from face2mesh.face import Face
    from face2mesh.model import Model
    from face2mesh.photo import Photo
    from face2mesh.texture import LightOf

COLOURED = frozenset({"blend", "fbx", "glb", "html", "ply"})
"""Formats that carry the photo's colours."""
MORPHED = frozenset({"blend", "fbx", "glb", "html"})
"""Formats that carry the person's 52 shapes."""


@dataclass(frozen=True)
class Wanted:
    """What to do with each photo.

    Attributes:
        folder: where the results go.
        formats: of the mesh, without dots.
        face: 1 for the largest, 2 for the next …; None for all.
        box: the face's place (x, y, w, h) in pixels, when it is given by hand.
        preview: also draw a picture.
        neutral: also write the head without expression.
        ipd_mm: distance between the eyes' centres, where it is known.
        subdivide: how often the mesh is made finer.
        rigged: give bones to the formats that can carry them.
        texture: "photo" or "delit" (see `face2mesh.texture.texture_of`), or None for none.
        texture_size: texels along its side.
        expression: ARKit's name to weight, of the heads that are written; None for the photo's own.
        source_panel: a picture of whose expression that is, for previews.
        told: what else the JSON beside each head says.
    """

    folder: Path
    formats: tuple[str, ...] = ("obj",)
    face: int | None = 1
    box: tuple[float, float, float, float] | None = None
    preview: bool = False
    neutral: bool = False
    ipd_mm: float | None = None
    subdivide: int = 0
    rigged: bool = False
    texture: LightOf | None = None
    texture_size: int = 1024
    expression: Mapping[str, float] | None = None
    source_panel: NDArray[np.uint8] | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of one photo: `files` that were written, or an `error` in one sentence.

    `photos` are those of one person, where a head was made of several.
    """

    photo: str
    photos: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    faces: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None

    def line(self) -> str:
        """One line of JSON."""
        if self.error:
            return json.dumps({"photo": self.photo, "ok": False, "error": self.error})
        several = {"photos": self.photos} if self.photos else {}
        result = {"photo": self.photo, **several, "ok": True, "seconds": round(self.seconds, 4), "faces": self.faces}
        return json.dumps(result)


def gathered(paths: Sequence[Path]) -> tuple[list[Path], list[Outcome]]:
    """The photos that paths on the command line mean, each once, and what is wrong with the other paths."""
    photos: dict[Path, Path] = {}
    failures: list[Outcome] = []
    for path in paths:
        try:
            for photo in photos_of(path):
                photos.setdefault(photo.resolve(), photo)
        except PhotoError as error:
            failures.append(Outcome(str(path), error=str(error)))
    return list(photos.values()), failures


def do_photos(
    photos: Sequence[Path], names: Sequence[str], model: Model, wanted: Wanted, as_json: bool, debug: bool
) -> list[Outcome]:
    """Reconstruct photos on all cores and print the paths of what is written, or JSON, in the photos' order.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    outcomes = []
    workers = max(1, min(cores(), len(photos)))
    with (
        staging_in(wanted.folder) as staging,
        Progress(len(photos), "photos") as progress,
        ThreadPoolExecutor(workers) as pool,
        ThreadPoolExecutor(1) as beside,
    ):
        # While the first photo is read and searched. What goes wrong is told by the photo that needs the network.
        beside.submit(model.prepare)
        waiting: list[Future[Outcome]] = [
            pool.submit(_outcome, photo, name, model, wanted, staging / str(i), debug)
            for i, (photo, name) in enumerate(zip(photos, names, strict=True))
        ]
        try:
            for done, future in enumerate(waiting, 1):
                outcome = future.result()
                outcomes.append(outcome)
                progress.show(done)
                lines = [outcome.line()] if as_json else [str(path) for path in outcome.files]
                if lines:
                    progress.clear()
                    print("\n".join(lines), flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return outcomes


def report_failures(outcomes: Sequence[Outcome]) -> int:
    """List what went wrong on standard error; the exit code."""
    failures = [outcome.error for outcome in outcomes if outcome.error]
    if not failures:
        return 0
    if len(outcomes) > 1:
        print(f"face2mesh: {len(failures)} of {len(outcomes)} failed:", file=sys.stderr)
    for sentence in failures:
        print(f"face2mesh: {sentence}" if len(outcomes) == 1 else f"  {sentence}", file=sys.stderr)
    return 1


def _outcome(photo: Path, name: str, model: Model, wanted: Wanted, staging: Path, debug: bool) -> Outcome:
    """One photo from file to files; what goes wrong with it does not stop the others."""
    try:
        return _do_photo(photo, name, model, wanted, staging)
    except Exception as error:
        return failed(photo, error, debug)


def failed(photo: Path, error: Exception, debug: bool) -> Outcome:
    """What to tell of a photo with which something went wrong."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, Face2MeshError):
        return Outcome(str(photo), error=str(error))
    sentence = f"{photo}: unexpected {type(error).__name__} ({error}); please report it with what --debug prints."
    return Outcome(str(photo), error=sentence)


def _do_photo(path: Path, name: str, model: Model, wanted: Wanted, staging: Path) -> Outcome:
    from face2mesh.photo import read_photo

    started = time.perf_counter()
    photo = read_photo(path)
    if wanted.face is None:
        faces = model.reconstruct_all(photo, box=wanted.box, ipd_mm=wanted.ipd_mm)
    else:
        faces = [model.reconstruct(photo, box=wanted.box, face=wanted.face, ipd_mm=wanted.ipd_mm)]
    for face in faces:
        _ = face.vertices  # decoded at the first use; part of the time that is told
    outcome = Outcome(str(path), seconds=time.perf_counter() - started)
    write_faces(faces, photo, [path], staging, name, wanted, outcome)
    return outcome


def write_faces(
    faces: Sequence[Face],
    photo: Photo,
    shown: Sequence[Path],
    staging: Path,
    name: str,
    wanted: Wanted,
    outcome: Outcome,
) -> None:
    """All files of a photo's faces, all or none, told in `outcome`.

    Args:
        faces: at least one.
        photo: that shows them.
        shown: all photos that were used; none of them may be replaced.
        staging: a folder to make, beside the results.
        name: of the files.
        wanted: what to write.
        outcome: gets `faces` and `files`.

    Raises:
        Face2MeshError: something cannot be written.
    """
    staging.mkdir()
    for i, face in enumerate(faces, 1):
        own = name if len(faces) == 1 else f"{name}-{i}"
        _write_face(face, photo, staging, own, wanted, outcome.seconds)
        box = face.face_box
        files = sorted(file for file in staging.iterdir() if _belongs(file.stem, own))
        outcome.faces.append(
            {"face_box": [box.x, box.y, box.w, box.h], "files": [str(wanted.folder / file.name) for file in files]}
        )
    outcome.files = _publish(staging, wanted.folder, shown)


def _write_face(face: Face, photo: Photo, folder: Path, name: str, wanted: Wanted, seconds: float) -> None:
    """All files of one face."""
    from face2mesh.write import HeadMesh, decoded_morphs, write, write_json

    # A head's 52 shapes take as long as half its texture; the other core makes them meanwhile.
    ahead = ThreadPoolExecutor(1) if MORPHED & set(wanted.formats) else None
    decoded = ahead.submit(decoded_morphs, face).result if ahead else None
    try:
        if COLOURED & set(wanted.formats):
            from face2mesh.draw import with_photo_colours

            face = with_photo_colours(face, photo.rgb)
        if wanted.texture and face.texture is None:
            from face2mesh.texture import with_texture

            face = with_texture(face, photo.rgb, wanted.texture_size, wanted.texture)
        own = face
        if wanted.expression is not None:  # after the photo was looked at, which shows its own
            face = face.with_expression(wanted.expression)
        faces = {"": face, "-neutral": face.neutral()} if wanted.neutral else {"": face}
        for ending, shown in faces.items():
            mesh = HeadMesh.of(shown, photo.rgb, rigged=wanted.rigged, subdivide=wanted.subdivide, decoded=decoded)
            for suffix in wanted.formats:
                write(mesh, folder / f"{name}{ending}.{suffix}")
        write_json(face, folder / f"{name}.json", seconds, wanted.told)
        if wanted.preview:
            from face2mesh.draw import preview, with_photo_colours

            own = own if own.colours is not None else with_photo_colours(own, photo.rgb)
            picture = preview(replace(face, colours=own.colours), photo.rgb, wanted.source_panel)
            write_picture(picture, folder / f"{name}.png")
    except OutputError as error:
        if isinstance(error.__cause__, OSError):  # name the folder that the user gave, not the one beside it
            raise _cannot_write(wanted.folder / name, error.__cause__) from error
        raise
    finally:
        if ahead:
            ahead.shutdown()


def _belongs(stem: str, name: str) -> bool:
    """Whether a file of this stem is one of those of the face of this name."""
    return stem.removesuffix("-texture").removesuffix("-neutral") == name or stem == name


def _publish(staging: Path, folder: Path, photos: Sequence[Path]) -> list[Path]:
    """Move finished files to their places, over older ones.

    Raises:
        OutputError: one of them would replace one of these photos, or cannot be moved.
    """
    files = sorted(staging.iterdir())
    targets = [folder / file.name for file in files]
    for target in targets:
        if target.exists() and any(target.samefile(photo) for photo in photos):
            raise OutputError(f"{target}: the preview would replace the photo itself; choose another folder with -o.")
        if target.is_dir():
            raise OutputError(f"{target}: a folder of this name is in the way; choose another folder with -o.")
    try:
        for file, target in zip(files, targets, strict=True):
            os.replace(file, target)
    except OSError as error:
        raise _cannot_write(targets[0], error) from error
    return targets


@contextmanager
def staging_in(folder: Path) -> Iterator[Path]:
    """A hidden folder inside `folder`, which is made if need be, for files that are not finished; gone at the end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".face2mesh-", dir=folder))
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or error
    return OutputError(f"{path}: cannot be written ({reason}); choose another folder with -o, or free some space.")


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
