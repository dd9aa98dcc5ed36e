"""Our mesh autoencoder: bent where it has few numbers, linear and local where the surface is fine.

Features live on a coarse level of the mesh (66 vertices of a head). Each vertex of the mesh belongs to one vertex of it
and reads its displacement off that vertex's features: a local linear basis (`nets.local_bases`), which costs far fewer
numbers than a global one and shows lips and lids that no interpolation shows. Going down, means of the mesh are pooled
onto the coarse level. Between the two lie the code, perceptrons and Chebyshev convolutions on the coarse level, all
beside a linear path.

A mirrored mesh has the code whose odd numbers changed sign: y = D(z) + M D(sign · z), z = E(x) + sign · E(M x), M the
mirror. So half the weights do, whatever was learnt of one side is known of the other, and D's features of the two sides
are two bases for each.

The start is PCA: linear path and local bases are computed from principal components, all that bends starts as 0.

Letters: B batch, S vertices, Z numbers in the code, n vertices of the coarse level, r vertices that are asked for.
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
from face2mesh.lab.nets.decoder import Bend
from face2mesh.lab.nets.local_bases import LocalBases, Mirror, Patches, check_level

FITTED_STEPS = 3
"""Of a fit of the decoder to a mesh."""
_FITTED_EVERY = 16  # vertex of one side is looked at by a fit
_NEAR_MM = 0.01
_DIFFERENCE = 0.02


@dataclass(frozen=True)
class LocalConfiguration:
    """All that the network sees of a configuration.

    Attributes:
        code_size: Z.
        odd: how many numbers of the code, the last ones, change sign in the mirror.
        smooth, free: features of each coarse vertex, as of `local_bases.allotted`.
        level: where features live.
        order: K of the convolutions.
        seen: channels of the encoder's convolution; 0: there is none.
        bent: how many features of each vertex the decoder's residual convolutions bend; 0: there are none.
        down, up: widths of the perceptrons' layers, from the mesh to the code and from the code to the mesh.
    """

    code_size: int = 16
    odd: int = 5
    smooth: tuple[int, ...] = ()
    free: tuple[int, ...] = ()
    level: int = 3
    order: int = 6
    seen: int = 0
    bent: int = 0
    down: tuple[int, ...] = (48, 96)
    up: tuple[int, ...] = (128, 128, 40)

    def __post_init__(self) -> None:
        """Refuse what no network can mean.

        Raises:
            ValueError: more odd numbers than numbers, or a mesh without levels.
        """
        if not 0 <= self.odd <= self.code_size:
            raise ValueError(f"{self.odd} of {self.code_size} numbers cannot be odd")
        if self.level < 1:
            raise ValueError(f"features live on a coarser level than {self.level}")


class LocalAutoencoder(nn.Module):
    """Meshes (B, S, 3) mm to codes (B, Z) and back."""

    mean: Tensor
    scale: Tensor
    sign: Tensor

    def __init__(
        self, configuration: LocalConfiguration, hierarchy: Hierarchy, rest: NDArray[Any] | None = None
    ) -> None:
        """Make a network; `start` gives it its linear part.

        Args:
            configuration: its sizes.
            hierarchy: of the mesh, made with its mirror.
            rest: (S, 3), where the vertices are at rest; a network whose state will be loaded needs none.

        Raises:
            ValueError: there are fewer levels than configured, or the mesh has no mirror.
        """
        super().__init__()
        check_level(configuration.level, hierarchy)
        self.configuration = configuration
        size, level = configuration.code_size, configuration.level
        coarse = hierarchy.counts[level]
        self.coarse_mirror, self.mirror = (Mirror(hierarchy.levels[number].mirror) for number in (level, 0))
        if self.mirror.is_none:
            raise ValueError("this autoencoder needs a hierarchy made with the mesh's mirror")
        self.register_buffer("mean", torch.zeros(hierarchy.counts[0], 3))
        self.register_buffer("scale", torch.ones(()))
        sign = torch.ones(size)
        sign[size - configuration.odd :] = -1
        self.register_buffer("sign", sign, persistent=False)
        laplacian = SparseMatrix(hierarchy.levels[level].scaled_laplacian())

        self.pool = SparseMatrix(hierarchy.mean_pooling(0, level))
        self.straight = nn.Linear(3 * coarse, size, bias=False)
        seen = configuration.seen
        self.see = CoarseConvolution(3, seen, configuration.order, laplacian) if seen else None
        self.down = _perceptron(((seen or 3) * coarse, *configuration.down))
        self.code = nn.Linear(configuration.down[-1], size)
        self.up = _perceptron((size, *configuration.up))
        at_rest = np.zeros((hierarchy.counts[0], 3)) if rest is None else rest
        self.bases = LocalBases(configuration.smooth, configuration.free, Patches.of(hierarchy, level, at_rest))
        self.spread = nn.Linear(size + configuration.up[-1], self.bases.features, bias=False)
        self.block = CoarseBlock(configuration.bent, configuration.order, laplacian) if configuration.bent else None
        for layer in (self.straight, self.code, self.spread):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.code.bias)

    def forward(self, meshes: Tensor) -> Tensor:
        """(B, S, 3) mm to the same, through the code."""
        return self.decode(self.encode(meshes))

    def encode(self, meshes: Tensor) -> Tensor:
        """(B, S, 3) mm to (B, Z)."""
        return self.encode_pooled(self.pool(meshes - self.mean))

    def encode_pooled(self, pooled: Tensor) -> Tensor:
        """Displacements from the mean, pooled to the coarse level (B, n, 3) mm, to (B, Z)."""
        seen = torch.cat([pooled, self.coarse_mirror(pooled)]) / self.scale
        bent = seen if self.see is None else functional.elu(self.see(seen))
        one, other = (self.straight(seen.flatten(1)) + self.code(self.down(bent.flatten(1)))).chunk(2)
        code: Tensor = one + self.sign * other
        return code

    def decode(self, code: Tensor) -> Tensor:
        """(B, Z) to (B, S, 3) mm."""
        one, other = self.bases(self.features(code)).chunk(2)
        vertices: Tensor = self.mean + self.scale * (one + self.mirror(other))
        return vertices

    def decode_at(self, code: Tensor, rows: Tensor) -> Tensor:
        """Displacements from the mean at some vertices, which is all that a step needs.

        Args:
            code: (B, Z).
            rows: (r,) vertices, the second half the mirrored first half.

        Returns:
            (B, r, 3) mm.
        """
        one, other = self.bases(self.features(code), rows).chunk(2)
        mirrored = torch.cat(other.chunk(2, 1)[::-1], 1) * other.new_tensor([-1.0, 1.0, 1.0])
        displacements: Tensor = self.scale * (one + mirrored)
        return displacements

    @torch.no_grad()
    def fitted(self, meshes: Tensor, code: Tensor, steps: int = FITTED_STEPS) -> Tensor:
        """Better codes of meshes: the decoder fitted to them, from the encoder's answer on.

        Steps of Levenberg and Marquardt (Marquardt 1963) on the mean distance at some of the vertices, whose squares
        are weighted by one over the distance (iteratively reweighted least squares); a step that does not help is not
        taken. Nothing is learnt here.

        Args:
            meshes: (B, S, 3) mm.
            code: (B, Z), where to start.
            steps: of the fit.

        Returns:
            (B, Z).
        """
        left = torch.arange(len(self.mirror.other))
        left = left[left <= self.mirror.other][::_FITTED_EVERY]
        rows = torch.cat([left, self.mirror.other[left]])
        wanted = (meshes - self.mean)[:, rows]

        def at(code: Tensor) -> Tensor:
            return self.decode_at(code, rows)

        made, damping = at(code), code.new_full((len(code), 1, 1), 1e-3)
        distance = (made - wanted).norm(dim=2)
        for _ in range(steps):
            columns = [(at(code + _DIFFERENCE * one) - made) / _DIFFERENCE for one in torch.eye(code.shape[1])]
            jacobian = torch.stack(columns, 3).flatten(1, 2)  # (B, 3r, Z)
            weighted = jacobian / (distance + _NEAR_MM).repeat_interleave(3, 1)[:, :, None]
            squares = weighted.transpose(1, 2) @ jacobian
            size = squares.diagonal(dim1=1, dim2=2)
            ridge = torch.diag_embed(size + 1e-3 * size.mean(1, keepdim=True))
            gradient = weighted.transpose(1, 2) @ (made - wanted).flatten(1)[:, :, None]
            tried = code - torch.linalg.solve(squares + damping * ridge, gradient)[:, :, 0]
            made_then = at(tried)
            distance_then = (made_then - wanted).norm(dim=2)
            better = (distance_then.mean(1) < distance.mean(1))[:, None]
            code, distance = torch.where(better, tried, code), torch.where(better, distance_then, distance)
            made = torch.where(better[:, :, None], made_then, made)
            damping = damping * torch.where(better[:, :, None], 0.3, 10.0)
        return code

    def features(self, code: Tensor) -> Tensor:
        """(B, Z) to features (2B, n, m) of the code and of the mirrored one."""
        codes = torch.cat([code, self.sign * code])
        features: Tensor = self.bases.laid_out(self.spread(torch.cat([codes, self.up(codes)], 1)))
        if self.block is None:
            return features
        bent = self.configuration.bent
        return torch.cat([features[:, :, :bent] + self.block(features[:, :, :bent]), features[:, :, bent:]], 2)

    @torch.no_grad()
    def start(self, mean: NDArray[Any], basis: NDArray[Any], spread: NDArray[Any], sign: NDArray[Any]) -> None:
        """Become the PCA of these components, as well as pooling tells them and the local bases hold them.

        Args:
            mean: (S, 3) mm, symmetric.
            basis: (R, 3·S) orthonormal rows, even or odd; those of the code first, its odd ones last among them.
            spread: (R,) mm, deviations of the scores.
            sign: (R,) 1 for even, −1 for odd ones.
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
        self.spread.weight[:, :size] = torch.from_numpy(self.bases.start(fields / scale, sign)[:, :size])


