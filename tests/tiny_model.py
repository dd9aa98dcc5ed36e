"""A packaged model on the made-up head whose networks are written by hand, so that every answer is known.

The encoder takes the bright spot of a dark crop for a frontal head: its centre of mass is the head's origin, its spread
(deviation along x) stands for 37.5 mm, and the mean colour drives identity and expression. So a white disk of radius r
pixels is a head whose origin is the disk's centre and on which 75 mm are r pixels long.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from made_up import MODES, made_up_corpus, made_up_head
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.followers import Followers
from face2mesh.lab.package.folder import make_manifest, write_model_folder
from face2mesh.model.landmarks import LandmarkBasis
from face2mesh.model.manifest import (
    BASE_HEAD_FILE,
    ENCODER_FILE,
    EXPRESSION_DECODER_FILE,
    FOLLOWERS_FILE,
    IDENTITY_DECODER_FILE,
    LANDMARKS_FILE,
)

DEVIATION_MM = 37.5
JAW = (ARKIT_NAMES.index("jawLeft"), ARKIT_NAMES.index("jawRight"))
TONGUE = ARKIT_NAMES.index("tongueOut")
WEIGHTS = np.linspace(0.05, 0.6, 52).astype(np.float32)
"""What the tiny encoder answers as expression of a black crop."""


def _encoder() -> bytes:
    onnx = pytest.importorskip("onnx", reason="the tiny model is written with onnx, of the extra [train]")
    from onnx import TensorProto, helper, numpy_helper

    size = 128
    ticks = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)
    generator = np.random.default_rng(3)
    constants = {
        "x": np.broadcast_to(ticks, (1, 1, size, size)).copy(),
        "y": np.broadcast_to(ticks[:, None], (1, 1, size, size)).copy(),
        "little": np.array(1e-6, np.float32),
        "half": np.array(0.5, np.float32),
        "spread": np.array(np.log(100 / DEVIATION_MM), np.float32),
        "channel": np.array([1], np.int64),
        "picture": np.array([2, 3], np.int64),
        "flat": np.array([-1, 1], np.int64),
        "light_shape": np.array([-1, 9, 3], np.int64),
        "to_identity": generator.normal(size=(3, MODES)).astype(np.float32),
        "identity_bias": np.zeros(MODES, np.float32),
        "to_expression": generator.normal(size=(3, 52)).astype(np.float32),
        "expression_bias": np.log(WEIGHTS / (1 - WEIGHTS)),
        "nothing6": np.zeros((3, 6), np.float32),
        "frontal": np.array([1, 0, 0, 0, 1, 0], np.float32),
        "nothing27": np.zeros((3, 27), np.float32),
        "white": np.repeat(np.float32([0.8, 0, 0, 0, 0, 0, 0, 0, 0]), 3),
        "nothing68": np.zeros((3, 68), np.float32),
        "sigma": np.full(68, -3.5, np.float32),
    }
    node = helper.make_node
    nodes = [
        node("ReduceMean", ["crop", "channel"], ["grey"], keepdims=1),
        node("ReduceSum", ["grey", "picture"], ["sum"], keepdims=1),
        node("Add", ["sum", "little"], ["mass"]),
        node("Div", ["grey", "mass"], ["share"]),
    ]
    for axis in "xy":
        nodes += [
            node("Mul", ["share", axis], [f"{axis}_moments"]),
            node("ReduceSum", [f"{axis}_moments", "picture"], [f"{axis}_mean4"], keepdims=1),
            node("Reshape", [f"{axis}_mean4", "flat"], [f"{axis}_mean"]),
        ]
    nodes += [
        node("Concat", ["x_mean", "y_mean"], ["offset"], axis=1),
        node("Sub", ["x", "x_mean4"], ["x_from_mean"]),
        node("Mul", ["x_from_mean", "x_from_mean"], ["x_squared"]),
        node("Mul", ["x_squared", "share"], ["x_seconds"]),
        node("ReduceSum", ["x_seconds", "picture"], ["x_variance4"], keepdims=1),
        node("Reshape", ["x_variance4", "flat"], ["x_variance0"]),
        node("Add", ["x_variance0", "little"], ["x_variance"]),
        node("Log", ["x_variance"], ["log_variance"]),
        node("Mul", ["log_variance", "half"], ["log_deviation"]),
        node("Add", ["log_deviation", "spread"], ["log_scale"]),
        node("ReduceMean", ["crop", "picture"], ["colour"], keepdims=0),
        node("Gemm", ["colour", "to_identity", "identity_bias"], ["identity"]),
        node("Gemm", ["colour", "to_expression", "expression_bias"], ["expression_logits"]),
        node("Sigmoid", ["expression_logits"], ["expression"]),
        node("Gemm", ["colour", "nothing6", "frontal"], ["rotation6d"]),
        node("Gemm", ["colour", "nothing27", "white"], ["light_flat"]),
        node("Reshape", ["light_flat", "light_shape"], ["light"]),
        node("Gemm", ["colour", "nothing68", "sigma"], ["landmark_log_sigma"]),
    ]
    outputs = {
        "identity": (MODES,),
        "expression": (52,),
        "rotation6d": (6,),
        "offset": (2,),
        "log_scale": (1,),
        "light": (9, 3),
        "landmark_log_sigma": (68,),
    }
    graph = helper.make_graph(
        nodes,
        "tiny_encoder",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["B", 3, size, size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", *shape]) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return _serialised(onnx, graph)


def _decoder(kind: str) -> bytes:
    """A linear decoder; the expression's is stretched by (1 + 0.1 · first identity number)."""
    onnx = pytest.importorskip("onnx", reason="the tiny model is written with onnx, of the extra [train]")
    from onnx import TensorProto, helper, numpy_helper

    head = made_up_head()
    people, actions = made_up_corpus()
    skin = head.skin_count
    is_identity = kind == "identity"
    basis = (people if is_identity else actions)[:, :skin].reshape(MODES if is_identity else 52, -1)
    rest = head.vertices[:skin].ravel() if is_identity else np.zeros(3 * skin, np.float32)
    constants = {
        "basis": basis.astype(np.float32),
        "rest": rest,
        "shape": np.array([-1, skin, 3], np.int64),
        "stretch": np.float32([[0.1]] + [[0]] * (MODES - 1)),
        "one": np.ones(1, np.float32),
    }
    output = "neutral" if is_identity else "displacement"
    node = helper.make_node
    if is_identity:
        nodes = [node("Gemm", ["identity", "basis", "rest"], ["flat"]), node("Reshape", ["flat", "shape"], [output])]
    else:
        nodes = [
            node("Gemm", ["identity", "stretch", "one"], ["factor"]),
            node("Gemm", ["expression", "basis", "rest"], ["plain"]),
            node("Mul", ["plain", "factor"], ["flat"]),
            node("Reshape", ["flat", "shape"], [output]),
        ]
    inputs = {"identity": MODES} if is_identity else {"identity": MODES, "expression": 52}
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", size]) for name, size in inputs.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["B", skin, 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return _serialised(onnx, graph)


