"""Weights of pixels between regions: against a search over all pairs of pixels, and by hand."""

import cv2
import numpy as np
import pytest

from maskwright.data.borders import border_weights
from maskwright.data.labels import IGNORE


def by_search(mask: np.ndarray, sigma: float) -> np.ndarray:
    """The same, pixel by pixel, from the distances to every pixel of every region."""
    regions = []
    for label in np.unique(mask[mask != IGNORE]):
        count, numbers = cv2.connectedComponents((mask == label).astype(np.uint8), connectivity=8)
        regions += [(label, np.argwhere(numbers == number)) for number in range(1, count)]
    weights = np.zeros(mask.shape)
    for place in np.argwhere(mask != IGNORE):
        away = sorted(
            np.hypot(*(pixels - place).T).min()
            for label, pixels in regions
            if label != mask[tuple(place)]
        )
        if len(away) > 1:
            weights[tuple(place)] = np.exp(-((away[0] + away[1]) ** 2) / (2 * sigma**2))
    return weights


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_it_agrees_with_a_search_over_all_regions(seed, sigma):
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 1, 2, IGNORE], size=(5, 7), p=[0.5, 0.2, 0.2, 0.1])
    mask = coarse.astype(np.uint8).repeat(4, 0).repeat(3, 1)
    # Beyond four sigma it is left at 0: exp(-8) is 0.0003.
    np.testing.assert_allclose(border_weights(mask, sigma), by_search(mask, sigma), atol=4e-4)


def test_the_narrower_the_gap_the_more_it_weighs():
    mask = np.ones((20, 30), np.uint8)
    mask[:, 10] = 0  # a gap of one pixel, two sides away by 1 each
    mask[:, 20:23] = 0
    weights = border_weights(mask, 5)
    np.testing.assert_allclose(weights[:, 10], np.exp(-4 / 50), rtol=1e-5)
    np.testing.assert_allclose(weights[:, 20:23], np.exp(-16 / 50), rtol=1e-5)


@pytest.mark.parametrize("value", [0, 3, IGNORE])
def test_a_mask_of_one_class_has_no_borders(value):
    weights = border_weights(np.full((6, 5), value, np.uint8), 5)
    assert weights.dtype == np.float32
    assert not weights.any()


def test_one_border_alone_weighs_nothing():
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 1  # two regions: no pixel has two others
    assert not border_weights(mask, 5).any()
