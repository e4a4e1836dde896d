"""A mask -> numbered objects: connected components, touching ones parted.

Pixels of one class that touch, at a corner too, are one component, as where objects are scored
(``measures/objects.py``). Ground and open pixels (255) are in none.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from skimage.measure import label
from skimage.segmentation import watershed

from maskwright.measures.parting import parted

SMOOTHING = 1.0  # pixels, sigma of the Gauss filter over distances
HEIGHT = 0.75  # pixels by which a seed rises above the saddle to any that is higher
GRAIN = 64  # distances are whole multiples of a 64th of a pixel, so that sums are exact
REACH = 64  # pixels beyond which nothing has a say in how an object is parted


def told_apart(
    mask: np.ndarray, without: Sequence[int], part: str, rim: int, inside: np.ndarray | None
) -> np.ndarray:
    """Numbers int32 [H, W] of the objects of mask uint8 [H, W], from 1 on; 0 for the classes
    ``without``. For ``part``, ``rim`` and ``inside`` see ``find_objects`` and ``parting``."""
    if part == "boundary" and inside is not None:
        return parted(~np.isin(mask, without), inside)
    if part == "boundary":
        return by_boundary(mask, without, rim)
    return by_watershed(mask, without) if part == "watershed" else components(mask, without)


def pieces(mask: np.ndarray, without: Sequence[int], part: str) -> np.ndarray:
    """Numbers int32 [H, W] of what holds objects whole, and is parted whatever lies farther away
    than REACH; 0 for the classes ``without``."""
    if part == "boundary":
        return components((~np.isin(mask, without)).astype(np.uint8), [0])
    return components(mask, without)


def components(mask: np.ndarray, without: Sequence[int]) -> np.ndarray:
    """Numbers int32 [H, W] of the components of mask uint8 [H, W]; 0 for the classes ``without``.

    >>> components(np.array([[1, 2, 0], [0, 1, 2]], np.uint8), [0]).tolist()
    [[1, 2, 0], [0, 1, 2]]
    """
    classes = mask.astype(np.int32) + 1
    classes[np.isin(mask, without)] = 0
    return label(classes, connectivity=2).astype(np.int32)


def by_boundary(mask: np.ndarray, without: Sequence[int], boundary: int) -> np.ndarray:
    """Components as if the class ``boundary`` were ground; then its pixels go to the nearest one.

    The nearest of those that the boundary's own pixels lead to (beyond REACH, the first that they
    lead to); what leads to none is in no object.

    >>> by_boundary(np.array([[1, 1, 2, 2, 1, 0, 2]], np.uint8), [0], 2).tolist()
    [[1, 1, 1, 2, 2, 0, 0]]
    """
    seeds = components(mask, [*without, boundary])
    away = np.minimum(_distance(seeds == 0), REACH)
    return _flooded_from(seeds, away, (mask == boundary) | (seeds > 0), 1)


def by_watershed(mask: np.ndarray, without: Sequence[int]) -> np.ndarray:
    """Components parted at their waists, by the watershed of the distance to where they end.

    A seed is a hill of the smoothed distance that rises ``HEIGHT`` above the saddle to any higher
    one (an h-maximum), so that a rough outline alone parts nothing.
    """
    found = np.zeros(mask.shape, np.int32)
    for number in np.setdiff1d(mask, without):
        inside = mask == number
        found[inside] = _parted(inside)[inside] + found.max()
    return found


def _parted(inside: np.ndarray) -> np.ndarray:
    """The objects int32 [H, W] of one class, bool [H, W]; only its own pixels mean something."""
    whole = label(inside, connectivity=2).astype(np.int32)
    height = cv2.GaussianBlur(_distance(inside), (0, 0), SMOOTHING)
    height = np.where(inside, np.rint(height * GRAIN) / GRAIN, 0).astype(np.float32)
    filled = _flooded(np.maximum(height - np.float32(HEIGHT), 0), height)
    seeds = label(height - filled >= HEIGHT, connectivity=2).astype(np.int32)
    of_seed = np.zeros(seeds.max() + 1, np.int32)
    of_seed[seeds] = whole
    several = np.bincount(of_seed[1:], minlength=whole.max() + 1) > 1
    pieces = several[whole] & inside
    if not pieces.any():
        return whole
    return np.where(pieces, whole.max() + _flooded_from(seeds, -height, pieces, 2), whole)


def _flooded_from(
    seeds: np.ndarray, ground: np.ndarray, where: np.ndarray, connectivity: int
) -> np.ndarray:
    """The watershed int32 [H, W] of seeds int32 [H, W] on ground float32 [H, W], for bool [H, W].

    Which of two pixels of seeds at one height is first, scikit-image leaves to a heap, in which
    objects far away have a say; here it is the first as one reads, by parts of a grain.
    """
    ground = ground.astype(np.float64)
    place = np.flatnonzero(seeds)
    ground.ravel()[place] -= (1 - place / seeds.size) / (2 * GRAIN)
    return watershed(ground, seeds, connectivity, mask=where).astype(np.int32)


def _distance(inside: np.ndarray) -> np.ndarray:
    """The distance float32 [H, W] in pixels from each pixel of bool [H, W] to one outside.

    Beyond the image nothing is outside; where nothing is, distances are huge. Their squares are
    whole numbers, which OpenCV's own are not quite, by what else is in the image.
    """
    found = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.sqrt(np.rint(np.square(found, dtype=np.float64))).astype(np.float32)


def _flooded(level: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """``level`` raised to what its neighbours have until it meets ``ground``, both float32 [H, W].

    The morphological reconstruction by dilation, as in scikit-image, but 20 times as fast on
    images of many objects.
    """
    while True:
        raised = np.minimum(cv2.dilate(level, np.ones((3, 3), np.uint8)), ground)
        if np.array_equal(raised, level):
            return level
        level = raised