def _serialised(onnx, graph) -> bytes:
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@lru_cache
def tiny_followers() -> Followers:
    """Followers that move with the mean of a few vertices of the skin, and eyes that look out by 20° at weight 1."""
    head = made_up_head()
    skin = head.skin_count
    controls = np.flatnonzero(head.regions["face"][:skin])[::17].astype(np.int32)
    rest = head.vertices[skin:]
    gaze = np.zeros((52, 2, 2), np.float32)
    gaze[ARKIT_NAMES.index("eyeLookOutLeft"), 0, 0] = 20
    gaze[ARKIT_NAMES.index("eyeLookOutRight"), 1, 0] = -20
    return Followers(
        rest=rest,
        controls=controls,
        control_rest=head.vertices[controls],
        weights=np.full((len(rest), len(controls)), 1 / len(controls), np.float32),
        expression=np.zeros((52, len(rest), 3), np.float32),
        gaze_degrees=gaze,
        eyes=np.array([head.part_vertices["left_eye"], head.part_vertices["right_eye"]], np.int32) - skin,
        eye_centres=head.eye_centres,
    )


@lru_cache
def tiny_landmarks() -> LandmarkBasis:
    """Exact but for the stretch that the identity gives to expressions."""
    head = made_up_head()
    people, actions = (array.astype(np.float32) for array in made_up_corpus())
    return LandmarkBasis(head.landmarks(head.vertices), head.landmarks(people), head.landmarks(actions))


@lru_cache
def _networks() -> dict[str, bytes]:
    return {
        ENCODER_FILE: _encoder(),
        IDENTITY_DECODER_FILE: _decoder("identity"),
        EXPRESSION_DECODER_FILE: _decoder("expression"),
    }


def tiny_model(folder: Path, **replaced: bytes) -> Path:
    """Package the tiny model as `folder`/model; file names to bytes replace what would be written.

    Returns:
        The model's folder, for `face2mesh.load`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = dict(_networks())
    made_up_head().save(folder / BASE_HEAD_FILE, {})
    tiny_followers().save(folder / FOLLOWERS_FILE, {})
    tiny_landmarks().save(folder / LANDMARKS_FILE, {})
    for name in (BASE_HEAD_FILE, FOLLOWERS_FILE, LANDMARKS_FILE):
        contents[name] = (folder / name).read_bytes()
        (folder / name).unlink()
    contents |= replaced
    manifest = make_manifest("tiny", "0.0.1", contents, {"crop_size": 128}, {"command": "tests"})
    write_model_folder(folder / "model", manifest, contents)
    return folder / "model"


def disk(width: int, height: int, centre: tuple[float, float], radius: float) -> NDArray[np.uint8]:
    """A photo (height, width, 3) of the tiny encoder's kind of head: a white disk on black, its edge smooth."""
    y, x = np.mgrid[:height, :width] + 0.5
    bright = np.clip(radius - np.hypot(x - centre[0], y - centre[1]) + 0.5, 0, 1)
    return np.repeat(np.uint8(np.round(bright * 255))[..., None], 3, axis=2)
