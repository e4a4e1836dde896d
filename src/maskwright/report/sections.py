"""The run's files, turned into what the template shows."""

from __future__ import annotations

import itertools
import math
import re
import shlex
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from maskwright.console import duration
from maskwright.data.dataset import Dataset
from maskwright.data.folders import SPLITS
from maskwright.errors import RunError
from maskwright.evaluation import FORMAT
from maskwright.evaluation.chosen import count_test_uses
from maskwright.report import words
from maskwright.report.certain import certainty
from maskwright.report.charts import chart
from maskwright.report.embedded import samples
from maskwright.report.exported import exports
from maskwright.report.failures import clearly_worse, parts, sizes
from maskwright.report.gallery import gallery, kinds, middle
from maskwright.report.imagerows import image_table
from maskwright.report.measured import AREAS, BY_IMAGE, EDGES, absent, by_class, objects
from maskwright.report.page import allowed, script
from maskwright.report.planned import read_plan
from maskwright.runs import Run, reason_of

# Title of a chart, and the columns of metrics.csv that it shows.
CHARTS = {
    "Loss": {"training": "loss", "validation": "val_loss"},
    "Pixel accuracy": {"training": "pixel_accuracy", "validation": "val_pixel_accuracy"},
    "Mean IoU": {"validation": "val_mean_iou"},
}


def sections(run: Run) -> dict[str, Any]:
    """Everything that template.html names."""
    split, scores = evaluated(run)
    summary, text = model_summary(run), script()
    made = exports(run)
    return {
        "name": run.path.resolve().name,
        "config": run.config,
        "evaluate": f"maskwright evaluate {quoted(run)}",
        "labels": run.table.labels,
        "ground": run.table.ground,
        "split": split,
        "split_name": words.SPLIT_NAMES.get(split, ""),
        "outdated": bool(split) and scores is None,
        "scores": scores,
        "facts": facts(run, scores, summary),
        "data": data(run.dataset, run.config.seed, rims=run.rims),
        "plan": read_plan(run.path / "plan.md"),
        "training": training(run),
        "summary": summary,
        "toml": (run.path / "config.toml").read_text(encoding="utf-8"),
        "environment": run.read_json("environment.json"),
        "commands": commands(run),
        "exports": made,
        "verify": f"maskwright verify {quoted(run)}/exports/{made[0]['name']}" if made else "",
        "script": text,
        "allowed": allowed(text),
        **(sound(run, split, scores) if scores else {}),
    }


def evaluated(run: Run) -> tuple[str, dict[str, Any] | None]:
    """The split to show and its scores: of test, else of val, else of none ("").

    Scores that an older version wrote are None.
    """
    found = {split: run.evaluation(split) for split in ("test", "val")}
    known = {split: scores for split, scores in found.items() if scores}
    for split, scores in known.items():
        if scores.get("format") == FORMAT:
            return split, without_nan(scores)
    return next(iter(known), ""), None


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


def sound(run: Run, split: str, scores: dict[str, Any]) -> dict[str, Any]:
    """What ``measured`` gives; raises RunError where the file of the scores lacks something."""
    try:
        return measured(run, split, scores)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        path = run.path / "evaluation" / f"{split}.json"
        raise RunError(f"{path} is damaged ({reason_of(error)}); evaluate again") from error


def measured(run: Run, split: str, scores: dict[str, Any]) -> dict[str, Any]:
    """What is shown of scores only where there are some."""
    folder = run.path / "evaluation"
    shown = gallery(folder, scores["pictures"])
    ranges, found = sizes(scores["sizes"])
    return {
        "answer": words.answer(scores, split),
        "sampled": words.sampled(scores),
        "too_narrow": words.too_narrow(scores),
        "commonest": words.commonest(scores),
        "used": words.used(count_test_uses(run)) if split == "test" else "",
        "areas": by_class(scores, AREAS),
        "edges": by_class(scores, EDGES),
        "by_image": by_class(scores, BY_IMAGE),
        "objects": objects(scores),
        "absent": absent(scores["classes"]),
        "pixel_shares": shares([row["pixels"] for row in scores["classes"]]),
        "confusion": [shares(row) for row in scores["confusion"]],
        "ranges": ranges,
        "sizes": found,
        "parts": parts(scores["subsets"]),
        "worse": clearly_worse(scores["subsets"], scores["mean_iou"]),
        "certain": certainty(scores, quoted(run)),
        "gallery": shown,
        "kinds": kinds(shown),
        "hero": middle(shown),
        "images_table": image_table(folder / f"{split}.csv", run.table.names),
        "places": {one.name: one.number for one in shown},
    }


