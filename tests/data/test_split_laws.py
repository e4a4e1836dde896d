"""The laws of a split, on many small listings: complete, whole, the same wherever it is drawn."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from maskwright.config import SplitConfig
from maskwright.data.folders import SPLITS
from maskwright.data.pairing import Pair
from maskwright.data.splits import find_units, relative, split_pairs
from maskwright.errors import DataError

ROOT = Path("/data")
SEEDS = st.integers(0, 5)
WAYS = ["auto", "random", "stratified"]
laws = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def pair(path, group="", split="", root=ROOT):
    """A pair as the layouts make them; no file is read."""
    return Pair(root / path, root / "masks" / Path(path).name, split, group)


def path_of(pair):
    return relative(pair.image, ROOT)


def chosen(pairs):
    """Path -> split."""
    return {path_of(pair): pair.split for pair in pairs}


paths = st.lists(
    st.builds("images/{}{}.jpg".format, st.sampled_from(["", "a/", "b/"]), st.integers(0, 99)),
    min_size=6, max_size=30, unique=True,
)  # fmt: skip


@st.composite
def listings(draw, splits=("",)):
    """Pairs of which some have groups, and the indices of near-duplicates."""
    names = draw(paths)
    pairs = [
        pair(name, draw(st.sampled_from(["", "", "A", "B", "C"])), draw(st.sampled_from(splits)))
        for name in names
    ]
    index = st.integers(0, len(names) - 1)
    return pairs, draw(st.lists(st.lists(index, max_size=3), max_size=4))


shares = st.sampled_from([0.1, 0.2, 0.3])
configs = st.builds(SplitConfig, by=st.sampled_from(WAYS), val=shares, test=shares)


def presence(pairs):
    """Classes that depend on the path alone: 0 everywhere, 1 in a third, 2 in some."""
    numbers = [int(pair.image.stem) for pair in pairs]
    return [{0} | ({1} if n % 3 == 0 else set()) | ({2} if n % 7 == 0 else set()) for n in numbers]


def drawn(pairs, seed, config, together=(), root=ROOT):
    """The split, or the next example where there are too few units for one."""
    try:
        return split_pairs(pairs, root, seed, config, together=together, presence=presence(pairs))
    except DataError:
        reject()


def sets_that_stay_together(pairs, together):
    """Each group and each list of near-duplicates, as indices."""
    groups = defaultdict(list)
    for index, one in enumerate(pairs):
        groups[one.group].append(index)
    return [indices for group, indices in groups.items() if group] + [list(t) for t in together]


def units_of(pairs):
    """The number of units in each split where only groups bind."""
    return Counter(split for _, split in {(p.group or path_of(p), p.split) for p in pairs})


@laws
@given(listings(), SEEDS, configs)
def test_every_pair_is_in_one_split_and_none_is_lost_or_changed(listing, seed, config):
    pairs, together = listing
    split = drawn(pairs, seed, config, together)
    assert [replace(one, split="") for one in split] == pairs
    assert {one.split for one in split} == set(SPLITS)


@laws
@given(listings(), SEEDS, configs)
def test_groups_and_near_duplicates_are_never_torn_apart(listing, seed, config):
    pairs, together = listing
    split = drawn(pairs, seed, config, together)
    for indices in sets_that_stay_together(pairs, together):
        assert len({split[index].split for index in indices}) <= 1


@laws
@given(listings(), SEEDS, configs, st.randoms(use_true_random=False))
def test_neither_order_nor_place_nor_a_second_time_matters(listing, seed, config, random):
    pairs, together = listing
    here = drawn(pairs, seed, config, together)
    order = random.sample(range(len(pairs)), len(pairs))
    at = {old: new for new, old in enumerate(order)}
    moved = [pair(path_of(pairs[i]), pairs[i].group, root=Path("/else")) for i in order]
    bound = [[at[index] for index in indices][::-1] for indices in together][::-1]
    there = drawn(moved, seed, config, bound, root=Path("/else"))
    assert {relative(one.image, Path("/else")): one.split for one in there} == chosen(here)


@pytest.mark.parametrize("splits", [("",), ("train", "train", "test")])
@laws
@given(st.data(), SEEDS, shares, shares, paths, st.sampled_from(["", "A", "new"]))
def test_a_new_file_moves_no_other_where_each_split_has_two_units(
    splits, data, seed, val, test, more, group
):
    pairs = data.draw(listings(splits))[0]
    config = SplitConfig(val=val, test=test)
    before = drawn(pairs, seed, config)
    new = [pair(path, group, splits[0]) for path in more if path not in chosen(pairs)]
    after = chosen(drawn([*new, *pairs], seed, config))
    moved = [path for path, split in chosen(before).items() if after[path] != split]
    assert not moved or min(units_of(before).values()) == 1


@laws
@given(listings(), SEEDS, shares, shares)
def test_a_new_near_duplicate_goes_where_the_old_one_is(listing, seed, val, test):
    pairs, together = listing
    config = SplitConfig(val=val, test=test)
    before = drawn(pairs, seed, config, together)
    new = pair("images/z.jpg")
    bound = [*together, [0, len(pairs)]]
    after = split_pairs([*pairs, new], ROOT, seed, config, together=bound)
    assert after[:-1] == before
    assert after[-1].split == before[0].split


@laws
@given(listings(), SEEDS, configs, paths)
def test_beside_a_split_that_is_kept_new_files_move_none(listing, seed, config, more):
    pairs, together = listing
    kept = drawn(pairs, seed, config, together)
    new = [pair(path) for path in more if path not in chosen(pairs)]
    after = split_pairs([*kept, *new], ROOT, seed, replace(config, by="auto"), together=together)
    assert after[: len(kept)] == kept
    if config.by != "stratified" and not together and min(units_of(kept).values()) > 1:
        assert chosen(after) == chosen(drawn([*pairs, *new], seed, config))


@laws
@given(listings(splits=("train", "train", "val", "test", "")), SEEDS, shares, shares)
def test_a_given_split_is_kept_and_the_others_follow_their_unit(listing, seed, val, test):
    pairs, together = listing
    split = drawn(pairs, seed, SplitConfig(val=val, test=test), together)
    had_val = any(one.split == "val" for one in pairs)
    for old, new in zip(pairs, split, strict=True):
        assert new.split == old.split or not old.split or (old.split == "train" and not had_val)
        assert new.split in SPLITS
    assert {"train", "val"} <= {one.split for one in split}
    for unit in find_units(pairs, ROOT, seed, together):
        before = {pairs[index].split for index in unit.members} - {""}
        assert len({split[index].split for index in unit.members}) <= max(1, len(before))


@laws
@given(listings(), SEEDS, st.sampled_from(WAYS), st.integers(2, 5), shares)
def test_over_all_folds_every_pair_is_in_test_once(listing, seed, by, folds, val):
    pairs, together = listing
    tested = Counter()
    for fold in range(folds):
        config = SplitConfig(by=by, folds=folds, fold=fold, val=val)
        split = drawn(pairs, seed, config, together)
        assert {one.split for one in split} == set(SPLITS)
        tested.update(path_of(one) for one in split if one.split == "test")
        for indices in sets_that_stay_together(pairs, together):
            assert len({split[index].split for index in indices}) <= 1
    assert tested == {path_of(one): 1 for one in pairs}


@laws
@given(listings(), SEEDS, shares, st.integers(2, 3), paths)
def test_a_new_file_moves_no_other_between_folds_of_three_units(listing, seed, val, folds, more):
    pairs = listing[0]
    new = [pair(path) for path in more if path not in chosen(pairs)]
    configs = [SplitConfig(folds=folds, fold=fold, val=val) for fold in range(folds)]
    before = [drawn(pairs, seed, config) for config in configs]
    counts = [units_of(split) for split in before]
    if min(count["test"] for count in counts) > 2 and min(min(c.values()) for c in counts) > 1:
        for config, split in zip(configs, before, strict=True):
            after = chosen(drawn([*pairs, *new], seed, config))
            assert all(after[path] == part for path, part in chosen(split).items())


@pytest.mark.parametrize("by", ["auto", "stratified"])
@laws
@given(paths, SEEDS, st.randoms(use_true_random=False))
def test_folds_are_the_same_in_every_order(by, names, seed, random):
    pairs = [pair(name) for name in names]
    mixed = random.sample(pairs, len(pairs))
    config = SplitConfig(by=by, folds=3, fold=1)
    assert chosen(drawn(mixed, seed, config)) == chosen(drawn(pairs, seed, config))
