"""Images of any size as overlapping square tiles, and back by rows: pure NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

AT_ONCE = 2**21  # numbers of the rows that are given at a time: each use of them takes as much


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixel of each tile; the tiles cover [0, length) and share at least ``overlap`` pixels.

    Where ``length`` is at most ``tile``, it is one tile, of which a part lies beyond the image.

    >>> starts(110, tile=64, overlap=32)
    [0, 23, 46]
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"overlap must be in [0, {tile}), got {overlap}; try {tile // 4}")
    if length <= tile:
        return [0]
    last = math.ceil((length - tile) / (tile - overlap))
    return [round(i * (length - tile) / last) for i in range(last + 1)]


@dataclass(frozen=True)
class Grid:
    """Where the tiles of an image of height × width lie, row by row; all in pixels."""

    height: int
    width: int
    tile: int
    overlap: int

    @property
    def tops(self) -> list[int]:
        """First row of each row of tiles."""
        return starts(self.height, self.tile, self.overlap)

    @property
    def lefts(self) -> list[int]:
        """First column of each column of tiles."""
        return starts(self.width, self.tile, self.overlap)


class Stitching:
    """Tiles put in row by row, image rows taken out as soon as no further tile reaches them.

    Where tiles overlap they are averaged, each with weights that fall towards its border. No more
    than a row of tiles is in memory.

    >>> rows = Stitching(Grid(height=5, width=4, tile=4, overlap=2))
    >>> tile = np.ones((4, 4, 1), np.float32)
    >>> [(top, len(row)) for top, row in rows.put(tile)]  # below it the next one takes part
    [(0, 1)]
    >>> [(top, len(row)) for top, row in rows.put(tile)]
    [(1, 4)]
    """

    def __init__(self, grid: Grid) -> None:
        self.grid, self.tops, self.lefts = grid, grid.tops, grid.lefts
        self.line = fade(grid.tile)
        self.window = np.outer(self.line, self.line)
        self.across = _weights(self.lefts, self.line)
        self.down = _weights(self.tops, self.line)
        self.open: np.ndarray | None = None  # float32 [C, tile, width], of the present row of tiles
        self.done = 0  # tiles

    def put(self, tile: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Add the next tile float32 [tile, tile, C], row by row of tiles, left to right.

        Yields the rows that are finished by it, if there are any, a few at a time: the first one's
        place in the image and rows float32 [n, width, C], in memory a plane of each C, as is quick.
        """
        side = self.grid.tile
        row, column = divmod(self.done, len(self.lefts))
        if self.open is None:
            self.open = np.zeros((tile.shape[2], side, len(self.across)), np.float32)
        left = self.lefts[column]
        self.open[..., left : left + side] += np.moveaxis(tile, -1, 0) * self.window
        self.done += 1
        if column + 1 < len(self.lefts):
            return
        top = self.tops[row]
        end = self.tops[row + 1] if row + 1 < len(self.tops) else self.grid.height
        for first, last in few_rows(top, end, self.open[:, 0].size, AT_ONCE):
            weights = np.outer(self.down[first:last], self.across)
            planes = self.open[:, first - top : last - top] / weights
            yield first, np.moveaxis(planes, 0, -1)[:, : self.grid.width]
        kept = side - (end - top)
        self.open[:, :kept] = self.open[:, end - top :]
        self.open[:, kept:] = 0


def few_rows(top: int, end: int, numbers: int, most: int) -> Iterator[tuple[int, int]]:
    """Rows of so many numbers, from ``top`` on and before ``end``, in parts of ``most`` numbers or
    of a single row: the first row of each part and the one after its last.

    >>> list(few_rows(1, 8, numbers=100, most=350))
    [(1, 4), (4, 7), (7, 8)]
    """
    step = max(1, most // numbers)
    for first in range(top, end, step):
        yield first, min(end, first + step)


def fade(tile: int) -> np.ndarray:
    """Weights float32 [tile] above 0 up to 1 along one side of a tile, a squared sine.

    >>> fade(4).round(3).tolist() == np.float32([0.146, 0.854, 0.854, 0.146]).tolist()
    True
    """
    return np.sin(np.pi * (np.arange(tile) + 0.5) / tile).astype(np.float32) ** 2


def _weights(first: list[int], line: np.ndarray) -> np.ndarray:
    """The sum float32 [n] of the weights of tiles that begin at these pixels of a side."""
    total = np.zeros(first[-1] + len(line), np.float32)
    for start in first:
        total[start : start + len(line)] += line
    return total
