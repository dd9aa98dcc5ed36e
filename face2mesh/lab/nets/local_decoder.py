"""The decoders that are packaged: a fixed linear map of the code, and beside it a graph network with local bases.

The decoder half of `nets.local_autoencoder`: features live on one coarse level of the mesh, where perceptrons and
Chebyshev convolutions bend them; every fine vertex belongs to one coarse vertex and reads the features there through
a linear map of its own, a local linear basis. What is linear in the code, which is most of a head, goes through the
fixed map and loses nothing on its way; the network adds what is not.

Expressions: the map is the regression of displacements on the weights. A person multiplies: `seen` says where the
coarse vertices are in the neutral head, and scales hidden numbers and features with it. A mirrored head moves as the
head does: y = D(w, s) + M D(mirrored w, mirrored s), M the mirror. Every step maps weights of 0 to 0.

Identities: the map is the corpus's modes. On them the network starts as nothing.

Letters: B batch, S skin vertices, M identity modes, n vertices of the coarse level, C features, H hidden numbers,
P numbers of a person, G cells of at most `CELL` vertices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face2mesh.head.arkit import mirror_names
from face2mesh.lab.graph.chebyshev import SparseMatrix
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.nets.decoder import EXPRESSIONS, Bend, ResidualBlock, rest_of
from face2mesh.lab.nets.local_bases import Mirror, check_level, local_bases, owners

CELL = 32
"""Vertices that read the same features and are computed together."""
SEEN_MM = 10.0
"""What 1 means in what is seen of a person."""


@dataclass(frozen=True)
class LocalDecoderConfiguration:
    """All that a decoder sees of a configuration.

    Attributes:
        identity_size: M.
        level: where features live.
        channels: C.
        order: K of the convolutions.
        hidden: H of the layers between the code and the features.
        products: how many products of two linear maps each of these layers has beside what it bends.
        person: P.
    """

    identity_size: int = 100
    level: int = 3
    channels: int = 24
    order: int = 6
    hidden: tuple[int, ...] = (128, 128)
    products: int = 48
    person: int = 24


class LocalIdentityDecoder(nn.Module):
    """Identity codes (B, M) to neutral skins (B, S, 3) in mm: rest skin + modes + network."""

    rest: Tensor

    def __init__(
        self, configuration: LocalDecoderConfiguration, hierarchy: Hierarchy, rest: NDArray[np.float32]
    ) -> None:
        """Make a decoder whose modes are 0; `start` sets them.

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
        self.straight = LinearBase(configuration.identity_size, len(rest))
        self.local = LocalNetwork(configuration, configuration.identity_size, 0, hierarchy)

    def forward(self, identity: Tensor) -> Tensor:
        """(B, M) to (B, S, 3) mm."""
        skin: Tensor = self.rest + self.straight(identity) + self.local(identity, None)
        return skin


