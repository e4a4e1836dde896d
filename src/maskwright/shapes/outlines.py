"""Rings along the edges of pixels -> simplified polygons.

With a tolerance above 0, a step of one pixel (out and on again, as in a slanting line) is first
cut from the middle of one side to the middle of the next. Such an outline still passes every
pixel's centre at 0.353 or more, on the right side. Then points are left out as long as no point
of the outline before is farther than the tolerance from that after (Douglas and Peucker, 1973).
So up to a tolerance of 0.35 each pixel's centre stays on its side: rasterising gives the mask back.

With any tolerance no point of a polygon's outline is farther than the tolerance and 0.36 pixels
from the edges of the object's pixels, so the area on which the two differ is less than the length
of those edges times that.

Where outlines meet, their points stay, and between two such nodes an outline is simplified once
for both its sides: what touched still touches, up to 0.35 with neither gaps nor overlaps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from skimage.measure import label

from maskwright.shapes.tracing import Rings, trace


def polygons(labels: np.ndarray, tolerance: float, top: int = 0) -> np.ndarray:
    """A valid shapely Polygon or MultiPolygon for each object 1 to n of labels int32 [H, W], the
    rows of an image from ``top`` on.

    Each of the n has a pixel. A MultiPolygon is of pieces that touch at corners of pixels alone.
    Where an outline would cross itself or vanish, it is simplified less than the tolerance allows.
    """
    rings = trace(label(labels, connectivity=1))
    whole = np.repeat(np.arange(len(rings.part)), np.diff(rings.start))
    # The object of a ring is that of the pixel on the right of its first side.
    owner = _owners(rings, labels)
    rings = replace(rings, points=rings.points + np.array([0, top]))
    if not tolerance:
        return _filled(rings.points, whole, rings.part, owner)
    arcs = arcs_of(smoothed(rings))
    ring_of = np.repeat(np.arange(len(owner)), np.diff(arcs.start))
    allowed = np.full(len(arcs.lines), float(tolerance))
    while True:
        points, ring = arcs.simplified(allowed)
        wrong = np.zeros(owner.max(initial=-1) + 1, bool)
        wrong[owner[np.bincount(ring, minlength=len(owner)) < 3]] = True
        if not wrong.any():
            found = _filled(points, ring, rings.part, owner)
            wrong = ~shapely.is_valid(found)
            if not wrong.any():
                return found
        again = arcs.arc[wrong[owner[ring_of]]]
        allowed[again] = np.where(allowed[again] < 0.1, 0, allowed[again] / 2)


def _owners(rings: Rings, labels: np.ndarray) -> np.ndarray:
    """The object of each ring, less 1, int64 [rings]: that of its part's first corner's pixel."""
    outer = np.unique(rings.part, return_index=True)[1]
    column, row = rings.points[rings.start[outer]].T  # the upper left corner of its first pixel
    return labels[row, column].astype(np.int64)[rings.part - 1] - 1


def _filled(
    points: np.ndarray, ring: np.ndarray, part: np.ndarray, owner: np.ndarray
) -> np.ndarray:
    """The geometry of each object, from the points of all rings in turn.

    A part's outer ring comes before those of its holes.
    """
    order = np.argsort(part, kind="stable")
    rings = shapely.linearrings(points, indices=ring)[order]
    parts, first = np.unique(part, return_index=True)
    pieces = shapely.polygons(rings, indices=np.searchsorted(parts, part[order]))
    owner = owner[first]
    order = np.argsort(owner, kind="stable")
    found = shapely.multipolygons(pieces[order], indices=owner[order])
    single = (np.bincount(owner) == 1)[owner]
    found[owner[single]] = pieces[single]
    return found


def smoothed(rings: Rings) -> Rings:
    """The rings with steps of one pixel cut, points float64 [n, 2]."""
    after, before = _neighbours(rings.start)
    points = rings.points.astype(np.float64)
    way = points[after] - points
    length = np.abs(way).sum(axis=1)
    way /= length[:, None]
    came = way[before]
    turn = came[:, 0] * way[:, 1] - came[:, 1] * way[:, 0]  # 1 right, -1 left
    free = ~rings.node
    step = (length == 1) & (turn == -turn[after]) & free & free[after]
    cut = (step | step[before]) & free
    place, second = _spread(1 + cut)
    moved = np.where(second[:, None] == 1, way[place], -came[place]) * (0.5 * cut[place])[:, None]
    start = np.concatenate([[0], np.cumsum(1 + cut)])[rings.start]
    return _without_doubles(Rings(points[place] + moved, start, rings.part, rings.node[place]))


def _without_doubles(rings: Rings) -> Rings:
    """The rings without points that are where the one before is."""
    _, before = _neighbours(rings.start)
    kept = (rings.points != rings.points[before]).any(axis=1)
    place = np.concatenate([[0], np.cumsum(kept)])
    return Rings(rings.points[kept], place[rings.start], rings.part, rings.node[kept])


@dataclass(frozen=True)
class Arcs:
    """Outlines cut at their nodes, each once for both its sides.

    lines: shapely LineStrings [arcs]. Of each piece of a ring, ring by ring: arc int64 [pieces],
    which of them it is, and back bool [pieces], whether it goes from that one's end to its start.
    start: int64 [rings + 1], the place of each ring's first piece, and how many there are.
    """

    lines: np.ndarray
    arc: np.ndarray
    back: np.ndarray
    start: np.ndarray

    def simplified(self, tolerance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The points float64 [n, 2] of all rings, each arc simplified by its tolerance float64
        [arcs], and the ring int64 [n] that each belongs to."""
        lines = shapely.simplify(self.lines, tolerance, preserve_topology=False)
        count = shapely.get_num_coordinates(lines)
        first = np.cumsum(count) - count
        sides = count[self.arc] - 1
        piece, within = _spread(sides)  # its last point is the first of the next
        within = np.where(self.back[piece], sides[piece] - within, within)
        ring = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        return shapely.get_coordinates(lines)[first[self.arc[piece]] + within], ring[piece]


