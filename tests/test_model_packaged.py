"""The model that comes with Face2Mesh, by the base installation alone (no torch, no onnx)."""

from pathlib import Path

import numpy as np
import pytest

import face2mesh
from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED

ASTRONAUT = Path(face2mesh.__file__).parent / "cli" / "astronaut.jpg"
MOST_BYTES = 24 * 2**20

pytestmark = pytest.mark.skipif(
    not (PACKAGED / MANIFEST_FILE).exists(), reason="no model is packaged yet; `face2mesh lab package` makes one"
)


@pytest.fixture(scope="module")
def model():
    return face2mesh.load()


def test_size():
    assert sum(path.stat().st_size for path in PACKAGED.iterdir()) <= MOST_BYTES


def test_manifest_tells_how_it_was_made(model):
    assert model.manifest.licence == "MIT"
    assert {"command", "inputs", "versions", "encoder", "decoders"} <= set(model.manifest.provenance)
    assert max(model.manifest.provenance["export_differences"].values()) <= 1e-3


def test_the_mean_person_is_the_base_head(model):
    skin = model.base_head.skin_count
    mean = model.decode(np.zeros(model.identity_size))
    assert np.linalg.norm(mean - model.base_head.vertices, axis=1)[:skin].mean() < 0.5


def test_the_astronaut_looks_at_us(model):
    face = model.reconstruct(ASTRONAUT)
    box = face.face_box
    inside = (face.landmarks_px > (box.x - box.w / 2, box.y - box.h / 2)) & (
        face.landmarks_px < (box.x + 1.5 * box.w, box.y + 1.5 * box.h)
    )
    assert inside.all()
    # The subject's right is on the left of the picture; brows are above the mouth.
    assert face.landmarks_px[36, 0] < face.landmarks_px[45, 0]
    assert face.landmarks_px[21, 1] < face.landmarks_px[30, 1] < face.landmarks_px[57, 1]
    looks = face.pose.rotation @ [0, 0, 1]
    assert looks[2] < -0.7
    assert 45 < np.linalg.norm(face.landmarks[36] - face.landmarks[45]) < 130


def test_a_mirrored_photo_gives_nearly_the_mirrored_person(model):
    from face2mesh.head.arkit import mirror_names
    from face2mesh.photo import read_photo

    rgb = read_photo(ASTRONAUT).rgb
    face, mirrored = model.reconstruct(rgb), model.reconstruct(rgb[:, ::-1].copy())
    np.testing.assert_allclose(
        mirrored.pose.translation_mm / mirrored.pose.translation_mm[2],
        face.pose.translation_mm / face.pose.translation_mm[2] * [-1, 1, 1],
        atol=0.02,
    )
    difference = np.abs(mirrored.weights[list(mirror_names())] - face.weights)
    assert difference.mean() < 0.1


def test_people_differ(model):
    one, other = (model.sample(seed, expression=False).vertices for seed in (1, 2))
    face = model.base_head.regions["face"]
    assert 1 < np.linalg.norm(one - other, axis=1)[face].mean() < 30