class LocalExpressionDecoder(nn.Module):
    """Identity codes (B, M) and weights (B, 52) to displacements (B, S, 3) in mm, exactly 0 for weights of 0."""

    seen: Tensor
    names: Tensor

    def __init__(self, configuration: LocalDecoderConfiguration, hierarchy: Hierarchy) -> None:
        """Make a decoder whose linear part is 0 and that sees nothing of a person; `start` sets both.

        Args:
            configuration: its sizes.
            hierarchy: of the skin, made with its mirror.

        Raises:
            ValueError: there are fewer levels than configured, or the mesh has no mirror.
        """
        super().__init__()
        self.configuration = configuration
        check_level(configuration.level, hierarchy)
        count = hierarchy.counts[configuration.level]
        self.straight = LinearBase(EXPRESSIONS, hierarchy.counts[0])
        self.local = LocalNetwork(configuration, EXPRESSIONS, 3 * count, hierarchy)
        self.coarse_mirror = Mirror(hierarchy.levels[configuration.level].mirror)
        self.mirror = Mirror(hierarchy.levels[0].mirror)
        if self.mirror.is_none:
            raise ValueError("this decoder needs a hierarchy made with the mesh's mirror")
        self.register_buffer("names", torch.tensor(mirror_names()), persistent=False)
        self.register_buffer("seen", torch.zeros(configuration.identity_size, 3 * count))

    def forward(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, M) and (B, 52) to (B, S, 3) mm."""
        person = (identity @ self.seen).view(-1, self.seen.shape[1] // 3, 3)
        persons = torch.cat([person, self.coarse_mirror(person)]).flatten(1)
        codes = torch.cat([expression, torch.index_select(expression, 1, self.names)])
        both = self.local(codes, persons)
        count = expression.shape[0]
        displacement: Tensor = self.straight(expression) + both[:count] + self.mirror(both[count:])
        return displacement


class LinearBase(nn.Module):
    """A linear map from a code (B, N) to vectors (B, S, 3) mm that training leaves as it is."""

    def __init__(self, code_size: int, vertex_count: int) -> None:
        """Args: N, S."""
        super().__init__()
        # Taught, it would only be shaken: three numbers for each vertex and number of the code.
        self.weight = nn.Parameter(torch.zeros(code_size, 3 * vertex_count), requires_grad=False)

    def forward(self, code: Tensor) -> Tensor:
        """(B, N) to (B, S, 3)."""
        return (code @ self.weight).view(-1, self.weight.shape[1] // 3, 3)


class LocalNetwork(nn.Module):
    """Codes, and what is seen of a person, to what no linear map of the code tells (B, S, 3) mm; starts as 0."""

    def __init__(
        self, configuration: LocalDecoderConfiguration, code_size: int, seen_size: int, hierarchy: Hierarchy
    ) -> None:
        """Args: sizes, numbers in the code, numbers seen of a person (0: none), levels.

        Raises:
            ValueError: there are fewer levels than configured.
        """
        super().__init__()
        check_level(configuration.level, hierarchy)
        level, channels = configuration.level, configuration.channels
        count = hierarchy.counts[level]
        self.count, self.channels = count, channels
        widths = (code_size, *(width + configuration.products for width in configuration.hidden))
        self.hidden = nn.ModuleList(
            HiddenLayer(width, width_out, configuration.products, seen_size) for width, width_out in pairwise(widths)
        )
        self.spread = nn.Linear(code_size + widths[-1], count * channels, bias=False)
        nn.init.zeros_(self.spread.weight)
        self.person = nn.Linear(seen_size, configuration.person, bias=False) if seen_size else None
        if seen_size:
            self.scaled = nn.Linear(configuration.person, count * channels, bias=False)
            nn.init.zeros_(self.scaled.weight)
        self.block = ResidualBlock(
            channels, configuration.order, SparseMatrix(hierarchy.levels[level].scaled_laplacian())
        )
        self.read = CellRead(owners(hierarchy, level), channels)

    def forward(self, code: Tensor, seen: Tensor | None) -> Tensor:
        """(B, code size) and, where a person is seen, (B, seen size) to (B, S, 3) mm."""
        hidden = code
        for layer in self.hidden:
            hidden = layer(hidden, seen)
        features = self.spread(torch.cat([code, hidden], 1))
        if self.person is not None:
            assert seen is not None
            features = features * (1 + self.scaled(self.person(seen)))
        result: Tensor = self.read(self.block(features.view(-1, self.count, self.channels)))
        return result


class HiddenLayer(nn.Module):
    """(bend(W x), A x ⊙ B x) ⊙ (1 + G s): bent or multiplied, scaled by what is seen of a person, and 0 stays 0.

    A jaw that turns multiplies what the mouth does: a product learnt from some pairs of movements holds for others.
    """

    def __init__(self, width: int, width_out: int, products: int, seen_size: int) -> None:
        """Args: numbers in, numbers out, how many of these are products, numbers seen (0: none)."""
        super().__init__()
        bent = width_out - products
        self.map = nn.Linear(width, bent, bias=False)
        self.bend = Bend(bent)
        nn.init.normal_(self.bend.shift, std=0.5)  # bent at different places from the start
        self.factors = nn.Linear(width, 2 * products, bias=False)
        self.products = products
        self.gate = nn.Linear(seen_size, width_out, bias=False) if seen_size else None
        if self.gate is not None:
            nn.init.normal_(self.gate.weight, std=0.3 / math.sqrt(seen_size))

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """(B, N) and (B, seen size) to (B, N')."""
        factors = self.factors(x)
        products = factors[:, : self.products] * factors[:, self.products :]
        hidden = torch.cat([self.bend(self.map(x)), products], 1)
        return hidden if self.gate is None or seen is None else hidden * (1 + self.gate(seen))


class CellRead(nn.Module):
    """Features (B, n, C) to vectors (B, S, 3): each vertex reads its coarse vertex's, by weights of its own.

    Vertices of one coarse vertex are read together, in cells of one size, so that all is one batch of matrix products.
    """

    cell_owner: Tensor
    place: Tensor

    def __init__(self, owner: NDArray[np.int64], channels: int) -> None:
        """Args: (S,) the coarse vertex of each vertex; C."""
        super().__init__()
        cell_owner, place = cells(owner)
        self.register_buffer("cell_owner", torch.from_numpy(cell_owner), persistent=False)
        self.register_buffer("place", torch.from_numpy(place), persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(cell_owner), channels, 3 * CELL))

    def forward(self, features: Tensor) -> Tensor:
        """(B, n, C) to (B, S, 3)."""
        near = torch.index_select(features, 1, self.cell_owner).transpose(0, 1)
        count = self.weight.shape[0]
        read = torch.bmm(near, self.weight).view(count, -1, CELL, 3)
        in_cells = read.transpose(0, 1).reshape(-1, count * CELL, 3)
        return torch.index_select(in_cells, 1, self.place)

    @torch.no_grad()
    def put(self, bases: NDArray[np.float32]) -> None:
        """Set the weights (3, S, C)."""
        table = torch.zeros(len(self.cell_owner) * CELL, *self.weight.shape[1:2], 3)
        table[self.place] = torch.from_numpy(bases).permute(1, 2, 0)
        shaped = table.view(len(self.cell_owner), CELL, -1, 3).transpose(1, 2)
        self.weight.copy_(shaped.reshape(self.weight.shape))


