"""Pictures a second of the compiled rasteriser: heads of 160 × 160 with texture, light and shadows, on one thread.

    python benchmarks/rendering.py [--build build] [--to results/rendering.json]

What is timed apart, each as the median over repetitions: `corpus`, vertices of 64 people with expressions in one matrix
product; `picture`, one bare head in light (vertex normals, light with soft shadows, 2 × 2 samples a pixel, bilinear
texture, highlights); `dressed`, the same with hair, clothes and whatever a training picture has; `pair`, all of a
training pair, from its random numbers to the bytes of its JPEG file; `numpy`, the visibility pass alone by
`face2mesh.draw.raster` against the compiled one, as a ratio.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from face2mesh.draw import raster
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.splits import TRAIN
from face2mesh.lab.pairs import rendered
from face2mesh.lab.pairs.light import random_light
from face2mesh.lab.pairs.photos import WIDER
from face2mesh.lab.pairs.rendered import View, World, render_pair
from face2mesh.lab.pairs.skin import Skins, procedural_skin
from face2mesh.lab.pairs.surroundings import Backdrops
from face2mesh.lab.render.picture import Piece, Textures, picture_of
from face2mesh.lab.render.rasteriser import rasterise
from face2mesh.photo.crop import crop_of_landmarks
from face2mesh.store import provenance_of_measures, write_document

SEED = 0
PEOPLE = 64
SIZE = 160


def median_seconds(call: Callable[[int], object], repetitions: int) -> dict[str, float]:
    """Median and quartiles of the seconds that a call takes; it is given the repetition's number."""
    call(0)
    times = []
    for repetition in range(repetitions):
        start = time.process_time()
        call(repetition)
        times.append(time.process_time() - start)
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    return {"median_ms": round(1e3 * middle, 3), "quartiles_ms": [round(1e3 * low, 3), round(1e3 * high, 3)]}


def main() -> None:
    """Measure and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--to", type=Path, default=Path("results/rendering.json"))
    parser.add_argument("--repetitions", type=int, default=64)
    arguments = parser.parse_args()
    inputs = {name: arguments.build / f"{name}.npz" for name in ("base-head", "corpus")}
    head = BaseHead.load(inputs["base-head"])
    corpus = Corpus.load(inputs["corpus"], inputs["base-head"])
    identity, expression = TRAIN.draw(PEOPLE, corpus.population, stream=SEED)
    generator = np.random.default_rng(SEED)
    tone = np.log(generator.uniform(0.1, 0.5, (4, head.skin_count, 3))).astype(np.float16)
    skins = Skins(tone, np.zeros_like(tone), generator.integers(110, 146, (4, 256, 256, 3)).astype(np.uint8))
    behind = generator.integers(0, 256, (4, SIZE, SIZE, 3)).astype(np.uint8)
    backdrops = Backdrops(behind, np.tile(np.array([30, 30, 130, 130], np.float32), (4, 1)))
    world = World(head, corpus, skins, backdrops, identity, expression, SEED)
    stage = world.setting.stage
    heads = corpus.heads(identity, expression)
    colours = np.full((len(head.vertices), 3), 0.5, np.float32)
    colours[: head.skin_count] = procedural_skin(head, generator)
    textures = Textures(generator.integers(110, 146, stage.no_detail.shape).astype(np.uint8), stage.strands[0])
    views = []
    for vertices in heads:
        turn = rendered.random_rotation(generator)
        ray, distance = np.array([0.0, 0.0, 1.0]), float(np.exp(generator.uniform(np.log(300), np.log(3000))))
        placed = head.landmarks(vertices) @ turn.T + distance * ray
        wide = crop_of_landmarks(placed[:, :2] / placed[:, 2:]).scaled(WIDER)
        views.append(View(turn, ray, distance, np.array(wide.corner), wide.side))
    lights = [random_light(generator) for _ in range(PEOPLE)]

    def picture(repetition: int) -> None:
        row = repetition % PEOPLE
        view, light = views[row], lights[row]
        body = Piece(
            heads[row],
            stage.triangles,
            colours,
            stage.material,
            stage.uv,
            gloss=(0.05, 12.0),
            openness=stage.shadows.openness,
            shadow=np.arange(len(heads[row]), dtype=np.int32),
            two_sided=False,
        )
        placed = view.placed(heads[row])
        shadows = [stage.shadows.of_lamp(view.turn.T @ lamp.direction, lamp.sharpness) for lamp in light.lamps]
        picture_of([body], placed, view.pixels(placed), light, shadows, textures, SIZE)

    def dressed(repetition: int) -> None:
        row = repetition % PEOPLE
        rendered.draw_head(
            world.setting, heads[row], views[row], lights[row], np.random.default_rng([SEED, repetition])
        )

    def pair(repetition: int) -> None:
        render_pair(world, repetition % PEOPLE, heads[repetition % PEOPLE])

    def samples(row: int) -> Any:
        return views[row].pixels(views[row].placed(heads[row])) * [2, 2, 1]

    def compiled(repetition: int) -> None:
        rasterise(samples(repetition % PEOPLE), head.triangles, 2 * SIZE, 2 * SIZE, cull="back")

    def plain(repetition: int) -> None:
        raster.rasterise(samples(repetition % PEOPLE), head.triangles, 2 * SIZE, 2 * SIZE, cull="back")

    calls: dict[str, Callable[[int], object]] = {
        "corpus": lambda _: corpus.heads(identity, expression),
        "picture": picture,
        "dressed": dressed,
        "pair": pair,
        "visibility_compiled": compiled,
        "visibility_numpy": plain,
    }
    results = {name: median_seconds(call, arguments.repetitions) for name, call in calls.items()}
    results["corpus"]["median_ms_a_head"] = round(results["corpus"]["median_ms"] / PEOPLE, 3)
    for name in ("picture", "dressed", "pair"):
        results[name]["a_second"] = round(1e3 / results[name]["median_ms"], 1)
    ratio = results["visibility_numpy"]["median_ms"] / results["visibility_compiled"]["median_ms"]
    configuration = {"people": PEOPLE, "size": SIZE, "repetitions": arguments.repetitions, "clock": "process time"}
    report = {
        "format": "face2mesh/benchmark",
        "vertices": len(head.vertices),
        "triangles": len(head.triangles),
        "load_average": round(os.getloadavg()[0], 2),
        "numba": numba.__version__,
        "numpy_over_compiled": round(ratio, 1),
        **results,
        "provenance": provenance_of_measures(inputs, configuration, SEED),
    }
    print(write_document(arguments.to, report), end="")


if __name__ == "__main__":
    main()
