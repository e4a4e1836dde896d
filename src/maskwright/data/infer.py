"""The class table that the mask files themselves show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from maskwright.data.images import RawMask
from maskwright.data.labels import IGNORE, ClassTable, Label, default_color
from maskwright.errors import DataError

MOST_INFERRED = 64  # more values than this are no class table but instances, or a photograph


@dataclass
class MaskValues:
    """What one mask file holds: its kind, how many pixels of each value, its palette."""

    path: Path
    kind: str
    pixels: Counter[int] = field(default_factory=Counter)
    palette: np.ndarray | None = None

    def as_raw(self) -> RawMask:
        """One pixel of each value, [1, n], in the order of ``pixels``."""
        small = self.kind != "rgb" and 0 <= min(self.pixels) <= max(self.pixels) <= 255
        values = np.array([list(self.pixels)], np.uint8 if small else np.int32)
        return RawMask(values, self.kind)


def count_values(path: Path, raw: RawMask) -> MaskValues:
    """Count the pixels of each value of a mask as stored."""
    if raw.values.dtype == np.uint8:
        counts = np.bincount(raw.values.ravel(), minlength=256)
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(raw.values, return_counts=True)
    pixels = Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    return MaskValues(path, raw.kind, pixels, raw.palette)


def infer_table(masks: Sequence[MaskValues]) -> ClassTable:
    """The class table of a set of masks, with nothing in it but what the files show.

    Names are the values themselves (``value_0`` or ``#ff0000``), since a file does not say what
    they mean. 255 beside small values is taken as ignore, as in Pascal VOC.
    """
    kind = _common_kind(masks)
    pixels: Counter[int] = Counter()
    for mask in masks:
        pixels.update(mask.pixels)
    values = sorted(pixels)
    if kind == "rgb" and all(v == (v & 255) * 0x010101 for v in values):
        kind, values = "index", [v & 255 for v in values]
    _refuse_too_few_or_many(values, masks)
    _refuse_instances(masks)
    if kind == "rgb":
        labels = tuple(Label(f"#{v:06x}", f"#{v:06x}", (v,)) for v in values)
        return ClassTable("rgb", labels)
    if len(values) == 2 and values[1] == 255:
        kind = "binary"
    elif 255 in values and len(values) > 2 and values[-2] < len(values) + 8:
        return ClassTable(kind, _labels(values[:-1], masks), (IGNORE,))
    return ClassTable(kind, _labels(values, masks))


def _labels(values: list[int], masks: Sequence[MaskValues]) -> tuple[Label, ...]:
    """Labels with the colours of the palette where the files have one, else of our own."""
    palette = next((m.palette for m in masks if m.palette is not None), None)
    labels = []
    for index, value in enumerate(values):
        color = default_color(index)
        if palette is not None and 0 <= value < len(palette):
            color = "#" + palette[value].tobytes().hex()
        labels.append(Label(f"value_{value}", color, (value,)))
    return tuple(labels)


def _common_kind(masks: Sequence[MaskValues]) -> str:
    """ "rgb", "palette" or "index"; colour and grey masks in one set are an error."""
    by_kind = {mask.kind: mask.path for mask in masks}
    if "rgb" in by_kind and len(by_kind) > 1:
        other = next(kind for kind in by_kind if kind != "rgb")
        raise DataError(
            f"{by_kind['rgb']} is an RGB mask, but {by_kind[other]} is a mask of the kind {other}; "
            "save all masks in one encoding"
        )
    return "palette" if set(by_kind) == {"palette"} else next(iter(by_kind), "index")


def _refuse_too_few_or_many(values: list[int], masks: Sequence[MaskValues]) -> None:
    if len(values) < 2:
        raise DataError(
            f"all {len(masks)} masks hold the one value {values[0]}; "
            "there is nothing to tell apart: check that these are the masks"
        )
    if len(values) > MOST_INFERRED:
        richest = max(masks, key=lambda mask: len(mask.pixels))
        raise DataError(
            f"{richest.path} holds {len(richest.pixels)} different values, the set {len(values)}: "
            "more than a class table has. If every object has a number of its own, save all "
            "objects as 255 and the rest as 0; if these are classes, list them in a dataset.toml; "
            "a photograph or a JPEG file is no mask"
        )


def _refuse_instances(masks: Sequence[MaskValues]) -> None:
    """Masks that number their objects 1, 2, … k, with another k in each, are no class masks."""
    numbers = [sorted(set(mask.pixels) - {0}) for mask in masks]
    counted = all(found == list(range(1, len(found) + 1)) for found in numbers)
    most = max(len(found) for found in numbers)
    if counted and most > 8 and len({len(found) for found in numbers}) > 1:
        raise DataError(
            f"the masks seem to number their objects (1 to {most} at the most, in each mask anew); "
            "save all objects as 255 and the rest as 0, or, if these are classes, list them in a "
            "dataset.toml"
        )
