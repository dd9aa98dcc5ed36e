"""The page in a real browser, without a window and without a network."""

import io
import itertools

import browser
import numpy as np
import pytest
from foreign_glb import Maker, foreign_glb
from made_up import made_up_face
from PIL import Image

from face2mesh.head import ARKIT_NAMES
from face2mesh.head.normals import vertex_normals
from face2mesh.view import page_of
from face2mesh.write import HeadMesh, write

pytest.importorskip("playwright.sync_api", reason="Playwright comes with the extra [dev]")
if not browser.chromium():
    pytest.skip("no Chromium or Chrome on this machine", allow_module_level=True)

FACE = made_up_face(4).with_expression({"jawOpen": 0.5, "mouthSmileLeft": 0.25})
MESH = HeadMesh.of(FACE)
SIZE = (800, 300)


@pytest.fixture(scope="module")
def chrome():
    with browser.browser() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def head(chrome, folder):
    write(MESH, folder / "head & shoulders.html")
    with browser.opened(chrome, folder / "head & shoulders.html", SIZE) as tab:
        yield tab


@pytest.fixture
def tab(head):
    """The head, as it comes."""
    head.evaluate("weights => face2mesh.set(weights)", dict.fromkeys(ARKIT_NAMES, 0) | FACE.expression)
    press(head, "View", "Front")
    assert head.complaints == []
    yield head
    assert head.complaints == []


def press(tab, group, text):
    tab.get_by_role("region", name=group).get_by_role("button", name=text, exact=True).click()


def canvas(tab):
    return np.asarray(Image.open(io.BytesIO(tab.locator("canvas").screenshot())).convert("RGB")).astype(int)


def weights(tab):
    return tab.evaluate("face2mesh.weights")


def positions(tab):
    """(n, 3) of each part, mm."""
    return [np.reshape(part, (-1, 3)) * 1000 for part in tab.evaluate("face2mesh.positions()")]


def check_positions(tab, wanted):
    """Each part starts with its vertices in the head's order."""
    parts = positions(tab)
    assert len(parts) == len(MESH.topology.part_vertices)
    for part, (first, last) in zip(parts, MESH.topology.part_vertices.values(), strict=True):
        np.testing.assert_allclose(part[: last - first], wanted[first:last], atol=1e-4)


def blend(expression):
    return MESH.neutral + sum(weight * MESH.morphs[name] for name, weight in expression.items())


def test_it_draws_a_head(tab):
    picture = canvas(tab)
    background = picture[3, 3]
    drawn = np.abs(picture - background).max(2) > 12
    assert 0.1 < drawn.mean() < 0.9
    assert len(np.unique(picture[drawn], axis=0)) > 200
    rows, columns = np.nonzero(drawn)
    assert rows.min() > 0
    assert columns.min() > 0
    assert tab.title() == "head & shoulders"
    assert tab.locator("#facts").text_content() == (
        f"{sum(map(len, positions(tab))):,} vertices · {len(MESH.topology.quads):,} quads · 52 shapes"
    )


def test_it_opens_with_the_files_own_expression(tab):
    assert weights(tab) == pytest.approx(FACE.expression)
    check_positions(tab, blend(FACE.expression))


def test_every_shape_has_a_slider_in_a_group(tab):
    groups = tab.evaluate(
        "() => [...document.querySelectorAll('details')].map(group => [group.querySelector('summary').firstChild.data,"
        " ...[...group.querySelectorAll('label span')].map(span => span.textContent)])"
    )
    assert [group[0] for group in groups] == ["Eyes", "Jaw", "Mouth", "Brows", "Cheeks", "Nose", "Tongue"]
    assert sorted(name for group in groups for name in group[1:]) == sorted(ARKIT_NAMES)


def test_a_slider_moves_by_keys_and_the_head_with_it(tab):
    before = canvas(tab)
    slider = tab.get_by_role("slider", name="jawForward")
    slider.focus()
    slider.press("End")
    assert weights(tab)["jawForward"] == 1
    check_positions(tab, blend(FACE.expression | {"jawForward": 1}))
    assert np.abs(canvas(tab) - before).max() > 20
    slider.press("ArrowLeft")
    assert weights(tab)["jawForward"] == 0.99
    slider.press("Home")
    check_positions(tab, blend(FACE.expression))
    assert np.abs(canvas(tab) - before).max() <= 2


