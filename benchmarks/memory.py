"""Memory does not grow with the number of images.

Claim    Peak resident memory of training one epoch on 4,000 images is within 150 MB of that on 400.
Command  python benchmarks/memory.py
Method   `maskwright data shapes` makes both sets (sides of 90 to 180 pixels); `maskwright train`
         runs one epoch on each in a process of its own, three times in turn; medians of the peak
         resident size that the system reports for the process.
Result   median 1,003 MB on 400 images and 1,013 MB on 4,000: +11 MB for ten times the images
         (2026-11, 2 cores of a Xeon, 24 GiB, Python 3.11, Keras 3.15.1 on TensorFlow 2.21.0).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COUNTS = (400, 4000)
REPEATS = 3
TRAIN = """
import resource, sys
from maskwright.recipes import recipe
from maskwright.training import train

config = recipe("demo", {"train.epochs": 1, "view.size": 64})
train(sys.argv[1], out=sys.argv[2], config=config)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def call(*words: str) -> None:
    """Run one command line in a process of its own."""
    subprocess.run([sys.executable, "-m", "maskwright", *words], check=True, capture_output=True)


def peak_megabytes(data: Path, out: Path) -> float:
    """Peak resident memory of one training epoch, in MB (10^6 bytes)."""
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(data), str(out)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[-1]) * 1024 / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for count in COUNTS:
            data = folder / f"shapes{count}"
            call("data", "shapes", str(data), "--count", str(count), "--size", "128")
        peaks: dict[int, list[float]] = {count: [] for count in COUNTS}
        for repeat in range(REPEATS):
            for count in COUNTS:
                out = folder / f"run-{count}-{repeat}"
                peaks[count].append(peak_megabytes(folder / f"shapes{count}", out))
                print(f"{count:5} images  {peaks[count][-1]:7.0f} MB", flush=True)
        few, many = (statistics.median(peaks[count]) for count in COUNTS)
        print(
            f"median {few:.0f} MB and {many:.0f} MB: {many - few:+.0f} MB for ten times the images"
        )


if __name__ == "__main__":
    main()
