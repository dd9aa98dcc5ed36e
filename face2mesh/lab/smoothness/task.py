"""What a decoder is taught in the sweep: codes and the displacements that they stand for, on one mesh.

Letters: N heads for training, M held out, V vertices, Z numbers in a code, M_i of them an identity that multiplies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse.csgraph as csgraph
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.moving import FILE as MOVING
from face2mesh.lab.corpus.moving import MovingCorpus
from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE, MOVING_HELD_OUT_PEOPLE, MOVING_TRAIN, TRAIN, Split
from face2mesh.lab.graph.hierarchy import Hierarchy, build_hierarchy
from face2mesh.lab.graph.laplacian import adjacency, edges_of_faces
from face2mesh.store import read_arrays, sha256, write_arrays

KIND = "smoothness-task"
VERSION = 1
MADE_BY = "face2mesh lab smoothness"
PEOPLE, EXPRESSIONS, MOTIONS = CORPORA = ("people", "expressions", "motions")
"""What can be drawn from the corpus in the build folder: neutral heads, moving heads, and these before contact."""
WHOLE = "skin"
"""Name of the region that is the whole skin."""
LARGEST_POOLINGS, COARSEST = 4, 16
"""How often a mesh is thinned by 4, as long as it keeps that many vertices."""

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int32]


@dataclass(frozen=True)
class Patch:
    """A piece of a mesh, or all of it.

    Attributes:
        vertices: (V,) int32, of the whole mesh, ascending.
        triangles: (T, 3) int32 of the patch's vertices.
        faces: (F, 3) or (F, 4) int32, whose sides are the graph; −1 in the last place marks a triangle.
        mirror: (V,) int32 the vertex on the other side; itself where no mirror is known.
    """

    vertices: IndexArray
    triangles: IndexArray
    faces: IndexArray
    mirror: IndexArray


@dataclass(frozen=True, eq=False)
class Task:
    """Codes in, displacements out.

    Attributes:
        name: of the corpus or of the file.
        patch: the mesh.
        rest: (V, 3) mm, the shape on which the mesh is thinned.
        codes, displacements: (N, Z) and (N, V, 3) mm, for training.
        held_codes, held: (M, Z) and (M, V, 3) mm, never seen in training.
        references: (M, V, 3) mm, what a held-out displacement starts from: the mean head, or the person's neutral.
        person: (M,) who is who, for intervals.
        identity_size: how many numbers at the code's end say who it is (and may multiply); 0 for one plain code.
        modes: (identity_size, V, 3) mm, what each of them does to the neutral face.
        configuration: how it was drawn, for provenance.
    """

    name: str
    patch: Patch
    rest: FloatArray
    codes: FloatArray
    displacements: FloatArray
    held_codes: FloatArray
    held: FloatArray
    references: FloatArray
    person: NDArray[np.int64]
    identity_size: int
    modes: FloatArray
    configuration: dict[str, Any]

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """Levels of the mesh, each a quarter of the one before.

        Raises:
            InputFileError: the mesh is no manifold, or too small.
        """
        count, patch = len(self.rest), self.patch
        poolings = sum(count / 4**step >= COARSEST for step in range(1, LARGEST_POOLINGS + 1))
        mirror = None if np.array_equal(patch.mirror, np.arange(count)) else patch.mirror
        quads = patch.faces if patch.faces.shape[1] == 4 else None
        while poolings:
            try:
                return build_hierarchy(self.rest, patch.triangles, quads, mirror, poolings)
            except ValueError as error:
                problem = error
                poolings -= 1  # a mesh with many borders cannot be thinned as far as its size tells
        raise InputFileError(f"{self.name}: no levels can be made of its {count} vertices ({problem}).") from problem

    def save(self, path: Path, origin: dict[str, Any]) -> None:
        """Write it with its provenance, so that an expensive corpus is drawn once."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"patch_{name}": getattr(self.patch, name) for name in _PATCH}
        described = {**origin, "task": {"name": self.name, "identity_size": self.identity_size}}
        write_arrays(path, KIND, VERSION, arrays, described)

    @classmethod
    def load(cls, path: Path, inputs: Mapping[str, Path]) -> Task | None:
        """Read one; None if it was made of other files than these, or before people's modes were kept.

        Raises:
            InputFileError: missing or damaged.
        """
        arrays, manifest = read_arrays(path, KIND, VERSION, MADE_BY)
        try:
            if {name: file["sha256"] for name, file in manifest["inputs"].items()} != _digests(inputs):
                return None
            if "modes" not in arrays:
                return None
            patch = Patch(**{name: arrays[f"patch_{name}"] for name in _PATCH})
            told: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
            return cls(patch=patch, configuration=manifest["configuration"], **told, **manifest["task"])
        except (KeyError, TypeError) as error:
            raise InputFileError(f"{path}: damaged ({error}); delete it and run `{MADE_BY}` again.") from error

    @cached_property
    def described(self) -> dict[str, Any]:
        """The configuration and a hash of what was drawn, to know a finished run again."""
        digest = hashlib.sha256()
        for name in ("codes", "displacements", "held_codes", "held"):
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return {**self.configuration, "sha256": digest.hexdigest()}


