"""A base mesh of the user's own as a base head: one part, landmarks, and what our head knows of faces carried over.

A template is a `BaseHead` whose vertices are all skin, in the order of its file; its other parts are empty. A triangle
is a quad whose last two corners are one.

Letters: V vertices, Q faces, D = 468 dense points.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face2mesh.errors import InputFileError
from face2mesh.head import PARTS, BaseHead, Embedding
from face2mesh.head.alignment import Similarity, align
from face2mesh.head.base_head import KIND, VERSION
from face2mesh.head.topology import with_area
from face2mesh.lab.base.assemble import split
from face2mesh.lab.base.closest import Surface
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.dataset.carrying import carried_points, carrying, warped
from face2mesh.lab.dataset.packaged import our_base_head
from face2mesh.lab.dataset.placing import quarter_turn_of, unit_of
from face2mesh.lab.graph.command import hierarchy_of_head
from face2mesh.read import MeshFile, read_mesh
from face2mesh.store import provenance, read_arrays

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]

LANDMARKS = 68
FRAME = "frame"
"""In the template's provenance: where its vertices were in its own file."""
EYES = slice(36, 48)
"""iBUG's numbers of the eyes' points."""
SYMMETRIC_MM = 0.02
"""How far a vertex may lie from the mirror image of its partner."""
COARSEST = 12
"""Vertices that a level should have at least."""
CLOSED_RING = 12
"""Of a mesh without a border, so many of the lowest vertices stand for the neck's."""


def make_template(path: Path, landmarks: Path | None, output: Path) -> tuple[BaseHead, list[str]]:
    """Read a base mesh, give it landmarks and the rest, check that networks can work on it, and write it.

    Args:
        path: OBJ, or PLY or GLB.
        landmarks: a file of its 68 landmarks (see `read_landmarks`); None has our detector and encoder look for them.
        output: the base head's file.

    Returns:
        The template, and what was found out, a line each.

    Raises:
        InputFileError: no mesh that networks can work on, no face found, or landmarks that make none.
    """
    mesh = read_mesh(path)
    ours = our_base_head()
    faces = _checked_faces(mesh, path)
    vertices = np.asarray(mesh.vertices, np.float64) * (mesh.millimetres_per_unit or 1.0)
    triangles = np.asarray(mesh.triangles, np.int32)
    told = []
    if landmarks is not None:
        points = read_landmarks(landmarks, np.asarray(mesh.vertices)) * (mesh.millimetres_per_unit or 1.0)
        dense = None
    else:
        points, dense = _looked_for(vertices, triangles, path)
        told.append(f"{path}: the landmarks were found by looking at it; check them in the .blend or give --landmarks")
    frame, notes = _frame(points, np.asarray(ours.landmarks(ours.vertices), np.float64), str(landmarks or path))
    told += [f"{path}: {note}" for note in notes]
    head = template_of(
        frame(vertices), faces, mesh.corner_uv, frame(points), None if dense is None else frame(dense), ours
    )
    try:
        levels = hierarchy_of_head(head, poolings_for(len(head.vertices)))
    except ValueError as error:
        raise InputFileError(
            f"{path}: networks cannot work on this mesh ({error}); it has to be a surface on which at most two faces "
            "share an edge, without loose vertices (in Blender: Select > All by Trait > Non Manifold)."
        ) from error
    symmetric = not np.array_equal(head.mirror, np.arange(len(head.mirror)))
    counts = ", ".join(map(str, levels.counts))
    told.append(f"{path}: {'symmetric' if symmetric else 'not symmetric'}; levels of {counts} vertices")
    inputs = {"template": path} if landmarks is None else {"template": path, "landmarks": landmarks}
    configuration = {
        "scale": frame.scale,
        "rotation": frame.rotation.tolist(),
        "translation": frame.translation.tolist(),
    }
    head.save(output, provenance(inputs, {FRAME: configuration}))
    return head, told


def poolings_for(count: int) -> int:
    """How often a mesh of so many vertices can be thinned to a quarter: 4 times, less often where little is left."""
    return int(np.clip(np.log(max(count, 1) / COARSEST) / np.log(4), 1, 4))


def frame_of(path: Path) -> Similarity | None:
    """The motion from the axes and unit of the user's own mesh to those of the template made of it; None for ours.

    Args:
        path: of the template.

    Raises:
        InputFileError: missing or damaged.
    """
    _, manifest = read_arrays(path, KIND, VERSION, "face2mesh dataset init")
    told = manifest.get("configuration", {}).get(FRAME)
    if told is None:
        return None
    return Similarity(float(told["scale"]), np.array(told["rotation"]), np.array(told["translation"]))


