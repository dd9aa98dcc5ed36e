"""The page of tables: numbers as a reader wants them, and the committed page is that of the committed results."""

import argparse
import json
import re
from pathlib import Path

import pytest

from face2mesh.errors import InputFileError
from face2mesh.lab.evaluate import command
from face2mesh.lab.evaluate.command import read_results
from face2mesh.lab.evaluate.tables import number, page, percent, table

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = "results/evaluation.json", "docs/evaluation.md"


def test_numbers():
    sure = {"value": 2.345, "low": 2.1, "high": 2.6, "people": 20}
    assert number(sure) == "2.35 (2.10 to 2.60)" or number(sure) == "2.34 (2.10 to 2.60)"
    assert number({**sure, "low": None, "high": None}, 1) == "2.3"
    assert number(None) == number({"value": None, "low": None, "high": None}) == "–"
    assert number({"value": -0.001, "low": -0.2, "high": 0.3}, signed=True) == "+0.00 (−0.20 to +0.30)"
    assert percent({"value": 0.321, "low": 0.3, "high": 0.345}) == "32.1 (30.0 to 34.5)"


def test_table():
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"


def test_committed_page_is_that_of_the_committed_results():
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    sources = re.search(r"`face2mesh lab tables ([^`]+)`", text).group(1).split()
    assert sources[0] == RESULTS
    assert text == page({source: read_results(ROOT / source) for source in sources})


def _arguments(*words):
    parent = argparse.ArgumentParser()
    command.add_parser(parent.add_subparsers())
    return parent.parse_args(["tables", *words])


def test_command(tmp_path, capsys):
    arguments = _arguments(str(ROOT / RESULTS), "-o", str(tmp_path / "new" / "page.md"))
    arguments.run(arguments)
    assert capsys.readouterr().out.strip() == str(tmp_path / "new" / "page.md")
    assert (tmp_path / "new" / "page.md").read_text(encoding="utf-8").startswith("# Evaluation\n")


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"format": "face2mesh/results", "version": 1})])
def test_not_results(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputFileError, match=r"results\.json.*lab evaluate"):
        read_results(tmp_path / "results.json")
    with pytest.raises(InputFileError, match=r"nowhere\.json"):
        read_results(tmp_path / "nowhere.json")


def test_sections_of_detection_and_costs():
    detection = {
        "london": {"photos": 102, "found": 101},
        "scikit_image": {"pictures": 11, "false_alarms": {"moon": 0.7}, "astronaut_found": True},
        "tilt": {"45": {"tried": 10, "found": 9}, "0": {"tried": 10, "found": 10}},
        "size": {"24": {"tried": 10, "found": 8}},
        "several": {"faces": 12, "found": 11},
        "fairface": {"photos": 1500, "with_border": {"found": 1499}},
        "seconds": 3.2,
    }
    costs = {
        "cold_portrait_seconds": {"median": 0.7},
        "cold_textured_glb_seconds": {"median": 2.25},
        "textured_glb_bytes": 4_812_000,
        "batch_photos": 100,
        "batch_ms_a_photo": 31.4,
        "import_seconds": 0.01,
        "portrait_peak_mib": 151.2,
        "batch_peak_mib": 180.0,
        "model_mib": 17.9,
        "installed_mib": {"total": 200.0},
        "processors": 2,
        "seconds": 20.0,
    }
    one = read_results(ROOT / RESULTS)
    other = {**one, "measures": {"detection": detection, "costs": costs}}
    text = page({RESULTS: one, "other.json": other})
    assert "| London set, 102 photos | 101 of 102 |" in text
    assert "| FairFace's validation photos with a border of 64 pixels | 1,499 of 1,500 |" in text
    assert text.index("turned by 0°") < text.index("turned by 45°")
    assert "| 100 portraits in one call | 31 ms each |" in text
    assert "a texture of 1024² (4.8 MB) | 2.25 s |" in text
    # Both files say how they were made; what only one holds comes from that one.
    assert "| `other.json` | |" in text
    assert "## Vertex error on rendered held-out people" in text


def test_a_missing_input_is_named_before_measuring(tmp_path):
    parent = argparse.ArgumentParser()
    command.add_parser(parent.add_subparsers())
    arguments = parent.parse_args(["evaluate", "-o", str(tmp_path / "one.json"), "--only", "outside"])
    arguments.build, arguments.data = tmp_path, tmp_path
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputFileError, match=r"corpus\.npz: not found.*--only"):
        command._inputs(tmp_path, arguments)
