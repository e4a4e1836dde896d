"""One mask mended: the numbers of objects survive however they were stored."""

from pathlib import Path

import numpy as np
import pytest
from made import image, objects

from maskwright.data.audit.mending import Job, mended_mask
from maskwright.data.images import read_mask
from maskwright.data.labels import ClassTable, Label
from maskwright.data.pairing import Pair

NUMBERS = objects(12)


def mended(path: Path, *background: int) -> np.ndarray:
    """The object numbers of a mask file, mended by a table with these values of background."""
    labels = (Label("ground", "#000000", background), Label("cell", "#ffffff", ()))
    raw = read_mask(path)
    height, width = raw.values.shape
    size = image(width=width, height=height)
    job = Job(Pair(path, path), "a", size, frozenset())
    return mended_mask(job, ClassTable("instances", labels))[0]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_numbers_of_grey_files_stay(tmp_path, save, kind):
    path = save(tmp_path / "m.png", NUMBERS.astype(kind))
    np.testing.assert_array_equal(mended(path, 0), NUMBERS)


def test_numbers_saved_as_grey_rgb_are_the_grey_values(tmp_path, save):
    path = save(tmp_path / "m.png", np.stack([NUMBERS] * 3, axis=-1))
    np.testing.assert_array_equal(mended(path, 0), NUMBERS)


def test_all_values_of_the_background_become_0(tmp_path, save):
    path = save(tmp_path / "m.png", NUMBERS)
    np.testing.assert_array_equal(mended(path, 0, 3), np.where(NUMBERS == 3, 0, NUMBERS))
    path = save(tmp_path / "n.png", NUMBERS + 5)
    np.testing.assert_array_equal(mended(path, 5), np.where(NUMBERS == 0, 0, NUMBERS + 5))
