"""Two runs on the same images: what differs, and whether it would on other images too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.artifacts import Artifact
from maskwright.artifacts.scoring import scored_run
from maskwright.averaging import WAYS
from maskwright.console import alone, amount
from maskwright.data.splits import relative
from maskwright.errors import DataError, RunError, UsageError, command, some
from maskwright.evaluation.rows import Counts, read_counts
from maskwright.evaluation.table import (
    Sums,
    class_scores,
    number,
    overall_scores,
    pair,
    sampling,
)
from maskwright.measures.resampling import multiplicities, resampled
from maskwright.runs import Run

# What is compared, and its name; those of LOWER are better when lower.
MEASURES = {
    "mean_iou": "mean IoU",
    "pixel_accuracy": "pixels right",
    "mean_dice": "mean Dice",
    "mean_boundary_iou": "boundary IoU",
    "mean_surface_dice": "surface Dice",
    "mean_hd95": "HD95 in pixels",
    "panoptic_quality": "panoptic quality",
    "calibration_error": "calibration error",
    "brier": "Brier score",
}
LOWER = ("mean_hd95", "calibration_error", "brier")
SAME = 0.0005  # what is below is none to three decimals: neither a difference, nor away from 0
SHOWN = 5  # images on each side that differ most


@dataclass(frozen=True)
class Matched:
    """The counts of two runs by image, in one order: the same images with the same masks."""

    first: Counts
    second: Counts
    split: str
    alone: int  # images that only one of them was scored on


def compare(
    first: Run | Artifact | str | Path,
    second: Run | Artifact | str | Path,
    *,
    split: str | None = None,
) -> dict[str, Any]:
    """The scores of two runs, image by image, from what ``evaluate`` counted.

    ``split`` is the name of an evaluation of both, by default test, else val. Differences are the
    second's minus the first's. Their intervals draw the images again, the same for both runs, so
    that hard images are hard for both. A difference is called real where 0 is outside, by 0.0005 or
    more.

    Returns first, second, split, images, alone (how many only one was scored on), trained_on (how
    many of the images each was trained on), interval, measures and classes (rows of name, first,
    second, difference, interval, same, real), images_differ (those whose mean IoU differs most) and
    answer, a sentence.
    """
    runs = [scored_run(run) for run in (first, second)]
    if runs[0].evaluations.resolve() == runs[1].evaluations.resolve():
        raise UsageError(f"{scored(runs[0])} is compared with itself; name two runs")
    both = matched(runs, split)
    groups = both.first.groups
    drawn = multiplicities(groups)
    measures, classes = rows(both.first.each, both.second.each, drawn, both.first.classes)
    result = {
        "first": str(scored(runs[0])),
        "second": str(scored(runs[1])),
        "split": both.split,
        "images": len(groups),
        "alone": both.alone,
        "trained_on": [trained_on(run, both.split, both.first.images) for run in runs],
        "interval": sampling(groups),
        "measures": measures,
        "classes": classes,
        "images_differ": differing(both),
    }
    return result | {"answer": answer(result)}


def scored(run: Run) -> Path:
    """The folder of what was scored: that of the run, or of an export of it."""
    return run.evaluations.parent


def matched(runs: Sequence[Run], split: str | None) -> Matched:
    """What both runs were scored on, in the order of the first."""
    name = split or next((s for s in ("test", "val") if all(map(has(s), runs))), "test")
    first, second = (counts_of(run, name) for run in runs)
    if first.classes != second.classes:
        raise DataError(
            f"the classes differ: {some(first.classes, 8)} in {scored(runs[0])}, "
            f"{some(second.classes, 8)} in {scored(runs[1])}; compare runs on the same data"
        )
    check_limits(runs, first, second)
    places = {image: place for place, image in enumerate(second.images)}
    common = [(k, places[image]) for k, image in enumerate(first.images) if image in places]
    if not common:
        raise DataError(
            f"{scored(runs[0])} and {scored(runs[1])} were not scored on the same images (the "
            f"first are {first.images[0]} and {second.images[0]}); evaluate both on the same data"
            f"{drawn_by(runs)}"
        )
    one, other = (chosen(c, [p[k] for p in common]) for k, c in enumerate((first, second)))
    true = [counts.each["classes"][..., 1] for counts in (one, other)]
    if changed := np.flatnonzero((true[0] != true[1]).any(axis=-1)).tolist():
        raise DataError(
            f"the masks of {amount(len(changed), 'image')} were not the same for both runs (such as"
            f" that of {one.images[changed[0]]}); evaluate both again on the same data"
        )
    alone = len(first.images) + len(second.images) - 2 * len(common)
    return Matched(one, other, name, alone)


def check_limits(runs: Sequence[Run], first: Counts, second: Counts) -> None:
    """Raise DataError where both runs were not measured alike."""
    objects = "panoptic" in first.each and "panoptic" in second.each
    for key, one, other in zip(first.limits._fields, first.limits, second.limits, strict=True):
        if one != other and (key == "tolerance" or objects):
            option = f"--{key.replace('_', '-')}"
            raise DataError(
                f"{scored(runs[0])} was evaluated as with {option} {one:g}, {scored(runs[1])} as "
                f"with {option} {other:g}; evaluate one of them again, as the other"
            )


def drawn_by(runs: Sequence[Run]) -> str:
    """Why two runs on the same data have other test images, where their seeds differ."""
    seeds = [run.config.seed for run in runs]
    if seeds[0] == seeds[1] or runs[0].dataset.root != runs[1].dataset.root:
        return ""
    return (
        f". Their seeds differ, {seeds[0]} and {seeds[1]}, and so do their splits: train the "
        "second on the split of the first, by maskwright train "
        f"{runs[0].path}/dataset.toml --seed {seeds[1]}"
    )


def has(name: str) -> Any:
    """Whether a run has counts of that evaluation."""
    return lambda run: (run.evaluations / f"{name}.npz").is_file()


def counts_of(run: Run, name: str) -> Counts:
    """What was counted when the run was evaluated under that name."""
    try:
        return read_counts(run.evaluations / f"{name}.npz")
    except FileNotFoundError:
        there = sorted(path.stem for path in (run.evaluations).glob("*.npz"))
        known = f" (there is {some(there)})" if there else ""
        place = scored(run)
        raise RunError(
            f"{place} has no counts of its {name} images{known}; make them: "
            f"{command('evaluate', place, *asked_for(name))}"
        ) from None


def asked_for(name: str) -> list[str]:
    """What makes ``evaluate`` write an evaluation of that name.

    >>> asked_for("test"), asked_for("val-flip-scales"), asked_for("photos-all")
    ([], ['--split', 'val', '--tta', 'flip,scales'], ['DATA', '--split', 'all'])
    """
    parts, ways = name.split("-"), list[str]()
    while len(parts) > 1 and parts[-1] in WAYS:
        ways.insert(0, parts.pop())
    split = parts.pop()
    words = ["DATA"] if parts else []
    words += [] if split == "test" and not parts else ["--split", split]
    return words + (["--tta", ",".join(ways)] if ways else [])


def chosen(counts: Counts, places: Sequence[int]) -> Counts:
    """The counts of some of the images."""
    return Counts(
        [counts.images[k] for k in places],
        [counts.groups[k] for k in places],
        counts.classes,
        {key: values[list(places)] for key, values in counts.each.items()},
        counts.limits,
    )


def rows(
    first: Sums, second: Sums, drawn: np.ndarray, names: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A row for each measure of the whole, and one for the IoU of each class."""
    each = (first, second)
    sums = [{key: values.sum(axis=0) for key, values in one.items()} for one in each]
    draws = [{key: resampled(values, drawn) for key, values in one.items()} for one in each]
    whole = [overall_scores(one) for one in sums], [overall_scores(one) for one in draws]
    iou = [class_scores(one)["iou"] for one in sums], [class_scores(one)["iou"] for one in draws]
    measures = [
        {"measure": key, **row(name, [s[key] for s in whole[0]], [d[key] for d in whole[1]])}
        for key, name in MEASURES.items()
        if all(key in scores for scores in whole[0])
    ]
    classes = [
        row(name, [values[k] for values in iou[0]], [values[:, k] for values in iou[1]])
        for k, name in enumerate(names)
    ]
    return measures, classes


