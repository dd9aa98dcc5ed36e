"""The mesh decoders: identity code to neutral head, expression weights and identity code to displacement.

Both are the same graph network. A learnt linear map gives features to the coarsest level; going up the levels
(barycentric unpooling) residual blocks of Chebyshev convolutions bend them, and further linear maps add what only a
finer level can show. On level 0, whose four thousand vertices are what costs, a convolution and a layer with weights of
its own for each vertex read the displacement off few channels.

Every step maps 0 to 0 (no constants but those inside `Bend`), so no expression gives exactly no displacement. In the
expression decoder the identity enters by multiplication, which keeps it so.

A decoder is made from its configuration and the hierarchy; its `state_dict` holds everything else. Letters: B batch,
S skin vertices, M identity modes, L levels in use, n_l vertices and C_l channels of level l.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from face2mesh.lab.graph.chebyshev import ChebyshevConvolution, SparseMatrix
from face2mesh.lab.graph.hierarchy import Hierarchy

EXPRESSIONS = 52


@dataclass(frozen=True)
class TrunkConfiguration:
    """The graph network that both decoders share.

    Attributes:
        channels: C_l of each level in use, finest first; their number is L.
        added: channels of each level that the codes reach directly, finest first; those of level 0 must be 0.
        order: K of the convolutions inside.
        last_order: K of the convolution on level 0.
        scale_mm: what an output of 1 means.
    """

    channels: tuple[int, ...] = (16, 20, 32, 32)
    added: tuple[int, ...] = (0, 6, 16, 32)
    order: int = 3
    last_order: int = 4
    scale_mm: float = 5.0

    def __post_init__(self) -> None:
        """Check the levels.

        Raises:
            ValueError: too few levels, more channels are added than there are, or none on the coarsest level.
        """
        if len(self.channels) < 2 or len(self.channels) != len(self.added):
            raise ValueError("a decoder needs channels and added channels for the same two levels or more")
        if self.added[0] or any(added > width for added, width in zip(self.added, self.channels, strict=True)):
            raise ValueError("codes reach the levels above 0, by no more channels than a level has")
        if not self.added[-1]:
            raise ValueError("codes must reach the coarsest level in use")


@dataclass(frozen=True)
class IdentityDecoderConfiguration(TrunkConfiguration):
    """All that the identity decoder sees of a configuration.

    Attributes:
        identity_size: M.
    """

    identity_size: int = 100


@dataclass(frozen=True)
class ExpressionDecoderConfiguration(TrunkConfiguration):
    """All that the expression decoder sees of a configuration.

    Attributes:
        identity_size: M.
    """

    identity_size: int = 100


def rest_of(rest: NDArray[np.float32], hierarchy: Hierarchy) -> Tensor:
    """The rest skin (S, 3) mm as a tensor.

    Raises:
        ValueError: it is not the hierarchy's level 0.
    """
    if rest.shape != (hierarchy.counts[0], 3):
        raise ValueError(f"the rest skin is {rest.shape}, the hierarchy's level 0 has {hierarchy.counts[0]} vertices")
    return torch.from_numpy(np.array(rest, np.float32))


class IdentityDecoder(nn.Module):
    """Identity codes (B, M) to neutral skins (B, S, 3) in mm: rest skin + scale · network."""

    rest: Tensor

    def __init__(
        self, configuration: IdentityDecoderConfiguration, hierarchy: Hierarchy, rest: NDArray[np.float32]
    ) -> None:
        """Make a decoder with weights drawn from torch's generator.

        Args:
            configuration: its sizes.
            hierarchy: of the skin.
            rest: (S, 3) mm, the head of code 0.

        Raises:
            ValueError: the rest skin is not the hierarchy's level 0, or there are fewer levels than configured.
        """
        super().__init__()
        self.configuration = configuration
        self.register_buffer("rest", rest_of(rest, hierarchy))
        self.trunk = Trunk(configuration, configuration.identity_size, 0, hierarchy)

    def forward(self, identity: Tensor) -> Tensor:
        """(B, M) to (B, S, 3) mm."""
        skin: Tensor = self.rest + self.trunk(identity, None)
        return skin


class ExpressionDecoder(nn.Module):
    """Identity codes (B, M) and weights (B, 52) to displacements (B, S, 3) in mm, exactly 0 for weights of 0."""

    def __init__(self, configuration: ExpressionDecoderConfiguration, hierarchy: Hierarchy) -> None:
        """Make a decoder with weights drawn from torch's generator.

        Args:
            configuration: its sizes.
            hierarchy: of the skin.

        Raises:
            ValueError: there are fewer levels than configured.
        """
        super().__init__()
        self.configuration = configuration
        self.trunk = Trunk(configuration, EXPRESSIONS, configuration.identity_size, hierarchy)

    def forward(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, M) and (B, 52) to (B, S, 3) mm."""
        displacement: Tensor = self.trunk(expression, identity)
        return displacement


