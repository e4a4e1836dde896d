"""The segmentations of COCO -> runs: how many pixels are outside, inside, outside, … in turn.

Pixels are counted column by column, as COCO does. Every length is checked here: the library that
COCO brings along reads and writes beyond its memory when a file is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from maskwright.data.ingest.extras import import_needed
from maskwright.errors import DataError

FAR = 1e9  # pixels; beyond that a coordinate might as well be there
MOST_DIGITS = 7  # of 5 bits each, of a number in a compressed run-length code


def runs_of(segmentation: Any, height: int, width: int, where: object) -> np.ndarray:
    """Polygons or a run-length code as run lengths int64 [n], whose sum is height × width.

    >>> runs_of({"size": [2, 3], "counts": [1, 2, 3]}, 2, 3, "it")
    array([1, 2, 3])
    """
    if isinstance(segmentation, list) and segmentation:
        return _of_polygons(segmentation, height, width, where)
    if isinstance(segmentation, dict) and {"size", "counts"} <= set(segmentation):
        return _of_code(segmentation, height, width, where)
    raise DataError(
        f"{where} has no segmentation, only a box at most; draw polygons or masks, or delete it"
    )


def paint(column: np.ndarray, runs: np.ndarray, value: int) -> None:
    """Set what is inside to ``value``, in place; ``column`` is uint8 [W × H], column by column."""
    ends = np.cumsum(runs).tolist()
    for start, stop in zip(ends[0::2], ends[1::2], strict=False):
        column[start:stop] = value


def _of_code(code: dict[str, Any], height: int, width: int, where: object) -> np.ndarray:
    if code["size"] != [height, width]:
        raise DataError(
            f"{where} is a mask of the size {code['size']}, but its image has [{height}, {width}] "
            "(height, width); correct one of them"
        )
    counts = code["counts"]
    try:
        runs = decompressed(counts) if isinstance(counts, str) else _whole_numbers(counts)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{where} has a run-length code that {error}; export it again") from None
    pixels = height * width
    if not len(runs) or runs.min() < 0 or runs.max() > pixels or runs.sum() != pixels:
        raise DataError(
            f"{where} has a run-length code that does not make {height} × {width} pixels; "
            "export it again"
        )
    return runs


def _whole_numbers(counts: Any) -> np.ndarray:
    if not isinstance(counts, list) or not all(type(count) is int for count in counts):
        raise ValueError("is no list of whole numbers")
    return np.array(counts, np.int64)


def decompressed(text: str) -> np.ndarray:
    """The run lengths int64 [n] of COCO's compressed code.

    A character stands for six bits above "0": five of a number, the lowest first, and whether more
    follow. From the fourth number on, each is the difference from the last but one.

    >>> decompressed("12N")
    array([ 1,  2, -2])
    """
    try:
        six = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        raise ValueError("holds characters that none has") from None
    if not len(six) or six.min() < 0 or six.max() > 63 or six[-1] & 32:
        raise ValueError("is broken off, or holds characters that none has")
    last = np.flatnonzero(six & 32 == 0)
    first = np.append(0, last[:-1] + 1)
    digits = last - first + 1
    if digits.max() > MOST_DIGITS:
        raise ValueError("holds a number that no image has")
    place = np.arange(len(six)) - np.repeat(first, digits)
    numbers = np.add.reduceat((six & 31) << 5 * place, first)
    numbers -= np.where(six[last] & 16, 1 << 5 * digits, 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _of_polygons(polygons: list[Any], height: int, width: int, where: object) -> np.ndarray:
    masks = import_needed("pycocotools.mask", "coco", f"{where} is a polygon, which")
    reach = float(height + width)
    near = [_clipped(_corners(polygon, where), reach, height, width) for polygon in polygons]
    flat = [polygon.ravel().tolist() for polygon in near if len(polygon) > 2]
    if not flat:
        return np.array([height * width])
    return decompressed(masks.merge(masks.frPyObjects(flat, height, width))["counts"].decode())


def _corners(polygon: Any, where: object) -> np.ndarray:
    """The corners float64 [n, 2] of a polygon, x and y in turn in the file."""
    try:
        numbers = np.array(polygon, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array(np.nan)
    if numbers.ndim != 1 or len(numbers) < 6 or len(numbers) % 2 or not np.isfinite(numbers).all():
        raise DataError(
            f"{where} has a polygon that is no list of x, y, x, y, … of three corners or more; "
            "redraw or delete it"
        )
    return np.clip(numbers, -FAR, FAR).reshape(-1, 2)


def _clipped(corners: np.ndarray, reach: float, height: int, width: int) -> np.ndarray:
    """The part of a polygon that is no farther than ``reach`` from the image, float64 [n, 2].

    What is cut off runs along that border, far outside, so that the image does not show it.
    """
    for axis, size in enumerate((width, height)):
        for sign, limit in ((-1, reach), (1, size + reach)):
            beyond = sign * corners[:, axis] - limit
            if (beyond > 0).any():
                corners = _cut(corners, beyond)
    return corners


def _cut(corners: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """The corners that are not ``beyond`` a line (float64 [n], > 0 is), and where it is crossed."""
    kept = []
    for index, distance in enumerate(beyond):
        if distance <= 0:
            kept.append(corners[index])
        after = (index + 1) % len(corners)
        if (distance > 0) != (beyond[after] > 0):
            share = distance / (distance - beyond[after])
            kept.append(corners[index] + share * (corners[after] - corners[index]))
    return np.array(kept).reshape(-1, 2)
