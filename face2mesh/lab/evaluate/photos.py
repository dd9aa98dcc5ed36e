"""Detection: faces found in the London set, and false alarms on pictures without people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from face2mesh.lab.pairs.progress import progress_to
from face2mesh.photo import find_faces, read_photo

# scikit-image's pictures without people; "cat" is chelsea and "hubble" is hubble_deep_field.
NO_FACE = (
    "coins",
    "page",
    "moon",
    "text",
    "coffee",
    "rocket",
    "hubble_deep_field",
    "brick",
    "grass",
    "gravel",
    "chelsea",
)


def measure_detection(data: Path) -> dict[str, Any]:
    """Faces found on all London photos and, falsely, on scikit-image's pictures without people."""
    paths = sorted((data / "london").glob("*.jpg"))
    tell = progress_to(len(paths), "detection")
    missed = []
    for done, path in enumerate(paths):
        if not find_faces(read_photo(path).rgb):
            missed.append(path.stem)
        tell(done + 1)
    return {"london": {"photos": len(paths), "found": len(paths) - len(missed), "missed": missed}, **_scikit_image()}


def _scikit_image() -> dict[str, Any]:
    try:
        from skimage import data as pictures
    except ImportError:
        return {"scikit_image": "not installed"}

    def found(name: str) -> bool:
        return bool(find_faces(read_photo(getattr(pictures, name)()).rgb))

    false_alarms = [name for name in NO_FACE if found(name)]
    return {
        "scikit_image": {"pictures": len(NO_FACE), "false_alarms": false_alarms, "astronaut_found": found("astronaut")}
    }
