"""The commands of docs/own-sculpts.md, in its order, on a tiny made-up data set."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from own_people import family, packaged
from PIL import Image

import face2mesh
from face2mesh.cli import main
from face2mesh.cli.main import make_parser
from face2mesh.head.alignment import aligned_distances
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.own.shapes import MOST_MODES
from face2mesh.write.obj import write_vertices

PAGE = Path(__file__).parent.parent / "docs" / "own-sculpts.md"
NAMES = ("anna", "bob", "cleo", "dan", "eve")
# What makes a command small enough for a test; the page's own sizes take minutes, or a Blender.
TINY = {
    "render": ["--engine", "raster", "--pictures", "2", "--size", "96"],
    "train": ["--pictures", "12", "--steps", "4"],
    "dataset collect": ["--held-out", "eve"],
}
ELSEWHERE = ("register",)
"""Commands with tests of their own that take long; here only their grammar is checked."""


def commands() -> list[list[str]]:
    """The page's commands, without the program's name."""
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("face2mesh")]


def place_sculpts(folder: Path) -> None:
    """What the user does between `init` and `collect`."""
    skins = family()[: len(NAMES)]
    heads = packaged().followers.place(skins, skins, np.zeros((len(NAMES), 52)))
    for name, head in zip(NAMES, heads, strict=True):
        with open(folder / "sculpts" / f"{name}.obj", "wb") as file:
            write_vertices(head, packaged().base_head.topology, name, file)


def place_photo(folder: Path) -> None:
    """A photo of anna that `reconstruct` can take: one of her renderings, enlarged."""
    shown = sorted((folder / "rendered").glob("anna-*.jpg"))[0]
    with Image.open(shown) as picture:
        picture.resize((288, 288)).save(folder / "photos" / "anna.jpg")


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The page's commands, run; each with its exit code."""
    place = tmp_path_factory.mktemp("tutorial")
    codes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for words in commands():
            name = " ".join(words[:2]) if words[0] == "dataset" else words[0]
            if name in ELSEWHERE:
                make_parser().parse_args(words)
                continue
            if name == "dataset collect":
                place_sculpts(place / "family")
            if name == "reconstruct":
                place_photo(place / "family")
                dataset = Dataset.load(place / "family")
                row = int(np.flatnonzero(dataset.views.photo == "rendered/anna-0000.jpg")[0])
                box = (dataset.views.box[row] * 3).tolist()
                words = [*words, "--box", ",".join(f"{value:.1f}" for value in box)]
            codes.append((name, main([*words, *TINY.get(name, [])])))
    return place, codes


def test_every_command_of_the_page_runs(walked):
    place, codes = walked
    assert [name for name, code in codes if code] == []
    assert [name for name, _ in codes] == [
        "dataset init",
        "dataset collect",
        "render",
        "train",
        "reconstruct",
        "figures",
        "figures",
    ]
    assert {path.name for path in (place / "family" / "figures").iterdir()} == {
        "people.jpg",
        "pooling.png",
        "results.jpg",
    }
    assert (place / "family" / "model-figures" / "modes.png").exists()
    assert list((place / "out").glob("anna*.obj"))


def test_the_model_of_the_page_knows_its_people(walked):
    """Its mean is the family's, drawn a sixth of the way to the packaged mean; codes have as many numbers as modes."""
    place, _ = walked
    model = face2mesh.load(place / "family" / "model")
    base = packaged().base_head
    region = base.regions["face_and_ears"]
    heads = Dataset.load(place / "family").heads.vertices[:4]
    mean = model.decode(np.zeros(model.identity_size))
    near = np.mean([aligned_distances(mean, head, region, True).mean() for head in heads])
    far = np.mean([aligned_distances(base.vertices, head, region, True).mean() for head in heads])
    assert near < far
    assert model.manifest.name == "family"
    assert model.identity_size <= MOST_MODES


def test_a_second_training_goes_on_from_what_is_there(walked, capsys, monkeypatch):
    place, _ = walked
    monkeypatch.chdir(place)
    kept = {path: path.stat().st_mtime_ns for path in (place / "family" / "training").glob("seen-*.npz")}
    assert kept
    assert main(["train", "family", "-o", "family/model", "--pictures", "12", "--steps", "4"]) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    told = capsys.readouterr().out
    assert "4 sculpts give 3 directions of their own" in told
    assert "1 people held out, 2 pictures" in told


def test_figures_of_nothing_are_refused(tmp_path, capsys):
    assert main(["figures", str(tmp_path)]) == 1
    assert "neither a data set" in capsys.readouterr().err


def test_training_on_nothing_is_refused(tmp_path, capsys):
    assert main(["train", str(tmp_path), "-o", str(tmp_path / "model")]) == 1
    assert "face2mesh dataset collect" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", str(tmp_path), "-o", str(tmp_path / "model"), "--from-scratch", "--model", "other"])


def test_a_folder_of_something_else_is_not_replaced(tmp_path, capsys):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    assert main(["train", str(tmp_path / "set"), "-o", str(tmp_path)]) == 1
    assert "is not a packaged model" in capsys.readouterr().err
