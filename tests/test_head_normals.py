"""Normals: by hand, on a sphere, mirrored."""

import numpy as np
from made_up import made_up_head

from face2mesh.head.normals import triangle_normals, vertex_normals


def test_by_hand():
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 4], [9, 9, 9]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(triangle_normals(vertices, triangles), [[0, 0, 4], [8, 0, 0]])
    normals = vertex_normals(vertices, triangles)
    # Area-weighted: the second triangle is twice as large. The last vertex has no triangle.
    np.testing.assert_allclose(normals[0], np.array([2, 0, 1]) / np.sqrt(5))
    np.testing.assert_allclose(normals[1], [0, 0, 1])
    np.testing.assert_allclose(normals[4], 0)


def test_normals_of_an_eyeball_point_out_of_it():
    head = made_up_head()
    first, last = head.part_vertices["right_eye"]
    normals = vertex_normals(head.vertices, head.triangles)
    assert normals.dtype == np.float32
    outward = (head.vertices[first:last] - head.eye_centres[1]) / head.eye_radius
    assert (normals[first:last] * outward).sum(1).min() > 0.99


def test_mirrored():
    head = made_up_head()
    normals = vertex_normals(head.vertices.astype(float), head.triangles)
    np.testing.assert_allclose(normals[head.mirror] * [-1, 1, 1], normals, atol=1e-6)