def _digests(inputs: Mapping[str, Path]) -> dict[str, str]:
    return {name: sha256(path) for name, path in inputs.items()}


_ARRAYS = ("rest", "codes", "displacements", "held_codes", "held", "references", "person", "modes")
_PATCH = ("vertices", "triangles", "faces", "mirror")


def patch_of(base: BaseHead, region: str) -> Patch:
    """The largest piece of a head's skin that lies in a region ("skin": all of it).

    Raises:
        InputFileError: the head has no such region.
    """
    skin = base.skin_count
    names = {name.removesuffix("_left").removesuffix("_right") for name in base.regions}
    if region != WHOLE and region not in names:
        raise InputFileError(f"{region}: no region of the head; there are skin, {', '.join(sorted(names))}.")
    member = np.ones(skin, bool) if region == WHOLE else np.array(base.region(region)[:skin])
    inside = np.flatnonzero(member)
    graph = adjacency(edges_of_faces(base.skin_quads), skin)[inside][:, inside]
    pieces = csgraph.connected_components(graph)[1]
    member[inside[pieces != np.bincount(pieces).argmax()]] = False
    triangles = base.skin_triangles[member[base.skin_triangles].all(1)]
    quads = base.skin_quads[(member[base.skin_quads] | (base.skin_quads < 0)).all(1)]
    kept = np.unique(triangles)
    index = np.full(skin + 1, -1, np.int32)  # its last entry takes the −1 of triangles among quads
    index[kept] = np.arange(len(kept), dtype=np.int32)
    mirror = index[base.mirror[:skin][kept]]
    return Patch(kept.astype(np.int32), index[triangles], index[quads], mirror)


def draw_people(build: Path, region: str, train: int, held: int) -> Task:
    """Displacements of neutral heads from the mean of the training heads; codes are the corpus's."""
    inputs = build / "corpus.npz", build / "base-head.npz"
    corpus, base = Corpus.load(*inputs), BaseHead.load(inputs[1])
    patch = patch_of(base, region)

    def heads(split: Split, count: int) -> tuple[FloatArray, FloatArray]:
        codes = corpus.population.sample(split.generator(), count)
        basis = corpus.identity[:, patch.vertices].reshape(len(corpus.identity), -1)
        return codes, (codes @ basis).reshape(count, -1, 3)

    (codes, displacements), (held_codes, truth) = heads(TRAIN, train), heads(HELD_OUT_PEOPLE, held)
    mean = displacements.mean(0)
    rest = corpus.mean[patch.vertices]
    return Task(
        name="people",
        patch=patch,
        rest=rest,
        codes=codes,
        displacements=displacements - mean,
        held_codes=held_codes,
        held=truth - mean,
        references=np.broadcast_to(rest + mean, truth.shape).copy(),
        person=np.arange(held),
        identity_size=0,
        modes=np.zeros((0, *rest.shape), np.float32),
        configuration={"corpus": "people", "region": region, "train": train, "held_out": held},
    )


