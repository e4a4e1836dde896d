"""An image of any size as the squares that a network sees, and back by rows.

Squares are cut, and rows of probabilities taken out, a few at a time, so that of a large image no
more is in memory than a row of squares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from maskwright.config import ViewConfig
from maskwright.data.rasters import Raster
from maskwright.data.view import moved, restore, view_matrix, warp_image
from maskwright.tiling import AT_ONCE, Grid, Stitching, few_rows

WHOLE = 2**24  # numbers of a whole view that are given at a time: to resize all is quicker
CONTEXT = 2  # pixels around a square that bilinear resampling looks at, and some

Cut = Callable[[], Sequence[np.ndarray]]


class Rows(NamedTuple):
    """Class probabilities float32 [n, W, classes] of an image's rows from ``top`` on, of
    ``height`` in all."""

    top: int
    height: int
    probabilities: np.ndarray

    @property
    def end(self) -> int:
        """The row after the last one of these."""
        return self.top + len(self.probabilities)


class Views(Protocol):
    """The squares of an image of height × width, and the way back from their probabilities."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    def cuts(self) -> Iterator[Cut]:
        """Functions that give the next squares uint8 [S, S, C], to be called in any thread."""

    def put(self, scores: np.ndarray) -> Iterator[Rows]:
        """Take the probabilities float32 [S, S, classes] of the next square, in their order.

        Yields the rows of the image that are finished by it, in order.
        """


@dataclass(frozen=True)
class Whole:
    """An image as one square."""

    raster: Raster
    view: ViewConfig
    margin: int = 0

    @property
    def height(self) -> int:
        return self.raster.height

    @property
    def width(self) -> int:
        return self.raster.width

    @property
    def matrix(self) -> np.ndarray:
        """The map from the image to the square."""
        return view_matrix(self.height, self.width, self.view.size, self.view.fit)

    def square(self) -> np.ndarray:
        """uint8 [S, S, C], larger by the margin on each side."""
        image = self.raster.rows(0, self.height)
        return warp_image(image, moved(self.matrix, self.margin), self.view.size + 2 * self.margin)

    def cuts(self) -> Iterator[Cut]:
        yield lambda: [self.square()]

    def put(self, scores: np.ndarray) -> Iterator[Rows]:
        for top, end in few_rows(0, self.height, self.width * scores.shape[2], WHOLE):
            rows = restore(scores, from_row(self.matrix, top), end - top, self.width)
            yield Rows(top, self.height, rows)


class Windows:
    """An image as overlapping tiles of a copy that is scaled as the view says."""

    def __init__(self, raster: Raster, view: ViewConfig, margin: int = 0) -> None:
        self.raster, self.view, self.margin = raster, view, margin
        down, across = (max(1, round(side * view.scale)) for side in (self.height, self.width))
        self.grid = Grid(down, across, view.size, int(view.size * view.overlap))
        self.stitching = Stitching(self.grid)
        shift = (view.scale - 1) / 2
        self.matrix = np.array([[view.scale, 0, shift], [0, view.scale, shift]])  # to the copy
        self.kept: np.ndarray | None = None  # rows of the copy that further rows may still need
        self.first = 0  # of those rows
        self.top = 0  # the first row of the image that is not given yet

    @property
    def height(self) -> int:
        return self.raster.height

    @property
    def width(self) -> int:
        return self.raster.width

    def cuts(self) -> Iterator[Cut]:
        for top in self.grid.tops:
            yield partial(self.tiles, top)

    def tiles(self, top: int) -> list[np.ndarray]:
        """The row of tiles uint8 [S, S, C] that begins at this row of the copy."""
        side = self.view.size + 2 * self.margin
        above, below = self._span(top - self.margin, side, self.height)
        rows = self.raster.rows(above, below)
        tiles = []
        for left in self.grid.lefts:
            start, end = self._span(left - self.margin, side, self.width)
            matrix = from_row(self.matrix, above, start)
            matrix[:, 2] += self.margin - left, self.margin - top
            tiles.append(warp_image(rows[:, start:end], matrix, side))
        return tiles

    def _span(self, start: int, length: int, limit: int) -> tuple[int, int]:
        """The pixels of the image, of so many, that a tile of the copy shows along one side.

        Where the copy is smaller they begin at a multiple of what becomes one pixel, so that what
        is averaged does not depend on the tile.
        """
        scale = self.view.scale
        grain = max(1, int(1 / scale))
        first = max(0, math.floor(start / scale) - CONTEXT * grain) // grain * grain
        last = math.ceil((start + length) / scale) + CONTEXT * grain
        last = math.ceil(last / grain) * grain
        return min(first, limit - 1) // grain * grain, min(max(last, first + grain), limit)

    def put(self, scores: np.ndarray) -> Iterator[Rows]:
        for top, rows in self.stitching.put(scores):
            if self.view.scale == 1:
                yield Rows(top, self.height, rows)
            else:
                yield from self._resized(top + len(rows), rows)

    def _resized(self, done: int, rows: np.ndarray) -> Iterator[Rows]:
        """The rows of the image for which ``done`` rows of the copy, the last ones new, suffice."""
        scale = self.view.scale
        self.kept = rows if self.kept is None else np.concatenate([self.kept, rows])
        end = self.height
        if done < self.grid.height:  # each lies between two rows of the copy
            end = min(end, math.floor((done - 1 + 0.5) / scale - 0.5))
        for top, below in few_rows(self.top, end, self.width * rows.shape[2], AT_ONCE):
            matrix = from_row(self.matrix, top)
            matrix[1, 2] -= self.first
            yield Rows(top, self.height, restore(self.kept, matrix, below - top, self.width))
        self.top = max(self.top, end)
        needless = max(0, math.floor((self.top + 0.5) * scale - 0.5) - CONTEXT) - self.first
        if needless > 0:
            self.kept, self.first = self.kept[needless:], self.first + needless


def from_row(matrix: np.ndarray, top: int, left: int = 0) -> np.ndarray:
    """The map [2, 3] of what is left of an image without the rows and columns before these."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ (left, top)])


def views_of(raster: Raster, view: ViewConfig, margin: int = 0) -> Views:
    """The views of an image, each larger by ``margin`` on each side than what is known of it."""
    return (Windows if view.fit == "window" else Whole)(raster, view, margin)
