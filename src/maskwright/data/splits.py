"""Which image is in train, val or test: decided before training and written down.

What must stay together is a unit: the pairs of one group, near-duplicates of each other, tiles that
overlap on a map, else one pair. A hash of seed and name gives each unit a place in 0–1, and the
shares cut that line: first test, then val, the rest is train. So a split depends neither on the
order of the files nor on where their folder lies, and a new file moves no other.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maskwright.config import SplitConfig
from maskwright.console import amount, say
from maskwright.data.folders import SPLITS
from maskwright.data.pairing import Pair
from maskwright.data.strata import deal, filled
from maskwright.errors import DataError, UsageError, some
from maskwright.randomness import FOLD, SPLIT

AUTO = SplitConfig()


@dataclass(frozen=True)
class Unit:
    """Pairs that stay together, by their indices.

    ``home`` is the split that the data give them: empty where none, and where the data tear the
    unit apart the first of train, val and test.
    """

    name: str
    place: float  # in [0, 1), from seed and name
    members: tuple[int, ...]
    home: str


def split_pairs(
    pairs: Sequence[Pair],
    root: Path,
    seed: int,
    config: SplitConfig = AUTO,
    *,
    together: Sequence[Sequence[int]] = (),
    presence: Sequence[Collection[int]] = (),
) -> tuple[Pair, ...]:
    """Give every pair a split, and its group where ``config.group`` is a pattern.

    ``together`` lists the indices of what else stays in one split, such as near-duplicates,
    ``presence`` the classes in the mask of each pair, which only "stratified" needs.

    By "auto" a split that comes with the data is kept, also where it tears a unit apart. Pairs
    without one, such as new files, follow the rest of their unit, else they are drawn; a missing
    val is drawn from train. Otherwise all is drawn, groups and near-duplicates always whole.

    A split that would stay empty takes the unit nearest above its share of the line. So a new file
    moves another one only where some split has a single unit, or where it is a near-duplicate that
    joins two units or comes first by name in one without a group; and by "stratified", which
    weighs all units against each other.

    With ``config.folds`` each unit is in test for exactly one ``config.fold``; ``config.test`` and
    a split that comes with the data count for nothing then. A fold that would stay empty takes a
    unit of the largest.
    """
    pairs = _with_groups(pairs, root, config.group)
    _check_means(pairs, root, config, presence)
    if config.by != "auto" or config.folds:
        pairs = _bare(pairs, root, config)
    units = find_units(pairs, root, seed, together)
    given = {pair.split for pair in pairs} - {""}
    pool = [unit for unit in units if unit.home in ("", "train")]
    wanted = ["val"] if "val" not in given else []
    wanted += ["test"] if not given and (config.test or config.folds) else []
    _check_enough(pool, pairs, root, wanted, config.folds)
    if config.folds:
        drawn = _by_fold(pool, seed, config, presence)
    elif config.by == "stratified":
        drawn = _stratified(pool, ["train", *wanted], config, presence)
    else:
        drawn = _by_place(pool, config, wanted)
    split = {index: drawn.get(unit, unit.home) for unit in units for index in unit.members}
    return tuple(
        pair if pair.split in ("val", "test") else replace(pair, split=split[index])
        for index, pair in enumerate(pairs)
    )


def _with_groups(pairs: Sequence[Pair], root: Path, pattern: str) -> list[Pair]:
    """The pairs with the group that the pattern finds in the path of each image."""
    if not pattern:
        return list(pairs)
    groups = [_group(pattern, relative(pair.image, root)) for pair in pairs]
    missed = [pair.image.name for pair, group in zip(pairs, groups, strict=True) if not group]
    if missed:
        many = "none" if len(missed) == len(pairs) else f"{len(pairs) - len(missed)}"
        raise UsageError(
            f"split.group = {pattern!r} finds a group in {many} of {amount(len(pairs), 'image')} "
            f"of {root}, not in {some(missed)}; write one that fits every image's path"
        )
    if len(set(groups)) == len(pairs) > 1:
        say(
            f"split.group = {pattern!r} makes each of {amount(len(pairs), 'image')} a group of its "
            f"own, such as {groups[0]!r}; put ( ) around the part that the images of a group share"
        )
    return [replace(pair, group=group) for pair, group in zip(pairs, groups, strict=True)]


def _group(pattern: str, path: str) -> str:
    found = re.search(pattern, path)
    return (found[1 if found.re.groups else 0] or "") if found else ""


def _check_means(
    pairs: Sequence[Pair], root: Path, config: SplitConfig, presence: Sequence[Collection[int]]
) -> None:
    """Refuse a way of splitting for which the data lack something."""
    if config.by == "group" and not any(pair.group for pair in pairs):
        raise UsageError(
            f"split.by = 'group', but no image of {root} has a group; set split.group to a pattern "
            r"such as (.+)_\d+, or fill in the column group of a manifest"
        )
    if config.by == "stratified" and len(presence) != len(pairs):
        raise UsageError(
            f"split.by = 'stratified' needs the classes in each of {amount(len(pairs), 'mask')}, "
            f"but presence has {len(presence)}; give one set a mask"
        )


def _bare(pairs: Sequence[Pair], root: Path, config: SplitConfig) -> list[Pair]:
    """The pairs without the split that they came with."""
    if config.by == "auto" and any(pair.split for pair in pairs):
        say(f"split.folds = {config.folds} takes the place of the split that {root} comes with")
    return [replace(pair, split="") for pair in pairs]


def find_units(
    pairs: Sequence[Pair], root: Path, seed: int, together: Sequence[Sequence[int]] = ()
) -> list[Unit]:
    """What must stay together, in the order of places: connected by group or near-duplicates.

    A unit is called after its group (the first where it joins several), else after its first path.
    """
    paths = [relative(pair.image, root) for pair in pairs]
    groups = defaultdict(list)
    for index, pair in enumerate(pairs):
        groups[pair.group].append(index)
    groups.pop("", None)
    tops = connected(len(pairs), [*groups.values(), *together])
    members = defaultdict(list)
    for index in sorted(range(len(pairs)), key=paths.__getitem__):
        members[tops[index]].append(index)
    units = []
    for found in members.values():
        name = min((pairs[i].group for i in found if pairs[i].group), default=paths[found[0]])
        given = {pairs[index].split for index in found}
        home = next((split for split in SPLITS if split in given), "")
        units.append(Unit(name, place_of(SPLIT, seed, name), tuple(found), home))
    return sorted(units, key=lambda unit: (unit.place, paths[unit.members[0]]))


def connected(count: int, linked: Sequence[Sequence[int]]) -> list[int]:
    """For each of ``count`` indices one that stands for all it is linked with, however far.

    >>> connected(5, [[0, 1], [4, 1]])
    [4, 4, 2, 3, 4]
    """
    above = list(range(count))

    def top(index: int) -> int:
        while above[index] != index:
            above[index] = above[above[index]]
            index = above[index]
        return index

    for first, *others in (indices for indices in linked if indices):
        for other in others:
            above[top(other)] = top(first)
    return [top(index) for index in range(count)]


def place_of(purpose: int, seed: int, name: str) -> float:
    """Where a unit lies in [0, 1): uniform, and a function of these three alone.

    >>> round(place_of(SPLIT, 0, "images/cat.jpg"), 3)
    0.168
    """
    digest = hashlib.blake2b(f"{purpose}:{seed}:{name}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def _check_enough(
    pool: Sequence[Unit],
    pairs: Sequence[Pair],
    root: Path,
    wanted: Sequence[str],
    folds: int,
) -> None:
    """Refuse fewer units than splits, or than folds that each leave some for train and val."""
    least = max(1 + len(wanted), 4 if folds == 2 else folds)
    if len(pool) >= least:
        return
    grouped = any(pair.group for pair in pairs)
    count = amount(len(pool), "group" if grouped else "image")
    if grouped:
        count += f" ({some(sorted(unit.name for unit in pool))})"
    elif len(pool) < sum(len(unit.members) for unit in pool):
        count += " (near-duplicates count as one)"
    apart = f" and keep some apart for {' and '.join(wanted)}" if wanted else ""
    apart += f" in {folds} folds" if folds else ""
    raise DataError(
        f"{root} has {count} for train, too few to train on{apart}; "
        f"have at least {least}, better {max(30, 3 * least)}"
    )


def _by_place(
    pool: Sequence[Unit], config: SplitConfig, wanted: Collection[str]
) -> dict[Unit, str]:
    """The split of each unit by its place; those with a home may go to a wanted val alone."""
    ends = config.test, config.test + config.val
    free = [unit for unit in pool if not unit.home]
    test = _between(free, 0, ends[0], len(pool) - 1 - ("val" in wanted), "test" in wanted)
    drawn = dict.fromkeys(pool, "train") | dict.fromkeys(test, "test")
    rest = [unit for unit in pool if drawn[unit] == "train"]
    movable = rest if "val" in wanted else [unit for unit in rest if not unit.home]
    return drawn | dict.fromkeys(_between(movable, *ends, len(rest) - 1, "val" in wanted), "val")


def _between(units: Sequence[Unit], low: float, high: float, most: int, wanted: bool) -> list[Unit]:
    """The units with low <= place < high, at most ``most``; where one is wanted, at least one."""
    inside = [unit for unit in units if low <= unit.place < high]
    if wanted and not inside:
        inside = [unit for unit in units if unit.place >= high][:1] or list(units[-1:])
    return inside[:most]


def _by_fold(
    pool: Sequence[Unit], seed: int, config: SplitConfig, presence: Sequence[Collection[int]]
) -> dict[Unit, str]:
    """The units of one fold as test, and val drawn from the others as if there were no test."""
    count, stratified = config.folds, config.by == "stratified"
    if stratified:
        parts = deal(_shown(pool, presence), [1 / count] * count)
    else:
        parts = [int(count * place_of(FOLD, seed, unit.name)) for unit in pool]
    parts = filled(parts, count, least=2 if count == 2 else 1)
    test = [unit for unit, part in zip(pool, parts, strict=True) if part == config.fold]
    rest = [unit for unit, part in zip(pool, parts, strict=True) if part != config.fold]
    others = (
        _stratified(rest, ["train", "val"], config, presence)
        if stratified
        else _by_place(rest, replace(config, test=0.0), ["val"])
    )
    return others | dict.fromkeys(test, "test")


def _stratified(
    pool: Sequence[Unit],
    names: Sequence[str],
    config: SplitConfig,
    presence: Sequence[Collection[int]],
) -> dict[Unit, str]:
    """The units dealt to train and the other names, each class by the shares."""
    apart = [{"val": config.val, "test": config.test}[name] for name in names[1:]]
    parts = deal(_shown(pool, presence), [1 - sum(apart), *apart])
    return {unit: names[part] for unit, part in zip(pool, filled(parts, len(names)), strict=True)}


def _shown(pool: Sequence[Unit], presence: Sequence[Collection[int]]) -> list[frozenset[int]]:
    """The classes that each unit shows in any of its masks."""
    return [frozenset().union(*(presence[index] for index in unit.members)) for unit in pool]


def relative(path: Path, root: Path) -> str:
    """``path`` as seen from ``root``, with forward slashes; absolute where it lies elsewhere."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def write_split(path: Path, pairs: Sequence[Pair], root: Path) -> None:
    """Write ``split.csv``: a manifest, so that it can be read and used as one."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mask", "split", "group"])
        for pair in pairs:
            places = [relative(pair.image, root), relative(pair.mask, root)]
            writer.writerow([*places, pair.split, pair.group])
