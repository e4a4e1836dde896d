"""How far the probabilities can be believed, and what can be done with them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from maskwright.report.charts import reliability
from maskwright.report.words import percent, reach, score

USUAL = 0.95  # the share of a class that is to be found, in the example
TOLD, LEAST = 0.9, 0.001  # the confidence of the sentence; share of the pixels that it rests on
OLD = (
    "Nobody calibrated the probabilities of this run: it was trained by an older version of "
    "Maskwright, or its validation images hold no pixel that counts. So there are no thresholds "
    "to choose from; training again makes them."
)


def certainty(scores: Mapping[str, Any], run: str) -> dict[str, Any]:
    """What the section on probabilities shows; ``run`` is the run folder as a shell takes it."""
    found = scores["calibration"]
    calibrated = found["temperature"] is not None
    finding = [row for row in scores["thresholds"] if row["class"].lower() != "background"]
    return {
        "told": told(scores),
        "penalty": penalty(scores),
        "temperature": tempered(found) if calibrated else OLD,
        "calibrated": calibrated,
        "diagram": reliability(found["diagram"], found["diagram_before"] if calibrated else []),
        "bins": [row for row in found["diagram"] if row[0] is not None],
        "finding": {
            name: [row for row in finding if row["class"] == name]
            for name in dict.fromkeys(row["class"] for row in finding)
        },
        "everywhere": any(row["threshold"] == 0 for row in finding),
        "usual": {row["name"]: row for row in scores["classes"]},
        "deciding": scores["confidences"],
        "find": finding_more(scores, finding, run),
        "abstain": abstaining(scores["confidences"], run),
    }


def command(run: str, option: str, value: str) -> str:
    """A prediction that uses what validation chose."""
    return f"maskwright predict {run} IMAGES --out masks {option} {shlex.quote(value)}"


def finding_more(scores: Mapping[str, Any], finding: Sequence[Mapping[str, Any]], run: str) -> str:
    """A prediction that finds more of the worst class, up to 95 % of it; empty where every
    threshold of that takes every pixel for it."""
    name = example(scores, finding) if finding else ""
    rows = [row for row in finding if row["class"] == name and row["threshold"]]
    levels = [row["wanted_recall"] for row in rows if row["wanted_recall"] <= USUAL]
    return command(run, "--recall", f"{name}={max(levels):g}") if levels else ""


def abstaining(rows: Sequence[Mapping[str, Any]], run: str) -> str:
    """A prediction that leaves doubtful pixels open; empty where no share right that the table
    has leaves any.

    >>> levels = ((0.95, 0.0), (0.98, 0.7))
    >>> abstaining([{"wanted_right": w, "confidence": c} for w, c in levels], "run")
    'maskwright predict run IMAGES --out masks --abstain 0.98'
    """
    leaving = [row["wanted_right"] for row in rows if row["confidence"]]
    return command(run, "--abstain", f"{min(leaving):g}") if leaving else ""


def example(scores: Mapping[str, Any], finding: Sequence[Mapping[str, Any]]) -> str:
    """The class, among those with thresholds, that has the lowest IoU."""
    ious = {row["name"]: row["iou"] for row in scores["classes"]}
    known = {row["class"]: ious[row["class"]] for row in finding}
    return min(known, key=lambda name: 2 if known[name] is None else known[name])


def told(scores: Mapping[str, Any]) -> str:
    """How sure the model is and how often it is right, in two sentences."""
    bins = [row for row in scores["calibration"]["diagram"] if row[0] is not None]
    if not bins:
        return "No pixel counts here, so there is nothing to say."
    sure = sum(row[0] * row[2] for row in bins) / sum(row[2] for row in bins)
    near = min((row for row in bins if row[2] >= LEAST), key=lambda row: abs(row[0] - TOLD))
    return (
        f"Where the model says that it is {percent(near[0])} sure, {percent(near[1])} of the "
        f"pixels are right. Over all pixels it is {percent(sure)} sure on average, and "
        f"{percent(scores['pixel_accuracy'])} are right."
    )


def penalty(scores: Mapping[str, Any]) -> str:
    """Calibration error and Brier score in words."""
    error, brier = scores["calibration_error"], scores["brier"]
    if error is None or brier is None:
        return ""
    between, classes = scores["intervals"], len(scores["classes"])
    return (
        f"The confidence is off by {100 * error:.1f} percentage points on average (expected "
        f"calibration error {score(error)}{_ends(between['calibration_error'])}). The Brier score, "
        f"the squared error of the probabilities, is {score(brier)}{_ends(between['brier'])}; 0 is "
        f"perfect, and giving each of the {classes} classes the same chance scores "
        f"{score(1 - 1 / classes)}."
    )


def tempered(found: Mapping[str, Any]) -> str:
    """What the temperature does, in words."""
    temperature, before = found["temperature"], found["error_before"]
    by_itself = "too sure of itself" if temperature > 1 else "too cautious"
    if 0.95 <= temperature <= 1.05:
        by_itself = "about as sure as it should be"
    return (
        f"On the validation images the network by itself was {by_itself}. Its probabilities are "
        f"corrected by one number, a temperature of {temperature:.2f}, which changes no "
        "prediction, only how sure it is. Without it the calibration error here would be "
        f"{score(before)}."
    )


def _ends(between: Sequence[float] | None) -> str:
    return f" [{reach(between)}]" if between else ""
