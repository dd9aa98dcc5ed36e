"""Chebyshev convolution against PyTorch Geometric, dense polynomials, and itself in other forms."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch, of the extra [train]")

from face2mesh.lab.graph.chebyshev import ChebyshevConvolution, SparseMatrix, chebyshev, padded_rows  # noqa: E402
from face2mesh.lab.graph.laplacian import adjacency, edges_of_faces, normalised_laplacian, scaled_laplacian  # noqa: E402

SIDE = 9


def grid_faces(side):
    """Quads of a square grid, every fifth missing, so that vertices have two to four neighbours."""
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    quads = np.stack([corner, corner + 1, corner + side + 1, corner + side], 1)
    return quads[np.arange(len(quads)) % 5 != 2]


EDGES = edges_of_faces(grid_faces(SIDE))
COUNT = SIDE * SIDE
SCALED = scaled_laplacian(normalised_laplacian(adjacency(EDGES, COUNT)))


def relative(value, truth):
    return float((value.detach() - truth.detach()).norm() / truth.detach().norm())


def with_gradients(layer, x, gradient):
    x = x.clone().requires_grad_()
    layer.zero_grad()
    y = layer(x)
    y.backward(gradient)
    return y, x.grad


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize(("channels", "channels_out"), [(4, 6), (6, 4), (5, 5)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_equals_pytorch_geometric(order, channels, channels_out, dtype, tolerance):
    geometric = pytest.importorskip("torch_geometric.nn", reason="the reference is of the extra [dev]")
    generator = torch.Generator().manual_seed(order)
    ours = ChebyshevConvolution(channels, channels_out, order, SparseMatrix(SCALED)).to(dtype)
    theirs = geometric.ChebConv(channels, channels_out, order).to(dtype)
    with torch.no_grad():
        ours.bias.copy_(torch.randn(channels_out, generator=generator))
        theirs.bias.copy_(ours.bias)
        for k in range(order):
            theirs.lins[k].weight.copy_(ours.weight[k].T)
    x = torch.randn(3, COUNT, channels, generator=generator).to(dtype)
    gradient = torch.randn(3, COUNT, channels_out, generator=generator).to(dtype)
    both_ways = torch.from_numpy(np.concatenate([EDGES, EDGES[:, ::-1]]).T.astype(np.int64))
    y, by_x = with_gradients(ours, x, gradient)
    truth, true_by_x = with_gradients(lambda_max_two(theirs, both_ways), x, gradient)
    assert relative(y, truth) < tolerance
    assert relative(by_x, true_by_x) < tolerance
    assert relative(ours.bias.grad, theirs.bias.grad) < tolerance
    assert relative(ours.weight.grad, torch.stack([layer.weight.grad.T for layer in theirs.lins])) < tolerance


def lambda_max_two(layer, edges):
    """PyTorch Geometric's layer on a fixed graph, with the bound that we use (also its own default)."""

    class Fixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x, edges, lambda_max=torch.tensor(2.0, dtype=x.dtype))

    return Fixed()


@pytest.mark.parametrize("channels_out", [2, 5])
def test_is_the_polynomial_of_the_dense_matrix(channels_out):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, COUNT, 3, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 3, channels_out, generator=generator, dtype=torch.float64)
    m = torch.from_numpy(SCALED.toarray())
    powers = [torch.eye(COUNT, dtype=torch.float64), m, 2 * m @ m - torch.eye(COUNT), 4 * m @ m @ m - 3 * m]
    truth = sum(power @ x @ weight[k] for k, power in enumerate(powers))
    assert relative(chebyshev(x, weight, None, SparseMatrix(SCALED)), truth) < 1e-14


@pytest.mark.parametrize(("channels", "channels_out"), [(2, 3), (3, 2)])
def test_gradients_by_finite_differences(channels, channels_out):
    small = SparseMatrix(
        scaled_laplacian(normalised_laplacian(adjacency(np.array([[0, 1], [1, 2], [2, 3], [3, 1]]), 4)))
    )
    x = torch.randn(2, 4, channels, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, channels, channels_out, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, weight: chebyshev(x, weight, None, small), (x, weight))


def test_a_batch_is_its_samples_one_by_one():
    layer = ChebyshevConvolution(3, 4, 3, SparseMatrix(SCALED))
    x = torch.randn(4, COUNT, 3)
    assert torch.allclose(layer(x), torch.cat([layer(sample[None]) for sample in x]), atol=1e-6)


def test_a_strided_input_gives_the_same():
    layer = ChebyshevConvolution(3, 4, 3, SparseMatrix(SCALED))
    x = torch.randn(COUNT, 2, 3).transpose(0, 1)
    assert torch.equal(layer(x), layer(x.contiguous()))


def test_renumbering_the_vertices_renumbers_the_result():
    order = np.random.default_rng(3).permutation(COUNT)
    x = torch.randn(1, COUNT, 3)
    weight = torch.randn(4, 3, 3)
    renumbered = chebyshev(x[:, order], weight, None, SparseMatrix(SCALED[order][:, order]))
    assert torch.allclose(renumbered, chebyshev(x, weight, None, SparseMatrix(SCALED))[:, order], atol=1e-5)


def test_sparse_product_and_its_gradient():
    matrix = SCALED[:20]
    x = torch.randn(3, COUNT, 2, dtype=torch.float64, requires_grad=True)
    product = SparseMatrix(matrix)
    dense = torch.from_numpy(matrix.toarray())
    y = product(x)
    assert torch.allclose(y, dense @ x)
    gradient = torch.randn_like(y)
    y.backward(gradient)
    assert torch.allclose(x.grad, dense.T @ gradient)


def test_gathered_product_is_the_product(monkeypatch):
    x = torch.randn(2, COUNT, 3)
    product = SparseMatrix(SCALED)
    assert product.dense is not None
    assert torch.allclose(product.gathered(x), product(x), atol=1e-6)
    monkeypatch.setattr("face2mesh.lab.graph.chebyshev.LARGEST_DENSE", 0)
    gathering = SparseMatrix(SCALED)
    assert gathering.dense is None
    for channels in (1, 3, 7):
        x = torch.randn(2, COUNT, channels)
        assert torch.allclose(gathering.gathered(x), product(x), atol=1e-6)


def test_padded_rows_of_a_matrix_with_an_empty_row():
    columns, values = padded_rows(SCALED[:0])
    assert columns.shape == values.shape == (1, 0)
    dense = np.array([[0, 2, 0], [0, 0, 0], [3, 0, 4.0]])
    columns, values = padded_rows(type(SCALED)(dense))
    assert columns.tolist() == [[1, 0, 0], [0, 0, 2]]
    assert values.tolist() == [[2, 0, 3], [0, 0, 4]]


def test_the_topology_is_not_in_the_checkpoint_and_shared_by_copies():
    layer = ChebyshevConvolution(2, 2, 3, SparseMatrix(SCALED))
    assert set(layer.state_dict()) == {"weight", "bias"}
    assert copy.deepcopy(layer).laplacian is layer.laplacian


def test_order_below_one_is_refused():
    with pytest.raises(ValueError, match="order of at least 1"):
        ChebyshevConvolution(2, 2, 0, SparseMatrix(SCALED))
