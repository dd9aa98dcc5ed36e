"""The classical decoder with remedies, each to be turned on by itself, so that their effects can be told apart.

Without any it is the decoder half of Ranjan 2018 (as in `nets.autoencoder.classical`): codes to features of the
coarsest level, then up the levels by barycentric unpooling, Chebyshev convolution, bias and ReLU, and a last
convolution to coordinates.

Letters: B batch, V vertices, Z numbers in a code, l a level, n_l its vertices, C and H channels, K the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import splu
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from face2mesh.lab.graph.chebyshev import ChebyshevConvolution, SparseMatrix
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.graph.laplacian import Matrix, adjacency, random_walk_laplacian
from face2mesh.lab.graph.neighbourhood import widened_unpooling
from face2mesh.lab.nets.autoencoder import LearnedSparseMatrix
from face2mesh.lab.nets.decoder import CodeMap, VertexwiseLinear

CLASSICAL_WIDTHS, CLASSICAL_ORDER = (16, 16, 16, 32), 6
NEIGHBOURS = 6
"""Vertices that a vertex is made of in learned unpooling."""


@dataclass(frozen=True)
class Remedies:
    """What differs from the classical decoder; the default is nothing.

    Attributes:
        widths: C_l of each level, finest first; with fewer levels, the last ones.
        orders: K of each level, finest first; the first also of the last layer. With fewer levels, the first ones.
        learned_unpooling: the unpooling's weights are learnt, from the barycentric ones.
        skips: channels of each level above 0 that codes reach directly.
        reading: "convolution", "zero" (the same, starting as 0) or "vertexwise" (weights of each vertex's own, beside a
            convolution that starts as 0).
        directional: every convolution also sees the derivatives along x, y and z on the rest surface.
        differential: the network also gives the displacement's Laplacian; the displacement is the least-squares
            solution of both, the places counting this much. 0: none.
    """

    widths: tuple[int, ...] = CLASSICAL_WIDTHS
    orders: tuple[int, ...] = (CLASSICAL_ORDER,) * 4
    learned_unpooling: bool = False
    skips: int = 0
    reading: str = "convolution"
    directional: bool = False
    differential: float = 0.0


class RemediedDecoder(nn.Module):
    """Codes (B, Z) to displacements (B, V, 3) in mm."""

    scale: Tensor
    importance: Tensor

    def __init__(
        self, remedies: Remedies, importance: NDArray[Any], hierarchy: Hierarchy, rest: NDArray[Any], scale: float
    ) -> None:
        """Make a decoder with weights drawn from torch's generator.

        Args:
            remedies: what is different from the classical decoder.
            importance: (Z,), what each number of the code is multiplied with before the first layer sees it.
            hierarchy: of the mesh; all its levels are used.
            rest: (V, 3) mm, its shape.
            scale: mm that an output of 1 means.
        """
        super().__init__()
        code_size, steps = len(importance), len(hierarchy.levels) - 1
        widths, orders = remedies.widths[-steps:], remedies.orders[:steps]
        self.remedies = remedies
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("importance", torch.from_numpy(np.asarray(importance, np.float32)))
        self.coarsest = (hierarchy.counts[-1], widths[-1])
        self.code = nn.Linear(code_size, self.coarsest[0] * self.coarsest[1])
        filters = [_Filters(hierarchy, level, rest, remedies.directional) for level in range(steps)]
        self.unpool = nn.ModuleList(self._unpooling(hierarchy, level) for level in range(steps))
        self.convolutions = nn.ModuleList(
            filters[level].layer(widths[min(level + 1, steps - 1)], widths[level], orders[level])
            for level in range(steps)
        )
        self.skips = nn.ModuleList(
            CodeMap(code_size, hierarchy.counts[level], min(remedies.skips, widths[level]))
            for level in range(1, steps if remedies.skips else 1)
        )
        outputs = 6 if remedies.differential else 3
        self.last = filters[0].layer(widths[0], outputs, orders[0])
        if remedies.reading != "convolution":
            for parameter in self.last.parameters():
                nn.init.zeros_(parameter)
        self.own = VertexwiseLinear(len(rest), widths[0], outputs) if remedies.reading == "vertexwise" else None
        self.solve = _Solve(hierarchy, remedies.differential) if remedies.differential else None

    def _unpooling(self, hierarchy: Hierarchy, level: int) -> nn.Module:
        if self.remedies.learned_unpooling:
            return LearnedSparseMatrix(widened_unpooling(hierarchy, level, NEIGHBOURS))
        return SparseMatrix(hierarchy.unpooling(level))

    def forward(self, code: Tensor) -> Tensor:
        """(B, Z) to (B, V, 3) mm."""
        code = code * self.importance
        features = self.code(code).view(-1, *self.coarsest)
        for level in range(len(self.unpool) - 1, -1, -1):
            features = self.unpool[level](features)
            features = functional.relu(self.convolutions[level](features))
            if level and self.remedies.skips:
                reached = self.skips[level - 1](code)
                features = features + functional.pad(reached, (0, features.shape[2] - reached.shape[2]))
        result = self.last(features)
        if self.own is not None:
            result = result + self.own(features)
        if self.solve is not None:
            result = self.solve(result)
        displacement: Tensor = self.scale * result
        return displacement


class OnLinearBase(nn.Module):
    """A decoder that adds to a fixed linear map of the code, a regression, and starts by adding nothing."""

    def __init__(self, weight: NDArray[Any], constant: NDArray[Any], decoder: nn.Module) -> None:
        """Args: (3·V, Z) and (3·V,) mm of the regression; what else bends it, codes (B, Z) to (B, V, 3) mm."""
        super().__init__()
        # Not taught: steps of the optimiser would shake three numbers for each vertex and number of the code.
        self.weight = nn.Parameter(torch.from_numpy(weight), requires_grad=False)
        self.constant = nn.Parameter(torch.from_numpy(constant), requires_grad=False)
        self.decoder = decoder

    def forward(self, code: Tensor) -> Tensor:
        """(B, Z) to (B, V, 3) mm."""
        straight = functional.linear(code, self.weight, self.constant)
        bent: Tensor = straight.view(len(code), -1, 3) + self.decoder(code)
        return bent


class _Filters:
    """Makes the convolutions of one level."""

    def __init__(self, hierarchy: Hierarchy, level: int, rest: NDArray[Any], directional: bool) -> None:
        self.laplacian = SparseMatrix(hierarchy.levels[level].scaled_laplacian())
        places = rest[hierarchy.levels[level].kept]
        found = gradients(places, hierarchy.levels[level].triangles) if directional else []
        self.directions = [SparseMatrix(matrix) for matrix in found]

    def layer(self, channels: int, channels_out: int, order: int) -> nn.Module:
        """C channels in, H out, by order K."""
        convolution = ChebyshevConvolution(channels, channels_out, order, self.laplacian)
        return DirectionalConvolution(convolution, self.directions) if self.directions else convolution


class DirectionalConvolution(nn.Module):
    """A Chebyshev convolution, the same in all directions, and beside it Σ_a ∂_a x W_a for the axes a."""

    def __init__(self, convolution: ChebyshevConvolution, directions: list[SparseMatrix]) -> None:
        """Args: the convolution (C to H channels), the derivatives' matrices (V, V)."""
        super().__init__()
        self.convolution = convolution
        self.directions = nn.ModuleList(directions)
        _, channels, channels_out = convolution.weight.shape
        self.weight = nn.Parameter(torch.empty(len(directions), channels, channels_out))
        nn.init.uniform_(self.weight, -((6 / (channels + channels_out)) ** 0.5), (6 / (channels + channels_out)) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, C) to (B, V, H)."""
        result: Tensor = self.convolution(x)
        for matrix, weight in zip(self.directions, self.weight, strict=True):
            result = result + matrix(x) @ weight
        return result


def gradients(vertices: NDArray[Any], triangles: NDArray[np.integer[Any]]) -> list[Matrix]:
    """∂_x, ∂_y and ∂_z along a surface of functions on its vertices, times the mean edge length: three (V, V).

    A triangle's gradient of the linear interpolation (Botsch et al. 2010, *Polygon Mesh Processing*, section 3.3.3),
    averaged at each vertex by area.
    """
    corners = np.asarray(vertices, np.float64)[triangles]
    opposite = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)  # the side that faces each corner
    normal = np.cross(opposite[:, 1], opposite[:, 2])
    double = np.linalg.norm(normal, axis=1)
    unit = normal / np.maximum(double, 1e-12)[:, None]
    # Of the hat function at each corner, times the triangle's doubled area.
    slopes = np.cross(unit[:, None], opposite)
    area = np.bincount(triangles.ravel(), np.repeat(double, 3), minlength=len(vertices))
    length = np.linalg.norm(opposite, axis=2).mean()
    rows = np.repeat(triangles, 3, axis=1).ravel()
    columns = np.tile(triangles, (1, 3)).ravel()
    matrices = []
    for axis in range(3):
        values = np.tile(slopes[:, :, axis], (1, 3)).ravel() * length / np.maximum(area[rows], 1e-12)
        matrices.append(sp.csr_array((values, (rows, columns)), shape=(len(vertices), len(vertices))))
    return matrices


class _Solve(nn.Module):
    """Places y and Laplacians δ (B, V, 6) to the x (B, V, 3) that minimises ‖Lx − δ‖² + μ‖x − y‖².

    Laplacian surface editing (Sorkine et al. 2004) with soft constraints everywhere: details come from δ, the shape
    from y.
    """

    def __init__(self, hierarchy: Hierarchy, place_weight: float) -> None:
        super().__init__()
        level = hierarchy.levels[0]
        self.system = DifferentialSystem(random_walk_laplacian(adjacency(level.edges, level.count)), place_weight)

    def forward(self, both: Tensor) -> Tensor:
        places, differences = both[..., :3], both[..., 3:]
        solved: Tensor = _Solution.apply(places, differences, self.system)  # type: ignore[no-untyped-call]
        return solved


class DifferentialSystem:
    """LᵀL + μ, factorised once; constant, shared by copies of a network."""

    def __init__(self, laplacian: Matrix, place_weight: float) -> None:
        """Args: L (V, V), μ above 0."""
        self.laplacian, self.place_weight = laplacian, place_weight
        self.transposed = sp.csr_array(laplacian.T)
        normal = self.transposed @ laplacian + place_weight * sp.eye_array(laplacian.shape[0])
        self.factors = splu(sp.csc_array(normal))

    def __deepcopy__(self, memo: dict[int, Any]) -> DifferentialSystem:
        """Constant, hence shared by copies of a network."""
        return self

    def solve(self, places: NDArray[Any], differences: NDArray[Any]) -> NDArray[Any]:
        """y and δ (V, N) to x (V, N)."""
        solution: NDArray[Any] = self.factors.solve(self.transposed @ differences + self.place_weight * places)
        return solution


class _Solution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, places: Tensor, differences: Tensor, system: DifferentialSystem) -> Tensor:
        ctx.system = system
        return _rows(system.solve(_columns(places), _columns(differences)), places)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        system: DifferentialSystem = ctx.system
        back = system.factors.solve(_columns(gradient))  # the system is symmetric
        return _rows(system.place_weight * back, gradient), _rows(system.laplacian @ back, gradient), None


def _columns(x: Tensor) -> NDArray[np.float64]:
    """(B, V, 3) to (V, 3·B)."""
    return x.detach().double().permute(1, 0, 2).reshape(x.shape[1], -1).numpy()


def _rows(columns: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(columns).to(like.dtype).view(like.shape[1], like.shape[0], 3).permute(1, 0, 2)
