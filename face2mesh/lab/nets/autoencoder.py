"""The mesh autoencoder: a skin to a code of few numbers and back, by Chebyshev convolutions on the levels of a mesh.

One class holds the classical network (Ranjan 2018, "Generating 3D faces using convolutional mesh autoencoders":
`classical`) and a linear skip with a small network beside it; ours is `local_autoencoder`. What else the configuration
can say:

- No convolution on levels 0 and 1, whose vertices are what costs. Displacements are read off level 1 with weights of
  each vertex's own and go on to level 0 by a sparse matrix that is learnt and then fixed (learned aggregation).
- Blocks are residual, so that a linear path leads from the code to every vertex, and the code goes through a hidden
  layer, which can bend it as a whole.
- A linear skip, started from PCA, is there for worlds that are linear.

Letters: B batch, S vertices, Z numbers in the code, l a level, n_l its vertices, C_l its channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from face2mesh.lab.graph.chebyshev import ChebyshevConvolution, SparseMatrix, csr_tensor
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.graph.laplacian import Matrix
from face2mesh.lab.graph.neighbourhood import widened_unpooling
from face2mesh.lab.nets.decoder import ResidualBlock, VertexwiseLinear


@dataclass(frozen=True)
class AutoencoderConfiguration:
    """All that the network sees of a configuration.

    Attributes:
        code_size: Z.
        channels: C_l of each level with convolutions, finest first; 0 for the finest levels that have none. The level
            after the last one is the coarsest, with as many channels as the last.
        order: K of the convolutions.
        hidden: widths of the layers between the coarsest features and the code, from the mesh to the code.
        residual: blocks x + convolution(bend(convolution(x))) instead of relu(convolution(x)).
        pooling: "subset" (the vertices that are kept) or "mean" (of those that a vertex stands for).
        unpooling: "barycentric" or "learned": a sparse matrix that starts so, for displacements on their way from
            `read_at` to level 0. Features are unpooled by barycentric weights.
        neighbours: vertices that a vertex is made of in learned unpooling.
        reading: "convolution" or "vertexwise": how features become displacements.
        read_at: the level where they do, not coarser than the finest with convolutions.
        skip: whether a linear autoencoder is added, on level 0.
    """

    code_size: int = 8
    channels: tuple[int, ...] = (0, 0, 16, 16)
    order: int = 3
    hidden: tuple[int, ...] = (64,)
    residual: bool = True
    pooling: str = "mean"
    unpooling: str = "learned"
    neighbours: int = 6
    reading: str = "vertexwise"
    read_at: int = 1
    skip: bool = False

    def __post_init__(self) -> None:
        """Refuse what no network can mean.

        Raises:
            ValueError: an unknown word, or channels after the finest levels that are 0.
        """
        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {' or '.join(known)}, not {getattr(self, name)}")
        working = self.channels[self.bare :]
        if not working or min(working) < 1:
            raise ValueError("convolutions are needed on a level, and on every coarser one up to the last")
        if not 0 <= self.read_at <= self.bare:
            raise ValueError(f"displacements are read at level 0 to {self.bare}, not {self.read_at}")

    @property
    def bare(self) -> int:
        """How many of the finest levels have no convolution."""
        return next((level for level, width in enumerate(self.channels) if width), len(self.channels))


_WORDS = {
    "pooling": ("subset", "mean"),
    "unpooling": ("barycentric", "learned"),
    "reading": ("convolution", "vertexwise"),
}


def classical(code_size: int) -> AutoencoderConfiguration:
    """The configuration of Ranjan 2018: K = 6, four poolings by 4, widths 16, 16, 16, 32.

    As in its code: convolution, bias, ReLU, pooling to a vertex subset; one linear layer each to and from the code;
    unpooling, convolution, bias, ReLU at the same widths; a last convolution to coordinates. Different here: no ReLU on
    the code itself, where units die for good.
    """
    return AutoencoderConfiguration(
        code_size=code_size,
        channels=(16, 16, 16, 32),
        order=6,
        hidden=(),
        residual=False,
        pooling="subset",
        unpooling="barycentric",
        reading="convolution",
        read_at=0,
    )


class MeshAutoencoder(nn.Module):
    """Skins (B, S, 3) mm to codes (B, Z) and back; or displacements, whatever `standardise` was told the mean of."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, configuration: AutoencoderConfiguration, hierarchy: Hierarchy) -> None:
        """Make a network with weights drawn from torch's generator.

        Args:
            configuration: its sizes.
            hierarchy: of the mesh.

        Raises:
            ValueError: there are fewer levels than configured.
        """
        super().__init__()
        if len(configuration.channels) >= len(hierarchy.levels):
            raise ValueError(
                f"the autoencoder pools {len(configuration.channels)} times, the hierarchy {len(hierarchy.levels) - 1}"
            )
        self.configuration = configuration
        count, size = hierarchy.counts[0], configuration.code_size
        self.register_buffer("mean", torch.zeros(count, 3))
        self.register_buffer("deviation", torch.ones(count, 3))
        self.encoder = Encoder(configuration, hierarchy)
        self.decoder = Decoder(configuration, hierarchy)
        if configuration.skip:
            self.skip_encoder = nn.Parameter(torch.zeros(3 * count, size))
            self.skip_decoder = nn.Parameter(torch.zeros(size, 3 * count))

    def standardise(self, mean: NDArray[Any], deviation: NDArray[Any] | float) -> None:
        """Set what is subtracted from every mesh, and what an output of 1 means.

        Args:
            mean: (S, 3) mm.
            deviation: mm, one number or one for each coordinate (S, 3).
        """
        self.mean.copy_(torch.from_numpy(np.asarray(mean, np.float32)))
        self.deviation.copy_(torch.from_numpy(np.asarray(deviation, np.float32)).expand_as(self.deviation))

    def start_skip(self, basis: NDArray[Any], spread: NDArray[Any]) -> None:
        """Make the skip a principal component analysis, with whitened codes, and let all else start as nothing.

        Args:
            basis: (Z, 3·S) orthonormal rows.
            spread: (Z,) mm, the deviation of each score.
        """
        rows, scale = torch.from_numpy(np.asarray(basis, np.float32)), torch.from_numpy(np.asarray(spread, np.float32))
        with torch.no_grad():
            self.skip_encoder.copy_((rows / scale[:, None]).t())
            self.skip_decoder.copy_(rows * scale[:, None])
            for layer in (self.encoder.code[-1], self.decoder.read):
                for parameter in layer.parameters():
                    parameter.zero_()

    def forward(self, meshes: Tensor) -> Tensor:
        """(B, S, 3) mm to the same, through the code."""
        return self.decode(self.encode(meshes))

    def encode(self, meshes: Tensor) -> Tensor:
        """(B, S, 3) mm to (B, Z)."""
        centred = meshes - self.mean
        code: Tensor = self.encoder(centred / self.deviation)
        return code + centred.flatten(1) @ self.skip_encoder if self.configuration.skip else code

    def decode(self, code: Tensor) -> Tensor:
        """(B, Z) to (B, S, 3) mm."""
        meshes: Tensor = self.mean + self.deviation * self.decoder(code)
        return meshes + (code @ self.skip_decoder).view_as(meshes) if self.configuration.skip else meshes


