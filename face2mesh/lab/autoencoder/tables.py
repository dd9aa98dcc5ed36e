"""The tables of docs/autoencoder.md from a results file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import fmean
from typing import Any

from face2mesh.lab.autoencoder.meshes import UNSEEN

NAMES = {"local": "ours", "classical": "classical", "skip": "ours"}
SETS = {
    "held-out-people": "held-out people",
    "held-out-pairs": "held-out combinations",
    "out-of-span": "people out of span",
    UNSEEN: "unseen units",
}


def tables(results: Mapping[str, Any]) -> str:
    """Markdown: for each world a table of errors, one row for all seeds of a network and code size."""
    return "\n\n".join(_table(world, results[world]) for world in ("moving", "linear") if world in results)


def _table(world: str, entry: Mapping[str, Any]) -> str:
    headings = ["code", "network", "samples", "parameters", *SETS.values()]
    lines = [f"**{world}**", "", _row(headings), _row(["---"] * len(headings))]
    for size, linear in sorted(entry["principal"].items(), key=lambda pair: int(pair[0])):
        lines.append(_row([size, "PCA", "", f"{linear['parameters']:,}", *(_errors([linear[name]]) for name in SETS)]))
        own = sorted(
            (one for one in entry["networks"] if one["code"] == int(size)), key=lambda one: (*_what(one), one["seed"])
        )
        for (kind, samples, parameters), runs in groupby(own, _what):
            seeds = list(runs)
            told = f"{len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]['seed']}"
            cells = [_errors([one[name] for one in seeds], linear[name]) for name in SETS]
            lines.append(_row([size, f"{NAMES[kind]}, {told}", f"{samples:,}", f"{parameters:,}", *cells]))
            if all("fitted" in one for one in seeds):
                cells = [_errors([one["fitted"][name] for one in seeds], linear[name]) for name in SETS]
                lines.append(_row([size, f"{NAMES[kind]}, fitted, {told}", f"{samples:,}", f"{parameters:,}", *cells]))
    return "\n".join(lines)


def _what(one: Mapping[str, Any]) -> tuple[str, int, int]:
    """What runs of several seeds have in common."""
    return one["kind"], one["samples"], one["parameters"]


def _errors(seeds: Sequence[Mapping[str, float]], linear: Mapping[str, float] | None = None) -> str:
    """Mean (of several seeds: the lowest and the highest too), median, 95th percentile; then how far off PCA's mean."""
    mean, median, high = (fmean(one[name] for one in seeds) for name in ("mean_mm", "median_mm", "p95_mm"))
    means = [one["mean_mm"] for one in seeds]
    spread = f" [{min(means):.3f} to {max(means):.3f}]" if len(seeds) > 1 else ""
    text = f"{mean:.3f}{spread} / {median:.3f} / {high:.3f}"
    if linear is None:
        return text
    change = 100 * (mean / linear["mean_mm"] - 1)
    digits = 1 if abs(change) < 1 else 0
    return f"{text} ({'+' if change > 0 else '−'}{abs(change):.{digits}f} %)"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
