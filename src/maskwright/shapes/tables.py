"""Objects as rows of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np

from maskwright.data.maps import Place
from maskwright.shapes.objects import Object, Objects

OBJECT = (
    "image", "number", "class", "area", "x", "y", "width", "height",
    "centroid_x", "centroid_y", "perimeter", "confidence", "at_border",
)  # fmt: skip
ON_MAP = ("area_m2", "map_x", "map_y")  # where an image lies on a map


def rows(image: str, objects: Objects, place: Place | None = None) -> list[dict[str, object]]:
    """A row for each object of an image; lengths and areas in pixels.

    On a map its area in m² and the map coordinates of its centroid as well.
    """
    return [
        dict(zip(OBJECT, (image, one.number, one.name, one.area, *one.box, *numbers), strict=True))
        | (on_map(one, place) if place else {})
        for one in objects
        for numbers in [
            (
                f"{one.centroid[0]:.2f}",
                f"{one.centroid[1]:.2f}",
                f"{one.perimeter:.2f}",
                "" if one.confidence is None else f"{one.confidence:.4f}",
                int(one.at_border),
            )
        ]
    ]


def on_map(one: Object, place: Place) -> dict[str, object]:
    """Its area, empty where the map is in degrees, and the place of its centroid: ``ON_MAP``."""
    area, ((x, y),) = place.square_metres(one.area), place.on_map(np.array([one.centroid]))
    digits = 3 if place.metres else 8
    numbers = ("" if area is None else f"{area:.6g}", f"{x:.{digits}f}", f"{y:.{digits}f}")
    return dict(zip(ON_MAP, numbers, strict=True))


def text(lines: Sequence[Mapping[str, object]]) -> str:
    """The file objects.csv."""
    file = io.StringIO(newline="")
    columns = (*OBJECT, *ON_MAP) if any("map_x" in line for line in lines) else OBJECT
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()
