"""The mesh autoencoders on a made-up head: hand counts, identities with PCA, mirror, batch, learnt matrices."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from made_up import made_up_head

torch = pytest.importorskip("torch", reason="networks need torch, of the extra [train]")

from face2mesh.lab.autoencoder.meshes import Meshes  # noqa: E402
from face2mesh.lab.autoencoder.principal import principal_components, symmetric_components  # noqa: E402
from face2mesh.lab.graph.chebyshev import ChebyshevConvolution, SparseMatrix  # noqa: E402
from face2mesh.lab.graph.command import hierarchy_of_head  # noqa: E402
from face2mesh.lab.graph.neighbourhood import widened_unpooling  # noqa: E402
from face2mesh.lab.nets.autoencoder import (  # noqa: E402
    AutoencoderConfiguration,
    LearnedSparseMatrix,
    MeshAutoencoder,
    classical,
)
from face2mesh.lab.nets.local_autoencoder import (  # noqa: E402
    CoarseConvolution,
    LocalAutoencoder,
    LocalConfiguration,
)
from face2mesh.lab.nets.local_bases import LocalBases, Patches, allotted, owners  # noqa: E402

HEAD = made_up_head()
REST = HEAD.vertices[: HEAD.skin_count]
FLIP = np.array([-1.0, 1.0, 1.0], np.float32)
SMALL = {"channels": (0, 0, 3), "read_at": 1}


@pytest.fixture(scope="module")
def hierarchy():
    return hierarchy_of_head(HEAD, poolings=4, factor=2.5)


@pytest.fixture(scope="module")
def meshes():
    """Displacements of 80 faces in a space of 12 dimensions, each field smooth, and their mirror images."""
    rng = np.random.default_rng(0)
    waves = np.sin(REST @ rng.normal(0, 0.03, (3, 12)) + rng.uniform(0, 6, 12))
    fields = waves.T[:, :, None] * rng.standard_normal((12, 1, 3))
    made = np.tensordot(rng.standard_normal((80, 12)) * np.geomspace(4, 0.5, 12), fields, 1)
    made = np.concatenate([made, made[:, HEAD.mirror[: HEAD.skin_count]] * FLIP])
    step = 0.001
    nothing = np.zeros((len(made), 1), np.float32)
    return Meshes(np.rint(made / step).astype(np.int16), step, nothing, nothing)


def shaken(network):
    """The same with weights that are nowhere zero, so that every path counts."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return network.eval()


def local_network(hierarchy, meshes, code_size=6, numbers=400_000, **arguments):
    principal = principal_components(meshes, 24)
    components = symmetric_components(principal, hierarchy.levels[0].mirror, code_size)
    odd = int((components.sign[:code_size] < 0).sum())
    fields = (components.basis * components.spread[:, None]).reshape(len(components.basis), -1, 3)
    smooth, free = allotted(fields, components.sign, code_size, Patches.of(hierarchy, 2, REST), numbers, also=12)
    torch.manual_seed(0)
    settings = {"level": 2, "down": (6, 8), "up": (8, 6), "smooth": smooth, "free": free, **arguments}
    network = LocalAutoencoder(LocalConfiguration(code_size=code_size, odd=odd, **settings), hierarchy, REST)
    network.start(components.mean, components.basis, components.spread, components.sign)
    return network.eval(), components


def test_the_classical_network_has_the_parameters_counted_by_hand(hierarchy):
    network = MeshAutoencoder(classical(8), hierarchy)
    flat = 32 * hierarchy.counts[4]
    down = 6 * (3 * 16 + 16 * 16 + 16 * 16 + 16 * 32) + (16 + 16 + 16 + 32)
    up = 6 * (32 * 32 + 32 * 16 + 16 * 16 + 16 * 16) + (32 + 16 + 16 + 16) + 6 * 16 * 3
    code = flat * 8 + 8 + 8 * flat + flat
    assert sum(parameter.numel() for parameter in network.parameters()) == down + up + code
    # On the base head, whose level 4 has 16 vertices:
    assert down + up + 512 * 8 + 8 + 8 * 512 + 512 == 27_880


