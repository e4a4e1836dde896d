"""Images that are there twice: the same bytes, or nearly the same picture.

The perceptual hash of an image is its grey thumbnail of 32×32. Two are near-duplicates when the
thumbnails, shrunk to 16×16, correlate, and so do their details, also where one is a flipped or
turned, smaller, brighter or re-encoded copy. On the Oxford pets copies correlate at 0.98 and above
in both, different photographs at 0.87 and below in the first.

Where many images are alike, such as those of a fixed camera, they show one scene, and only those
count as near-duplicates that hardly differ anywhere. Where even so most of a set is one cluster,
nothing can be told from likeness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from maskwright.console import track
from maskwright.data.audit.alignment import PLACES

SIDE = 32
ALIKE = 0.97  # least correlation of the thumbnails of 16×16
SAME_DETAIL = 0.75  # least correlation of the details
CLOSE = 0.35  # most difference of two pixels of 16×16, in standard deviations of the image
FEW = 4  # most images of a cluster that may differ somewhere, by a watermark for example
LEAST_CONTRAST = 1.0  # grey levels; thumbnails of less show nothing to compare
LEAST_DETAIL = 8.0  # length of the details below which they are rounding
ROUNDING = 1e-4
BLOCK = 2048  # thumbnails compared at once
PART = 4096  # pairs compared at once


def _orders(side: int) -> np.ndarray:
    """For each of ``PLACES`` where its pixels come from, int64 [8, side²]."""
    grid = np.arange(side * side).reshape(side, side)
    return np.stack([np.ravel(place(grid)) for place in PLACES.values()])


ORDERS, DETAIL_ORDERS = _orders(16), _orders(SIDE)
# The 36 orbits of pixels of 16×16 that the placements take into each other, [8, 36], and the root
# of how often each pixel is in its own once.
ORBITS = ORDERS[:, ORDERS.min(axis=0) == np.arange(256)]
ONCE = np.sqrt([len(set(orbit)) / 8 for orbit in ORBITS.T]).astype(np.float32)


class Alike(NamedTuple):
    """Groups of images that are nearly the same, each as rising indices.

    ``scene`` are those that are so much alike that nothing can be told from it, most of a set or
    none: of these only equal files are in ``groups``.
    """

    groups: list[list[int]]
    scene: list[int]


def thumbnail(image: np.ndarray) -> bytes:
    """The hash of a small image uint8 [S, S, C]: its grey thumbnail, uint8 [32, 32] as bytes."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).reshape(SIDE, SIDE, -1)
    return small.mean(axis=2).round().astype(np.uint8).tobytes()


