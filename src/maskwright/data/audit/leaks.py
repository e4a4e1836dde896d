"""What is in two splits and should not be, and what a split lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from maskwright.console import amount
from maskwright.data.findings import Flaw
from maskwright.data.folders import SPLITS
from maskwright.data.labels import IGNORE
from maskwright.data.pairing import Pair

LEAST_IMAGES = 10  # with fewer, no score means much
FEW_TESTED = 20  # as measures.resampling.FEW: below it the intervals of scores are too narrow
COMMON = 3  # masks that hold a class, for a split to be expected to have it


def leak_flaws(
    pairs: Sequence[Pair], clusters: Sequence[Sequence[int]], digests: Sequence[str], root: Path
) -> Iterator[Flaw]:
    """Images that are there twice: in two splits a leak, in one a duplicate.

    ``clusters`` are the indices of pairs that are nearly the same, ``digests`` their content.
    """
    for cluster in clusters:
        first = pairs[cluster[0]]
        splits = {pairs[index].split for index in cluster} - {""}
        for index in cluster[1:]:
            pair, same = pairs[index], digests[index] == digests[cluster[0]]
            nearly = "the same as" if same else "nearly the same as"
            detail = f"{nearly} {_name(first.image, root)}"
            elsewhere = [n for n in cluster if pairs[n].split not in (pair.split, "")]
            if len(splits) > 1 and pair.split and elsewhere:
                other = next((n for n in elsewhere if digests[n] == digests[index]), elsewhere[0])
                equal = digests[index] == digests[other]
                nearly = "the same as" if equal else "nearly the same as"
                kind = "leak" if equal else "near-leak"
                found = pairs[other]
                where = f"{_name(found.image, root)} in {found.split}"
                told = f"in {pair.split}, {nearly} {where}"
                yield Flaw(kind, pair.image, told, pair.image, found.image)
            else:
                yield Flaw("duplicate", pair.image, detail, pair.image, first.image)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def group_flaws(pairs: Sequence[Pair]) -> Iterator[Flaw]:
    """Groups whose images are in two splits."""
    where: dict[str, set[str]] = {}
    for pair in pairs:
        if pair.group and pair.split:
            where.setdefault(pair.group, set()).add(pair.split)
    torn = {group: splits for group, splits in where.items() if len(splits) > 1}
    for pair in pairs:
        if splits := torn.pop(pair.group, None):
            shown = " and ".join(split for split in SPLITS if split in splits)
            yield Flaw("group-leak", pair.image, f"group {pair.group} is in {shown}", pair.image)


def tied_flaws(
    pairs: Sequence[Pair], clusters: Sequence[Sequence[int]], root: Path
) -> Iterator[Flaw]:
    """Images of one group that are nearly the same as one of another: both are split as one."""
    for cluster in clusters:
        grouped = [pairs[index] for index in cluster if pairs[index].group]
        for first, pair in ((grouped[0], other) for other in grouped[1:]):
            if first.group != pair.group and first.split == pair.split:
                other = f"{_name(first.image, root)} of {first.group}"
                told = f"of {pair.group}, nearly the same as {other}"
                yield Flaw("tied-groups", pair.image, told, pair.image, first.image)


def split_flaws(
    pairs: Sequence[Pair], present: Sequence[Collection[int]], names: Sequence[str], root: Path
) -> Iterator[Flaw]:
    """Classes that a split lacks though three masks or more have them, and tiny sets."""
    yield from _size_flaws(pairs, root)
    shown: dict[str, set[int]] = {pair.split: set() for pair in pairs}
    masks: Counter[int] = Counter()
    for pair, classes in zip(pairs, present, strict=True):
        shown[pair.split] |= set(classes) - {IGNORE}
        masks.update(set(classes) - {IGNORE})
    common = {index for index, count in masks.items() if count >= COMMON}
    for split in SPLITS:
        for index in sorted(common - shown[split]) if split in shown else []:
            yield Flaw("class-not-in-split", root, f"no {names[index]} in {split}")


def _size_flaws(pairs: Sequence[Pair], root: Path) -> Iterator[Flaw]:
    """A set, or a split, of so few images or groups that scores mean little."""
    if len(pairs) < LEAST_IMAGES:
        yield Flaw("few-images", root, amount(len(pairs), "image"))
    sizes = Counter(pair.split for pair in pairs)
    groups = {split: {pair.group for pair in pairs if pair.split == split} for split in SPLITS}
    for split in ("val", "test"):
        if len(pairs) >= LEAST_IMAGES and 0 < sizes[split] < COMMON:
            yield Flaw("thin-split", root, f"{amount(sizes[split], 'image')} in {split}")
        elif len(groups[split]) == 1 and any(groups[split]):
            yield Flaw("thin-split", root, f"1 group in {split} ({min(groups[split])})")
        elif split == "test" and len(pairs) >= LEAST_IMAGES:
            yield from _few_tested([pair for pair in pairs if pair.split == split], root)


def _few_tested(pairs: Sequence[Pair], root: Path) -> Iterator[Flaw]:
    """Fewer test images, or groups of them, than intervals need."""
    count = len({pair.group or pair.image for pair in pairs})
    if 0 < count < FEW_TESTED:
        one = "group" if any(pair.group for pair in pairs) else "image"
        yield Flaw("few-test", root, f"{amount(count, one)} in test, better {FEW_TESTED} or more")
