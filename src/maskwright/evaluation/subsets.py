"""Where a model fails: the same scores for parts of the images that have something in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from maskwright.evaluation.table import Sums, number, pair
from maskwright.evaluation.tally import SIZES
from maskwright.measures.confusion import Scores, ratio
from maskwright.measures.resampling import multiplicities, resampled

FEWEST, MOST = 2, 20  # parts that are told apart by name, folder or group
IMAGES = 9  # below which thirds say nothing
_NUMBERED = re.compile(r"(.*[^\W\d_])[-_. ]*\d+$")


def subsets(
    names: Sequence[str], groups: Sequence[str], brightness: Sequence[float], areas: np.ndarray
) -> dict[str, list[tuple[str, np.ndarray]]]:
    """How the images can be parted: by what, and the name and places of each part.

    ``names`` are the images' paths in the dataset, ``brightness`` their mean values in 0–255,
    ``areas`` the mean area of their objects as a share of the image, NaN where they have none.
    """
    folders = [name.rpartition("/")[0] for name in names]
    stems = [name.rpartition("/")[2].rpartition(".")[0] for name in names]
    found = {
        "group": by_word(groups),
        "folder": by_word(folders),
        "name": by_word([found[1] if (found := _NUMBERED.match(s)) else "" for s in stems]),
        "brightness": thirds(np.asarray(brightness), ("darkest", "middle", "brightest")),
        "object size": thirds(areas, ("smallest", "middle", "largest")),
    }
    return {by: parts for by, parts in found.items() if parts}


def by_word(words: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """The places of each word, where there are a few of them and not nearly one for each image.

    >>> [(word, places.tolist()) for word, places in by_word(["cat", "dog", "cat", "dog"])]
    [('cat', [0, 2]), ('dog', [1, 3])]
    """
    distinct = sorted(set(words))
    if not FEWEST <= len(distinct) <= min(MOST, len(words) // 2):
        return []
    array = np.array(words)
    return [(word or "(none)", np.flatnonzero(array == word)) for word in distinct]


def thirds(values: np.ndarray, called: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """The places of the lowest, the middle and the highest third of the values that are known."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < IMAGES or np.ptp(values[known]) == 0:
        return []
    ordered = known[np.argsort(values[known], kind="stable")]
    return list(zip(called, np.array_split(ordered, len(called)), strict=True))


def scored(
    each: Sums, groups: Sequence[str], parts: Mapping[str, Sequence[tuple[str, np.ndarray]]]
) -> list[dict[str, Any]]:
    """The pixel accuracy and mean IoU of each part, with the interval of the latter."""
    return [
        {"by": by, "name": name, **_part(each, groups, places)}
        for by, ones in parts.items()
        for name, places in ones
    ]


def _part(each: Sums, groups: Sequence[str], places: np.ndarray) -> dict[str, Any]:
    own = each["classes"][places]
    scores = Scores.of_counts(own.sum(axis=0))
    drawn = multiplicities([groups[place] for place in places])
    return {
        "images": len(places),
        "pixel_accuracy": number(scores.pixel_accuracy),
        "mean_iou": number(scores.mean_iou),
        "interval": pair(Scores.of_counts(resampled(own, drawn)).mean_iou),
    }


def mean_area(sizes: np.ndarray, pixels: int) -> float:
    """About the mean area of an image's objects as a share of its pixels, NaN without objects.

    ``sizes`` are those of a tally [C, SIZES, 2]; an object counts as 1.5 times what it has at
    least.
    """
    counts = sizes[..., 0].sum(axis=0)
    return float(ratio(counts @ (1.5 * 2.0 ** np.arange(SIZES)), counts.sum() * pixels))


Read = Callable[[Any], np.ndarray]


def noting_brightness(read: Read, noted: dict[Any, float]) -> Read:
    """The same reader, which also notes the mean value of each image that it reads."""

    def reading(item: Any) -> np.ndarray:
        image = read(item)
        noted[item] = float(image[::4, ::4].mean())
        return image

    return reading
