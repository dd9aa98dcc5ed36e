"""Our mesh autoencoder: bent where the world is bent, on few vertices; linear and local where the surface is fine.

Features live on a coarse level of the mesh (66 vertices of a head). Each vertex of a finer level belongs to one vertex
of it, and reads its displacement off that vertex's features with weights of its own: a local linear basis, which costs
far fewer numbers than a global one and shows lips and lids that no interpolation shows. If that finer level is not
level 0, a sparse matrix goes on from there. Going down, means of the mesh are pooled onto the coarse level. Between the
two lie the code, perceptrons and Chebyshev convolutions on the coarse level, all beside a linear path.

A mirrored mesh has the code whose odd numbers changed sign: y = D(z) + M D(sign · z), z = E(x) + sign · E(M x), M the
mirror. So half the weights do, whatever was learnt of one side is known of the other, and D's features of the two sides
are two bases for each.

The start is PCA: linear path and local bases are computed from principal components, all that bends starts as 0.

Letters: B batch, S vertices, Z numbers in the code, n vertices of the coarse level, C features, r vertices that read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from face2mesh.lab.graph.chebyshev import ChebyshevConvolution, SparseMatrix
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.nets.autoencoder import LearnedSparseMatrix, Mirror, composed_pooling, composed_unpooling, unpooling
from face2mesh.lab.nets.decoder import ResidualBlock, VertexwiseLinear


@dataclass(frozen=True)
class LocalConfiguration:
    """All that the network sees of a configuration.

    Attributes:
        code_size: Z.
        odd: how many numbers of the code, the last ones, change sign in the mirror.
        level: where features live.
        channels: C.
        read_at: the level whose vertices read them.
        neighbours: of each vertex in the sparse matrices onwards from there.
        order: K of the convolutions.
        seen: channels of the encoder's convolution.
        wide, narrow: widths of the perceptrons' layers beside the code and beside the mesh.
    """

    code_size: int = 16
    odd: int = 5
    level: int = 3
    channels: int = 8
    read_at: int = 1
    neighbours: int = 8
    order: int = 6
    seen: int = 8
    wide: int = 64
    narrow: int = 48

    def __post_init__(self) -> None:
        """Refuse what no network can mean.

        Raises:
            ValueError: more odd numbers than numbers, or levels in the wrong order.
        """
        if not 0 <= self.odd <= self.code_size:
            raise ValueError(f"{self.odd} of {self.code_size} numbers cannot be odd")
        if not 0 <= self.read_at < self.level:
            raise ValueError(f"level {self.read_at} cannot read features of level {self.level}")


class LocalAutoencoder(nn.Module):
    """Meshes (B, S, 3) mm to codes (B, Z) and back."""

    mean: Tensor
    scale: Tensor
    sign: Tensor
    owner: Tensor

    def __init__(self, configuration: LocalConfiguration, hierarchy: Hierarchy) -> None:
        """Make a network; `start` gives it its linear part.

        Args:
            configuration: its sizes.
            hierarchy: of the mesh, made with its mirror.

        Raises:
            ValueError: there are fewer levels than configured, or the mesh has no mirror.
        """
        super().__init__()
        if configuration.level >= len(hierarchy.levels):
            raise ValueError(f"features are to live on level {configuration.level} of {len(hierarchy.levels)}")
        self.configuration = configuration
        size, level, at = configuration.code_size, configuration.level, configuration.read_at
        coarse, channels = hierarchy.counts[level], configuration.channels
        self.coarse_mirror, self.read_mirror = (Mirror(hierarchy.levels[number].mirror) for number in (level, at))
        if self.read_mirror.is_none:
            raise ValueError("this autoencoder needs a hierarchy made with the mesh's mirror")
        self.register_buffer("mean", torch.zeros(hierarchy.counts[0], 3))
        self.register_buffer("scale", torch.ones(()))
        sign = torch.ones(size)
        sign[size - configuration.odd :] = -1
        self.register_buffer("sign", sign, persistent=False)
        self.register_buffer("owner", torch.from_numpy(owners(hierarchy, level, at)), persistent=False)
        laplacian = SparseMatrix(hierarchy.levels[level].scaled_laplacian())

        self.pool = SparseMatrix(composed_pooling(hierarchy, level))
        self.straight = nn.Linear(3 * coarse, size, bias=False)
        self.see = ChebyshevConvolution(3, configuration.seen, configuration.order, laplacian)
        widths = (configuration.seen * coarse, configuration.narrow, configuration.wide, size)
        last = nn.Linear(*widths[2:])
        self.bend = nn.Sequential(
            nn.Linear(widths[0], widths[1]), nn.ELU(), nn.Linear(widths[1], widths[2]), nn.ELU(), last
        )
        self.unbend = nn.Sequential(
            nn.Linear(size, configuration.wide), nn.ELU(), nn.Linear(configuration.wide, configuration.narrow), nn.ELU()
        )
        self.spread = nn.Linear(size + configuration.narrow, coarse * channels, bias=False)
        self.block = ResidualBlock(channels, configuration.order, laplacian)
        self.read = VertexwiseLinear(hierarchy.counts[at], channels, 3)
        self.finest = nn.Sequential(
            *(unpooling(hierarchy, finer, configuration.neighbours, tied=True) for finer in range(at - 1, -1, -1))
        )
        for layer in (self.straight, last, self.spread):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(last.bias)

    def forward(self, meshes: Tensor) -> Tensor:
        """(B, S, 3) mm to the same, through the code."""
        return self.decode(self.encode(meshes))

    def encode(self, meshes: Tensor) -> Tensor:
        """(B, S, 3) mm to (B, Z)."""
        return self.encode_pooled(self.pool(meshes - self.mean))

    def encode_pooled(self, pooled: Tensor) -> Tensor:
        """Displacements from the mean, pooled to the coarse level (B, n, 3) mm, to (B, Z)."""
        seen = torch.cat([pooled, self.coarse_mirror(pooled)]) / self.scale
        bent = self.bend(functional.elu(self.see(seen)).flatten(1))
        one, other = (self.straight(seen.flatten(1)) + bent).chunk(2)
        code: Tensor = one + self.sign * other
        return code

    def decode(self, code: Tensor) -> Tensor:
        """(B, Z) to (B, S, 3) mm."""
        read = self.read(torch.index_select(self.features(code), 1, self.owner))
        one, other = read.chunk(2)
        vertices: Tensor = self.finest(one + self.read_mirror(other))
        return self.mean + self.scale * vertices

    def decode_at(self, code: Tensor, rows: Tensor) -> Tensor:
        """Displacements from the mean at some vertices of the level that reads, which is all that a step needs.

        Args:
            code: (B, Z).
            rows: (r,) vertices, the second half the mirrored first half.

        Returns:
            (B, r, 3) mm.
        """
        near = self.features(code).transpose(0, 1)[self.owner[rows]]
        read = torch.bmm(near, self.read.weight[:, rows].permute(1, 2, 0)).transpose(0, 1)
        one, other = read.chunk(2)
        other = torch.cat(other.chunk(2, 1)[::-1], 1) * other.new_tensor([-1.0, 1.0, 1.0])
        return self.scale * (one + other)

    def features(self, code: Tensor) -> Tensor:
        """(B, Z) to (2B, n, C), of the code and of the mirrored one."""
        codes = torch.cat([code, self.sign * code])
        reached = self.spread(torch.cat([codes, self.unbend(codes)], 1))
        features: Tensor = self.block(reached.view(len(codes), -1, self.configuration.channels))
        return features

    @torch.no_grad()
    def start(
        self, mean: NDArray[Any], basis: NDArray[Any], spread: NDArray[Any], sign: NDArray[Any], kept: NDArray[Any]
    ) -> None:
        """Become the PCA of these components, as well as pooling tells them and the local bases hold them.

        Args:
            mean: (S, 3) mm, symmetric.
            basis: (R, 3·S) orthonormal rows, even or odd; those of the code first, its odd ones last among them.
            spread: (R,) mm, deviations of the scores.
            sign: (R,) 1 for even, −1 for odd ones.
            kept: (r,) vertices of level 0 that the level that reads has.
        """
        size = self.configuration.code_size
        fields = (basis * spread[:, None]).reshape(len(basis), -1, 3)  # what a deviation of each component moves
        scale = float(np.sqrt(np.square(fields).sum(0).mean()))
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.fill_(scale)

        pooled = np.stack([self.pool.matrix @ field for field in fields]).reshape(len(fields), -1) / scale
        ridge = 1e-7 * np.square(pooled).sum() * np.eye(pooled.shape[1])
        linear = np.linalg.solve(pooled.T.astype(np.float64) @ pooled + ridge, pooled[:size].T)
        self.straight.weight.copy_(torch.from_numpy(linear.T / 2))

        mirror, owner = self.coarse_mirror.other.numpy(), self.owner.numpy()
        seen = fields[:, kept] / scale
        spread_weight, read_weight = _local_bases(
            seen, sign, size, self.configuration.channels, owner, mirror, self.read_mirror.other.numpy()
        )
        self.spread.weight[:, :size] = torch.from_numpy(spread_weight.reshape(-1, size))
        self.read.weight.copy_(torch.from_numpy(read_weight))
        if self.configuration.read_at == 1:
            self.start_finest(seen, fields / scale)

    @torch.no_grad()
    def start_finest(self, coarse: NDArray[Any], fine: NDArray[Any]) -> None:
        """Fit the last sparse matrix by least squares.

        Args:
            coarse: (N, r, 3), at the vertices that it starts from.
            fine: (N, S, 3), what it should give.
        """
        layer = self.finest[-1]
        assert isinstance(layer, LearnedSparseMatrix)
        rows, columns = layer.pattern.rows.numpy(), layer.pattern.columns.numpy()
        starts = layer.pattern.starts.numpy()
        values = np.zeros(len(rows))
        for row, (first, last) in enumerate(pairwise(starts.tolist())):
            near = coarse[:, columns[first:last]].transpose(0, 2, 1).reshape(-1, last - first).astype(np.float64)
            squares = near.T @ near
            ridge = 1e-6 * (np.trace(squares) + 1e-9) * np.eye(last - first)
            # Towards the barycentric weights where the data do not say.
            prior = layer.values.numpy()[layer.tied.numpy()[first:last]]
            values[first:last] = np.linalg.solve(squares + ridge, near.T @ fine[:, row].ravel() + ridge @ prior)
        sums = np.bincount(layer.tied.numpy(), values) / np.bincount(layer.tied.numpy())
        layer.values.copy_(torch.from_numpy(sums))


def _local_bases(
    fields: NDArray[Any],
    sign: NDArray[Any],
    size: int,
    channels: int,
    owner: NDArray[Any],
    mirror: NDArray[Any],
    fine_mirror: NDArray[Any],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The principal directions of each coarse vertex's own fine vertices.

    A coarse vertex and its mirror image have 2C of them between them: the first C are the features of one, the other C
    those of the other, which reach the first one's vertices as the mirrored half of the decoder's sum. On the midline
    each feature is the sum of an even and an odd direction.

    Args:
        fields: (R, r, 3), what a deviation of each component moves.
        sign: (R,).
        size: Z.
        channels: C.
        owner: (r,).
        mirror, fine_mirror: of the coarse vertices and the fine ones.

    Returns:
        (n, C, Z) from the code to features, and (3, r, C) from features to vertices.
    """
    spread = np.zeros((len(mirror), channels, size), np.float32)
    read = np.zeros((3, len(owner), channels), np.float32)
    flip = np.array([-1.0, 1.0, 1.0])

    def directions(moved: NDArray[Any], count: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Fields (count, r', 3) and the features (count, R) of deviation 1 that go with them."""
        _, sizes, rows = np.linalg.svd(moved.reshape(len(moved), -1), full_matrices=False)
        rows = rows * (sizes > 1e-6 * sizes.max(initial=1e-9))[:, None]  # directions of nothing are any at all
        unit = max(float(np.sqrt(np.square(sizes).sum() / count)), 1e-9)
        rows, features = rows[:count] * unit, moved.reshape(len(moved), -1) @ rows[:count].T / unit
        missing = count - len(rows)
        rows = np.pad(rows, ((0, missing), (0, 0)))
        return rows.reshape(count, -1, 3), np.pad(features, ((0, 0), (0, missing))).T

    for vertex, other in enumerate(mirror.tolist()):
        own = np.flatnonzero(owner == vertex)
        moved = fields[:, own]
        if vertex == other:
            even, even_features = directions(moved * (sign > 0)[:, None, None], channels)
            odd, odd_features = directions(moved * (sign < 0)[:, None, None], channels)
            spread[vertex] = (even_features + odd_features)[:, :size]
            read[:, own] = ((even + odd) / 2).transpose(2, 1, 0)
        elif vertex < other:
            rows, features = directions(moved, 2 * channels)
            spread[vertex] = features[:channels, :size]
            spread[other] = features[channels:, :size] * sign[:size]
            read[:, own] = rows[:channels].transpose(2, 1, 0)
            read[:, fine_mirror[own]] = (rows[channels:] * flip).transpose(2, 1, 0)
            # A vertex of the midline that neither side has to itself is reached by both halves of the sum alike.
            middle = fine_mirror[own] == own
            read[:, own[middle]] = rows[:channels, middle].transpose(2, 1, 0) / 2
    return spread, read


def owners(hierarchy: Hierarchy, level: int, at: int) -> NDArray[np.int64]:
    """(r,) for each vertex of a finer level, the vertex of `level` that it is mostly made of; symmetric."""
    matrix = composed_unpooling(hierarchy, level, at)
    owner = np.asarray(matrix.toarray().argmax(1), np.int64)
    fine, coarse = hierarchy.levels[at].mirror, hierarchy.levels[level].mirror
    own = np.arange(len(owner)) <= fine
    owner[fine[own]] = coarse[owner[own]]
    return owner