def cells(owner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices sorted into cells of `CELL` places: (G,) the owner of each cell, (S,) the place of each vertex."""
    cell_owner: list[int] = []
    place = np.zeros(len(owner), np.int64)
    for vertex in np.unique(owner).tolist():
        own = np.flatnonzero(owner == vertex)
        place[own] = len(cell_owner) * CELL + np.arange(len(own))
        cell_owner += [vertex] * math.ceil(len(own) / CELL)
    return np.array(cell_owner, np.int64), place


@torch.no_grad()
def start_identity(decoder: LocalIdentityDecoder, hierarchy: Hierarchy, modes: NDArray[np.float32]) -> None:
    """Give the decoder its modes (M, S, 3) mm, and the network local bases for what it may learn beside them."""
    decoder.straight.weight.copy_(torch.from_numpy(modes.reshape(len(modes), -1)))
    decoder.local.read.put(_bases_of(modes, decoder.configuration, hierarchy))


@torch.no_grad()
def start_expression(
    decoder: LocalExpressionDecoder,
    hierarchy: Hierarchy,
    modes: NDArray[np.float32],
    weights: NDArray[np.float32],
    displacements: NDArray[np.float32],
) -> None:
    """Set what is seen of people, the regression of displacements on weights, and local bases for what it leaves.

    Args:
        decoder: to be changed.
        hierarchy: of the skin.
        modes: (M, S, 3) mm.
        weights: (N, 52) of training heads.
        displacements: (N, S, 3) mm.
    """
    finest, level = hierarchy.levels[0], hierarchy.levels[decoder.configuration.level]
    decoder.seen.copy_(torch.from_numpy(modes[:, level.kept].reshape(len(modes), -1) / SEEN_MM))
    flip = np.array([-1, 1, 1], np.float32)
    names = np.array(mirror_names())
    both = np.concatenate([weights, weights[:, names]]).astype(np.float64)
    normal = both.T @ both
    normal[np.diag_indices_from(normal)] *= 1 + 1e-4
    mirrored = displacements[:, finest.mirror] * flip
    flat = np.concatenate([displacements, mirrored]).reshape(len(both), -1)
    straight = np.linalg.solve(normal + 1e-6 * np.eye(len(normal)), both.T @ flat).astype(np.float32)
    decoder.straight.weight.copy_(torch.from_numpy(straight))
    left = displacements - (weights @ straight).reshape(displacements.shape)
    decoder.local.read.put(_bases_of(left, decoder.configuration, hierarchy))


def _bases_of(
    heads: NDArray[np.float32], configuration: LocalDecoderConfiguration, hierarchy: Hierarchy
) -> NDArray[np.float32]:
    """(3, S, C) local bases of displacements (N, S, 3) mm."""
    level = hierarchy.levels[configuration.level].mirror
    finest = hierarchy.levels[0].mirror
    fields, signs = _principal_fields(heads, finest)
    owner = owners(hierarchy, configuration.level)
    return local_bases(fields, signs, 0, configuration.channels, owner, level, finest)[1]


def _principal_fields(
    left: NDArray[np.float32], mirror: NDArray[np.integer[Any]], count: int = 200
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Principal components of fields (N, S, 3), even and odd: what a deviation moves (R, S, 3) mm, and signs (R,)."""
    mirrored = left[:, mirror] * np.array([-1, 1, 1], np.float32)
    fields: list[NDArray[np.float32]] = []
    signs: list[NDArray[np.float64]] = []
    for sign in (1.0, -1.0):
        half = ((left + sign * mirrored) / 2).reshape(len(left), -1)
        sizes, vectors = np.linalg.eigh((half @ half.T).astype(np.float64))
        kept = np.argsort(-sizes)[:count]
        kept = kept[sizes[kept] > 1e-7 * sizes.max()]  # of what is next to nothing singular values do not converge
        moved = (vectors[:, kept].T.astype(np.float32) @ half) / math.sqrt(len(left))
        fields.append(np.asarray(moved, np.float32))
        signs.append(np.full(len(kept), sign))
    together: NDArray[np.float32] = np.concatenate(fields).reshape(-1, *left.shape[1:])
    return together, np.concatenate(signs)
