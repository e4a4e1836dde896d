"""The class table: name, colour, and which values of a mask file mean each class.

Mask encodings: **index** (a grey file whose value is the class), **palette** (a palette file whose
index is the class), **rgb** (a colour a class), **binary** (two values, such as 0 and 255),
**instances** (0 is background, every other value numbers one object).
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from maskwright.data.images import RawMask
from maskwright.errors import DataError, nearest, some

IGNORE = 255  # class index of pixels that count for nothing
MOST_CLASSES = 254
ENCODINGS = ("index", "palette", "rgb", "binary", "instances")
# Distinct for most kinds of colour vision (Okabe and Ito, 2008), black left out.
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")


@dataclass(frozen=True)
class Label:
    """One class: its name, its colour "#rrggbb", and the mask values that mean it.

    In the rgb encoding a value is a colour packed as ``red << 16 | green << 8 | blue``.
    """

    name: str
    color: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class ClassTable:
    """The classes in the order of their index, and the values that are to be ignored."""

    encoding: str
    labels: tuple[Label, ...]
    ignore: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise DataError(
                f"unknown mask encoding {self.encoding}: {nearest(str(self.encoding), ENCODINGS)}"
            )
        if not 2 <= len(self.labels) <= MOST_CLASSES:
            raise DataError(
                f"a class table needs 2 to {MOST_CLASSES} classes, not {len(self.labels)}; list "
                "those that the masks show"
            )
        if self.encoding == "instances" and (
            len(self.labels) != 2 or self.labels[1].values or not self.labels[0].values
        ):
            raise DataError(
                "a class table of instances has two classes: the background with its values, and "
                "the objects with values = [], for they have all others"
            )
        if not any(label.values for label in self.labels):
            raise DataError("no class of the class table has a mask value; give each its values")
        _refuse_doubles([label.name for label in self.labels], "class name")
        _refuse_doubles(
            [*self.ignore, *(v for label in self.labels for v in label.values)], "value"
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> list[str]:
        return [label.name for label in self.labels]

    @property
    def ground(self) -> list[int]:
        """Classes that are nothing: any called background or bg; of a binary table without these
        the class of value 0; of instances the first. Overlays leave them untinted, and no object is
        made of them."""
        if self.encoding == "instances":
            return [0]
        called = [k for k, name in enumerate(self.names) if name.lower() in ("background", "bg")]
        if called or self.encoding != "binary":
            return called
        return [k for k, label in enumerate(self.labels) if 0 in label.values]

    @cached_property
    def colors(self) -> np.ndarray:
        """The colour of each class, uint8 [classes, 3]."""
        return np.array([_rgb(label.color) for label in self.labels], np.uint8)

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """All known values in rising order, int64 [n], and the class of each, uint8 [n]."""
        pairs = [(v, k) for k, label in enumerate(self.labels) for v in label.values]
        pairs += [(v, IGNORE) for v in self.ignore]
        values, classes = zip(*sorted(pairs), strict=True)
        return np.array(values, np.int64), np.array(classes, np.uint8)

    @cached_property
    def _lookup(self) -> tuple[np.ndarray, np.ndarray]:
        """For 8-bit files: the class of each value, uint8 [256], and whether it is known."""
        return self._find(np.arange(256))

    def _find(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known, classes = self._known
        place = np.searchsorted(known, values).clip(max=len(known) - 1)
        found = known[place] == values
        if self.encoding == "instances":
            return np.where(found, classes[place], np.uint8(1)), np.ones_like(found)
        return classes[place], found

    def decode(self, raw: RawMask, where: object = "mask") -> np.ndarray:
        """Class indices uint8 [H, W] of a mask as stored; 255 where it is to be ignored.

        >>> pet, rest = Label("pet", "#ff0000", (1,)), Label("rest", "#0000ff", (2,))
        >>> table = ClassTable("index", (pet, rest))
        >>> table.decode(RawMask(np.array([[1, 2]], np.uint8), "index"))
        array([[0, 1]], dtype=uint8)
        """
        values = self.values_of(raw, where)
        classes, known = self.find(values)
        if not known.all():
            self._refuse(np.unique(values[~known]), where)
        return classes

    def find(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The class of each mask value, uint8, and whether the table knows it, bool.

        ``values`` uint8 or int32 [H, W] (or any shape), as ``values_of`` gives them.
        """
        if values.dtype == np.uint8:
            classes, known = self._lookup
            return classes[values], known[values]
        return self._find(values)

    def values_of(self, raw: RawMask, where: object = "mask") -> np.ndarray:
        """The values of a mask as the table speaks of them: colours in the rgb encoding (of
        palette files as well), else numbers, uint8 or int32 [H, W]."""
        if self.encoding == "rgb":
            if raw.palette is not None:
                colors = np.zeros((256, 3), np.int32)
                colors[: len(raw.palette)] = raw.palette
                return (colors @ np.array([1 << 16, 1 << 8, 1], np.int32))[raw.values]
            if raw.kind != "rgb":
                raise DataError(
                    f"{where} is of the kind {raw.kind}, but the class table is of colours; "
                    "save it as RGB"
                )
            return raw.values
        if raw.kind == "rgb":
            return grey_of(raw.values, where)
        return raw.values

    def _refuse(self, unknown: np.ndarray, where: object) -> None:
        raise DataError(
            f"{where} holds {'colour' if self.encoding == 'rgb' else 'value'} "
            f"{some(self.show(v) for v in unknown)}, which the class table does not have "
            f"({some((self.show(v) for v in self._known[0]), 8)}); add it to a class in "
            "dataset.toml, or to its ignore list"
        )

    def show(self, value: int) -> str:
        """A mask value as people write it: ``7`` or ``#ff0000``."""
        return f"#{value:06x}" if self.encoding == "rgb" else str(value)

    @cached_property
    def stored(self) -> np.ndarray:
        """What ``encode`` writes for each class index, uint8 [256]: its first mask value if that
        fits a byte, as in the files it was trained on; in the rgb encoding the index itself, for
        the colour is in the palette, and for objects the first number that no other value has."""
        first = np.array([label.values[0] if label.values else -1 for label in self.labels])
        if self.encoding == "instances":
            first[1] = min({*range(1, 256)} - set(self._known[0].tolist()), default=-1)
        if self.encoding == "rgb" or first.min() < 0 or first.max() > 255:
            first = np.arange(len(self.labels))
        lookup = np.zeros(256, np.uint8)
        lookup[: len(first)] = first
        meant = {v for label in self.labels for v in label.values} if self.encoding != "rgb" else ()
        free = sorted(set(range(256)) - set(first.tolist()) - set(meant)) or [IGNORE]
        ignore = [v for v in self.ignore if v in free and self.encoding != "rgb"]
        lookup[IGNORE] = ignore[0] if ignore else free[-1]
        return lookup

    def encode(self, classes: np.ndarray) -> np.ndarray:
        """Mask values uint8 [H, W] of class indices uint8 [H, W]: the way back of ``decode``."""
        return cv2.LUT(classes, self.stored)  # five times as fast as an index

    @cached_property
    def palette(self) -> np.ndarray:
        """The colours of encoded masks, uint8 [256, 3]; in the rgb encoding those of the values,
        so that ``decode`` finds them again."""
        colors = np.zeros((256, 3), np.uint8)
        colors[self.stored[: len(self)]] = self.colors
        if self.encoding == "rgb":
            for place, values in zip(self.stored, (k.values for k in self.labels), strict=False):
                if values:
                    colors[place] = unpacked(values[0])
            if self.ignore:
                colors[self.stored[IGNORE]] = unpacked(self.ignore[0])
        return colors

    def to_dict(self) -> dict[str, Any]:
        """The table as it stands in dataset.toml."""
        rgb = self.encoding == "rgb"
        shown = {label: [self.show(v) if rgb else v for v in label.values] for label in self.labels}
        return {
            "encoding": self.encoding,
            "ignore": [self.show(v) if rgb else v for v in self.ignore],
            "classes": [{"name": k.name, "values": v, "color": k.color} for k, v in shown.items()],
        }


