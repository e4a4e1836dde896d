"""A dataset: pairs, class table and split, with every file read once before anything trains."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from maskwright.console import track
from maskwright.data.folders import SPLITS, Listing, Pair, find, manifest
from maskwright.data.images import read_image, read_mask
from maskwright.data.infer import MaskValues, count_values, infer_table
from maskwright.data.labels import ClassTable, from_dict
from maskwright.data.splits import split_pairs
from maskwright.data.threads import map_ahead
from maskwright.errors import DataError, UsageError, nearest, some


@dataclass(frozen=True)
class Dataset:
    """Images, masks, the class table and the split.

    ``pixels`` counts the pixels of each class in the masks of each split, int64 [classes].
    """

    root: Path
    layout: str
    table: ClassTable
    pairs: tuple[Pair, ...]
    pixels: dict[str, np.ndarray] = field(default_factory=dict, compare=False)

    def of(self, split: str) -> list[Pair]:
        """The pairs of one split."""
        if split not in SPLITS:
            raise UsageError(f"no split called {split}: {nearest(split, SPLITS)}")
        return [pair for pair in self.pairs if pair.split == split]

    def counts(self) -> dict[str, int]:
        """The number of images in each split."""
        return {split: len(self.of(split)) for split in SPLITS}


def load_dataset(
    data: str | Path, *, seed: int = 0, table: ClassTable | None = None, split: bool = True
) -> Dataset:
    """Find, read through, understand and split a dataset.

    ``data`` is a folder in a known layout, a CSV manifest, or a ``dataset.toml``. Every image and
    mask is decoded once, so that a broken file is named here and not an hour into the training.
    ``table`` overrides the class table of the data; with ``split`` False, pairs that come without
    a split stay without one.

    Raises DataError in one line for the first kind of thing that is wrong.
    """
    listing = list_pairs(Path(data))
    masks = read_through(listing.pairs)
    table = table or listing.table or infer_table(masks)
    pairs = split_pairs(listing.pairs, listing.root, seed) if split else listing.pairs
    pixels = _class_pixels(masks, pairs, table)
    return Dataset(listing.root, listing.layout, table, pairs, pixels)


def list_pairs(data: Path) -> Listing:
    """The pairs that a folder, a manifest or a dataset.toml names, nothing read yet."""
    if not data.exists():
        raise DataError(f"{data}: no such folder or file; check the path")
    if data.is_dir():
        described = data / "dataset.toml"
        listing = _from_toml(described) if described.is_file() else find(data)
    elif data.suffix.lower() == ".csv":
        listing = manifest(data)
    elif data.suffix.lower() == ".toml":
        listing = _from_toml(data)
    else:
        raise DataError(f"{data} is no folder, no .csv and no .toml; name one of these")
    if not listing.pairs:
        raise DataError(f"{data} names no pair of an image and a mask; add some")
    image, count = Counter(pair.image for pair in listing.pairs).most_common(1)[0]
    if count > 1:
        raise DataError(f"{image} is listed {count} times; list it once, in one split")
    return listing


def data_name(data: str | Path) -> str:
    """What to call a dataset: its folder, its manifest, or the folder of its dataset.toml.

    >>> data_name("sets/cells.v2"), data_name("sets/cells.csv"), data_name("cells/dataset.toml")
    ('cells.v2', 'cells', 'cells')
    """
    path = Path(data).resolve()
    if path.name == "dataset.toml":
        return path.parent.name
    return path.stem if path.suffix.lower() in (".csv", ".toml") else path.name


def _from_toml(path: Path) -> Listing:
    """The dataset that a dataset.toml describes; paths in it are relative to its folder."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid TOML: {error}") from None
    known = {"root", "layout", "manifest", "encoding", "ignore", "classes"}
    if unknown := sorted(set(table) - known):
        raise DataError(f"{path} has the unknown key {unknown[0]}: {nearest(unknown[0], known)}")
    for key in known - {"ignore", "classes"}:
        if not isinstance(table.get(key, ""), str):
            raise DataError(f"{path}: {key} = {table[key]!r} must be a word in quotes")
    if not table.get("classes") and (bare := sorted({"encoding", "ignore"} & set(table))):
        raise DataError(f"{path} has {bare[0]} but no [[classes]]; list the classes too")
    root = path.parent / table.get("root", ".")
    if not root.is_dir():
        raise DataError(f"{path} names the root {root}, which is no folder; correct it")
    if "manifest" in table:
        listing = manifest(path.parent / table["manifest"], root)
    else:
        listing = find(root, table.get("layout", ""))
    labels = from_dict(table, path) if table.get("classes") else listing.table
    return Listing(listing.layout, listing.root, listing.pairs, labels)


def read_through(pairs: Sequence[Pair]) -> list[MaskValues]:
    """Decode every image and mask once, in threads; the values of each mask, in order.

    All files that cannot be used are collected, and the error names the first of them whole.
    """
    results = list(track(map_ahead(_read_pair, pairs), "checking", len(pairs)))
    broken = [(p, r) for p, r in zip(pairs, results, strict=True) if isinstance(r, DataError)]
    if broken:
        others = [pair.image.name for pair, _ in broken[1:]]
        more = f" (so it is with {len(others)} more: {some(others)})" if others else ""
        raise DataError(f"{broken[0][1]}{more}")
    return [result for result in results if isinstance(result, MaskValues)]


def _read_pair(pair: Pair) -> MaskValues | DataError:
    try:
        return count_values(pair.mask, read_pair(pair)[1])
    except DataError as error:
        return error


def read_pair(pair: Pair) -> tuple[np.ndarray, Any]:
    """The image uint8 [H, W, 3] and the mask as stored, of the same height and width."""
    image, mask = read_image(pair.image), read_mask(pair.mask)
    height, width = mask.values.shape
    if image.shape[:2] != (height, width):
        raise DataError(
            f"{pair.mask} is {width}×{height} pixels, its image {pair.image.name} "
            f"{image.shape[1]}×{image.shape[0]}; give both the same size"
        )
    return image, mask


def _class_pixels(
    masks: Sequence[MaskValues], pairs: Sequence[Pair], table: ClassTable
) -> dict[str, np.ndarray]:
    """Pixels of each class by split, int64 [classes]; refuses values outside the class table."""
    pixels = {split: np.zeros(256, np.int64) for split in (*SPLITS, "")}
    for mask, pair in zip(masks, pairs, strict=True):
        classes = table.decode(mask.as_raw(), mask.path)[0]
        np.add.at(pixels[pair.split], classes, list(mask.pixels.values()))
    return {split: counts[: len(table)] for split, counts in pixels.items()}


def write_dataset(path: Path, dataset: Dataset) -> None:
    """Write ``dataset.toml`` beside a ``split.csv``; ``load_dataset`` reads them back."""
    described = {
        "root": dataset.root.resolve().as_posix(),
        "manifest": "split.csv",
        **dataset.table.to_dict(),
    }
    path.write_text(tomli_w.dumps(described), encoding="utf-8")