class Encoder(nn.Module):
    """Standardised meshes (B, S, 3) to codes, down the levels."""

    def __init__(self, configuration: AutoencoderConfiguration, hierarchy: Hierarchy) -> None:
        """Args: sizes, levels."""
        super().__init__()
        channels, bare = configuration.channels, configuration.bare
        pooling = hierarchy.subset_pooling if configuration.pooling == "subset" else hierarchy.mean_pooling
        pools = [SparseMatrix(pooling(level)) for level in range(len(channels))]
        self.finest = nn.Sequential(*pools[:bare])
        layers: list[nn.Module] = []
        width = 3
        for level in range(bare, len(channels)):
            layers += [_block(width, channels[level], level, configuration, hierarchy), pools[level]]
            width = channels[level]
        self.levels = nn.Sequential(*layers)
        inputs = width * hierarchy.counts[len(channels)]
        self.code = _perceptron((inputs, *configuration.hidden, configuration.code_size))

    def forward(self, meshes: Tensor) -> Tensor:
        """(B, S, 3) to (B, Z)."""
        code: Tensor = self.code(self.levels(self.finest(meshes)).flatten(1))
        return code


class Decoder(nn.Module):
    """Codes to standardised displacements from the mean (B, S, 3), up the levels."""

    def __init__(self, configuration: AutoencoderConfiguration, hierarchy: Hierarchy) -> None:
        """Args: sizes, levels."""
        super().__init__()
        channels, bare = configuration.channels, configuration.bare
        width, coarsest = channels[-1], hierarchy.counts[len(channels)]
        self.coarsest = (coarsest, width)
        self.code = _perceptron((configuration.code_size, *configuration.hidden[::-1], coarsest * width))
        layers: list[nn.Module] = []
        for level in range(len(channels) - 1, bare - 1, -1):
            layers.append(SparseMatrix(hierarchy.unpooling(level)))
            layers.append(_block(width, channels[level], level, configuration, hierarchy))
            width = channels[level]
        at = configuration.read_at
        self.spread = SparseMatrix(hierarchy.unpooling(at, bare)) if bare > at else None
        self.levels = nn.Sequential(*layers)
        self.read: nn.Module
        if configuration.reading == "vertexwise":
            self.read = VertexwiseLinear(hierarchy.counts[at], width, 3)
        else:
            laplacian = SparseMatrix(hierarchy.levels[at].scaled_laplacian())
            self.read = ChebyshevConvolution(width, 3, configuration.order, laplacian, bias=False)
        self.finest = nn.Sequential(
            *(
                LearnedSparseMatrix(widened_unpooling(hierarchy, level, configuration.neighbours))
                if configuration.unpooling == "learned"
                else SparseMatrix(hierarchy.unpooling(level))
                for level in range(at - 1, -1, -1)
            )
        )

    def forward(self, code: Tensor) -> Tensor:
        """(B, Z) to (B, S, 3)."""
        features = self.levels(self.code(code).view(-1, *self.coarsest))
        if self.spread is not None:
            features = self.spread(features)
        vertices: Tensor = self.finest(self.read(features))
        return vertices


