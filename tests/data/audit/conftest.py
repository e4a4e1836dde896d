"""What the tests of the audit share: a clean generated set, a small folder, and changes to it."""

import shutil
from pathlib import Path

import pytest
from defects import COUNT

from maskwright.data.samples import write_samples


@pytest.fixture(scope="session")
def clean(tmp_path_factory) -> Path:
    """Generated pairs with their class table."""
    folder = tmp_path_factory.mktemp("clean") / "set"
    write_samples(folder, count=COUNT, size=96)
    return folder


@pytest.fixture
def root(clean, tmp_path) -> Path:
    """A copy of the clean set that may be damaged."""
    return Path(shutil.copytree(clean, tmp_path / "set"))


@pytest.fixture
def folder(tmp_path, write_pairs) -> Path:
    """The twelve pairs of ``write_pairs``."""
    return write_pairs(tmp_path / "data", 12)
