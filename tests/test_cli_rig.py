"""`reconstruct --rig`, on the packaged model and on one whose jaw does not turn."""

import json

import numpy as np
from tiny_model import tiny_model

from face2mesh.cli import main
from face2mesh.cli.demo import ASTRONAUT


def test_bones_of_the_astronaut(tmp_path):
    assert main(["reconstruct", str(ASTRONAUT), "--format", "glb", "--rig", "-o", str(tmp_path)]) == 0
    content = (tmp_path / "astronaut.glb").read_bytes()
    gltf = json.loads(content[20 : 20 + int(np.frombuffer(content, "<u4", 1, 12)[0])])
    nodes = {node["name"]: node for node in gltf["nodes"]}
    assert [gltf["nodes"][joint]["name"] for joint in gltf["skins"][0]["joints"]] == [
        *("neck", "jaw", "left_eye_bone", "right_eye_bone")
    ]
    # From the neck's middle: the jaw's hinge is up and near the ears, the eyes are farther up, left at +X.
    jaw, left, right = (nodes[name]["translation"] for name in ("jaw", "left_eye_bone", "right_eye_bone"))
    assert 0.05 < jaw[1] < left[1] < 0.2
    assert left[0] > 0.02
    assert right[0] < -0.02
    assert 10 < nodes["jaw"]["extras"]["jawOpen_degrees_about_x"] < 40


def test_a_jaw_that_does_not_turn(tmp_path, capsys):
    model = tiny_model(tmp_path / "tiny")
    options = ["--model", str(model), "--format", "glb", "--rig", "-o", str(tmp_path / "out")]
    assert main(["reconstruct", str(ASTRONAUT), *options]) == 1
    assert "jawOpen does not turn the lower teeth; write the head without bones" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
