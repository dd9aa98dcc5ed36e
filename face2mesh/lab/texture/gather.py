"""FairFace's training photos on the skin's texture, by the code that looks at users' photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.lab.evaluate.fairface import nominal_fairface_box
from face2mesh.lab.pairs.fairface import photos, read_labels
from face2mesh.lab.texture.learn import PhotosOnSkin
from face2mesh.model import Model
from face2mesh.texture.look import bare_skin, sampled, trusted, view_of
from face2mesh.texture.skin import SIDE
from face2mesh.texture.texels import mirror_of, texels_of

_LARGEST_YAW = 25.0
_LARGEST_MISS = 0.03
"""Mean distance, in face boxes, between the network's dense points and the labels': beyond it the head is wrong."""
_TRIED = 1.7
"""How many photos are looked at for each that is used, at most."""


def modelled_places(head: BaseHead) -> NDArray[np.int32]:
    """(n,) the bare skin's texels that have a mirror image, in the flattened texture; the left half first."""
    texels = texels_of(head, SIDE)
    bare = np.zeros(SIDE * SIDE, bool)
    bare[texels.flat[texels.lift(bare_skin(head)) > 0]] = True
    mirror = mirror_of(head, SIDE)
    both = bare & (mirror >= 0) & bare[mirror]
    places = np.flatnonzero(both)
    left = places[places % SIDE < SIDE // 2]
    twins = left // SIDE * SIDE + SIDE - 1 - left % SIDE
    if not np.array_equal(mirror[left], twins):
        raise InputFileError("The base head's texture is not symmetric about its middle; make the base head again.")
    return np.concatenate([left, twins]).astype(np.int32)


def photos_on_skin(
    model: Model, data: Path, places: NDArray[np.int32], count: int, seed: int, progress: Callable[[int], None]
) -> PhotosOnSkin:
    """Training photos chosen by chance, nearly frontal ones that the model fits.

    Args:
        model: fits heads to them; the labels' own points replace its dense points.
        data: folder with FairFace.
        places: (n,) texels to look at.
        count: how many photos are used at most.
        seed: of the choice.
        progress: told how many are done.

    Raises:
        InputFileError: FairFace is missing or damaged, or no photo can be used.
    """
    labels = read_labels(data, "train")
    row_of = {int(number): row for row, number in enumerate(labels.ids)}
    wanted = set(np.random.default_rng(seed).permutation(labels.ids)[: int(count * _TRIED)].tolist())
    box = nominal_fairface_box(data)
    texels = texels_of(model.base_head, SIDE)
    texels = texels.chosen(np.isin(texels.flat, places))
    order_of_places = np.searchsorted(texels.flat, places)
    points = len(model.base_head.dense.triangle_vertices)
    found: list[tuple[NDArray[Any], ...]] = []
    for number, rgb in photos(data, "train"):
        if number not in wanted or number not in row_of:
            continue
        face = model.reconstruct(rgb, box=box)
        rotation = face.pose.rotation
        yaw = np.degrees(np.arctan2(rotation[0, 2], -rotation[2, 2]))
        labelled = labels.landmarks[row_of[number], :points].astype(np.float64)
        miss = 0.0 if face.points_px is None else float(np.linalg.norm(face.points_px - labelled, axis=1).mean())
        if abs(yaw) > _LARGEST_YAW or miss > _LARGEST_MISS * face.face_box.side or face.light is None:
            continue
        light = face.light
        face = replace(face, points_px=labelled)
        view = view_of(face)
        corner = view.crop.corner
        pixels = texels.lift(view.pixels - corner).astype(np.float64) + corner
        colours = sampled(rgb, view.crop, int(np.clip(view.crop.side, 16, 2 * SIDE)), pixels)
        normals = texels.lift(view.normals)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        shown = (
            (colours + 0.5).astype(np.uint8),
            (trusted(view, face, rgb, texels) * 255 + 0.5).astype(np.uint8),
            np.rint(normals * 127).astype(np.int8),
        )
        found.append((*(values[order_of_places] for values in shown), light))
        progress(len(found))
        if len(found) == count:
            break
    if not found:
        raise InputFileError(f"{data}: none of FairFace's training photos shows a face that the model fits.")
    colours_, trusts, normals_, lights = zip(*found, strict=True)
    return PhotosOnSkin(np.stack(colours_), np.stack(trusts), np.stack(normals_), np.stack(lights))