def clusters(digests: Sequence[str], thumbnails: Sequence[bytes]) -> Alike:
    """The groups of images that are nearly the same."""
    first: dict[str, int] = {}
    for index, digest in enumerate(digests):
        first.setdefault(digest, index)
    singles = np.array(list(first.values()), int)
    loose, tight = Sets(len(singles)), Sets(len(singles))
    for i, j, close in near_pairs([thumbnails[index] for index in singles]):
        loose.join(i, j)
        tight.join(i[close], j[close])
    sizes = np.bincount(loose.leaders, minlength=len(singles))
    leaders = np.where(sizes[loose.leaders] > FEW, tight.leaders, loose.leaders)
    largest = np.bincount(leaders, minlength=1).argmax()
    scene = np.flatnonzero(leaders == largest)
    if len(scene) <= max(FEW, len(singles) // 2):
        scene = scene[:0]
    leaders[scene] = scene
    of_digest = dict(zip(first, leaders.tolist(), strict=True))
    groups: dict[int, list[int]] = {}
    for index, digest in enumerate(digests):
        groups.setdefault(of_digest[digest], []).append(index)
    shared = [group for group in groups.values() if len(group) > 1]
    return Alike(shared, singles[scene].tolist())


class Sets:
    """Disjoint sets of the indices below ``count``; ``leaders`` int64 [count] are the lowest."""

    def __init__(self, count: int) -> None:
        self.leaders = np.arange(count)

    def join(self, ones: np.ndarray, others: np.ndarray) -> None:
        """Join the sets of each of ``ones`` with that of its other."""
        for start in range(0, len(ones), PART):
            a, b = (self.leaders[ends[start : start + PART]] for ends in (ones, others))
            for pair in zip(a[a != b].tolist(), b[a != b].tolist(), strict=True):
                low, high = sorted(map(self._find, pair))
                self.leaders[high] = low
            while (self.leaders != (above := self.leaders[self.leaders])).any():
                self.leaders = above

    def _find(self, index: int) -> int:
        while self.leaders[index] != index:
            index = int(self.leaders[index])
        return index


def near_pairs(
    thumbnails: Sequence[bytes],
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Near-duplicates, as arrays of i, j > i, and whether the two are close all over.

    All are compared with all, in blocks, so that memory stays bounded.
    """
    units = _units(thumbnails)
    blocks = [slice(start, start + BLOCK) for start in range(0, len(units), BLOCK)]
    both = [(a, b) for index, a in enumerate(blocks) for b in blocks[index:]]
    for rows, columns in track(both, "comparing", len(both), "blocks/s") if len(both) > 3 else both:
        i, j, place = _alike(units, rows, columns)
        for index in np.unique(place):
            there = place == index
            yield from _same(thumbnails, units, i[there], j[there], index)


def _units(thumbnails: Sequence[bytes]) -> np.ndarray:
    """Thumbnails of 16×16 with mean 0 and length 1, float32 [n, 256]; 0 where nothing is seen."""
    units = np.zeros((len(thumbnails), 256), np.float32)
    for start in range(0, len(units), BLOCK):
        pixels = np.frombuffer(b"".join(thumbnails[start : start + BLOCK]), np.uint8)
        small = pixels.reshape(-1, 16, 2, 16, 2).mean(axis=(2, 4)).reshape(-1, 256)
        small -= small.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(small, axis=1, keepdims=True)
        np.divide(
            small, norms, out=units[start : start + BLOCK], where=norms >= 16 * LEAST_CONTRAST
        )
    return units


def _alike(
    units: np.ndarray, rows: slice, columns: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The i, j > i in two blocks that correlate in one of the eight placements, and the place.

    First the values of each orbit are compared in rising order, which is the same for all
    placements: no other order of two rows of numbers has a greater product (the rearrangement
    inequality), so no pair is missed.
    """
    near = np.argwhere(_orbits(units[rows]) @ _orbits(units[columns]).T >= ALIKE - ROUNDING)
    near += np.array([rows.start, columns.start])
    near = near[near[:, 0] < near[:, 1]]
    (left, i), (right, j) = (np.unique(ends, return_inverse=True) for ends in near.T)
    best = np.full((len(left), len(right)), -2, np.float32)
    place = np.zeros(best.shape, np.uint8)
    for index, order in enumerate(ORDERS):
        along = units[left] @ units[right][:, order].T
        place[along > best] = index
        np.maximum(best, along, out=best)
    found = best[i, j] >= ALIKE
    i, j = i[found], j[found]
    return left[i], right[j], place[i, j]


def _orbits(units: np.ndarray) -> np.ndarray:
    """The values of each orbit, rising, float32 [n, 288]: as long as the thumbnails are."""
    return (np.sort(units[:, ORBITS], axis=1) * ONCE).reshape(len(units), -1)


def _same(
    thumbnails: Sequence[bytes], units: np.ndarray, i: np.ndarray, j: np.ndarray, place: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Those of the pairs i, j whose details agree in that place, and whether they are close.

    Thumbnails of two pictures of sky over ground are alike as well, but their details are not.
    """
    (left, mine), (right, other) = (np.unique(ends, return_inverse=True) for ends in (i, j))
    details, others = (
        np.stack([details_of(thumbnails[index]) for index in ends.tolist()])
        for ends in (left, right)
    )
    agree = (details @ others[:, DETAIL_ORDERS[place]].T)[mine, other] >= SAME_DETAIL
    mine, other, placed = mine[agree], other[agree], units[right][:, ORDERS[place]]
    for start in range(0, len(mine), PART):
        a, b = left[mine[start : start + PART]], other[start : start + PART]
        apart = np.abs(units[a] - placed[b]).max(axis=1)
        yield a, right[b], 16 * apart <= CLOSE


def details_of(thumbnail: bytes) -> np.ndarray:
    """The fine structure of a thumbnail, float32 [1024], of length 1; shorter if it is faint."""
    grey = np.frombuffer(thumbnail, np.uint8).reshape(SIDE, SIDE).astype(np.float32)
    detail = (grey - cv2.GaussianBlur(grey, (0, 0), 2)).ravel()
    return detail / max(float(np.linalg.norm(detail)), LEAST_DETAIL)
