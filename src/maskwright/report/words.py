"""Numbers as people read them, and the sentences of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeGuard

import numpy as np

from maskwright.config import TrainConfig
from maskwright.console import alone, amount, duration

NONE = "–"  # an en dash: there is no such number
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
Form = Callable[[float | None], str]  # how a number is written
LEAKS = ("leak", "near-leak", "group-leak", "ground-leak")  # kinds of findings


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


def reach(between: Sequence[float] | None) -> str:
    """The ends of an interval of scores in 0–1, empty where there is none.

    >>> reach([0.7440, 0.7682]), reach(None)
    ('0.744 to 0.768', '')
    """
    return f"{between[0]:.3f} to {between[1]:.3f}" if _known(between) else ""


def reach_percent(between: Sequence[float] | None) -> str:
    """The ends of an interval of shares in 0–1 as per cent, empty where there is none.

    >>> reach_percent([0.9028, 0.9163])
    '90.3 to 91.6\\xa0%'
    """
    return f"{100 * between[0]:.1f} to {100 * between[1]:.1f}\u00a0%" if _known(between) else ""


def pixels(distance: float | None) -> str:
    """A distance in pixels.

    >>> pixels(49.7609), pixels(None)
    ('49.8', '–')
    """
    return NONE if distance is None or math.isnan(distance) else f"{distance:.1f}"


def whole(value: float | None) -> str:
    """A number of things.

    >>> whole(1234.0), whole(None)
    ('1,234', '–')
    """
    return NONE if value is None or math.isnan(value) else f"{value:,.0f}"


def signed(value: float | None) -> str:
    """A difference of scores, or of distances in pixels, with its sign.

    >>> signed(0.0214), signed(-0.01), signed(-12.34), signed(-0.0004), signed(None)
    ('+0.021', '−0.010', '−12.3', '0.000', '–')
    """
    if value is None or math.isnan(value):
        return NONE
    if round(value, 3) == 0:
        return "0.000"
    return (
        f"{value:+.3f}".replace("-", "−") if abs(value) < 10 else f"{value:+.1f}".replace("-", "−")
    )


def plain(value: float | None) -> str:
    """A score, or a distance in pixels, as precisely as it can be told.

    >>> plain(0.6915), plain(49.76), plain(None)
    ('0.692', '49.8', '–')
    """
    return pixels(value) if value is not None and value >= 10 else score(value)


def _known(between: Sequence[float] | None) -> TypeGuard[Sequence[float]]:
    return bool(between) and all(math.isfinite(end) for end in between or ())


def count(number: int) -> str:
    """A whole number with its thousands apart.

    >>> count(2163155)
    '2,163,155'
    """
    return f"{number:,}"


def those(scores: dict[str, Any]) -> str:
    """The images of an evaluation: those of a split of the run's own data, or of other data.

    >>> those({"name": "test-flip", "split": "test", "tta": ["flip"], "data": "/d/cells"})
    'test images'
    >>> those({"name": "photos-all", "split": "all", "tta": [], "data": "/d/photos"})
    'images of photos'
    >>> those({"name": "photos-val", "split": "val", "tta": [], "data": "/d/photos"})
    'validation images of photos'
    """
    own = scores["name"] == "-".join([scores["split"], *scores.get("tta", [])])
    kind = f"{SPLIT_NAMES.get(scores['split'], '')} images".strip()
    return kind if own else f"{kind} of {PurePosixPath(scores['data']).name}"


def answer(scores: dict[str, Any]) -> str:
    """What the evaluation found, in two sentences."""
    images = f"{scores['images']:,} {those(scores)}"
    if scores["images"] == 1:
        images = images.replace(" images", " image", 1)
    between = scores["intervals"]
    right, iou = reach_percent(between["pixel_accuracy"]), reach(between["mean_iou"])
    found = (
        f"On {images}, {percent(scores['pixel_accuracy'])} of the pixels are right"
        f"{f' ({right})' if right else ''}; "
        f"mean IoU {score(scores['mean_iou'])}{f' ({iou})' if iou else ''}."
    )
    return " ".join(filter(None, (found, hardest(scores["classes"], scores["confusion"]))))


def sampled(scores: dict[str, Any]) -> str:
    """What the intervals mean, and what they do not; empty where there are none."""
    drawn = scores["interval"]
    if not any(scores["intervals"].values()) or drawn["count"] < 2:
        return ""
    of = "images" if drawn["of"] == "images" else "groups of images"
    beyond = (
        ""
        if drawn["few"]
        else ("The score on very many images of the same kind most likely lies within as well. ")
    )
    return (
        "In brackets is the 95\u00a0% interval, which tells how much a score depends on these very "
        f"images: the {drawn['count']:,} {of} were drawn again and again, some more than once and "
        f"others not at all, and 95 of 100 draws scored within. {beyond}It says nothing of another "
        "training, nor of other kinds of images."
    )


def too_narrow(scores: dict[str, Any]) -> str:
    """A warning where the intervals come from too few images; else empty."""
    drawn = scores["interval"]
    if not drawn["few"]:
        return ""
    if drawn["count"] < 2:
        return (
            f"The scores are those of {alone(drawn['of'])}, which cannot tell how much those of "
            "others would differ: so they have no intervals."
        )
    return (
        f"There are only {amount(drawn['count'], drawn['of'].removesuffix('s'))} to measure on. "
        "So the intervals are too narrow: the scores of other images may well lie outside."
    )


def commonest(scores: dict[str, Any]) -> str:
    """A warning where saying the commonest class everywhere would be as good; else empty."""
    classes = scores["classes"]
    total = sum(row["pixels"] for row in classes)
    if not total or scores["pixel_accuracy"] is None:
        return ""
    most = max(classes, key=lambda row: row["pixels"])
    share = most["pixels"] / total
    if scores["pixel_accuracy"] > share:
        return ""
    return (
        f"That is no better than to say {most['name']} everywhere, which gets {percent(share)} of "
        "the pixels right: the model has learnt little yet. Train longer, or look at the data and "
        "the settings."
    )


def leaks(noticed: Sequence[Mapping[str, Any]]) -> str:
    """What two splits share, by what was noticed of the data before a training; empty for nothing.

    >>> leaks([{"kind": "leak", "title": "the same image in two splits: scores …", "count": 3}])
    'Noticed before the training: the same image in two splits (3). So the scores flatter.'
    """
    found = [
        f"{one['title'].split(':')[0]} ({one['count']:,})"
        for one in noticed
        if one["kind"] in LEAKS
    ]
    told = "; ".join(found)
    return f"Noticed before the training: {told}. So the scores flatter." if found else ""


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

    >>> classes = [{"name": n, "iou": iou} for n, iou in (("cat", 0.5), ("dog", 0.8), ("cow", 0.9))]
    >>> hardest(classes, [[5, 4, 0], [1, 20, 0], [0, 0, 9]])
    'Hardest class: cat (IoU 0.500), most often taken for dog.'
    """
    known = [k for k, row in enumerate(classes) if row["iou"] is not None]
    worst = min(known, key=lambda k: classes[k]["iou"], default=None)
    if worst is None or classes[worst]["iou"] == 1:
        return ""
    this = f"Hardest class: {classes[worst]['name']} (IoU {score(classes[worst]['iou'])})"
    if len(classes) == 2:  # what is not the one is the other
        return f"{this}."
    pixels = np.array(matrix)
    np.fill_diagonal(pixels, 0)
    missed, invented = pixels[worst], pixels[:, worst]
    if missed.sum() >= invented.sum():
        return f"{this}, most often taken for {classes[int(missed.argmax())]['name']}."
    return f"{this}; {classes[int(invented.argmax())]['name']} is most often taken for it."


