"""Predict and compare: it scores what is shipped, at each image's own size."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.console import say, track
from maskwright.data.dataset import load_dataset
from maskwright.data.folders import SPLITS
from maskwright.data.images import display, read_mask, write_image
from maskwright.data.listing import data_name, list_pairs
from maskwright.data.pairing import Pair
from maskwright.data.splits import relative
from maskwright.errors import DataError, RunError, UsageError, nearest
from maskwright.files import make_folder, whole_file, write_text
from maskwright.metrics import Scores
from maskwright.pictures import fit_within, overlay
from maskwright.recording import data_of
from maskwright.runs import Run, load, write_json
from maskwright.validate import Compared, compare_all

SHOWN = 3  # images of each kind: worst, median, best
PICTURE_SIDE = 320  # pixels of the longer side


def evaluate(
    model: Run | str | Path, data: str | Path | None = None, *, split: str | None = None
) -> dict[str, Any]:
    """Scores of a run on a split of its own data, or on other data with the same classes.

    ``split`` is train, val, test or all; by default test where the data has one, else val (of the
    run's own data) or all (of other data). Pixels are counted over all images at their own size.
    Writes NAME.json, NAME.csv (a row an image) and pictures into the run's evaluation/, where
    NAME is the split, after the data's name where that is not the run's own. Returns the table of
    ``Scores.table`` with these added: split, name, data (the root), trained_on (how many of the
    images the run was trained on), test_uses (how often the run's test images have been scored,
    this time included; None where none of them is scored here), seconds and pictures.
    """
    run = model if isinstance(model, Run) else load(model)
    begun = time.perf_counter()
    if data is not None and (moved := at_new_place(run, Path(data))):
        say(f"{data} holds the images of this run, at another place: they are split as for it")
        run, data = moved, None
    root, pairs, split = choose_pairs(run, data, split)
    seen = {pair.image.resolve() for pair in run.dataset.of("train")}
    if known := sum(pair.image.resolve() in seen for pair in pairs):
        say(f"{known} of these {len(pairs)} images were trained on, so the scores flatter")
    label = f"evaluating {split}"
    compared = list(track(compare_all(run.predictor, pairs), label, len(pairs)))
    scores = Scores.of(np.sum([one.matrix for one in compared], axis=0))
    name = split if data is None else f"{data_name(data)}-{split}"
    result = {
        **scores.table(run.table.names, len(pairs)),
        "split": split,
        "trained_on": known,
        "test_uses": add_test_use(run, pairs, split),
        "name": name,
        "data": root.resolve().as_posix(),
        "seconds": round(time.perf_counter() - begun, 2),
        "pictures": write_pictures(run, compared, root, name),
    }
    write_rows(run.path / "evaluation" / f"{name}.csv", compared, root, run.table.names)
    write_json(run.path / "evaluation" / f"{name}.json", result)
    return result


def choose_pairs(
    run: Run, data: str | Path | None, split: str | None
) -> tuple[Path, list[Pair], str]:
    """The root, the pairs to score and the name of their split."""
    if split not in (None, "all", *SPLITS):
        raise UsageError(f"no split called {split}: {nearest(split, ('all', *SPLITS))}")
    dataset = run.dataset
    if data is not None:
        skip_bad = run.config.split.skip_bad
        dataset = load_dataset(
            data, table=run.table, bands=run.dataset.bands, split=None, skip_bad=skip_bad
        )
    if data is None and not dataset.root.is_dir():
        raise RunError(
            f"the data of this run is gone from {dataset.root}; "
            f"name its new place: maskwright evaluate {run.path} DATA; if it came from an export, "
            "maskwright check EXPORT unpacks that again"
        )
    if data is None and not dataset.pairs[0].mask.is_file():
        raise RunError(
            f"{dataset.pairs[0].mask} of this run is gone; put it back, or, if it came from an "
            "export, unpack that again (maskwright check EXPORT)"
        )
    if split is None:
        split = "test" if dataset.of("test") else "val" if data is None else "all"
        if split == "val":
            say(
                "this data has no test images: scoring val, which chose the best epoch (flattering)"
            )
    pairs = list(dataset.pairs) if split == "all" else dataset.of(split)
    if not pairs:
        raise DataError(f"{dataset.root} has no images in the split {split}; try --split all")
    return dataset.root, pairs, split


def at_new_place(run: Run, data: Path) -> Run | None:
    """The run with its data where they lie now; None where these are other data, or none moved.

    They are the same where all names, as they lie in the dataset, and contents are (data.json).
    """
    own = run.dataset
    listing = list_pairs(data)
    there = {relative(pair.image, listing.root): pair for pair in listing.pairs}
    names = [relative(pair.image, own.root) for pair in own.pairs]
    if listing.root.resolve() == own.root.resolve() or not there.keys() >= set(names):
        return None
    pairs = tuple(
        replace(there[name], split=pair.split, group=pair.group)
        for name, pair in zip(names, own.pairs, strict=True)
    )
    dataset = replace(own, root=listing.root, pairs=pairs)
    try:
        if data_of(dataset)["digest"] != run.data.get("digest"):
            return None
    except OSError:
        return None
    moved = replace(run)
    vars(moved).update({**vars(run), "dataset": dataset})
    return moved


def add_test_use(run: Run, pairs: Sequence[Pair], split: str) -> int | None:
    """Write down that the run's test images were scored; how often that makes it, None if not now.

    Each look at them invites a choice by them, after which their scores flatter.
    """
    sealed = {pair.image.resolve() for pair in run.dataset.of("test")}
    if not any(pair.image.resolve() in sealed for pair in pairs):
        return None
    path = run.path / "evaluation" / "test-uses.csv"
    make_folder(path.parent)
    so_far = path.read_text(encoding="utf-8") if path.is_file() else "time,split\n"
    made = datetime.now(UTC).isoformat(timespec="seconds")
    write_text(path, f"{so_far}{made},{split}\n")
    uses = count_test_uses(run)
    if uses > 1:
        say(f"test images used for the {ordinal(uses)} time: choose by validation, and test once")
    return uses


def count_test_uses(run: Run) -> int:
    """How often the run's test images have been scored, by evaluation/test-uses.csv."""
    path = run.path / "evaluation" / "test-uses.csv"
    if not path.is_file():
        return 0
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.DictReader(file))


