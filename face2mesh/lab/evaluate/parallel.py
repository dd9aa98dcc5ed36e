"""One function over many pictures, on as many threads as there are processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from face2mesh.lab.progress import progress_to

_BLOCK = 64
"""Pictures held at a time."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def for_each(function: Callable[[Item], Result], items: Iterable[Item], total: int, what: str) -> Iterator[Result]:
    """The results in the order of the items; NumPy and ONNX Runtime let other threads work meanwhile.

    Args:
        function: safe to call from several threads.
        items: read a block at a time.
        total: how many there are, for the progress.
        what: for the progress.
    """
    tell, done = progress_to(total, what), 0
    remaining = iter(items)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        while block := list(islice(remaining, _BLOCK)):
            for result in pool.map(function, block):
                done += 1
                tell(done)
                yield result
