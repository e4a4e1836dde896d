"""One pass over pairs: predict each image at its own size and compare with its mask.

Training calls it after every epoch: what it scores is what is shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.data.images import RawMask, read_mask
from maskwright.data.pairing import Pair
from maskwright.data.rims import apart
from maskwright.measures.certainty import Counted, penalties
from maskwright.measures.confusion import Scores, confusion
from maskwright.predictor import Predictor, most_likely
from maskwright.randomness import CALIBRATE, generator

MOST_SAMPLED = 500_000  # probabilities that are kept of all images together, to calibrate by


@dataclass(frozen=True)
class Predicted:
    """A pair with its mask as it was read, as classes uint8 [H, W], and what was predicted.

    probabilities: float32 [H, W, C]; inside: float32 [H, W], where the predictor knows rims, the
    probability of lying inside of an object.
    """

    pair: Pair
    raw: RawMask
    truth: np.ndarray
    probabilities: np.ndarray
    inside: np.ndarray | None = None


@dataclass(frozen=True)
class Validated:
    """Scores over all pixels of all images, the mean cross-entropy in nats, a sample of pixels."""

    scores: Scores
    loss: float
    sample: Counted


def predict_pairs(
    predictor: Predictor, pairs: Sequence[Pair], read: Callable[[Pair], np.ndarray] | None = None
) -> Iterator[Predicted]:
    """Predict each image at its own size, in order, beside its mask; ``read`` reads the images."""
    reading = read or (lambda pair: predictor.read(pair.image))
    predicted = predictor.predict_all(pairs, reading)
    for pair, scores in predicted:
        raw = read_mask(pair.mask)
        truth = predictor.table.decode(raw, pair.mask)
        yield Predicted(pair, raw, truth, *apart(scores, len(predictor.table)))


def validate(predictor: Predictor, pairs: Sequence[Pair]) -> Validated:
    """Predict all pairs and count; the same number of pixels of each image is sampled."""
    classes = len(predictor.table)
    most = max(1, MOST_SAMPLED // (classes * len(pairs)))
    matrix, total, samples = np.zeros((classes, classes), np.int64), np.zeros(3), []
    for place, one in enumerate(predict_pairs(predictor, pairs)):
        matrix += confusion(one.truth, most_likely(one.probabilities), classes)
        counted = Counted.of(one.truth, one.probabilities)
        total += penalties(counted)
        samples.append(some_of(counted, most, place))
    sample = Counted(
        np.concatenate([part.truth for part in samples]),
        np.concatenate([part.probabilities for part in samples]),
    )
    return Validated(Scores.of(matrix), float(total[0] / max(1, total[2])), sample)


def some_of(counted: Counted, most: int, place: int) -> Counted:
    """At most so many of the pixels, drawn once for the image at this place."""
    if len(counted.truth) <= most:
        return counted
    chosen = generator(CALIBRATE, 0, place).choice(len(counted.truth), most, replace=False)
    return Counted(counted.truth[chosen], counted.probabilities[chosen])
