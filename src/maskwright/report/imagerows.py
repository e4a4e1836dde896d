"""The table of all images, from evaluation/NAME.csv."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwright.errors import RunError
from maskwright.report import words

MOST = 2000  # rows; of more images the worst are shown
FEW_CLASSES = 4  # up to so many have a column of their own
# Title of a column, what it is called in the file, and how it is written.
COLUMNS = {
    "Pixels right": ("pixel_accuracy", words.percent),
    "Mean IoU": ("mean_iou", words.score),
    "Boundary IoU": ("mean_boundary_iou", words.score),
    "HD95, px": ("mean_hd95", words.pixels),
    "Confidence": ("confidence", words.percent),
}
# The same where the masks number their objects.
OF_OBJECTS = {
    "Objects": ("objects", words.whole),
    "Objects predicted": ("objects predicted", words.whole),
}


@dataclass(frozen=True)
class ImageRow:
    """An image: its name, and (to sort by, to read) of each column; "" and "–" where no score."""

    name: str
    cells: list[tuple[str, str]]


@dataclass(frozen=True)
class ImageTable:
    """Titles of the columns after the name, the rows, the worst mean IoU first, and how many
    images there are in all."""

    titles: list[str]
    rows: list[ImageRow]
    total: int


def image_table(path: Path, classes: Sequence[str]) -> ImageTable | None:
    """The rows of the file; None where it is gone. Raises RunError where it is damaged."""
    if not path.is_file():
        return None
    columns = dict(COLUMNS)
    if len(classes) <= FEW_CLASSES:
        columns |= {f"IoU of {name}": (f"iou {name}", words.score) for name in classes}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.DictReader(file)
            if set(lines.fieldnames or ()) >= {key for key, _ in OF_OBJECTS.values()}:
                columns |= OF_OBJECTS
            read = [
                (row["image"], [_number(row[key]) for key, _ in columns.values()]) for row in lines
            ]
    except (ValueError, KeyError, TypeError, csv.Error):
        raise RunError(f"{path} is damaged; evaluate again") from None
    place = list(columns).index("Mean IoU")
    read.sort(key=lambda row: (math.isnan(row[1][place]), row[1][place], row[0]))
    forms = [form for _, form in columns.values()]
    rows = [
        ImageRow(name, [_cell(value, form) for value, form in zip(values, forms, strict=True)])
        for name, values in read[:MOST]
    ]
    return ImageTable(list(columns), rows, len(read))


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _cell(value: float, form: words.Form) -> tuple[str, str]:
    return "" if math.isnan(value) else f"{value:.4f}".rstrip("0"), form(value)
