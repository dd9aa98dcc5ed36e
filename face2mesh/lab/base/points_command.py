"""`face2mesh lab base-points`: makes `mediapipe_points.json` anew. Needs MediaPipe 0.10.21 (and so NumPy below 2)."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw import frame, part_colours, render
from face2mesh.draw.views import View
from face2mesh.errors import Face2MeshError
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.base.assemble import split, wrap
from face2mesh.lab.base.embeddings import POINTS, TABLE, table
from face2mesh.lab.base.points import Marked, in_space, on_skin
from face2mesh.lab.base.sources import makehuman_source, read_makehuman, read_scan_mean
from face2mesh.lab.data import data_folder
from face2mesh.lab.options import add_makehuman
from face2mesh.store import read_arrays, write_atomically

BASE_HEAD = "base-head.npz"
YAWS, PITCHES = (-30, -20, -10, 0, 10, 20, 30), (-12, 0, 12)
TINTS = (1.0, 0.7, 1.1)  # of the skin's colour
LIP_TINT = (0.85, 0.62, 0.62)
SIDE = 512
DISTANCE_MM = 900.0

Picture = NDArray[np.uint8]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `base-points` to the laboratory's commands."""
    parser = subparsers.add_parser(
        "base-points",
        description=f"Reads BUILD/{BASE_HEAD} and its sources; writes {TABLE.name} beside the program.",
    )
    add_makehuman(parser)
    parser.add_argument(
        "--shift", type=Path, metavar="FILE", help="photo-pairs.npz whose mean offsets correct the points"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Render, mark, bring together, correct, and write the table.

    Raises:
        Face2MeshError: MediaPipe is not installed, or finds no face.
    """
    head = BaseHead.load(arguments.build / BASE_HEAD)
    points = in_space(marked_views(head))
    if arguments.shift is not None:
        arrays, _ = read_arrays(arguments.shift, "photo-pairs", 1, "face2mesh lab pairs photos")
        # The offsets were found from the points of the head as it is: they replace the marks on renderings.
        points = head.dense(head.vertices.astype(np.float64)) + arrays["shift"][:POINTS]
    body = read_makehuman(makehuman_source(arguments.makehuman))
    wrapped = wrap(body, read_scan_mean(data_folder(arguments)))
    skin = wrapped.skin
    triangles = split(skin.quads, skin.mirror).astype(np.int64)
    embedding = on_skin(points, wrapped.vertices, triangles, skin, wrapped.anatomy)
    write_atomically(TABLE, lambda file: file.write(table(embedding, skin).encode()))
    moved = np.linalg.norm(embedding(wrapped.vertices) - head.dense(head.vertices.astype(np.float64)), axis=1)
    print(f"{TABLE}: {len(points)} points, {moved.mean():.2f} mm from where they were (at most {moved.max():.2f}).")


def marked_views(head: BaseHead) -> list[Marked]:
    """Renderings of the head, without lashes, from many sides and in several tints, with MediaPipe's marks."""
    try:
        face_mesh = import_module("mediapipe").solutions.face_mesh
    except ImportError as error:
        raise Face2MeshError(
            "MediaPipe is not installed; `pip install mediapipe==0.10.21` in its own environment."
        ) from error
    triangles = head.triangles[: 2 * head.part_quads["lashes"][0]]
    skin = slice(0, head.skin_count)
    lips = head.regions["lip_upper"] | head.regions["lip_lower"]
    found = []
    with face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True, min_detection_confidence=0.2) as finder:
        for tint in TINTS:
            colours = part_colours(head).copy()
            colours[skin] = np.clip(colours[skin] * tint, 0, 1)
            colours[lips] *= LIP_TINT
            for yaw in YAWS:
                for pitch in PITCHES:
                    view = View(yaw, pitch, DISTANCE_MM)
                    camera, pose = frame(head.vertices[head.regions["face"]], view, SIDE, SIDE, margin=0.25)
                    result = finder.process(render(head.vertices, triangles, colours, camera, pose))
                    if not result.multi_face_landmarks:
                        raise Face2MeshError(f"MediaPipe finds no face on the head at yaw {yaw} and pitch {pitch}.")
                    marks = result.multi_face_landmarks[0].landmark[:POINTS]
                    found.append(
                        Marked(
                            np.array([(mark.x * SIDE, mark.y * SIDE) for mark in marks]),
                            np.array([camera.fx, camera.fy]),
                            np.array([camera.cx, camera.cy]),
                            np.asarray(pose.rotation, np.float64),
                            np.asarray(pose.translation_mm, np.float64),
                        )
                    )
    return found