def test_a_skip_starts_as_pca(hierarchy, meshes):
    principal = principal_components(meshes, 10)
    network = MeshAutoencoder(AutoencoderConfiguration(code_size=10, skip=True, **SMALL), hierarchy)
    network.standardise(principal.mean, 1.0)
    network.start_skip(principal.basis, principal.spread)
    some = meshes.take(slice(0, 5))
    expected = principal.meshes(principal.scores(some))
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.from_numpy(some)).numpy(), expected, atol=2e-4)
        codes = network.encode(torch.from_numpy(some)).numpy()
    np.testing.assert_allclose(codes, principal.scores(some) / principal.spread, atol=1e-4)


def test_principal_components_are_those_of_a_dense_decomposition(meshes):
    principal = principal_components(meshes, 6)
    whole = meshes.take(slice(None)).reshape(len(meshes), -1).astype(np.float64)
    _, sizes, rows = np.linalg.svd(whole - whole.mean(0), full_matrices=False)
    np.testing.assert_allclose(principal.spread, sizes[:6] / np.sqrt(len(meshes)), rtol=1e-4)
    np.testing.assert_allclose(np.abs(principal.basis @ rows[:6].T), np.eye(6), atol=1e-2)
    np.testing.assert_allclose(principal.train, principal.scores(meshes.take(slice(None))), atol=1e-2)


def test_symmetric_components_are_even_or_odd(hierarchy, meshes):
    mirror = hierarchy.levels[0].mirror
    components = symmetric_components(principal_components(meshes, 24), mirror, 7)
    fields = components.basis.reshape(len(components.basis), -1, 3)
    np.testing.assert_allclose(fields[:, mirror] * FLIP, components.sign[:, None, None] * fields, atol=1e-5)
    assert (np.diff(components.sign[:7]) <= 0).all()
    rebuilt = components.mean + (components.train @ components.basis).reshape(len(meshes), -1, 3)
    np.testing.assert_allclose(rebuilt, meshes.take(slice(None)), atol=0.02)


def test_our_network_starts_as_pca(hierarchy, meshes):
    """With local bases as large as the world has dimensions, and meshes that pooling tells apart."""
    network, components = local_network(hierarchy, meshes)
    some = meshes.take(slice(0, 6))
    centred = (some - components.mean).reshape(6, -1)
    scores = centred @ components.basis[:6].T
    expected = components.mean + (scores @ components.basis[:6]).reshape(6, -1, 3)
    with torch.no_grad():
        codes = network.encode(torch.from_numpy(some)).numpy()
        made = network(torch.from_numpy(some)).numpy()
    np.testing.assert_allclose(codes, scores / components.spread[:6], atol=0.02)
    np.testing.assert_allclose(made, expected, atol=0.05)


CONVOLUTIONS = pytest.mark.parametrize("convolutions", [{}, {"seen": 4, "bent": 2}], ids=["without", "with"])