def row(name: str, values: Sequence[Any], draws: Sequence[np.ndarray]) -> dict[str, Any]:
    """One score of both, and its difference; real is None where no interval is known."""
    between = pair(draws[1] - draws[0])
    same = bool(abs(values[1] - values[0]) < SAME)
    return {
        "name": name,
        "first": number(values[0]),
        "second": number(values[1]),
        "difference": number(values[1] - values[0]),
        "interval": between,
        "same": same,
        "real": between and (between[0] >= SAME or between[1] <= -SAME) and not same,
    }


def differing(both: Matched) -> list[dict[str, Any]]:
    """The images whose own mean IoU differs most, those where the second is better first."""
    scores = [overall_scores(counts.each)["mean_iou"] for counts in (both.first, both.second)]
    difference = np.nan_to_num(scores[1] - scores[0])
    order = np.argsort(-difference, kind="stable")
    better = [k for k in order[:SHOWN] if difference[k] >= SAME]
    worse = [k for k in order[-SHOWN:] if difference[k] <= -SAME]
    return [
        {
            "image": both.first.images[k],
            "first": number(scores[0][k]),
            "second": number(scores[1][k]),
            "difference": number(difference[k]),
        }
        for k in [*better, *worse]
    ]


def trained_on(run: Run, split: str, images: Sequence[str]) -> int:
    """How many of the images, by their names in the dataset, the run was trained on.

    Of other data names say nothing: there ``evaluate`` has looked at the files themselves.
    """
    scores = run.evaluations / f"{split}.json"
    told = run.read_json(str(scores.resolve())) if scores.is_file() else {}
    if told.get("data") not in (None, run.dataset.root.resolve().as_posix()):
        return min(told.get("trained_on") or 0, len(images))
    known = {relative(one.image, run.dataset.root) for one in run.dataset.of("train")}
    return sum(image in known for image in images)


