"""The detector's training: pasted pictures tell where their faces are, a tiny run learns, its export says the same."""

import argparse
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs torch, of the extra [train]")
pytest.importorskip("onnxscript", reason="exporting needs onnxscript, of the extra [train]")

from face2mesh.errors import InputFileError  # noqa: E402
from face2mesh.lab.evaluate import detection  # noqa: E402
from face2mesh.lab.nets.detector import Detector, DetectorConfiguration, Pyramid, boxes_of_cells  # noqa: E402
from face2mesh.lab.package import detector as packaging  # noqa: E402
from face2mesh.lab.package import detector_command  # noqa: E402
from face2mesh.lab.pairs import pasted as pasted_module  # noqa: E402
from face2mesh.lab.pairs.pasted import Composition, Pasted, Pieces, paste, read_pieces  # noqa: E402
from face2mesh.lab.pairs.scenery import KIND, VERSION, Scenery, make_scenery, pictures_in, tiles_of_photos  # noqa: E402
from face2mesh.lab.train.checkpoint import CHECKPOINT  # noqa: E402
from face2mesh.lab.train.configuration import DetectorWeights  # noqa: E402
from face2mesh.lab.train.detector import objective_terms, targets, train_detector  # noqa: E402
from face2mesh.photo import Box  # noqa: E402
from face2mesh.photo.detect import find_faces_with, read_detector  # noqa: E402
from face2mesh.store import write_arrays  # noqa: E402

TINY = DetectorConfiguration(widths=(4, 4, 8, 8), blocks=1)


def _landmarks(side=96):
    """68 points around a circle of 60 pixels' width in the middle, the eyes' outer corners level."""
    angle = np.linspace(0, 2 * np.pi, 69)[:-1]
    points = side / 2 + 30 * np.stack([np.cos(angle), np.sin(angle)], -1)
    points[36], points[45] = (30, 40), (66, 40)
    return points.astype(np.float32)


def _pieces(count=4):
    """Faces are white disks on black, scenery is dark green, things are blue boxes."""
    y, x = np.mgrid[:96, :96] + 0.5
    face = np.zeros((96, 96, 3), np.uint8)
    inside = (x - 48) ** 2 + (y - 48) ** 2 < 30**2
    face[inside] = 255
    thing = np.zeros((96, 96, 4), np.uint8)
    thing[20:70, 20:70] = (0, 0, 255, 255)
    green = np.full((160, 160, 3), (0, 60, 0), np.uint8)

    def stacked(picture):
        return torch.from_numpy(np.stack([picture] * count)).permute(0, 3, 1, 2).contiguous()

    return Pieces(stacked(face), torch.from_numpy(np.stack([_landmarks()] * count)), stacked(green), stacked(thing))


ONE_FACE = Composition(whole=0, face=1, shuffled=0, thing=0, layers=1, smallest=24, largest=40, tilt_degrees=0)


def test_boxes_are_where_the_faces_are(monkeypatch):
    # No gradients with noise instead of scenery.
    monkeypatch.setattr(pasted_module, "_PLAIN", 0.0)
    pasted = paste(_pieces(), 24, 112, ONE_FACE, torch.Generator().manual_seed(1))
    seen = 0
    for picture, box, visible in zip(pasted.pictures, pasted.boxes[:, -1], pasted.visible[:, -1], strict=True):
        if visible < 0.999:
            continue
        seen += 1
        # Scenery is green and dark, the face white, whatever the picture's light; noise is averaged out.
        red = torch.nn.functional.avg_pool2d(picture[None, :1], 5, 1, 2)[0, 0]
        bright = red > (red.max() + red.median()) / 2
        y, x = torch.nonzero(bright, as_tuple=True)
        assert float(x.float().mean() + 0.5) == pytest.approx(float(box[0]), abs=0.15 * float(box[2]))
        assert float(y.float().mean() + 0.5) == pytest.approx(float(box[1]), abs=0.15 * float(box[3]))
    assert seen >= 8


