"""Picture of ages: two people of the corpus from 4 to 80 years, at one scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.command import BASE_HEAD, CORPUS
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.people import ADULT_YEARS, average_people
from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE

YEARS = (4, 8, 12, 16, 25, 40, 60, 80)
# MakeHuman's share of male, the draw of the scanned face, and how far from the mean face.
PEOPLE = ((0.2, 23, 0.7), (0.8, 12, 0.8))
SIDE = 230


def draw(build: Path, out: Path) -> list[Path]:
    """Draw `corpus-ages.png` from `build` into `out`.

    Returns:
        The files written.
    """
    base = BaseHead.load(build / BASE_HEAD)
    corpus = Corpus.load(build / CORPUS, build / BASE_HEAD)
    population = corpus.population
    colours = part_colours(base)
    skin = base.vertices[: base.skin_count]
    cells = []
    for gender, stream, spread in PEOPLE:
        scan = spread * HELD_OUT_PEOPLE.generator(stream).standard_normal((1, population.scan_modes))
        person = average_people(np.array([ADULT_YEARS]))
        person.gender[:] = gender
        adult = population.codes(person, scan)[0]
        heads = corpus.heads(np.array([population.person_at_age(adult, years) for years in YEARS]))
        for view in ("front", "three_quarter"):
            camera, pose = frame(skin, VIEWS[view], SIDE, SIDE, margin=0.0)
            cells += [render(head, base.triangles, colours, camera, pose) for head in heads]
    labels = [f"{years} years" for years in YEARS] + [""] * (len(cells) - len(YEARS))
    out.mkdir(parents=True, exist_ok=True)
    path = out / "corpus-ages.png"
    Image.fromarray(contact_sheet(cells, columns=len(YEARS), labels=labels)).save(path)
    return [path]
