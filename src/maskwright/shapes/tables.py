"""Objects as rows of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from maskwright.shapes.objects import Objects

OBJECT = (
    "image", "number", "class", "area", "x", "y", "width", "height",
    "centroid_x", "centroid_y", "perimeter", "confidence", "at_border",
)  # fmt: skip


def rows(image: str, objects: Objects) -> list[dict[str, object]]:
    """A row for each object of an image; lengths and areas in pixels."""
    return [
        dict(zip(OBJECT, (image, one.number, one.name, one.area, *one.box, *numbers), strict=True))
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


def text(columns: Sequence[str], lines: Iterable[Mapping[str, object]]) -> str:
    """The file."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()
