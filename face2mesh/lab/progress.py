"""Progress of the laboratory's long steps, on the command line's own line."""

from __future__ import annotations

from collections.abc import Callable

from face2mesh.cli.progress import Progress


def progress_to(total: int, what: str) -> Callable[[int], None]:
    """A function that is told how many are done, shows it with the time left, and wipes the line at the end.

    Args:
        total: how many there are.
        what: their name, for instance "pictures".
    """
    line = Progress(total, what)

    def show(done: int) -> None:
        line.show(done)
        if done >= total:
            line.clear()

    return show
