"""A sheet of textures: photo, texture without light, and the head that wears it, from three sides, and in its light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.cli.demo import ASTRONAUT
from face2mesh.draw import View, contact_sheet, frame, part_colours, part_opacity, part_shine, render
from face2mesh.face import Face
from face2mesh.head.corners import corner_uv
from face2mesh.lab.evaluate.fairface import nominal_fairface_box
from face2mesh.lab.evaluate.london import measure_people
from face2mesh.lab.pairs.fairface import photos, read_groups, read_labels
from face2mesh.model import Model
from face2mesh.photo import Photo, crop_of_landmarks, cut, read_photo
from face2mesh.texture import LightOf, with_texture

TILE = 230
LONDON = 4
ACROSS = 2
_VIEWS = (View(0), View(38, 4), View(-82, 2))
_TEXTURE_SHARE = 0.72
"""Of the texture's height: the outer skin's part."""

Picture = NDArray[np.uint8]


def draw(model: Model, data: Path, seed: int = 0) -> Picture:
    """The astronaut, London people to measure on, and one of FairFace's validation photos of each group of people.

    Args:
        model: that fits heads.
        data: folder with the London set and FairFace.
        seed: of the choice.

    Returns:
        (H, W, 3) uint8; for each person six tiles: the photo, the texture's outer skin without light, the neutral head
        with it under a studio's light from three sides, and the head as in the photo, in the photo's own light.
    """
    generator = np.random.default_rng(seed)
    rows, labels = [], []

    def add(label: str, photo: Photo | Picture, face: Face) -> None:
        rgb = photo.rgb if isinstance(photo, Photo) else photo
        rows.append(_row(face, rgb))
        labels.append(label)

    portrait = read_photo(ASTRONAUT)
    add("astronaut (NASA)", portrait, model.reconstruct(portrait))
    for number, person in enumerate(sorted(generator.choice(measure_people(data), LONDON, replace=False))):
        photo = read_photo(data / "london" / f"{person}-{'smiling' if number % 2 else 'neutral'}.jpg")
        add(f"London {person}", photo, model.reconstruct(photo))
    known, groups = read_labels(data, "val"), read_groups(data, "val")["race"]
    chosen = {int(generator.choice(known.ids[groups == group])): str(group) for group in np.unique(groups)}
    box = nominal_fairface_box(data)
    for number, rgb in photos(data, "val"):
        if number in chosen:
            add(f"FairFace {number}", rgb, model.reconstruct(rgb, box=box))
    return contact_sheet(rows, columns=ACROSS, labels=labels)


def _row(face: Face, rgb: Picture) -> Picture:
    delit = with_texture(face, rgb, 1024, "delit")
    assert delit.texture is not None
    skin = Image.fromarray(delit.texture[: int(1024 * _TEXTURE_SHARE)])
    tiles = [
        cut(rgb, crop_of_landmarks(face.landmarks_px).scaled(1.15), TILE),
        np.asarray(skin.resize((round(TILE / _TEXTURE_SHARE), TILE), Image.Resampling.LANCZOS)),
    ]
    tiles += [_head(delit.neutral(), view, "delit") for view in _VIEWS]
    tiles.append(_head(with_texture(face, rgb, 1024, "photo"), View(0), "photo"))
    return np.concatenate(tiles, axis=1)


def _head(face: Face, view: View, light: LightOf) -> Picture:
    """A textured head; a texture with the photo's light is shown as it is."""
    even = np.zeros((9, 3), np.float32)
    even[0] = 1
    head = face.head
    assert face.texture is not None
    camera, pose = frame(face.vertices, view, TILE, TILE, margin=0.02)
    return render(
        face.vertices,
        face.triangles,
        part_colours(head),
        camera,
        pose,
        even if light == "photo" else None,
        shine=part_shine(head),
        opacities=part_opacity(head),
        two_sided=False,
        texture=(face.texture, corner_uv(head)),
    )
