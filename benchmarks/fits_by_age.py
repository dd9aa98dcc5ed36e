"""What a fit to landmarks makes of heads that are known exactly, by age and by what the fit knows beforehand.

    python benchmarks/fits_by_age.py [--build build] [--to results/fits-by-age.json]

The heads are those of `out-of-span.npz`, MakeHuman's people with details that the corpus has no modes for. Their dense
points are seen from two sides, with noise; heads are fitted to them by `face2mesh.lab.pairs.solver`, and compared with
the true ones over face and ears. Priors: anybody; that of the age, its codes taken for independent; that of the age as
`face2mesh lab pairs photos` uses it, with its covariance.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from face2mesh.head.alignment import aligned_distances
from face2mesh.head.arkit import OPPOSITES
from face2mesh.lab.corpus.out_of_span import FILE, OutOfSpan
from face2mesh.lab.evaluate.intervals import difference, mean
from face2mesh.lab.evaluate.vertex_error import ALIGNMENTS, REGION
from face2mesh.lab.pairs import read_pairs
from face2mesh.lab.pairs.ages import YEARS, prior_of_ages
from face2mesh.lab.pairs.expression_prior import sparsity
from face2mesh.lab.pairs.fit import FitSettings, Prior, Reliability, project
from face2mesh.lab.pairs.point_model import load_model
from face2mesh.lab.pairs.solver import fit
from face2mesh.store import provenance_of_measures, write_document

SEED = 0
YAWS_DEGREES = (-25.0, 8.0)
NOISE = 0.005
"""Standard deviation of a coordinate of a point, in face boxes."""
LOG_SCALE = -0.75


def group_of(years: float) -> str:
    """FairFace's group of an age."""
    return next(group for group, (low, high) in YEARS.items() if low <= years < high and group != "0-2")


def independent(prior: Prior) -> Prior:
    """The same means and deviations, without covariances."""
    variance = np.diagonal(np.linalg.inv(prior.precision), axis1=1, axis2=2)
    return Prior(prior.mean, (np.eye(variance.shape[1]) / variance[:, None]).astype(np.float32), prior.group)


def main() -> None:
    """Measure and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--to", type=Path, default=Path("results/fits-by-age.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    build: Path = arguments.build
    inputs = {"corpus": build / "corpus.npz", "people": build / FILE, "photo_pairs": build / "photo-pairs.npz"}
    settings = {"yaws_degrees": YAWS_DEGREES, "noise_face_boxes": NOISE}
    origin = provenance_of_measures(inputs, settings, SEED)
    head, corpus, model = load_model(build)
    people = OutOfSpan.load(build / FILE)
    reliability = Reliability(read_pairs(build / "photo-pairs.npz")["reliability"])
    age = np.array([group_of(years) for years in people.years])
    generator = np.random.default_rng(SEED)
    points, person = [], []
    irises = [
        first + int(head.vertices[first:last, 2].argmax())
        for first, last in (head.part_vertices[part] for part in ("left_eye", "right_eye"))
    ]
    for row, vertices in enumerate(people.vertices):
        seen = np.concatenate([head.dense(vertices), vertices[irises]]).astype(np.float32)
        for yaw in np.radians(YAWS_DEGREES):
            turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
            rotation = (np.diag([1.0, -1.0, -1.0]) @ turn).astype(np.float32)
            offset, scale = np.zeros((1, 2), np.float32), np.array([LOG_SCALE], np.float32)
            flat = project(seen[None], rotation[None], offset, scale)[0]
            side = np.sqrt(np.prod(np.ptp(flat, axis=0)))
            points.append(flat + NOISE * side * generator.standard_normal(flat.shape))
            person.append(row)
    given = np.ones((len(points), len(model.rest)), bool)
    of_age = prior_of_ages(corpus.population, age[person].tolist())
    priors = {
        "anybody": Prior.of_anybody(len(points), corpus.population.modes),
        "age_independent": independent(of_age),
        "age": of_age,
    }
    fitting = FitSettings(opposites=OPPOSITES, expression_sparsity=sparsity())
    region = head.regions[REGION]
    errors, years = {}, {}
    for name, prior in priors.items():
        fits = fit(model, np.array(points, np.float32), given, reliability, fitting, prior)
        heads = corpus.heads(fits.identity)
        years[name] = corpus.population.years_of(fits.identity)
        for alignment in ALIGNMENTS:
            errors[name, alignment] = np.array(
                [
                    aligned_distances(fitted, people.vertices[row], region, alignment == "similarity").mean()
                    for fitted, row in zip(heads, person, strict=True)
                ]
            )
    rows = np.array(person)
    measured = {}
    for group in [*YEARS][1:]:
        among = age[rows] == group
        if not among.any():
            continue
        cells = {}
        for name in priors:
            off = np.abs(years[name][among] - people.years[rows][among])
            cells[name] = {
                **{f"{a}_mm": mean(errors[name, a][among], rows[among]).to_json() for a in ALIGNMENTS},
                "years_off_median": round(float(np.median(off)), 1),
            }
        cells["covariance_less_mm"] = {
            a: difference(errors["age_independent", a][among], errors["age", a][among], rows[among]).to_json()
            for a in ALIGNMENTS
        }
        measured[group] = {"people": len(np.unique(rows[among])), **cells}
    results = {
        "format": "face2mesh/fits-by-age",
        "by_age": measured,
        "provenance": origin,
    }
    write_document(arguments.to, results)
    print(arguments.to)


if __name__ == "__main__":
    main()
