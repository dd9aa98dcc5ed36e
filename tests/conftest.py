"""The tiny model of the tests (see `tiny_model`), which is made once."""

import pytest


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """Its folder."""
    from tiny_model import tiny_model

    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def model(tiny_folder):
    """The same, loaded."""
    import face2mesh

    return face2mesh.load(tiny_folder)
