"""What a plan needs to know of the data: sizes of images, shares and thickness of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.console import amount
from maskwright.data.counting import occurrences
from maskwright.data.dataset import Dataset
from maskwright.data.images import read_mask
from maskwright.data.labels import IGNORE
from maskwright.data.pairing import Pair
from maskwright.data.threads import map_ahead

LOOKED_AT = 64  # training masks, spread evenly over the list


@dataclass(frozen=True)
class Seen:
    """One mask: its size in pixels, and the thickness of each class in it, NaN where it is not."""

    height: int
    width: int
    thickness: np.ndarray


@dataclass(frozen=True)
class Fingerprint:
    """The training images of a dataset in numbers.

    ``sizes`` int64 [n, 2] are height and width of the images looked at, in pixels; ``shares``
    float64 [classes] the classes' shares of all pixels of train; ``thickness`` float64 [n, classes]
    how thick the classes are in each mask, in pixels. ``on_map``: whether all images lie on one.
    """

    images: int
    names: tuple[str, ...]
    sizes: np.ndarray
    shares: np.ndarray
    thickness: np.ndarray
    on_map: bool = False

    @property
    def longer(self) -> np.ndarray:
        """The longer side of each image looked at, in pixels."""
        return self.sizes.max(axis=1)

    def thinnest(self) -> tuple[str, np.ndarray]:
        """The class that is thinnest in most images, and its thickness in each (NaN: not there)."""
        typical = [
            np.nanmedian(each) if np.isfinite(each).any() else np.inf for each in self.thickness.T
        ]
        place = int(np.argmin(typical))
        return self.names[place], self.thickness[:, place]


def fingerprint(dataset: Dataset) -> Fingerprint:
    """Look at up to 64 training masks of a dataset."""
    pairs = dataset.of("train")
    step = max(1, len(pairs) // LOOKED_AT)
    table = dataset.table

    def see(pair: Pair) -> Seen:
        mask = table.decode(read_mask(pair.mask), pair.mask)
        height, width = mask.shape
        return Seen(height, width, thickness(mask, len(table)))

    seen = list(map_ahead(see, pairs[::step][:LOOKED_AT]))
    pixels = dataset.pixels["train"].astype(np.float64)
    return Fingerprint(
        images=len(pairs),
        names=tuple(table.names),
        sizes=np.array([(one.height, one.width) for one in seen]),
        shares=pixels / max(1.0, pixels.sum()),
        thickness=np.stack([one.thickness for one in seen]),
        on_map=bool(dataset.usual and dataset.usual.ground),
    )


def thickness(mask: np.ndarray, classes: int) -> np.ndarray:
    """Twice the area of each class over its edge, in pixels, float64 [classes]; NaN: not there.

    Of a long strip that is its width, of a disc its radius. ``mask`` uint8 [H, W]; a pixel is on
    the edge where one of its four neighbours is of another class, ignored pixels aside.

    >>> mask = np.zeros((20, 30), np.uint8)
    >>> mask[:, 10:14] = 1
    >>> thickness(mask, 2).tolist()  # 26 columns with two edges, 4 columns with two edges
    [26.0, 4.0]
    """
    edge = edges(mask)
    area, on_edge = occurrences([mask], [classes]), occurrences([mask[edge]], [classes])
    wide = float(min(mask.shape))  # a class without an edge fills the image
    found = np.where(on_edge > 0, 2.0 * area / np.maximum(on_edge, 1), wide)
    return np.where(area > 0, found, np.nan)


def edges(mask: np.ndarray) -> np.ndarray:
    """Pixels with a neighbour of another class, bool [H, W]; ignored ones are no neighbours."""
    edge = np.zeros(mask.shape, bool)
    known = mask != IGNORE
    for axis in (0, 1):
        first: list[slice] = [slice(None)] * 2
        second: list[slice] = [slice(None)] * 2
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        a, b = tuple(first), tuple(second)
        differ = (mask[a] != mask[b]) & known[a] & known[b]
        edge[a] |= differ
        edge[b] |= differ
    return edge


def shares_in_words(names: Sequence[str], shares: np.ndarray) -> str:
    """Classes and their shares of the pixels.

    >>> shares_in_words(["sky", "bird"], np.array([0.987, 0.013]))
    'sky 98.7 %, bird 1.3 %'
    """
    parts = (f"{name} {100 * share:.1f} %" for name, share in zip(names, shares, strict=True))
    return ", ".join(parts)


def data_in_words(seen: Fingerprint) -> str:
    """How many images of which sizes."""
    low, middle, high = np.quantile(seen.longer, (0.1, 0.5, 0.9)).round().astype(int).tolist()
    sides = (
        f"{low} pixels"
        if low == high
        else f"mostly {low} to {high} pixels, half of them up to {middle}"
    )
    return f"{amount(seen.images, 'image')} to train on, longer side {sides}"


def thickness_in_words(seen: Fingerprint) -> str:
    """How thick the thinnest class is."""
    name, thick = seen.thinnest()
    known = thick[np.isfinite(thick)]
    if not len(known):
        return "no class has an edge in the masks looked at"
    low, high = np.quantile(known, (0.1, 0.9)).tolist()
    return f"thinnest class: {name}, {low:.0f} to {high:.0f} pixels thick in most images"
