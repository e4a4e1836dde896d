"""What is kept by image: scores in a CSV file for people, counts in an NPZ file for ``compare``."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.errors import RunError
from maskwright.evaluation.table import (
    Sums,
    class_scores,
    number,
    objects_counted,
    overall_scores,
)
from maskwright.evaluation.tally import USUAL, Limits
from maskwright.files import whole_file, write_text
from maskwright.measures.confusion import ratio
from maskwright.texts import read_json

SHOWN = (
    "pixel_accuracy",
    "mean_iou",
    "mean_dice",
    "mean_boundary_iou",
    "mean_hd95",
    "cross_entropy",
)
MOST = 1 << 30  # bytes of counts that are read


@dataclass(frozen=True)
class Counts:
    """What was counted, by what limits, in each of the images, which have the names and groups."""

    images: list[str]
    groups: list[str]
    classes: list[str]
    each: Sums
    limits: Limits = USUAL


def image_rows(each: Sums, images: Sequence[str], classes: Sequence[str]) -> list[dict[str, Any]]:
    """The scores of each image by itself, None where it has none."""
    overall, by_class = overall_scores(each), class_scores(each)
    confidence = mean_confidence(each["binned"])
    return [
        {
            "image": name,
            "pixels": int(each["classes"][place, :, 1].sum()),
            **{key: number(overall[key][place]) for key in SHOWN},
            "confidence": number(confidence[place]),
            **{f"iou {one}": number(by_class["iou"][place, k]) for k, one in enumerate(classes)},
            **(objects_in(each["panoptic"][place]) if "panoptic" in each else {}),
        }
        for place, name in enumerate(images)
    ]


def objects_in(panoptic: np.ndarray) -> dict[str, int]:
    """The objects of an image, those drawn and those predicted, by its ``panoptic`` [4]."""
    counted = objects_counted(panoptic)
    return {"objects": counted["true"], "objects predicted": counted["predicted"]}


def mean_confidence(binned: np.ndarray) -> np.ndarray:
    """Mean confidence of each image, float64 [n], of its bins [n, 15, 3]."""
    return ratio(binned[..., 1].sum(axis=-1), binned[..., 0].sum(axis=-1))


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """The rows of ``image_rows`` as CSV, nothing where there is no score."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_counts(path: Path, counts: Counts) -> None:
    """The counts as a compressed NPZ file, whole or not at all."""
    words = {"images": counts.images, "groups": counts.groups, "classes": counts.classes}
    arrays: dict[str, Any] = {key: np.array(value, np.str_) for key, value in words.items()}
    arrays |= {f"each {key}": values for key, values in counts.each.items()}
    arrays["limits"] = np.array(counts.limits, np.float64)
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_counts(path: Path) -> Counts:
    """What ``write_counts`` wrote; raises RunError where that cannot be read."""
    try:
        if path.stat().st_size > MOST:
            raise ValueError(f"more than {MOST >> 20} MB")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        each = {key[5:]: values for key, values in arrays.items() if key.startswith("each ")}
        images, groups, classes = (arrays[k].tolist() for k in ("images", "groups", "classes"))
        if {len(values) for values in each.values()} | {len(groups)} != {len(images)}:
            raise ValueError("not one row an image")
        overall_scores(each)
        limits = limits_in(arrays, path)
    except FileNotFoundError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RunError(f"{path} is damaged ({reason}); evaluate again") from error
    return Counts(images, groups, classes, each, limits)


def limits_in(arrays: dict[str, np.ndarray], path: Path) -> Limits:
    """The limits in a file of counts; of an earlier version, which counted pieces of any size, the
    tolerance is in the scores beside it."""
    if "limits" in arrays:
        tolerance, least = arrays["limits"].tolist()
        return Limits(float(tolerance), int(least))
    scores = path.with_suffix(".json")
    told = read_json(scores).get("tolerance") if scores.is_file() else None
    return Limits(float(USUAL.tolerance if told is None else told), 1)
