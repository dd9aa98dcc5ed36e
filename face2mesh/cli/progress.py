"""One line on the terminal with the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TextIO

_SHOWN_FROM = 2.0
_BETWEEN = 0.25


class Progress:
    """Counts what is done and rewrites one line of a terminal; silent elsewhere, and on anything under two seconds."""

    def __init__(self, total: int, what: str, stream: TextIO | None = None) -> None:
        """Start the clock.

        Args:
            total: how many there are.
            what: their name, for instance "photos".
            stream: None is standard error.
        """
        self._total, self._what = total, what
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._started = self._shown = time.monotonic()
        self._width = 0

    def __enter__(self) -> Progress:
        """Nothing is shown yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe the line."""
        self.clear()

    def show(self, done: int) -> None:
        """Say that so many are done; at most four times a second."""
        now = time.monotonic()
        passed = now - self._started
        left = passed / max(done, 1) * (self._total - done)
        if not self._terminal or passed + left < _SHOWN_FROM or now - self._shown < _BETWEEN:
            return
        self._shown = now
        line = f"{done} of {self._total} {self._what}, {_clock(left)} left"
        print(f"\r{line.ljust(self._width)}", end="", file=self._stream, flush=True)
        self._width = len(line)

    def clear(self) -> None:
        """Wipe the line, so that something else can be printed."""
        if self._width:
            print(f"\r{' ' * self._width}\r", end="", file=self._stream, flush=True)
            self._width = 0


def open_line(stack: ExitStack) -> Callable[[str], Callable[[int], Callable[[int], None]]]:
    """Opens a line for each step of the work, until the stack ends, once it is known what is counted and how many."""
    return lambda what: lambda total: stack.enter_context(Progress(total, what)).show


def _clock(seconds: float) -> str:
    """Minutes and seconds as people read them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
