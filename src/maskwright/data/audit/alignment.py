"""Whether a mask lies on its image as it should: flipped, turned or shifted masks.

The colours of an image differ more between the true regions than between wrong ones, and its
edges lie where the mask's classes meet. Both are measured on small copies, for the mask as it is
and for its seven flips and turns; what counts is how a pair compares with the whole set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SIDE = 48  # pixels of the small copies
REACH = SIDE // 6  # the largest shift that is looked for, in pixels of the small copies
LEAST_PAIRS = 8  # with fewer, nothing can be told
MOST_REGIONS = 6  # of a mask that are told apart
MARGIN = 0.6  # share of the set's typical gap by which another placement must be better

PLACES = {  # of the last two axes
    "as it is": lambda a: a,
    "mirrored left to right": lambda a: a[..., ::-1],
    "mirrored top to bottom": lambda a: a[..., ::-1, :],
    "turned by 180°": lambda a: a[..., ::-1, ::-1],
    "mirrored about its diagonal": lambda a: a.swapaxes(-1, -2),
    "turned by 90° clockwise": lambda a: a.swapaxes(-1, -2)[..., ::-1],
    "turned by 90° anticlockwise": lambda a: a.swapaxes(-1, -2)[..., ::-1, :],
    "mirrored about its other diagonal": lambda a: a.swapaxes(-1, -2)[..., ::-1, ::-1],
}
_BACK = (0, 1, 2, 3, 4, 6, 5, 7)  # the place that undoes each


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


def fit_all(images: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[Fit | None]:
    """Measure small copies, uint8 [SIDE, SIDE, 3] and [SIDE, SIDE]; None if a mask is plain.

    Many at once, since each call of NumPy or OpenCV hands Python's lock to another thread, and for
    arrays as small as these the waiting to get it back costs more than the work.
    """
    if not len(masks):
        return []
    values = np.stack(masks)
    edges = np.zeros(values.shape, np.uint8)
    edges[:, :, 1:] = values[:, :, 1:] != values[:, :, :-1]
    edges[:, 1:] |= values[:, 1:] != values[:, :-1]
    inner = _inside(edges).mean(axis=(1, 2))
    known = np.flatnonzero((inner > 0) & (inner < 1))
    found: list[Fit | None] = [None] * len(values)
    if len(known):
        measured = _measure(np.stack(images)[known], _ranks(values[known]), edges[known])
        for index, one in zip(known, measured, strict=True):
            found[index] = one
    return found


def _measure(images: np.ndarray, ranks: np.ndarray, edges: np.ndarray) -> Iterator[Fit]:
    """The fit of each of n small copies, with their masks' ``ranks`` and edges uint8."""
    number, features = len(images), _features(images)
    placed = np.empty((number, 5, 8, SIDE, SIDE), np.float32)  # the features, and the mask as it is
    for index, place in enumerate(PLACES.values()):
        placed[:, :, _BACK[index]] = place(features)
    regions = _regions(ranks)
    sums = regions @ placed[:, :4].reshape(number, 32, -1).transpose(0, 2, 1)  # [n, regions, 32]
    scores = _between(sums, regions).reshape(number, 4, 8).mean(axis=1) / SIDE**2
    share = edges.mean(axis=(1, 2), dtype=np.float32)[:, None]
    along = placed[:, 4].reshape(number, 8, -1) @ edges.reshape(number, -1, 1).astype(np.float32)
    scores += 2 * along[..., 0] / (np.sqrt(share - share**2) * SIDE**2)
    matches = [
        cv2.matchTemplate(strength, one, cv2.TM_CCOEFF_NORMED)
        for strength, one in zip(features[:, -1], _inside(edges).astype(np.float32), strict=True)
    ]
    best = [np.unravel_index(one.argmax(), one.shape) for one in matches]
    tops, lefts = np.array(best).T
    inner = _regions(_inside(ranks))
    windows = sliding_window_view(features[:, :-1], (SIDE - 2 * REACH,) * 2, axis=(2, 3))
    here = _explained(windows[:, :, REACH, REACH], inner).tolist()
    there = _explained(windows[np.arange(number), :, tops, lefts], inner).tolist()
    for index, (one, (y, x)) in enumerate(zip(matches, best, strict=True)):
        unshifted = float(one[REACH, REACH])
        yield Fit(
            scores[index],
            (float(x - REACH) / SIDE, float(y - REACH) / SIDE),
            float(one[y, x]) - unshifted,
            unshifted,
            (here[index], there[index]),
        )


