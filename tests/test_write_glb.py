"""GLB read back by other people's readers: pygltflib, trimesh, and Khronos's validator."""

import io
import json
import shutil
import subprocess
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from made_up import EYES, made_up_face, made_up_head
from moving_head import HINGE, JAW_DEGREES, MovingDecoder, about_x
from PIL import Image

import face2mesh
from face2mesh.errors import OutputError
from face2mesh.head import PARTS
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.normals import vertex_normals
from face2mesh.write import HeadMesh, write
from face2mesh.write.glb import STEADY, write_glb
from face2mesh.write.gltf.buffer import Buffer
from face2mesh.write.gltf.seams import split_at_seams

trimesh = pytest.importorskip("trimesh", reason="the readers come with the extra [dev]")
pygltflib = pytest.importorskip("pygltflib", reason="the readers come with the extra [dev]")

FACE = replace(
    made_up_face(), decoder=MovingDecoder(), scale=1.1, colours=None
)  # scaled, so that a forgotten scale is seen
COLOURS = np.random.default_rng(5).integers(0, 256, FACE.vertices.shape, np.uint8)
RAMP = np.add.outer(np.arange(64), np.arange(64))
TEXTURE = np.stack([RAMP * 2, 255 - RAMP * 2, np.full_like(RAMP, 90)], -1).astype(np.uint8)
VARIANTS = {
    "plain": HeadMesh.of(FACE),
    "colours": HeadMesh.of(replace(FACE, colours=COLOURS)),
    "texture": HeadMesh.of(replace(FACE, texture=TEXTURE)),
    "rig": HeadMesh.of(FACE, rigged=True),
    "texture and rig": HeadMesh.of(replace(FACE, texture=TEXTURE), rigged=True),
    "subdivided": HeadMesh.of(FACE, subdivide=1, rigged=True),
    "waves": HeadMesh.of(made_up_face()),
}


@lru_cache
def written(variant):
    """The bytes of a variant."""
    file = io.BytesIO()
    write_glb(VARIANTS[variant], file)
    return file.getvalue()


class Item(dict):
    """A JSON object of glTF; what it does not say is None."""

    __getattr__ = dict.get


def read(content):
    """A file's text half; `binary` is the other."""
    length = int(np.frombuffer(content, "<u4", 1, 12)[0])
    gltf = json.loads(content[20 : 20 + length], object_hook=Item)
    gltf["binary"] = content[28 + length :]
    return gltf


def values(gltf, number):
    """An accessor's rows as numbers; whole ones that stand for 0 to 1 as they are."""
    accessor = gltf.accessors[number]
    kind = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}[accessor.componentType]
    columns = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor.type]

    def of_view(view_number, kind, count):
        view = gltf.bufferViews[view_number]
        assert view.byteOffset % 4 == 0
        assert view.byteLength == count * np.dtype(kind).itemsize
        return np.frombuffer(gltf.binary, kind, count, view.byteOffset)

    if accessor.bufferView is None:
        rows = np.zeros((accessor.count, columns), kind)
    else:
        rows = of_view(accessor.bufferView, kind, accessor.count * columns).reshape(-1, columns).copy()
    if accessor.sparse is not None:
        index_kind = {5123: np.uint16, 5125: np.uint32}[accessor.sparse.indices.componentType]
        index = of_view(accessor.sparse.indices.bufferView, index_kind, accessor.sparse.count)
        assert (np.diff(index.astype(int)) > 0).all()
        rows[index] = of_view(accessor.sparse["values"].bufferView, kind, len(index) * columns).reshape(-1, columns)
    if accessor.min:
        np.testing.assert_array_equal(np.float32(accessor.min), rows.min(0))
        np.testing.assert_array_equal(np.float32(accessor.max), rows.max(0))
    return rows


def attribute(gltf, primitive, name):
    return values(gltf, getattr(primitive.attributes, name))


