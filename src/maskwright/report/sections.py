"""The run's files, turned into what the template shows."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from maskwright.console import duration
from maskwright.data.dataset import Dataset
from maskwright.data.folders import SPLITS
from maskwright.evaluation import FORMAT
from maskwright.report import scored, words
from maskwright.report.charts import chart
from maskwright.report.embedded import samples
from maskwright.report.exported import exports
from maskwright.report.page import allowed, script
from maskwright.report.planned import read_plan
from maskwright.report.scored import quoted, shares, sound, title, without_nan
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
    summary, text = model_summary(run), script()
    made = exports(run)
    return {
        "kind": "Segmentation report",
        "whole": True,
        "name": title(run),
        "config": run.config,
        "evaluate": f"maskwright evaluate {quoted(run)}",
        "labels": run.table.labels,
        "ground": run.table.ground,
        "outdated": bool(split) and scores is None,
        "scores": scores,
        "facts": {**(scored.facts(scores) if scores else {}), **facts(run, summary)},
        "data": data(run.dataset, run.config.seed, run.data.get("noticed", ())),
        "rims": run.rims,
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


def scores_alone(run: Run, result: dict[str, Any]) -> dict[str, Any]:
    """The same of what ``evaluate`` returned, without the training."""
    scores, text = without_nan(result), script()
    return {
        "kind": "Segmentation scores",
        "whole": False,
        "outdated": False,
        "facts": scored.facts(scores),
        "exports": [],
        "script": text,
        "allowed": allowed(text),
        **sound(run, scores["name"], scores),
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


def facts(run: Run, summary: str) -> dict[str, tuple[str, str]]:
    """The few numbers of the training at the top of the page."""
    rows, config = run.metrics(), run.config
    found = {}
    if rows:
        last = int(rows[-1]["epoch"])
        found["Best epoch"] = f"{words.best_epoch(rows, config.train.monitor)} of {last}", ""
        found["Training"] = duration(rows[-1]["seconds"]), ""
    if weights := re.search(r"Total params: ([\d,]+)", summary):
        found["Parameters"] = weights[1], ""
    return found


def data(dataset: Dataset, seed: int, noticed: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Counts and class shares by split, samples, and what was ``noticed`` before the training."""
    pictures, note = samples(dataset, seed)
    return {
        "root": dataset.root.as_posix(),
        "total": len(dataset.pairs),
        "images": dataset.counts(),
        "shares": class_shares(dataset),
        "samples": pictures,
        "note": note,
        "noticed": [f"{one['title']} ({one['count']:,})" for one in noticed],
        "unnamed": all(re.fullmatch(r"value_\d+", name) for name in dataset.table.names),
    }


def class_shares(dataset: Dataset) -> list[tuple[float | None, ...]]:
    """For each class its share (0–1) of the pixels in train, val and test."""
    return list(zip(*(shares(dataset.pixels[split].tolist()) for split in SPLITS), strict=True))


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
