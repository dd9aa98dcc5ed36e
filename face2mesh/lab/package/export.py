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
LARGE = 100_000  # numbers in a matrix that is worth storing in half precision
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


def export_network(network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> bytes:
    """A network as an ONNX file's bytes, its first dimension free.

    Args:
        network: in evaluation mode; answers with one tensor, or with a mapping of names to tensors.
        inputs: name to an example (B, …), B at least 2, in the order of the network's arguments.
        outputs: names, in the order of the file.
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
                dynamic_shapes=(tuple({0: batch} for _ in inputs),),
                verbose=False,
            )
    finally:
        log.setLevel(level)
    assert program is not None
    content: bytes = _with_halves(_without_debugging(program.model_proto)).SerializeToString()
    return content


def round_to_halves(network: nn.Module) -> None:
    """Round the network's large matrices to half precision, in place: what the exported file then holds is exact."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() >= LARGE:
                parameter.copy_(parameter.half().float())


def _with_halves(model: Any) -> Any:
    """The graph with large constants that half precision holds exactly stored so, and widened when it is loaded."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    for constant in list(graph.initializer):
        values = numpy_helper.to_array(constant)
        halves = values.astype(np.float16) if values.dtype == np.float32 and values.size >= LARGE else None
        if halves is not None and np.array_equal(halves.astype(np.float32), values):
            name = constant.name
            graph.initializer.remove(constant)
            graph.initializer.append(numpy_helper.from_array(halves, f"{name}_half"))
            graph.node.insert(0, helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    return model


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
