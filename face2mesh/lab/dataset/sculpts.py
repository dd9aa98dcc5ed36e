"""Sculpts from files to vertices in the head's frame.

Letters: V vertices of the template, S of its skin.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.blender import BLENDER_VARIABLE, find_blender, run_in_blender
from face2mesh.blender.scene import AXES
from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.head import ARKIT_NAMES, BaseHead
from face2mesh.head.alignment import Similarity
from face2mesh.head.followers import Followers
from face2mesh.lab.dataset.conservation import Sculpt, conserved
from face2mesh.lab.dataset.dataset import TEMPLATE_FILE
from face2mesh.lab.dataset.names import SEPARATOR, person_and_expression
from face2mesh.lab.dataset.packaged import is_ours, our_base_head
from face2mesh.lab.dataset.placing import placed
from face2mesh.lab.dataset.starting import BASE_OBJECT, is_untouched
from face2mesh.lab.dataset.template import frame_of
from face2mesh.model.manifest import FOLLOWERS_FILE, PACKAGED
from face2mesh.read import read_mesh

WORKER = Path(__file__).with_name("reading_worker.py")
MESHES = (".obj", ".ply", ".glb")
"""Files of one head each."""
WITHOUT_ORDER = (".stl",)
OTHER_TOOLS = (".fbx", ".gltf", ".ztl", ".zpr", ".ma", ".mb", ".max", ".c4d", ".usd", ".usdz", ".abc", ".dae", ".3ds")
"""Sculpts that cannot be read; other files beside sculpts are none of our business."""
UNTOUCHED_MM = 0.01
"""A copy of the template, or a part of it, that nobody has moved."""
PLACED_MM = 0.05
"""The same after a head was turned or scaled back."""


@dataclass(frozen=True)
class ReadSculpt:
    """A head that was read.

    Attributes:
        name: "anna" or "anna-smile".
        source: file in the data set's folder, with "#" and the object where it is a .blend.
        vertices: (V, 3) float32 mm.
        notes: what was undone.
    """

    name: str
    source: str
    vertices: NDArray[np.float32]
    notes: tuple[str, ...]

    @property
    def person(self) -> str:
        """Whose head it is."""
        return self.name.partition(SEPARATOR)[0]

    @property
    def expression(self) -> str:
        """ "" is neutral."""
        return self.name.partition(SEPARATOR)[2]


@dataclass(frozen=True)
class SculptFile:
    """What became of one file: heads, and a sentence for each that cannot be used."""

    heads: list[ReadSculpt] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def sculpt_files(folder: Path) -> list[Path]:
    """The files below a folder that hold, or mean to hold, sculpts; sorted."""
    suffixes = (*MESHES, *WITHOUT_ORDER, *OTHER_TOOLS, ".blend")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())


@dataclass(frozen=True)
class Reader:
    """Reads sculpts on one template.

    Attributes:
        folder: the data set's.
        template: their topology.
    """

    folder: Path
    template: BaseHead

    @cached_property
    def frame(self) -> Similarity | None:
        """From the user's own base mesh to the template; None for our base head."""
        return frame_of(self.folder / TEMPLATE_FILE)

    @cached_property
    def followers(self) -> Followers | None:
        """What places eyes and teeth beside a skin of our base head; None for other templates."""
        return Followers.load(PACKAGED / FOLLOWERS_FILE) if is_ours(self.template, our_base_head()) else None

    def read(self, path: Path) -> SculptFile:
        """All heads of a file.

        Raises:
            OutputError: a .blend file needs Blender, and what there is does not run.
        """
        source, suffix = path.relative_to(self.folder).as_posix(), path.suffix.lower()
        found = SculptFile()
        try:
            if suffix in WITHOUT_ORDER:
                raise InputFileError(f"{path}: STL keeps no vertices, only loose triangles; export as OBJ.")
            if suffix in OTHER_TOOLS:
                raise InputFileError(f"{path}: {suffix} is not read; export as OBJ, PLY or GLB, or sculpt in .blend.")
            if suffix == ".blend":
                if not is_untouched(path):
                    self._read_blend(path, source, found)
                return found
            person_and_expression(path.stem, str(path))
            mesh = read_mesh(path)
            vertices = np.asarray(mesh.vertices, np.float64) * (mesh.millimetres_per_unit or 1)
            sculpt = Sculpt(str(path), vertices, np.asarray(mesh.faces, np.int64), mesh.corner_uv)
            found.heads.append(self._head(sculpt, path.stem, source))
        except Face2MeshError as error:
            # Blender's own failures do not name the file.
            told = str(error)
            found.refused.append(told if told.startswith(str(path)) else f"{path}: {told}")
        return found

    def _read_blend(self, path: Path, source: str, found: SculptFile) -> None:
        for sculpt, name, problem in blend_objects(path):
            try:
                if problem:
                    raise InputFileError(f"{sculpt.label}: {problem}")
                if name == BASE_OBJECT and self._untouched(sculpt):
                    continue
                if name.split(".")[0] == BASE_OBJECT:
                    raise InputFileError(f"{sculpt.label}: rename the object to the person's name.")
                person_and_expression(name, sculpt.label)
                found.heads.append(self._head(sculpt, name, f"{source}#{name}"))
            except Face2MeshError as error:
                found.refused.append(str(error))

    def _untouched(self, sculpt: Sculpt) -> bool:
        rest = self.template.vertices
        return sculpt.vertices.shape == rest.shape and float(np.abs(sculpt.vertices - rest).max()) < UNTOUCHED_MM

    def _head(self, sculpt: Sculpt, name: str, source: str) -> ReadSculpt:
        """Check, place, and complete a sculpt."""
        vertices, notes = conserved(sculpt, self.template)
        rest = np.asarray(self.template.vertices, np.float64)
        # In the template's frame, or in that of the mesh that the user brought.
        ways = [placed(way(vertices), rest[: len(vertices)]) for way in (_as_it_is, self.frame) if way is not None]
        moved, more = min(ways, key=lambda way: len(way[1]))
        return ReadSculpt(name, source, self._completed(moved, sculpt.label), (*notes, *more))

    def _completed(self, vertices: NDArray[np.float64], label: str) -> NDArray[np.float32]:
        """All vertices: parts that are missing, or that were left as they were, follow the skin."""
        skin, rest = self.template.skin_count, self.template.vertices
        whole = vertices.astype(np.float32)
        if len(rest) == skin:
            return whole
        left_alone = len(whole) == skin or (
            float(np.abs(whole[skin:] - rest[skin:]).max()) < PLACED_MM
            and float(np.abs(whole[:skin] - rest[:skin]).max()) > PLACED_MM
        )
        if not left_alone:
            return whole
        if self.followers is None:
            raise InputFileError(f"{label}: only the skin of the template; export all of its vertices.")
        return self.followers.place(whole[:skin], whole[:skin], np.zeros(len(ARKIT_NAMES), np.float32))


