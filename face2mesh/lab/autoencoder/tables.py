"""The tables of docs/autoencoder.md from a results file."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Markdown: for each world a table of errors, one row a network and code size."""
    return "\n\n".join(_table(world, results[world]) for world in ("moving", "linear") if world in results)


def _table(world: str, entry: Mapping[str, Any]) -> str:
    headings = ["code", "network", "samples", "parameters", *SETS.values()]
    lines = [f"**{world}**", "", _row(headings), _row(["---"] * len(headings))]
    networks = sorted(entry["networks"], key=lambda one: (one["code"], one["kind"], one["samples"], one["seed"]))
    for size, linear in sorted(entry["principal"].items(), key=lambda pair: int(pair[0])):
        own = [one for one in networks if one["code"] == int(size)]
        cells = [_errors(linear[name]) for name in SETS]
        lines.append(_row([size, "PCA", "", f"{linear['parameters']:,}", *cells]))
        for one in own:
            cells = [_errors(one[name], linear[name]) for name in SETS]
            name = f"{NAMES[one['kind']]}, seed {one['seed']}"
            lines.append(_row([size, name, f"{one['samples']:,}", f"{one['parameters']:,}", *cells]))
    return "\n".join(lines)


def _errors(errors: Mapping[str, float], linear: Mapping[str, float] | None = None) -> str:
    """Mean, median, 95th percentile; with PCA's beside it, how much smaller the mean is."""
    text = " / ".join(f"{errors[name]:.3f}" for name in ("mean_mm", "median_mm", "p95_mm"))
    if linear is None:
        return text
    change = 100 * (errors["mean_mm"] / linear["mean_mm"] - 1)
    digits = 1 if abs(change) < 1 else 0
    return f"{text} ({'+' if change > 0 else '−'}{abs(change):.{digits}f} %)"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
