"""What every export becomes: index masks, a manifest and a dataset.toml, in a folder made whole."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tomli_w

from maskwright.console import track
from maskwright.data.folders import manifest
from maskwright.data.images import image_size, write_mask
from maskwright.data.labels import IGNORE, MOST_CLASSES, ClassTable, Label, default_color
from maskwright.data.pairing import Pair
from maskwright.data.splits import write_split
from maskwright.data.threads import map_ahead
from maskwright.errors import DataError
from maskwright.files import whole_folder

BACKGROUND = "background"


@dataclass(frozen=True)
class Drawing:
    """An image and how to paint its mask: (height, width) -> class indices uint8 [H, W]."""

    image: Path
    paint: Callable[[int, int], np.ndarray]
    split: str = ""


@dataclass(frozen=True)
class Plain:
    """An unpacked dataset: the folder that its paths are relative to, its pairs, its classes."""

    root: Path
    pairs: tuple[Pair, ...]
    table: ClassTable | None


@contextmanager
def unpacking(place: Path) -> Iterator[Path]:
    """``whole`` for the cache: where another process was faster, its folder stays.

    Raises DataError where the disk refuses.
    """
    try:
        with whole_folder(place) as part:
            yield part
    except OSError as error:
        if not place.is_dir():
            raise DataError(
                f"{error.filename or place}: {error.strerror or error}; check the disk, or name "
                "another folder for what is unpacked in MASKWRIGHT_CACHE"
            ) from None


def drawn_table(names: Sequence[str], where: object) -> ClassTable:
    """The class table of masks that are painted here: background is 0, then the names in order.

    A name that is "background" itself is 0 too. 255 is ignored.
    """
    others = [name for name in names if name.casefold() != BACKGROUND]
    if not 1 <= len(others) < MOST_CLASSES:
        raise DataError(
            f"{where} has {len(others)} classes beside the background; have 1 to "
            f"{MOST_CLASSES - 1}: label something, or merge classes"
        )
    labels = [Label(BACKGROUND, "#000000", (0,))]
    labels += [Label(name, default_color(k), (k + 1,)) for k, name in enumerate(others)]
    return ClassTable("palette", tuple(labels), (IGNORE,))


def index_of(table: ClassTable, name: str) -> int:
    """The class index of a name in a table from ``drawn_table``."""
    return 0 if name.casefold() == BACKGROUND else table.names.index(name)


def draw(out: Path, root: Path, drawings: Sequence[Drawing], table: ClassTable) -> Plain:
    """Paint the masks into ``out/masks``, in threads."""
    folder = out / "masks"
    folder.mkdir()

    def paint(named: tuple[str, Drawing]) -> Pair:
        name, drawing = named
        mask = folder / f"{name}.png"
        write_mask(mask, drawing.paint(*image_size(drawing.image)), table.palette)
        return Pair(drawing.image, mask, drawing.split)

    named = zip(mask_names([drawing.image for drawing in drawings]), drawings, strict=True)
    pairs = track(map_ahead(paint, named), "unpacking", len(drawings))
    return Plain(root, tuple(pairs), table)


def write_plain(part: Path, place: Path, plain: Plain) -> None:
    """Write ``manifest.csv`` and ``dataset.toml`` into the folder ``part`` that becomes ``place``.

    Paths in the manifest are relative to the root of the source, so that a split drawn by them
    does not depend on where the source lies.
    """

    def later(path: Path) -> Path:
        return place / path.relative_to(part) if path.is_relative_to(part) else path

    root = later(plain.root)
    pairs = [replace(p, image=later(p.image), mask=later(p.mask)) for p in plain.pairs]
    write_split(part / "manifest.csv", pairs, root)
    classes = plain.table.to_dict() if plain.table else {}
    described = {"root": root.as_posix(), "manifest": "manifest.csv", **classes}
    (part / "dataset.toml").write_text(tomli_w.dumps(described), encoding="utf-8")


def is_there(place: Path) -> bool:
    """Whether a folder of ``write_plain`` is there with all that its manifest names."""
    try:
        described = tomllib.loads((place / "dataset.toml").read_text(encoding="utf-8"))
        listing = manifest(place / "manifest.csv", Path(described["root"]))
    except (OSError, ValueError, KeyError):
        return False
    return all(pair.image.is_file() and pair.mask.is_file() for pair in listing.pairs)


def mask_names(images: Sequence[Path]) -> list[str]:
    """A name without extension for the mask of each image: its stem, numbered where it was taken.

    >>> mask_names([Path("a/1.jpg"), Path("b/1.jpg"), Path("b/1-2.png"), Path("c/1.jpg")])
    ['1', '1-2', '1-2-2', '1-3']
    """
    taken: set[str] = set()
    names = []
    counts: dict[str, int] = {}
    for image in images:
        stem, name = image.stem, image.stem
        while name.casefold() in taken:
            counts[stem] = counts.get(stem, 1) + 1
            name = f"{stem}-{counts[stem]}"
        taken.add(name.casefold())
        names.append(name)
    return names
