"""Pictures of the corpus: ten expressions on three people, twelve random people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.head import BaseHead
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.corpus.command import BASE_HEAD, CORPUS
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE

# What each column shows; weights by ARKit's names.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "jawOpen": {"jawOpen": 1.0},
    "mouthClose over jawOpen": {"jawOpen": 0.7, "mouthClose": 0.7},
    "mouthSmile": {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    "mouthPucker": {"mouthPucker": 1.0},
    "mouthFunnel": {"mouthFunnel": 1.0},
    "eyeBlink": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    "eyeLookUp, browInnerUp": {"eyeLookUpLeft": 1.0, "eyeLookUpRight": 1.0, "browInnerUp": 1.0},
    "noseSneer, browDown": {
        "noseSneerLeft": 1.0,
        "noseSneerRight": 1.0,
        "browDownLeft": 1.0,
        "browDownRight": 1.0,
    },
    "tongueOut": {"tongueOut": 1.0},
}
SIDE = 300
Picture = NDArray[np.uint8]


def weights(named: dict[str, float]) -> NDArray[np.float32]:
    """(52,) from weights by name."""
    row = np.zeros(len(ARKIT_NAMES), np.float32)
    for name, value in named.items():
        row[ARKIT_NAMES.index(name)] = value
    return row


def picture(base: BaseHead, vertices: NDArray[np.float32], view: str, region: str, side: int = SIDE) -> Picture:
    """One head, (side, side, 3) uint8, framed on a region of the base head."""
    camera, pose = frame(base.vertices[base.regions[region]], VIEWS[view], side, side, margin=0.02)
    return render(vertices, base.triangles, part_colours(base), camera, pose)


def draw(build: Path, out: Path) -> list[Path]:
    """Draw both sheets from `build` into `out`.

    Returns:
        The files written.
    """
    base = BaseHead.load(build / BASE_HEAD)
    corpus = Corpus.load(build / CORPUS, build / BASE_HEAD)
    out.mkdir(parents=True, exist_ok=True)
    rng = HELD_OUT_PEOPLE.generator(stream=1)
    people = corpus.population.sample(rng, 12)

    columns = np.array([weights(named) for named in EXPRESSIONS.values()])
    shown = np.concatenate([np.zeros_like(people[:1]), people[:2]])
    cells: list[Picture] = []
    labels: list[str] = []
    for person, code in enumerate(shown):
        heads = corpus.heads(np.repeat(code[None], len(columns), 0), columns)
        cells += [picture(base, head, "front", "face") for head in heads]
        labels += list(EXPRESSIONS) if person == 0 else [""] * len(columns)
    expressions = out / "corpus-expressions.png"
    Image.fromarray(contact_sheet(cells, columns=len(columns), labels=labels)).save(expressions)

    cells = []
    for head in corpus.heads(people):
        pair = [picture(base, head, view, "face_and_ears") for view in ("front", "three_quarter")]
        cells.append(np.concatenate(pair, axis=1))
    heads_sheet = out / "corpus-people.png"
    Image.fromarray(contact_sheet(cells, columns=3)).save(heads_sheet)
    return [expressions, heads_sheet]
