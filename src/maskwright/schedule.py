"""How far a training is, from 0 to 1, and the learning rate that belongs there.

Everything that changes in the course of a training is a function of this one number, whether it
counts steps or follows a clock. With a clock the schedule is finished when the time is up, however
fast the machine turns out to be.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from maskwright.config import TrainConfig

FLOOR = 0.04  # share of the highest rate at which the warm-up begins


@dataclass
class Steps:
    """Progress by steps: 1 after so many of them in so many epochs."""

    epoch: int
    epochs: int
    done: int = 0

    def step(self) -> None:
        """Count a step."""
        self.done += 1

    def __call__(self) -> float:
        return min(1.0, self.done / (self.epoch * self.epochs))

    def left_after(self, epoch: float) -> float:
        """Seconds that are left after a first epoch that took so many."""
        return epoch * (self.epochs - 1)

    def state(self) -> dict[str, float]:
        """What ``restore`` needs to go on from here."""
        return {"done": self.done}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from a state."""
        self.done = int(state["done"])


@dataclass
class Clock:
    """Progress by time: 0 when it is made, 1 when only ``reserve`` is left until ``end``.

    ``end`` and ``begun`` are in seconds of ``now``; ``reserve`` is the time in seconds that is kept
    for what follows the last step, and may be changed as it becomes known.
    """

    end: float
    reserve: float
    now: Callable[[], float] = time.perf_counter
    begun: float = field(default=math.nan)

    def __post_init__(self) -> None:
        if math.isnan(self.begun):
            self.begun = self.now()

    def step(self) -> None:
        """Time passes by itself."""

    def __call__(self) -> float:
        return min(1.0, self.share(self.now() - self.begun))

    def share(self, seconds: float) -> float:
        """What share of the training so many seconds are; infinite where there is no time."""
        length = self.end - self.reserve - self.begun
        return seconds / length if length > 0 else math.inf

    def left_after(self, epoch: float) -> float:
        """Seconds until the last step, whatever an epoch takes."""
        return max(0.0, self.end - self.reserve - self.now())

    def state(self) -> dict[str, float]:
        """What ``restore`` needs to go on from here."""
        now = self.now()
        return {"used": now - self.begun, "left": self.end - now, "reserve": self.reserve}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from a state: the time between the two programs does not count."""
        now = self.now()
        self.begun, self.end = now - state["used"], now + state["left"]
        self.reserve = state["reserve"]


def rate_at(progress: float, config: TrainConfig) -> float:
    """The learning rate at a progress of 0 to 1.

    "constant" never changes. "cosine" is one cycle: from 4 % up in a straight line over the share
    ``train.warmup``, then down to 0 by half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983,
    equation 5, with one period; warm-up as in Goyal et al. 2017, arXiv:1706.02677, section 2.2).

    >>> config = TrainConfig(learning_rate=1.0, warmup=0.2)
    >>> [round(rate_at(progress, config), 3) for progress in (0, 0.1, 0.2, 0.6, 1)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if config.schedule == "constant":
        return config.learning_rate
    if progress < config.warmup:
        return config.learning_rate * (FLOOR + (1 - FLOOR) * progress / config.warmup)
    after = (progress - config.warmup) / max(1e-9, 1 - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, after)))
