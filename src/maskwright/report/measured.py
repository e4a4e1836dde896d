"""The scores by class, laid out in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AREAS = {"IoU": "iou", "Dice": "dice", "Precision": "precision", "Recall": "recall"}
EDGES = {
    "Boundary IoU": "boundary_iou",
    "Boundary F1": "boundary_f1",
    "Surface Dice, {tolerance:g} px": "surface_dice",
    "HD95, px": "hd95",
}
BY_IMAGE = {title: f"image_{key}" for title, key in AREAS.items()}
OBJECTS = {
    "Panoptic quality": "panoptic_quality",
    "Recognition quality": "recognition_quality",
    "Segmentation quality": "segmentation_quality",
    "Average precision at IoU 0.5": "average_precision_50",
    "Average precision": "average_precision",
}


@dataclass(frozen=True)
class Cell:
    """A score with its interval; ``distance``: in pixels, else in 0–1. None: there is no score."""

    value: float | None
    between: list[float] | None = None
    distance: bool = False


@dataclass(frozen=True)
class Table:
    """Scores [class][column] below the titles, and their means over the classes."""

    titles: list[str]
    rows: list[list[Cell]]
    means: list[Cell | None]


def by_class(scores: Mapping[str, Any], columns: Mapping[str, str]) -> Table:
    """The scores of each class; ``columns`` maps titles to measures."""
    return Table(
        [title.format(tolerance=scores["tolerance"]) for title in columns],
        [[_cell(row, key) for key in columns.values()] for row in scores["classes"]],
        [
            _cell(scores, f"mean_{key}") if f"mean_{key}" in scores else None
            for key in columns.values()
        ],
    )


def objects(scores: Mapping[str, Any]) -> dict[str, Cell]:
    """The scores of single objects by title; empty where the masks do not number them."""
    return {title: _cell(scores, key) for title, key in OBJECTS.items() if key in scores}


def absent(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a class occurs neither in the truth nor in the prediction."""
    return any(row["iou"] is None for row in rows)


def _cell(scores: Mapping[str, Any], key: str) -> Cell:
    return Cell(scores[key], scores["intervals"].get(key), key.endswith("hd95"))
