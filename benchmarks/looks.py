"""How the second look at a photo is taken: its crop alone, with its mirror image, larger and smaller.

    python benchmarks/looks.py [--build build] [--model FOLDER] [--limit N] [--to results/looks.json]

The pictures are rendered ones of the corpus's validation people, whom neither training nor the measures have, so that
`face2mesh.model.looking.Looker`'s sizes can be chosen by them. Each way gives a neutral head, through the corpus's
linear basis; its error over face and ears after a similarity is compared with the mean head's.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from face2mesh.head.alignment import aligned_distances
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.evaluate.intervals import difference, gain, mean
from face2mesh.lab.evaluate.parallel import for_each
from face2mesh.lab.evaluate.vertex_error import REGION, nominal_box
from face2mesh.lab.pairs import read_pairs
from face2mesh.model import Model
from face2mesh.model.looking import Looker
from face2mesh.photo import Photo
from face2mesh.store import provenance_of_measures, write_document

FILE = "rendered-same-person-validation.npz"
SIZES = {
    "mirrored": (1.0,),
    "mirrored_0.95_1.05": (0.95, 1.05),
    "mirrored_0.9_1.1": (0.9, 1.1),
    "mirrored_0.85_1.15": (0.85, 1.15),
    "mirrored_0.9_1_1.1": (0.9, 1.0, 1.1),
}
BESIDE, MEAN_HEAD = "mirrored", "mean_head"


def ways_of(looker: Looker) -> dict[str, Looker]:
    """The ways to look that are compared."""
    ways = {"crop_alone": replace(looker, mirror=None, sizes=(1.0,))}
    return ways | {name: replace(looker, sizes=sizes) for name, sizes in SIZES.items()}


def main() -> None:
    """Measure and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--to", type=Path, default=Path("results/looks.json"))
    arguments = parser.parse_args()
    build: Path = arguments.build
    inputs = {"base_head": build / "base-head.npz", "corpus": build / "corpus.npz", "pairs": build / FILE}
    model = Model.load(arguments.model)
    origin = provenance_of_measures(inputs, {"limit": arguments.limit, "model": model.name}, 0)
    corpus, pairs = Corpus.load(inputs["corpus"], inputs["base_head"]), read_pairs(inputs["pairs"])
    region = model.base_head.regions[REGION]
    ways = ways_of(model.looker)
    count = min(arguments.limit or len(pairs["crop"]), len(pairs["crop"]))

    def errors_of(i: int) -> dict[str, float]:
        picture = pairs["crop"][i]
        photo, boxes = Photo(picture, None, "default", f"picture {i}"), [nominal_box(picture.shape[1])]
        heads = {name: corpus.heads(looker(photo, boxes)[0].identity) for name, looker in ways.items()}
        true = corpus.heads(pairs["identity"][i])
        return {
            name: float(aligned_distances(head, true, region, True).mean())
            for name, head in (heads | {MEAN_HEAD: corpus.mean}).items()
        }

    rows = list(for_each(errors_of, range(count), count, "pictures"))
    errors = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    mean_head = errors.pop(MEAN_HEAD)
    person = pairs["person"][:count]
    results = {
        "format": "face2mesh/looks",
        "pictures": count,
        "people": len(np.unique(person)),
        "mean_head_mm": mean(mean_head, person).to_json(),
        "ways": {
            name: {
                "error_mm": mean(error, person).to_json(),
                "gain": gain(error, mean_head, person).to_json(),
                f"minus_{BESIDE}_mm": difference(error, errors[BESIDE], person).to_json(),
            }
            for name, error in errors.items()
        },
        "provenance": origin,
    }
    write_document(arguments.to, results)
    print(arguments.to)


if __name__ == "__main__":
    main()
