"""Where on a map an image lies: the georeference of GeoTIFF files, through rasterio (extra geo)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data import tiff
from maskwright.data.ingest.extras import import_needed
from maskwright.data.opening import explained

SCALE, TIES, MATRIX, KEYS = 33550, 33922, 34264, 34735  # tags of GeoTIFF
PROJECTED, GEOGRAPHIC, OWN = 3072, 2048, 32767  # keys of its directory; no code of EPSG
CACHE = 64  # MB that GDAL keeps of blocks


@dataclass(frozen=True)
class Place:
    """Where on a map an image lies.

    ``affine`` (a, b, c, d, e, f) turns a point (x, y) in pixels from the upper left corner into
    map coordinates (ax + by + c, dx + ey + f), in the order of rasterio and of world files' names.
    ``crs`` is the map's reference system as "EPSG:25832", or as WKT where it has no such code;
    GeoJSON's own is "EPSG:4326". ``metres`` has one unit of the map, None where it is in degrees.
    """

    affine: tuple[float, float, float, float, float, float]
    crs: str
    metres: float | None = None

    def square_metres(self, pixels: int) -> float | None:
        """What so many pixels cover on the map, in m², to six digits; None where it is in degrees.

        >>> Place((0.5, 0, 600000, 0, -0.5, 5700000), "EPSG:25832", 1.0).square_metres(3)
        0.75
        """
        a, b, _, d, e, _ = self.affine
        if self.metres is None:
            return None
        return float(f"{pixels * abs(a * e - b * d) * self.metres**2:.6g}")

    def on_map(self, points: np.ndarray) -> np.ndarray:
        """Map coordinates float64 [n, 2] of points float64 [n, 2] in pixels.

        >>> field = Place((0.5, 0, 600000, 0, -0.5, 5700000), "EPSG:25832", 1.0)
        >>> field.on_map(np.array([[10.0, 20.0]]))
        array([[ 600005., 5699990.]])
        """
        a, b, c, d, e, f = self.affine
        return points @ np.array([[a, d], [b, e]]) + (c, f)


def lies_on_map(path: Path) -> bool:
    """Whether an image file is a TIFF that says where on a map it lies."""
    with explained(path), path.open("rb") as file:
        tags = tiff.tags_of(file)
    return tags is not None and KEYS in tags and (SCALE in tags or MATRIX in tags)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where on a map an image lies, as far as it can be told without rasterio.

    ``crs`` is the EPSG code of the map, or what else tells it from others; ``box`` are west, south,
    east and north in its units, ``side`` that of a pixel (of one that is not square, that of a
    square of its area).
    """

    crs: str
    box: tuple[float, float, float, float]
    side: float


def spot_of(path: Path) -> Spot | None:
    """Where on a map an image file lies; None where it does not say."""
    with explained(path), path.open("rb") as file:
        tags = tiff.tags_of(file)
        if tags is None or not (keys := _numbers(tags, KEYS)):
            return None
        scale, ties, matrix = (_numbers(tags, tag) for tag in (SCALE, TIES, MATRIX))
        if len(scale) >= 2 and len(ties) >= 6:
            (across, down), (i, j, _, x, y, _) = scale[:2], ties[:6]
            a, b, c, d, e, f = across, 0.0, x - i * across, 0.0, -down, y + j * down
        elif len(matrix) >= 8:
            a, b, _, c, d, e, _, f = matrix[:8]
        else:
            return None
        width, height = int(tags[256]), int(tags[257])
        corners = [(x, y) for x in (0, width) for y in (0, height)]
        xs, ys = zip(*((a * x + b * y + c, d * x + e * y + f) for x, y in corners), strict=True)
        side = math.sqrt(abs(a * e - b * d))
        return Spot(_crs(keys), (min(xs), min(ys), max(xs), max(ys)), side) if side else None


def _numbers(tags: tiff.Tags, tag: int) -> tuple[float, ...]:
    """The numbers of a tag, none where they are not all that."""
    found = tags.get(tag)
    if not isinstance(found, tuple):
        return ()
    return found if all(isinstance(n, int | float) and math.isfinite(n) for n in found) else ()


def _crs(keys: Sequence[float]) -> str:
    """The EPSG code that GeoTIFF's directory of keys names, else all of it."""
    named = {keys[k]: keys[k + 3] for k in range(4, len(keys) - 3, 4) if keys[k + 1] == 0}
    for key in (PROJECTED, GEOGRAPHIC):
        if 0 < named.get(key, 0) < OWN:
            return f"{named[key]:g}"
    return ",".join(f"{key:g}" for key in keys)


class Holes:
    """Where an image on a map holds no data: its no-data value in all bands, or transparency."""

    def __init__(self, path: Path, bands: int) -> None:
        rasterio = import_needed("rasterio", "geo", f"what holds no data in {path}")
        self.path = path
        with explained(path):
            self.file: Any = rasterio.open(path)
        self.by_value = self.file.count == bands  # else there is transparency beside the bands

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """bool [bottom - top, width]; of one thread at a time. DataError where it is damaged."""
        window = ((top, bottom), (0, self.file.width))
        with explained(self.path):
            if not self.by_value:
                return self.file.dataset_mask(window=window) == 0
            pixels, value = self.file.read(window=window), self.file.nodata
        if value is None:  # one that no pixel of this kind can have
            return np.zeros(pixels.shape[1:], bool)
        return (np.isnan(pixels) if np.isnan(value) else pixels == value).all(axis=0)

    def close(self) -> None:
        self.file.close()


def holes_of(path: Path, bands: int) -> Holes | None:
    """Where an image file on a map, read as so many bands, holds no data; None where it does not
    say that there may be such places.

    Raises DataError where rasterio is needed for it and not there.
    """
    with explained(path), path.open("rb") as file:
        tags = tiff.tags_of(file)
    return Holes(path, bands) if tags and tiff.has_holes(tags, bands) else None


def place_of(path: Path) -> Place | None:
    """Where on a map an image file lies; None where it does not say.

    Raises DataError where rasterio is needed for it and not there.
    """
    if not lies_on_map(path):
        return None
    rasterio = import_needed("rasterio", "geo", f"the place of {path} on a map")
    with explained(path), rasterio.open(path) as source:
        if not source.crs:
            return None
        authority = source.crs.to_authority()
        crs = ":".join(authority) if authority else source.crs.to_wkt()
        metres = source.crs.linear_units_factor[1] if source.crs.is_projected else None
        return Place(tuple(source.transform)[:6], crs, metres)
