"""Scores from confusion matrices: pure functions of arrays.

Conventions: pixels whose true class is 255 (ignore) count nowhere. A class that occurs neither in
the truth nor in the prediction has no IoU, Dice, precision or recall (NaN here, null in JSON) and
is left out of the means. A class that occurs but is never predicted scores 0 and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwright.data.labels import IGNORE


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Pixels by true class (row) and predicted class (column), int64 [classes, classes].

    truth and predicted: class indices uint8 of one shape. Matrices of several images add.

    >>> confusion(np.array([0, 0, 1, 255]), np.array([0, 1, 1, 1]), classes=2)
    array([[1, 1],
           [0, 1]])
    """
    if truth.shape != predicted.shape:
        raise ValueError(
            f"truth {truth.shape} and predicted {predicted.shape} differ in shape; "
            "compare masks of one size"
        )
    counts = truth != IGNORE
    place = truth[counts].astype(np.intp) * classes + predicted[counts]
    return np.bincount(place, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class Scores:
    """Scores of a confusion matrix int64 [C, C], rows truth, columns prediction.

    IoU = TP / (TP + FP + FN) (Jaccard 1912), Dice = 2 TP / (2 TP + FP + FN) (Dice 1945),
    precision = TP / (TP + FP), recall = TP / (TP + FN), each float64 [C] in 0–1 or NaN.

    >>> scores = Scores.of(np.array([[8, 2], [1, 9]]))
    >>> float(scores.pixel_accuracy), scores.iou.round(3).tolist()
    (0.85, [0.727, 0.75])
    """

    matrix: np.ndarray
    pixel_accuracy: float
    iou: np.ndarray
    dice: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray) -> Scores:
        """All scores of one confusion matrix."""
        hit = np.diag(matrix).astype(np.float64)
        true, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
        either = true + predicted - hit
        return cls(
            matrix=matrix,
            pixel_accuracy=float(_ratio(hit.sum(), matrix.sum())),
            iou=_ratio(hit, either),
            dice=_ratio(2 * hit, true + predicted),
            # Nothing predicted, or nothing there, is 0 where the class occurs on the other side.
            precision=_ratio(hit, np.where(either > 0, np.maximum(predicted, 1), 0)),
            recall=_ratio(hit, np.where(either > 0, np.maximum(true, 1), 0)),
        )

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that occur; NaN where none does."""
        return _mean(self.iou)

    @property
    def mean_dice(self) -> float:
        """Mean Dice over the classes that occur; NaN where none does."""
        return _mean(self.dice)

    def table(self, names: Sequence[str], images: int) -> dict[str, Any]:
        """The scores as ``evaluate --json`` prints them."""
        pixels = self.matrix.sum(axis=1)
        return {
            "images": images,
            "pixel_accuracy": _number(self.pixel_accuracy),
            "mean_iou": _number(self.mean_iou),
            "mean_dice": _number(self.mean_dice),
            "classes": [
                {
                    "name": name,
                    "iou": _number(self.iou[k]),
                    "dice": _number(self.dice[k]),
                    "precision": _number(self.precision[k]),
                    "recall": _number(self.recall[k]),
                    "pixels": int(pixels[k]),
                }
                for k, name in enumerate(names)
            ],
            "confusion": self.matrix.tolist(),
        }


def _ratio(part: Any, whole: Any) -> Any:
    """part / whole, NaN where whole is 0."""
    whole = np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _number(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return None if np.isnan(value) else round(float(value), 6)
