"""From probabilities to a mask: the likeliest class, or what thresholds and doubt make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.calibration import Calibration
from maskwright.data.labels import IGNORE
from maskwright.errors import UsageError, nearest
from maskwright.predictor import most_likely


@dataclass(frozen=True)
class Decision:
    """How the class of a pixel is decided.

    ``thresholds`` are probabilities by class index: a class is taken where it reaches its own, of
    several the one that exceeds it most (as a ratio); one that does not reach its own is taken
    only where each class has a threshold and none is reached. Where the likeliest class is less
    probable than ``least``, the pixel is left open: 255.
    """

    thresholds: tuple[tuple[int, float], ...] = ()
    least: float = 0.0

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Class indices uint8 [H, W] of probabilities float32 [H, W, C]; 255 where it is open.

        >>> image = np.array([[[0.7, 0.3], [0.55, 0.45], [0.95, 0.05]]], np.float32)
        >>> Decision(((1, 0.4),))(image).tolist(), Decision(least=0.6)(image).tolist()
        ([[0, 1, 0]], [[0, 255, 0]])
        """
        mask = most_likely(probabilities)
        if self.thresholds:
            mask = self._by_thresholds(probabilities, mask)
        if self.least:
            mask[probabilities.max(axis=-1) < self.least] = IGNORE
        return mask

    def in_words(self, names: Sequence[str], ignored: int) -> list[str]:
        """What it does, for people; pixels that are left open have the value ``ignored``."""
        told = [
            f"{names[k]} is taken from a probability of {threshold:.2g} on"
            for k, threshold in self.thresholds
        ]
        if self.least:
            told.append(
                f"left open, with the value {ignored}: pixels less than {self.least:.1%} sure"
            )
        return told

    def _by_thresholds(self, probabilities: np.ndarray, likeliest: np.ndarray) -> np.ndarray:
        """The class that exceeds its threshold most, else the likeliest of those without one."""
        bound = [k for k, _ in self.thresholds]
        free = [k for k in range(probabilities.shape[-1]) if k not in bound]
        mask = likeliest
        if free:
            mask = np.array(free, np.uint8)[probabilities[..., free].argmax(axis=-1)]
        excess = np.stack([probabilities[..., k] / t for k, t in self.thresholds], axis=-1)
        reached = excess.max(axis=-1) >= 1
        best = np.array(bound, np.uint8)[excess.argmax(axis=-1)]
        return np.where(reached, best, mask)


def decision(
    names: list[str],
    calibration: Calibration | None,
    *,
    thresholds: Mapping[str, float] | None = None,
    recalls: Mapping[str, float] | None = None,
    abstain: float | None = None,
) -> Decision:
    """The decision that is asked for.

    ``thresholds`` are probabilities by class name; ``recalls`` shares of the pixels of a class
    that are to be found, for which validation knows the threshold; ``abstain`` the share of the
    decided pixels that is to be right, for which it knows the confidence. Raises UsageError.
    """
    chosen = dict(thresholds or {})
    for name, value in chosen.items():
        if name not in names:
            raise UsageError(f"no class called {name}: {nearest(name, names)}")
        if not 0 < value <= 1:
            raise UsageError(f"the threshold of {name}, {value:g}, must be above 0 and at most 1")
    if (recalls or abstain) and calibration is None:
        raise UsageError(
            "this model comes without its calibration (a run's calibration.json), so it is not "
            "known what finds or decides so much; give thresholds of your own, or train it anew"
        )
    for name, value in (recalls or {}).items():
        if name in chosen:
            raise UsageError(f"{name} has both a threshold and a recall; give one of them")
        chosen[name] = calibration.threshold(name, value) if calibration else 1.0
    least = calibration.confidence(abstain) if abstain and calibration else 0.0
    return Decision(tuple((names.index(name), value) for name, value in chosen.items()), least)
