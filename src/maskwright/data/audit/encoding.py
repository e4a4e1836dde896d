"""How the mask files say their classes: the class table that they show, and what does not fit it.

A set is judged by its majority, so that a few bad masks are found and do not decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from maskwright.console import amount
from maskwright.data.audit.facts import MaskFacts
from maskwright.data.audit.values import (
    MOST_INFERRED,
    as_table_sees,
    colors_of,
    common_values,
    is_grey,
    is_grey_color,
    is_photograph,
    numbers_of,
    other_scale,
    palettes_disagree,
    peaks,
    piles,
    snap,
    total,
)
from maskwright.data.findings import Flaw
from maskwright.data.labels import IGNORE, ClassTable, Label, default_color, value_name
from maskwright.errors import some

LOW = 40  # beside values below this, 255 is to be ignored


@dataclass(frozen=True)
class Entry:
    """A mask that could be read: its place among the pairs, its file, its image, its content."""

    index: int
    path: Path
    image: Path
    mask: MaskFacts


@dataclass(frozen=True)
class Understood:
    """The class table (None where none can be told), what speaks for it, and what does not fit."""

    table: ClassTable | None
    evidence: str
    flaws: list[Flaw] = field(default_factory=list)


def understand(entries: Sequence[Entry], given: ClassTable | None = None) -> Understood:
    """The class table of a set of masks, or the ``given`` one, and the masks that do not fit it."""
    if given is not None:
        found = Understood(given, f"{_encoding_words(given)}, as the data says")
    else:
        found = infer(entries)
    if found.table is None:
        return found
    judged = [judge(entry, found.table) for entry in entries]
    flaws = [*found.flaws, *(flaw for flaw in judged if flaw)]
    return Understood(found.table, found.evidence, flaws)


def infer(entries: Sequence[Entry]) -> Understood:
    """The class table, with nothing in it but what the files show.

    Names are the values themselves (``value_0`` or ``#ff0000``), since a file does not say what
    they mean. 255 beside small values is taken as ignore, as in Pascal VOC.
    """
    photographs = [entry for entry in entries if is_photograph(entry.mask)]
    masks = [entry for entry in entries if not is_photograph(entry.mask)]
    if not masks:
        return Understood(None, "photographs", [_flaw("mask-copy", e) for e in photographs])
    if colored := [entry for entry in masks if entry.mask.kind == "rgb"]:
        values = _color_values(sober(colored))
        if 2 * len(colored) > len(masks) and not all(map(is_grey_color, values)):
            return _infer_colors(values, colored)
    grey = [entry for entry in masks if is_grey(entry.mask)]
    if palettes_disagree([entry.mask for entry in grey]):
        return _infer_colors(_color_values(grey), grey)
    if _are_instances(grey):
        table = ClassTable(
            "instances",
            (Label("background", default_color(0), (0,)), Label("object", default_color(1), ())),
        )
        most = max(entry.mask.distinct - 1 for entry in grey)
        return Understood(table, f"every object has a number of its own ({most} at the most)")
    return _infer_values(sober(grey))


def sober(masks: Sequence[Entry]) -> Sequence[Entry]:
    """The masks of few values, where they are the most: those damaged shall not decide."""
    few = [e for e in masks if e.mask.distinct <= MOST_INFERRED and e.mask.format != "JPEG"]
    return few if 2 * len(few) > len(masks) else masks


def _color_values(masks: Sequence[Entry]) -> list[int]:
    seen = [colors_of(entry.mask) for entry in masks]
    values = common_values(seen, rgb=True)
    smeared = len(values) > MOST_INFERRED or _is_jpeg(masks)
    return piles(seen, reach=40, rgb=True) if smeared else values


def _infer_colors(values: Sequence[int], masks: Sequence[Entry]) -> Understood:
    if not 2 <= len(values) <= MOST_INFERRED:
        return _no_table(values, masks, rgb=True)
    labels = tuple(Label(f"#{v:06x}", f"#{v:06x}", (v,)) for v in values)
    return Understood(ClassTable("rgb", labels), f"{len(values)} colours")


def _infer_values(masks: Sequence[Entry]) -> Understood:
    seen = [numbers_of(entry.mask) for entry in masks]
    values = common_values(seen, rgb=False)
    if len(values) > MOST_INFERRED or _is_jpeg(masks) or _is_smeared(seen):
        values = piles(seen, reach=16, rgb=False)
    if not 2 <= len(values) <= MOST_INFERRED:
        return _no_table(values, masks, rgb=False)
    kind = "palette" if all(entry.mask.kind == "palette" for entry in masks) else "index"
    values = _of_one_kind(values, seen)
    ignore: tuple[int, ...] = ()
    if len(values) == 2 and values[1] == 255:
        kind = "binary"
    elif values[-1] == IGNORE and values[-2] < max(len(values) + 8, LOW):
        values, ignore = values[:-1], (IGNORE,)
    table = ClassTable(kind, _labels(values, masks), ignore)
    return Understood(table, _encoding_words(table))


def _of_one_kind(values: list[int], seen: Sequence[Mapping[int, int]]) -> list[int]:
    """0 and 255, or 0 and 1, where some masks have the ones and some the others, whichever are
    more: two ways of saying the same, of which 255 is none to ignore."""
    if values != [0, 1, 255] or any({1, 255} <= set(pixels) for pixels in seen):
        return values
    ones, full = (sum(value in pixels for pixels in seen) for value in (1, 255))
    return [0, 255] if full >= ones else [0, 1]


def _no_table(values: Sequence[int], masks: Sequence[Entry], *, rgb: bool) -> Understood:
    if len(values) < 2:
        one = some(f"#{value:06x}" if rgb else value for value in values)
        detail = f"{amount(len(masks), 'mask')} with the one value {one}"
        return Understood(None, "one value", [_flaw("one-value", masks[0], detail)])
    richest = max(masks, key=lambda entry: entry.mask.distinct)
    detail = (
        f"{richest.mask.distinct:,} different values, {len(values):,} in the set: "
        "a photograph, or a number for every object?"
    )
    return Understood(None, "too many values", [_flaw("no-classes", richest, detail)])


def _is_jpeg(masks: Sequence[Entry]) -> bool:
    return 2 * sum(entry.mask.format == "JPEG" for entry in masks) > len(masks)


def _is_smeared(seen: Sequence[Mapping[int, int]]) -> bool:
    """Whether the values next to the common ones are in nearly all masks, as JPEG leaves them."""
    common = sorted(peaks(total(seen), reach=12, rgb=False))
    if len(common) < 2 or min(np.diff(common)) < 32:
        return False
    masks = Counter(value for pixels in seen for value in pixels)
    near = [
        any(masks[value + step] >= 0.8 * masks[value] for step in (-3, -2, -1, 1, 2, 3))
        for value in common
    ]
    return all(near) and bool(np.median([len(pixels) for pixels in seen]) >= 8)


def _are_instances(masks: Sequence[Entry]) -> bool:
    """Whether masks number their objects: many values, another number of them in each mask."""
    every = [entry.mask for entry in masks]
    numbers = [set(numbers_of(mask)) - {0} for mask in every]
    sizes = [len(found) for found in numbers if found]
    if max(sizes, default=0) <= 8 or len(set(sizes)) < 2:
        return False
    if np.median([mask.edges for mask in every]) > 0.2 or _is_jpeg(masks):
        return False
    pixels = total([numbers_of(mask) for mask in every])
    objects = sum(pixels.values()) - pixels[0]
    largest = sum(count for value, count in pixels.most_common(3) if value)
    apart = np.median([mask.touching for mask in every]) < 0.5  # unlike in a map of heights
    # Classes can be a row of numbers as well, but then they meet, and are about as many in each.
    varied = max(sizes) >= 1.5 * min(sizes) or len(set(sizes)) > max(3, 0.3 * len(sizes))
    counted = np.mean([found == set(range(1, len(found) + 1)) for found in numbers]) >= 0.8
    many = len(pixels) > MOST_INFERRED and largest < 0.5 * objects and apart
    return bool(pixels[0] and ((counted and (apart or varied)) or many))


def _labels(values: Sequence[int], masks: Sequence[Entry]) -> tuple[Label, ...]:
    """Labels with the colours of the palette where the files have one, else of our own."""
    found = next((e.mask.palette for e in masks if e.mask.palette is not None), b"")
    palette = np.frombuffer(found, np.uint8).reshape(-1, 3)
    labels = []
    for index, value in enumerate(values):
        color = default_color(index)
        if 0 <= value < len(palette):
            color = "#" + palette[value].tobytes().hex()
        labels.append(Label(value_name(value), color, (value,)))
    return tuple(labels)


def _encoding_words(table: ClassTable) -> str:
    """The encoding of a class table as people say it."""
    values = sorted(value for label in table.labels for value in label.values)
    shown = some((table.show(value) for value in values), 6)
    if table.encoding == "instances":
        return "every object has a number of its own"
    if table.encoding == "rgb":
        return f"colours {shown}"
    if table.encoding == "binary":
        return f"two values, {table.show(values[0])} and {table.show(values[-1])}"
    based = " (1-based)" if values[0] == 1 and 0 not in table.ignore else ""
    ignored = f", ignoring {some(map(table.show, table.ignore))}" if table.ignore else ""
    stored = "palette" if table.encoding == "palette" else "grey"
    return f"{stored} values {shown}{based}{ignored}"


def judge(entry: Entry, table: ClassTable) -> Flaw | None:
    """What does not fit the table in one mask, None where all does."""
    mask = entry.mask
    if is_photograph(mask) and mask.distinct > 2 * len(table):
        return _flaw("mask-copy", entry)
    if mask.kind == "index" if table.encoding == "rgb" else not is_grey(mask):
        kind = "grey" if is_grey(mask) else "colour"
        return _flaw("mask-kind", entry, f"a {kind} mask, the others are of another kind")
    pixels = as_table_sees(mask, table)
    values = np.array(list(pixels), np.int64)
    unknown = values[~table.find(values)[1]]
    if not len(unknown):
        return None
    for one, meant in other_scale(pixels, table).items():
        return _flaw("mask-scale", entry, f"says {one} where the others say {meant}")
    share = sum(pixels[value] for value in unknown.tolist()) / (mask.width * mask.height)
    shown = some(map(table.show, sorted(unknown.tolist())))
    if mask.format == "JPEG" or snap(pixels, table) is not None:
        detail = f"values between those of the classes: {shown} ({100 * share:.1f} % of the pixels)"
        return _flaw("mask-damaged", entry, detail)
    what = "colour" if table.encoding == "rgb" else "value"
    known = some((table.show(v) for label in table.labels for v in label.values), 8)
    detail = f"holds {what} {shown}, which the class table does not have ({known})"
    return _flaw("outside-table", entry, detail)


def _flaw(kind: str, entry: Entry, detail: str = "") -> Flaw:
    if kind == "mask-copy":
        detail = f"{entry.mask.distinct:,} values, and a new one at nearly every pixel"
    return Flaw(kind, entry.path, detail, entry.image)
