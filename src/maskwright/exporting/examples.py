"""Real images with what a run says of them, by which what is exported of it is judged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from maskwright.artifacts.parity import Example
from maskwright.data.dataset import read_pair
from maskwright.runs import Run

EXAMPLES = 16  # images that an export is compared on, at their own size, and
CUT = 4  # of these with a row and some columns cut off, so that sides are odd
LARGEST = 2048  # pixels a side of an example; what is beyond is cut off
KEPT = 6  # of the examples are kept beside the artifact


def examples_of(run: Run) -> Iterator[Example]:
    """Validation images, then those of the training, and some of them again with odd sides.

    None of the test: what int8 costs is weighed by these, and the test is not for choosing.
    """
    pairs = [pair for split in ("val", "train") for pair in run.dataset.of(split)]
    for place, pair in enumerate(islice(pairs, EXAMPLES)):
        image, raw = read_pair(pair, run.dataset.bands)
        truth = run.table.decode(raw, pair.mask)
        yield example(run, image[:LARGEST, :LARGEST], truth[:LARGEST, :LARGEST])
        if place < CUT:
            height, width = (min(LARGEST, side) for side in truth.shape)
            bottom, right = odd(height - 1 - place), odd(width - width // (5 + place))
            yield example(run, image[:bottom, :right], truth[:bottom, :right])


def odd(side: int) -> int:
    """The odd number of pixels at or below a side; one at the least.

    >>> odd(8), odd(7), odd(0)
    (7, 7, 1)
    """
    return max(1, side - (side + 1) % 2)


def example(run: Run, image: np.ndarray, truth: np.ndarray) -> Example:
    """An image uint8 [H, W, C] and its truth uint8 [H, W], with what the run says of it."""
    image = np.ascontiguousarray(image)
    chances = run.predictor.probabilities(image)
    return Example(image, chances.argmax(axis=-1).astype(np.uint8), chances.max(axis=-1), truth)


def chosen(examples: list[Example]) -> list[Example]:
    """A few of the examples, spread over all."""
    step = max(1, len(examples) // KEPT)
    return examples[::step][:KEPT]
