"""int8: weights and activations in 8 bits, where the masks bear it.

Training images and extreme colours tell the range of each activation, validation images what is
lost. Where mean IoU falls by more than is allowed, layers get their floats back, step by step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from statistics import median
from typing import TypeVar

import numpy as np

from maskwright.artifacts import Artifact, open_artifact
from maskwright.artifacts.facts import Facts
from maskwright.artifacts.parity import Example, Parity, compare_all
from maskwright.console import say
from maskwright.data.counting import occurrences
from maskwright.data.dataset import Dataset
from maskwright.data.images import read_image, read_mask
from maskwright.data.pairing import Pair
from maskwright.data.rasters import Held
from maskwright.errors import RunError
from maskwright.exporting.graph import Graph
from maskwright.exporting.quantizers import Job, litert_steps, openvino_steps
from maskwright.printing import print_trade
from maskwright.views import views_of

IMAGES = 64  # of the training, by which ranges are found, and
OF_EACH = 5  # those that have the most of a class
SQUARES = 3 * IMAGES  # that are cut out of them at the most
Item = TypeVar("Item")
STEPS: dict[str, Callable[[Job], Iterator[str]]] = {
    "openvino": openvino_steps,
    "litert": litert_steps,
}


def in_eight_bits(
    format: str, graph: Graph, dataset: Dataset, artifact: Artifact, examples: list[Example],
    before: Parity, most_loss: float,
) -> Artifact:  # fmt: skip
    """An artifact written over with itself in int8; says what it was worth.

    ``before`` is how the one in float32 compared. Layers are in float where mean IoU on the
    examples would fall by more than ``most_loss``; RunError where that is not enough.
    """
    path, size = artifact.path, artifact.megabytes
    facts = replace(artifact.facts, made={**artifact.facts.made, "int8": f"{most_loss:g}"})
    squares = squares_of(dataset, facts)
    job = Job(path, graph, facts, squares, examples, most_loss)
    say(f"int8: ranges from {len(squares)} squares of training images and of extreme colours …")
    losses: dict[float, str] = {}
    for floats in STEPS[format](job):
        made = open_artifact(path)
        after = max(compare_all(made, examples), key=lambda one: one.loss)
        if not after.loss > most_loss:  # unknown (NaN) where no pixel of the truth counts
            break
        losses[after.loss] = floats
        say(f"int8 {floats} costs {after.loss:.4f} of mean IoU, and {most_loss:g} is the most;")
        say("layers that cost most get their floats back (this may take minutes) …")
    else:
        least = min(losses)
        raise RunError(
            f"int8 costs {least:.4f} of mean IoU at the least ({losses[least]}), and "
            f"{most_loss:g} is the most: allow more by --most-loss, or export without --int8"
        )
    slow, fast = in_turn(artifact, made, examples[0].image)
    print_trade(
        [
            ("float32", before.mean_iou, before.equal, slow, size),
            (f"int8 {floats}", after.mean_iou, after.equal, fast, made.megabytes),
        ]
    )
    return made


def calibrating(dataset: Dataset) -> list[Pair]:
    """Training images that show each class: some spread over all, and those with most of each."""
    pairs = list(dataset.of("train"))
    step = max(1, len(pairs) // IMAGES)
    chosen = pairs[::step][:IMAGES]
    table = dataset.table
    shares = []
    for pair in pairs[:: max(1, len(pairs) // (4 * IMAGES))]:
        mask = table.decode(read_mask(pair.mask), pair.mask)
        counts = occurrences([mask], [len(table)])
        shares.append((pair, counts / max(1, mask.size)))
    for k in range(len(table)):
        most = sorted(shares, key=lambda one: -one[1][k])[:OF_EACH]
        chosen += [pair for pair, share in most if share[k] and pair not in chosen]
    return chosen


def squares_of(dataset: Dataset, facts: Facts) -> np.ndarray:
    """Squares uint8 [n, S, S, C], as the network sees them, of training images and of flat colours.

    Training images alone do not show how large the activations of other images become: one that is
    stained, where nearly all are grey, kept 96.5 % of the run's pixels, and 99.0 % with the flat
    colours.
    """
    seen = np.stack(spread(squares_in(calibrating(dataset), facts), SQUARES))
    colors = extremes(seen.shape[-1])
    flat = np.broadcast_to(colors[:, None, None], (len(colors), *seen.shape[1:]))
    return np.concatenate([seen, flat])


def squares_in(pairs: Iterable[Pair], facts: Facts) -> Iterator[np.ndarray]:
    """All squares of the images, one after another."""
    for pair in pairs:
        image = Held(read_image(pair.image, facts.bands))
        for cut in views_of(image, facts.view, facts.margin).cuts():
            yield from cut()


def spread(items: Iterable[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly spread; no more than twice as many are held.

    >>> spread(range(5), 2), spread(range(100), 3)
    ([0, 4], [0, 64])
    """
    kept: list[Item] = []
    step = 1
    for place, item in enumerate(items):
        if place % step == 0:
            kept.append(item)
        if len(kept) > 2 * most:
            kept, step = kept[::2], 2 * step
    return kept[:: -(-len(kept) // most)]


def extremes(channels: int) -> np.ndarray:
    """The extreme colours uint8 [n, C]: black and white, each channel alone, and all but it.

    Of three channels these are the corners of RGB.

    >>> extremes(1).tolist()
    [[0], [255]]
    >>> len(extremes(3)), len(extremes(12))
    (8, 26)
    """
    alone = 255 * np.eye(channels, dtype=np.uint8)
    ends = np.array([[0], [255]], np.uint8).repeat(channels, axis=1)
    return np.unique(np.concatenate([ends, alone, 255 - alone]), axis=0)


def in_turn(first: Artifact, second: Artifact, image: np.ndarray) -> tuple[float, float]:
    """Seconds that each takes for the network's squares of an image, medians of nine in turn."""
    views = views_of(Held(image), first.facts.view, first.facts.margin)
    squares = np.stack([square for cut in views.cuts() for square in cut()])
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(10):
        for artifact, seconds in zip((first, second), taken, strict=True):
            begun = time.perf_counter()
            artifact.predictor.logits_of_all(squares)
            seconds.append(time.perf_counter() - begun)
    slow, fast = (median(seconds[1:]) for seconds in taken)
    return slow, fast