def read_landmarks(path: Path, vertices: Floats) -> Floats:
    """The 68 landmarks in iBUG's order, (68, 3), in the mesh's own axes and unit.

    JSON: a list of 68 vertex numbers (from 0) or of 68 points [x, y, z], or an object with such a list as "landmarks".
    Anything else is text: a line for each, with a number or three; "#" begins a remark.

    Raises:
        InputFileError: not there, not 68, or numbers of no vertex.
    """
    advice = "give 68 vertex numbers (from 0) or 68 points x y z, in iBUG's order"
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".json":
            document = json.loads(text)
            values = np.array(document["landmarks"] if isinstance(document, dict) else document, np.float64)
        else:
            lines = [line.split("#")[0].replace(",", " ").split() for line in text.splitlines()]
            values = np.array([[float(word) for word in line] for line in lines if line])
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read ({error.strerror or error}); {advice}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputFileError(f"{path}: not a list of landmarks; {advice}.") from error
    if values.shape == (LANDMARKS, 1):
        values = values[:, 0]
    if values.shape == (LANDMARKS,):
        numbers = values.astype(np.int64)
        if (numbers != values).any() or numbers.min() < 0 or numbers.max() >= len(vertices):
            raise InputFileError(f"{path}: vertex numbers go from 0 to {len(vertices) - 1}; {advice}.")
        return np.asarray(vertices[numbers], np.float64)
    if values.shape != (LANDMARKS, 3) or not np.isfinite(values).all():
        raise InputFileError(f"{path}: holds {len(values)} landmarks; {advice}.")
    return values


def template_of(
    vertices: Floats, faces: Indices, corner_uv: Floats | None, landmarks: Floats, dense: Floats | None, ours: BaseHead
) -> BaseHead:
    """A base head of any mesh.

    Args:
        vertices: (V, 3) mm, the head's frame.
        faces: (Q, 4), a triangle's last corner twice.
        corner_uv: (Q, 3 or more, 2) texture points, or None.
        landmarks: (68, 3) on or near its surface.
        dense: (D, 3) places of the dense points, NaN where unknown; None carries ours over by the landmarks alone.
        ours: the packaged base head.
    """
    mirror = mirror_of(vertices, faces)
    triangles = split(faces, mirror)
    real = triangles[with_area(triangles)]
    surface = Surface(vertices, np.asarray(real, np.int64))
    ours_at = np.asarray(ours.landmarks(ours.vertices), np.float64)
    theirs_at = landmarks
    if dense is not None:
        known = np.isfinite(dense).all(1)
        ours_at = np.concatenate([ours_at, ours.dense(ours.vertices)[known]])
        theirs_at = np.concatenate([theirs_at, dense[known]])
    laid = warped(np.asarray(ours.vertices, np.float64), ours_at, theirs_at)
    onto = carrying(ours, laid, vertices, real, parts=True)
    uv, uv_quads = _texture_points(vertices, faces, corner_uv)
    everything, nothing = (0, len(vertices)), (len(vertices), len(vertices))
    all_faces, no_faces = (0, len(faces)), (len(faces), len(faces))
    eyes = [laid[slice(*ours.part_vertices[part])] for part in ("left_eye", "right_eye")]
    centres = np.array([eye.mean(0) for eye in eyes])
    radius = float(
        np.mean([np.linalg.norm(eye - centre, axis=1).mean() for eye, centre in zip(eyes, centres, strict=True)])
    )
    found = surface.closest(landmarks)
    return BaseHead(
        vertices=vertices.astype(np.float32),
        quads=faces.astype(np.int32),
        triangles=triangles,
        uv=uv,
        uv_quads=uv_quads,
        part_vertices={part: everything if part == "skin" else nothing for part in PARTS},
        part_quads={part: all_faces if part == "skin" else no_faces for part in PARTS},
        mirror=mirror,
        regions={name: onto.mask(mask) for name, mask in ours.regions.items()},
        landmarks=Embedding(found.corners.astype(np.int32), _weights(found.weights)),
        dense=carried_points(ours, laid, vertices, real),
        neck_border=_lowest_border(vertices, real),
        eye_centres=centres.astype(np.float32),
        eye_radius=radius,
    )


def mirror_of(vertices: Floats, faces: Indices) -> Indices:
    """(V,) the vertex on the other side, where the mesh is its own mirror image in x; else each vertex itself."""
    itself = np.arange(len(vertices), dtype=np.int32)
    distance, nearest = (np.asarray(found) for found in cKDTree(vertices).query(vertices * [-1.0, 1.0, 1.0]))
    partner = nearest.astype(np.int32)
    if distance.max(initial=0) > SYMMETRIC_MM or not np.array_equal(partner[partner], itself):
        return itself
    own, reflected = (np.unique(np.sort(table, axis=1), axis=0) for table in (faces, partner[faces]))
    return partner if np.array_equal(own, reflected) else itself