class Widened(nn.Module):
    """A linear change of the channels' number, then a residual block."""

    def __init__(self, channels: int, channels_out: int, order: int, laplacian: SparseMatrix) -> None:
        """Args: C, H, K, L̃ of the level."""
        super().__init__()
        self.change = nn.Linear(channels, channels_out, bias=False)
        if channels == channels_out:
            nn.init.eye_(self.change.weight)
        self.block = ResidualBlock(channels_out, order, laplacian)

    def forward(self, features: Tensor) -> Tensor:
        """(B, n, C) to (B, n, H)."""
        bent: Tensor = self.block(self.change(features))
        return bent


def _block(
    channels: int, channels_out: int, level: int, configuration: AutoencoderConfiguration, hierarchy: Hierarchy
) -> nn.Module:
    laplacian = SparseMatrix(hierarchy.levels[level].scaled_laplacian())
    if configuration.residual:
        return Widened(channels, channels_out, configuration.order, laplacian)
    return nn.Sequential(ChebyshevConvolution(channels, channels_out, configuration.order, laplacian), nn.ReLU())


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ELU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ELU()]
    return nn.Sequential(*layers[:-1])


class LearnedSparseMatrix(nn.Module):
    """A sparse matrix (R, V) whose stored entries are learnt; applied to x (B, V, C) to give (B, R, C)."""

    def __init__(self, matrix: Matrix) -> None:
        """Start as a SciPy matrix (R, V), CSR with sorted indices; its stored zeros are learnt too."""
        super().__init__()
        self.values = nn.Parameter(torch.from_numpy(matrix.data.astype(np.float32)))
        self.pattern = _Pattern(matrix)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, C) to (B, R, C)."""
        batch, _, channels = x.shape
        columns = x.transpose(0, 1).reshape(x.shape[1], -1)
        product: Tensor = _LearnedProduct.apply(columns, self.values, self.pattern)  # type: ignore[no-untyped-call]
        return product.view(-1, batch, channels).transpose(0, 1)


class _Pattern:
    """Where the entries of a sparse matrix lie, and the same for its transpose; constant, shared by copies."""

    def __init__(self, matrix: Matrix) -> None:
        self.shape = matrix.shape
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        order = np.lexsort((rows, np.asarray(matrix.indices)))
        starts = np.searchsorted(matrix.indices[order], np.arange(matrix.shape[1] + 1))
        self.rows, self.columns = torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(matrix.indices).long()
        self.starts = torch.from_numpy(matrix.indptr.astype(np.int64))
        self.order, self.transposed_starts = torch.from_numpy(order), torch.from_numpy(starts.astype(np.int64))

    def __deepcopy__(self, memo: dict[int, Any]) -> _Pattern:
        return self

    def matrix(self, values: Tensor) -> Tensor:
        return csr_tensor(self.starts, self.columns, values, self.shape)

    def transposed(self, values: Tensor) -> Tensor:
        return csr_tensor(self.transposed_starts, self.rows[self.order], values[self.order], self.shape[::-1])


class _LearnedProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor, pattern: _Pattern) -> Tensor:
        ctx.save_for_backward(x, values)
        ctx.pattern = pattern
        return pattern.matrix(values) @ x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, values = ctx.saved_tensors
        pattern: _Pattern = ctx.pattern
        gradient = gradient.contiguous()
        by_values = (gradient[pattern.rows] * x[pattern.columns]).sum(1)
        return pattern.transposed(values) @ gradient, by_values, None
