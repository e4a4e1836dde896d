"""`check` costs little more than reading the files, and its memory is bounded.

Claim    `maskwright check` looks through a set in at most 1.3 times the wall time that Pillow takes
         on two threads to read every image and mask once; on 100,000 pairs its memory stays below
         1 GB.
Command  python benchmarks/check.py FOLDER [--no-memory]
Method   FOLDER is a set in the layout of the Oxford pets or with images/ and masks/. Pillow and
         check take turns, seven times each, in one process, files in the page cache; medians.
         For the memory, links to the files of a generated set stand for 1,000 and for 100,000
         pairs; check runs on each in a process of its own.
Result   Pets (499 pairs), three runs: Pillow 0.73, 0.73, 0.74 s, check 0.90, 0.89, 0.89 s; ratios
         1.22, 1.21, 1.21, and later 1.22 and, with much other work beside it, 1.11 to 1.13.
         1,000 pairs: 131 MB, 1 s. 100,000 pairs: 564 MB, 527 s with a training and tests beside it.
         100,000 pairs of which no two images are alike: 595 MB, 239 s with tests beside it
         (2026-11, 2 cores of a Xeon, 24 GiB, Python 3.11, Pillow 13.0, OpenCV 5.0).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.data.audit import check
from maskwright.data.listing import list_pairs
from maskwright.data.samples import write_samples

REPEATS = 7
COUNTS = (1_000, 100_000)
APART = """
import resource, sys, time
from maskwright.data.audit import check
begun = time.perf_counter()
found = check(sys.argv[1])
seconds = time.perf_counter() - begun
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, seconds, len(found.facts))
"""


def read_with_pillow(data: Path) -> float:
    """Seconds to read every image as RGB and every mask as it is, on two threads."""
    pairs = list_pairs(data).pairs

    def read(pair) -> int:  # type: ignore[no-untyped-def]
        with Image.open(pair.image) as image, Image.open(pair.mask) as mask:
            return np.asarray(image.convert("RGB")).size + np.asarray(mask).size

    begun = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(read, pairs))
    return time.perf_counter() - begun


def check_it(data: Path) -> float:
    """Seconds that check takes."""
    begun = time.perf_counter()
    check(data)
    return time.perf_counter() - begun


def linked(folder: Path, count: int, source: Path) -> Path:
    """A set of ``count`` pairs that are hard links to the few of ``source``."""
    for kind in ("images", "masks"):
        files = sorted((source / kind).iterdir())
        (folder / kind).mkdir(parents=True)
        for n in range(count):
            file = files[n % len(files)]
            os.link(file, folder / kind / f"{n:06}{file.suffix}")
    return folder


def main() -> None:
    data = Path(sys.argv[1])
    few = sys.argv[2:] == ["--no-memory"]
    times: dict[str, list[float]] = {"pillow": [], "check": []}
    read_with_pillow(data)
    check_it(data)
    for _ in range(REPEATS):
        times["pillow"].append(read_with_pillow(data))
        times["check"].append(check_it(data))
    pillow, ours = (statistics.median(times[name]) for name in ("pillow", "check"))
    ratio = statistics.median(b / a for a, b in zip(times["pillow"], times["check"], strict=True))
    print(f"Pillow {pillow:.2f} s, check {ours:.2f} s; median ratio {ratio:.2f}", flush=True)
    if few:
        return
    with tempfile.TemporaryDirectory() as work:
        write_samples(Path(work) / "source", count=100, size=64)
        for count in COUNTS:
            folder = linked(Path(work) / str(count), count, Path(work) / "source")
            done = subprocess.run(
                [sys.executable, "-c", APART, str(folder)],
                check=True,
                capture_output=True,
                text=True,
            )
            peak, seconds, looked = done.stdout.split()
            megabytes = int(peak) * 1024 / 1e6
            print(f"{looked} pairs: {megabytes:.0f} MB, {float(seconds):.0f} s", flush=True)


if __name__ == "__main__":
    main()