def _checked_faces(mesh: MeshFile, path: Path) -> Indices:
    """(Q, 4), a triangle's last corner twice.

    Raises:
        InputFileError: no faces, faces of five corners, or loose vertices.
    """
    faces = np.asarray(mesh.faces, np.int32)
    if not len(faces):
        raise InputFileError(f"{path}: holds no faces; export the head as a mesh.")
    if faces.shape[1] > 4 and (faces[:, 4:] >= 0).any():
        count = int((faces[:, 4:] >= 0).any(1).sum())
        raise InputFileError(f"{path}: {count} faces have five corners or more; cut them into quads or triangles.")
    square = np.full((len(faces), 4), -1, np.int32)
    square[:, : min(4, faces.shape[1])] = faces[:, :4]
    square[:, 3] = np.where(square[:, 3] < 0, square[:, 2], square[:, 3])
    loose = len(mesh.vertices) - len(np.unique(square))
    if loose:
        raise InputFileError(f"{path}: {loose} vertices belong to no face; delete them (Clean Up > Delete Loose).")
    return square


def _looked_for(vertices: Floats, triangles: Indices, path: Path) -> tuple[Floats, Floats]:
    """The 68 landmarks and the dense points (D, 3), NaN where unknown, as our detector and encoder see them."""
    from face2mesh.lab.registration.locate import located
    from face2mesh.model import Model

    marks = located(vertices, triangles, Model.load())
    if marks is None:
        raise InputFileError(f"{path}: no face was found on this mesh; give its 68 landmarks with --landmarks.")
    # Where a point was hidden, the place where a head of the model has it.
    back = align(
        marks.placement(marks.points[np.isfinite(marks.points).all(1)]),
        marks.points[np.isfinite(marks.points).all(1)],
        True,
    )
    whole = np.where(np.isfinite(marks.points), marks.points, back(marks.model))
    return whole[list(IBUG_68)], marks.points


def _frame(points: Floats, ours: Floats, label: str) -> tuple[Similarity, list[str]]:
    """The motion that brings a mesh with landmarks (68, 3) into the head's frame.

    Axes and units that programs use are undone exactly; a mesh in no known unit is made as large as ours. The eyes'
    points come to the same middle as ours.

    Raises:
        InputFileError: the landmarks make no face.
    """
    if not np.ptp(points, axis=0).max() > 0:
        raise InputFileError(f"{label}: the landmarks lie all at one place.")
    whole = align(points, ours, scaling=True)
    missed = float(np.sqrt(((whole(points) - ours) ** 2).sum(1).mean()))
    size = float(np.sqrt(((ours - ours.mean(0)) ** 2).sum(1).mean()))
    if not whole.scale > 0 or missed > 0.35 * size:
        raise InputFileError(
            f"{label}: the 68 landmarks make no face; they are counted as iBUG does: jaw from the subject's right ear, "
            "brows, nose, eyes, lips."
        )
    factor, unit = unit_of(whole.scale)
    turn, up = quarter_turn_of(whole.rotation)
    told = [note for note in (unit, up) if note]
    shift = ours[EYES].mean(0) - (factor * points[EYES] @ turn.T).mean(0)
    return Similarity(factor, turn, shift), told


def _texture_points(vertices: Floats, faces: Indices, corner_uv: Floats | None) -> tuple[NDArray[np.float32], Indices]:
    """Texture points (U, 2) and their faces (Q, 4); without any, the front laid flat."""
    if corner_uv is None:
        flat = vertices[:, :2]
        flat = (flat - flat.min(0)) / np.ptp(flat, axis=0).max()
        return flat.astype(np.float32), faces.astype(np.int32)
    corners = np.full((len(faces), 4, 2), np.nan)
    corners[:, : min(4, corner_uv.shape[1])] = corner_uv[:, :4]
    corners[:, 3] = np.where(np.isfinite(corners[:, 3]), corners[:, 3], corners[:, 2])
    unique, index = np.unique(np.round(np.nan_to_num(corners.reshape(-1, 2)), 6), axis=0, return_inverse=True)
    return unique.astype(np.float32), index.reshape(-1, 4).astype(np.int32)


def _lowest_border(vertices: Floats, triangles: Indices) -> Indices:
    """The border's loop that lies lowest, in order; of a closed mesh some of the lowest vertices."""
    sides = np.stack([triangles, np.roll(triangles, -1, axis=1)], -1).reshape(-1, 2)
    edges = {(int(a), int(b)) for a, b in sides}
    following = {a: b for a, b in edges if (b, a) not in edges}
    loops = []
    while following:
        start, place = next(iter(following.items()))
        loop = [start]
        del following[start]
        while place != start and place in following:
            loop.append(place)
            place = following.pop(place)
        loops.append(np.array(loop, np.int32))
    if not loops:
        return np.argsort(vertices[:, 1], kind="stable")[:CLOSED_RING].astype(np.int32)
    return min(loops, key=lambda loop: float(vertices[loop, 1].mean()))


def _weights(weights: NDArray[Any]) -> NDArray[np.float32]:
    positive = np.clip(weights, 0, None)
    return np.asarray(positive / positive.sum(1, keepdims=True), np.float32)
