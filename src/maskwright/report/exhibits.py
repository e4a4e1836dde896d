"""What a flaw looks like: an image with its mask laid over it, or beside it where that fails.

Whatever is wrong with a file, no error leaves this module: what cannot be read is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from maskwright.console import printable
from maskwright.data.audit import Audit
from maskwright.data.audit.alignment import PLACES
from maskwright.data.audit.facts import ImageFacts
from maskwright.data.audit.words import place
from maskwright.data.findings import Flaw
from maskwright.data.images import RawMask, read_mask
from maskwright.data.labels import ClassTable
from maskwright.data.pairing import Pair
from maskwright.data.tiff import upright
from maskwright.errors import DataError
from maskwright.report.drawn import colored, laid_over, small_image
from maskwright.report.embedded import Picture, embed

Result = TypeVar("Result")

EXAMPLES = 4  # of each finding
ROOM = 2_000_000  # characters that all pictures of the page may take
LAID = "image with its mask"  # the caption
_OFF = re.compile(r"is off by ([+-]\d+) pixels across and ([+-]\d+) down")


@dataclass(frozen=True)
class Exhibit:
    """An example of a finding: the file, what was seen, and pictures by their captions."""

    name: str
    detail: str
    parts: dict[str, Picture]


def exhibits(found: Audit, room: int = ROOM) -> dict[str, list[Exhibit]]:
    """Up to four examples of each kind of finding.

    The first of each kind come first, the worst kinds before others. Once ``room`` characters are
    used up, examples have no pictures, so that the page stays small.
    """
    pairs = {path: pair for pair in found.listing.pairs for path in (pair.mask, pair.image)}
    shown: dict[str, list[Exhibit]] = {finding.kind: [] for finding in found.findings}
    for number in range(EXAMPLES):
        for finding in found.findings:
            if number < finding.count:
                one = _exhibit(found, finding.flaws[number], pairs, with_pictures=room > 0)
                room -= sum(len(part.source) for part in one.parts.values())
                shown[finding.kind].append(one)
    return shown


def called(path: Path, root: Path) -> str:
    """What the page calls a file, on one line; the root stands for all files."""
    return "the whole set" if path == root else place(Flaw("", path, ""), root)


def _exhibit(
    found: Audit, flaw: Flaw, pairs: Mapping[Path, Pair], *, with_pictures: bool
) -> Exhibit:
    name = called(flaw.path, found.listing.root)
    parts = pictures_of(found, flaw, pairs) if with_pictures else {}
    embedded = {title: embed(part, f"{name}: {title}") for title, part in parts.items()}
    return Exhibit(name, printable(flaw.detail), embedded)


def pictures_of(found: Audit, flaw: Flaw, pairs: Mapping[Path, Pair]) -> dict[str, np.ndarray]:
    """The pictures uint8 [H, W, 3] that show a flaw, by their captions; empty where none can."""
    pair = pairs.get(flaw.path)
    if pair is None:
        return _rivals(found, flaw) or _alone(found, flaw.path)
    if flaw.other and (twin := pairs.get(flaw.other)):
        return _beside(found, [pair, twin])
    return pair_pictures(found, pair, flaw)


def pair_pictures(found: Audit, pair: Pair, flaw: Flaw | None = None) -> dict[str, np.ndarray]:
    """The image with its mask laid over it, where they fit, else image and mask.

    Where the flaw says how the mask would fit, it is shown so as well.
    """
    image, raw = _attempt(small_image, pair.image, found.bands), _attempt(read_mask, pair.mask)
    if image is None or raw is None:
        return {f"its {one}": shown for one, shown in _sole(image, raw, found.table).items()}
    same_size = raw.values.shape == _size(found, pair)
    laid = laid_over(image, raw, found.table) if same_size else None
    shown = _sole(image, raw, found.table) if laid is None else {LAID: laid}
    title, values = mended(flaw, raw.values, _orientation(found, pair))
    if title and (laid := laid_over(image, replace(raw, values=values), found.table)) is not None:
        shown[title] = laid
    return shown


def mended(flaw: Flaw | None, values: np.ndarray, orientation: int = 1) -> tuple[str, np.ndarray]:
    """How mask values [H, W] would fit their image by what a flaw says, and in words.

    >>> mended(Flaw("flipped", Path("a.png"), "fits when mirrored left to right"), np.eye(2))
    ('mask mirrored left to right', array([[0., 1.],
           [1., 0.]]))
    """
    kind, detail = (flaw.kind, flaw.detail) if flaw else ("", "")
    if kind == "flipped" and (name := detail.removeprefix("fits when ")) in PLACES:
        return f"mask {name}", PLACES[name](values)
    if kind == "shifted" and (off := _OFF.fullmatch(detail)):
        return "mask shifted back", _moved(values, -int(off[1]), -int(off[2]))
    if kind == "mask-orientation":
        return "mask turned like its image", upright(values[:, :, None], orientation)[:, :, 0]
    if kind == "mask-size":
        return "mask resized", values
    return "", values


def _moved(values: np.ndarray, across: int, down: int) -> np.ndarray:
    """Mask values [H, W] shifted by so many pixels; what comes in has the commonest value."""
    height, width = values.shape
    found, counts = np.unique(values[::8, ::8], return_counts=True)
    moved = np.full_like(values, found[counts.argmax()])
    rows, columns = _overlap(height, down), _overlap(width, across)
    moved[rows[0], columns[0]] = values[rows[1], columns[1]]
    return moved


def _overlap(length: int, shift: int) -> tuple[slice, slice]:
    """Where the rest of something shifted comes to lie, and where it was."""
    kept = max(0, length - abs(shift))
    to, at = max(0, shift), max(0, -shift)
    return slice(to, to + kept), slice(at, at + kept)


def _beside(found: Audit, pairs: list[Pair]) -> dict[str, np.ndarray]:
    """One picture of each pair, by the name of its image."""
    shown: dict[str, np.ndarray] = {}
    for pair in pairs:
        name = called(pair.image, found.listing.root)
        pictures = pair_pictures(found, pair)
        shown |= {f"{name}{f' ({pair.split})' if pair.split else ''}": one
                  for one in list(pictures.values())[:1]}  # fmt: skip
    return shown


def _rivals(found: Audit, flaw: Flaw) -> dict[str, np.ndarray]:
    """Two files of one name."""
    rivals = (flaw.path, flaw.other) if flaw.other else ()
    return {path.name: picture for path in rivals for picture in _alone(found, path).values()}


def _alone(found: Audit, path: Path) -> dict[str, np.ndarray]:
    """A file that belongs to no pair: a mask where it lies among masks, else an image."""
    pairs = found.listing.pairs
    images = {pair.image.parent for pair in pairs}
    if path.parent in {pair.mask.parent for pair in pairs} - images:
        return _sole(None, _attempt(read_mask, path), found.table)
    return _sole(_attempt(small_image, path, found.bands), None, found.table)


def _sole(
    image: np.ndarray | None, raw: RawMask | None, table: ClassTable | None
) -> dict[str, np.ndarray]:
    """The image, and the mask in colours, of which either may be missing."""
    shown = {} if image is None else {"image": image}
    return shown if raw is None else shown | {"mask": colored(raw, table)}


def _attempt(read: Callable[..., Result], *arguments: object) -> Result | None:
    """What ``read`` gives, None where the file cannot be read."""
    try:
        return read(*arguments)
    except (DataError, OSError):
        return None


def _size(found: Audit, pair: Pair) -> tuple[int, int] | None:
    """Height and width of the image file."""
    image = found.facts[pair.image].image
    return (image.height, image.width) if isinstance(image, ImageFacts) else None


def _orientation(found: Audit, pair: Pair) -> int:
    image = found.facts[pair.image].image
    return image.orientation if isinstance(image, ImageFacts) else 1
