"""What one setting of a training is worth: the same number of images, scored on held-out ones.

Claim    The default of `maskwright train` was chosen by trials of this kind, see README.md here.
Command  python benchmarks/choices.py ../shared/data/pets IMAGES [key=value …]
         such as: python benchmarks/choices.py ../shared/data/pets 3000 train.encoder_rate=0.3
Method   The 300 images of the pets' trainval list, in the order of a hash of their names: the first
         90 are scored at their own size, the next 10 choose the epoch, 200 are trained on. The test
         list is not touched. So many images are shown as IMAGES says, whatever the time.
Result   See README.md.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import sys
import tempfile
import time
from pathlib import Path

import maskwright as mw
from maskwright.settings import parse_setting

SCORED, CHOOSING = 90, 10


def manifest(data: Path, path: Path) -> int:
    """Write the split as a CSV manifest; how many images are trained on."""
    lines = (data / "annotations" / "trainval.txt").read_text().splitlines()
    names = [line.split()[0] for line in lines if line and not line.startswith("#")]
    names.sort(key=lambda name: hashlib.md5(f"{name}.jpg".encode()).digest())
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mask", "split"])
        for place, name in enumerate(names):
            split = "test" if place < SCORED else "val" if place < SCORED + CHOOSING else "train"
            image, mask = data / "images" / f"{name}.jpg", data / "annotations/trimaps"
            writer.writerow([image, mask / f"{name}.png", split])
    return len(names) - SCORED - CHOOSING


def main() -> None:
    data, images, *words = sys.argv[1:]
    settings = dict(parse_setting(word) for word in words)
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "pets.csv"
        trained_on = manifest(Path(data).resolve(), listing)
        epochs = math.ceil(int(images) / trained_on)
        config = mw.recipe("default", {"train.epochs": epochs, **settings})
        begun = time.perf_counter()
        run = mw.train(listing, out=Path(folder) / "run", config=config)
        seconds = time.perf_counter() - begun
        scores = mw.evaluate(run)
    row = {
        "settings": settings,
        "images": epochs * trained_on,
        "seconds": round(seconds, 1),
        "pixel_accuracy": scores["pixel_accuracy"],
        "mean_iou": scores["mean_iou"],
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
