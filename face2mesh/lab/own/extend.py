"""The packaged graphs extended to a shape model of one's own, without exporting a network anew.

A decoder keeps its graph: the new code goes through a linear map into the packaged code, and what the packaged modes
cannot make of a head is added behind it. The encoder keeps all but the numbers of its last two layers, which have as
many rows as the new code is long.

Letters: K numbers of the new code, M of the packaged one, S skin vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import ModelError
from face2mesh.lab.nets.encoder import Encoder
from face2mesh.lab.own.packaged import Packaged
from face2mesh.lab.own.shapes import NOISE_MM, ShapeModel
from face2mesh.lab.package.export import compact
from face2mesh.model.manifest import ENCODER_FILE, EXPRESSION_DECODER_FILE, IDENTITY_DECODER_FILE

FloatArray = NDArray[np.float32]

_OLD = "packaged_identity"
_HALF = "_half"


@dataclass(frozen=True)
class Translation:
    """New codes c as packaged ones: middle + c · slope.

    Attributes:
        middle: (M,).
        slope: (K, M).
    """

    middle: FloatArray
    slope: FloatArray

    @classmethod
    def between(cls, known: NDArray[Any], mean: NDArray[Any], shapes: ShapeModel, weight: NDArray[Any]) -> Translation:
        """The likeliest packaged codes of the shape model's mean and modes.

        Args:
            known: (M, S, 3), the packaged modes.
            mean: (S, 3), the packaged mean.
            shapes: the new ones.
            weight: (S,) of the vertices.
        """
        flat = known.reshape(len(known), -1).astype(np.float64)
        weighted = flat * np.repeat(weight, 3)
        system = weighted @ flat.T + NOISE_MM**2 * np.eye(len(flat))
        targets = np.concatenate([(shapes.mean - mean)[None], shapes.modes]).reshape(1 + len(shapes.modes), -1)
        codes = np.linalg.solve(system, weighted @ targets.T.astype(np.float64)).T.astype(np.float32)
        return cls(codes[0], codes[1:])


def extended_decoders(packaged: Packaged, shapes: ShapeModel, translation: Translation) -> tuple[bytes, bytes]:
    """The identity and the expression decoder's `.onnx` files for the new codes.

    The identity decoder's slope at code 0 is exactly the shape model; away from it, it bends as the packaged one does.
    """
    size = len(shapes.modes)
    step = np.eye(size) @ translation.slope
    made = packaged.neutral(
        np.concatenate([translation.middle[None], translation.middle + step, translation.middle - step])
    )
    rest = shapes.mean - made[0]
    modes = shapes.modes - (made[1 : size + 1] - made[size + 1 :]) / 2
    identity = _translated(packaged.graphs[IDENTITY_DECODER_FILE], translation)
    _add_modes(identity, modes.astype(np.float32), rest.astype(np.float32))
    expression = _translated(packaged.graphs[EXPRESSION_DECODER_FILE], translation)
    return compact(identity, True).SerializeToString(), expression.SerializeToString()


def extended_encoder(packaged: Packaged, encoder: Encoder) -> bytes:
    """The packaged encoder's `.onnx` file with the last two layers of another one.

    Args:
        packaged: whose graph it is.
        encoder: the same but for `from_shape` and `from_features`, both rounded to half precision.

    Raises:
        ModelError: the graph is none that `face2mesh lab package` wrote.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(packaged.graphs[ENCODER_FILE])
    new, old = encoder.configuration.identity_size, packaged.identity_size
    layers = {
        f"network.{name}.{kind}": getattr(getattr(encoder, name), kind).detach().numpy()
        for name in ("from_shape", "from_features")
        for kind in ("weight", "bias")
    }
    replaced = 0
    for constant in list(model.graph.initializer):
        values = numpy_helper.to_array(constant)
        name = constant.name.removesuffix(_HALF)
        if name in layers:
            values = layers[name].astype(np.float16 if constant.name.endswith(_HALF) else np.float32)
        elif values.dtype == np.int64 and values.ndim == 1 and len(values) > 1 and values[0] == old:
            values = np.concatenate([[new], values[1:]]).astype(np.int64)  # sizes of a split
        else:
            continue
        replaced += 1
        constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    if replaced != len(layers) + 2:
        raise ModelError(f"{packaged.folder / ENCODER_FILE}: not a graph of this program's; name another model.")
    del model.graph.value_info[:]
    for output in model.graph.output:
        if output.name == "identity":
            output.type.tensor_type.shape.dim[1].dim_value = new
    content: bytes = model.SerializeToString()
    return content


def _translated(content: bytes, translation: Translation) -> Any:
    """A decoder's graph that takes new codes."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(content)
    graph = model.graph
    for node in graph.node:
        node.input[:] = [_OLD if name == "identity" else name for name in node.input]
    for given in graph.input:
        if given.name == "identity":
            given.type.tensor_type.shape.dim[1].dim_value = len(translation.slope)
    graph.initializer.extend(
        numpy_helper.from_array(values, name)
        for name, values in (("own_slope", translation.slope), ("own_middle", translation.middle))
    )
    first = [
        helper.make_node("MatMul", ["identity", "own_slope"], ["own_moved"]),
        helper.make_node("Add", ["own_moved", "own_middle"], [_OLD]),
    ]
    for node in reversed(first):
        graph.node.insert(0, node)
    return model


def _add_modes(model: Any, modes: FloatArray, rest: FloatArray) -> None:
    """Add code · modes (K, S, 3) and `rest` (S, 3) to a graph's output "neutral"."""
    from onnx import helper, numpy_helper

    graph = model.graph
    for node in graph.node:
        node.output[:] = ["packaged_neutral" if name == "neutral" else name for name in node.output]
        node.input[:] = ["packaged_neutral" if name == "neutral" else name for name in node.input]
    constants: dict[str, NDArray[Any]] = {
        "own_modes": modes.reshape(len(modes), -1),
        "own_shape": np.array([-1, *rest.shape], np.int64),
        "own_rest": rest,
    }
    graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in constants.items())
    graph.node.extend(
        [
            helper.make_node("MatMul", ["identity", "own_modes"], ["own_flat"]),
            helper.make_node("Reshape", ["own_flat", "own_shape"], ["own_added"]),
            helper.make_node("Add", ["packaged_neutral", "own_added"], ["own_sum"]),
            helper.make_node("Add", ["own_sum", "own_rest"], ["neutral"]),
        ]
    )
