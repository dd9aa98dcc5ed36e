"""Scans onto the base head: made-up scans of the packaged model's heads, whose truth is known."""

import json

import numpy as np
import pytest
import trimesh
from made_up_scans import made_up_scan
from scipy.spatial import cKDTree

import face2mesh
from face2mesh.cli import main
from face2mesh.errors import InputFileError
from face2mesh.head.alignment import Similarity
from face2mesh.lab.registration import command, results
from face2mesh.lab.registration.places import MOST
from face2mesh.lab.registration.register import Registrar, after, inverse, weighted
from face2mesh.lab.registration.scan import Scan
from face2mesh.lab.registration.units import unit_of
from face2mesh.lab.registration.views import directions, look, looking_along
from face2mesh.lab.registration.wrap import CLEARLY, flipped, mended


@pytest.fixture(scope="module")
def registrar():
    return Registrar(face2mesh.load())


def _apart(registered, true, placed, registrar):
    """(S,) mm, from where the result has the skin's vertices to where they are on the scan."""
    scale, rotation, shift = placed
    there = registered.placement(scale * (true @ rotation.T + shift))
    return np.linalg.norm(registered.vertices - there, axis=1)[: registrar.model.base_head.skin_count]


def test_a_damaged_scan_in_any_pose_and_unit_comes_out_as_the_head_that_it_is_of(registrar):
    true, scan, placed = made_up_scan(
        registrar.model, 3, cell=4.0, noise=0.1, holes=6, missing=0.1, hair=20.0, turned=True, scale=0.001
    )
    registered = registrar(scan, "scan")
    assert (registered.unit.name, registered.unit.source) == ("m", "guessed")
    assert registered.flipped == 0
    apart = _apart(registered, true, placed, registrar)
    face = registrar.model.base_head.regions["face"][: len(apart)]
    assert apart[face].mean() < 1.4  # the places of vertices, not the surface
    assert apart.mean() < 2.0  # under the hair too
    assert registered.measures["mean_mm"] < 0.4
    assert registered.measures["off"] > 0.1  # the hair
    # Eyes are where eyes are.
    eye = slice(*registrar.model.base_head.part_vertices["left_eye"])
    scale, rotation, shift = placed
    there = registered.placement(scale * (true[eye] @ rotation.T + shift))
    assert np.linalg.norm(registered.vertices[eye].mean(0) - there.mean(0)) < 1.0


def test_a_face_comes_out_the_same_whatever_its_vertices_are(registrar):
    """One face as two scanners see it: other vertices, pose and unit, a fifth of the triangles missing from one."""
    there = []
    for how in ({"cell": 2.5}, {"cell": 2.9, "missing": 0.2, "turned": True, "scale": 1000.0}):
        true, scan, (scale, rotation, shift) = made_up_scan(registrar.model, 11, **how)
        face = registrar.model.base_head.regions["face"]
        middle = true[face].mean(0)
        places = (scan.vertices / scale - shift) @ rotation
        scan = scan.part((np.linalg.norm(places - middle, axis=1) < 95) & (places[:, 2] > -20))
        # Where the face is does not matter here, and costs most of the time.
        landmarks = scale * (registrar.model.base_head.landmarks(true) @ rotation.T + shift)
        registered = registrar(scan, "scan", landmarks=landmarks)
        assert registered.flipped == 0
        back = inverse(registered.placement)(registered.vertices.astype(np.float64))
        there.append(((back / scale - shift) @ rotation, registered.covered))
    (first, covered), (second, _) = there
    apart = np.linalg.norm(first - second, axis=1)[: len(covered)][covered]
    assert apart.mean() < 0.12
    assert apart.max() < 0.5


