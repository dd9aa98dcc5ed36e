"""Costs of processes and sizes of installations."""

import sys

import pytest

from face2mesh.errors import Face2MeshError
from face2mesh.lab.evaluate.costs import cost_of, installed_mib


def test_a_process_that_takes_time_and_memory():
    idle = cost_of([sys.executable, "-c", "pass"])
    busy = cost_of([sys.executable, "-c", "import time; block = bytearray(200 * 2**20); time.sleep(0.3)"])
    assert busy.seconds > 0.3
    assert 0 < busy.processor_seconds < 20
    assert 200 < busy.peak_mib < 400
    assert idle.peak_mib < busy.peak_mib - 150


def test_a_failing_process():
    with pytest.raises(Face2MeshError, match="exit code 3: out of luck"):
        cost_of([sys.executable, "-c", "import sys; print('out of luck', file=sys.stderr); sys.exit(3)"])


def test_installed_size_counts_what_is_needed():
    sizes = installed_mib()
    assert {"face2mesh", "numpy", "onnxruntime"} <= {name.lower() for name in sizes}
    assert "torch" not in sizes
    assert sizes["numpy"] > 5
    assert sizes["total"] == pytest.approx(sum(value for name, value in sizes.items() if name != "total"))
