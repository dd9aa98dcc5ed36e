"""The page without a browser: what is in it, and what is refused."""

import base64
import html.parser
import io
import json
import re
import struct

import numpy as np
import pytest
from foreign_glb import Maker, container, foreign_glb
from made_up import made_up_face

from face2mesh.cli import main
from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.head import ARKIT_NAMES
from face2mesh.view import check_glb, page_of
from face2mesh.view.container import READ_EXTENSIONS
from face2mesh.view.page import program
from face2mesh.write import HeadMesh, write
from face2mesh.write.glb import write_glb

MESH = HeadMesh.of(made_up_face(4))


def _glb():
    content = io.BytesIO()
    write_glb(MESH, content)
    return content.getvalue()


GLB = _glb()
SHAPES = {"primitives": [{"attributes": {"POSITION": 0}}]}


class _Elements(html.parser.HTMLParser):
    """The page's elements, with what stands in them."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts = [], {}
        self.feed(page.decode())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        name = self.elements[-1][1].get("id") if self.elements else None
        self.texts[name] = self.texts.get(name, "") + data


def test_the_glb_lies_in_the_page_byte_for_byte():
    assert base64.b64decode(_Elements(page_of(GLB)).texts["glb"].strip(), validate=True) == GLB


def test_the_page_asks_for_nothing():
    page = page_of(GLB)
    for text in (page.decode(), program()):
        assert not re.search(r"https?://|//cdn|@import|\burl\(|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon", text)
    elements = _Elements(page).elements
    assert not [attributes for _, attributes in elements if "src" in attributes]
    assert [attributes["href"] for _, attributes in elements if "href" in attributes] == ["data:,"]
    policy = next(attributes for _, attributes in elements if attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'; ")
    assert "http" not in policy["content"]


def test_the_page_is_small():
    assert len(page_of(GLB)) - 4 * len(GLB) / 3 < 40_000


def test_same_glb_same_page():
    assert page_of(GLB) == page_of(GLB)


def test_the_format_html_is_the_page_of_the_glb(tmp_path):
    write(MESH, tmp_path / "head.html")
    assert (tmp_path / "head.html").read_bytes() == page_of(GLB)


def test_the_program_reads_the_same_extensions():
    listed = re.search(r"READ_EXTENSIONS = new Set\(\[(.*?)\]\)", program()).group(1)
    assert set(json.loads(f"[{listed}]")) == READ_EXTENSIONS


def test_all_shapes_that_the_faces_name_are_arkits():
    text = program()
    faces = text[text.index("const SMILE") : text.index("function speechAt")]
    named = set(re.findall(r"(\w+): [01]?\.?\d+\b", faces))
    assert {"mouthSmile", "jawOpen", "browInnerUp"} <= named
    for name in named:
        assert name in ARKIT_NAMES or {f"{name}Left", f"{name}Right"} <= set(ARKIT_NAMES)


def test_view_writes_the_page_beside_the_glb(tmp_path, capsys):
    (tmp_path / "head.glb").write_bytes(GLB)
    assert main(["view", str(tmp_path / "head.glb")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'head.html'}\n"
    assert (tmp_path / "head.html").read_bytes() == page_of(GLB)
    assert main(["view", str(tmp_path / "head.glb"), "-o", str(tmp_path / "other.HTML")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["head.glb", "head.html", "other.HTML"]


def test_view_takes_a_foreign_glb(tmp_path):
    (tmp_path / "foreign.glb").write_bytes(foreign_glb()[0])
    assert main(["view", str(tmp_path / "foreign.glb")]) == 0


def _refused(capsys, path, sentence):
    assert main(["view", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"face2mesh: {path}: {sentence}")
    assert printed.err.count("\n") == 1
    assert not printed.out
    assert not path.with_suffix(".html").exists()


def _with_json_chunk(text):
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text


def _document(**more):
    return container({"asset": {"version": "2.0"}, "meshes": [SHAPES], **more})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no GLB file"),
        (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "no GLB file"),
        (container({}, version=1), "GLB of version 1"),
        (GLB[:-9], f"cut short, {len(GLB) - 9:,} of {len(GLB):,} bytes"),
        (_with_json_chunk(b"{"), "damaged"),
        (_with_json_chunk(b"\xff\xfe"), "damaged"),
        (_with_json_chunk(b"[]"), "damaged"),
        (_with_json_chunk(b'{"meshes": [{}]}'), "damaged"),
        (struct.pack("<4sIIII", b"glTF", 2, 20, 0, 1), "damaged"),
        (_document(extensionsRequired=["KHR_draco_mesh_compression"]), "needs KHR_draco_mesh_compression"),
        (_document(buffers=[{"uri": "head.bin", "byteLength": 4}]), "leans on the file head.bin"),
        (_document(images=[{"uri": "skin.png"}]), "leans on the file skin.png"),
        (container({"asset": {"version": "2.0"}}), "holds no surface"),
        (_document(meshes=[{"primitives": [{"attributes": {}, "mode": 0}]}]), "holds no surface"),
    ],
)
def test_what_is_refused(tmp_path, capsys, content, sentence):
    path = tmp_path / "head.glb"
    path.write_bytes(content)
    _refused(capsys, path, sentence)


def test_a_glb_that_is_not_there(tmp_path, capsys):
    _refused(capsys, tmp_path / "none.glb", "cannot be read (No such file or directory)")


def test_a_page_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "head.glb").write_bytes(GLB)
    target = tmp_path / "none" / "head.html"
    assert main(["view", str(tmp_path / "head.glb"), "-o", str(target)]) == 1
    assert f"{target}: cannot be written" in capsys.readouterr().err


def test_a_page_must_be_called_html(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["view", "head.glb", "-o", "head.glb"])
    assert caught.value.code == 2
    assert "'head.glb' does not end in .html" in capsys.readouterr().err


def test_refusals_are_of_one_kind():
    assert issubclass(InputFileError, Face2MeshError)
    with pytest.raises(InputFileError, match=r"^x: no GLB file"):
        check_glb(b"glTF", "x")


def test_files_inside_a_file_are_fine():
    maker = Maker()
    maker.accessor(np.eye(3))
    inside = "data:application/octet-stream;base64,AAAA"
    check_glb(_document(buffers=[{"uri": inside, "byteLength": 3}], images=[{"uri": "data:image/png;base64,"}]), "x")
