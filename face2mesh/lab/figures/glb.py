"""What an engine gets: the demo photo's GLB with texture and bones, drawn from the file's own bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.cli.demo import ASTRONAUT
from face2mesh.draw import VIEWS, contact_sheet, frame, render
from face2mesh.draw.light import to_srgb
from face2mesh.head.followers import gaze_rotations
from face2mesh.lab.figures.glb_scene import GlbScene
from face2mesh.model import Model
from face2mesh.photo import read_photo
from face2mesh.texture import with_texture
from face2mesh.write.glb import write_glb
from face2mesh.write.mesh import HeadMesh

Picture = NDArray[np.uint8]
Turns = Mapping[str, NDArray[Any]]

WIDTH, HEIGHT = 240, 300
ACROSS = 4
_WET = ("left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue")
_SHINE = 0.7
_SMILE = {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}


def draw(model: Model) -> Picture:
    """Twelve pictures, (H, W, 3) uint8: the file's own expression, neutral, shapes, and bones turned."""
    photo = read_photo(ASTRONAUT)
    face = with_texture(model.reconstruct(photo), photo.rgb, 1024, "delit")
    file = io.BytesIO()
    write_glb(HeadMesh.of(face, rigged=True), file)
    scene = GlbScene(file.getvalue())
    turn = float(scene.bone("jaw")["extras"]["jawOpen_degrees_about_x"])
    jaw, half = ({"jaw": _turned(0, degrees)} for degrees in (turn, turn / 2))
    eyes = {name: _turned(22, 0) for name in ("left_eye_bone", "right_eye_bone")}
    shots: list[tuple[str, str, Mapping[str, float], Turns]] = [
        ("as the file comes", "front", scene.weights, {}),
        ("as the file comes", "three_quarter", scene.weights, {}),
        ("all weights 0", "front", {}, {}),
        ("smile", "front", _SMILE, {}),
        ("blink", "front", {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}, {}),
        ("brows up", "front", {"browInnerUp": 1, "browOuterUpLeft": 1, "browOuterUpRight": 1}, {}),
        ("jawOpen 1", "front", {"jawOpen": 1}, {}),
        ("jawOpen 1", "three_quarter", {"jawOpen": 1}, {}),
        (f"jaw bone {turn:.0f}°", "three_quarter", {}, jaw),
        ("jaw bone half, smile", "front", _SMILE, half),
        ("eye bones 22°", "front", {}, eyes),
        ("neck bone 25°", "front", {}, {"neck": _turned(25, 0)}),
    ]
    cells = [_shot(scene, view, weights, turns) for _, view, weights, turns in shots]
    return contact_sheet(cells, ACROSS, [label for label, *_ in shots])


def _turned(yaw: float, pitch: float) -> NDArray[Any]:
    return gaze_rotations(np.array(float(yaw)), np.array(float(pitch))).astype(np.float64)


def _shot(scene: GlbScene, view: str, weights: Mapping[str, float], turns: Turns) -> Picture:
    """One picture; the camera stays where it shows the head at rest."""
    camera, pose = frame(scene.places({}), VIEWS[view], WIDTH, HEIGHT)
    texture = None
    if scene.texture is not None:
        texture = (scene.texture, scene.uv[scene.triangles].astype(np.float32))
    return render(
        scene.places(weights, turns),
        scene.triangles,
        to_srgb(scene.colours[:, :3]),
        camera,
        pose,
        shine=np.where(np.isin(scene.parts, _WET), _SHINE, 0),
        opacities=scene.colours[:, 3],
        texture=texture,
    )