def test_the_same_seed_pastes_the_same_pictures():
    first, second = (paste(_pieces(), 4, 112, Composition(), torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.pictures, second.pictures)
    assert torch.equal(first.boxes, second.boxes)
    assert first.pictures.shape == (4, 3, 112, 112)
    assert 0 <= float(first.pictures.min()) <= float(first.pictures.max()) <= 1


def test_tilts_are_those_of_the_eyes_even_in_mirrored_photos():
    tilted = Composition(
        whole=0, face=1, shuffled=0, thing=0, layers=1, smallest=24, largest=40, tilt_degrees=0, most_tilted=30
    )
    pasted = paste(_pieces(), 64, 112, tilted, torch.Generator().manual_seed(0))
    cos, sin = pasted.boxes[:, -1, 4], pasted.boxes[:, -1, 5]
    assert torch.allclose(cos**2 + sin**2, torch.ones(64), atol=1e-5)
    degrees = torch.rad2deg(torch.atan2(sin, cos))
    assert float(degrees.abs().max()) < 33
    assert float(degrees.min()) < -8
    assert float(degrees.max()) > 8


def test_what_lies_behind_is_hidden():
    layers = Composition(whole=0, face=1, shuffled=0, thing=0, layers=6, smallest=60, largest=61)
    pasted = paste(_pieces(), 8, 112, layers, torch.Generator().manual_seed(0))
    assert pasted.there.sum() == 8 * 6
    assert float(pasted.visible[:, 1].mean()) < 0.6 * float(pasted.visible[:, -1].mean())


def _pasted(*boxes, visible=1.0):
    rows = torch.tensor([[*box, 1.0, 0.0] for box in boxes])[None]
    count = rows.shape[1]
    return Pasted(
        torch.zeros(1, 3, 112, 112), rows, torch.ones(1, count, dtype=torch.bool), torch.full((1, count), visible)
    )


def test_targets_worked_out_by_hand():
    positive, counted, layer = targets(_pasted((28.0, 20.0, 20.0, 20.0)), (14, 14))
    # The middle is a cell's centre; within 0.2 × 20 = 4 pixels no other; within 10 the four beside it are left open.
    assert torch.nonzero(positive[0]).tolist() == [[2, 3]]
    assert sorted(torch.nonzero(~counted[0]).tolist()) == [[1, 3], [2, 2], [2, 4], [3, 3]]
    assert layer[0, 2, 3] == 0


def test_a_small_face_between_cells_has_its_nearest_ones():
    positive, _, _ = targets(_pasted((32.0, 20.0, 16.0, 16.0)), (14, 14))
    assert torch.nonzero(positive[0]).tolist() == [[2, 3], [2, 4]]


@pytest.mark.parametrize(
    ("side", "visible", "asked", "left_open"),
    [(12.0, 1.0, False, True), (90.0, 1.0, False, True), (200.0, 1.0, False, False), (40.0, 0.3, False, True)],
)
def test_faces_out_of_range_or_hidden_are_not_asked_for(side, visible, asked, left_open):
    positive, counted, _ = targets(_pasted((60.0, 60.0, side, side), visible=visible), (14, 14))
    assert bool(positive.any()) == asked
    assert bool((~counted).any()) == left_open


def test_the_nearer_face_owns_a_cell():
    _, _, layer = targets(_pasted((40.0, 60.0, 40.0, 40.0), (70.0, 60.0, 40.0, 40.0)), (14, 14))
    assert layer[0, 7, 4] == 0
    assert layer[0, 7, 8] == 1


def test_true_answers_cost_nothing():
    pasted = _pasted((30.0, 22.0, 40.0, 24.0))
    positive, _, _ = targets(pasted, (14, 14))
    outputs = torch.zeros(1, 7, 14, 14)
    outputs[:, 0] = torch.where(positive > 0, 20.0, -20.0)
    column, row = torch.meshgrid(torch.arange(14), torch.arange(14), indexing="xy")
    outputs[0, 1], outputs[0, 2] = 30 / 8 - (column + 0.5), 22 / 8 - (row + 0.5)
    outputs[0, 3], outputs[0, 4] = np.log(40 / 32), np.log(24 / 32)
    outputs[0, 5] = 1.0
    for value in objective_terms(outputs, pasted, DetectorWeights()).values():
        assert float(value) == pytest.approx(0, abs=1e-5)
    # The runtime reads the same box out of it.
    boxes = boxes_of_cells(outputs, 1, 0)[0]
    boxes = boxes[boxes[:, 0] > 0.5]
    assert len(boxes) == int(positive.sum())
    for box in boxes:
        assert box[1:].tolist() == pytest.approx((30, 22, 40, 24), rel=1e-4)


def test_a_box_worked_out_by_hand():
    cells = torch.full((1, 7, 4, 5), -20.0)
    # Row 2, column 3: its centre is (28, 20). Half a cell right, a quarter up; 64 wide and 32 high.
    cells[0, :5, 2, 3] = torch.tensor([np.log(4), 0.5, -0.25, np.log(2), 0])
    boxes = boxes_of_cells(cells, 2, 3)
    assert boxes.shape == (1, 20, 5)
    assert boxes[0, 2 * 5 + 3].tolist() == pytest.approx([0.8, 2 * (32 - 3), 2 * (18 - 3), 2 * 64, 2 * 32])
    assert float(boxes[0, :13, 0].max()) < 1e-6


def test_the_pyramid_says_what_the_detector_says():
    """Of the picture itself, and of one twice as large that is the same to look at."""
    torch.manual_seed(0)
    detector = Detector(TINY).eval()
    picture = torch.randint(256, (1, 64, 48, 3), dtype=torch.uint8)
    small = picture.permute(0, 3, 1, 2).float() / 255
    expected = boxes_of_cells(detector(small), 1, 0)
    found = Pyramid(detector).eval()(picture)
    torch.testing.assert_close(found[:, : 8 * 6], expected, rtol=1e-4, atol=1e-4)
    doubled = picture.repeat_interleave(2, 1).repeat_interleave(2, 2)
    found = Pyramid(detector).eval()(doubled)
    scale = torch.tensor([1.0, 2, 2, 2, 2])
    torch.testing.assert_close(found[:, 16 * 12 :][:, : 8 * 6], expected * scale, rtol=1e-4, atol=1e-3)


def _write_data(folder):
    """Ten labelled photos in FairFace's files: the made-up face, scaled up."""
    pieces = _pieces(1)
    photo = Image.fromarray(pieces.faces[0].permute(1, 2, 0).numpy()).resize((224, 224))
    points = np.zeros((10, 478, 3), np.int16)
    from face2mesh.lab.base.embeddings import IBUG_68

    points[:, list(IBUG_68), :2] = np.round(_landmarks() * (224 / 96) * 64)
    np.savez(
        folder / "fairface-train.npz",
        ids=np.arange(10, dtype=np.int32),
        landmarks_64=points,
        age=np.array(["20-29"] * 10),
    )
    with tarfile.open(folder / "fairface-train-00.tar", "w") as archive:
        for number in range(10):
            file = io.BytesIO()
            photo.save(file, "JPEG", quality=95)
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = file.tell()
            file.seek(0)
            archive.addfile(info, file)


def _write_scenery(folder):
    pieces = _pieces(2)
    scenery = Scenery(
        pieces.tiles.permute(0, 2, 3, 1).numpy(),
        pieces.objects.permute(0, 2, 3, 1).numpy(),
        np.array([False, True]),
        np.array([False, True]),
    )
    write_arrays(folder / "scenery.npz", KIND, VERSION, dict(vars(scenery)), {})


def test_pieces_keep_what_is_held_out_apart(tmp_path):
    _write_data(tmp_path)
    _write_scenery(tmp_path)
    scenery = Scenery.load(tmp_path / "scenery.npz")
    assert len(read_pieces(tmp_path, scenery, held=False, held_faces=3).faces) == 7
    held = read_pieces(tmp_path, scenery, held=True, held_faces=3)
    assert held.faces.shape == (3, 3, 96, 96)
    assert len(held.tiles) == len(held.objects) == 1
    np.testing.assert_allclose(held.landmarks[0], _landmarks(), atol=0.02)


@pytest.mark.slow
def test_from_training_to_a_packaged_detector(tmp_path, capsys, monkeypatch):
    """A tiny detector learns to find the disks, and the packaged one finds them in a picture of another size."""
    _write_data(tmp_path)
    _write_scenery(tmp_path)
    configuration = tmp_path / "detector.toml"
    configuration.write_text(
        """
picture = 64
held_faces = 3
[optimisation]
steps = 60
batch = 8
learning_rate = 1e-2
warmup = 5
average = 0.9
log_every = 10
[detector]
widths = [4, 8, 12, 12]
blocks = 1
[composition]
shuffled = 0.0
largest = 50.0
"""
    )
    run = tmp_path / "runs" / "detector"
    train_detector(configuration, tmp_path, run, data=tmp_path)
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert log[-1]["score"] < log[0]["score"]
    parent = argparse.ArgumentParser()
    detector_command.add_detector(parent.add_subparsers())
    arguments = parent.parse_args(["package-detector", "-o", str(tmp_path / "out")])
    arguments.build, arguments.data = tmp_path, tmp_path
    for name, few in (("_EMPTY_PICTURES", 4), ("_WALLS", 2), ("_FACE_PICTURES", 6)):
        monkeypatch.setattr(packaging, name, few)
    arguments.run(arguments)
    assert "held-out faces" in capsys.readouterr().err
    detector = read_detector(tmp_path / "out")
    assert detector.further_threshold > detector.threshold
    report = json.loads((tmp_path / "out" / "detector.json").read_text())["provenance"]["calibration"]
    assert all(0.3 < factor < 3 for factor in report["sizes_were"])
    picture = np.full((200, 240, 3), (0, 60, 0), np.uint8)
    face = Image.fromarray(_pieces(1).faces[0].permute(1, 2, 0).numpy())
    picture[40:136, 80:176] = np.asarray(face)
    found = find_faces_with(detector, picture)
    assert found
    best = max(found, key=lambda box: box.score)
    assert best.centre == pytest.approx((128, 88), abs=25)


def test_the_regression_tells_faces_from_other_finds():
    generator = np.random.default_rng(0)
    faces = np.column_stack([np.ones(4000), generator.normal(1, 1, 4000), generator.normal(0, 1, 4000)])
    others = np.column_stack([np.ones(1000), generator.normal(-1, 1, 1000), generator.normal(0, 1, 1000)])
    weights = packaging._logistic_regression(faces, others)
    # Of two Gaussians with unit deviation and means 1 and −1 the logit is 2·x; more faces change nothing.
    assert weights == pytest.approx([0, 2, 0], abs=0.25)


def test_folding_and_rounding_change_little():
    torch.manual_seed(0)
    detector = Detector(TINY)
    detector.train()
    detector(torch.rand(4, 3, 64, 64))
    picture = torch.rand(1, 3, 48, 64)
    before = detector.eval()(picture)
    after = packaging.simplified(detector)(picture)
    assert before.shape == (1, 7, 6, 8)
    np.testing.assert_allclose(before.detach(), after.detach(), atol=0.01)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in detector.modules())


