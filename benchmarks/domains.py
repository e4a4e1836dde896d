"""The plan on microscope images: nuclei and membranes, beside the tutorial's network.

Claim    A plan for one minute is ahead of the tutorial's network and training given four.
Command  python benchmarks/domains.py ../shared/data [--time 1m] [--tutorial 4m] [--original 20m]
         (11 minutes, and 20 for the original; nothing else may run beside it)
Method   Each folder is split once by the seed, three tenths of the images for the test; both are
         trained on the same images, on the same machine, one after the other, and scored on all
         pixels of the same test images at their own size. The tutorial's recipe gets no early
         stopping, so that it uses all of its time. Times count from process start. With --original
         the U-Net of 2015 and its training are shown on the membranes too, a quarter as wide,
         since two cores are no match for the ten hours of a GPU that the paper gave it.
Result   See README.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPLIT = ("--set", "split.test=0.3")
FOLDERS = ("nuclei", "membranes")
NARROW = "model.filters=[16,32,64,128,256]"


def measured(data: Path, run: Path, words: tuple[str, ...]) -> dict[str, object]:
    """Train as the words say, evaluate, and give a row."""
    program = Path(sys.executable).parent / "maskwright"
    begun = time.perf_counter()
    subprocess.run([program, "train", data, "--out", run, *words, *SPLIT], check=True)
    seconds = time.perf_counter() - begun
    done = subprocess.run(
        [program, "evaluate", run, "--json"], check=True, capture_output=True, text=True
    )
    scores = json.loads(done.stdout)
    return {
        "data": data.name,
        "train": " ".join(words),
        "seconds": round(seconds, 1),
        "test_images": scores["images"],
        "pixel_accuracy": round(scores["pixel_accuracy"], 4),
        "mean_iou": round(scores["mean_iou"], 4),
        "classes": {one["name"]: round(one["iou"], 3) for one in scores["classes"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--time", default="1m")
    parser.add_argument("--tutorial", default="4m")
    parser.add_argument("--original", help="a time for the U-Net of 2015, as 20m")
    parser.add_argument("--folders", nargs="+", default=FOLDERS)
    options = parser.parse_args()
    ours = ("--time", options.time)
    tutorial = ("--recipe", "tutorial", "--time", options.tutorial, "--set", "train.patience=0")
    original = ("--recipe", "original", "--time", options.original, "--set", NARROW)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.folders:
            third = [original] if options.original and name == "membranes" else []
            for number, words in enumerate([ours, tutorial, *third]):
                row = measured(options.data / name, Path(folder) / f"{name}-{number}", words)
                print(json.dumps(row), flush=True)
                plan = Path(folder) / f"{name}-{number}" / "plan.md"
                if plan.is_file():
                    print(plan.read_text(encoding="utf-8"), flush=True)


if __name__ == "__main__":
    main()
