"""Pictures of the moving corpus: all 52 shapes, and twenty combinations on three people, a child among them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.head import ARKIT_NAMES, BaseHead
from face2mesh.lab.corpus.command import BASE_HEAD, CORPUS
from face2mesh.lab.corpus.moving import FILE, MovingCorpus
from face2mesh.lab.corpus.splits import MOVING_HELD_OUT_PEOPLE
from face2mesh.lab.figures.corpus import weights

# A name without its side is both sides.
COMBINATIONS: dict[str, dict[str, float]] = {
    "wink": {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.7, "mouthSmileLeft": 0.6, "browDownLeft": 0.3},
    "blink, looking down": {"eyeBlink": 0.4, "eyeLookDown": 0.8},
    "half closed": {"eyeBlink": 0.5},
    "smile": {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.3},
    "laugh": {"mouthSmile": 0.9, "jawOpen": 0.5, "cheekSquint": 0.8, "eyeSquint": 0.6, "mouthUpperUp": 0.4},
    "smirk": {"mouthSmileRight": 0.9, "mouthDimpleRight": 0.5, "browOuterUpLeft": 0.7},
    "ah": {"jawOpen": 0.7, "mouthLowerDown": 0.3},
    "ee": {"jawOpen": 0.2, "mouthStretch": 0.5, "mouthSmile": 0.3},
    "oh": {"jawOpen": 0.4, "mouthFunnel": 0.8},
    "oo": {"jawOpen": 0.12, "mouthPucker": 0.9},
    "m": {"jawOpen": 0.4, "mouthClose": 0.4, "mouthPress": 0.3},
    "f": {"mouthRollLower": 0.5, "mouthUpperUp": 0.3, "jawOpen": 0.1},
    "chewing": {"jawOpen": 0.6, "mouthClose": 0.6, "jawLeft": 0.7},
    "pressed lips": {"mouthPress": 0.9, "mouthRollLower": 0.4, "mouthRollUpper": 0.4},
    "anger": {"browDown": 1.0, "eyeSquint": 0.6, "mouthPress": 0.7, "noseSneer": 0.5},
    "sadness": {"browInnerUp": 1.0, "mouthFrown": 0.8, "mouthShrugLower": 0.5},
    "disgust": {"noseSneer": 0.9, "mouthUpperUp": 0.6, "browDown": 0.4, "eyeSquint": 0.5},
    "surprise": {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.7},
    "yawn": {"jawOpen": 1.0, "eyeBlink": 0.8, "browDown": 0.3},
    "tongue": {"tongueOut": 1.0, "jawOpen": 0.2, "mouthSmile": 0.3, "eyeWide": 0.5},
}
SIDE, COLUMNS = 220, 10
# `mouthClose` is a correction of the open jaw.
WITH = {"mouthClose": {"jawOpen": 1.0}}
Picture = NDArray[np.uint8]


def both_sides(named: Mapping[str, float]) -> NDArray[np.float32]:
    """(52,) weights; a name that ARKit has with sides only means both."""
    spread: dict[str, float] = {}
    for name, value in named.items():
        for whole in (name,) if name in ARKIT_NAMES else (f"{name}Left", f"{name}Right"):
            spread[whole] = value
    return weights(spread)


def people(corpus: MovingCorpus) -> NDArray[np.float32]:
    """(3, M): a young adult, an old one, and a child of six."""
    population = corpus.population
    drawn = population.sample(MOVING_HELD_OUT_PEOPLE.generator(stream=1), 3)
    ages = (25.0, 75.0, 6.0)
    return np.array([population.person_at_age(code, years) for code, years in zip(drawn, ages, strict=True)])


def draw(build: Path, out: Path) -> list[Path]:
    """Draw both sheets from `build` into `out`.

    Returns:
        The files written.
    """
    corpus = MovingCorpus.load(build / FILE, build / CORPUS, build / BASE_HEAD)
    names = list(ARKIT_NAMES)
    singles = np.array([weights({name: 1.0, **WITH.get(name, {})}) for name in names])
    heads = corpus.heads(np.zeros((len(names), corpus.population.modes), np.float32), singles)
    labels = [" + ".join([name, *WITH.get(name, {})]) for name in names]
    shapes = out / "moving-shapes.jpg"
    pictures = [picture(corpus.base, head, corpus.base.vertices) for head in heads]
    Image.fromarray(contact_sheet(pictures, columns=COLUMNS, labels=labels)).save(shapes, quality=88)

    rows = np.array([both_sides(named) for named in COMBINATIONS.values()])
    cells: list[Picture] = []
    captions: list[str] = []
    shown = [
        (picture(corpus.base, head, neutral), label)
        for code in people(corpus)
        for neutral in corpus.heads(code[None])
        for head, label in zip(corpus.heads(np.repeat(code[None], len(rows), 0), rows), COMBINATIONS, strict=True)
    ]
    count = len(rows)
    for first in range(0, count, COLUMNS):
        for person in range(3):
            for cell, label in shown[person * count + first : person * count + first + COLUMNS]:
                cells.append(cell)
                captions.append(label if person == 2 else "")
    combinations = out / "moving-combinations.jpg"
    Image.fromarray(contact_sheet(cells, columns=COLUMNS, labels=captions)).save(combinations, quality=88)
    return [shapes, combinations]


def picture(base: BaseHead, vertices: NDArray[np.float32], neutral: NDArray[np.float32], side: int = SIDE) -> Picture:
    """One head, (side, side, 3) uint8, framed on the face of its neutral."""
    camera, pose = frame(neutral[base.regions["face"]], VIEWS["front"], side, side, margin=0.02)
    return render(vertices, base.triangles, part_colours(base), camera, pose)
