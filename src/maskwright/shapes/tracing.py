"""Labels -> rings along the edges of pixels, all of them at once.

A part is a 4-connected piece of one object. The rings of a part are its outer one and one around
each hole. Each is simple, and two of a part touch in single points at most, so they make a valid
polygon: where two pixels of a part meet at a corner alone, the way turns left, off its own pixel,
and never comes to that corner again, for what joins the two encloses one of the other two pixels.

Points are (x, y) from the upper left corner of the image: the pixel in row r and column c covers
[c, c + 1] × [r, r + 1]. Outer rings go clockwise as seen with y downwards, holes the other way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# A step goes east, south, west or north, with its pixel on the right. Seen from where it begins:
STEP = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])  # (x, y) of where it ends,
OWN = np.array([[0, 0], [0, -1], [-1, -1], [-1, 0]])  # (row, column) of its pixel,
OTHER = np.array([[-1, 0], [0, 0], [0, -1], [-1, -1]])  # and of the pixel on its left


@dataclass(frozen=True)
class Rings:
    """Closed rings one after another, as the corners that they turn at and the nodes they pass.

    points: int64 [n, 2] (x, y). start: int64 [rings + 1], the place of each ring's first point,
    and n. part: int64 [rings], the part that each belongs to. node: bool [n], where three regions
    or more meet, the ground being one, so that more than two outlines do.
    """

    points: np.ndarray
    start: np.ndarray
    part: np.ndarray
    node: np.ndarray


def trace(parts: np.ndarray) -> Rings:
    """The rings of all parts int32 [H, W], numbered from 1 on; 0 is ground and has none.

    >>> trace(np.array([[0, 1, 1]])).points.tolist()
    [[1, 0], [3, 0], [3, 1], [1, 1]]
    """
    around = np.pad(parts, 1)
    across = around.shape[1]
    flat = around.ravel()
    shift = OWN @ [across, 1]
    left = OTHER @ [across, 1]
    begins, heads = [], []
    for k in range(4):
        pixel = np.flatnonzero((flat > 0) & (flat != np.roll(flat, shift[k] - left[k])))
        begins.append(pixel - shift[k])
        heads.append(np.full(len(pixel), k))
    corner, head = np.concatenate(begins), np.concatenate(heads)
    part = flat[corner + shift[head]]
    ends = corner + STEP[head] @ [1, across]
    # Of the two pixels ahead, the left one decides first: that is the turn to the left.
    ahead_left = flat[ends + left[head]] == part
    ahead_right = flat[ends + shift[head]] == part
    turned = (head + np.where(ahead_left, 3, np.where(ahead_right, 0, 1))) % 4
    order = np.argsort(4 * corner + head, kind="stable")
    steps = (4 * corner + head)[order]
    following = np.searchsorted(steps, (4 * ends + turned)[order])
    way, start = _cycles(following)
    corner, head, part = (values[order][way] for values in (corner, head, part))
    before = np.arange(-1, len(way) - 1)
    before[start[:-1]] = start[1:] - 1
    node = _meeting(flat, across, corner)
    kept = (head != head[before]) | node
    place = np.concatenate([[0], np.cumsum(kept)])
    points = np.stack([corner % across - 1, corner // across - 1], axis=-1)
    return Rings(points[kept], place[start], part[start[:-1]].astype(np.int64), node[kept])


def _cycles(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cycles of a permutation one after another, and where each begins, and the length."""
    to, seen = following.tolist(), bytearray(len(following))
    way: list[int] = []
    start = [0]
    for first in range(len(to)):
        step = first
        while not seen[step]:
            seen[step] = 1
            way.append(step)
            step = to[step]
        if len(way) > start[-1]:
            start.append(len(way))
    return np.array(way, np.int64), np.array(start, np.int64)


def _meeting(flat: np.ndarray, across: int, corner: np.ndarray) -> np.ndarray:
    """Whether three or more of the four sides of pixels at a corner part two regions, bool [n]."""
    four = [flat[corner + shift] for shift in (-across - 1, -across, 0, -1)]
    return sum((one != four[k - 1]).astype(np.int8) for k, one in enumerate(four)) > 2
