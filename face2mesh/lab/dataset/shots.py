"""Which pictures a data set's heads get: camera, pose and light, drawn by seed; and the truth beside each picture.

Every random number of a picture comes from its own generator, seeded by (seed, head's name, number): pictures can be
made again, in any order, and a new head does not change the others'.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.face import Camera, Pose, project, rotation_to_ray
from face2mesh.head import BaseHead
from face2mesh.lab.dataset.dataset import RENDERED, Views, digest_of
from face2mesh.lab.pairs.light import random_light
from face2mesh.lab.pairs.rendered import View, random_rotation
from face2mesh.lab.render.picture import Light
from face2mesh.photo import box_of_points, crop_of_landmarks
from face2mesh.store import sha256, write_atomically

FORMAT, VERSION = "face2mesh/rendering", 1
DISTANCE_MM = (400.0, 2000.0)
"""Of the camera, evenly in the logarithm."""
ROOM = (1.25, 2.1)
"""Side of the picture over that of the face's canonical crop."""
ASIDE = 0.12
"""Deviation of the face's place from the picture's middle, in what room there is."""

Generator = np.random.Generator


@dataclass(frozen=True)
class Shot:
    """One picture to take.

    Attributes:
        name: of its file, without suffix.
        camera: through the middle of a square picture.
        pose: of the head.
        light: in camera axes.
        generator: draws everything else.
        look: draws what a person keeps from picture to picture.
    """

    name: str
    camera: Camera
    pose: Pose
    light: Light
    generator: Generator
    look: Generator

    @property
    def view(self) -> View:
        """The camera and pose as the laboratory's renderer wants them."""
        size, side = self.camera.width, self.camera.width / self.camera.fx
        translation = self.pose.translation_mm
        corner = np.full(2, -side / 2)
        ray = translation / translation[2]
        return View(self.pose.rotation.astype(np.float32), ray, float(translation[2]), corner, side, size)


def shot_of(
    template: BaseHead, vertices: NDArray[np.float32], head: str, person: str, number: int, seed: int, size: int
) -> Shot:
    """Picture `number` of a head.

    Args:
        template: the head's.
        vertices: (V, 3) mm.
        head: its name.
        person: whose it is.
        number: 0, 1, ….
        seed: of the whole set.
        size: pixels along the picture's side.
    """
    generator = np.random.default_rng([seed, _number_of(head), number])
    rotation = random_rotation(generator).astype(np.float64)
    distance = float(np.exp(generator.uniform(*np.log(DISTANCE_MM))))
    room = float(generator.uniform(*ROOM))
    aside = np.clip(generator.normal(0, ASIDE, 2), -0.3, 0.3)
    placed = template.landmarks(vertices).astype(np.float64) @ rotation.T + [0, 0, distance]
    crop = crop_of_landmarks(placed[:, :2] / placed[:, 2:])
    side = room * crop.side
    # The crop's middle goes to a place that leaves it inside the picture; the turn towards it keeps the face's look.
    ray = np.array([*(aside * (side - crop.side) - crop.centre), 1.0])
    turn = rotation_to_ray(ray) @ rotation
    u, _, vt = np.linalg.svd(turn)
    camera = Camera.centred(size / side, size, size, "exact")
    look = np.random.default_rng([seed, _number_of(person), 1])
    light = random_light(generator)
    return Shot(f"{head}-{number:04d}", camera, Pose(u @ vt, distance * ray), light, generator, look)


def write_truth(
    folder: Path, shot: Shot, template: BaseHead, vertices: NDArray[np.float32], head: str, made: dict[str, Any]
) -> None:
    """Write the truth of a picture beside it, as JSON.

    Args:
        folder: the data set's.
        shot: the picture.
        template, vertices: of the head.
        head: its name.
        made: how: engine, seed, size.

    Raises:
        OutputError: the folder cannot be written.
    """
    camera, pose = shot.camera, shot.pose
    document = {
        "format": FORMAT,
        "version": VERSION,
        **made,
        "head": head,
        "head_digest": digest_of(vertices),
        "camera": {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height")},
        "pose": {"rotation": pose.rotation.tolist(), "translation_mm": pose.translation_mm.tolist()},
        "landmarks_px": np.round(project(template.landmarks(vertices), camera, pose), 3).tolist(),
        "light": shot.light.total.tolist(),
    }
    text = json.dumps(document) + "\n"
    write_atomically(truth_path(folder, shot.name), lambda file: file.write(text.encode()))


def truth_path(folder: Path, name: str) -> Path:
    """Where the truth of a picture is."""
    return folder / RENDERED / f"{name}.json"


def picture_path(folder: Path, name: str) -> Path:
    """Where a picture is."""
    return folder / RENDERED / f"{name}.jpg"


def is_done(folder: Path, name: str, digest: str, made: dict[str, Any]) -> bool:
    """Whether a picture was made already, in the same way, of the head as it is."""
    path = truth_path(folder, name)
    if not (path.exists() and picture_path(folder, name).exists()):
        return False
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    wanted = {"format": FORMAT, "version": VERSION, "head_digest": digest, **made}
    return isinstance(document, dict) and all(document.get(key) == value for key, value in wanted.items())


def read_rendered(folder: Path, template: BaseHead, heads: dict[str, tuple[int, NDArray[np.float32]]]) -> Views:
    """The views of all pictures in the folder that show heads as they are.

    Args:
        folder: the data set's.
        template: of the heads.
        heads: name to row and vertices.

    Raises:
        InputFileError: the truth beside a picture is damaged.
    """
    digests = {name: digest_of(vertices) for name, (_, vertices) in heads.items()}
    rows = []
    for path in sorted((folder / RENDERED).glob("*.json")):
        picture = path.with_suffix(".jpg")
        try:
            truth = json.loads(path.read_text(encoding="utf-8"))
            name = truth["head"]
            if truth["format"] != FORMAT or truth["version"] != VERSION or not picture.exists():
                continue
            if digests.get(name) != truth["head_digest"]:
                continue
            row, vertices = heads[name]
            camera = Camera(**truth["camera"], focal_source="exact")
            pose = Pose(truth["pose"]["rotation"], truth["pose"]["translation_mm"])
            light = np.array(truth["light"], np.float32).reshape(9, 3)
            engine = str(truth["engine"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InputFileError(f"{path}: damaged; delete it and run `face2mesh render {folder}` again.") from error
        box = box_of_points(project(template.landmarks(vertices), camera, pose))
        rows.append(
            {
                "photo": picture.relative_to(folder).as_posix(),
                "photo_sha256": sha256(picture),
                "head": row,
                "size": (camera.width, camera.height),
                "box": (box.x, box.y, box.w, box.h),
                "camera": (camera.fx, camera.fy, camera.cx, camera.cy),
                "focal_source": "exact",
                "rotation": pose.rotation,
                "translation": pose.translation_mm,
                "points": project(template.dense(vertices), camera, pose),
                "light": light,
                "marked_by": engine,
                "residual": 0.0,
                "exact": True,
            }
        )
    return Views.of_rows(rows)


def _number_of(name: str) -> int:
    """A number that belongs to a name, the same everywhere."""
    return zlib.crc32(name.encode())
