"""What a checkpoint costs beside a training step.

Claim    Saving all that a training needs to go on takes less than a second for every network here,
         and is done seldom enough to take no more than a fiftieth of the time.
Command  python benchmarks/checkpoints.py (a minute; nothing else may run beside it)
Method   The network and its optimiser after one step; the medians of ten checkpoints written, each
         waited for until it is on the disk, and of ten read back, beside the median of ten steps on
         batches of eight views of 192 pixels, in one call.
Result   See README.md.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from maskwright.checkpoint import Checkpoint, latest_checkpoint, write_checkpoint
from maskwright.fitting import compiled
from maskwright.losses import parse_loss
from maskwright.models import build
from maskwright.recipes import recipe
from maskwright.resuming import weights_of
from maskwright.stepping import stepper

TIMES = 10
NETWORKS = {"default": {"model.weights": "none"}, "tutorial": {}}


def median(work: Callable[[], object]) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return 1e3 * statistics.median(taken)


def measure(name: str, folder: Path) -> str:
    config = recipe(name, NETWORKS[name])
    network = build(config.model, 3)
    trainer = compiled(network, config)
    steps = stepper(trainer, parse_loss("cross_entropy"), "float32")
    images, masks = np.zeros((8, 192, 192, 3), np.uint8), np.zeros((8, 192, 192), np.uint8)
    steps.begin()

    def step() -> float:
        return float(steps.step(images, masks, 1e-3)[0])

    def save() -> Path:
        return write_checkpoint(folder, Checkpoint(1, {}, weights_of(trainer, network)))

    step()
    size = save().stat().st_size / 1e6
    row = (median(step), median(save), median(lambda: latest_checkpoint(folder)))
    return f"| {name} | {network.count_params():,} | {size:.0f} | " + " | ".join(
        f"{value:.0f}" for value in row
    )


def main() -> None:
    print("| network | weights | MB | a step, ms | saving, ms | reading, ms |")
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(name, Path(folder)) + " |", flush=True)


if __name__ == "__main__":
    main()
