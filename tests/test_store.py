import json

import numpy as np
import pytest

from face2mesh.errors import InputFileError, OutputError
from face2mesh.store import (
    provenance,
    provenance_of_measures,
    read_arrays,
    refusal_of,
    write_arrays,
    write_document,
)


def test_arrays_come_back_with_where_they_came_from(tmp_path):
    path = tmp_path / "below" / "some.npz"
    write_arrays(path, "some", 3, {"row": np.arange(4, dtype=np.int16)}, provenance({}, {"width": 2}, seed=5))
    arrays, manifest = read_arrays(path, "some", 3, "face2mesh lab some")
    np.testing.assert_array_equal(arrays["row"], np.arange(4))
    assert arrays["row"].dtype == np.int16
    assert (manifest["configuration"], manifest["seed"]) == ({"width": 2}, 5)
    for kind, version, told in (("other", 3, "holds face2mesh/some"), ("some", 2, "format version 3")):
        with pytest.raises(InputFileError, match=told):
            read_arrays(path, kind, version, "face2mesh lab some")


@pytest.mark.parametrize("error", [KeyError("row"), TypeError("row"), ValueError("row")])
def test_arrays_that_make_nothing_are_refused(tmp_path, error):
    path = tmp_path / "some.npz"
    with (
        pytest.raises(InputFileError, match=r"not a valid thing .*row.*; make it again with `face2mesh lab some`"),
        refusal_of(path, "a valid thing", "face2mesh lab some"),
    ):
        raise error


def test_a_refusal_of_its_own_is_left_as_it_is(tmp_path):
    with pytest.raises(InputFileError, match=r"^another$"), refusal_of(tmp_path, "a valid thing", "some"):
        raise InputFileError("another")


def test_documents_are_whole_sorted_and_readable(tmp_path):
    path = tmp_path / "below" / "some.json"
    text = write_document(path, {"b": "4×", "a": [1, 2]})
    assert path.read_text(encoding="utf-8") == text
    assert "4×" in text
    assert list(json.loads(text)) == ["a", "b"]
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_document(tmp_path / "folder.json", {})


def test_measures_say_what_machine_they_were_taken_on():
    plain, measured = provenance(seed=1), provenance_of_measures(seed=1)
    assert set(measured) - set(plain) == {"system", "processors"}
    assert measured["processors"] >= 1
