"""The values of masks: what kind they are, where they pile up, and to which class they snap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from maskwright.data.audit.facts import MaskFacts
from maskwright.data.labels import ClassTable, unpacked

MOST_INFERRED = 64  # more values than this are no class table but instances, or a photograph
MANY = 256  # values of a photograph, at least
BUSY = 0.25  # share of its pixels that differ from their left neighbour, at least
LEAST_GAP = 16  # between the values of two classes, for in-between values to be told from classes
MOST_SMEARED = 0.35  # share of a mask's pixels with in-between values, at the most
MOST_OF_ONE = 0.05  # the same of one such value that lies far from those of the classes
FEW_SMEARED = 0.03  # the same where there are one or two such values only

FEW_SURE = 2  # values that only one mask has and that are classes, wherever they lie
FEW = 8  # the same, where they cannot come from smears


def is_grey(mask: MaskFacts) -> bool:
    """Whether the values are numbers: grey or palette files, or colours that are all grey."""
    return mask.kind != "rgb" or all(map(is_grey_color, mask.values))


def is_grey_color(value: int) -> bool:
    """Whether the three channels of a packed colour are equal."""
    return value == (value & 255) * 0x010101


def is_photograph(mask: MaskFacts) -> bool:
    """Whether this is a photograph and no mask: many values, none common, no areas of one."""
    many = mask.distinct >= (MANY if mask.kind == "rgb" else MANY // 2)
    common = sum(mask.counts[:8]) > 0.5 * mask.width * mask.height
    return many and mask.edges > BUSY and not common


def as_table_sees(mask: MaskFacts, table: ClassTable) -> dict[int, int]:
    """The pixels of each value, as a table speaks of values: colours or numbers."""
    return colors_of(mask) if table.encoding == "rgb" else numbers_of(mask)


def numbers_of(mask: MaskFacts) -> dict[int, int]:
    """The pixels of each number; of colours that are all grey, these are their grey values."""
    grey = mask.kind == "rgb" and is_grey(mask)
    values = [value & 255 for value in mask.values] if grey else mask.values
    return dict(zip(values, mask.counts, strict=True))


def colors_of(mask: MaskFacts) -> dict[int, int]:
    """The pixels of each packed colour, of palette files as well."""
    if mask.palette is None:
        return dict(zip(mask.values, mask.counts, strict=True))
    colors = np.frombuffer(mask.palette, np.uint8).reshape(-1, 3).astype(int)
    packed = (colors @ np.array([1 << 16, 1 << 8, 1])).tolist()
    pixels: Counter[int] = Counter()
    for value, count in zip(mask.values, mask.counts, strict=True):
        pixels[packed[value] if value < len(packed) else 0] += count
    return dict(pixels)


def palettes_disagree(masks: Sequence[MaskFacts]) -> bool:
    """Whether one number has another colour in each palette, so that the colours are the classes.

    That is how programs write masks that pick a palette for each file. Palettes of random colours
    are something else: they have hardly a colour twice.
    """
    shown: dict[int, list[int]] = {}
    for mask in masks:
        if mask.palette is None:
            return False
        palette = np.frombuffer(mask.palette, np.uint8).reshape(-1, 3).tolist()
        for value in mask.values:
            red, green, blue = palette[value] if value < len(palette) else (0, 0, 0)
            shown.setdefault(value, []).append(red << 16 | green << 8 | blue)
    torn = [
        colors
        for colors in shown.values()
        if any(distance(colors[0], c, rgb=True) > 40 for c in colors)
    ]
    every = [color for colors in torn for color in colors]
    return bool(torn) and len(set(every)) <= 0.75 * len(every)


def table_of_colors(table: ClassTable) -> ClassTable:
    """The same classes told by their colours, for masks saved as the colours of a palette."""
    labels = [replace(k, values=(int(k.color[1:], 16),)) for k in table.labels]
    return ClassTable("rgb", tuple(labels))


def peaks(pixels: Mapping[int, int], *, reach: int, rgb: bool) -> list[int]:
    """The values around which pixels pile up, the highest first.

    A value is a peak if no higher one lies within ``reach`` (of any channel, for colours) and it
    has at least 0.5 % of the pixels.

    >>> peaks({0: 900, 1: 30, 3: 10, 250: 20, 255: 500}, reach=12, rgb=False)
    [0, 255]
    """
    least = 0.005 * sum(pixels.values())
    found: list[int] = []
    for value, count in sorted(pixels.items(), key=lambda item: -item[1]):
        if count < least:
            break
        if all(distance(value, peak, rgb=rgb) > reach for peak in found):
            found.append(value)
    return found


def piles(seen: Sequence[Mapping[int, int]], *, reach: int, rgb: bool) -> list[int]:
    """The peaks of all masks together, rising; all values where these explain too little."""
    pixels = total(seen)
    found = peaks(pixels, reach=reach, rgb=rgb)
    share = 1 / sum(pixels.values())
    explained = share * sum(pixels[value] for value in found) >= (0.4 if rgb else 1 - MOST_SMEARED)
    if rgb and explained:  # JPEG changes colours a little in areas as well, and most at borders
        near = [v for v in pixels if any(distance(v, peak, rgb=True) <= reach for peak in found)]
        explained = share * sum(pixels[value] for value in near) >= 0.9
    return sorted(found if explained else pixels)


def total(seen: Sequence[Mapping[int, int]]) -> Counter[int]:
    """The pixels of each value, in all masks together."""
    pixels: Counter[int] = Counter()
    for one in seen:
        pixels.update(one)
    return pixels


def distance(value: int, other: int, *, rgb: bool) -> int:
    """How far apart two values are: of colours, in the channel that differs most.

    >>> distance(0xFF0000, 0xF00408, rgb=True), distance(3, 250, rgb=False)
    (15, 247)
    """
    if not rgb:
        return abs(value - other)
    return max(abs(a - b) for a, b in zip(unpacked(value), unpacked(other), strict=True))


def other_scale(pixels: Mapping[int, int], table: ClassTable) -> dict[int, int]:
    """{1: 255} for a mask of 0 and 1 where the table has 0 and 255, {255: 1} the other way round.

    Empty where it is neither.
    """
    known = sorted(value for label in table.labels for value in label.values)
    for one, other in ((1, 255), (255, 1)):
        if known == [0, other] and one in pixels and set(pixels) <= {0, one} - set(table.ignore):
            return {one: other}
    return {}


def snap(
    pixels: Mapping[int, int], table: ClassTable, *, jpeg: bool = False
) -> dict[int, int] | None:
    """For each value that ``table`` does not know, the known value that it is to become.

    None where that is not safe: where two classes lie close together, where too many pixels would
    change, or where the unknown values may be classes that the table lacks. A value halfway
    between two classes becomes −1: to be ignored. In a JPEG file values next to a known one are
    that one, however many: at quality 70 whole areas of 255 come out as 254.
    """
    rgb = table.encoding == "rgb"
    known = [v for label in table.labels for v in label.values] + list(table.ignore)
    gaps = [distance(a, b, rgb=rgb) for n, a in enumerate(known) for b in known[:n]]
    if table.encoding == "instances" or not gaps or min(gaps) < LEAST_GAP:
        return None
    snapped: dict[int, int] = {}
    far: list[int] = []
    for value in sorted(set(pixels) - set(known)):
        near = sorted((distance(value, other, rgb=rgb), other) for other in known)
        clear = near[1][0] - near[0][0] > 0.2 * (near[0][0] + near[1][0])
        snapped[value] = near[0][1] if clear else -1
        far += [value] if near[0][0] >= LEAST_GAP else []
    share = 1 / sum(pixels.values())
    doubtful = far if jpeg else list(snapped)
    changed = share * sum(pixels[value] for value in doubtful)
    if changed > MOST_SMEARED or any(share * pixels[value] > MOST_OF_ONE for value in far):
        return None
    between = mixed(far, known, slack=40).mean() if rgb and far else 1.0
    if not rgb:
        between = float(all(min(known) < value < max(known) for value in far))
    few = len(doubtful) <= FEW_SURE  # these may be a class, or another way of writing one
    sure = len(far) == len(doubtful) and changed < FEW_SMEARED
    return snapped if between > 0.8 and (sure or not few) else None


def common_values(seen: Sequence[Mapping[int, int]], *, rgb: bool) -> list[int]:
    """The values, rising, that are classes: all but those that only smears leave.

    ``seen`` are the pixels of each value in each mask. A value in two masks (in a big set, in 2 %
    of them) is a class. A value in fewer is one as well, unless its mask has many of them: smears
    bring dozens.
    """
    least = max(2, round(0.02 * len(seen))) if len(seen) >= 5 else 1
    pooled = Counter(value for pixels in seen for value in pixels)
    common = {value for value, count in pooled.items() if count >= least}
    if len(common) <= MOST_INFERRED:
        begun = frozenset(common)
        for pixels in sorted(seen, key=lambda pixels: len(set(pixels) - begun)):
            rare = set(pixels) - common
            if not _are_smear(rare, begun, pixels, rgb=rgb):
                common |= rare
    return sorted(common or pooled)


def _are_smear(
    rare: Collection[int], common: Collection[int], pixels: Mapping[int, int], *, rgb: bool
) -> bool:
    """Whether rare values of one mask lie between the common ones, as smears do."""
    if rgb:
        others = [value for value in common if value in pixels]
        between = mixed(rare, others).sum()
        return len(rare) > FEW_SURE and (len(rare) > FEW or 2 * between >= len(rare))
    if common == {0, 255}:
        small = FEW_SMEARED * sum(pixels.values())
        return len(rare) > FEW_SURE or any(
            LEAST_GAP <= value <= 255 - LEAST_GAP and pixels[value] < small for value in rare
        )
    gaps = np.diff(sorted(common))
    return len(rare) > (FEW_SURE if len(gaps) and min(gaps) >= LEAST_GAP else FEW)


def mixed(values: Collection[int], others: Collection[int], slack: int = 6) -> np.ndarray:
    """Which packed colours are a mixture of two others, up to ``slack`` a channel; bool [n].

    >>> mixed([0x800080, 0x00FF00], [0xFF0000, 0x0000FF]).tolist()
    [True, False]
    """
    mine = np.array([unpacked(value) for value in values], np.float32).reshape(-1, 3)
    found = np.zeros(len(mine), bool)
    for one, other in combinations(np.array([unpacked(value) for value in others], np.float32), 2):
        part = (mine - one) @ (other - one) / np.float32(max(1, (other - one) @ (other - one)))
        off = np.abs(one + part[:, None] * (other - one) - mine).max(axis=1)
        found |= (part > 0) & (part < 1) & (off <= slack)
    return found
