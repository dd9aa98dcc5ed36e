"""What is lost when the decoder is written as morph targets: neutral + Σ weight · morph against the decoder's own head.

Engines add shapes up; the decoder does not. At one weight of 1 both are the same by definition (`mouthClose` with
`jawOpen`, see `HeadMesh.morphs`). Letters: V vertices,
E = 52 expressions, N combinations.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.corpus.sampler import sample_expressions
from face2mesh.lab.progress import progress_to
from face2mesh.model import Model
from face2mesh.write.glb import write_glb
from face2mesh.write.mesh import HeadMesh
from face2mesh.write.rig import about_x

PEOPLE = 20
COMBINATIONS = 50
"""For each person; drawn as people make them, see `sample_expressions`."""
STEPS = (0.25, 0.5, 0.75)
SEED = 0
_WORST = 5
_LARGEST_SHARE = 0.99

Floats = NDArray[np.float32]


def measure_morphs(model: Model, limit: int | None = None) -> dict[str, Any]:
    """Differences in mm, the larger of all vertices of all parts unless it says otherwise.

    - "by_expression": for each of the 52, alone at weights 0.25, 0.5 and 0.75, the largest over vertices and people;
      `mouthClose` with as much of the `jawOpen` that it closes.
    - "combinations": over random combinations, largest and mean over vertices; beside them how far the combination
      moves the head at all.
    - "jaw_bone": the jaw's bone turned as far as `jawOpen` at 1 against that morph, and the turn.
    - "file_bytes": of the GLB of one head, without texture.

    Args:
        model: the packaged model.
        limit: people, for a quick look; `PEOPLE` otherwise.
    """
    people = min(limit or PEOPLE, PEOPLE)
    generator = np.random.default_rng(SEED)
    single: list[Floats] = []
    together: list[Floats] = []
    combined: list[Floats] = []
    bones: list[tuple[float, Floats]] = []
    tell = progress_to(people, "people")
    for person in range(people):
        face = model.sample(SEED + person, expression=False)
        mesh = HeadMesh.of(face, rigged=True)
        morphs = np.stack(list(mesh.morphs.values()))
        shapes = np.eye(len(ARKIT_NAMES), dtype=np.float32)
        shapes[ARKIT_NAMES.index("mouthClose"), ARKIT_NAMES.index("jawOpen")] = 1
        steps = np.concatenate([step * shapes for step in STEPS])
        off, _ = _differences(model, face.identity, mesh.neutral, morphs, steps)
        single.append(off.max(1).reshape(len(STEPS), -1))
        drawn = sample_expressions(generator, COMBINATIONS)
        off, moved = _differences(model, face.identity, mesh.neutral, morphs, drawn)
        together.append(np.stack([off.max(1), off.mean(1), np.quantile(off, _LARGEST_SHARE, axis=1), moved.max(1)]))
        combined.append(drawn)
        bones.append(_jaw_bone(mesh))
        tell(person + 1)
    largest, mean, most, moved = np.concatenate(together, axis=1)
    order = np.argsort(-largest)[:_WORST]
    weights = np.concatenate(combined)
    by_name = np.stack(single).max(0)
    return {
        "people": people,
        "seed": SEED,
        "by_expression": {
            name: {f"at_{step:g}_mm": _rounded(by_name[row, column]) for row, step in enumerate(STEPS)}
            for column, name in enumerate(ARKIT_NAMES)
        },
        "combinations": {
            "count": len(largest),
            "largest_mm": {
                "median": _rounded(np.median(largest)),
                "p95": _rounded(np.quantile(largest, 0.95)),
                "max": _rounded(largest.max()),
            },
            "99_percent_of_vertices_within_mm": {
                "median": _rounded(np.median(most)),
                "p95": _rounded(np.quantile(most, 0.95)),
            },
            "mean_over_vertices_mm": _rounded(mean.mean()),
            "the_head_moves_mm": _rounded(np.median(moved)),
            "worst": [
                {
                    "largest_mm": _rounded(largest[row]),
                    "weights": {
                        name: _rounded(weight)
                        for name, weight in zip(ARKIT_NAMES, weights[row].tolist(), strict=True)
                        if weight > 0
                    },
                }
                for row in order
            ],
        },
        "jaw_bone": {
            "turn_degrees": _rounded(np.mean([degrees for degrees, _ in bones])),
            "mean_over_moving_skin_mm": _rounded(np.mean([off.mean() for _, off in bones])),
            "largest_mm": _rounded(max(off.max() for _, off in bones)),
        },
        "file_bytes": _file_bytes(model),
    }


def _differences(
    model: Model, identity: Floats, neutral: Floats, morphs: Floats, weights: Floats
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """How far apart the two heads are and how far the decoder's is from neutral: (N, V) mm each."""
    decoded = model.decode(identity, weights)
    added = neutral + np.tensordot(weights, morphs, 1)
    return np.linalg.norm(decoded - added, axis=2), np.linalg.norm(decoded - neutral, axis=2)


def _jaw_bone(mesh: HeadMesh) -> tuple[float, Floats]:
    """The jaw's turn at `jawOpen` 1, degrees, and what the bone's skin then misses of the morph where it moves, mm."""
    rig = mesh.rig
    assert rig is not None
    place = rig.joints[1].place
    turned = (mesh.neutral - place) @ about_x(np.radians(rig.jaw_open_degrees)).T + place - mesh.neutral
    opening = mesh.morphs["jawOpen"]
    off = np.linalg.norm(rig.weights[:, 1:2] * turned - opening, axis=1)
    skin = slice(0, mesh.topology.part_vertices["skin"][1])
    moving = np.linalg.norm(opening[skin], axis=1) > 1
    return rig.jaw_open_degrees, off[skin][moving].astype(np.float32)


def _file_bytes(model: Model) -> dict[str, int]:
    """Sizes of one head's GLB."""
    face = model.sample(SEED)
    sizes = {}
    for name, rigged in (("plain", False), ("rigged", True)):
        file = io.BytesIO()
        write_glb(HeadMesh.of(face, rigged=rigged), file)
        sizes[name] = file.tell()
    return sizes


def _rounded(value: Any) -> float:
    return round(float(value), 4)