def arcs_of(rings: Rings) -> Arcs:
    """The rings as arcs; one without nodes is an arc from its uppermost left point to itself."""
    rings = _rotated(rings)
    after, _ = _neighbours(rings.start)
    begins = rings.node.copy()
    begins[rings.start[:-1]] = True
    begin = np.flatnonzero(begins)
    sides = np.diff(np.append(begin, len(begins)))
    piece, within = _spread(sides + 1)
    place = begin[piece] + within
    last = within == sides[piece]
    place[last] = after[place[last] - 1]
    chain = rings.points[place]
    end = np.cumsum(sides + 1) - 1
    back = _backwards(chain, end - sides, end)
    chain = chain[(end - sides)[piece] + np.where(back[piece], sides[piece] - within, within)]
    # No two arcs leave a point the same way.
    key = np.concatenate([chain[end - sides], chain[end - sides + 1]], axis=1)
    _, kept, arc = np.unique(key, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(begin), np.int64)
    rank[np.sort(kept)] = np.arange(len(kept))
    own = np.isin(piece, kept)
    lines = shapely.linestrings(chain[own], indices=rank[piece[own]])
    start = np.searchsorted(begin, rings.start)
    return Arcs(lines, rank[kept[arc]], back, start)


def _rotated(rings: Rings) -> Rings:
    """The rings begun at a node where they have one, else at their uppermost left point."""
    size = np.diff(rings.start)
    ring, within = _spread(size)
    x, y = rings.points.T
    order = np.lexsort((x, y, ~rings.node, ring))
    shift = order[rings.start[:-1]] - rings.start[:-1]
    place = rings.start[:-1][ring] + (within + shift[ring]) % size[ring]
    return Rings(rings.points[place], rings.start, rings.part, rings.node[place])


def _backwards(chain: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Whether each chain of points goes from its later end to its earlier one, in the order of
    (x, y); a closed one, whether it goes round with a negative area. bool [chains]."""
    ahead = chain[last] - chain[first]
    closed = (ahead == 0).all(axis=1)
    x, y = (chain - chain[0]).T if len(chain) else chain.T
    twice = np.concatenate([[0], np.cumsum(x[:-1] * y[1:] - x[1:] * y[:-1])])
    turned = twice[last] - twice[first] < 0
    return np.where(closed, turned, (ahead[:, 0] < 0) | ((ahead[:, 0] == 0) & (ahead[:, 1] < 0)))


def _neighbours(start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of the next and of the last point in the same ring, of each point."""
    count = start[-1]
    after, before = np.arange(1, count + 1), np.arange(-1, count - 1)
    after[start[1:] - 1] = start[:-1]
    before[start[:-1]] = start[1:] - 1
    return after, before


def _spread(count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For groups of so many each: of every member, its group and its place in it.

    >>> _spread(np.array([2, 0, 1]))
    (array([0, 0, 2]), array([0, 1, 0]))
    """
    group = np.repeat(np.arange(len(count)), count)
    return group, np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)
