"""Several photos of one person to one head."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from face2mesh.cli.job import Outcome, Wanted, cores, failed, staging_in, write_faces
from face2mesh.cli.progress import Progress

if TYPE_CHECKING:
    from face2mesh.face import Face
    from face2mesh.model import Model


def do_person(photos: Sequence[Path], model: Model, wanted: Wanted, as_json: bool, debug: bool) -> list[Outcome]:
    """Fuse photos of one person and print the paths of what is written, or JSON.

    The head has the name of the first photo that shows a face, and its expression, pose and scale. Photos in which
    there is none are told and left out. Pictures are not kept while others are read: there may be many.

    Args:
        photos: of one person, 1 or more.
        model: reconstructs and fuses.
        wanted: what to write; one face of each photo.
        as_json: print a line of JSON instead of paths.
        debug: print tracebacks.

    Returns:
        One for the person, named after its photo, unless no photo shows a face; and one for each photo that failed.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    started = time.perf_counter()
    faces: dict[Path, Face] = {}
    failures: list[Outcome] = []

    def face_of(photo: Path) -> Face | Exception:
        try:
            return model.reconstruct(photo, box=wanted.box, face=wanted.face or 1, ipd_mm=wanted.ipd_mm)
        except Exception as error:
            return error

    with staging_in(wanted.folder) as staging:
        with (
            Progress(len(photos), "photos") as progress,
            ThreadPoolExecutor(min(cores(), len(photos))) as pool,
        ):
            waiting = [pool.submit(face_of, photo) for photo in photos]
            try:
                for done, (photo, future) in enumerate(zip(photos, waiting, strict=True), 1):
                    found = future.result()
                    if isinstance(found, Exception):
                        failures.append(failed(photo, found, debug))
                    else:
                        faces[photo] = found
                    progress.show(done)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        outcomes = [_written(faces, model, wanted, started, staging, debug)] if faces else []
    for outcome in (*outcomes, *failures):
        lines = [outcome.line()] if as_json else [str(path) for path in outcome.files]
        if lines:
            print("\n".join(lines), flush=True)
    return [*outcomes, *failures]


def _written(
    faces: dict[Path, Face], model: Model, wanted: Wanted, started: float, staging: Path, debug: bool
) -> Outcome:
    """The head of all faces, written."""
    from face2mesh.model.fusion import fusion_weights
    from face2mesh.photo import read_photo

    first = next(iter(faces))
    try:
        seen = [*faces.values()]
        person = model.fuse(seen)
        if wanted.texture:
            from face2mesh.texture import with_textures

            pictures = ((face, read_photo(photo).rgb) for photo, face in faces.items())
            person = with_textures(person, pictures, wanted.texture_size, wanted.texture)
        weights = fusion_weights(seen).tolist()
        told = [{"photo": photo.name, "weight": weight} for photo, weight in zip(faces, weights, strict=True)]
        outcome = Outcome(str(first), [str(photo) for photo in faces], seconds=time.perf_counter() - started)
        wanted = replace(wanted, told={**wanted.told, "photos": told})
        write_faces([person], read_photo(first), [*faces], staging / "person", first.stem, wanted, outcome)
    except Exception as error:
        return failed(first, error, debug)
    return outcome
