"""Which photos or meshes a call means, and what their results are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from face2mesh.errors import Face2MeshError, InputFileError, PhotoError
from face2mesh.photo.read import SUFFIXES as PHOTO_SUFFIXES
from face2mesh.read import SUFFIXES as MESH_SUFFIXES


def photos_of(path: Path) -> list[Path]:
    """The photos that a path on the command line means: itself, or those of a folder (not of its subfolders), by name.

    Raises:
        PhotoError: a folder without photos, or one that cannot be read.
    """
    return _files_of(path, PHOTO_SUFFIXES, "photos", PhotoError)


def meshes_of(path: Path) -> list[Path]:
    """The same for meshes.

    Raises:
        InputFileError: a folder without meshes, or one that cannot be read.
    """
    return _files_of(path, MESH_SUFFIXES, "meshes", InputFileError)


def _files_of(path: Path, suffixes: Collection[str], what: str, refusal: type[Face2MeshError]) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        found = sorted(
            file for file in path.iterdir() if file.suffix.lower() in suffixes and not file.name.startswith(".")
        )
    except OSError as error:
        raise refusal(f"{path}: the folder cannot be read ({error.strerror}); check its permissions.") from error
    files = [file for file in found if file.is_file()]
    if not files:
        raise refusal(f"{path}: the folder holds no {what}; name {what} or a folder with some.")
    return files


def result_names(photos: Sequence[Path], numbered: bool, endings: Sequence[str] = ()) -> list[str]:
    """A name for each photo's results, without suffix, none of which can collide with another's.

    Usually the photo's stem; where two would collide, `<stem>-<suffix>`, and if that does not tell them apart, with the
    folder's name before it. The case of letters does not tell names apart, because some file systems ignore it.

    Args:
        photos: different files.
        numbered: `<name>-1`, `<name>-2` … may be written beside each name.
        endings: what may be written behind a name, the first ones first, such as "-neutral" and "-texture".

    Raises:
        PhotoError: two photos that nothing tells apart.
    """

    def roots(name: str) -> set[str]:
        """The name and all from which it could have been derived."""
        name = name.casefold()
        found = {name}
        for ending in reversed(endings):
            found |= {root.removesuffix(ending) for root in found}
        if numbered:
            found |= {re.sub(r"-[0-9]+$", "", root) for root in found}
        return found

    ways: tuple[Callable[[Path], str], ...] = (
        lambda photo: photo.stem,
        lambda photo: f"{photo.stem}-{photo.suffix[1:].lower()}",
        lambda photo: f"{photo.absolute().parent.name}-{photo.stem}-{photo.suffix[1:].lower()}",
    )
    names = [""] * len(photos)
    settled: set[str] = set()
    open_photos = list(range(len(photos)))
    for way in ways:
        proposed = {i: way(photos[i]) for i in open_photos}
        claims = Counter(root for name in proposed.values() for root in roots(name))
        for i, name in proposed.items():
            if all(claims[root] == 1 for root in roots(name)) and not roots(name) & settled:
                names[i] = name
        open_photos = [i for i in open_photos if not names[i]]
        settled |= {root for i in proposed if names[i] for root in roots(names[i])}
    if open_photos:
        alike = " and ".join(str(photos[i]) for i in open_photos[:2])
        raise PhotoError(f"{alike}: their results would have the same names; reconstruct them in two calls.")
    return names
