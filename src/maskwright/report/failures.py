"""Where the model fails: objects by their size, and images that have something in common."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from maskwright.measures.resampling import FEW
from maskwright.report.words import reach, score

MOST = 6  # ranges of sizes that are told apart
PARTED = {
    "group": "Group",
    "folder": "Folder",
    "name": "Name, up to its number",
    "brightness": "Brightness, in thirds",
    "object size": "Mean size of the objects, in thirds",
}
CALLED = {
    "group": "of the group {}",
    "folder": "in the folder {}",
    "name": "whose names begin with {}",
    "brightness": "of the {} third",
    "object size": "with the {} objects",
}


@dataclass(frozen=True)
class Found:
    """How many objects there are of one size, and how many of them were found."""

    objects: int
    found: int

    @property
    def share(self) -> float | None:
        return self.found / self.objects if self.objects else None


@dataclass(frozen=True)
class Part:
    """The scores of some of the images; ``lowest``: none of the same kind has a lower mean IoU."""

    name: str
    images: int
    pixel_accuracy: float | None
    mean_iou: float | None
    between: list[float] | None
    lowest: bool


def sizes(
    counted: Mapping[str, Sequence[Mapping[str, int]]],
) -> tuple[list[str], dict[str, list[Found]]]:
    """Names of the ranges of areas, and what was found in each of them, by class with objects.

    ``counted`` are the steps of area, each twice the one before, as ``evaluate`` has them.
    """
    steps: Counter[int] = Counter()
    for rows in counted.values():
        steps.update({row["at_least"]: row["objects"] for row in rows})
    ranges = merged(steps)
    return range_names(ranges), {
        name: [
            Found(*(sum(row[key] for row in rows if row["at_least"] in part)
                    for key in ("objects", "found")))
            for part in ranges
        ]
        for name, rows in counted.items()
        if rows
    }  # fmt: skip


def merged(steps: Mapping[int, int], most: int = MOST) -> list[list[int]]:
    """The steps in at most so many ranges; where the fewest objects are, two become one.

    >>> merged({1: 9, 2: 1, 4: 1, 8: 9}, most=3)
    [[1], [2, 4], [8]]
    """
    ranges = [[step] for step in sorted(steps)]
    while len(ranges) > most:
        sums = [sum(steps[step] for step in low + high) for low, high in pairwise(ranges)]
        place = sums.index(min(sums))
        ranges[place : place + 2] = [ranges[place] + ranges[place + 1]]
    return ranges


def range_names(ranges: Sequence[Sequence[int]]) -> list[str]:
    """What the ranges of areas are called.

    >>> range_names([[1, 2], [4], [8]])
    ['below 4', '4 to 7', '8 and more']
    """
    if len(ranges) < 2:
        return ["any" for _ in ranges]
    middle = [f"{low[0]:,} to {high[0] - 1:,}" for low, high in pairwise(ranges[1:])]
    return [f"below {ranges[1][0]:,}", *middle, f"{ranges[-1][0]:,} and more"]


def parts(subsets: Sequence[Mapping[str, Any]]) -> dict[str, list[Part]]:
    """The parts of the images, by the title of what they have in common."""
    found: dict[str, list[Part]] = {}
    for by in dict.fromkeys(one["by"] for one in subsets):
        ones = [one for one in subsets if one["by"] == by]
        lowest = min((_iou(one) for one in ones), default=math.inf)
        found[PARTED.get(by, by)] = [
            Part(
                one["name"],
                one["images"],
                one["pixel_accuracy"],
                one["mean_iou"],
                one["interval"],
                lowest=len(ones) > 1 and _iou(one) == lowest < math.inf,
            )
            for one in ones
        ]
    return found


def clearly_worse(subsets: Sequence[Mapping[str, Any]], whole: float | None) -> str:
    """The part that is harder than all images together, in words; empty where none surely is."""
    worse = [
        one
        for one in subsets
        if whole is not None
        and one["images"] >= FEW
        and one["interval"]
        and one["interval"][1] < whole
    ]
    if not worse:
        return ""
    one = min(worse, key=_iou)
    which = CALLED.get(one["by"], f"of {one['by']} {{}}").format(one["name"])
    return (
        f"Hardest are the {one['images']:,} images {which}: their mean IoU is "
        f"{score(one['mean_iou'])}, and its whole interval, {reach(one['interval'])}, lies below "
        f"the {score(whole)} of all images."
    )


def _iou(one: Mapping[str, Any]) -> float:
    value = one["mean_iou"]
    return math.inf if value is None or math.isnan(value) else float(value)
