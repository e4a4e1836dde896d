"""How often the values of masks occur."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

EXACT = 2**24  # pixels that are counted at a time: OpenCV counts in float32
FEW = 6  # values that are counted one by one


def occurrences(masks: Sequence[np.ndarray], bins: Sequence[int]) -> np.ndarray:
    """How often the values of masks occur together: int64 [*bins].

    The masks are of one shape, all of them uint8 or all uint16. Pixels where a value is not below
    its number of bins are left out, such as those with 255, to be ignored. Several times as fast as
    ``bincount``, and other threads go on meanwhile.

    >>> truth, found = np.array([[0, 1, 1, 255], [0, 1, 0, 1]], np.uint8)
    >>> occurrences([truth], [2]), occurrences([truth, found], [2, 2])
    (array([1, 2]), array([[1, 0],
           [1, 1]]))
    """
    if len(masks) == 1 and bins[0] <= FEW:
        return np.array([np.count_nonzero(masks[0] == k) for k in range(bins[0])], np.int64)
    lines = [np.ascontiguousarray(mask).reshape(1, -1) for mask in masks]
    axes, ranges = list(range(len(lines))), [edge for count in bins for edge in (0, count)]
    found = np.zeros(bins, np.int64)
    for start in range(0, lines[0].size, EXACT):
        part = [line[:, start : start + EXACT] for line in lines]
        counted = cv2.calcHist(part, axes, None, list(bins), ranges)
        found += counted.reshape(bins).astype(np.int64)
    return found