def ordinal(number: int) -> str:
    """A number as a place in a row.

    >>> [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 21, 112)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '21st', '112th']
    """
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def write_rows(path: Path, compared: Sequence[Compared], root: Path, names: list[str]) -> None:
    """A CSV row an image: pixels that count, pixel accuracy, mean IoU, IoU of each class."""
    make_folder(path.parent)
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["image", "pixels", "pixel_accuracy", "mean_iou", *(f"iou {name}" for name in names)]
        )
        for one in compared:
            scores = Scores.of(one.matrix)
            values = [scores.pixel_accuracy, scores.mean_iou, *scores.iou]
            shown = ["" if np.isnan(value) else f"{value:.6f}" for value in values]
            writer.writerow([relative(one.pair.image, root), one.pixels, *shown])


def write_pictures(
    run: Run, compared: Sequence[Compared], root: Path, name: str
) -> list[dict[str, Any]]:
    """Image, truth and prediction of the worst, the median and the best images, as JPEG files."""
    folder = run.path / "evaluation" / f"{name}-pictures"
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for kind, number, one in notable(compared):
        scores = Scores.of(one.matrix)
        files = {}
        for part, picture in draw(run, one.pair).items():
            path = folder / f"{kind}-{number}-{part}.jpg"
            write_image(path, picture)
            files[part] = f"{folder.name}/{path.name}"
        pictures.append(
            {
                "kind": kind,
                "name": relative(one.pair.image, root),
                "mean_iou": round(scores.mean_iou, 6),
                "pixel_accuracy": round(scores.pixel_accuracy, 6),
                "files": files,
            }
        )
    return pictures


def notable(compared: Sequence[Compared]) -> list[tuple[str, int, Compared]]:
    """The worst, the median and the best images by their own mean IoU, none of them twice."""
    scored = [one for one in compared if one.pixels]
    ranked = sorted(scored, key=lambda one: Scores.of(one.matrix).mean_iou)
    shown = min(SHOWN, len(ranked) // 3)
    middle = (len(ranked) - shown) // 2
    worst, median, best = ranked[:shown], ranked[middle : middle + shown], ranked[::-1][:shown]
    kinds = (
        {"worst": worst, "median": median, "best": best} if len(ranked) >= 3 else {"median": ranked}
    )
    return [(kind, n, one) for kind, ones in kinds.items() for n, one in enumerate(ones, start=1)]


def draw(run: Run, pair: Pair) -> dict[str, np.ndarray]:
    """The image and its truth and prediction as overlays, each uint8 [h, w, 3], report size."""
    image = run.predictor.read(pair.image)
    truth = run.table.decode(read_mask(pair.mask), pair.mask)
    pictures = {
        "image": display(image),
        "truth": overlay(image, truth, run.table),
        "prediction": overlay(image, run.predict(image), run.table),
    }
    return {part: fit_within(picture, PICTURE_SIDE) for part, picture in pictures.items()}
