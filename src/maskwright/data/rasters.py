"""Images that are read by rows: those in memory, and files too large to be held there."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from maskwright.data import tiff
from maskwright.data.bands import RGB, Bands, to_bands
from maskwright.data.images import decode_rows, decoded, read_image, upright_size
from maskwright.data.opening import explained, opened_file

SMALL = 2**22  # pixels of an image that is decoded as soon as it is opened


class Raster(Protocol):
    """An image of height × width pixels, as the network sees it."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    def rows(self, top: int, bottom: int) -> np.ndarray:
        """uint8 [bottom - top, width, C]; of any thread. DataError where the file is damaged."""


@dataclass(frozen=True)
class Held:
    """An image uint8 [H, W, C] in memory."""

    pixels: np.ndarray

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    def rows(self, top: int, bottom: int) -> np.ndarray:
        return self.pixels[top:bottom]


@dataclass
class Late:
    """An image file that is decoded when its first rows are wanted, then held."""

    path: Path
    bands: Bands
    height: int
    width: int
    held: Held | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, top: int, bottom: int) -> np.ndarray:
        with self.lock:
            self.held = self.held or Held(read_image(self.path, self.bands))
        return self.held.rows(top, bottom)


@dataclass(frozen=True)
class Paged:
    """A TIFF file of which only the rows that are wanted are read."""

    path: Path
    bands: Bands
    page: tiff.Page

    @property
    def height(self) -> int:
        return self.page.height

    @property
    def width(self) -> int:
        return self.page.width

    def rows(self, top: int, bottom: int) -> np.ndarray:
        with explained(self.path), self.path.open("rb") as file:
            page = replace(self.page, file=file)
            return to_bands(decode_rows(page, top, bottom, self.bands.count), self.bands, self.path)


def open_raster(path: Path, bands: Bands = RGB) -> Raster:
    """An image file; a TIFF larger than ``SMALL`` is read by rows where its blocks allow it.

    Limits of pixels and bytes hold for files that are decoded whole. Raises DataError.
    """
    with explained(path), path.open("rb") as file:  # once: on network drives it takes its time
        page = tiff.page_by_rows(file, path)
        if page and page.height * page.width > SMALL:
            return Paged(path, bands, page)
        with opened_file(file, path) as image:
            height, width = upright_size(image)
            if height * width > SMALL:
                return Late(path, bands, height, width)
            pixels = decoded(image, 0, bands.count).pixels
    return Held(to_bands(pixels, bands, path))
