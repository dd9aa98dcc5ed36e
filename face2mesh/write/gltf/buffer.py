"""The binary half of a glTF file: arrays as accessors, and the container around both halves.

Names and rules are those of Khronos's glTF 2.0 specification, sections 3.6 (binary data) and 4 (GLB). Letters: N rows
of an array, C numbers in each.
"""

from __future__ import annotations

import json
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_COMPONENTS = {np.dtype(np.uint8): 5121, np.dtype(np.uint16): 5123, np.dtype(np.uint32): 5125, np.dtype("f4"): 5126}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_ARRAY_BUFFER, _ELEMENT_BUFFER = 34962, 34963
_MAGIC, _CONTAINER_VERSION, _JSON_CHUNK, _BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_SPARSE_VIEW_TEXT = 190
"""About how many characters of JSON a sparse accessor takes more than a dense one."""


class Buffer:
    """Accessors, buffer views, and the bytes behind them."""

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.content = bytearray()

    def add_attribute(self, values: NDArray[Any], *, bounds: bool = False, normalised: bool = False) -> int:
        """Append a vertex attribute.

        Args:
            values: (N, C), float32, uint16 or uint8; a row must be a multiple of four bytes.
            bounds: also write its least and greatest numbers, which positions must have.
            normalised: whole numbers stand for 0 to 1.

        Returns:
            The accessor's number.
        """
        return self._accessor(values, self.add_view(values, _ARRAY_BUFFER), bounds=bounds, normalised=normalised)

    def add_indices(self, values: NDArray[Any]) -> int:
        """Append vertex indices (N,), uint16 or uint32; the accessor's number."""
        return self._accessor(values[:, None], self.add_view(values, _ELEMENT_BUFFER))

    def add_matrices(self, values: NDArray[np.float32]) -> int:
        """Append matrices (N, 4, 4), rows first as NumPy has them; the accessor's number."""
        columns = np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(-1, 16)
        return self._accessor(columns, self.add_view(columns))

    def add_displacements(self, values: NDArray[np.float32], moves: NDArray[np.bool_], *, bounds: bool = False) -> int:
        """Append displacements of vertices, all of them or only those that move: whichever is smaller.

        Args:
            values: (N, 3).
            moves: (N,), which rows count; the others are taken for zero.
            bounds: as in `add_attribute`.

        Returns:
            The accessor's number.
        """
        values = np.where(moves[:, None], values, np.float32(0))
        # The specification wants one row at least.
        rows = np.flatnonzero(moves) if moves.any() else np.zeros(1, np.int64)
        indices = rows.astype(np.uint16 if len(values) <= 0xFFFF else np.uint32)
        chosen = np.ascontiguousarray(values[rows])
        if indices.nbytes + chosen.nbytes + _SPARSE_VIEW_TEXT >= values.nbytes:
            return self.add_attribute(values, bounds=bounds)
        number = self._accessor(values, None, bounds=bounds)
        self.accessors[number]["sparse"] = {
            "count": len(rows),
            "indices": {"bufferView": self.add_view(indices), "componentType": _COMPONENTS[indices.dtype]},
            "values": {"bufferView": self.add_view(chosen)},
        }
        return number

    def add_view(self, values: NDArray[Any] | bytes, target: int | None = None) -> int:
        """Append an array's bytes, or a file's, at a multiple of four; the buffer view's number."""
        if isinstance(values, np.ndarray):
            values = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
        self.content += b"\0" * (-len(self.content) % 4)
        view = {"buffer": 0, "byteOffset": len(self.content), "byteLength": len(values)}
        self.views.append(view if target is None else {**view, "target": target})
        self.content += values
        return len(self.views) - 1

    def _accessor(
        self, values: NDArray[Any], view: int | None, *, bounds: bool = False, normalised: bool = False
    ) -> int:
        accessor: dict[str, Any] = {} if view is None else {"bufferView": view}
        accessor |= {
            "componentType": _COMPONENTS[values.dtype],
            "count": len(values),
            "type": _TYPES[values.shape[1]],
        }
        if normalised:
            accessor["normalized"] = True
        if bounds:
            accessor |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def write_container(self, document: dict[str, Any], file: IO[bytes]) -> None:
        """Write a `.glb`: the document with this buffer's accessors and views, then the bytes."""
        whole = {
            **document,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.content)}],
        }
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        content = bytes(self.content) + b"\0" * (-len(self.content) % 4)
        length = 12 + 8 + len(text) + 8 + len(content)
        file.write(np.array([_MAGIC, _CONTAINER_VERSION, length, len(text), _JSON_CHUNK], "<u4").tobytes())
        file.write(text)
        file.write(np.array([len(content), _BINARY_CHUNK], "<u4").tobytes())
        file.write(content)
