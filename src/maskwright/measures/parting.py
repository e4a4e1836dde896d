"""One mask of all objects -> the objects, by how deep inside of one each pixel probably lies.

Where two objects touch, the probability of being inside of one has a valley between two hills, also
where it nowhere falls below a half. So not one threshold parts them but the lowest of several at
which two large pieces are left: a small hill beside a large one is noise.
"""

from __future__ import annotations

import cv2
import numpy as np

from maskwright.measures.objects import components

LEVELS = np.arange(1, 10) / 10  # of the probability, at which objects are looked at
SMOOTHING = 1.0  # pixels, sigma of the Gauss filter over it
LEAST = 20  # pixels of a piece that counts as one


def parted(objects: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Numbers int32 [H, W], from 1 on without gaps, of the objects in bool [H, W]; 0 elsewhere.

    ``inside`` float32 [H, W] is the probability that a pixel lies inside of an object, not on its
    rim. Each connected piece of ``objects`` is an object, or parts into several, whose pixels all
    go to the nearest.

    >>> inside = np.repeat(np.float32([[0.3, 0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.9, 0.3]]), 9, 0)
    >>> parted(np.ones((9, 10), bool), inside)[4]
    array([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], dtype=int32)
    """
    height = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), SMOOTHING)
    place, alive = np.flatnonzero(objects), objects.copy()  # most pixels may be in no object
    seeds = components(objects).ravel()[place]
    for level in LEVELS:
        seeds = split(seeds, components(alive & (height > level)).ravel()[place])
        alive.ravel()[place] = seeds > 0
    there = np.bincount(seeds, minlength=1) > 0
    there[0] = False
    numbers = np.zeros(objects.shape, np.int32)
    numbers.ravel()[place] = (np.cumsum(there) * there)[seeds]
    return spread(numbers, objects)


def split(seeds: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Seeds int32 [...] with those replaced that hold several large ones of the ``pieces``.

    ``pieces`` int32 [...], numbered from 1 on, each within one seed; of these only the large ones
    stay. Other seeds stay whole.
    """
    area = np.bincount(pieces.ravel(), minlength=1)
    seed_of = np.zeros(len(area), np.int32)
    seed_of[pieces] = seeds
    large = area >= LEAST
    large[0] = False
    several = np.bincount(seed_of[large], minlength=int(seeds.max(initial=0)) + 1) > 1
    kept = large & several[seed_of]
    numbers = np.where(kept, seeds.max(initial=0) + np.cumsum(kept), 0).astype(np.int32)
    return np.where(several[seeds], numbers[pieces], seeds)


def spread(seeds: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Seeds int32 [H, W] grown over what of bool [H, W] they lead to, each as fast as the others.

    >>> spread(np.array([[1, 0, 0, 0, 0, 2]], np.int32), np.ones((1, 6), bool))
    array([[1, 1, 1, 2, 2, 2]], dtype=int32)
    """
    cross, square = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8), np.ones((3, 3), np.uint8)
    exact: type[np.floating] = np.float32 if int(seeds.max(initial=0)) < 2**24 else np.float64
    grown = seeds.astype(exact)  # of which OpenCV finds the largest
    free, idle = np.flatnonzero(objects & (seeds == 0)), 0
    while len(free) and idle < 2:
        for shape in (cross, square):  # in turn, so that they grow as octagons
            near = cv2.dilate(grown, shape).ravel()[free]
            reached = near > 0
            grown.ravel()[free[reached]] = near[reached]
            free, idle = free[~reached], 0 if reached.any() else idle + 1
    return grown.astype(np.int32)
