"""`face2mesh lab morphable-model`: generalisation, specificity and self-intersections of a packaged model."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.cli.options import add_model
from face2mesh.lab.options import add_output
from face2mesh.store import provenance_of_measures, write_document

if TYPE_CHECKING:
    from face2mesh.head import BaseHead
    from face2mesh.lab.corpus.corpus import Corpus
    from face2mesh.model import Model

FORMAT = "face2mesh/morphable-model"
SIZES = (4, 8, 16, 32, 64, 100, 116)
REGION = "face_and_ears"
PEOPLE, SAMPLES, TRAINING, DRAWN, FITTED = 60, 500, 5000, 100, 8
"""Held-out people; samples; training heads; heads whose self-intersections are counted; expressed heads fitted."""
SEED = 9001
PLACES = {
    "lips": ("lip_", "mouth_cavity"),
    "lids": ("lid_", "eye_cavity"),
}
"""Where triangles pass through each other, by regions' names; all else is "elsewhere"."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `morphable-model` to the laboratory's commands."""
    parser = subparsers.add_parser(
        "morphable-model",
        description="Reads BUILD/base-head.npz, corpus.npz, out-of-span.npz and moving-corpus.npz; writes FILE.",
    )
    add_model(parser)
    add_output(parser, "results/morphable-model.json")
    parser.add_argument(
        "--share", type=float, default=1.0, metavar="X", help="of all numbers of heads, for a quick look (default: 1)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure, and write the results."""
    from face2mesh.lab.corpus.corpus import Corpus
    from face2mesh.lab.corpus.moving import FILE as MOVING
    from face2mesh.lab.corpus.out_of_span import FILE as OUTSIDE
    from face2mesh.model import load
    from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED

    build: Path = arguments.build
    folder = arguments.model or PACKAGED
    inputs = {
        "model": folder / MANIFEST_FILE,
        **{name.partition(".")[0]: build / name for name in ("base-head.npz", "corpus.npz", OUTSIDE, MOVING)},
    }
    model = load(folder)
    corpus = Corpus.load(inputs["corpus"], inputs["base-head"])

    def share(count: int) -> int:
        return max(round(count * float(arguments.share)), 4)

    report: dict[str, Any] = {"format": FORMAT, "region": REGION}
    began = time.process_time()
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "generalisation": lambda: _generalisation(model, corpus, inputs["out-of-span"], share(PEOPLE)),
        "specificity": lambda: _specificity(model, corpus, share(SAMPLES), share(TRAINING)),
        "self_intersections": lambda: _self_intersections(model, corpus, inputs, share(DRAWN)),
        "fits": lambda: _fits(model, inputs, share(FITTED)),
    }
    for name, measure in measures.items():
        report[name] = measure()
        print(f"{name}: {time.process_time() - began:.0f} s of CPU so far", flush=True)
    report["provenance"] = provenance_of_measures(inputs, {"share": arguments.share}, SEED)
    write_document(arguments.output, report)
    print(arguments.output)


def _region(head: BaseHead) -> NDArray[np.int64]:
    """Vertices of the measured region, all of them skin."""
    return np.flatnonzero(head.regions[REGION][: head.skin_count])


def _generalisation(model: Model, corpus: Corpus, outside: Path, count: int) -> dict[str, Any]:
    """Errors of people of the corpus's span and from outside it, with so many numbers; PCA and the mean head beside."""
    from face2mesh.lab.corpus.out_of_span import OutOfSpan
    from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE, TRAIN
    from face2mesh.lab.morphable import generalisation as g

    region = _region(model.base_head)
    basis, mean = corpus.identity[:, region].astype(np.float64), corpus.mean[region].astype(np.float64)
    held_out = corpus.population.sample(HELD_OUT_PEOPLE.generator(5), count)
    people = {
        "held_out": mean + np.tensordot(held_out, basis, 1),
        "out_of_span": OutOfSpan.load(outside).vertices[:count][:, region].astype(np.float64),
    }
    training = corpus.population.sample(TRAIN.generator(5), TRAINING).astype(np.float64)
    average, components = g.principal_components(mean, basis, training)
    slopes = model.skin_slopes.of_identity
    directions, start = g.principal_directions(slopes[:, region], training), training.mean(0)
    decoder = model.skin_decoder
    report: dict[str, Any] = {"people": count, "sizes": [size for size in SIZES if size <= model.identity_size]}
    for name, heads in people.items():
        curves: dict[str, Any] = {"mean_head": _summary(g.errors(average, heads))}
        curves["model"] = [
            _summary(g.errors(g.best_heads(decoder, slopes, heads, region, start, directions[:size]), heads))
            for size in report["sizes"]
        ]
        curves["pca"] = [
            _summary(g.errors(g.projected(heads, average, components[:size]), heads)) for size in report["sizes"]
        ]
        report[name] = curves
    return report


