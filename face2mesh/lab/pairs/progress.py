"""Progress with the time left, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def progress_to(total: int, what: str) -> Callable[[int], None]:
    """A function that takes how many are done and rewrites one line on a terminal at most four times a second."""
    started = time.monotonic()
    shown = 0.0

    def show(done: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if not sys.stderr.isatty() or (now - shown < 0.25 and done < total):
            return
        shown = now
        left = (now - started) / max(done, 1) * (total - done)
        end = "\n" if done >= total else ""
        print(f"\r{what}: {done} of {total}, {left / 60:.0f} min {left % 60:02.0f} s left ", end=end, file=sys.stderr)

    return show
