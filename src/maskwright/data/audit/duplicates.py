"""Images that are there twice: the same bytes, or nearly the same picture.

The perceptual hash of an image is its grey thumbnail of 16×16; two are alike when the thumbnails
correlate, also where one is a flipped or turned, smaller, brighter or re-encoded copy. On the
Oxford pets, copies correlate at 0.98 and above, different photographs at 0.87 and below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np

from maskwright.data.audit.alignment import PLACES

SIDE = 16
ALIKE = 0.97  # least correlation of the thumbnails
LOOKED = 64  # pixels of the copies in which details are compared
SAME_DETAIL = 0.75  # least correlation of the details
CACHED = 1000  # details in memory, 16 KB each
LEAST_CONTRAST = 1.0  # grey levels; thumbnails of less show nothing to compare
BLOCK = 2048  # thumbnails compared at once
FARTHEST = 2 - 2 * ALIKE + 1e-4  # squared distance of those that are alike, and rounding
_GRID = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
ORDERS = np.stack([np.ravel(place(_GRID)) for place in PLACES.values()])  # int64 [8, 256]


def thumbnail(image: np.ndarray) -> bytes:
    """The hash of a small image uint8 [S, S, C]: its grey thumbnail, uint8 [16, 16] as bytes."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).reshape(SIDE, SIDE, -1)
    return small.mean(axis=2).round().astype(np.uint8).tobytes()


def alike(thumbnails: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Pairs (i, j), i < j, of thumbnails that are alike in one of the eight placements.

    All are compared with all, in blocks, so that memory stays bounded. First only their means over
    the eight placements are: 36 numbers instead of eight times 256. As that mean is a projection,
    it brings no two farther apart, so none that are alike are missed. 20,000 take 2 to 6 s.
    """
    pixels = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE * SIDE)
    norms = _norms(pixels)
    usable = np.flatnonzero(norms >= LEAST_CONTRAST * SIDE)
    means = _means(pixels, norms, usable)
    lengths = np.einsum("ij,ij->i", means, means)
    for begin in range(0, len(usable), BLOCK):
        rows = slice(begin, begin + BLOCK)
        for start in range(begin, len(usable), BLOCK):
            columns = slice(start, start + BLOCK)
            apart = lengths[rows, None] + lengths[columns] - 2 * means[rows] @ means[columns].T
            near = np.argwhere(apart <= FARTHEST) + np.array([begin, start])
            for part in np.array_split(near[near[:, 0] < near[:, 1]], 1 + len(near) // BLOCK):
                i, j = usable[part].T
                mine, others = _unit(pixels[i], norms[i]), _unit(pixels[j], norms[j])
                same = np.any([_along(mine, others[:, order]) >= ALIKE for order in ORDERS], axis=0)
                yield from zip(i[same].tolist(), j[same].tolist(), strict=True)


def _means(pixels: np.ndarray, norms: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The mean of each usable thumbnail over the eight placements, float32 [n, 36].

    Each pixel that is a class of its own under the placements once, by the root of how often it
    occurs, so that lengths stay what they are for all 256.
    """
    first = ORDERS.min(axis=0)  # of the pixels that the placements take into each other
    kept, counts = np.unique(first, return_counts=True)
    means = np.empty((len(usable), len(kept)), np.float32)
    for begin in range(0, len(usable), BLOCK):
        part = usable[begin : begin + BLOCK]
        unit = _unit(pixels[part], norms[part])
        means[begin : begin + BLOCK] = np.mean([unit[:, order[kept]] for order in ORDERS], axis=0)
    return means * np.sqrt(counts).astype(np.float32)


def _along(mine: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The correlation of each row with that of the other, float32 [n]."""
    return np.einsum("ij,ij->i", mine, others)


def _norms(pixels: np.ndarray) -> np.ndarray:
    """The spread of each thumbnail about its mean, times its 16 pixels a side, float32 [n]."""
    norms = [
        np.linalg.norm(_centred(pixels[n : n + BLOCK]), axis=1)
        for n in range(0, len(pixels), BLOCK)
    ]
    return np.concatenate(norms) if norms else np.zeros(0, np.float32)


def _centred(pixels: np.ndarray) -> np.ndarray:
    values = pixels.astype(np.float32)
    return values - values.mean(axis=1, keepdims=True)


def _unit(pixels: np.ndarray, norms: np.ndarray) -> np.ndarray:
    return _centred(pixels) / norms[:, None]


def same_details(mine: np.ndarray, other: np.ndarray) -> bool:
    """Whether the details of two images agree in any of the eight placements.

    Thumbnails of two pictures of sky over ground are alike as well; their details are not.
    """
    return any(float((mine * place(other)).sum()) >= SAME_DETAIL for place in PLACES.values())


def details_of(image: np.ndarray) -> np.ndarray:
    """The fine structure of an image uint8 [H, W, C], float32 [LOOKED, LOOKED] of length 1."""
    small = cv2.resize(image, (LOOKED, LOOKED), interpolation=cv2.INTER_AREA)
    small = small.reshape(LOOKED, LOOKED, -1)
    grey = small.mean(axis=2, dtype=np.float32)
    detail = grey - cv2.GaussianBlur(grey, (0, 0), 4)
    return detail / max(float(np.linalg.norm(detail)), 1.0)  # below 1 it is rounding


def clusters(
    digests: Sequence[str],
    thumbnails: Sequence[bytes],
    read: Callable[[int], np.ndarray | None],
) -> list[list[int]]:
    """The groups of images that are nearly the same, each as rising indices.

    ``read`` gives the image at an index, for a closer look at those whose thumbnails are alike;
    None where it cannot be read; LOOKED pixels of it are enough.
    """

    @lru_cache(CACHED)
    def details(index: int) -> np.ndarray | None:
        image = read(index)
        return None if image is None else details_of(image)

    leader = list(range(len(digests)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    first: dict[str, int] = {}
    for index, digest in enumerate(digests):
        leader[find(index)] = find(first.setdefault(digest, index))
    singles = sorted(first.values())
    for i, j in alike([thumbnails[index] for index in singles]):
        a, b = singles[i], singles[j]
        if find(a) != find(b):
            one, other = details(a), details(b)
            if one is not None and other is not None and same_details(one, other):
                leader[max(find(a), find(b))] = min(find(a), find(b))
    groups: dict[int, list[int]] = {}
    for index in range(len(digests)):
        groups.setdefault(find(index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]
