"""How sure a score is, from the images that it was measured on: the bootstrap (Efron 1979).

Images, or groups of images that belong together, are drawn with replacement, as many as there are,
again and again; the scores of these sets say how much a score would vary with other images of the
same kind. It says nothing of other kinds of images, nor of another training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskwright.randomness import BOOTSTRAP, generator

DRAWS = 2000
LEVEL = 0.95
FEW = 20  # units below which such intervals are known to be too narrow
AT_ONCE = 4_000_000  # multiplicities, and sums, that are held


def multiplicities(groups: Sequence[str], draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """How often each image is in each draw, int16 [draws, images].

    Images of one group (a name that is not empty) are drawn together; each other is one of its own.
    Where there is one alone all draws are empty, for it tells nothing of others: sums of nothing
    have no scores, and these no interval.

    >>> drawn = multiplicities(["a", "a", ""], draws=4)
    >>> bool((drawn[:, 0] == drawn[:, 1]).all()), drawn.shape
    (True, (4, 3))
    """
    unit = units(groups)
    count = int(unit.max()) + 1 if len(unit) else 0
    if count < 2:
        return np.zeros((draws, len(unit)), np.int16)
    random = generator(BOOTSTRAP, seed)
    drawn = np.empty((draws, count), np.int16)
    rows = max(1, AT_ONCE // count)
    # Units picked one by one and counted: a tenth of the time of NumPy's multinomial.
    for part in (drawn[start : start + rows] for start in range(0, draws, rows)):
        picked = random.integers(count, size=part.shape) + count * np.arange(len(part))[:, None]
        part[:] = np.bincount(picked.ravel(), minlength=part.size).reshape(part.shape)
    return drawn[:, unit]


def units(groups: Sequence[str]) -> np.ndarray:
    """The number of what is drawn as one, for each image: intp [images].

    >>> units(["", "plate 1", "", "plate 1"]).tolist()
    [0, 1, 2, 1]
    """
    numbers: dict[object, int] = {}
    keys = [group or place for place, group in enumerate(groups)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.intp)


def resampled(each: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The sums over each draw, float64 [draws, …], of what was counted by image [images, …]."""
    flat = np.asarray(each, np.float64).reshape(len(each), -1)
    rows = max(1, AT_ONCE // max(flat.shape))
    parts = [drawn[start : start + rows] @ flat for start in range(0, len(drawn), rows)]
    return np.concatenate(parts).reshape(len(drawn), *each.shape[1:])


def interval(values: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """The percentile interval over the first axis, float64 [..., 2]; NaN where no draw has a value.

    >>> interval(np.arange(41.0)).round(6).tolist()
    [1.0, 39.0]
    """
    known = ~np.isnan(values).all(axis=0)
    edges = np.full((2, *values.shape[1:]), np.nan)
    if known.any():
        tail = (1 - level) / 2
        edges[..., known] = np.nanquantile(values[..., known], [tail, 1 - tail], axis=0)
    return np.moveaxis(edges, 0, -1)
