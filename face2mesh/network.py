"""An ONNX network on one or more threads of the CPU; ONNX Runtime is loaded when the first one is called."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from face2mesh.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime


class Network:
    """One ONNX graph; its session is made at the first call, which costs time and memory."""

    def __init__(self, name: str, content: bytes, threads: int, *, keep_memory: bool = False) -> None:
        """Keep the graph's bytes.

        Args:
            name: of the file, for messages.
            content: the `.onnx` file's bytes.
            threads: for the operators of one call.
            keep_memory: between calls; a network of large pictures and little work is thrice as fast with it.
        """
        self.name = name
        self._content: bytes | None = content
        self._threads = threads
        self._keep_memory = keep_memory
        self._lock = threading.Lock()
        self._session: onnxruntime.InferenceSession | None = None

    def open(self) -> onnxruntime.InferenceSession:
        """The session, made at the first call.

        Raises:
            ModelError: ONNX Runtime cannot load the graph.
        """
        with self._lock:
            if self._session is None:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.inter_op_num_threads = 1
                # Threads that wait by spinning steal the time of a photo that is decoded meanwhile.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                # The arena keeps the largest batch's memory for ever; without it the encoder is as fast.
                options.enable_cpu_mem_arena = self._keep_memory
                options.log_severity_level = 3
                try:
                    self._session = onnxruntime.InferenceSession(
                        self._content, options, providers=["CPUExecutionProvider"]
                    )
                except Exception as error:  # onnxruntime's own exceptions share no public base class
                    raise ModelError(
                        f"{self.name}: ONNX Runtime {onnxruntime.__version__} cannot load it ({error}); "
                        "upgrade onnxruntime, or package the model again."
                    ) from error
                self._content = None
            return self._session

    def __call__(self, outputs: Sequence[str], **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Named inputs to the outputs asked for, by name; a graph may have more. Safe from several threads."""
        session = self._session or self.open()
        return dict(zip(outputs, session.run(outputs, inputs), strict=True))

    def outputs(self) -> list[str]:
        """The names of what the graph gives."""
        return [value.name for value in self.open().get_outputs()]

    def input_shape(self, name: str) -> list[int | str]:
        """The declared shape of an input; free dimensions have names."""
        shapes: dict[str, list[int | str]] = {value.name: value.shape for value in self.open().get_inputs()}
        return shapes[name]
