"""What is said at the end of a prediction, by the rows of predictions.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from maskwright.console import amount, say
from maskwright.data.usual import BRIGHTNESS, RESOLUTION, SIZE, Usual
from maskwright.errors import some
from maskwright.prediction.outputs import UNLIKE, Extra
from maskwright.shapes.writing import TOO_SMALL

TABLE = "predictions.csv"


def say_what_was_found(rows: Sequence[Mapping[str, Any]], names: Sequence[str], least: int) -> None:
    """Say how many objects of ``least`` pixels or more there are by the rows of predictions.csv."""
    total, specks = sum(row["objects"] for row in rows), sum(row[TOO_SMALL] for row in rows)
    kinds = [name for name in names if f"objects of {name}" in rows[0]]
    count = {name: sum(row[f"objects of {name}"] for row in rows) for name in kinds}
    each = ", ".join(f"{count[name]:,} {name}" for name in kinds if count[name])
    of_what = f" ({each})" if each else ""
    say(f"{amount(total, 'object')}{of_what} in {amount(len(rows), 'image')}")
    if specks:
        say(
            f"{amount(specks, 'piece')} of fewer than {least} pixels counted as no object: "
            "--least-area sets another limit"
        )


def say_what_is_odd(rows: Sequence[Mapping[str, Any]], names: Sequence[str], abstain: bool) -> None:
    """Say of the rows of predictions.csv what people should know of them."""
    alone = [name for row in rows for name in names if row[f"share of {name}"] == 1]
    if alone:
        say(
            f"{len(alone)} of {amount(len(rows), 'mask')} hold one class alone "
            f"({some(sorted(set(alone)))}); if that is wrong, the images may be unlike those that "
            f"the run was trained on"
        )
    if abstain and rows:
        opened = fmean(row["share left open"] for row in rows)
        say(f"{opened:.1%} of the pixels are left open, as an image has them on average")


def say_what_is_unlike(rows: Sequence[Mapping[str, Any]], usual: Usual | None, size: int) -> None:
    """Say which images, by the rows of predictions.csv, are unlike those a model was trained on.

    ``size`` is that of its views, in pixels.
    """
    larger, lit, finer = (
        [row["image"] for row in rows if kind in row[UNLIKE]]
        for kind in (SIZE, BRIGHTNESS, RESOLUTION)
    )
    if larger and usual:
        say(
            f"{some(larger)}: far larger than training images ({usual.longest:,} pixels at most), "
            f"and seen as one square of {size}. That is right for a finer picture of such a "
            "scene; for one that shows more, train by windows: --set view.fit=window"
        )
    if lit:
        say(
            f"{some(lit)}: far darker or brighter than all training images; look at the masks, and "
            "whether the pixels are stored as there (bits, range, order of the bands)"
        )
    if finer and usual:
        sides = " to ".join(f"{side:g}" for side in sorted(set(usual.ground)))
        say(
            f"{some(finer)}: pixels of another size on the map than in training ({sides}), so that "
            "things look larger or smaller; resample the image"
        )


def say_what_is_written(extra: Extra, suffix: str, out: Path) -> None:
    """Say which files lie beside the masks, of this suffix, and which are of all images."""
    own = [
        next((end for end in ends if end.endswith(suffix)), ends[0])
        for name, ends in extra.ends().items()
        if name != "mask"
    ]
    shared = [out / TABLE, *(extra.finding.shared(out) if extra.finding else [])]
    said = f"of all images: {', '.join(path.name for path in shared)}"
    beside = ", ".join(f"…{end}" for end in own)
    say(f"beside each mask: {beside}; {said}" if own else said)
