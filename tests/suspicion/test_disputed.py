"""Scores and regions against answers by hand, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.data.ingest.outlines import fill
from maskwright.suspicion.disputed import dispute, opened, outline, regions


def sure(classes: np.ndarray, p: float = 1.0, count: int = 2) -> np.ndarray:
    """Probabilities that give each of classes uint8 [H, W] p, and the others the rest."""
    one = np.eye(count, dtype=np.float32)[classes]
    return one * p + (1 - one) * (1 - p) / (count - 1)


def box(y: int, x: int, height: int, width: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[y : y + height, x : x + width] = 1
    return mask


def test_a_perfect_mask_scores_nothing():
    mask = box(5, 5, 10, 10)
    found = dispute(mask, sure(mask))
    assert found.score == 0
    assert not found.where.any()


def test_the_score_by_hand():
    # An object of 100 pixels left out, p = 0.98 everywhere: each pixel counts 0.001 · 0.98 / 0.021;
    # the model expects 0.02 · 1600 pixels to be wrong, and 1 % of 1600 comes on top. The disc
    # leaves the four corners of the box out.
    found = dispute(box(0, 0, 0, 0), sure(box(5, 5, 10, 10), 0.98))
    assert np.count_nonzero(found.where) == 96
    assert found.score == pytest.approx(96 * 0.001 * 0.98 / 0.021 / (32 + 16), rel=1e-5)


def test_a_rim_of_one_pixel_is_a_matter_of_the_outline():
    mask, wider = box(10, 10, 10, 10), box(9, 9, 12, 12)
    assert dispute(mask, sure(wider)).score == 0
    assert dispute(wider, sure(mask)).score == 0
    edge = np.zeros((40, 40), np.uint8)
    edge[0] = 1
    assert dispute(np.zeros((40, 40), np.uint8), sure(edge)).score == 0


def test_what_is_not_sure_disputes_nothing():
    mask, other = box(0, 0, 0, 0), box(5, 5, 10, 10)
    assert dispute(mask, sure(other, 0.94)).score == 0
    assert dispute(mask, sure(other, 0.96)).score > 0


def test_the_surer_the_model_the_more_suspect():
    mask, other = box(0, 0, 0, 0), box(5, 5, 10, 10)
    scores = [dispute(mask, sure(other, p)).score for p in (0.96, 0.98, 0.99, 1.0)]
    assert scores == sorted(scores)


def test_a_class_can_be_ruled_out_where_it_is_open_which_one_it_is():
    unsure = sure(box(0, 0, 0, 0), count=3)
    unsure[5:15, 5:15] = 0.02, 0.5, 0.48
    found = dispute(box(0, 0, 0, 0), unsure)
    assert np.count_nonzero(found.where) == 96
    assert found.score > 0


def test_a_larger_image_forgives_wider_rims():
    mask, wider = box(100, 100, 50, 50, 600), box(97, 97, 56, 56, 600)
    assert dispute(mask, sure(wider)).score == 0
    assert dispute(mask[50:250, 50:250], sure(wider[50:250, 50:250])).score > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_what_is_predicted_under_ignored_pixels_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    truth = rng.choice(np.array([0, 1, 255], np.uint8), (24, 24), p=[0.4, 0.3, 0.3])
    one, other = (sure(rng.integers(0, 2, (24, 24)), 0.99) for _ in range(2))
    other[truth != 255] = one[truth != 255]
    assert dispute(truth, one).score == dispute(truth, other).score
    np.testing.assert_array_equal(dispute(truth, one).where, dispute(truth, other).where)


def test_a_mask_of_ignored_pixels_alone_scores_nothing():
    assert dispute(np.full((20, 20), 255, np.uint8), sure(box(5, 5, 9, 9, 20))).score == 0


def test_regions_have_their_classes_and_boxes_the_heaviest_first():
    truth = np.zeros((60, 60), np.uint8)
    truth[:, 40:] = 2
    predicted = truth.copy()
    predicted[5:15, 5:25] = 1  # 10 high, 20 wide, given as 0
    predicted[30:36, 46:52] = 0  # 6×6, given as 2
    found = dispute(truth, sure(predicted, count=3))
    first, second = regions(truth, sure(predicted, count=3), found.where)
    assert (first.given, first.predicted, first.box) == (0, 1, (5, 5, 20, 10))
    assert (second.given, second.predicted, second.box) == (2, 0, (46, 30, 6, 6))
    assert first.area == first.weight == 196  # without its corners
    assert sum(r.area for r in (first, second)) == np.count_nonzero(found.where)


def test_opening_keeps_what_a_disc_fits_into():
    disc = opened(np.ones((9, 9), bool), 4)
    assert disc[4].all()
    assert not disc[0, 0]
    np.testing.assert_array_equal(opened(disc, 4), disc)
    assert not opened(box(3, 3, 4, 20).astype(bool), 2).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_an_exact_outline_filled_is_the_part_again(seed):
    part = opened(np.random.default_rng(seed).random((20, 22)) < 0.75, 1)
    number = max_part(part)
    if not number.any():
        return
    painted = np.zeros(number.shape, np.uint8)
    fill(painted, outline(number, tolerance=0), 1)
    np.testing.assert_array_equal(painted.astype(bool), without_holes(number))


def test_a_short_outline_stays_near():
    y, x = np.mgrid[:80, :80]
    disc = (y - 40) ** 2 + (x - 40) ** 2 < 900
    exact, short = outline(disc, tolerance=0), outline(disc)
    assert len(short) < len(exact) / 2
    painted = np.zeros((80, 80), np.uint8)
    fill(painted, short, 1)
    assert np.count_nonzero(painted != disc) < 0.04 * disc.sum()


def test_a_single_pixel_has_an_outline():
    assert outline(np.ones((1, 1), bool)).tolist() == [[0, 0], [0, 1], [1, 1], [1, 0]]


def max_part(mask: np.ndarray) -> np.ndarray:
    """The largest connected part."""
    from maskwright.measures.objects import components

    numbers = components(mask)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    return (numbers == sizes.argmax()) & mask


def without_holes(part: np.ndarray) -> np.ndarray:
    """The part with what it encloses."""
    import cv2

    around = np.pad((~part).astype(np.uint8), 1, constant_values=1)
    _, numbers = cv2.connectedComponents(around, connectivity=4)
    return numbers[1:-1, 1:-1] != numbers[0, 0]