def test_both_sides_move_together_when_asked(tab):
    press(tab, "Expression", "Neutral")
    tab.get_by_text("Move both sides").click()
    tab.locator("summary", has_text="Cheeks").click()
    tab.get_by_role("slider", name="cheekSquintLeft").press("End")
    tab.get_by_role("slider", name="jawLeft").press("End")
    tab.get_by_text("Move both sides").click()
    assert {name for name, weight in weights(tab).items() if weight} == {
        "cheekSquintLeft",
        "cheekSquintRight",
        "jawLeft",
    }


def test_faces(tab):
    press(tab, "Expression", "Smile")
    smile = weights(tab)
    assert smile["mouthSmileLeft"] == smile["mouthSmileRight"] > 0.5
    assert smile["jawOpen"] == 0
    check_positions(tab, blend(smile))
    press(tab, "Expression", "Surprise")
    surprise = weights(tab)
    assert min(surprise[name] for name in ("browInnerUp", "browOuterUpLeft", "eyeWideRight", "jawOpen")) > 0.3
    assert surprise["mouthSmileLeft"] == 0
    press(tab, "Expression", "Neutral")
    assert not any(weights(tab).values())
    check_positions(tab, MESH.neutral)
    press(tab, "Expression", "Photo")
    assert weights(tab) == pytest.approx(FACE.expression)
    press(tab, "Shapes", "Reset")
    assert not any(weights(tab).values())


def test_speech_moves_and_ends_where_it_began(tab):
    before = weights(tab)
    press(tab, "Expression", "Speech")
    seen = []
    for _ in range(4):
        now = weights(tab)
        tab.wait_for_function("now => now !== JSON.stringify(face2mesh.weights)", arg=_as_json(tab))
        seen.append(now)
    assert all(0 <= weight <= 1 for now in seen for weight in now.values())
    assert tab.get_by_role("button", name="Speech").get_attribute("aria-pressed") == "true"
    press(tab, "Expression", "Speech")
    assert tab.get_by_role("button", name="Speech").get_attribute("aria-pressed") == "false"
    assert weights(tab) == before


def _as_json(tab):
    return tab.evaluate("JSON.stringify(face2mesh.weights)")


def test_normals_follow_the_shape(tab):
    expression = {"jawOpen": 0.8, "mouthSmileLeft": 1.0}
    tab.evaluate("weights => face2mesh.set(weights)", dict.fromkeys(ARKIT_NAMES, 0) | expression)
    wanted = vertex_normals(blend(expression).astype(np.float32), MESH.topology.triangles)
    first, last = MESH.topology.part_vertices["skin"]
    shown = np.reshape(tab.evaluate("face2mesh.normals()")[0], (-1, 3))[: last - first]
    shown /= np.linalg.norm(shown, axis=1, keepdims=True)
    degrees = np.degrees(np.arccos(np.clip((shown * wanted[first:last]).sum(1), -1, 1)))
    assert degrees.max() < 1


def test_pointer_wheel_and_keys_turn_and_zoom(tab):
    def view():
        return tab.evaluate("face2mesh.view")

    box = tab.locator("canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    start = view()
    assert (start["around"], start["above"], start["zoom"]) == (0, 0, 1)
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 60, y + 30)
    tab.mouse.up()
    assert view()["around"] == pytest.approx(-0.45)  # the face follows the pointer: the eye goes the other way
    assert view()["above"] == pytest.approx(0.225)
    tab.mouse.wheel(0, -100)
    tab.wait_for_function("face2mesh.view.zoom < 1")
    tab.keyboard.down("Shift")
    tab.mouse.down()
    tab.mouse.move(x, y)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    assert view()["target"] != start["target"]
    tab.locator("canvas").focus()
    tab.keyboard.press("Home")
    assert view() == start
    for key in ("ArrowRight", "ArrowDown", "+"):
        tab.keyboard.press(key)
    assert view()["around"] > 0 > view()["above"]
    assert view()["zoom"] < 1
    press(tab, "View", "Side")
    assert view()["around"] == pytest.approx(np.pi / 2)


