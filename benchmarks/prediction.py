"""Files to masks: what predict adds to the time of the bare model, and how much memory it takes.

Claim    From image files to mask files predict takes no more than 1.25 times the model's own time
         for photos, 1.15 times for tiles of a 5,000 × 5,000 TIFF, and less than 1.5 GB of memory
         for one of 20,000 × 20,000.
Command  python benchmarks/prediction.py RUN IMAGES…   a run, and files or folders of images
         python benchmarks/prediction.py RUN 5000      a run of windows, and the side of a TIFF that
                                                       is made of noise and discs (20000
                                                       --rounds 1: 5 minutes); with --shapes
                                                       geojson its objects as well
Method   One process. The model's time for one full batch of its views, asked by Keras's own
         `predict_on_batch`, is taken before and after each of three predictions, six times, and
         multiplied by the number of batches; `mw.predict` is timed between them, from opened run to
         closed files; medians. Memory is the largest resident set of the process, TensorFlow and
         all. The run's view is what decides: whole or windows.
Result   see README.md.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile

import maskwright as mw
from maskwright.data.rasters import open_raster
from maskwright.models import without_mirror
from maskwright.prediction.inputs import find_images
from maskwright.predictor import BATCH
from maskwright.views import views_of

TILE, PATTERN = 256, 1024


def write_large(path: Path, side: int) -> None:
    """A tiled, deflated RGB TIFF of side × side: a pattern of discs on noise, again and again."""
    rng = np.random.default_rng(0)
    pattern = rng.integers(40, 80, size=(PATTERN, PATTERN, 3), dtype=np.uint8)
    for x, y, radius in rng.integers([0, 0, 6], [PATTERN, PATTERN, 20], size=(300, 3)).tolist():
        cv2.circle(pattern, (x, y), radius, (200, 190, 180), -1)

    def tiles() -> Iterator[np.ndarray]:
        for y in range(0, side, TILE):
            for x in range(0, side, TILE):
                top, left = y % PATTERN, x % PATTERN
                yield pattern[top : top + TILE, left : left + TILE]

    tifffile.imwrite(
        path, tiles(), shape=(side, side, 3), dtype=np.uint8, tile=(TILE, TILE),
        photometric="rgb", compression="zlib", bigtiff=True,
    )  # fmt: skip


def seconds_a_batch(run: mw.Run) -> float:
    """Median seconds of the bare model for a full batch."""
    model, margin = without_mirror(run.model)
    side = run.predictor.view.size + 2 * margin
    views = np.random.default_rng(0).integers(256, size=(BATCH, side, side, 3), dtype=np.uint8)
    for compiling in (model.predict_on_batch, run.predictor.logits):
        compiling(views)
    times = []
    for _ in range(6):
        begun = time.perf_counter()
        model.predict_on_batch(views)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def squares(run: mw.Run, images: list[Path]) -> int:
    """How many views the images have."""
    total = 0
    for image in images:
        views = views_of(open_raster(image), run.predictor.view)
        grid = getattr(views, "grid", None)
        total += len(grid.tops) * len(grid.lefts) if grid else 1
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("images", nargs="+", help="image files and folders, or the side of a TIFF")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shapes", action="append", default=[], help="also write these")
    given = parser.parse_args()
    run, inputs = mw.load(given.run), given.images
    with tempfile.TemporaryDirectory() as folder:
        if inputs[0].isdigit():
            write_large(Path(folder) / "large.tif", int(inputs[0]))
            inputs = [f"{folder}/large.tif"]
        batches = squares(run, find_images(inputs)) / BATCH
        before, rounds = seconds_a_batch(run), []
        for number in range(given.rounds):
            begun = time.perf_counter()
            mw.predict(run, inputs, out=f"{folder}/masks{number}", shapes=given.shapes)
            taken = time.perf_counter() - begun
            after = seconds_a_batch(run)
            rounds.append((taken, (before + after) / 2 * batches))
            before = after
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    taken, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratios = sorted(one / other for one, other in rounds)
    print(
        f"predict {taken:.1f} s, the bare model {bare:.1f} s: ratio {statistics.median(ratios):.2f}"
        f" ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    print(f"largest resident set {memory:.2f} GB")


if __name__ == "__main__":
    main()
