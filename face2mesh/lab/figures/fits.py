"""Pictures of the fits of photos: children with and without the corpus's ages, and the forty worst fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import contact_sheet, part_colours, render
from face2mesh.face.camera import Pose
from face2mesh.head import BaseHead
from face2mesh.head.arkit import OPPOSITES
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.figures.pairs import fitted, view_of, with_points
from face2mesh.lab.pairs import read_pairs
from face2mesh.lab.pairs.ages import prior_of_ages
from face2mesh.lab.pairs.expression_prior import sparsity
from face2mesh.lab.pairs.fit import Fits, FitSettings, Reliability, yaw_degrees
from face2mesh.lab.pairs.mediapipe import SURFACE_COUNT
from face2mesh.lab.pairs.photos import in_crop
from face2mesh.lab.pairs.point_model import PointModel, load_model
from face2mesh.lab.pairs.solver import fit

CHILDREN, WORST = 8, 40
CHILDREN_AGES = ("0-2", "3-9")
FACING_DEGREES = 25.0
QUALITY = 88
# The camera's axes point right, down and away; this turns a head's left cheek to it.
_FROM_THE_SIDE = np.array([[0.2588, 0.0, 0.9659], [0.0, 1.0, 0.0], [-0.9659, 0.0, 0.2588]])

Pairs = dict[str, NDArray[Any]]
Picture = NDArray[np.uint8]


def draw(build: Path, out: Path, seed: int = 0) -> list[Path]:
    """Draw `fits-children.jpg` and `fits-worst.jpg`.

    Args:
        build: with `base-head.npz`, `corpus.npz` and `photo-pairs.npz`.
        out: folder for the pictures.
        seed: of the children's choice.

    Returns:
        The files written.
    """
    head, corpus, model = load_model(build)
    pairs = read_pairs(build / "photo-pairs.npz")
    written = []
    children = _children(pairs, seed)
    if len(children):
        both = fitted_again(corpus, model, pairs, children)
        cells = [_compared(head, corpus, pairs, both, int(row), i) for i, row in enumerate(children)]
        labels = [
            f"{pairs['photo_id'][row]}, {pairs['age'][row]}: photo, scans' modes alone, with ages (mesh, head, side)"
            for row in children
        ]
        sheet = contact_sheet(cells, columns=2, labels=labels)
        written.append(out / "fits-children.jpg")
        Image.fromarray(sheet).save(written[-1], quality=QUALITY)
    worst = np.argsort(-pairs["residual"])[:WORST]
    labels = [
        f"{pairs['photo_id'][row]}: {100 * pairs['residual'][row]:.1f} % {'' if pairs['accepted'][row] else 'rejected'}"
        for row in worst
    ]
    cells = [fitted(head, corpus, pairs, int(row)) for row in worst]
    written.append(out / "fits-worst.jpg")
    Image.fromarray(contact_sheet(cells, columns=4, labels=labels)).save(written[-1], quality=QUALITY)
    return written


def _children(pairs: Pairs, seed: int) -> NDArray[np.intp]:
    """Rows of accepted photos of children who look ahead, half of either age."""
    generator = np.random.default_rng(seed)
    facing = pairs["accepted"] & (np.abs(yaw_degrees(pairs["rotation"])) < FACING_DEGREES)
    chosen = []
    for age in CHILDREN_AGES:
        rows = np.flatnonzero(facing & (pairs["age"] == age))
        chosen.append(generator.choice(rows, min(CHILDREN // len(CHILDREN_AGES), len(rows)), replace=False))
    return np.concatenate(chosen)


def fitted_again(corpus: Corpus, model: PointModel, pairs: Pairs, rows: NDArray[np.intp]) -> tuple[Fits, Fits]:
    """The same photos with the scans' identity modes alone, and with all: irises do not count, pairs keep them not."""
    scans = corpus.population.scan_modes
    moved = model.moved(pairs["shift"])
    fewer = PointModel(moved.rest, moved.identity[:scans], moved.expression, moved.mirror)
    points = np.zeros((len(rows), len(model.rest), 2), np.float32)
    given = np.zeros(points.shape[:2], np.bool_)
    points[:, :SURFACE_COUNT], given[:, :SURFACE_COUNT] = in_crop(pairs["points"][rows]), pairs["inside"][rows]
    settings = FitSettings(opposites=OPPOSITES, expression_sparsity=sparsity())
    reliability = Reliability(pairs["reliability"])
    prior = prior_of_ages(corpus.population, pairs["age"][rows].tolist())
    return fit(fewer, points, given, reliability, settings), fit(moved, points, given, reliability, settings, prior)


def _compared(head: BaseHead, corpus: Corpus, pairs: Pairs, both: tuple[Fits, Fits], row: int, index: int) -> Picture:
    """The photo; of both fits the mesh over it, the head, and the head from the side."""
    photo = with_points(pairs["crop"][row], pairs["points"][row], False)
    colours = part_colours(head)
    columns = [photo]
    for fits in both:
        identity = np.zeros(len(corpus.identity), np.float32)
        identity[: fits.identity.shape[1]] = fits.identity[index]
        vertices = corpus.heads(identity[None], fits.expression[index][None])[0]
        place = {name: getattr(fits, name)[[index]] for name in ("rotation", "offset", "log_scale")}
        camera, pose = view_of({**place, "distance": pairs["distance"][[row]]}, 0)
        aside = Pose((_FROM_THE_SIDE @ np.diag([1.0, -1.0, -1.0])).astype(np.float32), pose.translation_mm)
        middle = replace(camera, cx=0.35 * camera.width, cy=0.5 * camera.height)
        over = render(vertices, head.skin_triangles, colours, camera, pose, background=photo, quads=head.skin_quads)
        columns += [(0.55 * photo + 0.45 * over).astype(np.uint8)]
        columns += [render(vertices, head.triangles, colours, camera, pose)]
        columns += [render(vertices, head.triangles, colours, middle, aside)]
    return np.concatenate(columns, axis=1)
