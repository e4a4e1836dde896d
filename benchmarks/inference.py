"""From image files to masks: a run and its exports, each by its own runtime.

Claim    Exported, a run's model makes its masks sooner than Keras makes them, and starts at once.
Command  python benchmarks/inference.py RUN IMAGES [--tutorial] [--rounds 3]
Method   RUN was exported (`maskwright export RUN --format …`); IMAGES is a text file with a path a
         line. Each model predicts all images into PNG masks in a process of its own, after eight to
         warm up, round after round, so that what else the machine does meets all of them; medians
         of images a second, the largest resident set, and the seconds from starting `maskwright
         predict` on one photo to its end. What is written is removed at the very end: where files
         were removed, ext4 looks for a place longer for a minute. Bare: squares of the view alone,
         one at a time and eight. With --tutorial the tutorial's network, untrained, at the same
         view, by Keras. Of the peak: the network's multiply-adds in squares of eight, twice, as a
         share of what a large float32 matrix product makes here a second; int8 has a higher peak
         of its own.
Result   See README.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

WARM = 8


def measured(model: str, images: list[str], folder: Path) -> dict[str, float]:
    """Images a second of one model, in this process."""
    import maskwright as mw
    from maskwright.artifacts import opened

    one = opened(model)
    mw.predict(one, images[:WARM], out=folder / "warm")
    begun = time.perf_counter()
    mw.predict(one, images, out=folder / "masks")
    rate = len(images) / (time.perf_counter() - begun)
    predictor = one.predictor
    side = predictor.view.size + 2 * predictor.margin
    squares = np.random.default_rng(0).integers(256, size=(8, side, side, predictor.bands.count))
    rates = {n: bare(predictor.logits_of_all, squares[:n].astype(np.uint8)) for n in (1, 8)}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"rate": rate, "bare_1": rates[1], "bare_8": rates[8], "gigabytes": memory}


def bare(logits: Any, squares: np.ndarray) -> float:
    """Squares a second, the median of twelve calls."""
    logits(squares)
    seconds = []
    for _ in range(12):
        begun = time.perf_counter()
        logits(squares)
        seconds.append(time.perf_counter() - begun)
    return len(squares) / median(seconds)


def tutorial(size: int, table: Any) -> dict[str, float]:
    """The same of the tutorial's network; its images would be read by it as fast as by others."""
    import maskwright as mw
    from maskwright.keras_predictor import model_predictor
    from maskwright.models import build

    config = mw.recipe("tutorial")
    predictor = model_predictor(build(config.model, len(table)), config, table)
    squares = np.random.default_rng(0).integers(256, size=(8, size, size, 3)).astype(np.uint8)
    return {f"bare_{n}": bare(predictor.logits_of_all, squares[:n]) for n in (1, 8)}


def peak() -> float:
    """Floating-point operations a second of a large float32 matrix product, the best of seven."""
    side = 3072
    one = np.random.default_rng(0).random((side, side), np.float32)
    seconds = []
    for _ in range(7):
        begun = time.perf_counter()
        one @ one
        seconds.append(time.perf_counter() - begun)
    return 2 * side**3 / min(seconds)


def arithmetic(model: Any, side: int, bands: int) -> int:
    """Multiply-adds of a network for one square."""
    from maskwright.engine import keras
    from maskwright.models import without_mirror
    from maskwright.models.costs import multiply_adds

    inner, _ = without_mirror(model)
    square = keras.Input((side, side, bands), dtype="float32")
    return multiply_adds(keras.models.clone_model(inner, input_tensors=square))


def start(model: str, image: str) -> float:
    """Seconds of a whole `maskwright predict` of one photo."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "maskwright", "predict", model, image, "--out"]
        begun = time.perf_counter()
        subprocess.run([*command, f"{folder}/masks"], check=True, stderr=subprocess.DEVNULL)
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("images", type=Path)
    parser.add_argument("--tutorial", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)  # model, folder
    given = parser.parse_args()
    images = given.images.read_text().split()
    if given.only:
        print(json.dumps(measured(given.only[0], images, Path(given.only[1]))))
        return
    exports = sorted(path for path in (Path(given.run) / "exports").glob("*") if path.is_dir())
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.rounds):
            for model in (given.run, *map(str, exports)):
                place = f"{folder}/{number}-{Path(model).name}"
                command = [sys.executable, __file__, given.run, str(given.images)]
                command += ["--only", model, place]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                row = json.loads(done.stdout.splitlines()[-1]) | {"start": start(model, images[0])}
                found.setdefault(Path(model).name, []).append(row)
    from maskwright.runs import load

    run = load(given.run)
    side = run.config.view.size + 2 * run.predictor.margin
    billions, best = arithmetic(run.model, side, run.dataset.bands.count) / 1e9, peak() / 1e9
    print(f"{billions:.2f} billion multiply-adds a square; peak {best:.0f} GFLOP/s")
    print("model         images/s  squares/s, 1  squares/s, 8  of the peak  start s  GB")
    for name, rows in found.items():
        typical = {key: median(row[key] for row in rows) for key in rows[0]}
        print(
            f"{name:12} {typical['rate']:9.1f} {typical['bare_1']:13.1f} {typical['bare_8']:13.1f} "
            f"{2 * billions * typical['bare_8'] / best:12.0%} {typical['start']:8.2f} "
            f"{typical['gigabytes']:4.2f}"
        )
    if given.tutorial:
        rates = tutorial(run.config.view.size, run.table)
        print(f"the tutorial           {rates['bare_1']:13.1f} {rates['bare_8']:13.1f}")


if __name__ == "__main__":
    main()
