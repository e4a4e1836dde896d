"""One pass over pairs: predict each image at its own size and compare with its mask.

Training calls it after every epoch, evaluation at the end: both score what is shipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.data.images import read_mask
from maskwright.data.labels import IGNORE
from maskwright.data.pairing import Pair
from maskwright.metrics import Scores, confusion
from maskwright.predictor import Predictor, most_likely


@dataclass(frozen=True)
class Compared:
    """One image against its mask: confusion int64 [C, C], summed cross-entropy in nats, pixels."""

    pair: Pair
    matrix: np.ndarray
    loss_sum: float

    @property
    def pixels(self) -> int:
        """Pixels that count."""
        return int(self.matrix.sum())


def compare_all(predictor: Predictor, pairs: Sequence[Pair]) -> Iterator[Compared]:
    """Predict each image at its own size and compare it with its mask, in order."""
    predicted = predictor.predict_all(pairs, lambda pair: predictor.read(pair.image))
    for pair, probabilities in predicted:
        truth = predictor.table.decode(read_mask(pair.mask), pair.mask)
        matrix = confusion(truth, most_likely(probabilities), len(predictor.table))
        yield Compared(pair, matrix, cross_entropy_sum(truth, probabilities))


def cross_entropy_sum(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Sum of −log p(true class) in nats over the pixels that count; p no less than 1e-7.

    truth uint8 [H, W], probabilities float32 [H, W, C].
    """
    counts = truth != IGNORE
    true_class = probabilities[counts, truth[counts]]
    return float(-np.log(np.maximum(true_class, 1e-7), dtype=np.float64).sum())


def validate(predictor: Predictor, pairs: Sequence[Pair]) -> tuple[Scores, float]:
    """Scores over all pixels of all images, and the mean cross-entropy in nats a pixel."""
    compared = list(compare_all(predictor, pairs))
    matrix = np.sum([one.matrix for one in compared], axis=0)
    return Scores.of(matrix), sum(one.loss_sum for one in compared) / max(1, int(matrix.sum()))
