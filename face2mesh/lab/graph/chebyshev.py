"""Chebyshev convolution on a graph that never changes (Defferrard 2016).

y = Σ_k T_k(L̃) x W_k with T_0 = x, T_1 = L̃x, T_k = 2L̃T_{k−1} − T_{k−2}, k = 0 … K − 1.

How it is made fast, on a processor whose cores wait for memory rather than for arithmetic:
- One sample at a time: all K terms of a sample stay in the cache, in one buffer (V, K·C) that is used again for the
  next; a term is written by one sparse product and read by one dense product with all the weights.
- Nothing of the forward pass is kept but x. T_k(L̃) is symmetric, so with G_k = T_k(L̃) g for the incoming gradient g
  ∂x = Σ_k G_k W_kᵀ and ∂W_k = xᵀ G_k: the backward pass is the same recurrence, on g, and two dense products.
- With fewer channels out than in, the weights come first and Clenshaw's form of the recurrence runs on the few.
- On a coarse level, where a sample is too small to be worth a call, as many samples as the cache holds go side by side.

Letters: B batch, V vertices, C channels in, H channels out, K the order (number of terms).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from face2mesh.lab.graph.laplacian import Matrix

LARGEST_DENSE = 300 * 300
"""Entries of a matrix up to which an exported network holds it dense."""
SMALL, CACHED = 1 << 13, 1 << 18
"""Numbers of a sample's term up to which samples go side by side, and of all their terms T_k together (measured)."""
RARE = 0.125
"""Share of rows below which a place in the table of neighbours is filled too rarely to be gathered for all rows."""


class SparseMatrix(nn.Module):
    """A constant sparse matrix (R, V), applied to each sample of x (B, V, C) to give (B, R, C).

    It is derived from the topology: checkpoints do not hold it, and copies of a network share it. torch's CSR product
    does the work, on tensors made once for each type and device asked for. While a network is being exported
    (`torch.export`, `torch.onnx.export`) each row's neighbours are gathered and summed instead, since ONNX has no
    sparse product.
    """

    neighbours: Tensor
    coefficients: Tensor
    further_neighbours: Tensor
    further_coefficients: Tensor
    further_row: Tensor
    dense: Tensor | None

    def __init__(self, matrix: Matrix) -> None:
        """Take a SciPy matrix (R, V)."""
        super().__init__()
        self.matrix = sp.csr_array(matrix)
        self.matrix.sort_indices()
        self.shape: tuple[int, int] = self.matrix.shape
        neighbours, coefficients = padded_rows(self.matrix)
        small = self.shape[0] * self.shape[1] <= LARGEST_DENSE
        common = max(int((np.count_nonzero(coefficients, axis=1) >= RARE * self.shape[0]).sum()), 1)
        crowded = coefficients[common:].any(axis=0)
        tables = {
            "neighbours": neighbours[:common],
            "coefficients": coefficients[:common],
            # What rows with many neighbours add to that; row 0 of the sums is 0 and belongs to all other rows.
            "further_neighbours": neighbours[common:, crowded],
            "further_coefficients": coefficients[common:, crowded],
            "further_row": np.where(crowded, np.cumsum(crowded), 0),
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(table), persistent=False)
        dense = torch.from_numpy(self.matrix.toarray()).float() if small else None
        self.register_buffer("dense", dense, persistent=False)
        self._made: dict[tuple[torch.dtype, torch.device, bool], Tensor] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> SparseMatrix:
        """Constant, hence shared by copies of a network."""
        return self

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, C) to (B, R, C)."""
        if torch.compiler.is_exporting():
            return self.gathered(x)
        y: Tensor = _SparseProduct.apply(x, self)  # type: ignore[no-untyped-call]
        return y

    def gathered(self, x: Tensor) -> Tensor:
        """The same product for exported networks: dense where it is small, else by gathering each row's neighbours.

        All first neighbours are gathered, scaled and added up, then all second ones …; the few rows with many
        neighbours get the rest of them apart. A processor's cache holds what one such step reads and writes.
        """
        if self.dense is not None:
            return self.dense.to(x.dtype) @ x
        y = _summed(x, self.neighbours, self.coefficients)
        if not len(self.further_neighbours):
            return y
        further = _summed(x, self.further_neighbours, self.further_coefficients)
        return y + torch.index_select(functional.pad(further, (0, 0, 1, 0)), 1, self.further_row)

    def like(self, x: Tensor, transposed: bool = False) -> Tensor:
        """The matrix (its transpose, if asked) as CSR, in the type and on the device of `x`."""
        key = (x.dtype, x.device, transposed)
        if key not in self._made:
            matrix = sp.csr_array(self.matrix.T) if transposed else self.matrix
            matrix.sort_indices()
            starts, columns = (torch.from_numpy(rows.astype(np.int32)) for rows in (matrix.indptr, matrix.indices))
            values = torch.from_numpy(matrix.data).to(x.dtype)
            self._made[key] = csr_tensor(starts, columns, values, matrix.shape, checked=True).to(x.device)
        return self._made[key]


def csr_tensor(
    starts: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, ...], checked: bool = False
) -> Tensor:
    """A sparse matrix (R, C) of its rows' starts (R + 1,), columns (N,) and values (N,); whether these are checked."""
    # Torch 2.11 warns unless the invariants' checks are switched explicitly, and not by the argument.
    switched = torch.sparse.check_sparse_tensor_invariants(checked)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings(), switched:
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(starts, columns, values, shape)


