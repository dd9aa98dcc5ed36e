from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from face2mesh.lab.base.dental_arch import DentalArch, fit_arch, measure_arches
from face2mesh.lab.base.part_mesh import PartMesh
from face2mesh.lab.base.teeth import jaw
from tests.parts_checks import border_loops, corner_turns, edges_through

# The scan mean's arches, rounded.
UPPER = DentalArch(
    x_terms=(0.9011, -2.611e-4, 3.80e-8),
    z_terms=(104.96, -0.020567, 2.097e-6),
    length=56.6,
    edges=(-35.3, -34.5, -34.4, -33.5, -32.7, -31.8, -30.9),
)
LOWER = DentalArch(
    x_terms=(0.8941, -2.768e-4, 4.24e-8),
    z_terms=(103.43, -0.021824, 2.478e-6),
    length=54.4,
    edges=(-34.1, -33.3, -32.4, -33.7, -32.9, -32.0, -31.1),
)


@pytest.fixture(params=[True, False], ids=["upper", "lower"])
def side(request: pytest.FixtureRequest) -> tuple[PartMesh, bool]:
    upper = bool(request.param)
    return jaw(UPPER if upper else LOWER, upper), upper


def test_one_sheet_with_one_border(side: tuple[PartMesh, bool]) -> None:
    part, _ = side
    assert border_loops(part.quads) == 1
    edges = np.unique(np.sort(np.concatenate([part.quads[:, [k, (k + 1) % 4]] for k in range(4)]), axis=1), axis=0)
    assert len(part.vertices) - len(edges) + len(part.quads) == 1  # Euler: a disc
    assert len(part.vertices) <= 910
    assert np.array_equal(np.unique(part.quads), np.arange(len(part.vertices)))


def test_mirror_is_exact_in_space_and_texture(side: tuple[PartMesh, bool]) -> None:
    part, _ = side
    assert np.array_equal(part.vertices[part.mirror], part.vertices * (-1, 1, 1))
    assert np.array_equal(part.uv[part.mirror], part.uv * (-1, 1))
    assert np.array_equal(part.mirror[part.mirror], np.arange(len(part.mirror)))
    on_midline = part.mirror == np.arange(len(part.mirror))
    assert np.array_equal(on_midline, part.vertices[:, 0] == 0)
    assert np.array_equal(part.labels["tooth"][part.mirror], part.labels["tooth"])


def test_outside_faces_out(side: tuple[PartMesh, bool]) -> None:
    part, upper = side
    p = part.vertices[part.quads]
    normal = np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1])
    middle = p.mean(axis=1)
    # Facial side of the front teeth: towards +Z; chewing surfaces of molars: down in the upper jaw.
    labels = part.labels["tooth"][part.quads].all(axis=1)
    front = labels & (middle[:, 2] > p[..., 2].max() - 1.5) & (np.abs(middle[:, 0]) < 4)
    assert front.sum() >= 8
    assert (normal[front, 2] > 0).mean() > 0.9
    edge = np.array(UPPER.edges if upper else LOWER.edges)[5:].mean()
    table = (
        labels
        & (np.abs(middle[:, 1] - edge) < 1.5)
        & (middle[:, 2] < 78)
        & (np.abs(normal[:, 1]) > np.abs(normal[:, 0]))
    )
    assert table.sum() >= 16
    assert (normal[table, 1] * (-1 if upper else 1) > 0).mean() > 0.95


def test_no_quad_is_folded(side: tuple[PartMesh, bool]) -> None:
    part, _ = side
    a, b, c, d = (part.vertices[part.quads[:, k]] for k in range(4))
    first, second = np.cross(b - a, c - a), np.cross(c - a, d - a)
    assert ((first * second).sum(axis=1) > 0).all()


def test_texture_is_one_convex_island(side: tuple[PartMesh, bool]) -> None:
    part, _ = side
    assert (corner_turns(part.uv, part.uv_quads) > 0).all()
    assert np.array_equal(part.uv_quads, part.quads)