def blend_objects(path: Path) -> Iterator[tuple[Sculpt, str, str | None]]:
    """The sculpts of a .blend file in the head's axes and mm, their names, and what hinders.

    A shape key of an object is a sculpt of its own, "anna-smile"; keys that begin with "_" are left out.

    Raises:
        OutputError: there is no Blender, or it cannot open the file.
    """
    if find_blender() is None:
        raise InputFileError(
            f"{path}: reading it needs Blender: pip install 'face2mesh[blender]', or name Blender's program in "
            f"{BLENDER_VARIABLE}; or export the objects as OBJ."
        )
    with tempfile.TemporaryDirectory() as folder:
        given, output = Path(folder) / "orders.json", Path(folder) / "found.npz"
        given.write_text(json.dumps({"file": str(path.resolve())}))
        run_in_blender(WORKER, given, output)
        with np.load(output, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    unit = float(arrays["unit_mm"])
    for number, found in enumerate(json.loads(str(arrays["document_json"]))):
        faces = _padded(arrays[f"corners_{number}"], arrays[f"sizes_{number}"])
        shapes = [(found["name"], arrays[f"vertices_{number}"])]
        for key, vertices in zip(found["keys"], arrays[f"keys_{number}"], strict=True):
            if not key.startswith("_"):
                shapes.append((f"{found['name']}{SEPARATOR}{key}", vertices))
        problem = None
        if "MULTIRES" in found["modifiers"]:
            problem = "has a Multiresolution modifier, which keeps its sculpting to itself: Apply Base, then delete it."
        for name, vertices in shapes:
            label = f"{path}, {name}"
            yield Sculpt(label, vertices * unit @ AXES, faces), name, problem


def _padded(corners: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.int64]:
    """Faces (F, K) padded with −1, of their corners one after the other."""
    faces = np.full((len(sizes), int(sizes.max(initial=3))), -1, np.int64)
    faces[np.arange(faces.shape[1]) < sizes[:, None]] = corners
    return faces


def _as_it_is(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    return vertices
