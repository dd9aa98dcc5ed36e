"""What an artist sees: the demo's head, rendered by Blender from the .blend file that we write."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.blender import run_in_blender
from face2mesh.cli.demo import ASTRONAUT
from face2mesh.draw import contact_sheet
from face2mesh.model import Model
from face2mesh.photo import read_photo
from face2mesh.texture import with_texture
from face2mesh.write import HeadMesh, write

WORKER = Path(__file__).with_name("blender_worker.py")
THREADS = 1
TEXTURE = 1024
"""Pixels of the texture's side."""

Picture = NDArray[np.uint8]
Place = tuple[float, float, float]


@dataclass(frozen=True)
class Shot:
    """One picture; lengths in metres, Blender's axes, the origin between the eyes.

    Attributes:
        label: under the picture.
        weights: of shape keys.
        place: of the camera.
        target: what it looks at.
        lens: mm, of a sensor 36 mm wide.
        wire: whether the edges of the quads are drawn.
        finer: levels of subdivision.
        size: width and height in pixels.
    """

    label: str
    weights: dict[str, float] = field(default_factory=dict)
    place: Place = (0.0, -0.95, -0.02)
    target: Place = (0.0, 0.06, -0.025)
    lens: float = 140.0
    wire: bool = False
    finer: int = 1
    size: tuple[int, int] = (360, 430)


_TURNED: Place = (-0.42, -0.85, 0.0)
_CLOSE_UP = (542, 300)
_SMILE = {
    **dict.fromkeys(("mouthSmileLeft", "mouthSmileRight"), 0.85),
    **dict.fromkeys(("cheekSquintLeft", "cheekSquintRight", "eyeSquintLeft", "eyeSquintRight"), 0.4),
    **dict.fromkeys(("mouthUpperUpLeft", "mouthUpperUpRight"), 0.25),
}
EXPRESSIONS = (
    Shot("neutral"),
    Shot("smile", _SMILE, _TURNED),
    Shot("jawOpen 0.8", {"jawOpen": 0.8}, _TURNED),
)
QUADS = (
    Shot("eyes", {}, (0.0, -0.95, 0.0), (0.0, 0.0, 0.0), 290.0, True, 0, _CLOSE_UP),
    Shot("mouth", {}, (-0.16, -0.9, -0.06), (0.0, -0.013, -0.067), 330.0, True, 0, _CLOSE_UP),
)


def draw(model: Model) -> Picture:
    """Three expressions without and with the photo's texture, above two close-ups of the mesh.

    Args:
        model: that makes the demo's head.

    Returns:
        (H, W, 3) uint8.

    Raises:
        OutputError: there is no Blender.
    """
    photo = read_photo(ASTRONAUT)
    face = model.reconstruct(photo)
    # The texture is what the photo shows of the face as it was; a neutral face keeps it.
    textured_face = with_texture(face, photo.rgb, TEXTURE, "delit").neutral()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(HeadMesh.of(face.neutral(), photo.rgb), folder / "plain.blend")
        write(HeadMesh.of(textured_face, photo.rgb), folder / "textured.blend")
        plain = render(folder / "plain.blend", EXPRESSIONS + QUADS, folder)
        textured = render(folder / "textured.blend", EXPRESSIONS, folder)
    labels = [""] * len(EXPRESSIONS) + [shot.label for shot in EXPRESSIONS]
    above = contact_sheet([*plain[: len(EXPRESSIONS)], *textured], len(EXPRESSIONS), labels)
    below = contact_sheet(plain[len(EXPRESSIONS) :], labels=[f"{shot.label}: the quads" for shot in QUADS])
    width = min(above.shape[1], below.shape[1])
    return np.concatenate([above[:, :width], below[:, :width]])


def render(file: Path, shots: tuple[Shot, ...], folder: Path) -> list[Picture]:
    """Pictures of a .blend file of ours, (h, w, 3) uint8 each.

    Args:
        file: with the parts' objects and the photo's camera.
        shots: what to render.
        folder: for files on their way.

    Raises:
        OutputError: there is no Blender, or it failed.
    """
    paths = [folder / f"{number}.png" for number in range(len(shots))]
    orders: dict[str, Any] = {
        "file": str(file),
        "threads": THREADS,
        "shots": [asdict(shot) | {"picture": str(path)} for shot, path in zip(shots, paths, strict=True)],
    }
    given = folder / "orders.json"
    given.write_text(json.dumps(orders))
    run_in_blender(WORKER, given, folder / "version.txt")
    return [np.array(Image.open(path).convert("RGB")) for path in paths]
