"""What validation says of a model's probabilities: its temperature, and thresholds by class.

It is found on the validation images when the best model is kept, and stays with it
(calibration.json). All of it flatters a little, since these images also chose the epoch; evaluation
says what it comes to on the test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from maskwright.errors import UsageError, nearest
from maskwright.measures.certainty import (
    STEPS,
    Counted,
    calibration_error,
    chances,
    coarse,
    confidence_for,
    confidences,
    fit_temperature,
    tempered,
    threshold_for,
)

# Shares that can be asked for: of a class's pixels to be found, of the decided pixels to be right.
LEVELS = (*(round(0.5 + step / 100, 2) for step in range(50)), 0.995, 0.999)
FOR_TEMPERATURE = 150_000  # probabilities that it is fitted on; more change it no more


@dataclass(frozen=True)
class Calibration:
    """A temperature, and for each of LEVELS a threshold or a confidence, None where there is none.

    ``thresholds`` maps a class to the highest probability from which on so large a share of its
    pixels is found; ``confidences`` are the lowest from which on so large a share of all is right.
    """

    temperature: float
    pixels: int
    error_before: float
    error_after: float
    thresholds: dict[str, list[float | None]]
    confidences: list[float | None]

    @classmethod
    def fit(cls, sample: Counted, names: Sequence[str]) -> Calibration | None:
        """From pixels of the validation images; None where none of them counts."""
        pixels, classes = sample.probabilities.shape
        if not pixels:
            return None
        every = max(1, pixels * classes // FOR_TEMPERATURE)
        part = Counted(sample.truth[::every], sample.probabilities[::every])
        temperature = fit_temperature(part)
        after = Counted(sample.truth, tempered(sample.probabilities, temperature))
        fine, counts = confidences(after), chances(after)
        return cls(
            temperature,
            pixels,
            round(float(calibration_error(coarse(confidences(sample)))), 6),
            round(float(calibration_error(coarse(fine))), 6),
            {
                name: [threshold_for(counts[k], level) for level in LEVELS]
                for k, name in enumerate(names)
            },
            [confidence_for(fine, level) for level in LEVELS],
        )

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> Calibration:
        """From what calibration.json holds; raises ValueError, KeyError or TypeError."""
        confidences = [None if level is None else float(level) for level in read["confidences"]]
        thresholds = {
            str(name): [None if level is None else float(level) for level in levels]
            for name, levels in dict(read["thresholds"]).items()
        }
        rows = [confidences, *thresholds.values()]
        temperature = float(read["temperature"])
        if {len(row) for row in rows} != {len(LEVELS)} or not 0.01 < temperature < 100:
            raise ValueError("it is of another version, or damaged")
        errors = float(read["error_before"]), float(read["error_after"])
        return cls(temperature, int(read["pixels"]), *errors, thresholds, confidences)

    def to_dict(self) -> dict[str, Any]:
        """What calibration.json holds."""
        return asdict(self)

    def threshold(self, name: str, recall: float) -> float:
        """The probability of a class from which on so large a share of its pixels is found.

        Raises UsageError where that is not known, or found only by taking every pixel for it.
        """
        if name not in self.thresholds:
            raise UsageError(f"no class called {name}: {nearest(name, list(self.thresholds))}")
        found = self.thresholds[name][level_of(recall)]
        if found is None:
            raise UsageError(
                f"{name} occurs nowhere in the validation images, so no threshold is known that "
                f"finds {recall:.0%} of it; give a probability of your own, as in --threshold "
                f"{name}=0.3"
            )
        if not found:
            at = zip(LEVELS, self.thresholds[name], strict=True)
            most = max((level for level, threshold in at if threshold), default=None)
            raise UsageError(
                f"no threshold finds {recall:.4g} of {name} but 0, which takes nearly every pixel "
                f"for it (the lowest is {1 / STEPS:g}); "
                + (f"{most:g} is the most that can be asked for" if most else "train longer")
            )
        return found

    def confidence(self, right: float) -> float:
        """The confidence from which on so large a share of the pixels is right."""
        found = self.confidences[level_of(right)]
        if found is None:
            reached = [level for level, one in zip(LEVELS, self.confidences, strict=True)
                       if one is not None]  # fmt: skip
            best = f"; {max(reached):g} is the most" if reached else ""
            raise UsageError(
                f"on the validation images there is no confidence from which on {right:g} of the "
                f"pixels are right{best}"
            )
        return found


def level_of(share: float) -> int:
    """The place in LEVELS of the lowest level that is at least ``share``.

    >>> LEVELS[level_of(0.95)], LEVELS[level_of(0.951)]
    (0.95, 0.96)
    """
    if not LEVELS[0] <= share <= LEVELS[-1]:
        sense = LEVELS[0] <= share / 100 <= LEVELS[-1]
        percent = f": write {share / 100:g} for {share:g} %" if sense else ""
        raise UsageError(
            f"{share:g} is outside {LEVELS[0]:g} to {LEVELS[-1]:g}{percent or '; choose within'}"
        )
    return int(np.searchsorted(np.array(LEVELS) + 1e-9, share))
