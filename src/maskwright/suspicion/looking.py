"""Which images are looked at by which run, and what the runs say of each on average."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.data.folders import SPLITS
from maskwright.data.images import read_mask
from maskwright.data.pairing import Pair
from maskwright.errors import DataError, RunError, UsageError, nearest, some
from maskwright.evaluation.chosen import placed_at
from maskwright.predictor import Predictor
from maskwright.runs import Run, load

LEARNT = (
    "these images were trained on: a model agrees with what it has learnt, so most wrong masks "
    "will not show; train folds instead (split.folds), and name all of their runs"
)
SEALED = (
    "these are test images: where their masks are mended by the model's opinion, the test becomes "
    "easier for this model; let people decide who do not see it, and mend what is wrong for every "
    "model alike"
)


@dataclass(frozen=True)
class Looked:
    """An image with its mask as classes uint8 [H, W], and what so many runs say of it on average.

    probabilities: float32 [H, W, C].
    """

    pair: Pair
    truth: np.ndarray
    probabilities: np.ndarray
    runs: int


def open_runs(models: Sequence[Run | str | Path], data: str | Path | None = None) -> list[Run]:
    """The runs, which must be of the same images, masks and classes.

    ``data`` is where these lie now, if they were moved.
    """
    runs = [model if isinstance(model, Run) else load(model) for model in models]
    if not runs:
        raise UsageError("no run to look with; name one, or the runs of all folds")
    paths = [run.path.resolve() for run in runs]
    if twice := next((run for k, run in enumerate(runs) if paths[k] in paths[:k]), None):
        raise UsageError(f"{twice.path} is named twice; name each run once")
    if data is not None:
        runs = [_placed(run, Path(data)) for run in runs]
    first, *others = runs
    for run in others:
        _check_same(first, run)
    if not first.dataset.root.is_dir():
        raise RunError(
            f"the data of {first.path} are gone from {first.dataset.root}; put them back there, or "
            "name their new place: --data DATA"
        )
    return runs


def _placed(run: Run, data: Path) -> Run:
    """The run with its data at the place that is named."""
    found = placed_at(run, data)
    if found is None:
        raise DataError(
            f"{data} does not hold all images of {run.path}, which lay in {run.dataset.root}; "
            "name the folder that these were moved to"
        )
    return found


def _check_same(first: Run, other: Run) -> None:
    """Refuse a run on other data than the first."""
    if first.table != other.table:
        raise DataError(
            f"the classes differ: {some(first.table.names, 8)} in {first.path}, "
            f"{some(other.table.names, 8)} in {other.path} (or their mask values do); "
            "name runs on the same data"
        )
    masks = {pair.image.resolve(): pair.mask.resolve() for pair in first.dataset.pairs}
    common = [pair for pair in other.dataset.pairs if pair.image.resolve() in masks]
    if any(masks[pair.image.resolve()] != pair.mask.resolve() for pair in common) or not common:
        raise DataError(
            f"{first.path} is of {first.dataset.root}, {other.path} of {other.dataset.root}, "
            "other images or other masks; name runs on the same data, such as its folds"
        )


def chosen(runs: Sequence[Run], split: str | None) -> tuple[list[list[Pair]], str]:
    """The images that each run looks at, and in words which they are.

    By default those that it was not trained on: of a single run the validation images, of several
    all that are not sealed, that is, test images of each run that has them.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"no split called {split}: {nearest(split, SPLITS)}")
    every = [run.dataset.pairs for run in runs]
    if split or len(runs) == 1:
        wanted = split or "val"
        pairs = [[pair for pair in own if pair.split == wanted] for own in every]
        name = {"val": "validation", "train": "training"}.get(wanted, wanted)
    else:
        open_ones = {pair.image for own in every for pair in own if pair.split != "test"}
        pairs = [[p for p in own if p.split != "train" and p.image in open_ones] for own in every]
        name = "held-out"
    if not any(pairs):
        roots = runs[0].dataset.root
        raise DataError(f"{roots} has no {name} images to look at; try another --split")
    return pairs, name


def look(runs: Sequence[Run], pairs: Sequence[Sequence[Pair]]) -> Iterator[Looked]:
    """Each image once, with the mean of what is predicted by the runs that look at it."""
    first = {pair.image: pair for own in pairs for pair in own}
    places = {image: place for place, image in enumerate(first)}
    streams = [
        predictions(run.predictor, sorted(own, key=lambda pair: places[pair.image]))
        for run, own in zip(runs, pairs, strict=True)
    ]
    lookers = [{pair.image for pair in own} for own in pairs]
    for image, pair in first.items():
        found = [next(s) for s, own in zip(streams, lookers, strict=True) if image in own]
        probabilities = found[0] if len(found) == 1 else np.stack(found).mean(axis=0)
        truth = runs[0].table.decode(read_mask(pair.mask), pair.mask)
        if truth.shape != probabilities.shape[:2]:
            height, width = truth.shape
            raise DataError(
                f"{pair.mask} is {width}×{height} pixels, its image {pair.image.name} "
                f"{probabilities.shape[1]}×{probabilities.shape[0]}; give both the same size"
            )
        yield Looked(pair, truth, probabilities, len(found))


def predictions(predictor: Predictor, pairs: Sequence[Pair]) -> Iterator[np.ndarray]:
    """Class probabilities float32 [H, W, C] of each image, in order."""
    for _, probabilities in predictor.predict_all(pairs, lambda pair: predictor.read(pair.image)):
        yield probabilities