def test_fourteen_teeth_apart_from_each_other(side: tuple[PartMesh, bool]) -> None:
    part, _ = side
    tooth = part.labels["tooth"]
    following = np.arange(len(tooth))
    inside = part.quads[tooth[part.quads].all(axis=1)]
    for _ in range(40):
        for k in range(4):
            low = np.minimum(following[inside[:, k]], following[inside[:, k - 1]])
            np.minimum.at(following, inside[:, k], low)
            np.minimum.at(following, inside[:, k - 1], low)
    assert len(np.unique(following[tooth])) == 14
    assert np.array_equal(part.labels["gum"], ~tooth)


def test_central_incisors_meet_at_the_midline_without_touching(side: tuple[PartMesh, bool]) -> None:
    part, _ = side
    nearest = np.abs(part.vertices[part.labels["tooth"], 0]).min()
    assert 0 < nearest < 0.1


def test_gum_margin_is_a_garland(side: tuple[PartMesh, bool]) -> None:
    part, upper = side
    rise = 1 if not upper else -1
    on_midline = part.labels["gum"] & (part.vertices[:, 0] == 0)
    papilla = (rise * part.vertices[on_midline, 1]).max()
    front = part.labels["gum"] & (np.abs(np.abs(part.vertices[:, 0]) - (4.3 if upper else 2.7)) < 1.0)
    margin = (rise * part.vertices[front & (part.vertices[:, 2] > 102), 1]).max()
    assert 1.5 < papilla - margin < 4.0


def test_jaws_do_not_meet_and_upper_incisors_overlap_in_front() -> None:
    upper, lower = jaw(UPPER, True), jaw(LOWER, False)
    assert edges_through(upper.vertices, upper.quads, lower.vertices, lower.quads) == 0
    assert edges_through(lower.vertices, lower.quads, upper.vertices, upper.quads) == 0
    up, low = upper.vertices[upper.labels["tooth"]], lower.vertices[lower.labels["tooth"]]
    assert up[np.abs(up[:, 0]) < 4, 1].min() < low[np.abs(low[:, 0]) < 4, 1].max()
    assert up[:, 2].max() > low[:, 2].max() + 0.5


def test_arch_is_found_again_from_its_points() -> None:
    turn = np.array([4.0, 11.0, 18.0, 25.0, 32.0, 40.0, 49.0]) / 35.0
    crowns = np.column_stack([35.0 * np.sin(turn), 65.0 + 35.0 * np.cos(turn)])  # a circle of 35 mm
    arch = fit_arch(crowns, np.zeros(7), 4.0)
    points, normals = arch.at(np.linspace(0, arch.length, 50))
    assert points[0] == pytest.approx([0.0, 100.0], abs=0.5)
    assert np.linalg.norm(points - (0.0, 65.0), axis=1) == pytest.approx(35.0, abs=0.5)
    assert np.linalg.norm(np.diff(points, axis=0), axis=1) == pytest.approx(arch.length / 49, rel=5e-3)
    assert normals[0] == pytest.approx([0.0, 1.0])
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0)


@pytest.mark.data
@pytest.mark.skipif("FACE2MESH_DATA" not in os.environ, reason="FACE2MESH_DATA names no data")
def test_teeth_of_the_scan_mean_stand_behind_its_closed_lips() -> None:
    with np.load(Path(os.environ["FACE2MESH_DATA"]) / "ict_facekit.npz") as data:
        vertices, faces = data["neutral_mm"].astype(float), data["faces"]
    arches = measure_arches(vertices, faces)
    upper, lower = jaw(arches[0], True), jaw(arches[1], False)
    assert edges_through(upper.vertices, upper.quads, lower.vertices, lower.quads) == 0
    skin = faces[(faces < 11248).all(axis=1)]
    skin = np.where(skin < 0, skin[:, 2:3], skin)
    for part in (upper, lower):
        assert edges_through(part.vertices, part.quads, vertices, skin) == 0
        assert part.vertices[:, 2].max() < 110.0  # the inner lips lie at 110.4 to 112.8 mm
        theirs = vertices[14062:21451]
        assert (part.vertices.min(axis=0) > theirs.min(axis=0) - 1.0).all()
        assert (part.vertices.max(axis=0) < theirs.max(axis=0) + 1.0).all()
