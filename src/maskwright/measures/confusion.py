"""Scores from counts of pixels.

Conventions: pixels whose true class is 255 (ignore) count nowhere. A class that occurs neither in
the truth nor in the prediction has no IoU, Dice, precision or recall (NaN here, null in JSON) and
is left out of the means. A class that occurs but is never predicted scores 0 and counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwright.data.counting import occurrences


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Pixels by true class (row) and predicted class (column), int64 [classes, classes].

    truth and predicted: class indices uint8 of one shape. Matrices of several images add.

    >>> confusion(np.uint8([0, 0, 1, 255]), np.uint8([0, 1, 1, 1]), classes=2)
    array([[1, 1],
           [0, 1]])
    """
    check_masks(truth, predicted)
    return occurrences((truth, predicted), (classes, classes))


def check_masks(truth: np.ndarray, predicted: np.ndarray) -> None:
    """Raise ValueError where two masks are not class indices uint8 of one shape."""
    if truth.shape != predicted.shape:
        raise ValueError(
            f"truth {truth.shape} and predicted {predicted.shape} differ in shape; "
            "compare masks of one size"
        )
    if truth.dtype != np.uint8 or predicted.dtype != np.uint8:
        raise ValueError(
            f"truth is {truth.dtype} and predicted {predicted.dtype}, and class indices are uint8; "
            "convert them, as by .astype(np.uint8)"
        )


def class_counts(matrix: np.ndarray) -> np.ndarray:
    """Pixels right, true and predicted of each class, int64 [..., C, 3], of matrices [..., C, C].

    >>> class_counts(np.array([[8, 2], [1, 9]]))
    array([[ 8, 10,  9],
           [ 9, 10, 11]])
    """
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    return np.stack([right, matrix.sum(axis=-1), matrix.sum(axis=-2)], axis=-1)


@dataclass(frozen=True)
class Scores:
    """Scores of pixel counts [..., C, 3], see ``class_counts``; leading axes are kept.

    IoU = TP / (TP + FP + FN) (Jaccard 1912), Dice = 2 TP / (2 TP + FP + FN) (Dice 1945),
    precision = TP / (TP + FP), recall = TP / (TP + FN), each float64 [..., C] in 0–1 or NaN;
    the share of pixels that are right, and the means over the classes that occur, are [...].

    >>> scores = Scores.of(np.array([[8, 2], [1, 9]]))
    >>> float(scores.pixel_accuracy), scores.iou.round(3).tolist()
    (0.85, [0.727, 0.75])
    """

    pixel_accuracy: Any
    iou: np.ndarray
    dice: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray) -> Scores:
        """All scores of confusion matrices int64 [..., C, C], rows truth, columns prediction."""
        return cls.of_counts(class_counts(matrix))

    @classmethod
    def of_counts(cls, counts: np.ndarray) -> Scores:
        """All scores of the counts of each class [..., C, 3]."""
        right, true, predicted = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
        either = true + predicted - right
        return cls(
            pixel_accuracy=ratio(right.sum(axis=-1), true.sum(axis=-1)),
            iou=ratio(right, either),
            dice=ratio(2 * right, true + predicted),
            # Nothing predicted, or nothing there, is 0 where the class occurs on the other side.
            precision=ratio(right, np.where(either > 0, np.maximum(predicted, 1), 0)),
            recall=ratio(right, np.where(either > 0, np.maximum(true, 1), 0)),
        )

    @property
    def mean_iou(self) -> Any:
        """Mean IoU over the classes that occur; NaN where none does."""
        return known_mean(self.iou)

    @property
    def mean_dice(self) -> Any:
        """Mean Dice over the classes that occur; NaN where none does."""
        return known_mean(self.dice)


def ratio(part: Any, whole: Any) -> Any:
    """part / whole, float64, NaN where whole is 0; a plain float where both are numbers.

    >>> ratio(np.array([1, 0]), np.array([2, 0]))
    array([0.5, nan])
    """
    whole = np.asarray(whole, np.float64)
    result = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return result if result.ndim else float(result)


def known_mean(values: np.ndarray) -> Any:
    """Mean over the last axis of what is not NaN; NaN where all is.

    >>> known_mean(np.array([[0.5, np.nan], [np.nan, np.nan]]))
    array([0.5, nan])
    """
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))