def parts_of(gltf, mesh):
    """Each primitive with the split of its part."""
    assert len(gltf.meshes) == 1
    for primitive in gltf.meshes[0].primitives:
        part = gltf.materials[primitive.material].name
        yield part, primitive, split_at_seams(mesh.topology, part)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_base_is_the_neutral_person_in_metres_and_in_order(variant):
    mesh, gltf = VARIANTS[variant], read(written(variant))
    found = []
    for part, primitive, split in parts_of(gltf, mesh):
        found.append(part)
        first, last = mesh.topology.part_vertices[part]
        start, end = mesh.topology.part_quads[part]
        places = attribute(gltf, primitive, "POSITION") * 1000
        np.testing.assert_allclose(places[: last - first], mesh.neutral[first:last], atol=1e-4)
        corners = values(gltf, primitive.indices).reshape(-1, 3)
        wanted = mesh.neutral[mesh.topology.triangles[2 * start : 2 * end]]
        np.testing.assert_allclose(places[corners], wanted, atol=1e-4)
        uv = attribute(gltf, primitive, "TEXCOORD_0")
        np.testing.assert_allclose(uv, mesh.topology.uv[split.uv] * [1, -1] + [0, 1], atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(attribute(gltf, primitive, "NORMAL"), axis=1), 1, atol=1e-5)
    assert found == list(PARTS)


@pytest.mark.parametrize("variant", ["plain", "rig", "waves"])
def test_targets_are_the_decoders_differences(variant):
    mesh, gltf = VARIANTS[variant], read(written(variant))
    assert gltf.meshes[0].extras["targetNames"] == list(ARKIT_NAMES)
    decoder, face = mesh.face.decoder, mesh.face
    neutral = decoder.decode(face.identity, np.zeros(52)) * face.scale
    moved = decoder.decode(face.identity, np.eye(52)) * face.scale
    triangles = mesh.topology.triangles
    turns = [vertex_normals(head, triangles) - vertex_normals(neutral, triangles) for head in moved]
    for _, primitive, split in parts_of(gltf, mesh):
        assert len(primitive.targets) == 52
        for row, target in enumerate(primitive.targets):
            shift = values(gltf, target["POSITION"]) * 1000
            np.testing.assert_allclose(shift, (moved[row] - neutral)[split.vertices], atol=1e-4)
            turn = values(gltf, target["NORMAL"])
            np.testing.assert_allclose(turn, turns[row][split.vertices], atol=STEADY + 1e-6)


def test_default_weights_are_the_photos_expression():
    gltf = read(written("plain"))
    np.testing.assert_allclose(gltf.meshes[0].weights, FACE.weights, atol=1e-6)
    neutral = io.BytesIO()
    write_glb(HeadMesh.of(FACE.neutral()), neutral)
    assert not any(read(neutral.getvalue()).meshes[0].weights)


def test_weighted_targets_make_the_expressed_head():
    """Where the decoder is linear, as here, exactly."""
    mesh, gltf = VARIANTS["plain"], read(written("plain"))
    for _, primitive, split in parts_of(gltf, mesh):
        places = attribute(gltf, primitive, "POSITION").astype(np.float64)
        for weight, target in zip(gltf.meshes[0].weights, primitive.targets, strict=True):
            places += weight * values(gltf, target["POSITION"])
        np.testing.assert_allclose(places * 1000, mesh.vertices[split.vertices], atol=1e-4)


@pytest.mark.parametrize("part", PARTS)
def test_every_seam_vertex_has_its_texture_point(part):
    head = made_up_head().topology
    split = split_at_seams(head, part)
    first, last = head.part_vertices[part]
    np.testing.assert_array_equal(split.vertices[: last - first], np.arange(first, last))
    start, end = head.part_quads[part]
    np.testing.assert_array_equal(split.vertices[split.triangles], head.triangles[2 * start : 2 * end])
    pairs = set(zip(head.quads[start:end].ravel().tolist(), head.uv_quads[start:end].ravel().tolist(), strict=True))
    corners = split.vertices[split.triangles].ravel(), split.uv[split.triangles].ravel()
    assert set(zip(*(row.tolist() for row in corners), strict=True)) == pairs


def test_colours_of_vertices_are_linear_and_lashes_thin_out():
    mesh, gltf = VARIANTS["colours"], read(written("colours"))
    for part, primitive, split in parts_of(gltf, mesh):
        colours = attribute(gltf, primitive, "COLOR_0")
        # sRGB's middle grey is 0.2140 in linear light.
        srgb = COLOURS[split.vertices] / 255
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        np.testing.assert_allclose(colours[:, :3], linear, atol=1e-5)
        assert colours.shape[1] == (4 if part == "lashes" else 3)
        material = gltf.materials[primitive.material]
        assert material.doubleSided is (True if part == "lashes" else None)
        assert (material.alphaMode == "BLEND") == (part == "lashes")
    assert gltf.images is None