def _specificity(model: Model, corpus: Corpus, count: int, trained: int) -> dict[str, Any]:
    """Distances to the nearest training head: of samples, of heads of people's codes, and of people never seen."""
    from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE, TRAIN
    from face2mesh.lab.morphable.generalisation import decoded
    from face2mesh.lab.morphable.specificity import nearest_training_head

    region = _region(model.base_head)
    basis, mean = corpus.identity[:, region].astype(np.float64), corpus.mean[region].astype(np.float64)
    training = corpus.population.sample(TRAIN.generator(6), trained).astype(np.float64)
    held_out = corpus.population.sample(HELD_OUT_PEOPLE.generator(6), count)
    normal = np.random.default_rng(SEED).standard_normal((count, model.identity_size)).astype(np.float32)
    sampled = np.stack([model.sample(SEED + row, expression=False).identity for row in range(count)])
    decoder = model.skin_decoder
    heads = {
        "samples": decoded(decoder, sampled, region),
        "normal_codes": decoded(decoder, normal, region),
        "held_out_people": mean + np.tensordot(held_out, basis, 1),
        "mean_head": corpus.mean[None, region],
    }
    report: dict[str, Any] = {"heads": count, "training_heads": trained}
    for name, made in heads.items():
        report[name] = _summary(nearest_training_head(made, mean, basis, training)[1])
    report["ratio_to_held_out_people"] = round(report["samples"]["mean"] / report["held_out_people"]["mean"], 3)
    return report


def _self_intersections(model: Model, corpus: Corpus, inputs: dict[str, Path], count: int) -> dict[str, Any]:
    """Triangles of the skin that pass through others: of the base head, of training heads, and of samples."""
    from face2mesh.lab.corpus.moving import MovingCorpus
    from face2mesh.lab.corpus.splits import MOVING_TRAIN, TRAIN
    from face2mesh.lab.morphable.self_intersection import intersecting_triangles

    moving = MovingCorpus.load(inputs["moving-corpus"], inputs["corpus"], inputs["base-head"])
    triangles, skin = model.base_head.skin_triangles, model.base_head.skin_count
    codes = corpus.population.sample(TRAIN.generator(7), count)
    weights = MOVING_TRAIN.expressions(MOVING_TRAIN.generator(7), count)

    regions = model.base_head.regions.items()
    places = {}
    for place, names in PLACES.items():
        there = np.logical_or.reduce([mask[:skin] for name, mask in regions if name.startswith(names)])
        places[place] = there[triangles].any(1)
    places["elsewhere"] = ~np.logical_or.reduce(list(places.values()))

    def counted(heads: Any) -> NDArray[np.int64]:
        """Intersecting triangles by head (rows) and place (columns)."""
        found = [intersecting_triangles(head[:skin], triangles) for head in heads]
        return np.array([[int(place[rows].sum()) for place in places.values()] for rows in found])

    sources = {
        "training_neutral": (corpus.skin(code[None])[0] for code in codes),
        "training_expressed": (moving.skin(code[None], w[None])[0] for code, w in zip(codes, weights, strict=True)),
        "decoded_training_expressed": (model.decode(code, w) for code, w in zip(codes, weights, strict=True)),
        "samples_neutral": (model.sample(SEED + row, expression=False).vertices for row in range(count)),
        "samples_expressed": (model.sample(SEED + row).vertices for row in range(count)),
    }
    report: dict[str, Any] = {"heads": count, "triangles": len(triangles)}
    report["base_head"] = int(counted([corpus.mean]).sum())
    for name, heads in sources.items():
        found = counted(heads)
        report[name] = {
            "triangles_mean": round(float(found.sum(1).mean()), 2),
            "triangles_p95": float(np.quantile(found.sum(1), 0.95)),
            "triangles_mean_by_place": dict(zip(places, found.mean(0).round(2).tolist(), strict=True)),
            "heads_with_any_elsewhere": int((found[:, -1] > 0).sum()),
        }
    return report


def _fits(model: Model, inputs: dict[str, Path], count: int) -> dict[str, Any]:
    """`Model.fit` on expressed heads of held-out people, turned and moved: what it misses, and how long it takes."""
    from face2mesh.head.alignment import Similarity
    from face2mesh.head.rigid import rotations_of
    from face2mesh.lab.corpus.moving import MovingCorpus
    from face2mesh.lab.corpus.out_of_span import OutOfSpan
    from face2mesh.lab.corpus.splits import MOVING_HELD_OUT_PEOPLE

    moving = MovingCorpus.load(inputs["moving-corpus"], inputs["corpus"], inputs["base-head"])
    split = MOVING_HELD_OUT_PEOPLE
    codes = moving.population.sample(split.generator(5), count)
    weights = split.expressions(split.generator(6), count)
    rng = np.random.default_rng(SEED)
    own = model.sample(SEED)
    meshes = {
        "own_samples": [model.sample(SEED + row).vertices for row in range(count)],
        "held_out_expressed": list(moving.heads(codes, weights)),
        "out_of_span_neutral": list(OutOfSpan.load(inputs["out-of-span"]).vertices[:count]),
    }
    region = _region(own.head)
    report: dict[str, Any] = {"meshes": count}
    for name, heads in meshes.items():
        missed, seconds = [], []
        for head in heads:
            place = Similarity(1.0, rotations_of(rng.normal(size=3)), rng.normal(size=3) * 100)
            began = time.process_time()
            fit = model.fit(place(head), expression=name != "out_of_span_neutral")
            seconds.append(time.process_time() - began)
            missed.append(fit.distances_mm[region].mean())
        report[name] = _summary(np.array(missed)) | {"seconds_median": round(float(np.median(seconds)), 2)}
    return report


def _summary(values: NDArray[Any]) -> dict[str, float]:
    """Mean, median and 95th percentile, mm."""
    return {
        "mean": round(float(values.mean()), 4),
        "median": round(float(np.median(values)), 4),
        "p95": round(float(np.quantile(values, 0.95)), 4),
    }
