"""The linear corpus on a base head: every part of every mode and expression.

Letters: M identity modes, E = 52 expressions, V vertices, S of them skin, N scanned vertices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import BaseHead
from face2mesh.head.rigid import best_rigid
from face2mesh.lab.corpus.blink import close_lids
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.correspondence import Correspondence, correspond, frame_offset
from face2mesh.lab.corpus.expressions import scanned_expression
from face2mesh.lab.corpus.eyes import eyeball_translations, gaze_table, scanned_centres
from face2mesh.lab.corpus.follower_weights import choose_controls, follower_weights
from face2mesh.lab.corpus.labels import SkinLabels, skin_labels
from face2mesh.lab.corpus.lashes import lash_expression, lash_roots
from face2mesh.lab.corpus.lids import lid_margins
from face2mesh.lab.corpus.makehuman import Carrier, MakeHumanTargets, carrier
from face2mesh.lab.corpus.people_modes import PeopleModes, neutral_weights
from face2mesh.lab.corpus.rigid import carry_affinely
from face2mesh.lab.corpus.scans import GUMS_AND_TONGUE, TEETH, Scans
from face2mesh.lab.corpus.symmetry import force_mirrored
from face2mesh.lab.corpus.tongue import TongueOut, tongue_out

Array = NDArray[np.float64]
# A scanned tooth or gum that jawOpen moves by more than this (mm) belongs to the lower jaw.
LOWER_JAW_MM = 5.0
# Only these move the jaw; what else the scans' gums do (0.2 mm) is noise.
JAW = ("jawForward", "jawLeft", "jawRight", "jawOpen")
# Of skin outside face, ears and skull, in choosing MakeHuman's modes.
HIDDEN = 0.25
# Controls of the followers beside the lids' margins.
CONTROLS = 200


@dataclass(frozen=True)
class Carrying:
    """How the base head and the scans were brought together, for the measures.

    Attributes:
        offset: (3,) mm; scanned + offset is in the base head's frame.
        correspondence: of the skin.
        labels: of the skin.
    """

    offset: Array
    correspondence: Correspondence
    labels: SkinLabels


def bring_together(base: BaseHead, scans: Scans) -> Carrying:
    """Find frame and correspondence."""
    labels = skin_labels(base)
    offset = frame_offset(base, scans, labels.outer, -scanned_centres(scans).mean(0))
    return Carrying(offset, correspond(base, scans, offset, labels.regions), labels)


def people_carrier(base: BaseHead, carrying: Carrying, targets: MakeHumanTargets) -> Carrier:
    """Carries MakeHuman's displacements; its average young adult stands for the base head."""
    return carrier(base, targets, neutral_weights(), carrying.labels.measured)


def importance(base: BaseHead, carrying: Carrying) -> Array:
    """(V,), of the vertices in choosing modes: skin that is seen before the rest of it."""
    weights = np.zeros(len(base.vertices))
    weights[: base.skin_count] = np.where(carrying.labels.measured, 1.0, HIDDEN)
    return weights


def build_corpus(
    base: BaseHead, scans: Scans, carrying: Carrying, tongue: TongueOut, people: PeopleModes | None = None
) -> Corpus:
    """Carry all modes and expressions onto the base head.

    Args:
        base: the base head.
        scans: the scanned model.
        carrying: from `bring_together`.
        tongue: MakeHuman's tongue at rest and put out.
        people: MakeHuman's modes, to come behind the scans'; none for a corpus of scanned adults.
    """
    identity = _identity(base, scans, carrying).astype(np.float32)
    if people is not None:
        identity = np.concatenate([identity, people.modes.astype(np.float32)])
    expression = _expression(base, scans, carrying)
    expression[ARKIT_NAMES.index("tongueOut")] = tongue_out(base, tongue, expression[ARKIT_NAMES.index("jawOpen")])
    expression = force_mirrored(expression, base.mirror)
    for part in ("left_eye", "right_eye"):
        first, last = base.part_vertices[part]
        expression[:, first:last] = 0
    margins = lid_margins(base)
    controls = choose_controls(base, carrying.labels.control, CONTROLS + margins.size, margins.ravel())
    corpus = Corpus.on(
        base,
        identity=identity,
        expression=expression.astype(np.float32),
        gaze_degrees=gaze_table(),
        follower_controls=controls,
        follower_weights=follower_weights(base, identity, controls),
        people_codes=None if people is None else people.codes.astype(np.float32),
    )
    return _with_placed_eyes(corpus)


