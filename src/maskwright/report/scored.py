"""What a page shows of an evaluation."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import Any

from maskwright.errors import RunError
from maskwright.evaluation.chosen import count_test_uses
from maskwright.printing import outlines_unseen
from maskwright.report import words
from maskwright.report.certain import certainty
from maskwright.report.failures import clearly_worse, parts, sizes
from maskwright.report.gallery import gallery, kinds, middle
from maskwright.report.imagerows import image_table
from maskwright.report.measured import AREAS, BY_IMAGE, EDGES, absent, by_class, objects
from maskwright.runs import Run, reason_of


def sound(run: Run, name: str, scores: dict[str, Any]) -> dict[str, Any]:
    """What ``shown`` gives; raises RunError where the file of the scores lacks something."""
    try:
        return shown(run, name, scores)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        path = run.evaluations / f"{name}.json"
        raise RunError(f"{path} is damaged ({reason_of(error)}); evaluate again") from error


def shown(run: Run, name: str, scores: dict[str, Any]) -> dict[str, Any]:
    """What the parts of a page show that are about scores."""
    folder = run.evaluations
    pictures = gallery(folder, scores["pictures"])
    ranges, found = sizes(scores["sizes"])
    return {
        "name": title(run),
        "labels": run.table.labels,
        "ground": run.table.ground,
        "ignores": bool(run.table.ignore),
        "rims": run.rims,
        "numbered": run.table.encoding == "instances",
        "evaluation": name,
        "scores": scores,
        "those": words.those(scores),
        "answer": words.answer(scores),
        "flattering": scores["split"] == "val",
        "leaks": words.leaks(run.data.get("noticed", ())) if own_test(scores) else "",
        "sampled": words.sampled(scores),
        "too_narrow": words.too_narrow(scores),
        "commonest": words.commonest(scores),
        "used": words.used(count_test_uses(run)) if scores.get("test_uses") else "",
        "areas": by_class(scores, AREAS),
        "edges": by_class(scores, EDGES),
        "by_image": by_class(scores, BY_IMAGE),
        "objects": objects(scores),
        "absent": absent(scores["classes"]),
        "unseen": outlines_unseen(scores["classes"]),
        "pixel_shares": shares([row["pixels"] for row in scores["classes"]]),
        "confusion": [shares(row) for row in scores["confusion"]],
        "ranges": ranges,
        "sizes": found,
        "parts": parts(scores["subsets"]),
        "worse": clearly_worse(scores["subsets"], scores["mean_iou"]),
        "certain": certainty(scores, quoted(run)),
        "gallery": pictures,
        "kinds": kinds(pictures),
        "hero": middle(pictures),
        "images_table": image_table(folder / f"{name}.csv", run.table.names),
        "places": {one.name: one.number for one in pictures},
    }


def own_test(scores: dict[str, Any]) -> bool:
    """Whether they are of the test images of a run's own data."""
    return bool(scores["split"] == "test" and scores.get("test_uses"))


def facts(scores: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The few numbers at the top of a page, each with its interval below it."""
    between = scores["intervals"]
    right = words.reach_percent(between["pixel_accuracy"])
    found = {"Pixels right": (words.percent(scores["pixel_accuracy"]), right)}
    for name, key in {"Mean IoU": "mean_iou", "Mean Dice": "mean_dice"}.items():
        found[name] = words.score(scores[key]), words.reach(between[key])
    return found


def title(run: Run) -> str:
    """What is scored: a run, or an export with the run that it was made of."""
    name = run.path.resolve().name
    return name if run.results in (None, run.path) else f"{name}, {run.results.name}"


def without_nan(content: Any) -> Any:
    """The same values, None in place of what is not a finite number.

    >>> without_nan({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(content, dict):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def shares(pixels: Sequence[int]) -> list[float | None]:
    """Each number of pixels divided by their sum; None where there are none at all.

    >>> shares([3, 1]), shares([0, 0])
    ([0.75, 0.25], [None, None])
    """
    total = sum(pixels)
    return [number / total if total else None for number in pixels]


def quoted(run: Run) -> str:
    """The run folder, or the export in its place, as a shell takes it."""
    return shlex.quote((run.results or run.path).as_posix())