class Trunk(nn.Module):
    """Codes to displacements in mm, coarse to fine."""

    scale: Tensor

    def __init__(self, configuration: TrunkConfiguration, code_size: int, gate_size: int, hierarchy: Hierarchy) -> None:
        """Args: sizes, numbers in the code, numbers in the code that multiplies (0: none), levels."""
        super().__init__()
        channels, added = configuration.channels, configuration.added
        count = len(channels)
        if count > len(hierarchy.levels):
            raise ValueError(f"the decoder uses {count} levels, the hierarchy has {len(hierarchy.levels)}")
        laplacians = [SparseMatrix(level.scaled_laplacian()) for level in hierarchy.levels[:count]]
        self.register_buffer("scale", torch.tensor(configuration.scale_mm))
        self.unpool = nn.ModuleList(SparseMatrix(hierarchy.unpooling(level)) for level in range(count - 1))
        self.codes = nn.ModuleList(
            CodeMap(code_size, hierarchy.counts[level], added[level]) if added[level] else nn.Identity()
            for level in range(count)
        )
        self.gates = nn.ModuleList(
            ChannelGate(gate_size, channels[level]) if gate_size else nn.Identity() for level in range(count)
        )
        self.blocks = nn.ModuleList(
            ResidualBlock(channels[level], configuration.order, laplacians[level]) if level else nn.Identity()
            for level in range(count)
        )
        narrow = [nn.Linear(channels[level + 1], channels[level], bias=False) for level in range(count - 1)]
        for layer in narrow:
            nn.init.eye_(layer.weight)
        self.narrow = nn.ModuleList(narrow)
        self.added = added
        self.channels = channels
        self.spread = ChebyshevConvolution(channels[0], 3, configuration.last_order, laplacians[0], bias=False)
        self.read = VertexwiseLinear(hierarchy.counts[0], channels[0], 3)
        nn.init.zeros_(self.spread.weight)

    def forward(self, code: Tensor, gate: Tensor | None) -> Tensor:
        """(B, code size) and, with gates, (B, gate size) to (B, S, 3) mm."""
        features: Tensor | None = None
        for level in range(len(self.channels) - 1, 0, -1):
            if self.added[level]:
                reached = self.codes[level](code)
                reached = functional.pad(reached, (0, self.channels[level] - self.added[level]))
                features = reached if features is None else features + reached
            assert features is not None
            if gate is not None:
                features = self.gates[level](features, gate)
            features = self.blocks[level](features)
            # Narrowed before it is unpooled, where it costs a quarter.
            features = self.unpool[level - 1](self.narrow[level - 1](features))
        if gate is not None:
            features = self.gates[0](features, gate)
        result: Tensor = self.scale * (self.spread(features) + self.read(features))
        return result


class CodeMap(nn.Module):
    """A linear map from a code (B, N) to features (B, n, C)."""

    def __init__(self, code_size: int, vertex_count: int, channels: int) -> None:
        """Weights so small that features start with a deviation of a tenth for a code of deviation 1."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code_size, vertex_count * channels) * (0.1 / math.sqrt(code_size)))
        self.channels = channels

    def forward(self, code: Tensor) -> Tensor:
        """(B, N) to (B, n, C)."""
        return (code @ self.weight).view(code.shape[0], -1, self.channels)


class ChannelGate(nn.Module):
    """Multiply each channel by 1 + a linear map of a code; starts as 1."""

    def __init__(self, code_size: int, channels: int) -> None:
        """Args: numbers in the code, C."""
        super().__init__()
        self.map = nn.Linear(code_size, channels, bias=False)
        nn.init.zeros_(self.map.weight)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        """(B, n, C) and (B, N) to (B, n, C)."""
        gated: Tensor = features * (1 + self.map(code))[:, None]
        return gated


class Bend(nn.Module):
    """elu(x + b) − elu(b) with a learnt b for each channel: bent where the network likes it, and 0 stays 0."""

    def __init__(self, channels: int) -> None:
        """Args: C."""
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """(B, n, C) to the same."""
        return functional.elu(features + self.shift) - functional.elu(self.shift)


class ResidualBlock(nn.Module):
    """x + convolution(bend(convolution(x))): the linear path beside the bent one, which starts as 0."""

    def __init__(self, channels: int, order: int, laplacian: SparseMatrix) -> None:
        """Args: C, K, L̃ of the level."""
        super().__init__()
        self.first = ChebyshevConvolution(channels, channels, order, laplacian, bias=False)
        self.bend = Bend(channels)
        self.second = ChebyshevConvolution(channels, channels, order, laplacian, bias=False)
        nn.init.zeros_(self.second.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(B, n, C) to the same."""
        bent: Tensor = self.second(self.bend(self.first(features)))
        return features + bent


class VertexwiseLinear(nn.Module):
    """A linear map with weights of its own for each vertex, (H, n, C): what it makes of its neighbourhood."""

    def __init__(self, vertex_count: int, channels: int, channels_out: int) -> None:
        """The first channels start as the outputs, the others with small random weights."""
        super().__init__()
        weight = 0.3 * torch.randn(channels_out, vertex_count, channels)
        weight[:, :, :channels_out] = torch.eye(channels_out)[:, None, :channels]
        self.weight = nn.Parameter(weight)

    def forward(self, features: Tensor) -> Tensor:
        """(B, n, C) to (B, n, H)."""
        if torch.compiler.is_exporting():
            # Sums over an outer axis, which ONNX Runtime does faster.
            return (features.transpose(1, 2)[:, None] * self.weight.transpose(1, 2)).sum(2).transpose(1, 2)
        # One output after the other: a batch of products this small is slower, and all at once overflows the cache.
        return torch.stack([(features * weight).sum(2) for weight in self.weight], 2)