def _summed(x: Tensor, neighbours: Tensor, coefficients: Tensor) -> Tensor:
    """Σ_d coefficients_d · x[neighbours_d], from tables (D, R); (B, V, C) to (B, R, C)."""
    # Repeated for each channel beforehand, which ONNX Runtime multiplies faster.
    factors = coefficients.to(x.dtype)[:, :, None].repeat(1, 1, x.shape[2])
    y = torch.index_select(x, 1, neighbours[0]) * factors[0]
    for place in range(1, len(neighbours)):
        y = y + torch.index_select(x, 1, neighbours[place]) * factors[place]
    return y


def padded_rows(matrix: Matrix) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """A sparse matrix (R, V) as tables (D, R): columns and values of each row; short rows end with column 0 times 0."""
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), lengths)
    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], lengths)
    columns = np.zeros((max(int(lengths.max(initial=0)), 1), matrix.shape[0]), np.int64)
    values = np.zeros(columns.shape, np.float32)
    columns[place, row], values[place, row] = matrix.indices, matrix.data
    return columns, values


def chebyshev(x: Tensor, weight: Tensor, bias: Tensor | None, laplacian: SparseMatrix) -> Tensor:
    """Convolve.

    Args:
        x: (B, V, C).
        weight: (K, C, H).
        bias: (H,) or none.
        laplacian: L̃ (V, V), symmetric, spectrum −1 to 1.

    Returns:
        (B, V, H).
    """
    if torch.compiler.is_exporting():
        y = _gathered_chebyshev(x, weight, laplacian)
    else:
        y = _Chebyshev.apply(x, weight, laplacian)  # type: ignore[no-untyped-call]
    return y if bias is None else y + bias


