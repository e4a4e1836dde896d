"""Batches from the cache cost little more than the resampling in them, and memory stays bounded.

Claim    An epoch of augmented batches from the cache takes at most 1.5 times as long as the bare
         cv2.warpAffine calls in it, and at most a third of the time from the JPEG files. Building
         the cache of 100,000 pairs and an epoch of batches from it take at most 150 MB more memory
         of their own than 1,000 pairs do.
Command  python benchmarks/batches.py ../shared/data/pets
         (without a folder: 400 generated scenes of 500×375 pixels as JPEG)
Method   256×256 pixels, batches of 16, default augmentation, two threads, no training. An epoch of
         `Batches` over `Files`, one over the `Cache`, and one of nothing but the warps (the same
         stored images and matrices, linear and reflected for the image, nearest for the mask, into
         arrays that are there already), in turn, 21 rounds, each an epoch of its own; medians of
         the times, and of the ratios within a round. Memory: 1,000 and 100,000 hard links to
         eight pairs of 160×120 pixels, 64×64 pixels, each in a process of its own. RssAnon is what
         the process holds; the whole resident size counts the pages of the cache file (2 GB) too,
         which the system keeps in memory as long as nothing else needs it.
Result   499 pets: 1.680 s from the files, 0.339 s from the cache, 0.246 s for the warps; files /
         cache 5.2, cache / warps 1.33 (1.33 to 1.45 in other runs, 1.52 while other work took the
         cores). 2 s to build the cache of 146 MB, 0.2 s to find it again. RssAnon 299 and 392 MB:
         +93 MB for a hundred times the pairs, most of it the list of their paths; resident 0.8 and
         2.7 GB with the pages (2026-11, 2 cores of a Xeon, 24 GiB, Python 3.11, OpenCV 5.0.0).
"""

from __future__ import annotations

import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maskwright.config import Config
from maskwright.data.augment import random_map
from maskwright.data.batches import Batches
from maskwright.data.cache import Files, Source, open_cache
from maskwright.data.dataset import load_dataset
from maskwright.data.labels import IGNORE
from maskwright.data.samples import draw
from maskwright.data.view import stored_matrix, view_matrix
from maskwright.randomness import AUGMENT, generator
from maskwright.settings import change

WORKERS, REPEATS = 2, 21
CONFIG = change(Config(), {"train.batch": 16, "train.workers": WORKERS})
COUNTS = (1_000, 100_000)
MEMORY = """
import re, sys, threading, time
from pathlib import Path
from maskwright.config import Config
from maskwright.settings import change
from maskwright.data.batches import Batches
from maskwright.data.cache import open_cache
from maskwright.data.pairing import Pair
from maskwright.data.labels import ClassTable, Label

def resident(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

def watch():
    while True:
        own.append(resident("RssAnon"))
        time.sleep(0.05)

own = []
folder, count = Path(sys.argv[1]), int(sys.argv[2])
labels = tuple(Label(str(value), "#000000", (value,)) for value in range(5))
config = change(Config(), {"view.size": 64, "train.batch": 16})
threading.Thread(target=watch, daemon=True).start()
pairs = [Pair(folder / f"{k}.jpg", folder / f"{k}.png") for k in range(count)]
batches = Batches(open_cache(pairs, ClassTable("index", labels), config.view, 0.25), config)
for step in range(len(batches)):
    batches[step]
print(max(own), resident("VmHWM"))
"""


def write_scenes(folder: Path, count: int, height: int, width: int) -> None:
    """Write images/K.jpg and masks/K.png."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        image, mask = draw(np.random.default_rng(index), height, width)
        Image.fromarray(image).save(folder / "images" / f"{index}.jpg", quality=90)
        Image.fromarray(mask).save(folder / "masks" / f"{index}.png")


def seconds(step: Callable[[int], object], steps: int) -> float:
    """The time that two threads take for all steps of an epoch."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(step, range(steps)):
            pass
    return time.perf_counter() - begun


