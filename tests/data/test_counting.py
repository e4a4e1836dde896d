"""Values of masks are counted as NumPy counts them."""

import numpy as np
import pytest

from maskwright.data import counting
from maskwright.data.counting import occurrences


@pytest.mark.parametrize("exact", [1, 7, 10**9])
@pytest.mark.parametrize("bins", [(2,), (7,), (256,), (3, 5), (2, 256), (1, 1)])
def test_values_are_counted_alone_and_together(bins, exact, monkeypatch):
    monkeypatch.setattr(counting, "EXACT", exact)
    rng = np.random.default_rng(0)
    masks = [rng.integers(8, size=(13, 9), dtype=np.uint8) for _ in bins]
    masks[0][2:5] = 255
    found = occurrences(masks, bins)
    wanted = np.zeros(bins, np.int64)
    for values in zip(*(mask.ravel().tolist() for mask in masks), strict=True):
        if all(value < count for value, count in zip(values, bins, strict=True)):
            wanted[values] += 1
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, wanted)


def test_parts_of_masks_and_empty_ones_are_counted():
    mask = np.arange(48, dtype=np.uint8).reshape(6, 8)
    part = mask[1::2, ::-3]
    assert occurrences([part], [256]).nonzero()[0].tolist() == sorted(part.ravel().tolist())
    assert occurrences([mask[:0]], [3]).tolist() == [0, 0, 0]


def test_more_pixels_than_float32_counts_one_by_one():
    mask = np.zeros(2**24 + 2, np.uint8)
    mask[-1] = 1
    assert occurrences([mask], [7]).tolist() == [2**24 + 1, 1, 0, 0, 0, 0, 0]


def test_values_of_16_bits_are_counted():
    mask = np.random.default_rng(0).integers(2**16, size=(40, 90), dtype=np.uint16)
    for bins in (300, 24_002, 2**16):
        wanted = np.bincount(mask.ravel(), minlength=2**16)[:bins]
        np.testing.assert_array_equal(occurrences([mask], [bins]), wanted)