def test_places_of_the_skin(registrar):
    """All of them lie on the surface of a scan, where it is seen, evenly, and not under hair."""
    true, scan, _ = made_up_scan(registrar.model, 4, cell=4.0)
    places = registrar._places
    skin = true[: registrar.model.base_head.skin_count]
    found, normals = places.met(skin, scan)
    assert len(found) == MOST
    assert scan.surface.closest(found).distance.max() < 1e-6
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    near = cKDTree(found).query(found, k=2)[0][:, 1]
    assert np.median(near) < 3 * np.quantile(near, 0.05)
    # The half of a scan: no place beside its end.
    half, _ = places.met(skin, scan.part(scan.vertices[:, 0] > 0))
    assert half[:, 0].min() > -1e-6
    assert len(places.met(skin + 100, scan)[0]) == 0
    _, hairy, _ = made_up_scan(registrar.model, 4, cell=4.0, hair=20.0)
    tops = [int((places.met(skin, one)[0][:, 1] > 90).sum()) for one in (hairy, scan)]
    assert tops[0] < 0.3 * tops[1], tops


def test_measures_go_on_with_an_earlier_file(tmp_path):
    file = tmp_path / "register.json"
    assert command.earlier(file) == ([], [])
    face = {"mean_mm": 0.1, "p95_mm": 0.3, "flipped": 0, "seconds": 8.0}
    faces = [{"face": number, **face} for number in range(3)]
    damaged = [{"face": 0, "found": True, "apart_max_mm": 0.2, "seconds": 9.0}, {"face": 1, "found": False}]
    file.write_text(json.dumps(command.report(faces, damaged)))
    assert command.earlier(file) == (faces, damaged)
    summary = json.loads(file.read_text())["summary"]
    assert (summary["faces"], summary["mean_mm"], summary["slowest_seconds"]) == (3, 0.1, 9.0)
    assert (summary["damaged"], summary["damaged_not_found"], summary["damaged_worst_apart_mm"]) == (2, 1, 0.2)
    for wrong in ("{", "[]", '{"format": "face2mesh/registration-results", "version": 0}'):
        file.write_text(wrong)
        with pytest.raises(InputFileError, match="leave --resume out"):
            command.earlier(file)


def _write(path, scan):
    trimesh.Trimesh(scan.vertices, scan.triangles, process=False).export(path)


def test_marks_tell_where_a_mouth_is_that_a_smooth_surface_lets_slide(registrar):
    base, model = registrar.model.base_head, registrar.model
    true = model.decode(np.random.default_rng(4).standard_normal(model.identity_size))
    for embedding in (base.dense, base.landmarks):
        marks = embedding(true.astype(np.float64))
        found = model.decode(registrar.code_of_marks(marks))
        missed, before = (np.linalg.norm(embedding(head) - marks, axis=1).mean() for head in (found, base.vertices))
        assert missed < before / 2
    few = np.full((68, 3), np.nan)
    few[[30, 36, 45, 48, 54, 8]] = marks[[30, 36, 45, 48, 54, 8]]
    assert np.isfinite(registrar.code_of_marks(few)).all()


def test_the_command(registrar, tmp_path, capsys):
    _, scan, _ = made_up_scan(registrar.model, 5, cell=6.0)
    # Inside out, and STL knows no shared vertices.
    _write(tmp_path / "anna.stl", scan.turned_inside_out())
    (tmp_path / "broken.obj").write_text("v 0 0 0\n")
    out = tmp_path / "out"
    arguments = ["register", str(tmp_path / "anna.stl"), str(tmp_path / "broken.obj"), "-o", str(out), "--unit", "mm"]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out.startswith("anna: mean 0.")
    assert "unit mm (given)" in said.out
    assert "broken.obj: holds points without triangles" in said.err
    assert {path.name for path in out.iterdir()} == {"anna.obj", "anna.npz", "anna.json", "anna.png"}
    document = json.loads((out / "anna.json").read_text())
    assert document["flipped_triangles"] == 0
    assert document["distance_mm"]["mean"] < 0.5
    lines = (out / "anna.obj").read_text().splitlines()
    written = np.array([line.split()[1:] for line in lines if line.startswith("v ")], np.float64)
    with np.load(out / "anna.npz") as archive:
        assert np.allclose(written, archive["vertices"], atol=1e-3)
    # What is newer than its scan is kept.
    before = (out / "anna.obj").stat().st_mtime_ns
    assert main([arguments[0], arguments[1], *arguments[3:]]) == 0
    assert capsys.readouterr().out == "anna: kept, newer than anna.stl\n"
    assert (out / "anna.obj").stat().st_mtime_ns == before


