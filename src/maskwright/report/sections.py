"""The run's files, turned into what the template shows."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from maskwright.console import duration
from maskwright.data.dataset import Dataset
from maskwright.data.folders import SPLITS
from maskwright.evaluation import count_test_uses
from maskwright.report import words
from maskwright.report.charts import chart
from maskwright.report.embedded import Example, examples, samples
from maskwright.runs import Run

# Title of a chart, and the columns of metrics.csv that it shows.
CHARTS = {
    "Loss": {"training": "loss", "validation": "val_loss"},
    "Pixel accuracy": {"training": "pixel_accuracy", "validation": "val_pixel_accuracy"},
    "Mean IoU": {"validation": "val_mean_iou"},
}


def sections(run: Run) -> dict[str, Any]:
    """Everything that template.html names."""
    split, scores = evaluated(run)
    shown = examples(run.path / "evaluation", scores["pictures"]) if scores else {}
    summary = model_summary(run)
    return {
        "name": run.path.resolve().name,
        "config": run.config,
        "evaluate": f"maskwright evaluate {quoted(run)}",
        "labels": run.table.labels,
        "ground": run.table.ground,
        "split": split,
        "split_name": words.SPLIT_NAMES.get(split, ""),
        "scores": scores,
        "answer": words.answer(scores, split) if scores else "",
        "used": words.used(count_test_uses(run)) if split == "test" else "",
        "facts": facts(run, scores, summary),
        "hero": middle(shown.get("median", [])),
        "data": data(run.dataset, run.config.seed),
        "training": training(run),
        "pixel_shares": shares([row["pixels"] for row in scores["classes"]]) if scores else [],
        "confusion": [shares(row) for row in scores["confusion"]] if scores else [],
        "examples": shown,
        "summary": summary,
        "toml": (run.path / "config.toml").read_text(encoding="utf-8"),
        "environment": run.read_json("environment.json"),
        "commands": commands(run),
    }


def evaluated(run: Run) -> tuple[str, dict[str, Any] | None]:
    """The split to show and its scores: test if it has been evaluated, else val, else nothing."""
    for split in ("test", "val"):
        if scores := run.evaluation(split):
            return split, scores
    return "", None


def facts(run: Run, scores: dict[str, Any] | None, summary: str) -> dict[str, str]:
    """The few numbers at the top of the page."""
    rows, config = run.metrics(), run.config
    found = {}
    if scores:
        found["Pixels right"] = words.percent(scores["pixel_accuracy"])
        found["Mean IoU"] = words.score(scores["mean_iou"])
        found["Mean Dice"] = words.score(scores["mean_dice"])
    if rows:
        last = int(rows[-1]["epoch"])
        found["Best epoch"] = f"{words.best_epoch(rows, config.train.monitor)} of {last}"
        found["Training"] = duration(rows[-1]["seconds"])
    if weights := re.search(r"Total params: ([\d,]+)", summary):
        found["Parameters"] = weights[1]
    return found


def middle(shown: Sequence[Example]) -> Example | None:
    """The very median among the median images."""
    return shown[len(shown) // 2] if shown else None


def data(dataset: Dataset, seed: int) -> dict[str, Any]:
    """Counts and class shares by split, and samples."""
    pictures, note = samples(dataset, seed)
    return {
        "root": dataset.root.as_posix(),
        "total": len(dataset.pairs),
        "images": dataset.counts(),
        "shares": class_shares(dataset),
        "samples": pictures,
        "note": note,
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
    """What log.txt holds before the first line about an epoch."""
    lines = (run.path / "log.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(itertools.takewhile(lambda line: not line.startswith("epoch "), lines))


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