def answer(result: dict[str, Any]) -> str:
    """Whether one run is better, in a few sentences."""
    found = result["measures"][0]
    if found["difference"] is None:
        return "Neither has a mean IoU: no class occurs in these images."
    drawn, second = result["interval"], result["second"]
    difference = found["difference"]
    told = f"{abs(difference):.3f} {'higher' if difference > 0 else 'lower'}"
    if found["same"]:
        told = "the same to three decimals"
    between = ""
    if found["interval"]:
        low, high = found["interval"]
        between = f" (95 % interval {low:+.3f} to {high:+.3f}, {drawn['count']:,} {drawn['of']})"
    score = f"the mean IoU of {second} is {told}{between}"
    if any(result["trained_on"]):
        first, other = result["trained_on"]
        return (
            f"Nothing follows for new images: {first} of these {result['images']} were trained on "
            f"by {result['first']}, {other} by {second}. Here {score}."
        )
    if not between:
        whose = alone(drawn["of"])
        return f"Nothing can be told by {whose} of how both would do on others: {score}."
    few = " So few make the interval too narrow." if drawn["few"] else ""
    if found["real"]:
        better = result["second" if found["difference"] > 0 else "first"]
        if drawn["few"]:
            return f"{better} looks better: {score}. {few.strip()}"
        return (
            f"{better} is better: {score}. The difference is real: other images of this kind would "
            "very likely show it too."
        )
    surely = [row["name"] for row in result["measures"][1:] if row["real"]]
    surely += [f"IoU of {row['name']}" for row in result["classes"] if row["real"]]
    but = f" What does differ: {', '.join(surely)}." if surely else ""
    return f"By mean IoU no difference can be told from chance: {score}.{but}{few}"