def test_refusals(registrar, tmp_path, capsys):
    ball = trimesh.creation.icosphere(3, 80)
    ball.export(tmp_path / "ball.obj")
    assert main(["register", str(tmp_path / "ball.obj"), "-o", str(tmp_path)]) == 1
    assert "would be replaced by its own result" in capsys.readouterr().err
    (tmp_path / "few.json").write_text(json.dumps({"30": [0, 0, 0], "8": [0, -1, 0]}))
    few = [
        "register",
        str(tmp_path / "ball.obj"),
        "-o",
        str(tmp_path / "out"),
        "--landmarks",
        str(tmp_path / "few.json"),
    ]
    assert main(few) == 1
    assert "the landmarks place no head" in capsys.readouterr().err
    (tmp_path / "wrong.json").write_text(json.dumps({"99": [0, 0, 0]}))
    assert main([*few[:-1], str(tmp_path / "wrong.json")]) == 1
    assert "there is no landmark 99" in capsys.readouterr().err
    with pytest.raises(SystemExit) as misuse:
        main(["register", "a.obj", "b.obj", "-o", str(tmp_path), "--landmarks", str(tmp_path / "few.json")])
    assert misuse.value.code == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["register", str(empty), "-o", str(tmp_path)]) == 1
    assert "holds no meshes" in capsys.readouterr().err


def test_no_face_is_said_so(registrar, monkeypatch):
    monkeypatch.setattr("face2mesh.lab.registration.register.located", lambda *_: None)
    ball = trimesh.creation.icosphere(3, 80)
    with pytest.raises(InputFileError, match="ball: no face found from any side; give some of the 68 landmarks"):
        registrar(Scan.of(ball.vertices, ball.faces, "ball"), "ball")


@pytest.mark.parametrize(
    ("expected", "given", "name", "source"),
    [
        (1.1, None, "mm", "guessed"),
        (9.0, None, "cm", "guessed"),
        (1100, None, "m", "guessed"),
        (24.0, None, "in", "guessed"),
        (0.0009, None, "1e-03 mm", "guessed"),
        (4.0, None, "none", "model"),
        (1.5, "mm", "mm", "given"),
    ],
)
def test_units(expected, given, name, source):
    unit = unit_of(expected, given, "scan")
    assert (unit.name if name != "1e-03 mm" else "1e-03 mm", unit.source) == (name, source)
    assert unit.known == (source != "model")


def test_a_wrong_unit_is_refused():
    with pytest.raises(InputFileError, match="in cm this head would be 10 times as large"):
        unit_of(1.0, "cm", "scan")


def test_a_scan_is_cleaned():
    box = trimesh.creation.icosphere(4)
    speck = trimesh.creation.icosphere(0, 0.01)
    vertices = np.concatenate([box.vertices, box.vertices, speck.vertices + 3, [[np.nan] * 3]])
    count = len(box.vertices)
    triangles = np.concatenate(
        [box.faces[:700], box.faces[700:] + count, speck.faces + 2 * count, [[0, 0, 1], [0, 1, len(vertices) - 1]]]
    )
    scan = Scan.of(vertices, triangles, "scan")
    assert len(scan.vertices) == count
    assert not scan.border.any()
    assert np.isclose(scan.areas.sum(), box.area)
    assert np.isclose(scan.finer(0.05).areas.sum(), box.area)
    hole = Scan.of(box.vertices, box.faces[1:], "scan")
    assert hole.border.sum() == 3
    with pytest.raises(InputFileError, match="only 80 triangles"):
        Scan.of(*(lambda ball: (ball.vertices, ball.faces))(trimesh.creation.icosphere(1)), "scan")