def test_texture_is_in_the_file():
    mesh, gltf = VARIANTS["texture"], read(written("texture"))
    (image,) = gltf.images
    assert (image.mimeType, image.uri) == ("image/jpeg", None)
    view = gltf.bufferViews[image.bufferView]
    with Image.open(io.BytesIO(gltf.binary[view.byteOffset : view.byteOffset + view.byteLength])) as picture:
        np.testing.assert_allclose(np.array(picture).astype(int), TEXTURE, atol=6)
    for part, primitive, _ in parts_of(gltf, mesh):
        material = gltf.materials[primitive.material].pbrMetallicRoughness
        assert gltf.textures[material.baseColorTexture.index].source == 0
        colours = primitive.attributes.COLOR_0
        assert (colours is not None) == (part == "lashes")
        if part == "lashes":
            assert (values(gltf, colours)[:, :3] == 1).all()


def test_pose_and_camera_of_the_photo():
    told = read(written("plain")).scenes[0].extras["face2mesh"]
    np.testing.assert_array_equal(told["pose"]["rotation"], FACE.pose.rotation)
    assert told["camera"]["fx"] == FACE.camera.fx


def skinned(gltf, turns):
    """Places of the skin's and teeth's vertices, metres, with joints turned (name to (3, 3)), by linear blending."""
    (skin,) = gltf.skins
    inverse = values(gltf, skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
    worlds = {}

    def place(number, above):
        node = gltf.nodes[number]
        local = np.eye(4)
        local[:3, 3] = node.translation
        local[:3, :3] = turns.get(node.name, np.eye(3))
        worlds[number] = above @ local
        for child in node.children or ():
            place(child, worlds[number])

    place(skin.skeleton, np.eye(4))
    matrices = np.stack([worlds[joint] for joint in skin.joints]) @ inverse
    moved = {}
    for primitive in gltf.meshes[0].primitives:
        places = attribute(gltf, primitive, "POSITION").astype(np.float64)
        joints, weights = attribute(gltf, primitive, "JOINTS_0"), attribute(gltf, primitive, "WEIGHTS_0")
        assert (weights.astype(int).sum(1) == 65535).all()
        assert (joints[weights == 0] == 0).all()
        blended = np.einsum("nj,njab->nab", weights / 65535, matrices[joints])
        homogeneous = np.column_stack([places, np.ones(len(places))])
        name = gltf.materials[primitive.material].name
        moved[name] = np.einsum("nab,nb->na", blended, homogeneous)[:, :3]
    return moved


@pytest.mark.parametrize("variant", ["rig", "subdivided"])
def test_bones_at_rest_change_nothing(variant):
    mesh, gltf = VARIANTS[variant], read(written(variant))
    moved = skinned(gltf, {})
    for part, _, split in parts_of(gltf, mesh):
        np.testing.assert_allclose(moved[part] * 1000, mesh.neutral[split.vertices], atol=1e-3)


def test_the_jaw_bone_opens_the_mouth_as_the_morph_does():
    mesh, gltf = VARIANTS["rig"], read(written("rig"))
    jaw = next(node for node in gltf.nodes if node.name == "jaw")
    degrees = jaw.extras["jawOpen_degrees_about_x"]
    assert degrees == pytest.approx(JAW_DEGREES, abs=0.01)
    moved = skinned(gltf, {"jaw": about_x(degrees)})
    opened = mesh.neutral + mesh.morphs["jawOpen"]
    for part, _, split in parts_of(gltf, mesh):
        off = np.linalg.norm(moved[part] * 1000 - opened[split.vertices], axis=1)
        assert off.max() < (0.01 if "teeth" in part or "eye" in part else 0.4)


def test_the_jaws_hinge_is_found():
    rig = VARIANTS["rig"].rig
    jaw, left = rig.joints[1], rig.joints[2]
    np.testing.assert_allclose(jaw.place, HINGE * FACE.scale, atol=0.01)
    np.testing.assert_allclose(left.place, EYES[0] * FACE.scale, atol=0.01)
    np.testing.assert_allclose(rig.weights.sum(1), 1, atol=1e-6)


def test_bones_are_symmetric():
    rig, mirror = VARIANTS["rig"].rig, made_up_head().mirror
    np.testing.assert_allclose(rig.weights[mirror][:, [0, 1, 3, 2]], rig.weights, atol=1e-4)
    np.testing.assert_allclose(rig.joints[2].place * [-1, 1, 1], rig.joints[3].place, atol=1e-3)


def test_an_eye_bone_turns_its_eyeball_about_its_centre():
    gltf = read(written("rig"))
    centre = EYES[0] * FACE.scale
    before, after = skinned(gltf, {}), skinned(gltf, {"left_eye_bone": about_x(15.0)})
    np.testing.assert_array_equal(after["right_eye"], before["right_eye"])
    np.testing.assert_array_equal(after["skin"], before["skin"])
    radii = [np.linalg.norm(moved["left_eye"] * 1000 - centre, axis=1) for moved in (before, after)]
    np.testing.assert_allclose(radii[1], radii[0], atol=0.01)
    assert np.abs(after["left_eye"] - before["left_eye"]).max() > 0.002


def test_bones_need_a_jaw_that_turns(tmp_path):
    path = tmp_path / "head.glb"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="jawOpen does not turn the lower teeth"):
        write(HeadMesh.of(made_up_face(), rigged=True), path)
    assert path.read_bytes() == b"old"


