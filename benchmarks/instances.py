"""What a semantic network that learns the rims of objects is worth where objects touch.

Claim    Trained on masks that number their objects, `train` learns their rims as a class of its
         own; parted by it, more objects are found than as connected components of the same
         prediction, and more than by a watershed of it.
Command  python benchmarks/instances.py [../shared/data/nuclei] [--time 4] [--rim 2] [--fit window]
Method   The 100 nuclei images; the 20 whose names have the smallest MD5 sum are the test, the next
         8 choose the best epoch, 72 are trained on (seed 0). The test images are predicted once,
         at their own size, and the objects found in three ways are compared with the nuclei as
         drawn: panoptic quality over all images, and average precision at an IoU of 0.5, objects
         of 10 pixels or more. Windows are what a plan takes for numbered objects this small. With
         --rim 0 the same without the class.
Result   See README.md.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import maskwright as mw
from maskwright.measures.objects import (
    average_precision,
    detections,
    overlaps,
    panoptic,
    panoptic_quality,
)
from maskwright.runs import Run
from maskwright.validate import Predicted, predict_pairs

TEST, VAL = 20, 8


def listed(data: Path, folder: Path) -> Path:
    """A CSV file of the images with their split."""
    images = sorted((data / "images").iterdir())
    drawn = sorted(images, key=lambda path: hashlib.md5(path.stem.encode()).digest())
    splits = dict.fromkeys(drawn, "train")
    splits |= dict.fromkeys(drawn[: TEST + VAL], "val") | dict.fromkeys(drawn[:TEST], "test")
    path = folder / "nuclei.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mask", "split"])
        for image in images:
            mask = next((data / "instances").glob(f"{image.stem}.*"))
            writer.writerow([image.resolve(), mask.resolve(), splits[image]])
    return path


def found(one: Predicted, run: Run) -> Iterator[tuple[str, np.ndarray]]:
    """The objects int32 [H, W] of a prediction, by how those that touch are parted."""
    mask = one.probabilities.argmax(axis=-1).astype(np.uint8)
    for name in ("none", "watershed"):
        yield name, mw.find_objects(mask, run.table, part=name).labels
    if one.inside is not None:
        yield "rims", mw.find_objects(mask, run.table, inside=one.inside).labels


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data/nuclei"))
    parser.add_argument("--time", type=float, default=4.0, help="minutes")
    parser.add_argument("--rim", type=float, default=2.0, help="pixels")
    parser.add_argument("--fit", default="window", help="pad: whole images, for comparison")
    parser.add_argument("--run", type=Path, help="a run of before, in place of training")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = mw.load(given.run) if given.run else trained(given, Path(folder))
        score(run)


def trained(given: argparse.Namespace, folder: Path) -> Run:
    start = time.monotonic()
    data, settings = listed(given.data, folder), {"train.rim": given.rim}
    made = mw.plan(data, minutes=given.time, settings=settings | {"view.fit": given.fit})
    run = mw.train(data, out=folder / "run", config=made.config)
    print(f"trained in {time.monotonic() - start:.0f} s, {len(run.metrics())} epochs told")
    return run


def score(run: Run) -> None:
    sums: dict[str, list[tuple[np.ndarray, object]]] = {}
    right = np.zeros(2)
    for one in predict_pairs(run.parter, run.dataset.of("test")):
        truth = np.where(one.truth == 1, run.table.values_of(one.raw), 0).astype(np.int32)
        counts = one.truth != 255
        true, said = truth > 0, one.probabilities.argmax(axis=-1) == 1
        right += (true & said).sum(), (true | said).sum()
        for name, objects in found(one, run):
            overlap = overlaps(truth, objects, counts)
            areas = np.bincount(objects.ravel())
            surely = np.bincount(objects.ravel(), one.probabilities[..., 1].ravel())
            scores = (surely / np.maximum(1, areas))[1:]
            sums.setdefault(name, []).append((panoptic(overlap), detections(overlap, scores)))
    print(f"IoU of all nuclei as one class: {right[0] / right[1]:.3f}")
    print("parted by    PQ     RQ     SQ     AP50   found  invented  missed")
    for name, images in sums.items():
        counted = np.sum([each for each, _ in images], axis=0)
        quality = panoptic_quality(counted)
        precision = average_precision([each for _, each in images])[0]
        print(
            f"{name:11} {quality.panoptic:.3f}  {quality.recognition:.3f}  "
            f"{quality.segmentation:.3f}  {precision:.3f}  {counted[1]:5.0f}  {counted[2]:8.0f}  "
            f"{counted[3]:6.0f}"
        )


if __name__ == "__main__":
    main()
