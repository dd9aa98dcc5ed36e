"""Numbers as text, many at once: against Python's own formatting, number by number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from face2mesh.write.numerals import fixed_point, lines, whole

LENGTHS = arrays(np.float32, st.integers(1, 20), elements=st.floats(-2e4, 2e4, width=32))
COUNTS = arrays(np.uint32, st.integers(1, 20), elements=st.integers(0, 2**32 - 1))


@settings(deadline=None, max_examples=40)
@given(LENGTHS, st.sampled_from([1, 4]))
def test_fixed_point_is_what_python_writes(values, decimals):
    expected = "".join(f"{value:.{decimals}f}\n" for value in values.tolist())
    assert lines([fixed_point(values, decimals), b"\n"]).decode() == expected


def test_halves_and_signs():
    values = np.float32([0.5, 1.5, -0.5, -0.0, 0.03125, -0.00001, 999.99999])
    expected = [f"{value:.4f}" for value in values.tolist()]
    assert lines([fixed_point(values, 4), b" "]).decode().split() == expected
    assert lines([fixed_point(values[:3], 1), b" "]) == b"0.5 1.5 -0.5 "


@settings(deadline=None, max_examples=40)
@given(COUNTS)
def test_whole_numbers(values):
    assert lines([b"f ", whole(values), b"/", whole(values), b"\n"]).decode() == "".join(
        f"f {value}/{value}\n" for value in values.tolist()
    )


def test_no_numbers():
    assert lines([b"v ", fixed_point(np.zeros(0, np.float32), 4), b"\n"]) == b""


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e9])
def test_what_cannot_be_written(value):
    with pytest.raises(ValueError, match="must be finite"):
        fixed_point(np.float32([1, value]), 4)