def test_bones_need_eyes_that_turn():
    class Staring(MovingDecoder):
        def decode(self, identity, expression):
            weights = np.array(expression)
            weights[..., [name.startswith("eyeLook") for name in ARKIT_NAMES]] = 0
            return super().decode(identity, weights)

    with pytest.raises(OutputError, match="do not turn the left_eye"):
        _ = HeadMesh.of(replace(FACE, decoder=Staring()), rigged=True).rig


@pytest.mark.parametrize(("share", "sparse"), [(0.0, True), (0.3, True), (0.99, False), (1.0, False)])
def test_the_smaller_way_of_writing_displacements(share, sparse):
    generator = np.random.default_rng(1)
    displacements = generator.normal(size=(500, 3)).astype(np.float32)
    moves = np.arange(500) < share * 500
    buffer = Buffer()
    buffer.add_displacements(displacements, moves, bounds=True)
    assert ("sparse" in buffer.accessors[0]) == sparse
    file = io.BytesIO()
    buffer.write_container({"asset": {"version": "2.0"}}, file)
    found = values(read(file.getvalue()), 0)
    np.testing.assert_array_equal(found, np.where(moves[:, None], displacements, 0))


def test_layout_is_the_specifications():
    content = written("rig")
    magic, version, length, json_length, kind = np.frombuffer(content, "<u4", 5)
    assert (magic, version, length, kind) == (0x46546C67, 2, len(content), 0x4E4F534A)
    assert json_length % 4 == 0
    binary_length, kind = np.frombuffer(content, "<u4", 2, 20 + json_length)
    assert kind == 0x004E4942
    assert 28 + json_length + binary_length == length
    text = json.loads(content[20 : 20 + json_length])
    assert text["buffers"][0]["byteLength"] <= binary_length
    for view in text["bufferViews"]:
        assert view["byteOffset"] + view["byteLength"] <= text["buffers"][0]["byteLength"]
    assert "Face2Mesh" in text["asset"]["generator"]
    assert "MakeHuman (CC0 1.0)" in text["asset"]["extras"]["licence"]


def test_trimesh_reads_the_neutral_head_in_metres(tmp_path):
    (tmp_path / "head.glb").write_bytes(written("texture"))
    scene = trimesh.load(tmp_path / "head.glb", process=False)
    assert len(scene.geometry) == len(PARTS)
    neutral = VARIANTS["texture"].neutral
    np.testing.assert_allclose(scene.bounds * 1000, [neutral.min(0), neutral.max(0)], atol=1e-3)
    by_name = {geometry.visual.material.name: geometry for geometry in scene.geometry.values()}
    for part, (first, last) in VARIANTS["texture"].topology.part_vertices.items():
        np.testing.assert_allclose(by_name[part].vertices[: last - first] * 1000, neutral[first:last], atol=1e-4)


def test_a_whole_head_with_its_texture_is_below_eight_megabytes():
    """The packaged model, bones, and the worst of textures: noise."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    face = replace(face2mesh.load().sample(1), texture=noise)
    file = io.BytesIO()
    write_glb(HeadMesh.of(face, rigged=True), file)
    assert file.tell() < 8_000_000
    assert any(accessor.sparse for accessor in read(file.getvalue()).accessors)


def test_pygltflib_reads_the_same():
    theirs, ours = pygltflib.GLTF2.load_from_bytes(written("rig")), read(written("rig"))
    assert theirs.binary_blob() == ours.binary
    assert theirs.meshes[0].extras == ours.meshes[0].extras
    for mine, accessor in zip(ours.accessors, theirs.accessors, strict=True):
        assert (mine.count, mine.type, mine.bufferView) == (accessor.count, accessor.type, accessor.bufferView)
    assert [node.name for node in theirs.nodes] == ["head", "neck", "jaw", "left_eye_bone", "right_eye_bone"]


def node_with(package):
    """Node.js, where it finds a package of npm's; `npm install` the package and name its folder in NODE_PATH."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    if subprocess.run([node, "-e", f"require.resolve('{package}')"], capture_output=True).returncode:
        pytest.skip(f"npm's package {package} is not installed, or NODE_PATH does not name its folder")
    return node


