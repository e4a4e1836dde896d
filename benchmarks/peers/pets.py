"""What all peers share: the pets' files, one way to score masks, and a watch that can be stopped.

NumPy and Pillow only, as it runs in every peer's own environment.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

STARTED = time.perf_counter()
# Seconds at which a peer is scored.
MARKS = (20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2400, 3000, 3600)


def arguments() -> argparse.Namespace:
    """--data: the folder of the pets, --seconds: how long to train, --name: of the peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=600)
    return parser.parse_args()


def listed(data: Path, split: str) -> list[str]:
    """The names in trainval.txt or test.txt."""
    lines = (data / "annotations" / f"{split}.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def read(data: Path, name: str, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 [H, W, 3] and classes uint8 [H, W], squashed to size × size if it is given."""
    image = Image.open(data / "images" / f"{name}.jpg").convert("RGB")
    mask = Image.open(data / "annotations" / "trimaps" / f"{name}.png")
    if size:
        image = image.resize((size, size), Image.Resampling.BILINEAR)
        mask = mask.resize((size, size), Image.Resampling.NEAREST)
    return np.asarray(image), np.asarray(mask) - 1


def all_of(data: Path, split: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """All images uint8 [n, size, size, 3] of a split and their classes uint8 [n, size, size]."""
    pairs = [read(data, name, size) for name in listed(data, split)]
    return np.stack([image for image, _ in pairs]), np.stack([mask for _, mask in pairs])


def enlarged(scores: np.ndarray, height: int, width: int) -> np.ndarray:
    """The likeliest classes uint8 [height, width] of scores float32 [h, w, C], bilinear."""
    parts = [
        Image.fromarray(part).resize((width, height), Image.Resampling.BILINEAR)
        for part in np.moveaxis(scores.astype(np.float32), -1, 0)
    ]
    return np.argmax(np.stack(parts), axis=0).astype(np.uint8)


def score(
    data: Path, predict: Callable[[np.ndarray], np.ndarray], size: int
) -> tuple[float, float]:
    """Pixel accuracy and mean IoU over all pixels of the test images at their own size.

    ``predict`` takes images uint8 [n, size, size, 3] and gives probabilities [n, size, size, 3].
    """
    matrix = np.zeros((3, 3), np.int64)
    names = listed(data, "test")
    for start in range(0, len(names), 8):
        batch = names[start : start + 8]
        views = np.stack([read(data, name, size)[0] for name in batch])
        for name, scores in zip(batch, predict(views), strict=True):
            truth = read(data, name)[1]
            place = truth.astype(int) * 3 + enlarged(scores, *truth.shape)
            matrix += np.bincount(place.ravel(), minlength=9).reshape(3, 3)
    hit = np.diag(matrix)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - hit
    return float(hit.sum() / matrix.sum()), float((hit / union).mean())


class Watch:
    """Scores a peer at the marks; the time that scoring takes does not count."""

    def __init__(self, peer: str, seconds: float, score: Callable[[], tuple[float, float]]) -> None:
        self.peer, self.seconds, self.score = peer, seconds, score
        self.scoring = 0.0
        self.left = [mark for mark in MARKS if mark <= seconds]
        self.images = 0
        self.first = 0.0

    @property
    def passed(self) -> float:
        """Seconds since the process began, without those of scoring."""
        return time.perf_counter() - STARTED - self.scoring

    def step(self, images: int) -> bool:
        """Count a step of so many images; False when the time is up."""
        if self.first:
            self.images += images
        else:
            self.first = self.passed  # the first step compiles
        if self.left and self.passed >= self.left[0]:
            self.left = [mark for mark in self.left if mark > self.passed]
            self.report()
        return bool(self.left)

    def report(self) -> None:
        """Print a row of JSON."""
        passed, begun = self.passed, time.perf_counter()
        accuracy, mean_iou = self.score()
        self.scoring += time.perf_counter() - begun
        row = {
            "peer": self.peer,
            "seconds": round(passed, 1),
            "pixel_accuracy": round(accuracy, 4),
            "mean_iou": round(mean_iou, 4),
            "images_a_second": round(self.images / max(1e-9, passed - self.first), 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
        }
        print(json.dumps(row), flush=True)
