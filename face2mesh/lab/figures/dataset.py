"""Pictures of data sets: the same heads by both engines, and a foreign base mesh as template."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, frame, render
from face2mesh.errors import InputFileError
from face2mesh.face import project
from face2mesh.head import BaseHead
from face2mesh.lab.base.register import SCAN_SKIN
from face2mesh.lab.base.sources import SCAN_FILE
from face2mesh.lab.dataset.collect import collect_dataset
from face2mesh.lab.dataset.dataset import SCULPTS, TEMPLATE_FILE
from face2mesh.lab.dataset.render import Making, render_dataset
from face2mesh.lab.dataset.shots import picture_path
from face2mesh.lab.dataset.starting import start_dataset
from face2mesh.lab.dataset.template import make_template
from face2mesh.model import Model

Picture = NDArray[np.uint8]

PEOPLE = ("anna", "bob", "cleo", "dan")
SIDE = 256
# fmt: off
ICT_LANDMARKS = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443,
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147,
    4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081,
    0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)
# fmt: on
"""ICT-FaceKit's own 68 landmarks, vertices in iBUG's order."""
SHOWN = {
    "lip_upper": (0.85, 0.35, 0.35),
    "lip_lower": (0.75, 0.28, 0.3),
    "nose": (0.55, 0.75, 0.5),
    "brow_left": (0.35, 0.25, 0.2),
    "brow_right": (0.35, 0.25, 0.2),
    "ear_left": (0.45, 0.6, 0.85),
    "ear_right": (0.45, 0.6, 0.85),
    "scalp": (0.6, 0.55, 0.75),
    "neck": (0.85, 0.8, 0.5),
}
SKIN = (0.85, 0.72, 0.64)
SOFTENED = 2
"""Rounds in which each vertex takes the mean of its neighbours' colours."""
LANDMARK, DENSE = (200, 20, 20), (20, 110, 40)


def draw(model: Model, data: Path, out: Path, seed: int) -> list[Path]:
    """Write `dataset-engines.jpg` and `dataset-template.png`.

    Args:
        model: whose random people are drawn.
        data: the training data's folder, with ICT-FaceKit.
        out: folder.
        seed: of people and pictures.

    Returns:
        The files.

    Raises:
        InputFileError: the data is missing.
        OutputError: there is no Blender.
    """
    files = [out / "dataset-template.png", out / "dataset-engines.jpg"]
    Image.fromarray(template(data)).save(files[0], optimize=True)
    Image.fromarray(engines(model, seed)).save(files[1], quality=88)
    return files


def engines(model: Model, seed: int) -> Picture:
    """A row by Cycles above the same heads, poses and light by the rasteriser."""
    cells: list[Picture] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "set"
        start_dataset(folder)
        for number, person in enumerate(PEOPLE):
            model.sample(seed + number, expression=False).save(folder / SCULPTS / f"{person}.obj")
        collect_dataset(folder, held_out=[])
        for engine in ("cycles", "raster"):
            render_dataset(folder, Making(engine, seed, SIDE), 1)
            for person in PEOPLE:
                with Image.open(picture_path(folder, f"{person}-0000")) as image:
                    cells.append(np.array(image))
    labels = [person if number == 0 else "" for number in (0, 1) for person in PEOPLE]
    return contact_sheet(cells, columns=len(PEOPLE), labels=labels)


def template(data: Path) -> Picture:
    """ICT-FaceKit's head as a template, from two sides."""
    with tempfile.TemporaryDirectory() as name:
        path, marks = Path(name) / "ict.obj", Path(name) / "marks.json"
        marks.write_text(json.dumps(_write_ict(data, path)))
        head, _ = make_template(path, marks, Path(name) / TEMPLATE_FILE)
    return contact_sheet([_marked(head, view) for view in ("front", "three_quarter")], columns=2)


def _write_ict(data: Path, path: Path) -> list[int]:
    """The face, head and neck of ICT-FaceKit's mean as OBJ; its landmarks' vertices in the file."""
    source = data / SCAN_FILE
    if not source.exists():
        raise InputFileError(f"{source}: not found; name the training data's folder with --data.")
    with np.load(source) as archive:
        vertices, faces = archive["neutral_mm"], archive["faces"]
    faces = faces[faces.max(1) < SCAN_SKIN]
    used = np.unique(faces[faces >= 0])
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices[used]]
    lines += [
        "f " + " ".join(str(np.searchsorted(used, corner) + 1) for corner in face if corner >= 0) for face in faces
    ]
    path.write_text("\n".join(lines) + "\n")
    return [int(row) for row in np.searchsorted(used, ICT_LANDMARKS)]


def _marked(head: BaseHead, view: str) -> Picture:
    """A template in its regions' colours, with landmarks and those dense points that are not behind it."""
    colours = np.tile(np.array(SKIN, np.float32), (len(head.vertices), 1))
    for name, colour in SHOWN.items():
        colours[head.regions[name]] = colour
    # Vertices belong to a region or do not; long thin triangles would draw that as icicles.
    first, second = np.concatenate([head.triangles[:, [k, (k + 1) % 3]] for k in range(3)]).T
    for _ in range(SOFTENED):
        total, count = colours.copy(), np.ones((len(colours), 1), np.float32)
        for here, there in ((first, second), (second, first)):
            np.add.at(total, here, colours[there])
            np.add.at(count, here, 1)
        colours = total / count
    size = 520
    camera, pose = frame(head.vertices[head.regions["face_and_ears"]], VIEWS[view], size, size, margin=0.08)
    picture = render(head.vertices, head.triangles, colours, camera, pose)
    for embedding, colour, wide in ((head.dense, DENSE, 1), (head.landmarks, LANDMARK, 2)):
        points = embedding(head.vertices)
        corners = head.vertices[embedding.triangle_vertices]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        facing = ((normals @ pose.rotation.T) * pose.apply(points)).sum(1) < 0
        for column, row in np.round(project(points[facing], camera, pose)).astype(int):
            picture[max(row - wide, 0) : row + wide, max(column - wide, 0) : column + wide] = colour
    return picture
