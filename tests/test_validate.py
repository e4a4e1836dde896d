"""Prediction against truth, with a predictor whose answers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from maskwright.config import ViewConfig
from maskwright.data.folders import Pair
from maskwright.data.images import Bands
from maskwright.measures.certainty import Counted
from maskwright.predictor import Predictor
from maskwright.validate import predict_pairs, some_of, validate


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


def test_an_image_is_predicted_beside_its_mask(quarter, pair):
    (one,) = predict_pairs(quarter, [pair])
    assert one.pair is pair
    assert one.truth.tolist()[1] == [0, 1, 1, 1, 1]
    assert one.raw.values[3, 4] == one.truth[3, 4] == 255
    np.testing.assert_allclose(one.probabilities, np.tile([0.25, 0.75], (4, 5, 1)), atol=1e-6)


def test_images_are_read_with_the_bands_of_the_predictor(quarter, pair, save):
    save(pair.image, np.zeros((4, 5), np.uint16))
    seen = []

    def logits(views):
        seen.append(views.shape[3])
        return quarter.logits(views)

    list(predict_pairs(replace(quarter, logits=logits, bands=Bands(1)), [pair]))
    assert seen == [1]


def test_validate_counts_over_all_pixels_of_all_images(quarter, pair):
    found = validate(quarter, [pair, pair])
    scores, loss = found.scores, found.loss
    assert scores.pixel_accuracy == pytest.approx(10 / 16)
    np.testing.assert_allclose(scores.recall, [0, 1])
    assert len(found.sample.truth) == 32
    assert loss == pytest.approx((6 * math.log(4) + 10 * math.log(4 / 3)) / 16, rel=1e-5)


def test_validate_with_every_pixel_ignored_gives_no_loss(quarter, pair, save):
    save(pair.mask, np.full((4, 5), 255, np.uint8))
    found = validate(quarter, [pair])
    assert found.loss == 0
    assert math.isnan(found.scores.mean_iou)
    assert len(found.sample.truth) == 0


def test_as_many_pixels_of_each_image_are_sampled(quarter, pair, monkeypatch):
    monkeypatch.setattr("maskwright.validate.MOST_SAMPLED", 20)  # 5 pixels of each of two images
    sample = validate(quarter, [pair, pair]).sample
    assert sample.truth.shape == (10,)
    np.testing.assert_allclose(sample.probabilities, np.tile([0.25, 0.75], (10, 1)), atol=1e-6)


def test_a_sample_is_drawn_once_and_holds_each_pixel_at_most_once():
    counted = Counted(np.arange(50), np.arange(100, dtype=np.float32).reshape(50, 2))
    first, again, other = some_of(counted, 20, 3), some_of(counted, 20, 3), some_of(counted, 20, 4)
    np.testing.assert_array_equal(first.truth, again.truth)
    assert len(set(first.truth.tolist())) == 20
    assert set(first.truth.tolist()) != set(other.truth.tolist())
    np.testing.assert_array_equal(first.probabilities[:, 0], 2 * first.truth)
    assert some_of(counted, 50, 0) is counted