def test_as_in_the_photo(tab):
    """The head's axes as the photo's camera sees them, were it turned towards the head."""
    press(tab, "View", "Photo")
    shown = np.array(tab.evaluate("face2mesh.view.pose"))
    np.testing.assert_allclose(shown @ shown.T, np.eye(3), atol=1e-9)
    flip = np.diag([1.0, -1, -1])
    ray = FACE.pose.translation_mm / np.linalg.norm(FACE.pose.translation_mm)
    towards_eye = (flip @ FACE.pose.rotation).T @ flip @ -ray
    np.testing.assert_allclose(shown @ towards_eye, [0, 0, 1], atol=1e-6)
    # In the middle of the picture nothing but the camera's axes changes.
    np.testing.assert_allclose(shown, flip @ FACE.pose.rotation, atol=0.2)
    press(tab, "View", "Front")
    assert tab.evaluate("face2mesh.view.pose") is None


def test_looks(tab):
    pictures = [canvas(tab)]
    for text in ("Wireframe", "Texture", "Dark"):
        press(tab, "Look", text)
        pictures.append(canvas(tab))
    for text in ("Wireframe", "Texture", "Dark"):
        press(tab, "Look", text)
    for one, other in itertools.pairwise(pictures):
        assert (np.abs(one - other).max(2) > 12).mean() > 0.02
    assert pictures[0][3, 3].min() > 200
    assert pictures[3][3, 3].max() < 60
    clay = pictures[2][120:180, 180:240].reshape(-1, 3)
    assert np.abs(clay.max(1) - clay.min(1)).mean() < 25
    assert np.abs(canvas(tab) - pictures[0]).max() <= 2


def test_the_picture_that_is_saved_is_a_png(tab):
    with tab.expect_download() as started:
        tab.get_by_role("button", name="Save picture").click()
    assert started.value.suggested_filename == "head & shoulders.png"
    with Image.open(started.value.path()) as picture:
        assert picture.format == "PNG"
        assert max(picture.size) == 2048
        small = np.asarray(picture.convert("RGB").resize(canvas(tab).shape[1::-1], Image.Resampling.BOX)).astype(int)
    assert np.abs(small - canvas(tab)).mean() < 3


def test_a_phone(chrome, folder, head):
    page = folder / "head & shoulders.html"
    with browser.opened(chrome, page, (360, 640), has_touch=True, is_mobile=True) as tab:
        boxes = {name: tab.locator(name).bounding_box() for name in ("canvas", "aside")}
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
        assert boxes["canvas"]["width"] == boxes["aside"]["width"] == 360
        assert boxes["canvas"]["y"] + boxes["canvas"]["height"] <= boxes["aside"]["y"]
        assert boxes["aside"]["y"] + boxes["aside"]["height"] <= 640
        session = tab.context.new_cdp_session(tab)

        def touch(kind, *points):
            fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

        touch("touchStart", (100, 100))
        touch("touchMove", (160, 100))
        touch("touchEnd")
        assert tab.evaluate("face2mesh.view.around") == pytest.approx(
            -0.45, abs=0.12
        )  # a browser may eat the first pixels
        touch("touchStart", (140, 150), (220, 150))
        touch("touchMove", (100, 150), (260, 150))
        touch("touchEnd")
        assert tab.evaluate("face2mesh.view.zoom") == pytest.approx(0.5, rel=0.05)
        assert tab.complaints == []


def test_a_foreign_glb(chrome, folder):
    glb, wanted = foreign_glb()
    (folder / "foreign.html").write_bytes(page_of(glb))
    with browser.opened(chrome, folder / "foreign.html", SIZE) as tab:
        assert weights(tab) == {"tilt": 0.25, "corner": 1}
        for part, places in zip(positions(tab), wanted, strict=True):
            np.testing.assert_allclose(part, places * 1000, atol=1e-3)
        tab.evaluate("face2mesh.set({tilt: 1, corner: 0})")
        sheet, ribbon, _ = tab.evaluate("face2mesh.normals()")
        tilted = np.array([1.0, 0, 1]) / np.sqrt(2)  # (-1, 0, 1) in the sheet's own frame, a quarter turn about y
        np.testing.assert_allclose(np.reshape(sheet, (-1, 3)), np.tile(tilted, (9, 1)), atol=1e-6)
        assert ribbon is None
        assert tab.locator("#facts").text_content() == "18 vertices · 13 triangles · 2 shapes"
        assert tab.get_by_role("region", name="Expression").get_by_role("button").count() == 2
        assert tab.get_by_role("region", name="View").get_by_role("button").count() == 3
        press(tab, "Look", "Wireframe")
        assert canvas(tab).std() > 5
        assert tab.complaints == []


