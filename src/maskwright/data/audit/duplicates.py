"""Images that are there twice: the same bytes, or nearly the same picture.

The perceptual hash of an image is its grey thumbnail of 16×16; two are alike when the thumbnails
correlate, also where one is a flipped or turned, smaller, brighter or re-encoded copy. On the
Oxford pets, copies correlate at 0.98 and above, different photographs at 0.87 and below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from maskwright.data.audit.alignment import PLACES

SIDE = 16
ALIKE = 0.97  # least correlation of the thumbnails
SAME_DETAIL = 0.75  # least correlation of the details, in copies of 64×64
LEAST_CONTRAST = 1.0  # grey levels; thumbnails of less show nothing to compare
BLOCK = 2048  # thumbnails compared at once


def thumbnail(image: np.ndarray) -> bytes:
    """The hash of a small image uint8 [S, S, C]: its grey thumbnail, uint8 [16, 16] as bytes."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).reshape(SIDE, SIDE, -1)
    return small.mean(axis=2).round().astype(np.uint8).tobytes()


def alike(thumbnails: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Pairs (i, j), i < j, of thumbnails that are alike in one of the eight placements.

    All are compared with all, in blocks, so that memory stays bounded: about 15 s for 100,000.
    """
    pixels = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE * SIDE)
    norms = _norms(pixels)
    usable = np.flatnonzero(norms >= LEAST_CONTRAST * SIDE)
    grid = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    orders = [np.ravel(place(grid)) for place in PLACES.values()]
    for begin in range(0, len(usable), BLOCK):
        rows = usable[begin : begin + BLOCK]
        mine = _unit(pixels[rows], norms[rows])
        for start in range(begin, len(usable), BLOCK):
            columns = usable[start : start + BLOCK]
            others = _unit(pixels[columns], norms[columns])
            best = np.maximum.reduce([mine @ others[:, order].T for order in orders])
            for i, j in zip(*np.nonzero(best >= ALIKE), strict=True):
                if rows[i] < columns[j]:
                    yield int(rows[i]), int(columns[j])


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


def same_details(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two images uint8 [H, W, C] agree in detail, in any of the eight placements.

    Thumbnails of two pictures of sky over ground are alike as well; their details are not.
    """
    mine = _details(one)
    other = _details(other)
    return any(float((mine * place(other)).sum()) >= SAME_DETAIL for place in PLACES.values())


def _details(image: np.ndarray) -> np.ndarray:
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).reshape(64, 64, -1)
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
    None where it cannot be read.
    """
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
            one, other = read(a), read(b)
            if one is not None and other is not None and same_details(one, other):
                leader[max(find(a), find(b))] = min(find(a), find(b))
    groups: dict[int, list[int]] = {}
    for index in range(len(digests)):
        groups.setdefault(find(index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]
