from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face2mesh.lab.base.eyes import (
    IRIS_RADIUS,
    LIMBUS_BLEND,
    PUPIL_RADIUS,
    eyeball,
    eyeballs,
    fit_sphere,
    measure_eyeball,
    surface_height,
)
from tests.parts_checks import border_edges, corner_turns, edges_through, signed_volume, triangles_of

CENTRE = np.array([31.0, 2.0, -4.0])
RADIUS = 14.4


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("radius", [12.0, RADIUS])
def test_closed_consistent_and_outward(side: int, radius: float) -> None:
    eye = eyeballs(CENTRE, radius)[side]
    assert border_edges(eye.quads) == []
    volume = signed_volume(eye.vertices - CENTRE * (1 - 2 * side, 1, 1), eye.quads)
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.06)
    assert len(np.unique(eye.quads)) == len(eye.vertices)
    assert len(eye.vertices) - 2 * len(eye.quads) + len(eye.quads) == 2  # Euler: a sphere


def test_right_eye_is_the_mirror_image_of_the_left_to_the_last_bit() -> None:
    left, right = eyeballs(CENTRE, RADIUS)
    assert np.array_equal(right.vertices, left.vertices * (-1, 1, 1))
    assert np.array_equal(left.mirror, np.arange(len(left.vertices)))


def test_rings_have_the_iris_and_the_pupil_of_anatomy() -> None:
    eye = eyeball(CENTRE, RADIUS)
    from_axis = np.linalg.norm(eye.vertices[:, :2] - CENTRE[:2], axis=1)
    assert from_axis[eye.labels["iris"]].max() == pytest.approx(11.7 / 2)
    assert from_axis[eye.labels["pupil"]].max() == pytest.approx(PUPIL_RADIUS)
    assert sum(mask.astype(int) for mask in eye.labels.values()).tolist() == [1] * len(eye.vertices)


def test_sclera_is_the_analytic_sphere_and_the_cornea_rises_above_it() -> None:
    eye = eyeball(CENTRE, RADIUS)
    distance = np.linalg.norm(eye.vertices - CENTRE, axis=1)
    assert distance[eye.labels["sclera"]] == pytest.approx(RADIUS)
    bulge = distance[eye.labels["pupil"] | eye.labels["iris"]] - RADIUS
    assert (bulge > 0).all()
    assert 1.0 < bulge.max() < 2.0
    # Apex: the cornea's sphere meets the sclera at the iris's edge, worked by hand for a sclera of 12 mm.
    apex = np.sqrt(12**2 - 5.85**2) - np.sqrt(7.8**2 - 5.85**2) + 7.8
    assert surface_height(np.zeros(1), 12.0)[0] == pytest.approx(apex)
    assert surface_height(np.array([IRIS_RADIUS]), 12.0)[0] == pytest.approx(
        np.sqrt(12**2 - IRIS_RADIUS**2) + LIMBUS_BLEND / 4
    )


@given(st.floats(10.0, 16.0), st.integers(12, 20).map(lambda n: 2 * n))
@settings(max_examples=10, deadline=None)
def test_quads_are_convex_in_space_and_in_texture(radius: float, segments: int) -> None:
    eye = eyeball(CENTRE, radius, segments)
    assert (corner_turns(eye.vertices, eye.quads) > 0).all()
    assert (corner_turns(eye.uv, eye.uv_quads) > 0).all()


def test_iris_gets_a_quarter_of_the_texture_disc() -> None:
    eye = eyeball(CENTRE, RADIUS)
    iris = (eye.labels["iris"] | eye.labels["pupil"])[:-1]
    assert np.linalg.norm(eye.uv[: len(iris)][iris], axis=1).max() == pytest.approx(0.5)
    assert np.linalg.norm(eye.uv, axis=1).max() == pytest.approx(1.0)


@pytest.mark.parametrize(("segments", "radius"), [(23, 12.0), (22, 12.0), (24, 6.0)])
def test_impossible_eyeballs_are_refused(segments: int, radius: float) -> None:
    with pytest.raises(ValueError, match="eyeball: "):
        eyeball(CENTRE, radius, segments)


def test_sphere_is_found_from_a_piece_of_it() -> None:
    angle = np.random.default_rng(0).uniform((0, 0), (0.6, 6.28), (50, 2))
    points = 14.0 * np.column_stack(
        [np.sin(angle[:, 0]) * np.cos(angle[:, 1]), np.sin(angle[:, 0]) * np.sin(angle[:, 1]), np.cos(angle[:, 0])]
    )
    centre, radius = fit_sphere(points + CENTRE)
    assert centre == pytest.approx(CENTRE)
    assert radius == pytest.approx(14.0)


def test_the_check_for_crossing_meshes_sees_crossings() -> None:
    left = eyeball(CENTRE, RADIUS)
    near, far = (
        eyeball(CENTRE + np.array([20.0, 0.3, 0.2]), RADIUS),
        eyeball(CENTRE + np.array([30.0, 0.3, 0.2]), RADIUS),
    )
    assert edges_through(left.vertices, left.quads, near.vertices, near.quads) > 0
    assert edges_through(left.vertices, left.quads, far.vertices, far.quads) == 0
    assert len(triangles_of(left.quads)) == 2 * len(left.quads)


@pytest.mark.data
@pytest.mark.skipif("FACE2MESH_DATA" not in os.environ, reason="FACE2MESH_DATA names no data")
def test_lids_of_the_scan_mean_touch_the_eyeball_from_outside() -> None:
    with np.load(Path(os.environ["FACE2MESH_DATA"]) / "ict_facekit.npz") as data:
        vertices, faces = data["neutral_mm"], data["faces"]
    centre, radius = measure_eyeball(vertices, faces)
    assert 12.0 < radius < 15.5
    assert centre[0] == pytest.approx(31.0, abs=1.0)
    shared = np.intersect1d(faces[(faces < 9409).all(1)], faces[((faces >= 13294) & (faces < 13678)).any(1)])
    gap = np.linalg.norm(vertices[shared] - centre, axis=1) - radius
    assert gap.min() == pytest.approx(0.05, abs=1e-3)
    assert gap.max() < 0.6