def facts(run: Run, scores: dict[str, Any] | None, summary: str) -> dict[str, tuple[str, str]]:
    """The few numbers at the top of the page, each with its interval, or nothing, below it."""
    rows, config = run.metrics(), run.config
    found = {}
    if scores:
        between = scores["intervals"]
        right = words.reach_percent(between["pixel_accuracy"])
        found["Pixels right"] = words.percent(scores["pixel_accuracy"]), right
        for title, key in {"Mean IoU": "mean_iou", "Mean Dice": "mean_dice"}.items():
            found[title] = words.score(scores[key]), words.reach(between[key])
    if rows:
        last = int(rows[-1]["epoch"])
        found["Best epoch"] = f"{words.best_epoch(rows, config.train.monitor)} of {last}", ""
        found["Training"] = duration(rows[-1]["seconds"]), ""
    if weights := re.search(r"Total params: ([\d,]+)", summary):
        found["Parameters"] = weights[1], ""
    return found


def data(dataset: Dataset, seed: int, *, rims: bool = False) -> dict[str, Any]:
    """Counts and class shares by split, samples, and whether ``rims`` were learnt."""
    pictures, note = samples(dataset, seed)
    return {
        "root": dataset.root.as_posix(),
        "total": len(dataset.pairs),
        "images": dataset.counts(),
        "shares": class_shares(dataset),
        "samples": pictures,
        "note": note,
        "unnamed": all(re.fullmatch(r"value_\d+", name) for name in dataset.table.names),
        "ignores": bool(dataset.table.ignore),
        "numbered": dataset.table.encoding == "instances",
        "rims": rims,
    }


def class_shares(dataset: Dataset) -> list[tuple[float | None, ...]]:
    """For each class its share (0–1) of the pixels in train, val and test."""
    return list(zip(*(shares(dataset.pixels[split].tolist()) for split in SPLITS), strict=True))


def shares(pixels: Sequence[int]) -> list[float | None]:
    """Each number of pixels divided by their sum; None where there are none at all.

    >>> shares([3, 1]), shares([0, 0])
    ([0.75, 0.25], [None, None])
    """
    total = sum(pixels)
    return [number / total if total else None for number in pixels]


def training(run: Run) -> dict[str, Any]:
    """The curves and what they say."""
    rows, config = run.metrics(), run.config.train
    epochs = 0 if config.minutes else config.epochs_for(len(run.dataset.of("train")))
    return {
        "told": words.trained(rows, config.monitor, epochs),
        "charts": curves(rows, words.best_epoch(rows, config.monitor)) if rows else [],
    }


def curves(rows: Sequence[dict[str, float]], best: int | None) -> list[tuple[str, Markup]]:
    """Title and SVG of each chart of the rows of metrics.csv."""
    epochs = [int(row["epoch"]) for row in rows]
    return [
        (title, chart(title, epochs, {k: [row[c] for row in rows] for k, c in cols.items()}, best))
        for title, cols in CHARTS.items()
    ]


def model_summary(run: Run) -> str:
    """What log.txt holds from the model's name on, before the first line about an epoch."""
    lines = (run.path / "log.txt").read_text(encoding="utf-8").splitlines()
    before = list(itertools.takewhile(lambda line: not line.startswith("epoch "), lines))
    table = itertools.dropwhile(lambda line: not line.startswith("Model: "), before)
    return "\n".join(table) or "\n".join(before)


def commands(run: Run) -> list[str]:
    """What to type for the same training, evaluation and report again, in a new run folder."""
    folder, again = quoted(run), shlex.quote(f"{run.path.as_posix()}-again")
    return [
        f"maskwright train {folder}/dataset.toml --config {folder}/config.toml --out {again}",
        f"maskwright evaluate {again}",
        f"maskwright report {again}",
    ]


def quoted(run: Run) -> str:
    """The run folder as a shell takes it."""
    return shlex.quote(run.path.as_posix())
