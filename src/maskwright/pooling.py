"""Runs on the folds of one dataset: each image tested once, by a run that has not seen it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.artifacts import Artifact
from maskwright.artifacts.scoring import scored_run
from maskwright.comparison import check_limits, counts_of, scored
from maskwright.console import amount
from maskwright.data.splits import relative
from maskwright.errors import DataError, UsageError, some
from maskwright.evaluation.rows import Counts
from maskwright.evaluation.table import by_images, number, objects_counted, overall_scores
from maskwright.evaluation.tally import total
from maskwright.runs import Run

TESTED = "test"


def pool(runs: Sequence[Run | Artifact | str | Path]) -> dict[str, Any]:
    """The scores of all test images of several runs together, from what ``evaluate`` counted.

    Of a dataset that is split in folds (``split.folds``) and one run on each, that is every image,
    predicted by a run that was not trained on it: more images, so narrower intervals than those of
    one test split, and nothing left to the luck of the draw. What is measured so is the way of
    training; a run by itself may be better or worse.

    Returns what ``evaluate`` does, but for what cannot be put together (the confusion matrix,
    calibration, thresholds, sizes and average precision), and runs (a row each: run, fold, images,
    mean_iou, pixel_accuracy), untested (how many images of the dataset no run was tested on) and
    answer, a sentence.

    Raises UsageError for fewer than two runs and for images that two were tested on, DataError
    where they differ in their data, their classes or how they were measured, RunError where one was
    not evaluated.
    """
    if len(runs) < 2:
        raise UsageError("one run has scores of its own; name the runs on all folds")
    opened = [scored_run(run) for run in runs]
    counts = [counts_of(run, TESTED) for run in opened]
    check(opened, counts)
    images = [image for one in counts for image in one.images]
    groups = [group for one in counts for group in one.groups]
    keys = set.intersection(*(set(one.each) for one in counts))
    each = {key: np.concatenate([one.each[key] for one in counts]) for key in sorted(keys)}
    sums, first = total(each), counts[0]
    root = opened[0].dataset.root
    known = {relative(pair.image, root) for pair in opened[0].dataset.pairs}
    result = {
        **by_images(sums, each, groups, first.classes, limits=first.limits),
        **({"objects": objects_counted(sums["panoptic"])} if "panoptic" in sums else {}),
        "split": TESTED,
        "data": root.as_posix(),
        "runs": [row(run, one) for run, one in zip(opened, counts, strict=True)],
        "untested": len(known - set(images)),
    }
    return result | {"answer": answer(result)}


def check(runs: Sequence[Run], counts: Sequence[Counts]) -> None:
    """Refuse runs whose test images are not parts of one dataset, measured alike."""
    first, tested = counts[0], dict[str, Path]()
    for run, one in zip(runs, counts, strict=True):
        if run.dataset.root != runs[0].dataset.root:
            raise DataError(
                f"{scored(run)} was trained on {run.dataset.root}, {scored(runs[0])} on "
                f"{runs[0].dataset.root}; name runs on folds of one dataset"
            )
        if one.classes != first.classes:
            raise DataError(
                f"the classes differ: {some(first.classes, 8)} in {scored(runs[0])}, "
                f"{some(one.classes, 8)} in {scored(run)}; name runs on folds of one dataset"
            )
        check_limits((runs[0], run), first, one)
        if twice := [image for image in one.images if image in tested]:
            raise UsageError(
                f"{tested[twice[0]]} and {scored(run)} were both tested on {some(twice)}; name "
                "runs on different folds, trained with --set split.folds=N --set split.fold=0, 1, …"
            )
        tested |= dict.fromkeys(one.images, scored(run))


def row(run: Run, counts: Counts) -> dict[str, Any]:
    """One run, and its scores by itself."""
    split, found = run.config.split, overall_scores(total(counts.each))
    return {
        "run": str(scored(run)),
        "fold": split.fold if split.folds else None,
        "images": len(counts.images),
        "mean_iou": number(found["mean_iou"]),
        "pixel_accuracy": number(found["pixel_accuracy"]),
    }


def answer(result: dict[str, Any]) -> str:
    """What comes of it, in a sentence or two."""
    alone = [one["mean_iou"] for one in result["runs"] if one["mean_iou"] is not None]
    told = (
        f"Each of {amount(result['images'], 'image')} was predicted by a run that was not trained "
        "on it"
    )
    if alone:
        told += f"; by themselves the runs have mean IoU {min(alone):.3f} to {max(alone):.3f}"
    if result["untested"]:
        told += (
            f". {amount(result['untested'], 'image')} of the dataset "
            f"{'was' if result['untested'] == 1 else 'were'} tested by none of them: folds are "
            "missing"
        )
    return f"{told}."