class CoarseConvolution(ChebyshevConvolution):
    """A Chebyshev convolution on a level of so few vertices that a dense matrix is the fastest way.

    Σ_k T_k(L̃) x W_k is one matrix (n·C, n·H), which is made anew from the weights in each step.
    """

    terms: Tensor

    def __init__(
        self, channels: int, channels_out: int, order: int, laplacian: SparseMatrix, bias: bool = True
    ) -> None:
        """Args: C, H, K, L̃ of the level, whether to add a learnt constant to each channel."""
        super().__init__(channels, channels_out, order, laplacian, bias)
        matrix = torch.from_numpy(laplacian.matrix.toarray()).float()
        terms = [torch.eye(len(matrix)), matrix]
        while len(terms) < order:
            terms.append(2 * matrix @ terms[-1] - terms[-2])
        self.register_buffer("terms", torch.stack(terms[:order]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, C) to (B, n, H)."""
        batch, count, channels = x.shape
        matrix = torch.einsum("kij,kch->jcih", self.terms, self.weight).reshape(count * channels, -1)
        y = (x.reshape(batch, -1) @ matrix).view(batch, count, -1)
        return y if self.bias is None else y + self.bias


class CoarseBlock(nn.Module):
    """convolution(bend(convolution(x))), which starts as 0: what bends beside features that go on as they are."""

    def __init__(self, channels: int, order: int, laplacian: SparseMatrix) -> None:
        """Args: C, K, L̃ of the level."""
        super().__init__()
        self.first = CoarseConvolution(channels, channels, order, laplacian, bias=False)
        self.bend = Bend(channels)
        self.second = CoarseConvolution(channels, channels, order, laplacian, bias=False)
        nn.init.zeros_(self.second.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(B, n, C) to the same."""
        bent: Tensor = self.second(self.bend(self.first(features)))
        return bent


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with an ELU after each."""
    return nn.Sequential(*(part for sizes in pairwise(widths) for part in (nn.Linear(*sizes), nn.ELU())))
