"""A folder or a manifest -> pairs of paths: one function for each layout.

Each layout function returns a Listing, or None where the folder is not laid out so.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from maskwright.console import amount, say
from maskwright.data.images import is_image_name
from maskwright.data.labels import ClassTable, Label
from maskwright.errors import DataError, nearest, some

SPLITS = ("train", "val", "test")
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
MASK_FOLDERS = ("masks", "labels", "annotations")
PETS_TABLE = ClassTable(
    "index",
    (
        Label("pet", "#e69f00", (1,)),
        Label("background", "#0072b2", (2,)),
        Label("boundary", "#f0e442", (3,)),
    ),
)


@dataclass(frozen=True)
class Pair:
    """An image and its mask; ``split`` is empty where the layout gives none."""

    image: Path
    mask: Path
    split: str = ""
    group: str = ""


@dataclass(frozen=True)
class Listing:
    """The pairs of a dataset as its files lie, and its class table if the layout implies one."""

    layout: str
    root: Path
    pairs: tuple[Pair, ...]
    table: ClassTable | None = None


def pets(root: Path) -> Listing | None:
    """Oxford-IIIT Pet: ``images/*.jpg``, ``annotations/trimaps/*.png``, official lists."""
    trimaps = root / "annotations" / "trimaps"
    if not trimaps.is_dir():
        return None
    pairs: list[Pair] = []
    for name, split in (("trainval.txt", "train"), ("test.txt", "test")):
        listed = root / "annotations" / name
        if listed.is_file():
            pairs += _listed_pairs(listed, root / "images", trimaps, split)
    return Listing("pets", root, tuple(pairs or by_stem(root / "images", trimaps)), PETS_TABLE)


def _listed_pairs(listed: Path, images: Path, masks: Path, split: str) -> list[Pair]:
    """Pairs of an official list, whose lines begin with the stem; # begins a comment."""
    lines = listed.read_text(encoding="utf-8").splitlines()
    stems = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    pairs = [Pair(images / f"{stem}.jpg", masks / f"{stem}.png", split) for stem in stems]
    missing = [path for pair in pairs for path in (pair.image, pair.mask) if not path.is_file()]
    if missing:
        raise DataError(
            f"{listed} names {len(missing)} files that are not there: {some(missing)}; "
            "fetch the set again (maskwright data pets DIR) or shorten the list"
        )
    return pairs


def camvid(root: Path) -> Listing | None:
    """CamVid: ``train/`` and ``trainannot/``, the same for val and test."""
    if not (root / "train").is_dir() or not (root / "trainannot").is_dir():
        return None
    pairs = [
        pair
        for split in SPLITS
        if (root / split).is_dir()
        for pair in by_stem(root / split, root / f"{split}annot", split)
    ]
    return Listing("camvid", root, tuple(pairs))


def pairs(root: Path) -> Listing | None:
    """``images/`` and ``masks/`` (or labels, annotations), the same stem; splits below or above."""
    below = _image_and_mask_folders(root)
    if below:
        found = _split_below(*below) or by_stem(*below)
        return Listing("pairs", root, tuple(found))
    above = [
        (split, folders)
        for split, names in SPLIT_FOLDERS.items()
        for name in names
        if (folders := _image_and_mask_folders(root / name))
    ]
    if not above:
        return None
    return Listing("pairs", root, tuple(p for split, f in above for p in by_stem(*f, split)))


def _image_and_mask_folders(root: Path) -> tuple[Path, Path] | None:
    masks = [root / name for name in MASK_FOLDERS if (root / name).is_dir()]
    if not (root / "images").is_dir() or not masks:
        return None
    return root / "images", masks[0]


def _split_below(images: Path, masks: Path) -> list[Pair]:
    return [
        pair
        for split, names in SPLIT_FOLDERS.items()
        for name in names
        if (images / name).is_dir()
        for pair in by_stem(images / name, masks / name, split)
    ]


def by_stem(images: Path, masks: Path, split: str = "") -> list[Pair]:
    """Pair the images of one folder with the masks of another by the name without extension."""
    if not masks.is_dir():
        raise DataError(f"{images} has no folder of masks beside it: {masks} is missing; add it")
    if not images.is_dir():
        raise DataError(f"{masks} has no folder of images with it: {images} is missing; add it")
    of_mask = _stems(masks)
    of_image = _stems(images)
    alone = [path.name for stem, path in of_image.items() if stem not in of_mask]
    if alone:
        raise DataError(
            f"{len(alone)} of {len(of_image)} images in {images} have no mask in {masks}: "
            f"{some(alone)}; add masks of the same name, or take the images out"
        )
    if idle := [path.name for stem, path in of_mask.items() if stem not in of_image]:
        say(f"left out, for lack of an image: {amount(len(idle), 'mask')} ({some(idle)})")
    return [Pair(path, of_mask[stem], split) for stem, path in of_image.items()]


def _stems(folder: Path) -> dict[str, Path]:
    """The image files of a folder by stem, in sorted order; two with one stem are an error."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if is_image_name(path) and path.is_file():
            if path.stem in found:
                raise DataError(
                    f"{folder} has both {found[path.stem].name} and {path.name}; keep one of them"
                )
            found[path.stem] = path
    return found


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
    return Listing("manifest", root, tuple(rows))


def _check_columns(path: Path, columns: Iterable[str]) -> None:
    known = {"image", "mask", "split", "group"}
    if missing := {"image", "mask"} - set(columns):
        raise DataError(f"{path} has no column {min(missing)}; its first line must be image,mask")
    if unknown := sorted(set(columns) - known):
        raise DataError(f"{path} has the column {unknown[0]}: {nearest(unknown[0], known)}")


def _row(path: Path, number: int, row: dict[str, str], root: Path) -> Pair:
    if not row["image"] or not row["mask"]:
        raise DataError(f"{path} line {number} lacks an image or a mask; fill in both or delete it")
    split = row.get("split") or ""
    if split and split not in SPLITS:
        raise DataError(f"{path} line {number} has the split {split}: {nearest(split, SPLITS)}")
    return Pair(root / row["image"], root / row["mask"], split, row.get("group") or "")


LAYOUTS = {"pets": pets, "camvid": camvid, "pairs": pairs}


def find(root: Path, layout: str = "") -> Listing:
    """The listing of the folder ``root``, in the given layout or the first that fits."""
    if layout and layout not in LAYOUTS:
        raise DataError(f"unknown layout {layout}: {nearest(layout, LAYOUTS)}")
    tried = [LAYOUTS[layout]] if layout else list(LAYOUTS.values())
    listing = next((found for look in tried if (found := look(root))), None)
    if listing is None:
        inside = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
        raise DataError(
            f"{root} has no layout that is known (it holds {some(inside, 5) or 'nothing'}); "
            "put images into images/ and masks of the same name into masks/, or write a CSV "
            "with the columns image,mask"
        )
    if not listing.pairs:
        raise DataError(f"{root} holds no pair of an image and a mask; fill images/ and masks/")
    return listing