def test_hair_is_uneven_and_skin_is_not():
    ball = trimesh.creation.icosphere(4, 80)
    rng = np.random.default_rng(0)
    hair = ball.vertices * (1 + 0.4 * rng.random((len(ball.vertices), 1)) * (ball.vertices[:, 1:2] > 0))
    even = Scan.of(hair, ball.faces, "scan").evenness
    assert even[ball.vertices[:, 1] < -15].min() > 0.9
    assert even[ball.vertices[:, 1] > 15].mean() < 0.4


def test_pictures_tell_where_their_pixels_are():
    ball = trimesh.creation.icosphere(3)
    vertices, triangles = np.asarray(ball.vertices, np.float64), ball.faces
    for towards in directions(5):
        seen = look(vertices, triangles, looking_along(towards), 64)
        middle = seen.lifted(np.array([[32.0, 32.0], [0.5, 0.5]]), vertices, triangles)
        assert np.allclose(middle[0], towards, atol=0.06)
        assert np.isnan(middle[1]).all()
    assert np.allclose(np.linalg.norm(directions(7), axis=1), 1)
    for quarters in range(4):
        turned = seen.turned(quarters)
        assert np.array_equal(turned.triangle, np.rot90(seen.triangle, quarters))
        # As if the camera were turned, its lamp above it.
        assert turned.rgb[16, 32].mean() > turned.rgb[48, 32].mean() + 10
        assert np.abs(turned.normal[16, 32] - [0, -0.5, -0.85]).max() < 0.2


def test_missing_triangles_leave_no_pinholes():
    ball = trimesh.creation.icosphere(5)
    kept = np.random.default_rng(1).random(len(ball.faces)) > 0.2
    seen = look(np.asarray(ball.vertices), ball.faces[kept], looking_along(np.array([0.0, 0, 1])), 192)
    row, column = np.mgrid[:192, :192] - 95.5
    inside = np.hypot(row, column) < 80
    assert (seen.triangle[inside] >= 0).mean() > 0.99  # without closing: 0.8
    places = seen.lifted(np.argwhere(inside)[:, ::-1] + 0.5, np.asarray(ball.vertices), ball.faces[kept])
    assert (places[:, 2] < 0).mean() < 0.02  # hardly anything of the far side shines through


def test_mending_leaves_nothing_flipped(registrar):
    sheet = registrar._sheet
    fitted = registrar.model.base_head.vertices[: registrar.model.base_head.skin_count].astype(np.float64)
    torn = fitted.copy()
    torn[[100, 2000]] += [[9.0, 3, 1], [-4, 8, 2]]
    assert flipped(torn, fitted, sheet.triangles).any()
    # Clearly: rounding turns nothing over again.
    assert not flipped(mended(torn, fitted, sheet), fitted, sheet.triangles, CLEARLY).any()


def test_similarities_there_and_back():
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    one = Similarity(2.5, turn * np.sign(np.linalg.det(turn)), np.array([1.0, 2, 3]))
    points = np.random.default_rng(3).normal(size=(4, 3))
    assert np.allclose(after(inverse(one), one)(points), points)


def test_weighted_mean_and_percentile():
    mean, p95 = weighted(np.array([3.0, 1.0]), np.array([1.0, 99.0]))
    assert (mean, p95) == (pytest.approx(1.02), 1.0)
    assert np.isnan(weighted(np.zeros(0), np.zeros(0))[0])


def test_landmarks_by_number(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"landmarks": {"30": [1, 2, 3]}}))
    points = results.read_marks(tmp_path / "a.json", np.zeros((1, 3)))
    assert points.shape == (68, 3)
    assert points[30].tolist() == [1, 2, 3]
    assert np.isnan(points[:30]).all()
