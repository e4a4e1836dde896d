"""How far probabilities can be believed, and what follows from them: pure functions of arrays.

The confidence of a pixel is the probability of its likeliest class. Probabilities are calibrated
where of all pixels with confidence 0.8 about 80 % are right. Pixels whose true class is 255
(ignore) count nowhere. What is counted by image adds up over images.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import cv2
import numpy as np

from maskwright.data.counting import occurrences
from maskwright.data.labels import IGNORE
from maskwright.measures.confusion import ratio

FINE = 300  # steps of confidence that are counted
FINER = 10  # steps within each of these, for their sum
BINS = 15  # of them, put together, for the calibration error and the diagram (Guo et al. 2017)
STEPS = 100  # steps of a class's probability that are counted, for thresholds
OWN = 128  # added to the step of a pixel that is of the class
LOWEST, HIGHEST = 0.25, 4.0  # temperatures that are believed
LEAST = 1e-7  # probability; no logarithm of less is taken


@dataclass(frozen=True)
class Counted:
    """The pixels that count: true class [N], any integers, probabilities float32 [N, C] of all
    classes, in memory a class a row."""

    truth: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, truth: np.ndarray, probabilities: np.ndarray) -> Counted:
        """Of truth uint8 [H, W], 255 is ignored, and probabilities float32 [H, W, C]."""
        counts = (truth != IGNORE).ravel()
        rows = np.moveaxis(probabilities, -1, 0).reshape(probabilities.shape[-1], -1)
        rows = np.ascontiguousarray(rows, np.float32)
        if counts.all():
            return cls(truth.ravel(), rows.T)
        return cls(truth.ravel()[counts], np.compress(counts, rows, axis=1).T)

    @cached_property
    def true_probability(self) -> np.ndarray:
        """Probability of the true class, float32 [N]."""
        found = np.zeros((1, len(self.truth)), np.float32)
        for k, row in enumerate(self.probabilities.T.astype(np.float32, copy=False)):
            cv2.copyTo(row[None], (self.truth == k).view(np.uint8)[None], found)
        return found[0]


def penalties(counted: Counted) -> np.ndarray:
    """Sum of the cross-entropy in nats, sum of the Brier score, and pixels: float64 [3].

    Cross-entropy is −log p(true class), p no less than 1e-7. The Brier score of a pixel is
    Σ (p(class) − [class is true])² over all classes, 0 to 2 (Brier 1950, eq. 2).

    >>> one = Counted(np.array([0]), np.array([[0.5, 0.5]], np.float32))
    >>> penalties(one).round(3).tolist()
    [0.693, 0.5, 1.0]
    """
    true = counted.true_probability
    if not len(true):
        return np.zeros(3)
    entropy = -cv2.sumElems(cv2.log(np.maximum(true, LEAST)))[0]  # in float64, as are the others
    squares = sum(cv2.norm(row, cv2.NORM_L2SQR) for row in counted.probabilities.T)
    brier = squares - 2 * cv2.sumElems(true)[0] + len(true)
    return np.array([entropy, max(0.0, brier), len(true)])


def confidences(counted: Counted) -> np.ndarray:
    """Pixels, sum of their confidence, and how many are right, by confidence: float64 [FINE, 3].

    In the sum a confidence counts as the middle of one of the FINER steps within a step, 1 as 1.
    """
    confidence = reduce(np.maximum, counted.probabilities.T)  # by columns: faster than along rows
    right = counted.true_probability == confidence
    steps = FINE * FINER
    # From float32 to uint16 NumPy takes a twentieth of the time that it takes to other integers.
    step = (confidence * np.float32(steps)).astype(np.uint16) + np.uint16(steps + 1) * right
    counts = occurrences([step], [2 * (steps + 1)]).reshape(2, steps + 1)
    middles = np.append(np.arange(0.5, steps) / steps, 1)
    parts = (*counts, counts.sum(axis=0) * middles)
    wrong, right, sums = (_folded(part).reshape(FINE, FINER).sum(axis=1) for part in parts)
    return np.stack([wrong + right, sums, right], axis=-1)


def coarse(fine: np.ndarray) -> np.ndarray:
    """The counts of ``confidences`` [..., FINE, k] in the bins of the diagram, [..., BINS, k]."""
    return fine.reshape(*fine.shape[:-2], BINS, FINE // BINS, fine.shape[-1]).sum(axis=-2)


def calibration_error(binned: np.ndarray) -> np.ndarray:
    """Expected calibration error, 0–1, of counts [..., bins, 3] (Guo et al. 2017, eq. 3).

    The mean over all pixels of how far, in its bin, the share that is right is from the confidence.

    >>> calibration_error(np.array([[10, 9.0, 7], [0, 0, 0]]))  # 0.9 sure, 0.7 right
    0.2
    """
    pixels, confidence, right = np.moveaxis(np.asarray(binned, np.float64), -1, 0)
    return ratio(np.abs(right - confidence).sum(axis=-1), pixels.sum(axis=-1))


def chances(counted: Counted) -> np.ndarray:
    """Pixels by the probability of each class, others and its own: int64 [C, STEPS, 2]."""
    found = []
    for k, row in enumerate(counted.probabilities.T):
        step = _step(row) + np.uint8(OWN) * (counted.truth == k)
        found.append(occurrences([step], [2 * OWN]).reshape(2, OWN)[:, : STEPS + 1])
    return np.moveaxis(_folded(np.stack(found)), 1, -1)


def _step(probability: np.ndarray) -> np.ndarray:
    """The step uint8 of each probability float32 [N], STEPS of 1 alone."""
    if not len(probability):
        return np.zeros(0, np.uint8)
    # OpenCV rounds to the nearest, and a half either way: what lies at a step is put above a half.
    return cv2.convertScaleAbs(probability[None], alpha=STEPS, beta=-0.4999)[0]


def _folded(counts: np.ndarray) -> np.ndarray:
    """The counts [..., n + 1] as [..., n]: what is certain is the last, and goes one before."""
    found = counts[..., :-1].copy()
    found[..., -1] += counts[..., -1]
    return found


def threshold_curve(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall, float64 [..., STEPS], of p(class) ≥ 0, 1/STEPS, 2/STEPS, …

    ``counts`` are those of ``chances`` for a class [..., STEPS, 2]. NaN where nothing is above the
    threshold (precision), or the class does not occur (recall).
    """
    above = np.cumsum(counts[..., ::-1, :], axis=-2, dtype=np.float64)[..., ::-1, :]
    own = above[..., 1]
    return ratio(own, above.sum(axis=-1)), ratio(own, np.broadcast_to(own[..., :1], own.shape))


