"""How long a training step takes on this machine: remembered from trainings, or measured quickly.

    <cache home>/throughput.json    {"<machine and network>": seconds a megapixel}

A step takes a fixed time, for the optimiser and the calls of hundreds of small functions, and
beyond that so much a megapixel.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.config import ModelConfig
from maskwright.data.home import cache_home
from maskwright.engine import keras
from maskwright.environment import processor
from maskwright.models import build

STEP = 2.5  # times a prediction is what a training step takes a megapixel (measured: 2.2 to 2.8)
FIXED = 0.06  # seconds a step, on two cores of an EPYC (measured: 0.05 to 0.08)
ASSUMED = 0.7  # seconds a megapixel, EfficientNet-Lite0 on two cores (measured: 0.6 to 0.8)
PROBED = 192  # pixels, side of the images that are predicted to measure


@dataclass(frozen=True)
class Rate:
    """Seconds of training a megapixel, beside what every step takes; and how that is known."""

    seconds: float
    source: str

    def image(self, side: int, batch: int) -> float:
        """Seconds for an image of side × side pixels in a step of ``batch`` of them.

        >>> round(Rate(1.0, "").image(side=500, batch=8), 4)
        0.2575
        """
        return FIXED / batch + self.seconds * side * side / 1e6


def rate_of(model: ModelConfig, *, measure: bool = True) -> Rate:
    """The rate of this network on this machine; where it is unknown, measured or assumed."""
    seconds = remembered().get(key_of(model))
    if seconds:
        return Rate(seconds, "as measured when this network was last trained here")
    if not measure:
        return Rate(ASSUMED, "as assumed for two free cores; in so short a time it is not measured")
    return Rate(STEP * probe(model), "estimated from a prediction that was timed just now")


def key_of(model: ModelConfig) -> str:
    """What a rate belongs to: the machine, the engine and what costs time in the network."""
    shape: list[object] = [model.decoder, model.width, model.pretrained and model.statistics]
    if model.encoder == "plain":
        shape = [*model.filters, model.normalization, model.padding]
    machine = [processor(), os.cpu_count(), keras.config.backend()]
    return " ".join(map(str, [*machine, model.encoder, *shape]))


def remembered() -> dict[str, float]:
    """All rates that this machine remembers; none where the file is not there or not whole."""
    try:
        rates = json.loads(_path().read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in rates.items() if 0 < float(value) < 1e6}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def remember(model: ModelConfig, seconds: float) -> None:
    """Write down the seconds a megapixel of a training; a cache that cannot be written is none."""
    rates = remembered() | {key_of(model): seconds}
    part = _path().with_suffix(f".{os.getpid()}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(rates, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(_path())
    except OSError:
        with suppress(OSError):
            part.unlink()


def _path() -> Path:
    return cache_home() / "throughput.json"


def probe(model: ModelConfig) -> float:
    """Seconds that a prediction takes a megapixel, measured on a network of random weights."""
    network = build(_random(model), classes=2)
    images = np.zeros((4, PROBED, PROBED, 3), np.uint8)
    network.predict_on_batch(images)  # compiles
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        network.predict_on_batch(images)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) / (images[..., 0].size / 1e6)


def _random(model: ModelConfig) -> ModelConfig:
    """The same network without weights to read."""
    return ModelConfig(**{**vars(model), "weights": "none"})
