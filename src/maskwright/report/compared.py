"""The page of ``maskwright compare``: the answer, what differs and by how much, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.data.images import display, read_mask
from maskwright.data.pairing import Pair
from maskwright.data.splits import relative
from maskwright.errors import DataError, RunError
from maskwright.files import write_text
from maskwright.pictures import overlay
from maskwright.report.embedded import Picture, embed
from maskwright.report.page import check_file, fill
from maskwright.report.words import SPLIT_NAMES, signed
from maskwright.runs import Run


@dataclass(frozen=True)
class Differing:
    """An image that the two runs score differently; no pictures where it cannot be read."""

    name: str
    first: float | None
    second: float | None
    difference: float
    parts: dict[str, Picture]


def write_comparison_page(
    result: Mapping[str, Any], runs: Sequence[Run], path: Path, *, pictures: bool = True
) -> Path:
    """Write the page of what ``compare`` found about two runs, whole or not at all.

    It loads nothing from outside itself and holds no script. With ``pictures`` both runs predict
    the images that differ most. Raises UsageError where ``path`` is a folder, and WriteError.
    """
    check_file(path, "compare.html")
    page = render_comparison(result, runs, pictures=pictures)
    write_text(path, page)
    return path


def render_comparison(
    result: Mapping[str, Any], runs: Sequence[Run], *, pictures: bool = True
) -> str:
    """The page as HTML; every name that comes from files is escaped."""
    table = runs[0].table
    values = {
        **result,
        "split_name": SPLIT_NAMES.get(result["split"], result["split"]),
        "rows": [row for row in result["measures"] if row["difference"] is not None],
        "iou": [row for row in result["classes"] if row["difference"] is not None],
        "reach": reach,
        "labels": table.labels,
        "ground": table.ground,
        "differing": differing(result, runs, pictures=pictures),
    }
    return fill("compared.html", values)


def reach(row: Mapping[str, Any]) -> str:
    """The interval of a difference in words, empty where there is none.

    >>> reach({"interval": [-0.01, 0.0214]})
    '−0.010 to +0.021'
    """
    if not row["interval"]:
        return ""
    low, high = row["interval"]
    return f"{signed(low)} to {signed(high)}"


def differing(result: Mapping[str, Any], runs: Sequence[Run], *, pictures: bool) -> list[Differing]:
    """The images that differ most, with what both runs make of them."""
    known = {relative(pair.image, run.dataset.root): pair for run in reversed(runs)
             for pair in run.dataset.pairs}  # fmt: skip
    return [
        Differing(
            one["image"],
            one["first"],
            one["second"],
            one["difference"],
            drawn(known[one["image"]], runs) if pictures and one["image"] in known else {},
        )
        for one in result["images_differ"]
    ]


def drawn(pair: Pair, runs: Sequence[Run]) -> dict[str, Picture]:
    """The image, its mask and both predictions laid over it; nothing where one cannot be made."""
    first, table = runs[0], runs[0].table
    try:
        image = first.predictor.read(pair.image)
        masks = {
            "truth": table.decode(read_mask(pair.mask), pair.mask),
            "A": first.predict(pair.image),
            "B": runs[1].predict(pair.image),
        }
    except (DataError, RunError):
        return {}
    laid = {title: overlay(image, mask, table) for title, mask in masks.items()}
    name = pair.image.name
    return {
        title: embed(picture, f"{name}: {title}")
        for title, picture in {"image": display(image), **laid}.items()
    }
