"""Where a model all but rules out the class that a mask gives, by more than an outline's width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot

import cv2
import numpy as np

from maskwright.data.labels import IGNORE
from maskwright.predictor import most_likely

# By benchmarks/suspects.py.
MOST = 0.05  # probability of the given class up to which it is disputed
HALF = 0.001  # that at which a pixel counts half of what it would if the class were impossible
RADIUS = 0.005  # of the image's diagonal: thinner than twice that, it is a matter of the outline
DOUBT = 0.01  # share of the pixels that any model is expected to get wrong


@dataclass(frozen=True)
class Dispute:
    """How much of a mask is disputed, and where: bool [H, W]."""

    score: float
    where: np.ndarray


@dataclass(frozen=True)
class Region:
    """One connected part of what is disputed, predicted as one class, and mostly given as another.

    ``weight`` is its part of the sum in the score, in pixels; ``box`` is x, y, width and height;
    ``outline`` float64 [n, 2] are the corners (x, y) in pixels from the image's upper left corner,
    without holes.
    """

    given: int
    predicted: int
    weight: float
    area: int
    box: tuple[int, int, int, int]
    outline: np.ndarray


def dispute(truth: np.ndarray, probabilities: np.ndarray) -> Dispute:
    """How improbable the classes truth uint8 [H, W] are by probabilities float32 [H, W, C].

    Disputed is where the given class has a probability of 0.05 or less, opened by a radius of 0.5 %
    of the diagonal, so that rims along outlines fall away. The score is the sum of the odds against
    the given class there, each of 1000 at most and divided by that, over the sum of
    1 − p(likeliest) everywhere, which is how many pixels the model itself expects to be wrong, and
    1 % of the pixels more. Ignored pixels (255) count nowhere.

    >>> truth, seen = np.zeros((10, 10), np.uint8), np.zeros((10, 10), np.uint8)
    >>> seen[2:7, 2:7] = 1  # of this square, the disc leaves out the corners
    >>> [dispute(truth, np.eye(2)[classes]).score for classes in (truth, seen)]
    [0.0, 21.0]
    """
    counts = truth != IGNORE
    given = _given(truth, probabilities)
    top = probabilities.max(axis=-1)
    disputed = counts & (given <= MOST) & (given < top)
    where = opened(disputed, max(1, round(RADIUS * hypot(*truth.shape))))
    expected = float((1 - top)[counts].sum()) + DOUBT * np.count_nonzero(counts)
    return Dispute(float(weights(given[where]).sum() / max(expected, 1e-9)), where)


def _given(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The probability of the given class, [H, W]; where that is to be ignored, of any."""
    index = np.where(truth == IGNORE, 0, truth).astype(np.intp)
    return np.take_along_axis(probabilities, index[..., None], axis=-1)[..., 0]


def weights(given: np.ndarray) -> np.ndarray:
    """What pixels count by the probabilities of their given class: 1 where that is 0.

    >>> weights(np.array([0.1, 0.001, 0])).round(3).tolist()
    [0.009, 0.5, 1.0]
    """
    return HALF * (1 - given) / (given + HALF)


def opened(mask: np.ndarray, radius: int) -> np.ndarray:
    """What of mask bool [H, W] a disc of so many pixels fits into; beyond the border is nothing."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = np.pad(mask.astype(np.uint8), radius + 1)
    inner = slice(radius + 1, -radius - 1)
    return cv2.morphologyEx(padded, cv2.MORPH_OPEN, disc)[inner, inner].astype(bool)


def regions(truth: np.ndarray, probabilities: np.ndarray, where: np.ndarray) -> list[Region]:
    """The parts of what is disputed, those that weigh most first."""
    predicted = most_likely(probabilities)
    weight = weights(_given(truth, probabilities))
    found = []
    for kind in np.unique(predicted[where]).tolist():
        for box, part in _parts(where & (predicted == kind)):
            x, y, width, height = box
            cut = np.s_[y : y + height, x : x + width]
            given = int(np.bincount(truth[cut][part]).argmax())
            total, area = float(weight[cut][part].sum()), int(np.count_nonzero(part))
            found.append(Region(given, kind, total, area, box, outline(part) + np.array((x, y))))
    return sorted(found, key=lambda region: -region.weight)


def _parts(mask: np.ndarray) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray]]:
    """The box and the pixels, bool [height, width] in it, of each connected part."""
    count, numbers, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for number in range(1, count):
        x, y, width, height = found[number, :4].tolist()
        yield (x, y, width, height), numbers[y : y + height, x : x + width] == number


def outline(part: np.ndarray, tolerance: float = 0.75) -> np.ndarray:
    """The outer outline of the connected part bool [H, W], float64 [n, 2] as (x, y).

    It runs along the edges of the pixels, and where that leaves out corners, not further than
    ``tolerance`` from them.

    >>> outline(np.ones((2, 3), bool)).astype(int).tolist()
    [[0, 0], [0, 2], [3, 2], [3, 0]]
    """
    # In a copy twice as large, the outermost halves of pixels stand for the edges beside them.
    large = part.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    lines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    along = (max(lines, key=len) + 1) // 2
    exact = cv2.approxPolyDP(along, 0, closed=True)
    short = cv2.approxPolyDP(along, tolerance, closed=True)
    return (short if len(short) > 3 else exact)[:, 0].astype(np.float64)
