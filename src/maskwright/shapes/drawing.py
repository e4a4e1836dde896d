"""Objects of an image with their polygons: what every file format is written from.

A format has ``items``, which makes one of each object of a drawing, and what makes a file, or what
a file of all images holds of one, of the image's page and its items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskwright.data.labels import ClassTable
from maskwright.data.maps import Place
from maskwright.shapes.objects import Object, Objects

if TYPE_CHECKING:
    from shapely import Geometry


@dataclass(frozen=True)
class Page:
    """One image: its file's name, the file, the path from the folder of results to it, its size in
    pixels, its classes, the tolerance of its polygons and its place on the map."""

    name: str
    file: Path
    link: str
    height: int
    width: int
    table: ClassTable
    tolerance: float
    place: Place | None = None


@dataclass(frozen=True)
class Drawing:
    """Objects of an image, all or a part, and the polygon of each in pixels of the image."""

    page: Page
    objects: Objects
    polygons: Sequence[Geometry]

    def pairs(self) -> Iterator[tuple[Object, Geometry]]:
        """Each object with its polygon."""
        return zip(self.objects, self.polygons, strict=True)

    def runs(self, one: Object, *, by_column: bool) -> list[int]:
        """How many pixels of the image are outside of an object, inside, outside, … in turn, line
        by line or column by column."""
        x, y, _, _ = one.box
        row, column = np.nonzero(self.objects.pixels(one))
        row, column = row + y, column + x
        height, width = self.page.height, self.page.width
        return runs(column * height + row if by_column else row * width + column, height * width)


def runs(places: np.ndarray, length: int) -> list[int]:
    """The lengths of the runs outside, inside, outside, … of the places inside, of ``length``.

    >>> runs(np.array([1, 2, 5]), 7), runs(np.array([0]), 1)
    ([1, 2, 2, 1, 1], [0, 1])
    """
    places = np.sort(places)
    ends = np.flatnonzero(np.diff(places) > 1)
    starts = places[np.append(0, ends + 1)]
    stops = places[np.append(ends, len(places) - 1)] + 1
    edges = np.stack([starts, stops], axis=-1).ravel().tolist()
    counts = [stop - start for start, stop in zip([0, *edges], edges, strict=False)]
    return counts + ([length - edges[-1]] if edges[-1] < length else [])


def outers(shape: Geometry) -> list[np.ndarray] | None:
    """The outer rings float64 [n, 2] of a shape, not closed; None where it has holes, which many
    formats cannot tell."""
    pieces = polygons_of(shape)
    if any(len(piece.interiors) for piece in pieces):
        return None
    return [corners(piece.exterior) for piece in pieces]


def polygons_of(shape: Geometry) -> list[Any]:
    """The polygons of a Polygon or MultiPolygon."""
    return list(getattr(shape, "geoms", [shape]))


def corners(ring: Any) -> np.ndarray:
    """The points float64 [n, 2] of a shapely ring, the first not again at the end."""
    return np.asarray(ring.coords)[:-1]


def plain(value: float) -> float | int:
    """A coordinate as it is written: no more than 6 decimals, none for a whole number.

    >>> plain(3.0), plain(2.5), plain(1 / 3)
    (3, 2.5, 0.333333)
    """
    rounded = round(float(value), 6)
    return int(rounded) if rounded.is_integer() else rounded
