"""`face2mesh dataset init`: a folder to put sculpts and photos into, and the head to sculpt from.

Letters: V vertices, Q quads.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.blender import find_blender, run_in_blender
from face2mesh.blender.scene import to_blender
from face2mesh.draw.parts import part_colours, part_opacity
from face2mesh.errors import Face2MeshError, InputFileError, OutputError
from face2mesh.head import BaseHead
from face2mesh.lab.dataset.dataset import PHOTOS, SCULPTS, TEMPLATE_FILE, load_template
from face2mesh.lab.dataset.packaged import BASE_HEAD
from face2mesh.store import sha256, write_atomically
from face2mesh.write.gltf.materials import SURFACES
from face2mesh.write.obj import write_vertices

WORKER = Path(__file__).with_name("starting_worker.py")
BASE_OBJECT = "base_head"
"""Name of the object to duplicate; an untouched copy is no sculpt."""
BLEND, OBJ, NOTES = f"{SCULPTS}/heads.blend", "head.obj", "README.txt"

INSTRUCTIONS = """\
One object for each person
1. Select base_head, duplicate it (Shift D), rename the copy: anna. With an expression: anna-smile.
2. Sculpt it (Grab, Smooth, Elastic Deform ...). Move vertices, do not add or remove any: no Dyntopo, no Remesh, no
   Merge by Distance, no Multiresolution, no applied Subdivision. The parts (eyes, teeth ...) are face sets: H in sculpt
   mode hides the one under the pointer, Alt H shows all. Eyes and teeth that you leave alone follow the skin.
3. Shape keys are expressions: the key "smile" of anna is anna-smile. The Basis is the neutral head.
4. Save here, or export objects to sculpts/ as OBJ (no modifiers, no triangulation).
5. Photos go into photos/: anna.jpg, anna_2.jpg, anna-smile.jpg, or a folder photos/anna/.
6. face2mesh dataset collect THIS-FOLDER says what is wrong, if anything is.
Keep base_head as it is. Millimetres; the face looks along -Y (numpad 1).
"""


def start_dataset(folder: Path, template: Path | None = None, landmarks: Path | None = None) -> list[str]:
    """Make what is missing of a data set's folder; nothing that is there is replaced.

    Args:
        folder: to make.
        template: an OBJ of a base mesh of the user's own; None for ours.
        landmarks: of it (see `read_landmarks`); None to find them.

    Returns:
        A line for each thing that was written or left as it was.

    Raises:
        InputFileError: the template or its landmarks cannot be used, or the folder has another template.
        OutputError: the folder cannot be written.
    """
    if landmarks is not None and template is None:
        raise Face2MeshError("--landmarks belongs to --template: name the mesh whose landmarks these are.")
    lines = []
    try:
        for name in (SCULPTS, PHOTOS):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror or error}); choose another folder.") from error
    path = folder / TEMPLATE_FILE
    if path.exists():
        head = load_template(folder)
        if template is not None:
            raise InputFileError(f"{path}: is there already; begin with {template.name} in a new folder.")
        lines.append(f"{path}: kept")
    else:
        if template is None:
            content = BASE_HEAD.read_bytes()
            write_atomically(path, lambda file: file.write(content))
            head = load_template(folder)
        else:
            from face2mesh.lab.dataset.template import make_template

            head, found = make_template(template, landmarks, path)
            lines += found
        lines.append(f"{path}: written, {len(head.vertices)} vertices")
    lines.append(_written(folder / OBJ, lambda file: write_head(head, file)))
    lines.append(_written(folder / NOTES, lambda file: file.write(INSTRUCTIONS.encode())))
    lines.append(_blend(head, folder / BLEND))
    return lines


def is_untouched(path: Path) -> bool:
    """Whether a .blend is as `start_dataset` wrote it: there is nothing in it to collect."""
    note = _note_of(path)
    return note.exists() and note.read_text(encoding="utf-8").strip() == sha256(path)


def _note_of(path: Path) -> Path:
    """Where the hash of a .blend is kept that nobody has opened."""
    return path.with_name(f".{path.name}.sha256")


def write_head(head: BaseHead, file: IO[bytes]) -> None:
    """The template as OBJ, millimetres."""
    write_vertices(head.vertices, head.topology, "base head", file)


def _written(path: Path, write: Callable[[IO[bytes]], object]) -> str:
    if path.exists():
        return f"{path}: kept"
    write_atomically(path, write)
    return f"{path}: written"


def _blend(head: BaseHead, path: Path) -> str:
    """The .blend file to sculpt in, where there is a Blender."""
    if path.exists():
        return f"{path}: kept"
    if find_blender() is None:
        return (
            f"{path}: not written, because there is no Blender here: pip install 'face2mesh[blender]', or name "
            f"Blender's program in FACE2MESH_BLENDER, and run this again; or sculpt from {path.parent.parent / OBJ}"
        )
    with tempfile.TemporaryDirectory() as name:
        scene, made = Path(name) / "scene.npz", Path(name) / "heads.blend"
        np.savez(scene, allow_pickle=False, **starting_arrays(head))
        run_in_blender(WORKER, scene, made)
        content = made.read_bytes()
    write_atomically(path, lambda file: file.write(content))
    digest = sha256(path)
    write_atomically(_note_of(path), lambda file: file.write(digest.encode()))
    return f"{path}: written"


def starting_arrays(head: BaseHead) -> dict[str, NDArray[Any]]:
    """What `starting_worker` makes its scene of."""
    used = [part for part, (first, last) in head.part_quads.items() if last > first]
    part_of_face = np.zeros(len(head.quads), np.int32)
    colours = part_colours(head)
    parts = []
    for number, part in enumerate(used):
        part_of_face[slice(*head.part_quads[part])] = number
        srgb = np.median(colours[slice(*head.part_vertices[part])], axis=0).astype(np.float64)
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        surface = SURFACES[part]
        parts.append({"name": part, "roughness": surface.roughness, "sheer": surface.sheer, "linear": linear.tolist()})
    document = {"name": BASE_OBJECT, "parts": parts, "instructions": INSTRUCTIONS}
    return {
        "positions": to_blender(head.vertices, 1.0),
        "faces": head.quads,
        "uv": head.uv,
        "uv_faces": head.uv_quads,
        "colours": np.concatenate([colours, part_opacity(head)[:, None]], axis=1).astype(np.float32),
        "part_of_face": part_of_face,
        "document_json": np.array(json.dumps(document)),
    }
