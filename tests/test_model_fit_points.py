"""The packaged model fitted to points of a head in an unknown pose and unit."""

import numpy as np
import pytest

import face2mesh
from face2mesh.head.rigid import rotations_of
from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED

pytestmark = pytest.mark.skipif(
    not (PACKAGED / MANIFEST_FILE).exists(), reason="no model is packaged yet; `face2mesh lab package` makes one"
)
HIDDEN = ("mouth_cavity", "eye_cavity", "nostril")


def scanned(face, count, seed):
    """Points (count, 3) and normals of the skin that a scanner sees, with a tenth of a millimetre of noise."""
    head, generator = face.head, np.random.default_rng(seed)
    inside = np.logical_or.reduce([mask for name, mask in head.regions.items() if name.startswith(HIDDEN)])
    triangles = head.skin_triangles[~inside[head.skin_triangles].any(1)]
    corners = face.vertices[triangles].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    chosen = generator.choice(len(triangles), count, p=area / area.sum())
    points = np.einsum("nk,nkc->nc", generator.dirichlet(np.ones(3), count), corners[chosen])
    return points + 0.1 * generator.normal(size=points.shape), normals[chosen]


def test_a_scan_upside_down_in_metres_wound_the_wrong_way():
    model = face2mesh.load()
    face = model.sample(3, expression=False)
    points, normals = scanned(face, 4000, 1)
    turn, shift = rotations_of(np.array([2.5, 0.4, -0.8])), np.array([0.1, -2.0, 0.3])
    fit = model.fit_points(points @ turn.T * 0.001 + shift, normals=-normals @ turn.T, scale=True)
    assert fit.mean_mm < 0.15
    region = face.head.regions["face"]
    apart = np.linalg.norm(fit.vertices - (face.vertices @ turn.T * 0.001 + shift), axis=1)[region] * 1000
    assert apart.mean() < 0.5
    assert fit.placement.scale == pytest.approx(0.001, rel=0.03)