def _inside(copies: np.ndarray) -> np.ndarray:
    """Small copies [n, SIDE, SIDE] without the margin in which they may be shifted."""
    return copies[:, REACH:-REACH, REACH:-REACH]


def _regions(ranks: np.ndarray) -> np.ndarray:
    """The region of each rank of uint8 [n, N, N], float32 [n, regions, N²]."""
    kinds = np.arange(ranks.max() + 1, dtype=np.uint8)[:, None]
    return (ranks.reshape(len(ranks), 1, -1) == kinds).astype(np.float32)


def _between(sums: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """What regions [n, regions, pixels] explain of the squares of features [n, C], whose sums over
    each are [n, regions, C]."""
    return (sums**2 / np.maximum(regions.sum(axis=2, keepdims=True), 1)).sum(axis=1)


def _explained(parts: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """The share of the variance of parts [n, C, N, N] that regions [n, regions, N²] explain,
    float32 [n]."""
    flat = (parts - parts.mean(axis=(2, 3), keepdims=True)).reshape(*parts.shape[:2], -1)
    between = _between(regions @ flat.transpose(0, 2, 1), regions)
    return (between / np.maximum(np.einsum("ncp,ncp->nc", flat, flat), 1e-3)).mean(axis=1)


def _features(images: np.ndarray) -> np.ndarray:
    """Colours, texture and, last, edge strength of small copies, float32 [n, 5, SIDE, SIDE].

    Each has mean 0 and variance 1 (or 0).
    """
    features = np.empty((len(images), 5, SIDE, SIDE), np.float32)
    features[:, :3] = images.transpose(0, 3, 1, 2)
    for start in range(0, len(images), 500):  # channels, of which OpenCV takes up to 512
        some = features[start : start + 500]
        grey = np.ascontiguousarray(some[:, :3].mean(axis=1).transpose(1, 2, 0))
        across, down = (cv2.Sobel(grey, cv2.CV_32F, *step) for step in ((1, 0), (0, 1)))
        strength = cv2.magnitude(across, down).reshape(SIDE, SIDE, -1)
        blurred = cv2.GaussianBlur(strength, (0, 0), 2).reshape(SIDE, SIDE, -1)
        some[:, 3], some[:, 4] = blurred.transpose(2, 0, 1), np.log1p(strength).transpose(2, 0, 1)
    features -= features.mean(axis=(2, 3), keepdims=True)
    spread = np.sqrt(np.einsum("ncyx,ncyx->nc", features, features) / SIDE**2)
    features /= np.maximum(spread, 1e-3)[..., None, None]
    return features


def _ranks(values: np.ndarray) -> np.ndarray:
    """How many values of the same copy are lower, uint8, for integers [n, SIDE, SIDE].

    Of more than six values, the lowest and the rest.
    """
    ranks = np.zeros(values.shape, np.uint8)
    most, lowest = np.iinfo(values.dtype).max, values.min(axis=(1, 2), keepdims=True)
    for _ in range(MOST_REGIONS):
        above = values > lowest
        if not above.any():
            break
        ranks += above
        lowest = values.min(axis=(1, 2), keepdims=True, where=above, initial=most)
    many = ranks.max(axis=(1, 2)) == MOST_REGIONS
    ranks[many] = ranks[many] > 0
    return ranks


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