def test_colours_are_the_files(chrome, folder):
    """A sheet without light: the picture's left half is red, its right half is cut out."""
    maker = Maker()
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    picture = io.BytesIO()
    Image.fromarray(np.uint8([[[255, 128, 0, 255], [0, 0, 255, 0]]])).save(picture, "PNG")
    primitive = {
        "attributes": {
            "POSITION": maker.accessor(corners),
            "TEXCOORD_0": maker.accessor(corners[:, :2]),
            "COLOR_0": maker.accessor(np.full((4, 4), 65535), "u2", normalized=True),
        },
        "indices": maker.accessor([0, 1, 2, 0, 2, 3], "u4"),
        "material": 0,
    }
    image = maker.view(picture.getvalue())
    surface = {"baseColorTexture": {"index": 0}, "baseColorFactor": [0.5, 1, 1, 1]}
    glb = maker.document(
        extensionsUsed=["KHR_materials_unlit"],
        extensionsRequired=["KHR_materials_unlit"],
        nodes=[{"mesh": 0}],
        meshes=[{"primitives": [primitive]}],
        materials=[{"pbrMetallicRoughness": surface, "alphaMode": "MASK", "extensions": {"KHR_materials_unlit": {}}}],
        textures=[{"source": 0, "sampler": 0}],
        samplers=[{"magFilter": 9728, "minFilter": 9728}],
        images=[{"bufferView": image, "mimeType": "image/png"}],
    )
    (folder / "unlit.html").write_bytes(page_of(glb))
    with browser.opened(chrome, folder / "unlit.html", SIZE) as tab:
        tab.wait_for_timeout(300)  # the picture is decoded beside
        shown = canvas(tab)
        middle, centre = shown.shape[0] // 2, shown.shape[1] // 2
        # Half of red's light is 188 of 255 in sRGB.
        np.testing.assert_allclose(shown[middle, centre - 40], [188, 128, 0], atol=2)
        np.testing.assert_array_equal(shown[middle, centre + 40], shown[3, 3])
        assert not tab.locator("#faces *").count()
        assert not tab.locator("#shapes *").count()
        assert tab.complaints == []


def _damaged(change):
    maker = Maker()
    primitive = {"attributes": {"POSITION": maker.accessor(np.eye(3))}, "indices": maker.accessor([0, 1, 2], "u4")}
    document = {"nodes": [{"mesh": 0}], "meshes": [{"primitives": [primitive]}]}
    change(maker, primitive, document)
    return maker.document(**document)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda maker, primitive, _: primitive.update(indices=maker.accessor([0, 1, 3], "u4")), "This GLB is damaged"),
        (lambda maker, primitive, _: maker.accessors[0].update(count=4), "This GLB is damaged"),
        (lambda maker, primitive, document: document.update(nodes=[{}]), "This GLB holds no surface to show"),
        (lambda maker, primitive, _: primitive["attributes"].update(POSITION=9), "This GLB cannot be shown"),
    ],
)
def test_a_damaged_glb_is_told_in_the_page(chrome, folder, change, sentence):
    (folder / "damaged.html").write_bytes(page_of(_damaged(change)))
    with browser.opened(chrome, folder / "damaged.html", SIZE) as tab:
        notice = tab.locator("#notice")
        assert notice.is_visible()
        assert notice.text_content().startswith(sentence)
        assert notice.text_content().count(".") == 1 or "2.0." in notice.text_content()


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("HTMLCanvasElement.prototype.getContext = () => null", "This browser has no WebGL 2"),
        ("delete window.DecompressionStream", "This browser is too old"),
    ],
)
def test_an_old_browser_is_told(chrome, folder, head, before, sentence):
    with browser.opened(chrome, folder / "head & shoulders.html", SIZE, before=before) as tab:
        assert tab.locator("#notice").text_content().startswith(sentence)
        assert tab.complaints == []
