"""Which images are scored, and how often those of the test were."""

from __future__ import annotations

import csv
import filecmp
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from maskwright.console import say
from maskwright.data.dataset import load_dataset
from maskwright.data.folders import SPLITS
from maskwright.data.listing import list_pairs
from maskwright.data.pairing import Pair
from maskwright.data.splits import relative
from maskwright.errors import DataError, RunError, UsageError, command, nearest
from maskwright.files import make_folder, write_text
from maskwright.recording import data_of
from maskwright.runs import Run


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
            f"the data of this run is gone from {dataset.root}; name its new place: "
            f"{command('evaluate', run.path, 'DATA')}; if it came from an export, "
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
    moved = placed_at(run, data)
    if moved is None or moved is run:
        return None
    try:
        return moved if data_of(moved.dataset)["digest"] == run.data.get("digest") else None
    except OSError:
        return None


def placed_at(run: Run, data: Path) -> Run | None:
    """The run with its images by their names at another place, itself where that is its own.

    None where an image is not there. Masks may have been mended since.
    """
    own = run.dataset
    listing = list_pairs(data)
    there = {relative(pair.image, listing.root): pair for pair in listing.pairs}
    names = [relative(pair.image, own.root) for pair in own.pairs]
    if listing.root.resolve() == own.root.resolve():
        return run
    if not there.keys() >= set(names):
        return None
    pairs = tuple(
        replace(there[name], split=pair.split, group=pair.group)
        for name, pair in zip(names, own.pairs, strict=True)
    )
    moved = replace(run)
    vars(moved).update({**vars(run), "dataset": replace(own, root=listing.root, pairs=pairs)})
    return moved


def known_from(run: Run, split: str, pairs: Sequence[Pair], root: Path) -> int:
    """How many of the pairs, named from ``root``, are images of that split of the run.

    Those at their own place are, and copies: files of the same name in the dataset, and of the
    same contents where the run's own is still there.
    """
    own = {relative(pair.image, run.dataset.root): pair.image for pair in run.dataset.of(split)}
    places = {path.resolve() for path in own.values()}
    return sum(
        pair.image.resolve() in places or is_copy(pair.image, own.get(relative(pair.image, root)))
        for pair in pairs
    )


def is_copy(image: Path, original: Path | None) -> bool:
    """Whether two files of one name hold the same, or the original can no more be asked."""
    if original is None:
        return False
    try:
        return filecmp.cmp(image, original, shallow=False)
    except OSError:
        return True


def add_test_use(run: Run, pairs: Sequence[Pair], split: str, root: Path) -> int | None:
    """Write down that the run's test images were used; how often that makes it, None if not now.

    Each look at them invites a choice by them, after which their scores flatter. Exports are the
    same model again: after a first look they add none.
    """
    if not known_from(run, "test", pairs, root):
        return None
    if run.results and (uses := count_test_uses(run)):
        return uses
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
    """How often the run's test images have been used, by evaluation/test-uses.csv."""
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