def draw_expressions(build: Path, region: str, train: int, held: int, contact: bool = True) -> Task:
    """Displacements of moving heads from the person's own neutral; a code is 52 weights, then the identity code.

    Without contact: of what moves smoothly, before lids and lips are held together and apart.
    """
    inputs = build / MOVING, build / "corpus.npz", build / "base-head.npz"
    corpus = MovingCorpus.load(*inputs)
    patch = patch_of(corpus.base, region)

    def skin(identity: FloatArray, weights: FloatArray | None) -> FloatArray:
        if contact:
            return corpus.skin(identity, weights)
        return corpus.linear.heads(identity) if weights is None else corpus.before_contact(identity, weights)

    def heads(split: Split, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        identity, weights = split.draw(count, corpus.population)
        neutral, expressed = (
            np.concatenate([skin(identity[i : i + 64], w)[:, patch.vertices] for i, w in _pieces(chosen, count)])
            for chosen in (None, weights)
        )
        return np.concatenate([weights, identity], 1), neutral, expressed - neutral

    (codes, _, displacements), (held_codes, neutral, truth) = (
        heads(MOVING_TRAIN, train),
        heads(MOVING_HELD_OUT_PEOPLE, held),
    )
    name = EXPRESSIONS if contact else MOTIONS
    return Task(
        name=name,
        patch=patch,
        rest=corpus.base.vertices[patch.vertices],
        codes=codes,
        displacements=displacements,
        held_codes=held_codes,
        held=truth,
        references=neutral,
        person=np.arange(held),
        identity_size=corpus.population.modes,
        modes=corpus.linear.identity[:, patch.vertices],
        configuration={"corpus": name, "region": region, "train": train, "held_out": held},
    )


def _pieces(weights: FloatArray | None, count: int) -> list[tuple[int, FloatArray | None]]:
    return [(i, None if weights is None else weights[i : i + 64]) for i in range(0, count, 64)]


def of_meshes(
    name: str, vertices: FloatArray, patch: Patch, code_size: int, person: NDArray[Any] | None = None, seed: int = 0
) -> Task:
    """Anybody's meshes: displacements from the training meshes' mean; codes are their principal component scores.

    One person in five is held out, chosen by the seed.

    Args:
        name: for messages and pictures.
        vertices: (N, V, 3) mm, all of one topology, of the patch's vertices.
        patch: the topology.
        code_size: Z at most; meshes for training less one set a limit too.
        person: (N,) whose mesh it is; None: each its own.
        seed: of the choice.

    Raises:
        InputFileError: fewer than five people.
    """
    who = np.unique(np.arange(len(vertices)) if person is None else person, return_inverse=True)[1].ravel()
    people = int(who.max(initial=-1)) + 1
    if people < 5:
        raise InputFileError(f"{name}: {people} people are too few to hold one of five out; add meshes.")
    held = np.random.default_rng(seed).permutation(people)[: people // 5]
    out = np.isin(who, held)
    mean = vertices[~out].mean(0)
    flat = (vertices - mean).reshape(len(vertices), -1).astype(np.float32)
    _, spread, basis = np.linalg.svd(flat[~out], full_matrices=False)
    # Centred meshes have one direction less than there are; the last one would be rounding errors, made as large.
    size = min(code_size, int((~out).sum()) - 1, int((spread > 1e-4 * spread[0]).sum()))
    scores = (flat @ basis[:size].T / (spread[:size] / np.sqrt((~out).sum()))).astype(np.float32)
    return Task(
        name=name,
        patch=patch,
        rest=mean.astype(np.float32),
        codes=scores[~out],
        displacements=(vertices - mean)[~out].astype(np.float32),
        held_codes=scores[out],
        held=(vertices - mean)[out].astype(np.float32),
        references=np.broadcast_to(mean, (int(out.sum()), *mean.shape)).astype(np.float32),
        person=who[out].astype(np.int64),
        identity_size=0,
        modes=np.zeros((0, *mean.shape), np.float32),
        configuration={"meshes": name, "code_size": size, "train": int((~out).sum()), "held_out": int(out.sum())},
    )
