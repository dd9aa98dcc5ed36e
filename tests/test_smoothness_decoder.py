"""The classical decoder and its remedies, each against what it must be."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from smoothness_meshes import bumps, faces
from torch.autograd import gradcheck

from face2mesh.lab.graph.laplacian import adjacency, edges_of_faces, random_walk_laplacian
from face2mesh.lab.nets.autoencoder import Decoder, classical
from face2mesh.lab.nets.decoder import TrunkConfiguration
from face2mesh.lab.smoothness.decoder import (
    DifferentialSystem,
    RemediedDecoder,
    Remedies,
    _Solution,
    gradients,
)
from face2mesh.lab.smoothness.objective import SweepObjective, SweepWeights, regression
from face2mesh.lab.smoothness.remedies import REMEDIES, Recipe
from face2mesh.lab.smoothness.sweep import decoder_of
from face2mesh.lab.smoothness.task import Patch, Task, of_meshes


@lru_cache
def task() -> Task:
    quads, triangles = faces()
    own = np.arange(len(bumps()[0]), dtype=np.int32)
    return of_meshes("bumps", bumps(), Patch(own, triangles, quads, own), 6)


def classical_decoder(remedies: Remedies) -> RemediedDecoder:
    torch.manual_seed(0)
    return RemediedDecoder(remedies, np.ones(6), task().hierarchy, task().rest, 1.0)


def test_without_remedies_it_is_the_classical_decoder() -> None:
    ours = classical_decoder(Remedies())
    steps = len(task().hierarchy.levels) - 1
    other = Decoder(replace(classical(6), channels=classical(6).channels[-steps:]), task().hierarchy)
    with torch.no_grad():
        theirs = [p for name, p in other.named_parameters() if not name.startswith("read")]
        # From the code upwards, as theirs are listed.
        layers = [ours.code, *(ours.convolutions[level] for level in range(steps - 1, -1, -1))]
        mine = [p for layer in layers for p in layer.parameters()]
        assert [p.shape for p in mine] == [p.shape for p in theirs]
        for p, q in zip(mine, theirs, strict=True):
            p.copy_(q)
        ours.last.weight.copy_(other.read.weight)  # type: ignore[operator,arg-type]
        code = torch.randn(3, 6)
        torch.testing.assert_close(ours(code), other(code))


@pytest.mark.parametrize(
    "recipe", [*REMEDIES, Recipe("ours", TrunkConfiguration(), linear_base=True)], ids=lambda r: r.name
)
def test_every_recipe_learns(recipe: Recipe) -> None:
    network = decoder_of(recipe, task(), 0)
    codes, wanted = (torch.from_numpy(x[:4]) for x in (task().codes, task().displacements))
    terms = SweepObjective(task(), recipe.weights)(network(codes), wanted)
    torch.stack(list(terms.values())).sum().backward()
    taught = [p for p in network.parameters() if p.requires_grad]
    assert all(torch.isfinite(p.grad).all() for p in taught if p.grad is not None)
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in taught)


@pytest.mark.parametrize("name", ["linear-base", "ours"])
def test_on_a_linear_base_it_starts_as_the_regression(name: str) -> None:
    recipe = next((r for r in REMEDIES if r.name == name), Recipe("ours", TrunkConfiguration(), linear_base=True))
    weight, constant = regression(task().codes, task().displacements)
    with torch.no_grad():
        found = decoder_of(recipe, task(), 0)(torch.from_numpy(task().held_codes)).numpy()
    expected = (task().held_codes @ weight.T + constant).reshape(found.shape)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_regression_finds_a_linear_map() -> None:
    rng = np.random.default_rng(0)
    codes, true = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32)
    weight, constant = regression(codes, (codes @ true.T + 2).reshape(50, 2, 3), damping=0)
    np.testing.assert_allclose(weight, true, atol=1e-4)
    np.testing.assert_allclose(constant, 2, atol=1e-4)


def test_learned_unpooling_starts_barycentric() -> None:
    level = len(task().hierarchy.levels) - 2
    learned = classical_decoder(Remedies(learned_unpooling=True)).unpool[level]
    plain = classical_decoder(Remedies()).unpool[level]
    x = torch.randn(2, task().hierarchy.counts[-1], 5)
    torch.testing.assert_close(learned(x), plain(x))


def test_differential_coordinates_reproduce_the_mesh() -> None:
    quads, _ = faces()
    laplacian = random_walk_laplacian(adjacency(edges_of_faces(quads), len(task().rest)))
    system = DifferentialSystem(laplacian, 0.01)
    x = task().rest.astype(np.float64)
    np.testing.assert_allclose(system.solve(x, laplacian @ x), x, atol=1e-9)
    # Of places with noise, the differences bring the detail back: the solution is far nearer to both than the noise.
    noisy = x + 0.3 * np.random.default_rng(0).normal(size=x.shape)
    solved = system.solve(noisy, laplacian @ x)
    rough = [np.sqrt(np.mean((laplacian @ (y - x)) ** 2)) for y in (solved, noisy)]
    assert rough[0] < 0.05 * rough[1]


def test_the_solution_has_the_right_gradient() -> None:
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4]])
    system = DifferentialSystem(random_walk_laplacian(adjacency(edges_of_faces(quads), 6)), 0.1)
    places, differences = torch.randn(2, 2, 6, 3, dtype=torch.float64).unbind(0)
    both = (places.requires_grad_(), differences.requires_grad_())
    assert gradcheck(lambda y, d: _Solution.apply(y, d, system), both)  # type: ignore[no-untyped-call]


def test_derivatives_of_a_linear_function() -> None:
    _, triangles = faces()
    flat = task().rest * [1, 1, 0]
    length = np.linalg.norm(flat[triangles] - np.roll(flat[triangles], 1, 1), axis=2).mean()
    slopes = [matrix @ (2 * flat[:, 0] - 3 * flat[:, 1]) / length for matrix in gradients(flat, triangles)]
    for found, expected in zip(slopes, (2, -3, 0), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-8)


def test_scales_add_up_and_a_constant_has_none() -> None:
    objective = SweepObjective(task(), SweepWeights(scales=1.0))
    x = torch.from_numpy(task().held)
    parts = objective.by_scale(x)
    rest = x - torch.stack(parts).sum(0)
    assert rest.std() < x.std()
    assert max(part.abs().max() for part in objective.by_scale(torch.ones_like(x))) < 1e-5
    terms = objective(x, x)
    assert set(terms) == {"mesh_vertices", "scales"}
    assert float(terms["scales"]) < 1e-2


def test_normals_term_ignores_a_shift_and_sees_a_bump() -> None:
    objective = SweepObjective(task(), SweepWeights(normals=1.0))
    x = torch.from_numpy(task().held)
    assert float(objective(x + 3, x)["normals"]) < 1e-3
    assert float(objective(torch.zeros_like(x), x)["normals"]) > 0.01


def test_few_meshes_have_no_more_codes_than_directions() -> None:
    """Rounding makes no direction of its own: codes of who is held out would be millions."""
    few = (bumps()[:6] + 40.0).astype(np.float32)
    found = of_meshes("few", few, task().patch, 128)
    assert found.codes.shape == (5, 3)  # a bump is three numbers
    assert np.abs(found.held_codes).max() < 50
    rough = few + np.random.default_rng(0).normal(size=few.shape).astype(np.float32)
    assert of_meshes("rough", rough, task().patch, 128).codes.shape == (5, 4)  # five meshes about their mean
