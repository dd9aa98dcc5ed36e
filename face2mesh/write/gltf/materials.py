"""Each part's material: metallic-roughness, as glTF's core has it, with indices of refraction beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

IOR_EXTENSION = "KHR_materials_ior"


@dataclass(frozen=True)
class Surface:
    """How a part reflects.

    Attributes:
        roughness: glTF's, 0 to 1.
        refraction: the index that gives its reflectance straight on, ((n − 1) / (n + 1))².
        sheer: whether it is a sheet seen from both sides that thins out.
    """

    roughness: float
    refraction: float
    sheer: bool = False


SURFACES = {
    "skin": Surface(0.52, 1.4),
    "left_eye": Surface(0.08, 1.376),
    "right_eye": Surface(0.08, 1.376),
    "upper_teeth": Surface(0.22, 1.62),
    "lower_teeth": Surface(0.22, 1.62),
    "tongue": Surface(0.35, 1.4),
    "lashes": Surface(0.8, 1.55, sheer=True),
}
"""Skin 1.4 and roughness by the eye (Weyrich et al. 2006 measure 0.2 to 0.5 RMS slope); cornea 1.376 (Gullstrand 1909),
enamel 1.62, hair's keratin 1.55 (Marschner et al. 2003)."""


def material(part: str, texture: int | None) -> dict[str, Any]:
    """A part's material, of the same name.

    Args:
        part: as `HeadMesh.topology` names it.
        texture: number of the colours' texture; None where colours of vertices take its place.
    """
    surface = SURFACES[part]
    metal: dict[str, Any] = {"metallicFactor": 0, "roughnessFactor": surface.roughness}
    if texture is not None:
        metal["baseColorTexture"] = {"index": texture}
    described: dict[str, Any] = {
        "name": part,
        "pbrMetallicRoughness": metal,
        "extensions": {IOR_EXTENSION: {"ior": surface.refraction}},
    }
    return described | ({"doubleSided": True, "alphaMode": "BLEND"} if surface.sheer else {})
