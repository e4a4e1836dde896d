"""The whole job on generated images, in about two minutes on two cores."""

from __future__ import annotations

import time
from pathlib import Path

from maskwright.console import duration, say
from maskwright.data.samples import write_samples
from maskwright.evaluation import evaluate
from maskwright.prediction import predict
from maskwright.printing import print_scores
from maskwright.recipes import recipe
from maskwright.recording import free_folder
from maskwright.report import write_report
from maskwright.training import train


def run_demo(out: Path | None = None, count: int = 320, size: int = 160, seed: int = 0) -> Path:
    """Generate, train, evaluate, predict and report under ``out``; returns the report.

    ``count`` images with sides of about ``size`` pixels are generated from ``seed``.
    """
    folder = free_folder(out, "demo")
    begun = time.perf_counter()
    data = folder / "shapes"
    say(f"1/4  generating {count} images with masks in {data}")
    write_samples(data, count=count, size=size, seed=seed)
    say("2/4  training a small U-Net on them")
    run = train(data, out=folder / "run", config=recipe("demo"))
    say("3/4  measuring it on test images that it has not seen")
    print_scores(evaluate(run))
    tests = [pair.image for pair in run.dataset.of("test")]
    say(f"4/4  predicting the {len(tests)} test images again, as files: {folder / 'masks'}")
    predict(run, tests, out=folder / "masks", overlay=True)
    report = write_report(run)
    say(f"done in {duration(time.perf_counter() - begun)}. Open {report} in a browser")
    say("next, with your own images/ and masks/: maskwright check FOLDER")
    return report
