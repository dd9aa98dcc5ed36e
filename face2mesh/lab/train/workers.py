"""Several processes that train one network on a CPU: each takes a share of every batch, gradients are averaged.

Processes of one thread each keep two cores busier than one process of two threads, because much of a step is many
small operations. All start with the same weights, see the same averaged gradients and take the same steps, so nothing
but gradients has to travel.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import BrokenBarrierError

import torch
from torch import Tensor, nn

_PATIENCE = 120.0  # seconds; a process that does not come in this time has died


class Workers:
    """What the processes of a run share: gradients, and whether the time is over."""

    def __init__(self, network: nn.Module, count: int) -> None:
        """Make room for the gradients of `count` processes; call before they are started."""
        self.count = count
        size = sum(p.numel() for p in network.parameters()) if count > 1 else 0
        self._gradients = torch.zeros(2, count, size).share_memory_()  # type: ignore[no-untyped-call]
        self._over = torch.zeros(2, dtype=torch.bool).share_memory_()  # type: ignore[no-untyped-call]
        self._barrier = multiprocessing.get_context("fork").Barrier(count)
        self._turn = 0  # two buffers in turn: nobody writes where another still reads

    def average(self, worker: int, parameters: Sequence[nn.Parameter], over: bool) -> bool:
        """Replace the gradients by their mean over the processes.

        Args:
            worker: which process calls, 0 to count − 1.
            parameters: of the network, after backward.
            over: whether this was the last step; what process 0 says holds for all.

        Returns:
            Whether this was the last step.

        Raises:
            RuntimeError: another process has died.
        """
        if self.count == 1:
            return over
        buffer = self._gradients[self._turn]
        parts = torch.split(buffer[worker], [p.numel() for p in parameters])
        for part, parameter in zip(parts, parameters, strict=True):
            part.copy_(_gradient(parameter).flatten())
        if worker == 0:
            self._over[self._turn] = over
        try:
            self._barrier.wait(_PATIENCE)
        except BrokenBarrierError:
            raise RuntimeError("a process of the training has died; start again with --resume") from None
        mean = torch.split(buffer.mean(0), [p.numel() for p in parameters])
        for part, parameter in zip(mean, parameters, strict=True):
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
            # Copied into place: a fused optimiser takes gradients to lie in memory as their parameters do.
            parameter.grad.copy_(part.view_as(parameter))
        answer = bool(self._over[self._turn])
        self._turn = 1 - self._turn
        return answer

    def run(self, task: Callable[[int], int]) -> int:
        """Run `task(worker)` in each process, this one as worker 0, and return what it returns here."""
        context = multiprocessing.get_context("fork")
        others = [context.Process(target=_quietly, args=(self, task, i), daemon=True) for i in range(1, self.count)]
        for process in others:
            process.start()
        try:
            return task(0)
        except BaseException:
            self.abort()
            raise
        finally:
            for process in others:
                process.join(_PATIENCE)

    def abort(self) -> None:
        """Wake the others from waiting, with an error."""
        self._barrier.abort()


def begin(seed: int, count: int) -> None:
    """Seed torch; several workers get one thread each, before torch starts threads, which no fork survives."""
    torch.manual_seed(seed)
    if count > 1:
        torch.set_num_threads(1)


def draws(seed: int, step: int, worker: int) -> torch.Generator:
    """The random numbers of one worker's share of one step's batch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 256 + worker)


def _gradient(parameter: nn.Parameter) -> Tensor:
    return parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)


def _quietly(workers: Workers, task: Callable[[int], int], worker: int) -> None:
    """Process 0 tells of errors and of interruptions; the others only end."""
    with suppress(KeyboardInterrupt):
        try:
            task(worker)
        except RuntimeError as error:
            print(f"worker {worker}: {error}", file=sys.stderr)
            workers.abort()
            raise SystemExit(1) from None