def best_epoch(rows: Sequence[dict[str, float]], monitor: str) -> int | None:
    """The epoch that validation chose, by the setting train.monitor; None where none did.

    >>> rows = [{"epoch": 1, "val_loss": 0.5}, {"epoch": 2, "val_loss": 0.4}]
    >>> best_epoch(rows, "loss")
    2
    """
    column, _ = TrainConfig(monitor=monitor).monitored
    known = [row for row in rows if math.isfinite(row[column])]
    choose = min if monitor == "loss" else max
    return int(choose(known, key=lambda row: row[column])["epoch"]) if known else None


def trained(rows: Sequence[dict[str, float]], monitor: str, planned: int) -> str:
    """How long the training took and which epoch was best, in words; planned 0: by the clock."""
    if not rows:
        return "No epoch of this training has ended yet."
    column, name = TrainConfig(monitor=monitor).monitored
    done = int(rows[-1]["epoch"])
    of = f" of the {planned} planned" if planned > done else ""
    took = f"{amount(done, 'epoch')}{of} took {duration(rows[-1]['seconds'])}."
    if len(rows) < done:
        took += f" After {len(rows)} of them it was measured on the validation images."
    best = best_epoch(rows, monitor)
    value = next((row[column] for row in rows if row["epoch"] == best), None)
    if best is None:
        return f"{took} None of them gave a usable {name} on the validation images."
    extreme = "lowest" if monitor == "loss" else "highest"
    return (
        f"{took} The best is epoch {best}, with the {extreme} {name} on the validation images, "
        f"{score(value)}; the run keeps the model of that epoch."
    )
