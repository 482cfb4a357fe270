"""What all cases share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loader.case import make_objects


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what the words of the cases link."""
    made = tmp_path_factory.mktemp("objects")
    make_objects(made)
    return made