@CONVOLUTIONS
def test_a_mirrored_mesh_has_the_code_with_changed_signs(hierarchy, meshes, convolutions):
    network = shaken(local_network(hierarchy, meshes, **convolutions)[0])
    mirror = torch.from_numpy(hierarchy.levels[0].mirror.astype(np.int64))
    some = torch.from_numpy(meshes.take(slice(0, 4)))
    with torch.no_grad():
        code, made = network.encode(some), network(some)
        other = some[:, mirror] * torch.from_numpy(FLIP)
        torch.testing.assert_close(network.encode(other), network.sign * code, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(network(other), made[:, mirror] * torch.from_numpy(FLIP), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("kind", ["classical", "local"])
def test_a_batch_equals_single_meshes(hierarchy, meshes, kind):
    torch.manual_seed(5)
    network = (
        shaken(MeshAutoencoder(classical(8), hierarchy))
        if kind == "classical"
        else shaken(local_network(hierarchy, meshes, seen=4, bent=2)[0])
    )
    some = torch.from_numpy(meshes.take(slice(0, 3)))
    with torch.no_grad():
        together, alone = network(some), torch.cat([network(one[None]) for one in some])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-4)


@CONVOLUTIONS
def test_some_vertices_are_decoded_as_all_are(hierarchy, meshes, convolutions):
    network = shaken(local_network(hierarchy, meshes, **convolutions)[0])
    mirror = hierarchy.levels[0].mirror
    left = np.flatnonzero(mirror >= np.arange(len(mirror)))[::3]
    rows = torch.from_numpy(np.concatenate([left, mirror[left]]).astype(np.int64))
    code = torch.randn(3, 6)
    with torch.no_grad():
        whole = network.decode(code) - network.mean
        torch.testing.assert_close(network.decode_at(code, rows), whole[:, rows], atol=1e-4, rtol=1e-4)


def test_a_fit_finds_the_code_of_what_was_decoded(hierarchy, meshes):
    network = local_network(hierarchy, meshes, numbers=8000)[0]
    with torch.no_grad():
        for parameter in network.up.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
        network.spread.weight[:, 6:] = 0.1
    true = torch.randn(4, 6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        made = network.decode(true)
        start = true + 0.3
        fits = [network.fitted(made, start, steps) for steps in (0, 1, 8)]
        errors = [float((network.decode(code) - made).norm(dim=2).mean()) for code in fits]
    assert torch.equal(fits[0], start)
    assert errors[2] < 0.02 * errors[0]
    assert errors[1] < errors[0]
    torch.testing.assert_close(network.fitted(made[:1], start[:1]), network.fitted(made, start)[:1], atol=1e-3, rtol=0)


def test_a_coarse_convolution_is_a_chebyshev_convolution(hierarchy):
    laplacian = SparseMatrix(hierarchy.levels[3].scaled_laplacian())
    one, other = CoarseConvolution(3, 4, 6, laplacian), ChebyshevConvolution(3, 4, 6, laplacian)
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, hierarchy.counts[3], 3)
    torch.testing.assert_close(one(x), other(x), atol=1e-5, rtol=1e-4)


def test_polynomials_hold_affine_maps_and_are_alike_on_both_sides(hierarchy):
    patches = Patches.of(hierarchy, 2, REST)
    for vertex, other, rows in patches.pairs():
        columns = patches.polynomials[rows].astype(np.float64)
        used = columns.any(0)
        np.testing.assert_allclose(columns.T @ columns, np.diag(used), atol=1e-5)
        if vertex != other:
            assert np.array_equal(patches.polynomials[patches.mirror[rows]], patches.polynomials[rows])
            rows = rows[patches.mirror[rows] != rows]
        turned = (REST[rows] @ np.random.default_rng(vertex).standard_normal((3, 3)) + 5)[None]
        np.testing.assert_allclose(patches.split(turned, rows)[1], 0, atol=1e-3)


def test_what_is_allotted_fits_the_numbers_and_is_symmetric(hierarchy, meshes):
    patches = Patches.of(hierarchy, 2, REST)
    for numbers in (3000, 9000):
        network, _ = local_network(hierarchy, meshes, numbers=numbers)
        smooth, free = (np.array(each) for each in (network.configuration.smooth, network.configuration.free))
        assert np.array_equal(smooth[patches.coarse_mirror], smooth)
        assert np.array_equal(free[patches.coarse_mirror], free)
        bases = LocalBases(network.configuration.smooth, network.configuration.free, patches)
        used = sum(parameter.numel() for parameter in bases.parameters()) + 12 * bases.features
        assert 0.7 * numbers < used <= numbers
        spread = network.spread.weight
        assert spread.shape == (bases.features, 6 + 6)


def test_more_numbers_leave_less(hierarchy, meshes):
    some = torch.from_numpy(meshes.take(slice(0, 20)))
    left = []
    for numbers in (1500, 4000, 400_000):
        network, _ = local_network(hierarchy, meshes, numbers=numbers)
        with torch.no_grad():
            left.append(float((network(some) - some).norm(dim=2).mean()))
    assert left[0] > left[1] > left[2]


def test_means_keep_constants_and_owners_are_symmetric(hierarchy):
    pooled = hierarchy.mean_pooling(0, 3) @ np.ones(hierarchy.counts[0])
    np.testing.assert_allclose(pooled, 1)
    steps = hierarchy.mean_pooling(2) @ hierarchy.mean_pooling(1) @ hierarchy.mean_pooling(0)
    np.testing.assert_allclose(hierarchy.mean_pooling(0, 3).toarray(), steps.toarray(), atol=1e-12)
    back = hierarchy.unpooling(0) @ hierarchy.unpooling(1) @ hierarchy.unpooling(2)
    np.testing.assert_allclose(hierarchy.unpooling(0, 3).toarray(), back.toarray(), atol=1e-12)
    owner = owners(hierarchy, 2)
    assert np.array_equal(owner[hierarchy.levels[0].mirror], hierarchy.levels[2].mirror[owner])
    # A vertex that is kept owns itself.
    kept = np.searchsorted(hierarchy.levels[0].kept, hierarchy.levels[2].kept)
    assert np.array_equal(owner[kept], np.arange(hierarchy.counts[2]))


def test_widened_unpooling_starts_barycentric_and_is_symmetric(hierarchy):
    widened = widened_unpooling(hierarchy, 0, 6)
    np.testing.assert_allclose(widened.toarray(), hierarchy.unpooling(0).toarray(), atol=1e-6)
    lengths = np.diff(widened.indptr)
    middle = hierarchy.levels[0].mirror == np.arange(hierarchy.counts[0])
    assert lengths[~middle].max() <= 6
    assert np.median(lengths) == 6
    entries = sp.csr_array((np.ones(widened.nnz), widened.indices, widened.indptr), shape=widened.shape).toarray()
    fine, coarse = hierarchy.levels[0].mirror, hierarchy.levels[1].mirror
    assert np.array_equal(entries[np.ix_(fine, coarse)], entries)


def test_a_learnt_matrix_is_its_matrix_and_has_its_gradients(hierarchy):
    widened = widened_unpooling(hierarchy, 1, 5)
    layer = LearnedSparseMatrix(widened)
    x = torch.randn(2, widened.shape[1], 3, requires_grad=True)
    dense = torch.zeros(widened.shape)
    rows = np.repeat(np.arange(widened.shape[0]), np.diff(widened.indptr))

    def by_hand():
        matrix = dense.index_put((torch.from_numpy(rows), layer.pattern.columns), layer.values)
        return torch.einsum("rv,bvc->brc", matrix, x)

    wanted = torch.randn(2, widened.shape[0], 3)
    torch.testing.assert_close(layer(x), by_hand(), atol=1e-5, rtol=1e-5)
    ours = torch.autograd.grad((layer(x) * wanted).sum(), [x, layer.values])
    theirs = torch.autograd.grad((by_hand() * wanted).sum(), [x, layer.values])
    for one, another in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, another, atol=1e-4, rtol=1e-4)


