"""Images of any size as overlapping square tiles, and back: pure NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixel of each tile; the tiles cover [0, length) and share at least ``overlap`` pixels.

    Where ``length`` is at most ``tile``, it is one tile, which the caller pads.

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
    def corners(self) -> list[tuple[int, int]]:
        """(top, left) of each tile."""
        lefts = starts(self.width, self.tile, self.overlap)
        tops = starts(self.height, self.tile, self.overlap)
        return [(top, left) for top in tops for left in lefts]

    def cut(self, image: np.ndarray, margin: int = 0) -> list[np.ndarray]:
        """The tiles [tile, tile, C] of an image [height, width, C], its border reflected.

        With a ``margin`` each shows so many pixels more on each side: what lies there in the
        image, and beyond it its reflection (overlap-tile, Ronneberger et al. 2015, figure 2).
        """
        down, across = (max(0, self.tile - side) for side in image.shape[:2])
        if down or across or margin:
            image = reflected(image, down, across, margin)
        side = self.tile + 2 * margin
        return [image[y : y + side, x : x + side] for y, x in self.corners]

    def stitch(self, tiles: Sequence[np.ndarray]) -> np.ndarray:
        """The image float32 [height, width, C] whose tiles [tile, tile, C] these are.

        Where tiles overlap they are averaged, each with weights that fall towards its border.
        """
        height, width = max(self.height, self.tile), max(self.width, self.tile)
        total = np.zeros((height, width, tiles[0].shape[2]), np.float32)
        weights = np.zeros((height, width, 1), np.float32)
        window = fade(self.tile)
        for (y, x), tile in zip(self.corners, tiles, strict=True):
            total[y : y + self.tile, x : x + self.tile] += tile * window
            weights[y : y + self.tile, x : x + self.tile] += window
        total /= weights
        return total[: self.height, : self.width]


def reflected(image: np.ndarray, down: int, across: int, margin: int = 0) -> np.ndarray:
    """The image with so many more rows and columns after its last ones, and ``margin`` all round.

    What is new is mirrored at the image's edge.
    """
    rows, columns = (margin, down + margin), (margin, across + margin)
    return np.pad(image, (rows, columns, (0, 0)), "symmetric")


def fade(tile: int) -> np.ndarray:
    """Weights float32 [tile, tile, 1] above 0 up to 1, a squared sine along each axis.

    >>> [round(float(weight), 3) for weight in fade(4)[1, :, 0]]
    [0.125, 0.729, 0.729, 0.125]
    """
    line = np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2
    return np.outer(line, line).astype(np.float32)[..., None]
