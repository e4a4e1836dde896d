"""A mask made visible whatever it holds: over its image, or on its own. Small before drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from maskwright.data.bands import Bands, to_bands
from maskwright.data.images import RawMask, decode, display
from maskwright.data.labels import IGNORE, ClassTable
from maskwright.errors import DataError
from maskwright.pictures import fit_within, overlay
from maskwright.report.embedded import SIDE

NO_CLASS = (255, 0, 255)  # the colour of pixels whose value the class table does not have
LEAST_KNOWN = 0.5  # share of a mask's pixels that the table must know


def shown_size(height: int, width: int) -> tuple[int, int]:
    """The height and width in the page: large ones shrink, very small ones grow by whole pixels.

    >>> shown_size(1000, 2000), shown_size(10, 12)
    ((160, 320), (260, 312))
    """
    longer = max(height, width)
    if longer <= SIDE:
        return height * (SIDE // longer), width * (SIDE // longer)
    return max(1, round(height * SIDE / longer)), max(1, round(width * SIDE / longer))


def small_image(path: Path, bands: Bands) -> np.ndarray:
    """An image file as the page shows it, uint8 [H, W, 3]; of a large JPEG less is decoded."""
    decoded = decode(path, least=SIDE, count=bands.count)
    return sized(display(to_bands(decoded.pixels, bands, path)))


def sized(image: np.ndarray) -> np.ndarray:
    """The image uint8 [H, W, 3] as small, or as large, as the page shows it."""
    if max(image.shape) > SIDE:
        return fit_within(image, SIDE)
    return at_size(image, *shown_size(*image.shape[:2]))


def at_size(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels [height, width, …] of those of any other size, the nearest of them."""
    rows = ((np.arange(height) + 0.5) * values.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * values.shape[1] / width).astype(int)
    return values[np.ix_(rows, columns)]


def laid_over(image: np.ndarray, raw: RawMask, table: ClassTable | None) -> np.ndarray | None:
    """The image uint8 [H, W, 3] with a mask of any size laid over it, stretched to its size.

    Pixels that no class has are magenta. None where the table says little about the mask.
    """
    found = _classes(raw, table, *image.shape[:2])
    if table is None or found is None:
        return None
    classes, known = found
    shown = overlay(image, classes, table)
    shown[~known] = NO_CLASS
    return shown


def colored(raw: RawMask, table: ClassTable | None) -> np.ndarray:
    """A mask on its own, RGB uint8 [H, W, 3].

    It has the colours of its classes where the table knows them (grey where ignored, magenta where
    no class is), else its own; else its values are spread over the greys.
    """
    height, width = shown_size(*raw.values.shape)
    found = _classes(raw, table, height, width)
    if table is None or found is None:
        return _as_stored(raw, height, width)
    classes, known = found
    colors = np.full((256, 3), 128, np.uint8)
    colors[: len(table)] = table.colors
    shown: np.ndarray = colors[classes]
    shown[~known] = NO_CLASS
    return shown


def _classes(
    raw: RawMask, table: ClassTable | None, height: int, width: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Class indices uint8 [height, width] (255: ignored), and where there is a class, bool."""
    if table is None:
        return None
    try:
        values = table.values_of(replace(raw, values=at_size(raw.values, height, width)))
    except DataError:
        return None
    classes, known = table.find(values)
    if known.mean() < LEAST_KNOWN:
        return None
    return np.where(known, classes, np.uint8(IGNORE)), known


def _as_stored(raw: RawMask, height: int, width: int) -> np.ndarray:
    """The colours of a colour file, else the values spread over the greys, uint8 [H, W, 3]."""
    values = at_size(raw.values, height, width)
    if raw.kind == "rgb":
        return np.stack([values >> 16, values >> 8, values], axis=-1).astype(np.uint8)
    found, order = np.unique(values, return_inverse=True)
    grey = order.reshape(values.shape) * 255 // max(1, len(found) - 1)
    return grey.astype(np.uint8)[..., None].repeat(3, axis=2)
