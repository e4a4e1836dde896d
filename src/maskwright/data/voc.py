"""Pascal VOC, and the "Segmentation mask 1.1" export of CVAT, which is laid out like it.

JPEGImages/               the images
SegmentationClass/*.png   the masks: palette files (VOC), or a colour a class (CVAT)
ImageSets/Segmentation/   lists of names without extension: train.txt, val.txt, default.txt
labelmap.txt              only in CVAT: name, colour, parts and actions of each class
"""

from __future__ import annotations

import re
from pathlib import Path

from maskwright.console import say
from maskwright.data.findings import Flaw
from maskwright.data.folders import SPLIT_FOLDERS, Listing
from maskwright.data.labels import IGNORE, ClassTable, Label
from maskwright.data.pairing import Pair, Paired, by_stem, stems
from maskwright.errors import DataError

# fmt: off
NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)
# fmt: on


def voc_color(index: int) -> str:
    """The colour of a VOC class: each three bits of the index are the next bits of R, G and B.

    >>> voc_color(0), voc_color(1), voc_color(15), voc_color(255)
    ('#000000', '#800000', '#c08080', '#e0e0c0')
    """
    bits = [index >> shift for shift in (0, 1, 2)]
    channels = [sum((bit >> 3 * n & 1) << 7 - n for n in range(8)) for bit in bits]
    return "#" + bytes(channels).hex()


VOC_TABLE = ClassTable(
    "palette",
    tuple(Label(name, voc_color(index), (index,)) for index, name in enumerate(NAMES)),
    (IGNORE,),
)


def voc(root: Path) -> Listing | None:
    """Pascal VOC or CVAT: ``JPEGImages/``, ``SegmentationClass/``, ``ImageSets/Segmentation/``.

    The classes are those of ``labelmap.txt``; without one, the 21 of VOC where the folder is
    called so (VOC2012) or has ``Annotations/``; else they are left to be inferred.
    """
    masks, images = root / "SegmentationClass", root / "JPEGImages"
    if not masks.is_dir():
        return None
    if not images.is_dir():
        raise DataError(
            f"{root} has masks but no folder JPEGImages; export again with “Save images”, or put "
            f"the images into {images}"
        )
    lists = _lists(root)
    found = _listed(lists, images, masks) if lists else by_stem(images, masks)
    return Listing("voc", root, found.pairs, _table(root), found.flaws)


def _lists(root: Path) -> list[tuple[Path, str]]:
    """The lists that count, each with its split, in the order in which they name an image first.

    ``trainval.txt`` counts only beside a missing train.txt or val.txt; a list of another name,
    such as ``default.txt``, has no split and counts in CVAT, or where it is all there is.
    """
    split_of = {name: split for split, names in SPLIT_FOLDERS.items() for name in names}
    paths = sorted((root / "ImageSets" / "Segmentation").glob("*.txt"))
    known = [(p, split_of[p.stem.lower()]) for p in paths if p.stem.lower() in split_of]
    both = {"train", "val"} <= {split for _, split in known}
    known += [(p, "train") for p in paths if p.stem == "trainval" and not both]
    if known and not (root / "labelmap.txt").is_file():
        return known
    return known + [(p, "") for p in paths if p.stem.lower() not in {*split_of, "trainval"}]


def _listed(lists: list[tuple[Path, str]], images: Path, masks: Path) -> Paired:
    """The pairs that the lists name; each name goes with the first list that has it."""
    flaws: list[Flaw] = []
    of_image, of_mask = stems(images, flaws), stems(masks, flaws)
    seen: set[str] = set()
    pairs: list[Pair] = []
    for path, split in lists:
        names = [name for name in _read_list(path) if name not in seen]
        seen.update(names)
        if split == "test" and names and not any(name in of_mask for name in names):
            say(f"left out: {path.name}, for none of its images has a mask")
            continue
        for name in names:
            image, mask = of_image.get(name), of_mask.get(name)
            if image and mask:
                pairs.append(Pair(image, mask, split))
            for there, place in ((image, images / name), (mask, masks / f"{name}.png")):
                if not there:
                    flaws.append(Flaw("listed-missing", place, f"named in {path.name}", image))
    return Paired(tuple(pairs), tuple(flaws))


def _read_list(path: Path) -> list[str]:
    """The names in a list, one a line, in quotes where they hold spaces; # begins a comment."""
    lines = [line.strip() for line in _text(path).splitlines()]
    return [line.strip('"') for line in lines if line and not line.startswith("#")]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text in UTF-8: {error}; save it as such") from None


def _table(root: Path) -> ClassTable | None:
    if (root / "labelmap.txt").is_file():
        return read_labelmap(root / "labelmap.txt")
    named = re.fullmatch(r"VOC\d*", root.resolve().name)
    return VOC_TABLE if named or (root / "Annotations").is_dir() else None


def read_labelmap(path: Path) -> ClassTable:
    """The classes of a ``labelmap.txt``: a line ``name:red,green,blue:parts:actions`` for each."""
    lines = [line.strip() for line in _text(path).splitlines()]
    labels = [
        _label(line, f"{path} line {number}")
        for number, line in enumerate(lines, 1)
        if line and not line.startswith("#")
    ]
    try:
        return ClassTable("rgb", tuple(labels))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _label(line: str, where: str) -> Label:
    found = re.fullmatch(r"(.+?)\s*:\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(:.*)?", line)
    channels = [int(found[n]) for n in (2, 3, 4)] if found else []
    if not found or max(channels) > 255:
        raise DataError(f"{where}: {line!r} is not of the form name:red,green,blue:: with 0 to 255")
    color = bytes(channels).hex()
    return Label(found[1], f"#{color}", (int(color, 16),))
