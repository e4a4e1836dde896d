"""Which image is in train, val or test: decided before training and written down."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from maskwright.console import amount
from maskwright.data.folders import Pair
from maskwright.errors import DataError
from maskwright.randomness import SPLIT

SHARE = 0.1  # of the images for val, and for test


def split_pairs(pairs: Sequence[Pair], root: Path, seed: int) -> tuple[Pair, ...]:
    """Give every pair a split.

    Where the data comes with one it is kept, and only a missing val is taken from train (10 %).
    Where it comes with none: 80 % train, 10 % val, 10 % test, by a hash of seed and path, so that
    it depends neither on the order of the files nor on where the folder lies.
    """
    given = {pair.split for pair in pairs}
    if "" in given and given != {""}:
        bare = next(pair for pair in pairs if not pair.split)
        raise DataError(f"{bare.image} has no split while others have one; fill in all or none")
    wanted = ("val", "test") if given == {""} else () if "val" in given else ("val",)
    return _drawn(pairs, root, seed, wanted)


def _drawn(pairs: Sequence[Pair], root: Path, seed: int, wanted: Sequence[str]) -> tuple[Pair, ...]:
    """Draw each wanted split from the pairs that are free or in train; the rest is train."""
    open_pairs = [pair for pair in pairs if pair.split in ("", "train")]
    if len(open_pairs) < 1 + len(wanted):
        apart = f" and keep some apart for {' and '.join(wanted)}" if wanted else ""
        raise DataError(
            f"{root} has {amount(len(open_pairs), 'image')} for train, too few to train on{apart}; "
            f"have at least {1 + len(wanted)}, better 30"
        )
    ranked = sorted(open_pairs, key=lambda pair: _rank(pair, root, seed))
    size = max(1, round(SHARE * len(ranked)))
    drawn = {
        pair.image: split
        for index, split in enumerate(wanted)
        for pair in ranked[index * size : (index + 1) * size]
    }
    return tuple(replace(p, split=drawn.get(p.image, p.split or "train")) for p in pairs)


def _rank(pair: Pair, root: Path, seed: int) -> bytes:
    key = f"{SPLIT}:{seed}:{relative(pair.image, root)}"
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


def relative(path: Path, root: Path) -> str:
    """``path`` as seen from ``root``, with forward slashes; absolute where it lies elsewhere."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def write_split(path: Path, pairs: Sequence[Pair], root: Path) -> None:
    """Write ``split.csv``: a manifest, so that it can be read and used as one."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mask", "split", "group"])
        for pair in pairs:
            places = [relative(pair.image, root), relative(pair.mask, root)]
            writer.writerow([*places, pair.split, pair.group])