def threshold_for(counts: np.ndarray, recall: float) -> float | None:
    """The highest threshold at which the class of ``chances`` [STEPS, 2] has this recall.

    None where the class does not occur.

    >>> counts = np.zeros((STEPS, 2)); counts[[30, 80], 1] = [1, 9]
    >>> threshold_for(counts, recall=0.9), threshold_for(counts, recall=0.95)
    (0.8, 0.3)
    """
    found = threshold_curve(counts)[1]
    enough = np.flatnonzero(found >= recall - 1e-12)
    return float(enough[-1] / STEPS) if len(enough) else None


def decided(fine: np.ndarray, confidence: float) -> tuple[float, float]:
    """Share of the pixels at least so sure, and share of these that is right; NaN where none is.

    ``fine`` are the counts of ``confidences`` [FINE, 3]; the confidence is rounded to its steps.
    """
    kept = fine[round(confidence * FINE) :].sum(axis=0)
    return float(ratio(kept[0], fine[:, 0].sum())), float(ratio(kept[2], kept[0]))


def confidence_for(fine: np.ndarray, right: float) -> float | None:
    """The lowest confidence from which on so large a share of the pixels is right.

    None where no confidence is enough.

    >>> fine = np.zeros((FINE, 3)); fine[[150, 270]] = [[10, 5, 5], [90, 81, 90]]
    >>> confidence_for(fine, 0.94), confidence_for(fine, 0.99)
    (0.0, 0.9)
    """
    above = np.cumsum(fine[::-1], axis=0)[::-1]
    enough = np.flatnonzero(ratio(above[:, 2], above[:, 0]) >= right)
    if not len(enough):
        return None
    first = int(enough[0])
    filled = np.flatnonzero(fine[first:, 0])  # the step where the first of these pixels lie
    return float((first + filled[0]) / FINE) if first else 0.0


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities float32 [..., C] of logits divided by a temperature above 0 (Guo et al. 2017).

    Above 1 they come closer to each other; which is the largest stays as it was.

    >>> tempered(np.array([0.2, 0.8]), 2.0).round(3).tolist()
    [0.333, 0.667]
    """
    rows = np.moveaxis(probabilities, -1, 0)  # along the first axis it takes a fifth of the time
    powers = np.log(np.maximum(rows, LEAST)) / np.float32(temperature)
    exponent = np.exp(powers - powers.max(axis=0))
    return np.moveaxis(exponent / exponent.sum(axis=0), 0, -1)


def fit_temperature(counted: Counted) -> float:
    """The temperature of the lowest cross-entropy (Guo et al. 2017, section 4.2), 0.25 to 4.

    The cross-entropy is convex in 1 / temperature, so the zero of its derivative is bisected. 1
    where there is no pixel.
    """
    if not len(counted.truth):
        return 1.0
    logits = np.log(np.maximum(counted.probabilities, LEAST))
    true = np.take_along_axis(logits, counted.truth[:, None], axis=1).mean(dtype=np.float64)
    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(16):
        middle = float(np.sqrt(low * high))
        expected = (tempered(counted.probabilities, 1 / middle) * logits).sum(axis=1)
        if expected.mean(dtype=np.float64) > true:
            high = middle
        else:
            low = middle
    return round(float(1 / np.sqrt(low * high)), 4)
