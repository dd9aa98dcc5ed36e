"""Scans made of the packaged model's heads: another topology, noise, holes, hair, any pose and unit."""

import numpy as np
from scipy.spatial.transform import Rotation

from face2mesh.head.normals import vertex_normals
from face2mesh.lab.registration.scan import Scan

CAVITIES = ("mouth_cavity", "eye_cavity", "nostrils")


def head_surface(model, seed, expression=None):
    """A head of the model (V, 3) with the triangles of its outer skin and its eyes."""
    face = model.sample(seed, expression=False)
    if expression:
        face = face.with_expression(expression)
    base = model.base_head
    inside = np.any([base.region(name) for name in CAVITIES], axis=0)
    skin = base.skin_triangles[~inside[base.skin_triangles].all(1)]
    eyes = [base.triangles[2 * a : 2 * b] for a, b in (base.part_quads[eye] for eye in ("left_eye", "right_eye"))]
    return face.vertices.astype(np.float64), np.concatenate([skin, *eyes]).astype(np.int64)


def made_up_scan(
    model, seed, *, cell=2.0, noise=0.0, holes=0, missing=0.0, hair=0.0, turned=False, scale=1.0, expression=None
):
    """The true head, and a scan of it.

    Args:
        model: whose head.
        seed: of all that is random.
        cell: size of the grid whose cells' means become the scan's vertices, mm: nothing is left of the topology.
        noise: deviation of the scan's vertices along their normals, mm.
        holes: how many patches of 12 mm are missing.
        missing: share of the triangles that are missing.
        hair: how long the spikes on the scalp are, mm.
        turned: in a random pose.
        scale: what a millimetre is.
        expression: ARKit's names and weights.

    Returns:
        vertices (V, 3) of the true head, the scan, and where it is: (scale, rotation, shift).
    """
    rng = np.random.default_rng(seed)
    true, triangles = head_surface(model, seed, expression)
    vertices, triangles = true, triangles
    fine = Scan.of(vertices, triangles, "made up").finer(0.7 * cell)
    cells = np.floor((fine.vertices + rng.uniform(0, cell, 3)) / cell).astype(np.int64)
    _, which = np.unique(cells, axis=0, return_inverse=True)
    which = which.reshape(-1)
    counts = np.bincount(which)
    # Not the mean, which would shrink round places: the vertex next to it.
    means = np.stack([np.bincount(which, fine.vertices[:, axis]) / counts for axis in range(3)], 1)
    apart = np.linalg.norm(fine.vertices - means[which], axis=1)
    order = np.lexsort((apart, which))
    first = order[np.r_[True, np.diff(which[order]) > 0]]
    places, corners = fine.vertices[first], which[fine.triangles]
    corners = corners[(corners != np.roll(corners, 1, axis=1)).all(1)]
    normals = vertex_normals(places, corners)
    places = places + normals * (noise * rng.normal(size=(len(places), 1)))
    if hair:
        scalp = (places[:, 1] > 75) | ((places[:, 2] < -30) & (places[:, 1] > -40))
        places = places + normals * (scalp * hair * rng.random(len(places)))[:, None]
    kept = rng.random(len(corners)) >= missing
    middles = places[corners].mean(1)
    for _ in range(holes):
        kept &= np.linalg.norm(middles - middles[rng.integers(len(middles))], axis=1) > 12
    rotation = Rotation.random(random_state=seed).as_matrix() if turned else np.eye(3)
    shift = rng.normal(size=3) * 300 if turned else np.zeros(3)
    return true, Scan.of(scale * (places @ rotation.T + shift), corners[kept], "made up"), (scale, rotation, shift)
