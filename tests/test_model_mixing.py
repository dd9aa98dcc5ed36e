"""Heads of codes, between heads, and read back from files."""

import dataclasses
import json

import numpy as np
import pytest
from made_up import MODES, made_up_face

import face2mesh
from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.head.arkit import ARKIT_NAMES, cancelled
from face2mesh.model.mixing import between, mixed_codes

FACE = made_up_face()


def test_a_code_is_a_head(model):
    code = np.arange(MODES) / 3
    face = model.face(code)
    np.testing.assert_array_equal(face.vertices, model.decode(code.astype(np.float32)))
    np.testing.assert_array_equal(model.face(np.zeros(MODES)).vertices, model.base_head.vertices)
    with pytest.raises(Face2MeshError, match=r"identity has 5 numbers; given is an array \(4,\)"):
        model.face(np.zeros(4))
    with pytest.raises(Face2MeshError, match="expression has 52 numbers"):
        model.face(np.zeros(MODES), np.full(52, np.nan))


def test_ends_and_middle(model):
    first, second = model.sample(1), model.sample(2)
    for share, end in ((0, first), (1, second)):
        np.testing.assert_allclose(model.interpolate(first, second, share).vertices, end.vertices, atol=1e-4)
        arc = model.interpolate(first, second, share, arc=True)
        np.testing.assert_allclose(arc.vertices, end.vertices, atol=1e-4)
    # The tiny model is linear in codes: neutral heads in the middle are the mean of the two.
    middle = model.interpolate(first.neutral(), second.neutral(), 0.5)
    mean = (first.neutral().vertices + second.neutral().vertices) / 2
    np.testing.assert_allclose(middle.vertices, mean, atol=1e-3)


def test_order_and_mirror_of_the_way(model):
    first, second = model.sample(1), model.sample(2)
    for arc in (False, True):
        there = model.interpolate(first, second, 0.3, arc=arc)
        back = model.interpolate(second, first, 0.7, arc=arc)
        np.testing.assert_allclose(there.identity, back.identity, atol=1e-6)


def test_the_arc_keeps_the_length():
    first, second = np.array([3.0, 0, 0]), np.array([0, 5.0, 0])
    for share in np.linspace(0, 1, 7):
        assert np.linalg.norm(mixed_codes(first, second, share)) == pytest.approx(3 + 2 * share)
    np.testing.assert_allclose(mixed_codes(first, second, 0.5), 4 * np.sqrt([0.5, 0.5, 0]))
    np.testing.assert_allclose(mixed_codes(first, first, 0.4), first)
    assert mixed_codes(first, -first, 0.5) is None
    assert mixed_codes(first, np.zeros(3), 0.5) is None


def test_opposites_undo_each_other_on_the_way():
    left, right = (dataclasses.replace(FACE, weights=one(name)) for name in ("jawLeft", "jawRight"))
    weights = [between(left, right, share).expression for share in (0, 0.25, 0.5, 0.75, 1)]
    np.testing.assert_allclose([row["jawLeft"] for row in weights], [1, 0.5, 0, 0, 0])
    np.testing.assert_allclose([row["jawRight"] for row in weights], [0, 0, 0, 0.5, 1])
    np.testing.assert_array_equal(cancelled(np.zeros(52)), 0)


def one(name):
    weights = np.zeros(52, np.float32)
    weights[ARKIT_NAMES.index(name)] = 1
    return weights


def test_scale_colours_and_what_belongs_to_a_photo():
    black, white = (np.full((len(FACE.vertices), 3), value, np.uint8) for value in (0, 200))
    first = dataclasses.replace(FACE, colours=black, landmark_sigma_px=np.ones(68, np.float32))
    second = dataclasses.replace(FACE.scaled(1.2, "ipd"), colours=white)
    mixed = between(first, second, 0.5)
    assert mixed.scale == pytest.approx(1.1)
    assert mixed.scale_source == "prior"
    assert (mixed.colours == 100).all()
    assert mixed.landmark_sigma_px is None
    assert between(first, FACE, 0.5).colours is None
    assert between(second, second, 0.5).scale_source == "ipd"


def test_refusals():
    other = dataclasses.replace(FACE, decoder=dataclasses.replace(FACE.decoder, version="1"))
    with pytest.raises(Face2MeshError, match="different models"):
        between(FACE, other, 0.5)
    with pytest.raises(Face2MeshError, match="not a number"):
        between(FACE, FACE, float("nan"))


def test_a_head_comes_back_from_its_file(tmp_path):
    face = FACE.scaled(1.07, "ipd")
    face.save(tmp_path / "head.json")
    read = face2mesh.Face.load(tmp_path / "head.json", face.decoder)
    np.testing.assert_array_equal(read.vertices, face.vertices)
    np.testing.assert_array_equal(read.identity, face.identity)
    np.testing.assert_array_equal(read.weights, face.weights)
    np.testing.assert_allclose(read.landmarks_px, face.landmarks_px, rtol=0, atol=1e-9)
    assert (read.scale, read.scale_source, read.box, read.camera) == (1.07, "ipd", None, face.camera)


def test_the_same_file_again(tmp_path):
    from face2mesh.photo.box import Box

    face = dataclasses.replace(FACE, box=Box(1.0, 2.0, 30.0, 40.0))
    face.save(tmp_path / "one.json")
    face2mesh.Face.load(tmp_path / "one.json", face.decoder).save(tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def changed(folder, **fields):
    FACE.save(folder / "head.json")
    told = {**json.loads((folder / "head.json").read_text()), **fields}
    (folder / "head.json").write_text(json.dumps(told))
    return folder / "head.json"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"version": 1}, "its format is version 1, this program reads 2; reconstruct the photo again"),
        ({"version": 3}, "version 3, this program reads 2; upgrade Face2Mesh"),
        ({"format": "other"}, "holds no head"),
        ({"model": {"name": "made-up", "version": "9"}}, "belong to the model made-up 9, this is made-up 0; load that"),
        ({"model": None}, "damaged"),
        ({"identity": [1.0]}, "damaged .the identity is not 5 numbers"),
        ({"identity": [None] * MODES}, "damaged"),
        ({"expression": {"jawOpen": 1}}, "damaged"),
        ({"scale": -1}, "damaged"),
        ({"pose": {"rotation": [[0]], "translation_mm": [0, 0, 0]}}, "damaged"),
        ({"camera": {}}, "damaged"),
    ],
)
def test_other_files_are_refused_in_a_sentence(tmp_path, fields, sentence):
    path = changed(tmp_path, **fields)
    with pytest.raises(InputFileError, match=sentence) as refusal:
        face2mesh.Face.load(path, FACE.decoder)
    assert str(refusal.value).startswith(f"{path}: ")


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(InputFileError, match="cannot be read"):
        face2mesh.Face.load(tmp_path / "absent.json", FACE.decoder)
    (tmp_path / "head.json").write_text("v 1 2 3")
    with pytest.raises(InputFileError, match="it is no JSON"):
        face2mesh.Face.load(tmp_path / "head.json", FACE.decoder)
