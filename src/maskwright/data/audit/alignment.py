"""Whether a mask lies on its image as it should: flipped, turned or shifted masks.

The colours of an image differ more between the true regions than between wrong ones, and its
edges lie where the mask's classes meet. Both are measured on small copies, for the mask as it is
and for its seven flips and turns; what counts is how a pair compares with the whole set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 48  # pixels of the small copies
REACH = SIDE // 6  # the largest shift that is looked for, in pixels of the small copies
LEAST_PAIRS = 8  # with fewer, nothing can be told
MARGIN = 0.6  # share of the set's typical gap by which another placement must be better

PLACES = {
    "as it is": lambda a: a,
    "mirrored left to right": lambda a: a[:, ::-1],
    "mirrored top to bottom": lambda a: a[::-1],
    "turned by 180°": lambda a: a[::-1, ::-1],
    "mirrored about its diagonal": lambda a: a.T,
    "turned by 90° clockwise": lambda a: a.T[:, ::-1],
    "turned by 90° anticlockwise": lambda a: a.T[::-1],
    "mirrored about its other diagonal": lambda a: a.T[::-1, ::-1],
}
_GRID = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
_ORDER = np.stack([np.ravel(place(_GRID)) for place in PLACES.values()])  # int64 [8, SIDE²]


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mask fits its image.

    ``scores`` float32 [8]: for each of ``PLACES``, the share of the image's variance that the
    regions explain plus twice the correlation of edges, so about −2 to 3. ``shift`` is the (x, y)
    at which the edges fit best, as a share of the width and height; ``gain`` how much better than
    unshifted, and ``unshifted`` how well they fit so, both as correlations in [−1, 1].
    ``explained`` are the shares of the image's variance, in [0, 1], that the regions explain
    unshifted and at the shift: edges of a pattern that repeats fit in many places, its regions not.
    """

    scores: np.ndarray
    shift: tuple[float, float]
    gain: float
    unshifted: float
    explained: tuple[float, float]


def small_image(image: np.ndarray) -> np.ndarray:
    """The small copy uint8 [SIDE, SIDE, C] of image uint8 [H, W, C], by area."""
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).reshape(SIDE, SIDE, -1)


def small_mask(values: np.ndarray) -> np.ndarray:
    """The small copy [SIDE, SIDE] of mask values [H, W], by nearest neighbour."""
    rows, columns = (((np.arange(SIDE) + 0.5) * n / SIDE).astype(int) for n in values.shape)
    return values[np.ix_(rows, columns)]


def fit(image: np.ndarray, mask: np.ndarray) -> Fit | None:
    """Measure small copies, uint8 [SIDE, SIDE, C] and [SIDE, SIDE]; None if the mask is plain."""
    edges = np.zeros((SIDE, SIDE), np.uint8)
    edges[:, 1:] = mask[:, 1:] != mask[:, :-1]
    edges[1:] |= mask[1:] != mask[:-1]
    inner = edges[REACH:-REACH, REACH:-REACH]
    if not inner.any() or inner.all():
        return None
    features, strength = _features(image)
    regions = _regions(mask)
    sums = regions.reshape(-1, SIDE * SIDE) @ features.T  # [values × 8, C + 1]
    sizes = regions[:, :1].sum(axis=2)[..., None]
    explained = (sums.reshape(len(regions), 8, -1) ** 2 / sizes).sum(axis=0).mean(axis=-1)
    line = edges.ravel()[_ORDER].astype(np.float32)
    along = (line - line[0].mean()) @ strength.ravel() / (line[0].std() * SIDE**2)
    matches = cv2.matchTemplate(strength, inner.astype(np.float32), cv2.TM_CCOEFF_NORMED)
    y, x = np.unravel_index(matches.argmax(), matches.shape)
    unshifted = float(matches[REACH, REACH])
    cut = regions[:, 0].reshape(-1, SIDE, SIDE)[:, REACH:-REACH, REACH:-REACH]
    here = there = _explained(features, cut, REACH, REACH)
    if (y, x) != (REACH, REACH):
        there = _explained(features, cut, int(y), int(x))
    return Fit(
        (explained / SIDE**2 + 2 * along).astype(np.float32),
        (float(x - REACH) / SIDE, float(y - REACH) / SIDE),
        float(matches.max()) - unshifted,
        unshifted,
        (here, there),
    )


def _explained(features: np.ndarray, regions: np.ndarray, top: int, left: int) -> float:
    """The share of the variance of features [C, SIDE²] that regions [values, N, N] explain, laid
    on them with their corner at (top, left)."""
    side = regions.shape[1]
    part = features.reshape(-1, SIDE, SIDE)[:, top : top + side, left : left + side]
    part = (part - part.mean(axis=(1, 2), keepdims=True)).reshape(len(part), -1)
    flat = regions.reshape(len(regions), -1)
    between = ((flat @ part.T) ** 2 / np.maximum(flat.sum(axis=1, keepdims=True), 1)).sum(axis=0)
    return float((between / np.maximum(np.einsum("ij,ij->i", part, part), 1e-3)).mean())


