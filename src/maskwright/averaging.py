"""Test-time augmentation: the mean of what is predicted of an image flipped, smaller and larger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from maskwright.errors import UsageError, nearest
from maskwright.predictor import Predictor, softmax

GRAIN = 32  # pixels; sides are multiples of the deepest stride
LEAST = 1e-12  # of a probability, so that it has a logarithm


@dataclass(frozen=True)
class Variant:
    """A way to look at squares: mirrored along ``axes`` (1 up-down, 2 left-right), scaled."""

    axes: tuple[int, ...] = ()
    scale: float = 1.0

    def of(self, squares: np.ndarray) -> np.ndarray:
        """Squares [B, S, S, C] seen so, [B, T, T, C]."""
        side = squares.shape[1]
        if self.scale != 1:
            side = max(1, round(side * self.scale / GRAIN)) * GRAIN
        return np.ascontiguousarray(np.flip(resized(squares, side), self.axes))

    def back(self, scores: np.ndarray, side: int) -> np.ndarray:
        """Scores float32 [B, T, T, classes] of what is seen so as those of the squares."""
        return resized(np.flip(scores, self.axes), side)


FLIPS = (Variant((2,)),)
TURNED = (Variant((1,)), Variant((1, 2)))
SCALES = (Variant(scale=0.75), Variant(scale=1.25))
WAYS = {"flip": FLIPS, "flips": (*FLIPS, *TURNED), "scales": SCALES}


def resized(squares: np.ndarray, side: int) -> np.ndarray:
    """Squares [B, S, S, C] as [B, side, side, C]."""
    if squares.shape[1] == side:
        return squares
    method = cv2.INTER_AREA if side < squares.shape[1] else cv2.INTER_LINEAR
    few = [cv2.resize(np.ascontiguousarray(one), (side, side), interpolation=method)
           for one in squares]  # fmt: skip
    return np.stack(few).reshape(len(squares), side, side, -1)


def averaged(predictor: Predictor, ways: Sequence[str]) -> Predictor:
    """The predictor whose probabilities are the mean of the plain ones and those of ``ways``.

    "flip" mirrors left and right, "flips" also up and down, "scales" looks at three quarters and at
    five quarters of the size. Raises UsageError for others, and for scales of a network that sees
    more than it tells, or takes one size alone.
    """
    for way in ways:
        if way not in WAYS:
            raise UsageError(f"no test-time augmentation called {way}: {nearest(way, WAYS)}")
    variants = [Variant(), *dict.fromkeys(v for way in ways for v in WAYS[way])]
    if predictor.margin and any(variant.scale != 1 for variant in variants):
        raise UsageError("this network mirrors its border, so it sees one size; leave out scales")
    if predictor.fixed and any(variant.scale != 1 for variant in variants):
        raise UsageError(
            f"this export takes squares of {predictor.view.size} pixels alone; leave out scales, "
            "or predict by its run"
        )
    if len(variants) == 1:
        return predictor
    return replace(predictor, logits=_mean(predictor.logits, variants, predictor.temperature))


def _mean(
    logits: Callable[[np.ndarray], np.ndarray], variants: Sequence[Variant], temperature: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Logits that become the mean probabilities of the variants at this temperature."""
    heat = np.float32(temperature)

    def mean(squares: np.ndarray) -> np.ndarray:
        several = []
        for variant in variants:
            found = logits(variant.of(squares))
            side = found.shape[1] if variant.scale == 1 else squares.shape[1]
            several.append(variant.back(softmax(found / heat), side))
        return np.log(np.maximum(np.mean(several, axis=0), LEAST)) * heat

    return mean