def from_dict(table: Mapping[str, Any], where: object) -> ClassTable:
    """The class table in the parsed ``dataset.toml`` called ``where``."""
    encoding = table.get("encoding", "index")
    classes = table.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(entry, dict) for entry in classes):
        raise DataError(f"{where}: write each class as a [[classes]] with name, values, color")
    labels = []
    for index, entry in enumerate(classes):
        if unknown := set(entry) - {"name", "values", "color"}:
            raise DataError(
                f"{where}: unknown key {min(unknown)} in a class; use name, values, color"
            )
        name = str(entry.get("name", f"class_{index}"))
        color = entry.get("color", default_color(index))
        default = [] if encoding == "instances" and index else [index]
        values = entry.get("values", [color] if encoding == "rgb" else default)
        labels.append(Label(name, _checked_color(color, where), _numbers(values, where)))
    ignore = _numbers(table.get("ignore", []), where)
    try:
        return ClassTable(encoding, tuple(labels), ignore)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def value_name(value: int) -> str:
    """What a class is called of which only the mask value is known.

    >>> value_name(255)
    'value_255'
    """
    return f"value_{value}"


def default_color(index: int) -> str:
    """A colour for the class at ``index``, distinct from its neighbours, as "#rrggbb"."""
    if index < len(COLORS):
        return COLORS[index]
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.55 + 0.35 * (index % 2), 0.85)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def unpacked(value: int) -> tuple[int, int, int]:
    """Red, green and blue of a packed colour.

    >>> unpacked(0xFF8000)
    (255, 128, 0)
    """
    return value >> 16 & 255, value >> 8 & 255, value & 255


def grey_of(packed: np.ndarray, where: object) -> np.ndarray:
    """The grey values uint8 [H, W] of packed colours whose three channels are equal."""
    grey = packed & 255
    if not np.array_equal(grey * 0x010101, packed):
        raise DataError(
            f"{where} is a colour mask, but the class table is of grey values; save it as grey"
        )
    return grey.astype(np.uint8)


def _refuse_doubles(items: Iterable[object], what: str) -> None:
    seen: set[object] = set()
    for item in items:
        if item in seen:
            raise DataError(f"the class table has the {what} {item} twice; leave one out")
        seen.add(item)


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))


def _checked_color(color: object, where: object) -> str:
    text = str(color)
    if not (len(text) == 7 and text[0] == "#" and set(text[1:].lower()) <= set("0123456789abcdef")):
        raise DataError(f"{where}: colour {color!r} is not of the form #rrggbb, such as #ff8800")
    return text.lower()


def _numbers(values: object, where: object) -> tuple[int, ...]:
    if not isinstance(values, list):
        raise DataError(f"{where}: mask values {values!r} must be a list, as in [{values!r}]")
    if huge := [v for v in values if isinstance(v, int) and not -(2**31) <= v < 2**31]:
        raise DataError(f"{where}: no mask file holds the value {huge[0]}; correct it")
    return tuple(v if isinstance(v, int) else int(_checked_color(v, where)[1:], 16) for v in values)
