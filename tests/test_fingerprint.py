"""What a plan knows of the data, against answers by hand."""

import numpy as np
import pytest

from maskwright.data.labels import IGNORE
from maskwright.fingerprint import edges, fingerprint, thickness


def test_a_strip_is_as_thick_as_it_is_wide_and_a_disc_as_its_radius():
    mask = np.zeros((200, 200), np.uint8)
    mask[:, 20:26] = 1
    y, x = np.mgrid[:200, :200]
    mask[(y - 100) ** 2 + (x - 120) ** 2 <= 40**2] = 2
    found = thickness(mask, 4)
    assert found[1] == pytest.approx(6)
    assert found[2] == pytest.approx(40, rel=0.15)  # steps make the edge of a disc longer
    assert np.isnan(found[3])


def test_a_class_that_fills_the_image_is_as_thick_as_its_shorter_side():
    assert thickness(np.zeros((30, 50), np.uint8), 1).tolist() == [30]


def test_ignored_pixels_make_no_edge():
    mask = np.zeros((4, 6), np.uint8)
    mask[:, 3:] = IGNORE
    assert not edges(mask).any()
    mask[:, 5] = 1
    assert not edges(mask).any()
    mask[:, 1] = 1
    assert edges(mask).sum() == 4 * 3


def test_a_dataset_in_numbers(dataset):
    seen = fingerprint(dataset)
    assert seen.images == len(dataset.of("train")) == 6
    assert seen.names == tuple(dataset.table.names)
    assert seen.sizes.tolist() == [[10, 12]] * 6
    assert seen.longer.tolist() == [12] * 6
    assert seen.shares.tolist() == [0.5, 0.5]
    # The halves are 5 rows of 12 pixels, one row of which is an edge.
    assert seen.thickness.tolist() == [[10, 10]] * 6
    name, thick = seen.thinnest()
    assert (name, thick.tolist()) == (dataset.table.names[0], [10] * 6)
