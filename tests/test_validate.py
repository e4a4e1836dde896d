"""Prediction against truth, with a predictor whose answers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from maskwright.config import ViewConfig
from maskwright.data.folders import Pair
from maskwright.data.images import Bands
from maskwright.predictor import Predictor
from maskwright.validate import Compared, compare_all, cross_entropy_sum, validate


@pytest.fixture
def quarter(table) -> Predictor:
    """Gives class 0 the probability 1/4 and class 1 3/4, everywhere."""
    odds = np.log(np.array([1, 3], np.float32))
    return Predictor(
        lambda views: np.broadcast_to(odds, (*views.shape[:3], 2)), ViewConfig(size=16), table
    )


@pytest.fixture
def pair(tmp_path, save) -> Pair:
    """An image of 4×5 pixels: 6 of class 0, 10 of class 1, 4 ignored."""
    mask = np.array([[0] * 5, [0, 1, 1, 1, 1], [1] * 5, [1, 255, 255, 255, 255]], np.uint8)
    image = save(tmp_path / "image.png", np.zeros((4, 5, 3), np.uint8))
    return Pair(image, save(tmp_path / "mask.png", mask), "val")


def test_the_loss_is_the_sum_of_minus_log_p():
    truth = np.array([[0, 1, 255]], np.uint8)
    probabilities = np.array([[[0.25, 0.75], [0.5, 0.5], [0, 1]]], np.float32)
    assert cross_entropy_sum(truth, probabilities) == pytest.approx(math.log(4) + math.log(2))


def test_the_loss_of_an_impossible_class_is_finite():
    sure = np.array([[[0.0, 1.0]]], np.float32)
    assert cross_entropy_sum(np.zeros((1, 1), np.uint8), sure) == pytest.approx(-math.log(1e-7))


def test_the_loss_of_ignored_pixels_is_zero():
    ignored = np.full((2, 2), 255, np.uint8)
    assert cross_entropy_sum(ignored, np.zeros((2, 2, 3), np.float32)) == 0


def test_one_image_by_hand(quarter, pair):
    (one,) = compare_all(quarter, [pair])
    assert one.pair is pair
    assert one.pixels == 16
    np.testing.assert_array_equal(one.matrix, [[0, 6], [0, 10]])
    assert one.loss_sum == pytest.approx(6 * math.log(4) + 10 * math.log(4 / 3), rel=1e-5)


def test_images_are_read_with_the_bands_of_the_predictor(quarter, pair, save):
    save(pair.image, np.zeros((4, 5), np.uint16))
    seen = []

    def logits(views):
        seen.append(views.shape[3])
        return quarter.logits(views)

    list(compare_all(replace(quarter, logits=logits, bands=Bands(1)), [pair]))
    assert seen == [1]


def test_validate_counts_over_all_pixels_of_all_images(quarter, pair):
    scores, loss = validate(quarter, [pair, pair])
    assert scores.pixel_accuracy == pytest.approx(10 / 16)
    np.testing.assert_array_equal(scores.matrix, [[0, 12], [0, 20]])
    assert loss == pytest.approx((6 * math.log(4) + 10 * math.log(4 / 3)) / 16, rel=1e-5)


def test_validate_with_every_pixel_ignored_gives_no_loss(quarter, pair, save):
    save(pair.mask, np.full((4, 5), 255, np.uint8))
    scores, loss = validate(quarter, [pair])
    assert loss == 0
    assert math.isnan(scores.mean_iou)


def test_pixels_are_those_that_count(pair):
    assert Compared(pair, np.array([[1, 2], [3, 4]]), 0.0).pixels == 10