def warps(source: Source, epoch: int) -> Callable[[int], None]:
    """The bare warps of a batch of that epoch, with nothing else left to do."""
    batch, size = CONFIG.train.batch, CONFIG.view.size
    order = Batches(source, CONFIG).order(epoch)
    jobs = []
    for index in np.resize(order, -(-len(order) // batch) * batch).tolist():
        stored = source.read(index)
        matrix = view_matrix(stored.height, stored.width, size, CONFIG.view.fit)
        rng = generator(AUGMENT, CONFIG.seed, epoch, index)
        matrix = random_map(rng, size, CONFIG.augment) @ np.vstack([matrix, (0, 0, 1)])
        matrix = stored_matrix(matrix, stored.mask.shape, (stored.height, stored.width))
        jobs.append((stored.image, stored.mask, matrix))
    free: queue.SimpleQueue[tuple[np.ndarray, np.ndarray]] = queue.SimpleQueue()
    for _ in range(WORKERS):
        free.put((np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)))

    def step(number: int) -> None:
        views = free.get()
        for image, mask, matrix in jobs[number * batch : (number + 1) * batch]:
            cv2.warpAffine(
                image,
                matrix,
                (size, size),
                dst=views[0],
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            cv2.warpAffine(
                mask,
                matrix,
                (size, size),
                dst=views[1],
                flags=cv2.INTER_NEAREST,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=(IGNORE,),
            )
        free.put(views)

    return step


def compare_times(folder: Path) -> None:
    dataset = load_dataset(folder)
    begun = time.perf_counter()
    cache = open_cache(dataset.pairs, dataset.table, CONFIG.view, CONFIG.augment.zoom)
    built = time.perf_counter() - begun
    begun = time.perf_counter()
    open_cache(dataset.pairs, dataset.table, CONFIG.view, CONFIG.augment.zoom)
    print(f"cache: {built:.2f} s to build, {time.perf_counter() - begun:.2f} s to find again")
    files = Files(dataset.pairs, dataset.table, dataset.bands)
    from_files, from_cache = Batches(files, CONFIG), Batches(cache, CONFIG)
    steps = len(from_cache)
    times: dict[str, list[float]] = {"files": [], "cache": [], "warps": []}
    for epoch in range(REPEATS):
        jobs = {
            "files": lambda step, first=epoch * steps: from_files[first + step],
            "cache": lambda step, first=epoch * steps: from_cache[first + step],
            "warps": warps(cache, epoch),
        }
        for name in rotated(list(jobs), epoch):
            times[name].append(seconds(jobs[name], steps))
        print("  ".join(f"{name} {taken[-1]:.3f} s" for name, taken in times.items()), flush=True)
    medians = "  ".join(f"{name} {statistics.median(taken):.3f} s" for name, taken in times.items())
    by_file, by_cache, bare = times.values()
    print(f"medians of {len(cache)} images: {medians}")
    print(f"files / cache {ratio(by_file, by_cache):.2f}")
    print(f"cache / warps {ratio(by_cache, bare):.2f}")


def rotated(names: list[str], by: int) -> list[str]:
    """The names from another one on in every round, so that none always follows the same."""
    return names[by % len(names) :] + names[: by % len(names)]


def ratio(one: list[float], other: list[float]) -> float:
    """The median of the ratios within a round: what else the machine did then slowed both."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def compare_memory(folder: Path) -> None:
    write_scenes(folder, 8, 120, 160)
    (folder / "links").mkdir()
    for index in range(max(COUNTS)):
        for kind, end in (("images", "jpg"), ("masks", "png")):
            os.link(folder / kind / f"{index % 8}.{end}", folder / "links" / f"{index}.{end}")
    own, whole = {}, {}
    for count in COUNTS:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(folder / "links"), str(count)],
            check=True,
            capture_output=True,
            text=True,
        )
        own[count], whole[count] = map(float, done.stdout.split())
        print(f"{count:7,} pairs: RssAnon {own[count]:.0f} MB, with pages {whole[count]:.0f} MB")
    few, many = own.values()
    print(f"{many - few:+.0f} MB of memory of its own for a hundred times the pairs")


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        os.environ["MASKWRIGHT_CACHE"] = str(Path(work) / "cache")
        data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(work) / "scenes"
        if len(sys.argv) == 1:
            write_scenes(data, 400, 375, 500)
        compare_times(data)
        compare_memory(Path(work) / "memory")


if __name__ == "__main__":
    main()
