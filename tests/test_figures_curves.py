"""Training curves: the log as it is read, axes worked by hand, and a line where it belongs."""

import json

import numpy as np
import pytest
from PIL import Image

from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.lab.figures.curves import COLUMNS, PANEL, axis, draw, nice_steps, panel, read_log


def _log(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_resumed_run_goes_on(tmp_path):
    rows = [{"step": step, "seconds": 60.0 * step, "points": 1 / step} for step in (1, 2, 3)]
    # Resumed from the checkpoint of step 2: the clock begins anew, step 3 is done again.
    rows += [{"step": step, "seconds": 30.0 * (step - 2), "points": 2 / step, "new": 7} for step in (3, 4)]
    curves = read_log(_log(tmp_path / "run", rows) / "log.jsonl")
    np.testing.assert_allclose(curves["points"].steps, [1, 2, 3, 4])
    np.testing.assert_allclose(curves["points"].minutes, [1, 2, 3.5, 4])
    np.testing.assert_allclose(curves["points"].values, [1, 1 / 2, 2 / 3, 2 / 4])
    np.testing.assert_allclose(curves["new"].steps, [3, 4])  # a term that came later


@pytest.mark.parametrize("text", ["", "no JSON\n", '{"step": 1}\n', '{"step": 1, "seconds": 2, "name": "a"}\n'])
def test_not_a_log(tmp_path, text):
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(InputFileError, match=r"log\.jsonl"):
        read_log(tmp_path / "log.jsonl")
    with pytest.raises(InputFileError, match="name a run's folder"):
        read_log(tmp_path / "nowhere" / "log.jsonl")


def test_axes_by_hand():
    linear = axis(np.array([0.0, 10.0]))
    assert not linear.logarithmic
    assert linear.ticks == (0, 5, 10)
    assert (linear.place(-0.5), linear.place(10.5)) == pytest.approx((0, 1))
    logarithmic = axis(np.array([0.1, 10.0]))
    assert logarithmic.logarithmic
    assert logarithmic.ticks == (0.1, 0.2, 0.5, 1, 2, 5, 10)
    assert logarithmic.place(1.0) == pytest.approx(0.5)
    assert axis(np.array([4.0, 4.0])).place(4.0) == pytest.approx(0.5)  # a constant
    assert nice_steps(50, 5150) == [2000, 4000]


def test_a_falling_line_falls(tmp_path):
    rows = [{"step": step, "seconds": step, "total": 100.0 - step, "other": 1.0} for step in range(100)]
    run = _log(tmp_path / "falling", rows)
    picture = panel("total", read_log(run / "log.jsonl")["total"]).astype(int)
    blue = (picture[30:190, 70:380, 2] - picture[30:190, 70:380, 0]) > 100
    places = np.array([np.flatnonzero(column).mean() for column in blue.T])
    assert np.all(np.diff(places) > -1.5)
    assert places[-1] - places[0] > 120
    [file] = draw([run], tmp_path)
    assert file.name == "curves-falling.png"
    with Image.open(file) as sheet:
        assert sheet.size == (COLUMNS * PANEL[0], PANEL[1])


def test_curves_need_a_run(tmp_path):
    import argparse

    from face2mesh.lab.figures import command

    parent = argparse.ArgumentParser()
    command.add_parser(parent.add_subparsers())
    for words in (["figures", "curves"], ["figures", "pooling", "a-run"]):
        arguments = parent.parse_args([*words, "-o", str(tmp_path)])
        arguments.build = tmp_path
        with pytest.raises(Face2MeshError, match="folders of runs"):
            arguments.run(arguments)