def _features(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours and texture, float32 [C + 1, SIDE²], and edge strength, float32 [SIDE, SIDE].

    Each has mean 0 and variance 1 (or 0).
    """
    grey = image.mean(axis=2, dtype=np.float32)
    strength = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    features = np.empty((image.shape[2] + 2, SIDE, SIDE), np.float32)
    features[:-2] = image.transpose(2, 0, 1)
    features[-2] = cv2.GaussianBlur(strength, (0, 0), 2)
    np.log1p(strength, out=features[-1])
    flat = features.reshape(-1, SIDE * SIDE)
    flat -= flat.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", flat, flat) / SIDE**2)
    flat /= np.maximum(spread, 1e-3)[:, None]
    return flat[:-1], features[-1]


def _regions(mask: np.ndarray) -> np.ndarray:
    """Each value's region in each of ``PLACES``, float32 [values, 8, SIDE²].

    Of more than six values, the lowest and the rest.
    """
    values = distinct(mask)
    if len(values) > 6:
        mask, values = mask != values[0], np.array([False, True])
    return (mask.ravel()[_ORDER] == values[:, None, None]).astype(np.float32)


def distinct(values: np.ndarray) -> np.ndarray:
    """The values in a small mask, rising; for bytes without sorting them."""
    if values.dtype == np.uint8:
        return np.flatnonzero(np.bincount(values.ravel(), minlength=256)).astype(np.uint8)
    return np.unique(values)


def misplaced(fits: Sequence[Fit | None]) -> dict[int, str]:
    """For each pair whose mask fits better in another place: that place.

    Nothing is said where the set does not show clearly how a right mask fits: the typical gap
    between the right place and the others must be beyond chance.
    """
    known = [index for index, one in enumerate(fits) if one is not None]
    if len(known) < LEAST_PAIRS:
        return {}
    scores = np.stack([one.scores for one in fits if one is not None])  # [n, 8]
    gaps = scores[:, :1] - scores[:, 1:]  # how much better "as it is" is than each other place
    chance = gaps.std(axis=0) / np.sqrt(len(gaps))
    clear = np.maximum(8 * chance, 0.5 * gaps.std(axis=0))
    if (gaps.mean(axis=0) < -clear).any():  # the whole set is misplaced in one way
        place = 1 + int(gaps.mean(axis=0).argmin())
        gaps = scores[:, :1] - scores[:, place : place + 1]
        wrong = gaps[:, 0] < 0
        return {known[n]: list(PLACES)[place] for n in np.flatnonzero(wrong)}
    typical = np.median(gaps)
    spread = 1.4826 * np.median(np.abs(gaps - typical))  # the deviation, whatever a few pairs do
    if typical <= max(8 * np.median(chance), 1.2 * spread):
        return {}
    best = gaps.argmin(axis=1)
    wrong = gaps.min(axis=1) < -MARGIN * typical
    return {known[n]: list(PLACES)[1 + best[n]] for n in np.flatnonzero(wrong)}


def shifted(fits: Sequence[Fit | None]) -> dict[int, tuple[float, float]]:
    """For each pair whose mask fits better when shifted: by how much it is off, (x, y) shares.

    Shifts of less than 4 % of the side cannot be told, nor those in sets whose edges are faint.
    """
    known = [index for index, one in enumerate(fits) if one is not None]
    if len(known) < LEAST_PAIRS:
        return {}
    ones = [one for one in fits if one is not None]
    far = np.array([np.hypot(*one.shift) > 0.04 for one in ones])
    gain = np.where(far, [one.gain for one in ones], 0)
    shifts = np.array([one.shift for one in ones])
    common = np.median(shifts, axis=0)
    same = np.abs(shifts - common).max(axis=1) <= 1.5 / SIDE
    typical = np.median([one.unshifted for one in ones])
    here, there = np.array([one.explained for one in ones]).T
    usual, moved = np.median(here), np.median(there)
    together = moved > usual and np.median(gain) > 0.1
    if np.hypot(*common) > 0.04 and same.mean() > 0.6 and together:
        wrong = same & far  # the whole set is shifted
    elif typical < 0.1:
        return {}
    else:
        fits_then = gain + [one.unshifted for one in ones] > 0.7 * typical
        wrong = fits_then & (gain > max(0.35 * typical, 4 * np.quantile(gain, 0.9)))
        wrong &= (here < usual) & (there > 1.15 * here)
    # The template's best place is where the image's edges are: the mask is off by its opposite.
    return {known[n]: (-ones[n].shift[0], -ones[n].shift[1]) for n in np.flatnonzero(wrong)}
