"""Which mask belongs to which image, by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from maskwright.data.findings import Flaw
from maskwright.data.images import is_image_name
from maskwright.errors import DataError, some

# What people add to the name of a mask, or of an image, before or after a separator.
ADDED = (
    "mask", "masks", "seg", "segmentation", "label", "labels", "labelids", "gt", "groundtruth",
    "annotation", "trimap", "instances", "instance", "image", "img", "rgb", "sat", "0000",
)  # fmt: skip
_AFFIX = re.compile(rf"^(?:{'|'.join(ADDED)})[-_. ]+|[-_. ]+(?:{'|'.join(ADDED)})$", re.IGNORECASE)
IGNORED = {"thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Pair:
    """An image and its mask; ``split`` is empty where the layout gives none."""

    image: Path
    mask: Path
    split: str = ""
    group: str = ""


@dataclass(frozen=True)
class Paired:
    """The pairs that were found, and what is wrong with the names of the rest."""

    pairs: tuple[Pair, ...]
    flaws: tuple[Flaw, ...] = ()


def bare(stem: str) -> str:
    """The name that an image and its mask share: no case, no word such as ``_mask``.

    >>> bare("Cell_01_mask"), bare("gt-cell_01"), bare("mask")
    ('cell_01', 'cell_01', 'mask')
    """
    folder, slash, name = stem.rpartition("/")
    while (shorter := _AFFIX.sub("", name)) not in ("", name):
        name = shorter
    return f"{folder}{slash}{name}".casefold()


def by_stem(images: Path, masks: Path, split: str = "") -> Paired:
    """Pair the images of one folder with the masks of another by the name without extension.

    Folders inside are looked through as well. Names that differ only by case, or by a word such
    as ``_mask`` or ``_gt``, are paired too, with a flaw of kind "case" or "affix" that says so.
    """
    if not masks.is_dir():
        raise DataError(f"{images} has no folder of masks beside it: {masks} is missing; add it")
    if not images.is_dir():
        raise DataError(f"{masks} has no folder of images with it: {images} is missing; add it")
    flaws: list[Flaw] = []
    of_image, of_mask = stems(images, flaws), stems(masks, flaws)
    pairs = {stem: Pair(path, of_mask[stem], split) for stem, path in of_image.items()
             if stem in of_mask}  # fmt: skip
    pairs |= _alike(of_image, of_mask, pairs, split, flaws)
    owner = {path: path for path in of_image.values()}
    owner |= {pair.mask: pair.image for pair in pairs.values()}
    flaws = [_with_image(flaw, owner) for flaw in flaws]
    for stem, path in of_image.items():
        if stem not in pairs:
            flaws.append(Flaw("image-without-mask", path, f"no mask of that name in {masks.name}/"))
    return Paired(tuple(pairs[stem] for stem in of_image if stem in pairs), tuple(flaws))


def _with_image(flaw: Flaw, owner: dict[Path, Path]) -> Flaw:
    """A flaw of a second file of one name, with the image that the first one belongs to."""
    if flaw.kind != "several-candidates" or flaw.image:
        return flaw
    stem = flaw.path.with_suffix("")
    first = (path for path in owner if path.with_suffix("") == stem)
    return replace(flaw, image=owner.get(next(first, flaw.path)))


def _stem(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _alike(
    of_image: dict[str, Path],
    of_mask: dict[str, Path],
    paired: dict[str, Pair],
    split: str,
    flaws: list[Flaw],
) -> dict[str, Pair]:
    """Pairs among the rest whose names are alike; masks that stay alone are flaws."""
    alike: dict[str, list[str]] = {}
    for stem in of_image:
        alike.setdefault(bare(stem), []).append(stem)
    found: dict[str, Pair] = {}
    for stem, mask in of_mask.items():
        if stem in paired:
            continue
        stems = alike.get(bare(stem), [])
        if len(stems) > 1:
            names = some(of_image[one].name for one in stems)
            flaws.append(Flaw("several-candidates", mask, f"fits each of {names}"))
            continue
        if not stems:
            flaws.append(Flaw("mask-without-image", mask, "no image of that name"))
            continue
        image = of_image[stems[0]]
        if taken := found.get(stems[0]) or paired.get(stems[0]):
            detail = f"fits {image.name}, which has {taken.mask.name} already"
            flaws.append(Flaw("several-candidates", mask, detail, image, taken.mask))
            continue
        kind = "case" if stem.casefold() == stems[0].casefold() else "affix"
        flaws.append(Flaw(kind, mask, f"paired with {image.name}", image))
        found[stems[0]] = Pair(image, mask, split)
    return found


def stems(folder: Path, flaws: list[Flaw]) -> dict[str, Path]:
    """The image files in a folder by their path in it without extension, sorted."""
    found: dict[str, Path] = {}
    for path in files_in(folder, flaws):
        if not is_image_name(path):
            flaws.append(Flaw("no-image", path, "passed over"))
            continue
        stem = _stem(path, folder)
        if stem in found:
            detail = f"beside {found[stem].name}: one name, two files"
            flaws.append(Flaw("several-candidates", path, detail, other=found[stem]))
            continue
        found[stem] = path
    return found


def files_in(folder: Path, flaws: list[Flaw]) -> Iterator[Path]:
    """All files under a folder in sorted order; hidden ones and what systems leave are passed over.

    Links to folders are not followed, so that a loop of links cannot hang.
    """

    def refused(error: OSError) -> None:
        flaws.append(Flaw("forbidden", Path(error.filename), "a folder that you may not look into"))

    for place, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (path := Path(place, name)).is_symlink():
                flaws.append(Flaw("no-image", path, "a link to a folder, which is not followed"))
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in IGNORED:
                yield Path(place, name)