def _with_placed_eyes(corpus: Corpus) -> Corpus:
    """The same, its modes moving the eyeballs as the runtime's followers do (placing is linear)."""
    skins = corpus.mean[: corpus.skin_count] + corpus.identity[:, : corpus.skin_count]
    placed = corpus.followers().place(skins, skins, np.zeros((len(skins), len(corpus.expression))))
    identity = corpus.identity.copy()
    for first, last in corpus.eyes:
        identity[:, first:last] = placed[:, first : first + 1] - corpus.mean[first]
    return replace(corpus, identity=identity)


def _jaws(scans: Scans) -> dict[str, NDArray[np.int64]]:
    """Scanned vertices of the upper jaw's and the lower jaw's teeth, by the part of the base head that follows them."""
    opening = np.linalg.norm(scans.shape("jawOpen"), axis=1)
    teeth = np.arange(*TEETH)
    gums = np.arange(*GUMS_AND_TONGUE)
    return {
        "upper_teeth": teeth[opening[teeth] <= LOWER_JAW_MM],
        "lower_teeth": teeth[opening[teeth] > LOWER_JAW_MM],
        "tongue": np.concatenate([teeth[opening[teeth] > LOWER_JAW_MM], gums[opening[gums] > LOWER_JAW_MM]]),
    }


def _identity(base: BaseHead, scans: Scans, carrying: Carrying) -> Array:
    """(M, V, 3)."""
    fields = np.zeros((len(scans.identity), len(base.vertices), 3))
    skin = carrying.correspondence.carry(scans.identity)
    fields[:, : base.skin_count] = skin
    for part, rows in _jaws(scans).items():
        first, last = base.part_vertices[part]
        at = scans.vertices[rows] + carrying.offset
        fields[:, first:last] = carry_affinely(at, scans.identity[:, rows], base.vertices[first:last])
    centres = eyeball_translations(base, scans, carrying.offset)
    for side, part in enumerate(("left_eye", "right_eye")):
        first, last = base.part_vertices[part]
        fields[:, first:last] = centres[:, side : side + 1]
    first, last = base.part_vertices["lashes"]
    fields[:, first:last] = skin[:, lash_roots(base)]
    return fields


def _expression(base: BaseHead, scans: Scans, carrying: Carrying) -> Array:
    """(52, V, 3); `tongueOut` is zero."""
    shapes: list[NDArray[Any]] = []
    for name in ARKIT_NAMES:
        shape = scanned_expression(scans, name)
        shapes.append(np.zeros_like(scans.vertices) if shape is None else shape)
    fields = np.zeros((len(shapes), len(base.vertices), 3))
    skin = carrying.correspondence.carry(np.array(shapes))
    blinks = [ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
    skin[blinks] = close_lids(base, (skin[blinks[0]], skin[blinks[1]]))
    fields[:, : base.skin_count] = skin
    jaws = _jaws(scans)
    for name in JAW:
        row = ARKIT_NAMES.index(name)
        lower = jaws["lower_teeth"]
        motion = best_rigid(scans.vertices[lower] + carrying.offset, shapes[row][lower])
        for part in ("lower_teeth", "tongue"):
            first, last = base.part_vertices[part]
            fields[row, first:last] = motion.displacement(base.vertices[first:last])
    first, last = base.part_vertices["lashes"]
    fields[:, first:last] = lash_expression(base, skin)
    return fields
