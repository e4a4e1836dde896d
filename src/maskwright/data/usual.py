"""What the images are like that a model was trained on, so that others are told that are not."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from maskwright.data.rasters import Raster

SIZE, BRIGHTNESS, RESOLUTION = "size", "brightness", "resolution"
SAMPLES = 32  # rows and columns, at least, whose pixels are looked at of those that are read
LARGER, ON_MAP = 10.0, 2.0  # times the largest training image, elsewhere and on a map
MOST = 2**62  # pixels, more than an image has
SLACK = 8.0  # levels of 255 by which the mean may lie outside in any case
FINER = 1.25  # times the size of a pixel on the map


@dataclass(frozen=True)
class Usual:
    """The training images of a model.

    ``longest`` is the longer side of the largest, in pixels; ``dark`` and ``bright`` are the mean
    of each band, 0 to 255, black pixels aside, in the image where it is lowest and highest;
    ``ground`` the smallest and largest side of a pixel on the map, empty unless all lie on one.
    """

    longest: int
    dark: tuple[float, ...]
    bright: tuple[float, ...]
    ground: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As it stands in data.json, under usual."""
        return {
            "longest": self.longest,
            "dark": list(self.dark),
            "bright": list(self.bright),
            "ground": list(self.ground),
        }

    def for_windows(self) -> Usual:
        """The same for a model that cuts windows out of images, which may be of any size."""
        return replace(self, longest=MOST)

    def unlike(self, size: tuple[int, int], level: np.ndarray | None, ground: float | None) -> str:
        """In what an image differs much: words of ``SIZE``, ``BRIGHTNESS`` and ``RESOLUTION``.

        ``size`` are its height and width, ``level`` float [bands] as ``dark``, ``ground`` the side
        of its pixels on a map; None where that is not known.

        >>> usual = Usual(512, (40.0,), (90.0,), (0.02, 0.02))
        >>> usual.unlike((500, 2000), np.array([15.0]), 0.03)
        'size, brightness, resolution'
        >>> usual.unlike((500, 700), np.array([25.0]), 0.02)
        ''
        """
        larger = LARGER if ground is None else ON_MAP
        found = [SIZE] if max(size) > larger * self.longest else []
        if level is not None and len(level) == len(self.dark):
            dark, bright = np.array(self.dark), np.array(self.bright)
            under = (level < dark / 2) & (level < dark - SLACK)
            over = (level > (bright + 255) / 2) & (level > bright + SLACK)
            if (under | over).any():
                found.append(BRIGHTNESS)
        if ground is not None and self.ground:
            low, high = self.ground
            if not low / FINER < ground < high * FINER:
                found.append(RESOLUTION)
        return ", ".join(found)


def usual_from(read: Mapping[str, Any] | None) -> Usual | None:
    """The way back of ``to_dict``; None where nothing is known. ValueError for nonsense."""
    if not read:
        return None
    dark, bright, ground = (
        tuple(float(number) for number in read[name]) for name in ("dark", "bright", "ground")
    )
    if len(dark) != len(bright) or len(ground) not in (0, 2):
        raise ValueError("what is usual is not told of every band")
    return Usual(int(read["longest"]), dark, bright, ground)


def usual_of(
    sizes: Sequence[tuple[int, int]], levels: Sequence[np.ndarray], grounds: Sequence[float | None]
) -> Usual | None:
    """What is usual in images of such sizes, levels [bands] and pixels on a map."""
    if not sizes:
        return None
    known = [ground for ground in grounds if ground is not None]
    ground = (min(known), max(known)) if len(known) == len(sizes) else ()
    if len({len(level) for level in levels}) > 1:
        return Usual(max(map(max, sizes)), (), (), ground)
    dark, bright = np.min(levels, axis=0).tolist(), np.max(levels, axis=0).tolist()
    return Usual(max(map(max, sizes)), tuple(dark), tuple(bright), ground)


def sampled(pixels: np.ndarray) -> np.ndarray:
    """Pixels [n, C] of pixels [H, W, C], spread evenly, without the black and the unknown."""
    down, across = (max(1, side // SAMPLES) for side in pixels.shape[:2])
    few = pixels[::down, ::across].reshape(-1, pixels.shape[2])
    few = few[few.any(axis=1)]
    return few[np.isfinite(few).all(axis=1)] if few.dtype.kind == "f" else few


def level_of(pixels: np.ndarray) -> tuple[float, ...]:
    """The mean of each band of pixels [H, W, C], black ones aside; 0 where all are."""
    few = sampled(pixels)
    mean = few.mean(axis=0, dtype=np.float64) if len(few) else np.zeros(pixels.shape[2])
    return tuple(mean.tolist())


@dataclass
class Watched:
    """A raster that remembers the mean of each band of what was read of it, by any thread."""

    raster: Raster
    count: int = 0
    sums: np.ndarray | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def height(self) -> int:
        return self.raster.height

    @property
    def width(self) -> int:
        return self.raster.width

    @property
    def level(self) -> np.ndarray | None:
        """As ``level_of``, float [C]; None where nothing was read."""
        return None if self.sums is None else self.sums / max(1, self.count)

    def rows(self, top: int, bottom: int) -> np.ndarray:
        pixels = self.raster.rows(top, bottom)
        few = sampled(pixels)
        added = few.sum(axis=0, dtype=np.float64)
        with self.lock:
            self.count += len(few)
            self.sums = added if self.sums is None else self.sums + added
        return pixels
