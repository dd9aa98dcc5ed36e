"""The trade-off between smoothness and detail: gain against noise, spectra, error maps at several weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.sheet import INK
from face2mesh.lab.figures.axes import Axis, linear_axis, logarithmic_axis
from face2mesh.lab.figures.error_maps import error_sheet
from face2mesh.lab.figures.plot import PALE, Colour, Plot, side_by_side
from face2mesh.lab.smoothness.remedies import LOCAL, OURS, PENALTIES, PLAIN, SWEEP, TRUNK, TRUNK_SWEEP
from face2mesh.lab.smoothness.sweep import MEAN_HEAD, PACKAGED, REGRESSION, SETTLED
from face2mesh.lab.smoothness.task import Task

RED, BLUE, GREEN, GREY, AMBER = (190, 50, 40), (40, 95, 170), (20, 130, 75), (140, 140, 142), (200, 130, 20)
VIOLET, TEAL = (125, 70, 160), (0, 140, 155)
LEAST_NOISE = 0.0003
"""Noise below this is drawn on the axis."""
SHOWN_PENALTIES = (0.01, 0.1, 1.0)
"""Weights in spectra and error maps."""
HEADS = 2
_SIZE = (620, 470)

Picture = NDArray[np.uint8]
Measured = dict[str, Any]


def trade_off(found: Measured) -> Picture:
    """Gain against noise of every run, and beside it the normals' error by the penalty's weight."""
    first = _first(found)
    return side_by_side([_gain_against_noise(found, first), _by_weight(found, first)])


def spectra(found: Measured) -> Picture:
    """By band of the spectrum: how much detail there is, which part of it is kept, and the noise added."""
    first = _first(found) | shipped(found["untrained"])
    lines = _lines(first)
    true = next(iter(first.values()))["spectrum"]["true"]
    edges = np.linspace(0, 2, len(true) + 1)
    middles = ((edges[:-1] + edges[1:]) / 2).tolist()
    across = linear_axis(0, 2, (0, 0.5, 1, 1.5, 2))
    lowest = 10 ** np.floor(np.log10(min(true)))
    energy = Plot(
        "Energy by frequency", across, logarithmic_axis(lowest, 1e3), ("eigenvalue of L", "squared mm"), (430, 400)
    )
    gain = Plot(
        "Detail kept", across, linear_axis(-0.2, 1.2, (0, 0.25, 0.5, 0.75, 1)), ("eigenvalue of L", "gain"), (430, 400)
    )
    noise = Plot("Noise added", across, logarithmic_axis(1e-3, 10), ("eigenvalue of L", "noise"), (430, 400))
    energy.line(middles, true, INK, 5)  # still seen where another curve lies on it
    for name, colour in lines:
        values = first[name]["spectrum"]
        energy.line(middles, [max(v, lowest) for v in values["predicted"]], colour)
        gain.line(middles, values["gain"], colour)
        noise.line(middles, [max(v, 1e-3) for v in values["noise"]], colour)
    energy.legend([("true heads", INK), *((_told(name), colour) for name, colour in lines)], (120, 6))
    return side_by_side([energy.array(), gain.array(), noise.array()])


def shipped(made: Mapping[str, Any]) -> dict[str, Any]:
    """Of what the packaged model makes of a task, what its users get."""
    return {
        name: made[name] for name in (SETTLED, PACKAGED) if name in made and (name == SETTLED or SETTLED not in made)
    }


def error_maps(task: Task, predicted: Mapping[str, NDArray[np.float32]]) -> Picture:
    """Held-out heads and what becomes of them: plain, at several weights, ours; below each the error in mm."""
    names = [name for name, _ in _lines(predicted)]
    amount = np.linalg.norm(task.held, axis=2).mean(1)
    # Neither the tamest nor the wildest.
    rows = np.argsort(amount)[[int(share * (len(amount) - 1)) for share in np.linspace(0.6, 0.9, HEADS)]]
    heads = {_told(name): task.references[rows] + predicted[name][rows] for name in names}
    return error_sheet(task.references[rows] + task.held[rows], heads, task.patch.triangles, "three_quarter")


def _gain_against_noise(found: Measured, first: Mapping[str, Measured]) -> Picture:
    noises = [one["noise"]["value"] for one in (*found["runs"], *found["untrained"].values())]
    least = max(LEAST_NOISE, 0.3 * min(noise for noise in noises if noise > 0))
    across, down = linear_axis(-0.2, 1.1, (0, 0.25, 0.5, 0.75, 1)), logarithmic_axis(least, 10)
    plot = Plot("Detail kept and noise added, upper half of the spectrum", across, down, ("gain", "noise"), _SIZE)

    def at(measured: Measured) -> tuple[float, float]:
        return measured["gain"]["value"], max(measured["noise"]["value"], least)

    curves = {
        colour: [recipe.name for recipe in recipes if recipe.name in first]
        for colour, recipes in ((BLUE, SWEEP), (VIOLET, TRUNK_SWEEP))
    }
    for colour, names in curves.items():
        places = [at(first[name]) for name in names]
        plot.line([x for x, _ in places], [y for _, y in places], colour)
    curve = [name for names in curves.values() for name in names]
    own = {*curve, OURS, LOCAL}
    named: list[tuple[float, float, str, Colour]] = []
    for measured in found["runs"]:
        name, again = measured["run"]["recipe"]["name"], measured["run"]["seed"] > 0
        colour = _colour(name) or GREY
        plot.point(*at(measured), colour, 5 if name in own else 4, hollow=again)
        if not again:
            told = name.rpartition("penalty-")[2] if name in curve else name
            named.append((*at(measured), told, colour if name in own else PALE))
    for name in (REGRESSION, PACKAGED, SETTLED):
        if name in found["untrained"]:
            place = at(found["untrained"][name])
            colour = GREY if name == REGRESSION else AMBER
            plot.point(*place, colour, 7, hollow=True)
            named.append((*place, name, colour))
    plot.name_all(sorted(named, key=lambda entry: entry[3] == PALE))
    return plot.array()


def _by_weight(found: Measured, first: Mapping[str, Measured]) -> Picture:
    curves = {
        start: [(w, first[f"{start}{w:g}"]) for w in PENALTIES if f"{start}{w:g}" in first]
        for start in ("penalty-", f"{TRUNK}-penalty-")
    }
    level: dict[str, tuple[float, Colour]] = {
        name: (first[name]["normal_degrees"]["value"], _colour(name) or GREY)
        for name in (PLAIN, TRUNK, OURS, LOCAL)
        if name in first
    }
    level[MEAN_HEAD] = (found["untrained"][MEAN_HEAD]["normal_degrees"]["value"], GREY)
    values = [measured["normal_degrees"]["value"] for swept in curves.values() for _, measured in swept]
    top = 1.15 * max([*values, *(value for value, _ in level.values())])
    step = 10 ** np.floor(np.log10(top / 2))
    ticks = np.arange(0, top, step * (2 if top / step > 10 else 1)).tolist()
    across = logarithmic_axis(PENALTIES[0] / 2, PENALTIES[-1] * 8)
    names = ("weight of the penalty on roughness", "degrees")
    plot = Plot("Error of the normals", across, Axis(0, top, False, tuple(ticks)), names, _SIZE)
    for value, colour in level.values():
        plot.line([across.low, across.high], [value, value], colour, 1)
    # The mean head's name stands above its line, the others below theirs.
    aside = {name: 0.02 * top if name == MEAN_HEAD else -0.02 * top for name in level}
    plot.name_all([(PENALTIES[-1], value + aside[name], name, colour) for name, (value, colour) in level.items()])
    for start, swept in curves.items():
        colour = _colour(start) or BLUE
        plot.line([weight for weight, _ in swept], [one["normal_degrees"]["value"] for _, one in swept], colour)
        for weight, measured in swept:
            error = measured["normal_degrees"]
            if error["low"] is not None:
                plot.bar((weight, error["low"]), (weight, error["high"]), colour)
            plot.point(weight, error["value"], colour)
    return plot.array()


def _first(found: Measured) -> dict[str, Measured]:
    """The runs of seed 0 by name."""
    return {one["run"]["recipe"]["name"]: one for one in found["runs"] if one["run"]["seed"] == 0}


def _lines(named: Mapping[str, Any]) -> list[tuple[str, Colour]]:
    """What spectra and error maps show, of what there is."""
    shades = ((20, 50, 110), BLUE, (120, 165, 215))
    wanted = [
        (PLAIN, RED),
        *((f"penalty-{w:g}", shade) for w, shade in zip(SHOWN_PENALTIES, shades, strict=True)),
        (TRUNK, VIOLET),
        (OURS, GREEN),
        (LOCAL, TEAL),
        (PACKAGED, AMBER),
        (SETTLED, AMBER),
    ]
    return [(name, colour) for name, colour in wanted if name in named]


def _told(name: str) -> str:
    return f"penalty {name.removeprefix('penalty-')}" if name.startswith("penalty-") else name


def _colour(name: str) -> Colour | None:
    known = {PLAIN: RED, TRUNK: VIOLET, OURS: GREEN, LOCAL: TEAL}
    by_start = {"penalty-": BLUE, f"{TRUNK}-penalty-": VIOLET}
    return known.get(name) or next((colour for start, colour in by_start.items() if name.startswith(start)), None)
