"""Scores against matrices worked out by hand."""

import math

import numpy as np
import pytest

from maskwright.measures.confusion import Scores, class_counts, confusion
from maskwright.measures.surfaces import boundary_overlap

NAN = math.nan


def test_confusion_counts_truth_by_row_and_prediction_by_column():
    truth = np.array([[0, 0, 1], [2, 2, 2]], np.uint8)
    predicted = np.array([[0, 1, 1], [2, 0, 2]], np.uint8)
    np.testing.assert_array_equal(confusion(truth, predicted, 3), [[1, 1, 0], [0, 1, 0], [1, 0, 2]])


def test_ignored_pixels_count_nowhere():
    truth = np.array([0, 255, 255, 1], np.uint8)
    predicted = np.array([0, 0, 1, 0], np.uint8)
    np.testing.assert_array_equal(confusion(truth, predicted, 2), [[1, 0], [1, 0]])


def test_all_ignored_gives_zeros():
    truth = np.full((2, 2), 255, np.uint8)
    np.testing.assert_array_equal(confusion(truth, truth * 0, 2), np.zeros((2, 2)))


def test_a_byte_does_not_overflow_with_many_classes():
    truth = np.array([253], np.uint8)
    assert confusion(truth, np.array([252], np.uint8), 254)[253, 252] == 1


def test_matrices_of_images_add():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(4, size=(2, 6, 7, 9)).astype(np.uint8)
    parts = [confusion(t, p, 4) for t, p in zip(truth, predicted, strict=True)]
    np.testing.assert_array_equal(sum(parts), confusion(truth, predicted, 4))


@pytest.mark.parametrize("measure", [confusion, boundary_overlap])
def test_masks_of_other_numbers_are_refused(measure):
    truth = np.zeros((4, 5), np.uint8)
    with pytest.raises(
        ValueError, match=r"truth is uint8 and predicted int64, .*\.astype\(np\.uint8\)"
    ):
        measure(truth, truth.astype(np.int64), 2)


def test_masks_of_two_shapes_are_refused_even_with_as_many_pixels():
    with pytest.raises(ValueError, match=r"truth \(2, 3\) and predicted \(3, 2\) differ in shape"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)


def test_scores_by_hand():
    # Class 0: TP 8, FN 2, FP 1. Class 1: TP 9, FN 1, FP 2.
    scores = Scores.of(np.array([[8, 2], [1, 9]]))
    assert scores.pixel_accuracy == pytest.approx(17 / 20)
    np.testing.assert_allclose(scores.iou, [8 / 11, 9 / 12])
    np.testing.assert_allclose(scores.dice, [16 / 19, 18 / 21])
    np.testing.assert_allclose(scores.precision, [8 / 9, 9 / 11])
    np.testing.assert_allclose(scores.recall, [8 / 10, 9 / 10])
    assert scores.mean_iou == pytest.approx((8 / 11 + 9 / 12) / 2)
    assert scores.mean_dice == pytest.approx((16 / 19 + 18 / 21) / 2)


def test_an_absent_class_has_no_scores_and_is_left_out_of_the_means():
    scores = Scores.of(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]))
    for values in (scores.iou, scores.dice, scores.precision, scores.recall):
        np.testing.assert_array_equal(np.isnan(values), [False, False, True])
    assert scores.mean_iou == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_a_missed_class_scores_zero_and_counts():
    scores = Scores.of(np.array([[5, 0], [5, 0]]))
    np.testing.assert_allclose(scores.iou, [0.5, 0])
    np.testing.assert_allclose(scores.precision, [0.5, 0])
    np.testing.assert_allclose(scores.recall, [1, 0])
    assert scores.mean_iou == 0.25


def test_an_invented_class_scores_zero_and_counts():
    scores = Scores.of(np.array([[5, 5], [0, 0]]))
    np.testing.assert_allclose(scores.iou, [0.5, 0])
    np.testing.assert_allclose(scores.precision, [1, 0])
    np.testing.assert_allclose(scores.recall, [0.5, 0])


def test_no_pixel_at_all_gives_no_score_and_no_warning():
    scores = Scores.of(np.zeros((2, 2), np.int64))
    assert all(map(math.isnan, (scores.pixel_accuracy, scores.mean_iou, scores.mean_dice)))


def test_dice_and_iou_say_the_same():
    scores = Scores.of(np.random.default_rng(1).integers(1, 50, size=(5, 5)))
    np.testing.assert_allclose(scores.dice, 2 * scores.iou / (1 + scores.iou))


def test_leading_axes_are_kept():
    matrices = np.random.default_rng(2).integers(0, 9, size=(3, 2, 4, 4))
    many = Scores.of(matrices)
    one = Scores.of(matrices[1, 0])
    assert many.iou.shape == (3, 2, 4)
    np.testing.assert_array_equal(many.iou[1, 0], one.iou)
    assert many.pixel_accuracy[1, 0] == one.pixel_accuracy
    assert many.mean_dice[1, 0] == one.mean_dice


def test_scores_of_counts_are_those_of_the_matrix():
    matrix = np.random.default_rng(3).integers(0, 9, size=(4, 4))
    by_counts = Scores.of_counts(class_counts(matrix))
    np.testing.assert_array_equal(by_counts.precision, Scores.of(matrix).precision)
    np.testing.assert_array_equal(class_counts(matrix)[:, 1], matrix.sum(axis=1))
