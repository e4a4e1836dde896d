"""A folder or a manifest -> pairs of paths: one function for each layout.

Each layout function returns a Listing, or None where the folder is not laid out so.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.findings import Flaw
from maskwright.data.images import Bands, is_image_name
from maskwright.data.labels import ClassTable, Label
from maskwright.data.pairing import Pair, Paired, by_stem, files_in
from maskwright.errors import DataError, nearest

SPLITS = ("train", "val", "test")
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
MASK_FOLDERS = ("masks", "labels", "annotations", "instances")
PETS_TABLE = ClassTable(
    "index",
    (
        Label("pet", "#e69f00", (1,)),
        Label("background", "#0072b2", (2,)),
        Label("boundary", "#f0e442", (3,)),
    ),
)


@dataclass(frozen=True)
class Listing:
    """The pairs of a dataset as its files lie, and its class table if the layout implies one.

    ``flaws`` are what is wrong with names and lists; the pairs are what could be made of them.
    ``allow`` names kinds of findings that the user has looked at and lets pass.
    """

    layout: str
    root: Path
    pairs: tuple[Pair, ...]
    table: ClassTable | None = None
    flaws: tuple[Flaw, ...] = ()
    bands: Bands | None = None
    allow: tuple[str, ...] = ()


def pets(root: Path) -> Listing | None:
    """Oxford-IIIT Pet: ``images/*.jpg``, ``annotations/trimaps/*.png``, official lists."""
    images, trimaps = root / "images", root / "annotations" / "trimaps"
    if not trimaps.is_dir():
        return None
    lists = {"trainval.txt": "train", "test.txt": "test"}
    found = [
        listed_pairs(listed, images, trimaps, split)
        for name, split in lists.items()
        if (listed := root / "annotations" / name).is_file()
    ]
    if not found:
        return _listing("pets", root, [by_stem(images, trimaps)], PETS_TABLE)
    named = {pair.image for part in found for pair in part.pairs}
    named |= {flaw.image for part in found for flaw in part.flaws if flaw.image}
    flaws: list[Flaw] = []
    for path in files_in(images, flaws):
        if not is_image_name(path):
            flaws.append(Flaw("no-image", path, "passed over"))
        elif path not in named:
            flaws.append(Flaw("unlisted", path, "in neither trainval.txt nor test.txt"))
    return _listing("pets", root, [*found, Paired((), tuple(flaws))], PETS_TABLE)


def listed_pairs(
    listed: Path, images: Path, masks: Path, split: str, suffix: str = ".jpg"
) -> Paired:
    """Pairs of an official list, whose lines begin with the stem; # begins a comment."""
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{listed} is not a list in UTF-8: {error}; save it so") from None
    stems = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    pairs = [Pair(images / f"{stem}{suffix}", masks / f"{stem}.png", split) for stem in stems]
    there = [pair for pair in pairs if pair.image.is_file() and pair.mask.is_file()]
    flaws = [
        Flaw("listed-missing", path, f"named in {listed.name}", pair.image)
        for pair in pairs
        for path in (pair.image, pair.mask)
        if not path.is_file()
    ]
    return Paired(tuple(there), tuple(flaws))


def camvid(root: Path) -> Listing | None:
    """CamVid: ``train/`` and ``trainannot/``, the same for val and test."""
    if not (root / "train").is_dir() or not (root / "trainannot").is_dir():
        return None
    found = [
        by_stem(root / split, root / f"{split}annot", split)
        for split in SPLITS
        if (root / split).is_dir()
    ]
    return _listing("camvid", root, found)


def pairs(root: Path) -> Listing | None:
    """``images/`` and ``masks/`` (or labels, annotations), the same stem; splits below or above."""
    below = _image_and_mask_folders(root)
    if below:
        return _listing("pairs", root, _split_below(*below) or [by_stem(*below)])
    above = [
        by_stem(*folders, split)
        for split, names in SPLIT_FOLDERS.items()
        for name in names
        if (folders := _image_and_mask_folders(root / name))
    ]
    return _listing("pairs", root, above) if above else None


def _listing(
    layout: str, root: Path, found: Sequence[Paired], table: ClassTable | None = None
) -> Listing:
    every = tuple(pair for part in found for pair in part.pairs)
    return Listing(layout, root, every, table, tuple(flaw for part in found for flaw in part.flaws))


def _image_and_mask_folders(root: Path) -> tuple[Path, Path] | None:
    """``images`` and the first of the folders for masks, whatever the case of their names."""
    if not root.is_dir():
        return None
    inside = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    masks = [inside[name] for name in MASK_FOLDERS if name in inside]
    return (inside["images"], masks[0]) if "images" in inside and masks else None


def _split_below(images: Path, masks: Path) -> list[Paired]:
    return [
        by_stem(images / name, masks / name, split)
        for split, names in SPLIT_FOLDERS.items()
        for name in names
        if (images / name).is_dir()
    ]


def manifest(path: Path, root: Path | None = None) -> Listing:
    """A CSV file with the columns image and mask, and if wanted split and group.

    Paths are relative to ``root``, by default the folder of the CSV file.
    """
    root = root or path.parent
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(path, reader.fieldnames or ())
            rows = [_row(path, reader.line_num, row, root) for row in reader]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check the name") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}") from None
    named = {file for pair in rows for file in (pair.image, pair.mask)}
    flaws: list[Flaw] = []
    for folder in dict.fromkeys(pair.image.parent for pair in rows):
        # Not further down: a manifest may name a file at the root of a disk.
        beside = sorted(folder.iterdir()) if folder.is_dir() else []
        unlisted = [file for file in beside if is_image_name(file) and file not in named]
        flaws += [Flaw("unlisted", file, f"not in {path.name}") for file in unlisted]
    return Listing("manifest", root, tuple(rows), flaws=tuple(flaws))


def _check_columns(path: Path, columns: Iterable[str]) -> None:
    known = {"image", "mask", "split", "group"}
    if missing := {"image", "mask"} - set(columns):
        raise DataError(f"{path} has no column {min(missing)}; its first line must be image,mask")
    if unknown := sorted(set(columns) - known):
        raise DataError(f"{path} has the column {unknown[0]}: {nearest(unknown[0], known)}")


def _row(path: Path, number: int, row: dict[str, str], root: Path) -> Pair:
    if not row["image"] or not row["mask"]:
        raise DataError(f"{path} line {number} lacks an image or a mask; fill in both or delete it")
    if "\0" in row["image"] + row["mask"]:
        raise DataError(f"{path} line {number} holds a NUL character; take it out")
    split = row.get("split") or ""
    if split and split not in SPLITS:
        raise DataError(f"{path} line {number} has the split {split}: {nearest(split, SPLITS)}")
    return Pair(root / row["image"], root / row["mask"], split, row.get("group") or "")
