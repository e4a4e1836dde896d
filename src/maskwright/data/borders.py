"""Weights for the pixels between regions that nearly touch."""

from __future__ import annotations

import math

import cv2
import numpy as np

from maskwright.data.labels import IGNORE

REACH = 4.0  # standard deviations beyond which a weight, below exp(-8), may be left at 0


def border_weights(mask: np.ndarray, sigma: float) -> np.ndarray:
    """exp(−(d1 + d2)² / 2 sigma²) of each pixel, float32 [H, W] in 0–1.

    d1 and d2 are the distances in pixels to the two nearest regions of other classes than the
    pixel's own, so that narrow gaps, and whatever else is thin, weigh most. After equation 2 of
    Ronneberger et al. 2015 (arXiv:1505.04597, page 5), whose regions are cells and whose pixels
    those between them. A region is what is connected by sides or corners in one class. ``mask``
    uint8 [H, W]; pixels that are 255 (ignore) belong to no region and weigh 0.

    >>> mask = np.array([[1, 1, 1, 0, 0, 1, 1, 1, 1]], np.uint8)
    >>> border_weights(mask, sigma=2)[0, 3:5].round(3)  # d1 + d2 = 1 + 2: exp(-9 / 8)
    array([0.325, 0.325], dtype=float32)
    """
    reach = math.ceil(REACH * sigma)
    nearest = np.full((2, *mask.shape), np.inf, np.float32)
    for label in np.unique(mask[mask != IGNORE]).tolist():
        same = (mask == label).astype(np.uint8)
        _, regions, boxes, _ = cv2.connectedComponentsWithStats(same, connectivity=8)
        for number, (left, top, width, height, _) in enumerate(boxes[1:].tolist(), 1):
            rows = slice(max(0, top - reach), top + height + reach)
            columns = slice(max(0, left - reach), left + width + reach)
            away = distance(regions[rows, columns] == number)
            away[same[rows, columns] > 0] = np.inf
            keep_two(nearest[:, rows, columns], away)
    weights = np.exp(-np.square(nearest.sum(axis=0)) / (2 * sigma**2))
    weights[mask == IGNORE] = 0
    return weights


def distance(region: np.ndarray) -> np.ndarray:
    """The distance of each pixel to the nearest of a region bool [H, W], float32, in pixels."""
    return cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def keep_two(nearest: np.ndarray, away: np.ndarray) -> None:
    """Take distances [H, W] into the two smallest so far [2, H, W], in place."""
    first, second = nearest
    np.minimum(second, np.maximum(first, away), out=second)
    np.minimum(first, away, out=first)
