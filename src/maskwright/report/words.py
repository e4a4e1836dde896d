"""Numbers as people read them, and the sentences of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskwright.console import amount, duration

NONE = "–"  # an en dash: there is no such number
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
MONITORED = {
    "mean_iou": ("val_mean_iou", "mean IoU"),
    "loss": ("val_loss", "loss"),
}  # of the setting train.monitor: the column of metrics.csv and its name


def score(value: float | None) -> str:
    """A score in 0–1 with three decimals.

    >>> score(0.69149), score(None)
    ('0.691', '–')
    """
    return NONE if value is None or math.isnan(value) else f"{value:.3f}"


def percent(share: float | None) -> str:
    """A share in 0–1 as per cent; what is not quite nothing, or all, does not look like it.

    >>> percent(0.851), percent(0.0001), percent(0.9999), percent(1.0)
    ('85.1\\xa0%', '<\\xa00.1\\xa0%', '>\\xa099.9\\xa0%', '100.0\\xa0%')
    """
    if share is None or math.isnan(share):
        return NONE
    if 0 < share < 0.0005:
        return "<\u00a00.1\u00a0%"
    if 0.9995 <= share < 1:
        return ">\u00a099.9\u00a0%"
    return f"{100 * share:.1f}\u00a0%"


def count(number: int) -> str:
    """A whole number with its thousands apart.

    >>> count(2163155)
    '2,163,155'
    """
    return f"{number:,}"


def answer(scores: dict[str, Any], split: str) -> str:
    """What the evaluation found, in two sentences."""
    images = amount(scores["images"], f"{SPLIT_NAMES[split]} image")
    found = (
        f"On {images}, {percent(scores['pixel_accuracy'])} of the pixels are right; "
        f"mean IoU {score(scores['mean_iou'])}."
    )
    return " ".join(filter(None, (found, hardest(scores["classes"], scores["confusion"]))))


def used(uses: int) -> str:
    """How often the test images have been scored; empty where that was never written down.

    >>> used(1)
    'The test images have been used once.'
    >>> used(3)
    'The test images have been used 3 times; scores chosen after looking at them flatter.'
    """
    if uses < 2:
        return "The test images have been used once." if uses else ""
    times = "twice" if uses == 2 else f"{uses} times"
    return f"The test images have been used {times}; scores chosen after looking at them flatter."


def hardest(classes: Sequence[dict[str, Any]], matrix: Sequence[Sequence[int]]) -> str:
    """The class of the lowest IoU and what it is confused with; empty where all is right.

    >>> hardest([{"name": "cat", "iou": 0.5}, {"name": "dog", "iou": 0.8}], [[5, 4], [1, 20]])
    'Hardest class: cat (IoU 0.500), most often taken for dog.'
    """
    known = [k for k, row in enumerate(classes) if row["iou"] is not None]
    worst = min(known, key=lambda k: classes[k]["iou"], default=None)
    if worst is None or classes[worst]["iou"] == 1:
        return ""
    pixels = np.array(matrix)
    np.fill_diagonal(pixels, 0)
    missed, invented = pixels[worst], pixels[:, worst]
    this = f"Hardest class: {classes[worst]['name']} (IoU {score(classes[worst]['iou'])})"
    if missed.sum() >= invented.sum():
        return f"{this}, most often taken for {classes[int(missed.argmax())]['name']}."
    return f"{this}; {classes[int(invented.argmax())]['name']} is most often taken for it."


def best_epoch(rows: Sequence[dict[str, float]], monitor: str) -> int | None:
    """The epoch that validation chose, by the setting train.monitor; None where none did.

    >>> rows = [{"epoch": 1, "val_loss": 0.5}, {"epoch": 2, "val_loss": 0.4}]
    >>> best_epoch(rows, "loss")
    2
    """
    column, _ = MONITORED[monitor]
    known = [row for row in rows if math.isfinite(row[column])]
    choose = min if monitor == "loss" else max
    return int(choose(known, key=lambda row: row[column])["epoch"]) if known else None


def trained(rows: Sequence[dict[str, float]], monitor: str, planned: int) -> str:
    """How long the training took and which epoch was best, in words; planned 0: by the clock."""
    if not rows:
        return "No epoch of this training has ended yet."
    column, name = MONITORED[monitor]
    done = int(rows[-1]["epoch"])
    of = f" of the {planned} planned" if planned > done else ""
    took = f"{amount(done, 'epoch')}{of} took {duration(rows[-1]['seconds'])}."
    best = best_epoch(rows, monitor)
    value = next((row[column] for row in rows if row["epoch"] == best), None)
    if best is None:
        return f"{took} None of them gave a usable {name} on the validation images."
    extreme = "lowest" if monitor == "loss" else "highest"
    return (
        f"{took} The best is epoch {best}, with the {extreme} {name} on the validation images, "
        f"{score(value)}; the run keeps the model of that epoch."
    )