def test_no_run_is_refused(tmp_path):
    with pytest.raises(InputFileError, match="no checkpoint"):
        packaging.read_trained(tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"nothing")
    with pytest.raises(InputFileError, match="damaged"):
        packaging.read_trained(tmp_path)


def test_scenery_takes_photographs_and_things(tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "640x400.png")
    Image.fromarray(photo[:60]).save(tmp_path / "320x200.png")  # the same wallpaper, smaller
    thing = np.zeros((50, 30, 4), np.uint8)
    thing[10:40, 5:25] = (10, 20, 30, 255)
    Image.fromarray(thing).save(tmp_path / "thing.png")
    (tmp_path / "people").mkdir()
    Image.fromarray(photo).save(tmp_path / "people" / "group.png")
    paths = pictures_in([tmp_path])
    assert [path.name for path in paths] == ["640x400.png", "thing.png"]
    scenery = make_scenery(paths, seed=0, held_share=0.2)
    assert scenery.tiles.shape == (8 + 300, 160, 160, 3)
    assert scenery.objects.shape == (1, 96, 96, 4)
    assert tuple(scenery.objects[0, 48, 48]) == (10, 20, 30, 255)
    assert scenery.objects[0, 48, 5, 3] == 0
    assert scenery.held_tile.sum() >= 60
    np.testing.assert_array_equal(scenery.tiles, make_scenery(paths, seed=0, held_share=0.2).tiles)


