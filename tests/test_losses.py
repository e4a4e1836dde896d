"""The loss against values worked out by hand."""

import math

import numpy as np
import pytest

from maskwright.engine import keras
from maskwright.losses import cross_entropy


def loss(classes: list[int], probabilities: list[list[float]]) -> float:
    """Of one row of pixels."""
    logits = np.log(np.array([[probabilities]], np.float32))
    return float(cross_entropy(np.array([[classes]], np.uint8), logits))


def test_it_is_the_mean_of_minus_log_p_over_the_pixels():
    assert loss([0, 1], [[0.25, 0.75], [0.5, 0.5]]) == pytest.approx(
        (math.log(4) + math.log(2)) / 2
    )


def test_ignored_pixels_count_neither_above_nor_below_the_line():
    assert loss([0, 255, 255], [[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]) == pytest.approx(math.log(4))


def test_it_is_zero_where_every_pixel_is_ignored():
    assert loss([255, 255], [[0.5, 0.5], [0.1, 0.9]]) == 0


def test_three_classes_that_are_equally_likely_cost_log_3():
    classes = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) % 3
    value = cross_entropy(classes, np.zeros((2, 2, 3, 3), np.float32))
    assert float(value) == pytest.approx(math.log(3))


def test_adding_a_number_to_all_logits_changes_nothing():
    logits = np.random.default_rng(0).normal(size=(1, 3, 3, 4)).astype(np.float32)
    classes = np.array([[[0, 1, 2], [3, 255, 0], [1, 2, 3]]], np.uint8)
    assert float(cross_entropy(classes, logits)) == pytest.approx(
        float(cross_entropy(classes, logits + 50)), rel=1e-4
    )


def test_sure_and_wrong_is_finite():
    value = cross_entropy(np.zeros((1, 1, 1), np.uint8), np.array([[[[-500.0, 500]]]], np.float32))
    assert float(value) == pytest.approx(1000)


def test_it_works_on_the_engines_own_tensors():
    classes = keras.ops.convert_to_tensor(np.array([[[1, 255]]], np.uint8))
    logits = keras.ops.zeros((1, 1, 2, 2))
    assert float(cross_entropy(classes, logits)) == pytest.approx(math.log(2))