def answer(node, script, *arguments, given):
    """What a script prints, as JSON."""
    done = subprocess.run([node, "-e", script, *arguments], input=given, capture_output=True, check=True)
    return json.loads(done.stdout)


# Moves the head as a web page would, and prints where each primitive's vertices are then.
THREE = """
    const { pathToFileURL } = require('url'), job = JSON.parse(process.argv[1]), chunks = [];
    process.stdin.on('data', chunk => chunks.push(chunk)).on('end', async () => {
        const file = Buffer.concat(chunks), path = require.resolve('three/examples/jsm/loaders/GLTFLoader.js');
        const { GLTFLoader } = await import(pathToFileURL(path));
        const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
        const { scene } = await new GLTFLoader().parseAsync(bytes, ''), places = {}, shown = {};
        for (const [name, turn] of Object.entries(job.turns)) scene.getObjectByName(name).rotation.x = turn;
        scene.updateMatrixWorld(true);
        scene.traverse(mesh => {
            if (!mesh.isMesh) return;
            shown[mesh.material.name] = [...mesh.morphTargetInfluences];
            for (const [name, weight] of Object.entries(job.weights))
                mesh.morphTargetInfluences[mesh.morphTargetDictionary[name]] = weight;
            const rows = [], place = mesh.position.clone();
            for (let i = 0; i < mesh.geometry.attributes.position.count; i++)
                rows.push(mesh.getVertexPosition(i, place).toArray());
            places[mesh.material.name] = rows;
        });
        console.log(JSON.stringify({ places, shown }));
    });
"""


@pytest.mark.parametrize(
    ("weights", "turns"),
    [({"jawOpen": 0.0}, {}), ({"jawOpen": 0.3, "mouthSmileLeft": 0.9}, {}), ({"jawOpen": 0.0}, {"jaw": 0.25})],
)
def test_three_js_moves_the_head_as_we_do(weights, turns):
    """The library that most web pages use: targets by their names, bones, default weights."""
    mesh, gltf = VARIANTS["rig"], read(written("rig"))
    job = json.dumps({"weights": weights, "turns": turns})
    told = answer(node_with("three"), THREE, job, given=written("rig"))
    wanted = mesh.neutral + sum(np.float32(weight) * mesh.morphs[name] for name, weight in weights.items())
    bones = skinned(gltf, {name: about_x(np.degrees(turn)) for name, turn in turns.items()})
    for part, _, split in parts_of(gltf, mesh):
        places = np.array(told["places"][part]) * 1000
        expected = bones[part] * 1000 if turns else wanted[split.vertices]
        np.testing.assert_allclose(places, expected, atol=1e-3 if turns else 1e-4)
        np.testing.assert_allclose(told["shown"][part], FACE.weights, atol=1e-6)


# Khronos's validator on the bytes that come in.
VALIDATOR = """
    const chunks = [], validator = require('gltf-validator');
    process.stdin.on('data', chunk => chunks.push(chunk)).on('end', () =>
        validator.validateBytes(new Uint8Array(Buffer.concat(chunks))).then(r => console.log(JSON.stringify(r))));
"""


@pytest.mark.parametrize("variant", VARIANTS)
def test_khronos_validator_finds_nothing(variant):
    found = answer(node_with("gltf-validator"), VALIDATOR, given=written(variant))
    issues = found["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"][:5]
    # What is left is told only for information: texture coordinates that no texture uses yet.
    assert {message["code"] for message in issues["messages"]} <= {"UNUSED_OBJECT"}
    assert found["info"]["hasMorphTargets"]
    assert found["info"]["hasSkins"] == (variant in ("rig", "texture and rig", "subdivided"))


def test_khronos_validator_passes_the_packaged_models_head():
    node = node_with("gltf-validator")
    face = face2mesh.load().sample(3)
    file = io.BytesIO()
    write_glb(HeadMesh.of(replace(face, texture=TEXTURE), rigged=True), file)
    assert answer(node, VALIDATOR, given=file.getvalue())["issues"]["messages"] == []