def test_scenery_refuses_what_it_cannot_read(tmp_path):
    with pytest.raises(InputFileError, match="holds no pictures"):
        pictures_in([tmp_path])
    with pytest.raises(InputFileError, match="not a folder"):
        pictures_in([tmp_path / "nowhere"])
    (tmp_path / "bad.png").write_bytes(b"nothing")
    with pytest.raises(InputFileError, match=r"bad\.png: not a readable picture"):
        make_scenery(pictures_in([tmp_path]), 0, 0.1)


def test_tiles_beside_faces_show_none_of_them():
    photo = np.zeros((224, 224, 3), np.uint8)
    photo[70:200, 60:170] = 255
    points = np.array([[60, 70], [170, 200]], np.float32)
    tiles = tiles_of_photos([(photo, points)] * 6, 5, seed=0)
    assert tiles.shape == (5, 160, 160, 3)
    # A piece may touch the face's box by 15 per cent of its own side.
    assert (tiles > 128).mean() < 0.16


def _disk_finder(rgb, small=False):
    """Finds the one white disk."""
    y, x = np.nonzero(rgb[..., 0] > 128)
    if len(x) < 20:
        return []
    side = float(np.sqrt(len(x) / np.pi) * 2)
    return [Box(float(x.mean() + 0.5) - side / 2, float(y.mean() + 0.5) - side / 2, side, side, 0.9)]


def test_measures_of_a_detector_that_is_always_right(monkeypatch):
    monkeypatch.setattr(detection, "find_faces", _disk_finder)
    y, x = np.mgrid[:200, :200] + 0.5
    portraits = {
        name: np.repeat((255 * ((x - cx) ** 2 + (y - cy) ** 2 < 30**2))[..., None], 3, 2).astype(np.uint8)
        for name, cx, cy in (("a", 90, 80), ("b", 120, 100), ("c", 100, 100))
    }
    portraits["nobody"] = np.zeros((200, 200, 3), np.uint8)
    found = detection.measure_portraits(portraits)
    assert found == {"photos": 4, "found": 3, "missed": ["nobody"], "more_than_one": []}
    tilts = detection.measure_tilts(portraits)
    assert tilts["0"] == {"tried": 3, "found": 3}
    assert tilts["45"] == {"tried": 6, "found": 6}
    sizes = detection.measure_sizes(portraits)
    assert sizes["24"] == {"tried": 4, "found": 3}
    assert sizes["192"] == {"tried": 4, "found": 3}
    cost = detection.measure_cost(portraits, repeats=1)
    assert min(cost[name]["least"] for name in ("picture_320_ms", "picture_320_second_look_too_ms")) > 0