def test_impossible_configurations_are_refused(hierarchy):
    with pytest.raises(ValueError, match="pooling is subset or mean"):
        AutoencoderConfiguration(pooling="max")
    with pytest.raises(ValueError, match="convolutions are needed"):
        AutoencoderConfiguration(channels=(0, 0))
    with pytest.raises(ValueError, match="read at level"):
        AutoencoderConfiguration(channels=(8, 8), read_at=1)
    with pytest.raises(ValueError, match="the hierarchy 4"):
        MeshAutoencoder(AutoencoderConfiguration(channels=(0, 0, 4, 4, 4)), hierarchy)
    with pytest.raises(ValueError, match="cannot be odd"):
        LocalConfiguration(code_size=4, odd=5)
    with pytest.raises(ValueError, match="coarser level than 0"):
        LocalConfiguration(level=0)
    with pytest.raises(ValueError, match="of 5"):
        LocalAutoencoder(LocalConfiguration(level=9), hierarchy)


def test_meshes_come_back_from_their_file(tmp_path: Path, meshes):
    meshes.save(tmp_path / "set.npz", {})
    again = Meshes.load(tmp_path / "set.npz")
    assert np.array_equal(again.take([3, 1]), meshes.take([3, 1]))
    principal = principal_components(meshes, 4)
    principal.save(tmp_path / "principal.npz", {})
    assert np.array_equal(type(principal).load(tmp_path / "principal.npz").basis, principal.basis)
