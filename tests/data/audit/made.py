"""Masks and images as the audit sees them, made without a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.data.audit.alignment import small_mask
from maskwright.data.audit.encoding import Entry, Understood
from maskwright.data.audit.facts import ImageFacts, mask_facts
from maskwright.data.images import RawMask
from maskwright.data.pairing import Pair

SIDE = 48  # pixels of the masks made here
USUAL = ImageFacts(
    digest="usual",
    format="PNG",
    mode="RGB",
    width=64,
    height=48,
    bands=3,
    depth=8,
    orientation=1,
    several=False,
    plain=False,
    range=(),
    thumbnail=bytes(256),
    level=(90.0, 90.0, 90.0),
    spot=None,
)


BLACK, RED, GREEN, BLUE = COLORS = np.array(
    [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8
)


def image(**changes: object) -> ImageFacts:
    """What is seen of a common image, but for the changes."""
    return replace(USUAL, **changes)


def pair(n: int = 0, split: str = "", group: str = "") -> Pair:
    """Pair n of the folder called set."""
    return Pair(Path(f"set/images/{n}.png"), Path(f"set/masks/{n}.png"), split, group)


def entry(raw: RawMask, n: int = 0) -> Entry:
    """What is seen of one mask, with the names of pair n."""
    return Entry(n, pair(n).mask, pair(n).image, mask_facts(raw, small_mask(raw.values)))


def grey(*masks: np.ndarray) -> list[Entry]:
    """Entries of masks uint8 or int32 [H, W] in grey files."""
    return [entry(RawMask(values, "index", None, "PNG"), n) for n, values in enumerate(masks)]


def colored(*masks: np.ndarray) -> list[Entry]:
    """Entries of masks uint8 [H, W, 3] in RGB files."""
    return [entry(RawMask(packed(rgb), "rgb", None, "PNG"), n) for n, rgb in enumerate(masks)]


def palettes(masks: Sequence[np.ndarray], colors: Sequence[object]) -> list[Entry]:
    """Entries of masks uint8 [H, W] in palette files, each with the colours of its own."""
    return [
        entry(RawMask(values, "palette", np.array(one, np.uint8), "PNG"), n)
        for n, (values, one) in enumerate(zip(masks, colors, strict=True))
    ]


def jpegs(*masks: np.ndarray, quality: int = 80) -> list[Entry]:
    """Entries of masks uint8 [H, W] or [H, W, 3] after JPEG compression."""
    entries = []
    for n, values in enumerate(masks):
        pixels = jpeg(values, quality)
        kind = "rgb" if pixels.ndim == 3 else "index"
        stored = packed(pixels) if pixels.ndim == 3 else pixels
        entries.append(entry(RawMask(stored, kind, None, "JPEG"), n))
    return entries


def jpeg(values: np.ndarray, quality: int = 80) -> np.ndarray:
    """What JPEG makes of pixels uint8 [H, W] or [H, W, 3]."""
    content = io.BytesIO()
    Image.fromarray(values).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content))


def packed(rgb: np.ndarray) -> np.ndarray:
    """Colours uint8 [H, W, 3] packed as int32 [H, W]."""
    return rgb.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)


def boxes(n: int, *values: int, ground: int = 0, side: int = SIDE) -> np.ndarray:
    """A mask int32 [side, side] with a box of each value, side by side, in places that n draws."""
    rng = np.random.default_rng((n, len(values)))
    mask = np.full((side, side), ground, np.int32)
    width = side // max(1, len(values))
    for place, value in enumerate(values):
        top, bottom = rng.integers(2, side // 3), rng.integers(side // 2, side - 2)
        left = place * width + rng.integers(1, 1 + max(1, width // 4))
        mask[top:bottom, left : place * width + width - 1] = value
    return mask


def byte_boxes(n: int, *values: int, ground: int = 0, side: int = SIDE) -> np.ndarray:
    """The same as uint8."""
    return boxes(n, *values, ground=ground, side=side).astype(np.uint8)


def objects(count: int, size: int = 4, gap: int = 2, dtype: type = np.uint8) -> np.ndarray:
    """A mask with objects that are numbered 1, 2, …, on a grid with ``gap`` pixels between."""
    columns = int(np.ceil(count**0.5))
    step = size + gap
    mask = np.zeros((columns * step + gap, columns * step + gap), dtype)
    for k in range(count):
        y, x = gap + k // columns * step, gap + k % columns * step
        mask[y : y + size, x : x + size] = k + 1
    return mask


def shown(n: int, *numbers: int, colors: np.ndarray = COLORS, side: int = SIDE) -> np.ndarray:
    """A mask uint8 [H, W, 3] with a box of each of the numbered colours, on the first."""
    return colors[boxes(n, *numbers, side=side)]


def values(found: Understood) -> list[int]:
    """The values of all classes of a table that was told."""
    assert found.table is not None
    return [value for label in found.table.labels for value in label.values]


def named(found: Understood) -> list[tuple[str, str]]:
    """The kind and the file of each flaw."""
    return [(flaw.kind, flaw.path.name) for flaw in found.flaws]
