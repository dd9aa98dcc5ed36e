"""Torch networks to ONNX, and the proof that the exported network says the same."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

OPSET = 18
LARGE = 20_000  # numbers in a matrix that is worth storing in fixed point
HALVED = 10_000  # numbers in an array that is worth storing in half precision
REPEATED = 500  # numbers in a constant that is worth storing once where there are equal ones
LARGEST_INT16 = 32_767
LONGEST_BLOCK = 64  # numbers that share a factor in fixed point
LARGEST_DIFFERENCE_MM = 1e-3
LARGEST_DIFFERENCE_OF_CODES = 1e-5
"""Of the encoder's outputs, relative to the largest magnitude of each output."""


class _NamedOutputs(nn.Module):
    """A network that answers with a mapping, as one that answers with a tuple in a fixed order."""

    def __init__(self, network: nn.Module, outputs: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.outputs = tuple(outputs)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        answer = self.network(*inputs)
        return tuple(answer[name] for name in self.outputs) if isinstance(answer, Mapping) else (answer,)


def export_network(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    *,
    fixed_point: bool = False,
    free: Mapping[int, Any] | None = None,
) -> bytes:
    """A network as an ONNX file's bytes, its first dimension free.

    Args:
        network: in evaluation mode; answers with one tensor, or with a mapping of names to tensors.
        inputs: name to an example (B, …), B at least 2, in the order of the network's arguments.
        outputs: names, in the order of the file.
        fixed_point: store large matrices that half precision does not hold exactly in 16 bits with a factor for each
            block of a row, which is off by at most 1/65,534 of the block's largest magnitude.
        free: more dimensions of each input that are free, with their `torch.export.Dim`.
    """
    wrapped = _NamedOutputs(network.eval(), outputs).eval()
    batch = torch.export.Dim("B")
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # it tells that torchvision, which nothing here needs, is not installed
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # The exporter calls parts of torch that torch itself has deprecated.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                wrapped,
                tuple(inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=(tuple({0: batch, **(free or {})} for _ in inputs),),
                verbose=False,
            )
    finally:
        log.setLevel(level)
    assert program is not None
    content: bytes = compact(_without_debugging(program.model_proto), fixed_point).SerializeToString()
    return content


def round_to_halves(network: nn.Module) -> None:
    """Round the network's matrices to half precision, in place: what the exported file then holds is exact."""
    with torch.no_grad():
        for values in (*network.parameters(), *network.buffers()):
            if values.is_floating_point() and values.numel() >= HALVED:
                values.copy_(values.half().float())


def round_to_fixed_point(network: nn.Module) -> None:
    """Round the network's large matrices to what `export_network` stores of them with `fixed_point`, in place.

    A matrix that the exporter turns over is stored by other blocks, and is off by as much again.
    """
    with torch.no_grad():
        for values in network.parameters():
            if values.numel() >= LARGE:
                whole, factors = _fixed_point(values.numpy())
                values.copy_(torch.from_numpy((whole * factors).reshape(values.shape)))


def compact(model: Any, fixed_point: bool) -> Any:
    """The graph with large constants stored in less space, and as they were once it is loaded.

    Equal constants are stored once, and so are columns that are all the same. Large matrices are stored in 16 bits: in
    half precision where that is exact; else, where it is asked for, in fixed point with a factor for each block of
    a row.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    first_with: dict[bytes, str] = {}
    known_as: dict[str, str] = {}
    widening: list[Any] = []
    for constant in list(graph.initializer):
        values = numpy_helper.to_array(constant)
        if values.size < REPEATED:
            continue
        name = constant.name
        graph.initializer.remove(constant)
        key = values.tobytes() + f"{values.shape} {values.dtype}".encode()
        known_as[name] = first_with.setdefault(key, name)
        if known_as[name] != name:
            continue
        single = values[..., :1]
        stored: dict[str, NDArray[Any]]
        if values.dtype != np.float32:
            stored = {name: values}
        elif values.ndim > 1 and values.shape[-1] > 1 and np.array_equal(values, np.broadcast_to(single, values.shape)):
            stored = {f"{name}_single": single, f"{name}_shape": np.array(values.shape, np.int64)}
            widening.append(helper.make_node("Expand", list(stored), [name]))
        elif values.size < HALVED:
            stored = {name: values}
        elif np.array_equal(values.astype(np.float16).astype(np.float32), values):
            stored = {f"{name}_half": values.astype(np.float16)}
            widening.append(helper.make_node("Cast", list(stored), [name], to=TensorProto.FLOAT))
        elif fixed_point and values.size >= LARGE:
            whole, factors = _fixed_point(values)
            stored = {f"{name}_whole": whole, f"{name}_factors": factors, f"{name}_shape": np.array(values.shape)}
            widening += [
                helper.make_node("Cast", [f"{name}_whole"], [f"{name}_cast"], to=TensorProto.FLOAT),
                helper.make_node("Mul", [f"{name}_cast", f"{name}_factors"], [f"{name}_blocks"]),
                helper.make_node("Reshape", [f"{name}_blocks", f"{name}_shape"], [name]),
            ]
        else:
            stored = {name: values}
        graph.initializer.extend(numpy_helper.from_array(array, key) for key, array in stored.items())
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = known_as.get(name, name)
    for node in reversed(widening):
        graph.node.insert(0, node)
    return model


def _fixed_point(values: NDArray[np.float32]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Blocks (n, b) of a matrix's rows as whole numbers, and the factor (n, 1) of each."""
    width = values.shape[-1]
    block = next(size for size in (*range(min(LONGEST_BLOCK, width), 1, -1), width) if width % size == 0)
    blocks = values.reshape(-1, block)
    factors = np.abs(blocks).max(1, keepdims=True) / LARGEST_INT16
    factors = np.where(factors > 0, factors, 1).astype(np.float32)
    return np.rint(blocks / factors).astype(np.int16), factors


def _without_debugging(model: Any) -> Any:
    """The graph without the source lines that the exporter notes in each node: they hold this machine's paths."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for values in (model.graph.value_info, model.graph.input, model.graph.output, model.graph.initializer):
        for value in values:
            del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    return model


def differences(
    network: nn.Module, exported: bytes, inputs: Mapping[str, Tensor], outputs: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Largest differences between a network and its export, under ONNX Runtime.

    Args:
        network: the original, in evaluation mode.
        exported: the `.onnx` file's bytes.
        inputs: name to (B, …).
        outputs: names.

    Returns:
        Output name to (largest absolute difference, the same relative to the output's largest magnitude).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = _NamedOutputs(network, outputs)(*inputs.values())
    answers = session.run(list(outputs), {name: value.numpy() for name, value in inputs.items()})
    result = {}
    for name, truth, answer in zip(outputs, expected, answers, strict=True):
        reference: NDArray[Any] = truth.numpy()
        if reference.shape != answer.shape:
            raise ValueError(f"{name}: exported as {answer.shape}, expected {reference.shape}")
        absolute = float(np.abs(reference - answer).max())
        result[name] = (absolute, absolute / max(float(np.abs(reference).max()), 1e-12))
    return result
