"""Objects and images as rows of CSV files."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from maskwright.data.labels import IGNORE, ClassTable
from maskwright.shapes.objects import Objects

OBJECT = (
    "image", "number", "class", "area", "x", "y", "width", "height",
    "centroid_x", "centroid_y", "perimeter", "confidence", "at_border",
)  # fmt: skip


def object_rows(image: str, objects: Objects) -> list[dict[str, object]]:
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


def image_columns(table: ClassTable) -> list[str]:
    """The columns of a table of images."""
    counted = [name for index, name in enumerate(table.names) if index not in table.ground]
    return [
        "image", "width", "height", "objects",
        *(f"objects of {name}" for name in counted),
        *(f"share of {name}" for name in table.names),
        "share left open",
    ]  # fmt: skip


def image_row(
    image: str, mask: np.ndarray, objects: Objects, table: ClassTable
) -> dict[str, object]:
    """The row of an image: how many objects each class has, and its share of the pixels of
    mask uint8 [H, W]."""
    shares = np.bincount(mask.ravel(), minlength=256) / mask.size
    count = Counter(one.name for one in objects)
    height, width = mask.shape
    known = {"image": image, "width": width, "height": height, "objects": len(objects)}
    known |= {f"share of {name}": f"{shares[k]:.6f}" for k, name in enumerate(table.names)}
    known |= {f"objects of {name}": count[name] for name in table.names}
    known |= {"share left open": f"{shares[IGNORE]:.6f}"}
    return {column: known[column] for column in image_columns(table)}


def text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """The file."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