class ChebyshevConvolution(nn.Module):
    """A layer with weights (K, C, H), Glorot-uniform for each term as in PyTorch Geometric's `ChebConv`."""

    def __init__(
        self, channels: int, channels_out: int, order: int, laplacian: SparseMatrix, bias: bool = True
    ) -> None:
        """Make the layer.

        Args:
            channels: C.
            channels_out: H.
            order: K, at least 1; the layer sees K − 1 steps along the edges.
            laplacian: L̃ of the level on which the layer works.
            bias: whether to add a learnt constant to each channel.

        Raises:
            ValueError: the order is below 1.
        """
        super().__init__()
        if order < 1:
            raise ValueError(f"a Chebyshev convolution needs an order of at least 1, got {order}")
        self.laplacian = laplacian
        self.weight = nn.Parameter(torch.empty(order, channels, channels_out))
        self.bias = nn.Parameter(torch.zeros(channels_out)) if bias else None
        limit = math.sqrt(6.0 / (channels + channels_out))
        nn.init.uniform_(self.weight, -limit, limit)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, C) to (B, V, H)."""
        return chebyshev(x, self.weight, self.bias, self.laplacian)


class _Chebyshev(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, laplacian: SparseMatrix) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.laplacian = laplacian
        order, channels, channels_out = weight.shape
        matrix = laplacian.like(x)
        y = x.new_empty(x.shape[0], x.shape[1], channels_out)
        if (together := _together(x, channels_out)) > 1:
            for samples, results in zip(torch.split(x, together), torch.split(y, together), strict=True):
                terms = _terms(matrix, samples, order)
                total = torch.mm(terms[0], weight[0])
                for k in range(1, order):
                    total.addmm_(terms[k], weight[k])
                results.copy_(_apart(total, samples))
            return y
        if channels_out < channels:
            stacked = weight.transpose(0, 1).reshape(channels, order * channels_out)
            buffer = x.new_empty(x.shape[1], order * channels_out)
            for sample, result in zip(x, y, strict=True):
                torch.mm(sample, stacked, out=buffer)
                _clenshaw(matrix, buffer, channels_out, result)
        else:
            stacked = weight.reshape(order * channels, channels_out)
            buffer = x.new_empty(x.shape[1], order * channels)
            for sample, result in zip(x, y, strict=True):
                _recurrence(matrix, buffer, sample)
                torch.mm(buffer, stacked, out=result)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        order, channels, channels_out = weight.shape
        matrix = ctx.laplacian.like(x)
        by_input = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        if (together := _together(x, channels_out)) > 1:
            by_weights = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
            for start in range(0, len(x), together):
                part = slice(start, start + together)
                terms = _terms(matrix, gradient[part], order)
                if by_input is not None:
                    total = torch.mm(terms[0], weight[0].t())
                    for k in range(1, order):
                        total.addmm_(terms[k], weight[k].t())
                    by_input[part] = _apart(total, x[part])
                if by_weights is not None:
                    beside = x[part].transpose(0, 1).reshape(-1, channels).t()
                    for k in range(order):
                        by_weights[k].addmm_(beside, terms[k])
            return by_input, by_weights, None
        by_weight = x.new_zeros(channels, order * channels_out) if ctx.needs_input_grad[1] else None
        # (K·H, C), so that ∂x = Σ_k G_k W_kᵀ is one product with the buffer of all G_k.
        stacked = weight.transpose(1, 2).reshape(order * channels_out, channels)
        buffer = x.new_empty(x.shape[1], order * channels_out)
        for index in range(len(x)):
            _recurrence(matrix, buffer, gradient[index])
            if by_input is not None:
                torch.mm(buffer, stacked, out=by_input[index])
            if by_weight is not None:
                by_weight.addmm_(x[index].t(), buffer)
        if by_weight is not None:
            by_weight = by_weight.reshape(channels, order, channels_out).transpose(0, 1)
        return by_input, by_weight, None


def _together(x: Tensor, channels_out: int) -> int:
    """How many samples of x (B, V, C) are convolved at a time."""
    size = x.shape[1] * max(x.shape[2], channels_out)
    return min(len(x), CACHED // size) if size <= SMALL else 1


def _terms(matrix: Tensor, samples: Tensor, order: int) -> list[Tensor]:
    """T_0 … T_{K−1} of samples (b, V, C), each as (V·b, C)."""
    count, vertices, channels = samples.shape
    terms = [samples.transpose(0, 1).reshape(vertices, -1)]
    if order > 1:
        terms.append(matrix @ terms[0])
    for k in range(2, order):
        terms.append(torch.addmm(terms[k - 2], matrix, terms[k - 1], beta=-1, alpha=2))
    return [term.view(vertices * count, channels) for term in terms]


def _apart(rows: Tensor, samples: Tensor) -> Tensor:
    """(V·b, H) as (b, V, H), for samples (b, V, C)."""
    return rows.view(samples.shape[1], samples.shape[0], -1).transpose(0, 1)


def _recurrence(matrix: Tensor, terms: Tensor, x: Tensor) -> None:
    """Fill `terms` (V, K·C) with T_0 … T_{K−1} of x (V, C), side by side."""
    term = torch.split(terms, x.shape[1], dim=1)
    term[0].copy_(x)
    if len(term) > 1:
        torch.addmm(term[0], matrix, x, beta=0, out=term[1])
    for k in range(2, len(term)):
        torch.addmm(term[k - 2], matrix, term[k - 1], beta=-1, alpha=2, out=term[k])


def _clenshaw(matrix: Tensor, terms: Tensor, channels: int, result: Tensor) -> None:
    """Write Σ_k T_k(L̃) z_k to `result` (V, H), z_k (V, H) side by side in `terms`, which is used up (Clenshaw 1955).

    b_k = z_k + 2L̃b_{k+1} − b_{k+2} downwards; the sum is z_0 + L̃b_1 − b_2.
    """
    term = torch.split(terms, channels, dim=1)
    last = len(term) - 1
    for k in range(last - 1, -1, -1):
        term[k].addmm_(matrix, term[k + 1], alpha=2 if k else 1)
        if k + 2 <= last:
            term[k].sub_(term[k + 2])
    result.copy_(term[0])


def _gathered_chebyshev(x: Tensor, weight: Tensor, laplacian: SparseMatrix) -> Tensor:
    """The convolution in operations that ONNX knows; Clenshaw's form where fewer channels come out."""
    order, channels, channels_out = weight.shape
    if channels_out < channels:
        terms = [x @ weight[k] for k in range(order)]
        for k in range(order - 2, -1, -1):
            terms[k] = terms[k] + (2 if k else 1) * laplacian.gathered(terms[k + 1])
            if k + 2 < order:
                terms[k] = terms[k] - terms[k + 2]
        return terms[0]
    terms = [x]
    for k in range(1, order):
        step = laplacian.gathered(terms[-1])
        terms.append(step if k == 1 else 2 * step - terms[-2])
    return torch.cat(terms, 2) @ weight.reshape(order * channels, channels_out)


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: SparseMatrix) -> Tensor:
        ctx.matrix = matrix
        return _times(matrix.like(x), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _times(ctx.matrix.like(gradient, transposed=True), gradient), None


def _times(matrix: Tensor, x: Tensor) -> Tensor:
    x = x.contiguous()
    y = x.new_empty(x.shape[0], matrix.shape[0], x.shape[2])
    for sample, result in zip(x, y, strict=True):
        torch.addmm(result, matrix, sample, beta=0, out=result)
    return y
