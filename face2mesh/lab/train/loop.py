"""The loop: one optimiser step after the other, with progress, checkpoints and an end in time.

Each batch depends on the seed and the step number alone, so that a run resumed from a checkpoint sees what an
uninterrupted run would have seen.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from face2mesh.errors import InputFileError
from face2mesh.lab.train.checkpoint import CHECKPOINT, read_checkpoint, restore, write_checkpoint
from face2mesh.lab.train.configuration import Optimisation
from face2mesh.lab.train.workers import Workers

LOG = "log.jsonl"

Objective = Callable[[int, int], dict[str, Tensor]]
"""Step number and worker to weighted terms by name; their sum is minimised."""


def train(
    network: nn.Module,
    objective: Objective,
    optimisation: Optimisation,
    run: Path,
    header: dict[str, Any],
    *,
    time_limit: float | None = None,
    resume: bool = False,
) -> int:
    """Train until the configured steps or the time limit.

    Args:
        network: what is trained, already on its device.
        objective: the terms of a step.
        optimisation: how long and how fast.
        run: folder for the checkpoint and the log.
        header: what the checkpoint must tell beside the step: kind, configuration, provenance.
        time_limit: seconds; the run ends with a checkpoint.
        resume: go on from the folder's checkpoint.

    Returns:
        The steps done so far.

    Raises:
        InputFileError: the folder holds a run already and `resume` is not asked for, or the other way round, or the
            checkpoint's configuration differs.
    """
    path = run / CHECKPOINT
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=optimisation.learning_rate, weight_decay=optimisation.weight_decay, fused=True
    )
    average = copy.deepcopy(network).requires_grad_(False)
    start = 0
    if resume:
        tensors, old = read_checkpoint(path)
        if old["configuration"] != header["configuration"]:
            raise InputFileError(f"{path}: was trained with another configuration; name another run.")
        restore(tensors, network, average, optimiser)
        start = int(old["step"])
    elif path.exists():
        raise InputFileError(f"{path}: a run is there already; add --resume to go on, or name another run.")
    run.mkdir(parents=True, exist_ok=True)
    network.train()
    parameters = list(network.parameters())
    workers = Workers(network, optimisation.workers)

    def save(step: int) -> None:
        write_checkpoint(path, network, average, optimiser, {**header, "step": step})

    def steps(worker: int) -> int:
        progress = _Progress(optimisation, start, time_limit, run / LOG)
        step, over = start, start >= optimisation.steps
        while not over:
            for group in optimiser.param_groups:
                group["lr"] = _learning_rate(optimisation, step)
            optimiser.zero_grad(set_to_none=True)
            terms = objective(step, worker)
            total = torch.stack(list(terms.values())).sum()
            if not torch.isfinite(total):
                values = {name: float(value) for name, value in terms.items()}
                raise RuntimeError(f"step {step}: the objective is not finite: {values}")
            total.backward()  # type: ignore[no-untyped-call]
            step += 1
            over = workers.average(worker, parameters, step >= optimisation.steps or progress.is_over())
            nn.utils.clip_grad_norm_(parameters, optimisation.gradient_norm)
            optimiser.step()
            if worker == 0:
                _update_average(average, network, min(optimisation.average, step / (step + 9)))
                progress.tell(step, terms, total)
                if over or step % optimisation.checkpoint_every == 0:
                    save(step)
        return step

    return workers.run(steps)


def _learning_rate(optimisation: Optimisation, step: int) -> float:
    rise = min(1.0, (step + 1) / max(1, optimisation.warmup))
    return optimisation.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / optimisation.steps))


@torch.no_grad()
def _update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


class _Progress:
    """Means of the terms since the last line, to the log and to the screen, with the time left."""

    def __init__(self, optimisation: Optimisation, start: int, time_limit: float | None, log: Path) -> None:
        self.optimisation, self.start, self.time_limit, self.log = optimisation, start, time_limit, log
        self.began = time.monotonic()
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def is_over(self) -> bool:
        return self.time_limit is not None and time.monotonic() - self.began > self.time_limit

    def tell(self, step: int, terms: dict[str, Tensor], total: Tensor) -> None:
        for name, value in {**terms, "total": total}.items():
            self.sums[name] = self.sums.get(name, torch.zeros(())) + value.detach().cpu()
        self.count += 1
        if step % self.optimisation.log_every and step != self.optimisation.steps:
            return
        seconds = time.monotonic() - self.began
        means = {name: round(float(value) / self.count, 6) for name, value in self.sums.items()}
        with open(self.log, "a") as file:
            file.write(json.dumps({"step": step, "seconds": round(seconds, 1), **means}) + "\n")
        left = seconds / (step - self.start) * (self.optimisation.steps - step)
        if self.time_limit is not None:
            left = min(left, self.time_limit - seconds)
        line = " ".join(f"{name} {value:.4g}" for name, value in means.items())
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"step {step}/{self.optimisation.steps}, {left / 60:.1f} min left: {line}", file=sys.stderr, end=end)
        self.sums, self.count = {}, 0
