"""From sums to scores with intervals: what ``evaluate --json`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskwright.calibration import Calibration, level_of
from maskwright.evaluation.tally import USUAL, Limits
from maskwright.measures.certainty import (
    STEPS,
    calibration_error,
    decided,
    threshold_curve,
)
from maskwright.measures.confusion import Scores, known_mean, ratio
from maskwright.measures.objects import Detections, average_precision, panoptic_quality
from maskwright.measures.resampling import (
    FEW,
    LEVEL,
    interval,
    multiplicities,
    resampled,
    units,
)
from maskwright.measures.surfaces import boundary_iou, mean_of, surface_dice

BY_IMAGE = ("image_iou", "image_dice", "image_precision", "image_recall")
# What people may ask for, and what it costs is told of.
TOLD_RECALLS = (0.8, 0.9, 0.95, 0.99)
TOLD_RIGHT = (0.9, 0.95, 0.98, 0.99)

Sums = dict[str, np.ndarray]


def class_scores(sums: Sums) -> dict[str, np.ndarray]:
    """Each measure of every class, float64 [..., C], NaN where it has none.

    All are better when higher, but for hd95, which is in pixels.
    """
    scores = Scores.of_counts(sums["classes"])
    by_image = ratio(sums["by_image"][..., 0], sums["by_image"][..., 1])
    return {
        "iou": scores.iou,
        "dice": scores.dice,
        "precision": scores.precision,
        "recall": scores.recall,
        "boundary_iou": boundary_iou(sums["boundary"]),
        "boundary_f1": mean_of(sums["contour_f1"]),
        "surface_dice": surface_dice(sums["near"]),
        "hd95": mean_of(sums["hausdorff"]),
        **{name: by_image[..., place] for place, name in enumerate(BY_IMAGE)},
    }


def overall_scores(sums: Sums) -> dict[str, np.ndarray]:
    """Each measure of the whole, float64 [...]; means are over the classes that have one.

    calibration_error, brier, cross_entropy and mean_hd95 are better when lower.
    """
    by_class = class_scores(sums)
    entropy, brier, pixels = np.moveaxis(sums["penalties"], -1, 0)
    means = ("iou", "dice", "boundary_iou", "boundary_f1", "surface_dice", "hd95", "image_iou")
    scores = {
        "pixel_accuracy": Scores.of_counts(sums["classes"]).pixel_accuracy,
        **{f"mean_{name}": known_mean(by_class[name]) for name in means},
        "calibration_error": calibration_error(sums["binned"]),
        "brier": ratio(brier, pixels),
        "cross_entropy": ratio(entropy, pixels),
    }
    if "panoptic" in sums:
        quality = panoptic_quality(sums["panoptic"])
        scores["panoptic_quality"] = quality.panoptic
        scores["recognition_quality"] = quality.recognition
        scores["segmentation_quality"] = quality.segmentation
    return scores


def object_scores(found: Sequence[Detections], drawn: np.ndarray | None = None) -> Sums:
    """Average precision at IoU 0.5, and its mean over 0.5 to 0.95, as COCO has them."""
    values = average_precision(found, drawn)
    return {"average_precision": values.mean(axis=-1), "average_precision_50": values[..., 0]}


def by_images(
    sums: Sums,
    each: Sums,
    groups: Sequence[str],
    names: Sequence[str],
    found: Sequence[Detections] = (),
    limits: Limits = USUAL,
) -> dict[str, Any]:
    """The scores, with their intervals, that what was kept by image is enough for: see ``table``.

    ``sums`` are those of what was kept, or more.
    """
    drawn = multiplicities(groups)
    again = {key: resampled(values, drawn) for key, values in each.items()}
    overall, draws = overall_scores(sums), overall_scores(again)
    if found:
        overall |= object_scores(found)
        draws |= object_scores(found, drawn)
    by_class, class_draws = class_scores(sums), class_scores(again)
    return {
        "images": len(groups),
        **{name: number(value) for name, value in overall.items()},
        "classes": [
            {
                "name": name,
                **{key: number(values[k]) for key, values in by_class.items()},
                "pixels": int(sums["classes"][k, 1]),
                "shown": int((each["classes"][:, k, 1] > 0).sum()),
                "outlined": int(sums["hausdorff"][k, 1]),
                "missed": int(sums["missed"][k, 0]),
                "invented": int(sums["missed"][k, 1]),
                "intervals": {key: pair(values[:, k]) for key, values in class_draws.items()},
            }
            for k, name in enumerate(names)
        ],
        "intervals": {key: pair(values) for key, values in draws.items()},
        "interval": sampling(groups),
        **limits._asdict(),
    }


def table(
    sums: Sums,
    each: Sums,
    found: Sequence[Detections],
    groups: Sequence[str],
    names: Sequence[str],
    calibration: Calibration | None,
    limits: Limits = USUAL,
) -> dict[str, Any]:
    """All scores of a set of images with their intervals, as plain values for JSON.

    ``sums`` are those of both parts of the tallies, ``each`` what was kept by image [n, …], which
    is drawn again by ``groups`` for the intervals.
    """
    return {
        **by_images(sums, each, groups, names, found, limits),
        "confusion": sums["confusion"].tolist(),
        "calibration": calibrated(sums, calibration),
        "thresholds": thresholds(sums, calibration, names),
        "confidences": confidences(sums, calibration),
        "sizes": {name: sized(sums["sizes"][k]) for k, name in enumerate(names)},
        **({"objects": all_objects(sums)} if "panoptic" in sums else {}),
    }


def all_objects(sums: Sums) -> dict[str, int]:
    """As ``objects_counted``, and how many predicted pieces were too small to be objects."""
    return objects_counted(sums["panoptic"]) | {"dropped": int(sums["dropped"])}


def objects_counted(panoptic: np.ndarray) -> dict[str, int]:
    """How many objects are drawn, and how many were predicted, by sums of ``panoptic`` [4].

    >>> objects_counted(np.array([1.4, 2, 1, 3]))  # 2 matched, 1 invented, 3 missed
    {'true': 5, 'predicted': 3}
    """
    _, matched, invented, missed = panoptic.tolist()
    return {"true": round(matched + missed), "predicted": round(matched + invented)}


def sampling(groups: Sequence[str]) -> dict[str, Any]:
    """What the intervals were drawn from."""
    count = len(set(units(groups).tolist()))
    return {
        "level": LEVEL,
        "of": "groups" if any(groups) else "images",
        "count": count,
        "few": count < FEW,
    }


def calibrated(sums: Sums, calibration: Calibration | None) -> dict[str, Any]:
    """The temperature, and the diagram with and without it: mean confidence, share right, pixels.

    Bins without a pixel have no confidence and no share.
    """
    return {
        "temperature": calibration.temperature if calibration else None,
        "error_before": number(calibration_error(sums["before"])),
        "diagram": diagram(sums["binned"]),
        "diagram_before": diagram(sums["before"]),
    }


def diagram(binned: np.ndarray) -> list[list[float | None]]:
    """Mean confidence, share of the pixels that is right, and share of all pixels, of each bin."""
    pixels, confidence, right = binned.T
    columns = (
        ratio(confidence, pixels),
        ratio(right, pixels),
        ratio(pixels, pixels.sum() + 0 * pixels),
    )
    return [[number(value) for value in row] for row in zip(*columns, strict=True)]


def thresholds(
    sums: Sums, calibration: Calibration | None, names: Sequence[str]
) -> list[dict[str, Any]]:
    """What thresholds that were chosen on validation come to here, by class."""
    rows = []
    for k, name in enumerate(names):
        precision, recall = threshold_curve(sums["chances"][k])
        for level in TOLD_RECALLS:
            chosen = calibration.thresholds[name][level_of(level)] if calibration else None
            if chosen is not None:
                step = round(chosen * STEPS)
                row = {"class": name, "wanted_recall": level, "threshold": chosen}
                rows.append(
                    row | {"recall": number(recall[step]), "precision": number(precision[step])}
                )
    return rows


def confidences(sums: Sums, calibration: Calibration | None) -> list[dict[str, Any]]:
    """What deciding only the surer pixels comes to here, at confidences chosen on validation."""
    rows: list[dict[str, Any]] = []
    for level in TOLD_RIGHT:
        chosen = calibration.confidences[level_of(level)] if calibration else None
        if chosen is not None:
            share, right = decided(sums["confidences"], chosen)
            row = {"wanted_right": level, "confidence": round(chosen, 4)}
            rows.append(row | {"decided": number(share), "right": number(right)})
    return rows


def sized(counts: np.ndarray) -> list[dict[str, int]]:
    """Objects by area in pixels, from ``at_least`` to below twice that, and how many were found."""
    return [
        {"at_least": 1 << step, "objects": int(objects), "found": int(found)}
        for step, (objects, found) in enumerate(counts)
        if objects
    ]


def number(value: Any) -> float | None:
    """For JSON, which has no NaN."""
    return None if np.isnan(value) else round(float(value), 6)


def pair(draws: np.ndarray) -> list[float] | None:
    """The interval of one score over its draws [B], None where it has none."""
    low, high = interval(draws)
    return None if np.isnan(low) else [round(float(low), 6), round(float(high), 6)]
