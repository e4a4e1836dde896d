"""Splits: kept where given, else drawn by seed and name alone (their laws: test_split_laws)."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from maskwright.config import SplitConfig
from maskwright.data.folders import manifest
from maskwright.data.pairing import Pair
from maskwright.data.splits import find_units, relative, split_pairs, write_split
from maskwright.errors import DataError, UsageError

ROOT = Path("/data")


def make(count: int, split: str = "", root: Path = ROOT) -> list[Pair]:
    return [Pair(root / f"images/{n}.jpg", root / f"masks/{n}.png", split) for n in range(count)]


def pair(path: str, split: str = "", group: str = "") -> Pair:
    return Pair(ROOT / path, ROOT / f"{path}.png", split, group)


def sizes(pairs) -> dict[str, int]:
    return {s: sum(p.split == s for p in pairs) for s in ("train", "val", "test")}


def chosen(pairs) -> dict[str, str]:
    return {pair.image.name: pair.split for pair in pairs}


@pytest.mark.parametrize(("val", "test"), [(0.1, 0.1), (0.2, 0.05), (0.1, 0)])
def test_the_shares_are_kept_within_chance(val, test):
    found = sizes(split_pairs(make(20_000), ROOT, 0, SplitConfig(val=val, test=test)))
    assert found["val"] == pytest.approx(20_000 * val, rel=0.06)
    assert found["test"] == pytest.approx(20_000 * test, rel=0.06)
    assert sum(found.values()) == 20_000


def test_a_split_drawn_once_is_drawn_for_ever():
    split = split_pairs(make(40), ROOT, seed=0)
    found = {s: {int(p.image.stem) for p in split if p.split == s} for s in ("val", "test")}
    assert found == {"val": {3}, "test": {14, 17, 27, 32, 34, 36}}


@pytest.mark.parametrize("seed", range(40))
def test_three_images_make_three_splits(seed):
    assert sizes(split_pairs(make(3), ROOT, seed)) == {"train": 1, "val": 1, "test": 1}


def test_a_split_that_would_stay_empty_takes_the_unit_nearest_above():
    config = SplitConfig(val=0.01, test=0.01)
    order = [unit.members[0] for unit in find_units(make(10), ROOT, 0)]
    split = split_pairs(make(10), ROOT, 0, config)
    assert [split[index].split for index in order] == ["test", "val", *["train"] * 8]
    config = SplitConfig(val=0.01, test=0.4)
    units = find_units(make(10, "train"), ROOT, 0)
    assert not [unit for unit in units if 0.4 <= unit.place < 0.41]
    split = split_pairs(make(10, "train"), ROOT, 0, config)
    above = next(unit for unit in units if unit.place > 0.41)
    assert [p for p in split if p.split == "val"] == [split[above.members[0]]]


def test_the_split_depends_on_neither_the_order_nor_the_place():
    here = chosen(split_pairs(make(40), ROOT, seed=3))
    elsewhere = split_pairs(make(40, root=Path("/else"))[::-1], Path("/else"), seed=3)
    assert chosen(elsewhere) == here


def test_another_seed_gives_another_split():
    assert chosen(split_pairs(make(40), ROOT, 0)) != chosen(split_pairs(make(40), ROOT, 1))


def test_a_given_split_is_kept_and_only_val_taken_from_train():
    given = [*make(200, "train"), *make(5, "test", root=Path("/other"))]
    split = split_pairs(given, ROOT, seed=0)
    assert sizes(split)["val"] == pytest.approx(20, abs=8)
    assert {p.image for p in split if p.split == "test"} == {p.image for p in given[200:]}
    fresh = split_pairs(make(200), ROOT, seed=0)
    assert {p.image for p in split if p.split == "val"} == {
        p.image for p in fresh if p.split == "val"
    }


def test_a_given_val_changes_nothing():
    given = [*make(4, "train")[:3], make(4, "val")[3]]
    assert split_pairs(given, ROOT, seed=0) == tuple(given)


def test_pairs_without_a_split_follow_their_group_else_are_drawn():
    given = [pair("a.jpg", "train"), pair("b.jpg", "val", "B"), pair("c.jpg", "test", "C")]
    bare = [pair("d.jpg", group="B"), pair("e.jpg", group="C"), *make(200)]
    split = split_pairs([*given, *bare], ROOT, seed=0)
    assert split[:3] == tuple(given)
    assert [p.split for p in split[3:5]] == ["val", "test"]
    assert chosen(split[5:]) == chosen(split_pairs(make(200), ROOT, seed=0))


def test_what_a_given_split_tears_apart_stays_so_and_new_pairs_go_to_train():
    given = [pair("a.jpg", "test", "A"), pair("b.jpg", "train", "A"), pair("c.jpg", "val")]
    split = split_pairs([*given, pair("d.jpg", group="A")], ROOT, seed=0)
    assert [p.split for p in split] == ["test", "train", "val", "train"]


@pytest.mark.parametrize("by", ["random", "group", "stratified"])
def test_a_way_that_is_named_redraws_a_given_split(by):
    pairs = [replace(p, group=p.image.stem) for p in make(40)]
    config, presence = SplitConfig(by=by), [{n % 4} for n in range(40)]
    given = [replace(p, split="train") for p in pairs]
    redrawn = split_pairs(given, ROOT, 0, config, presence=presence)
    assert redrawn == split_pairs(pairs, ROOT, 0, config, presence=presence)
    assert min(sizes(redrawn).values()) > 0


def test_folds_take_the_place_of_a_given_split_and_say_so(capsys):
    config = SplitConfig(folds=4)
    assert split_pairs(make(40), ROOT, 0, config) == split_pairs(make(40, "train"), ROOT, 0, config)
    assert "split.folds = 4 takes the place of the split that /data" in capsys.readouterr().err


def test_folds_are_of_about_one_size_and_val_is_the_share_of_the_rest():
    for fold in range(5):
        found = sizes(split_pairs(make(10_000), ROOT, 0, SplitConfig(folds=5, fold=fold)))
        assert found["test"] == pytest.approx(2000, rel=0.1)
        assert found["val"] == pytest.approx(800, rel=0.1)


def test_stratified_folds_and_splits_share_a_rare_class():
    presence = [{0, 1} if n % 10 == 0 else {0} for n in range(100)]
    for fold in range(5):
        config = SplitConfig(by="stratified", folds=5, fold=fold, val=0.25)
        split = split_pairs(make(100), ROOT, 0, config, presence=presence)
        assert sizes(split) == {"train": 60, "val": 20, "test": 20}
        assert sizes(split[::10]) == {"train": 6, "val": 2, "test": 2}
    split = split_pairs(make(100), ROOT, 0, SplitConfig(by="stratified"), presence=presence)
    assert sizes(split) == {"train": 80, "val": 10, "test": 10}
    assert sizes(split[::10]) == {"train": 8, "val": 1, "test": 1}


def test_a_pattern_finds_the_group_in_the_path():
    pairs = [pair(f"images/{who}/{n}_left.jpg") for who in "abc" for n in range(3)]
    for pattern in ("images/(.)/", "[abc](?=/)"):
        split = split_pairs(pairs, ROOT, 0, SplitConfig(by="group", group=pattern))
        assert [p.group for p in split] == [*"aaabbbccc"]
        assert sizes(split) == {"train": 3, "val": 3, "test": 3}


def test_units_are_connected_by_groups_and_near_duplicates_and_keep_the_groups_name():
    pairs = [pair("a.jpg"), pair("b.jpg", group="G"), pair("c.jpg", group="G"), pair("d.jpg")]
    units = find_units([*pairs, pair("e.jpg")], ROOT, 0, together=[[0, 2], [], [3]])
    assert sorted((u.name, u.members) for u in units) == [
        ("G", (0, 1, 2)), ("d.jpg", (3,)), ("e.jpg", (4,)),
    ]  # fmt: skip
    assert [u.place for u in units] == sorted(u.place for u in units)
    near = find_units(pairs[::-3], ROOT, 0, together=[[0, 1]])
    assert [(u.name, u.members) for u in near] == [("a.jpg", (1, 0))]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"(\w+)_\d+", "finds a group in none of 3 images of /data, not in 0.jpg, 1.jpg, 2.jpg; "),
        ("images/[01]", "finds a group in 2 of 3 images of /data, not in 2.jpg; write one that fi"),
        ("images/(1)?", "finds a group in 1 of 3 images of /data, not in 0.jpg, 2.jpg; write one"),
    ],
)
def test_a_pattern_must_find_a_group_in_every_path(pattern, words):
    with pytest.raises(UsageError, match=re.escape(f"split.group = {pattern!r} {words}")):
        split_pairs(make(3), ROOT, 0, SplitConfig(group=pattern))


def test_a_pattern_that_tells_every_image_from_every_other_is_noticed(capsys):
    pairs = split_pairs(make(5), ROOT, 0, SplitConfig(group=r"\d+\.jpg"))
    assert len({pair.group for pair in pairs}) == 5
    assert " ".join(capsys.readouterr().err.split()) == (
        r"split.group = '\\d+\\.jpg' makes each of 5 images a group of its own, such as '0.jpg'; "
        "put ( ) around the part that the images of a group share"
    )


def test_too_few_groups_are_named():
    with pytest.raises(DataError, match=r"/data has 1 group \(images\) for train, too few"):
        split_pairs(make(5), ROOT, 0, SplitConfig(group="images"))


def test_by_group_needs_a_group():
    with pytest.raises(
        UsageError,
        match=r"'group', but no image of /data has a group; set split\.group to a pattern",
    ):
        split_pairs(make(3), ROOT, 0, SplitConfig(by="group"))


def test_stratified_needs_the_classes_of_every_mask():
    with pytest.raises(
        UsageError, match="needs the classes in each of 4 masks, but presence has 1; give one set a"
    ):
        split_pairs(make(4), ROOT, 0, SplitConfig(by="stratified"), presence=[{0}])


@pytest.mark.parametrize(
    ("pairs", "config", "words"),
    [
        (
            make(2), SplitConfig(),
            "has 2 images for train, too few to train on and keep some apart for val and test; "
            "have at least 3, better 30",
        ),
        (make(1), SplitConfig(test=0), "has 1 image for train, .* apart for val; have at least 2"),
        (make(1, "train"), SplitConfig(), "has 1 image for .* apart for val; have at least 2"),
        (make(3, "test"), SplitConfig(), "has 0 images for .* apart for val; have at least 2"),
        (make(3, "val"), SplitConfig(), "has 0 images for .* to train on; have at least 1"),
        (
            make(50), SplitConfig(group="images"),
            "has 1 group \\(.*\\) for train, .* have at least 3, better 30"
        ),
        (
            make(39), SplitConfig(folds=40),
            "has 39 images .* for val and test in 40 folds; have at least 40, better 120",
        ),
        (make(3), SplitConfig(folds=2), "has 3 images .* in 2 folds; have at least 4, better 30"),
    ],
)  # fmt: skip
def test_too_few_to_train_on_are_refused(pairs, config, words):
    with pytest.raises(DataError, match=f"^/data {words}"):
        split_pairs(pairs, ROOT, 0, config)


def test_near_duplicates_count_as_one_where_too_few_are_left():
    with pytest.raises(DataError, match=r"has 2 images \(near-duplicates count as one\) for train"):
        split_pairs(make(9), ROOT, 0, together=[[0, 1, 2, 3], [4, 5, 6, 7, 8]])


def test_relative_is_seen_from_the_root_or_absolute():
    assert relative(ROOT / "images" / "a.jpg", ROOT) == "images/a.jpg"
    assert relative(Path("/else/a.jpg"), ROOT) == "/else/a.jpg"


def test_a_written_split_is_a_manifest_of_the_same_pairs(tmp_path):
    pairs = [
        Pair(ROOT / "a, b.jpg", ROOT / "ü.png", "train", "g1"),
        Pair(Path("/else/c.jpg"), Path("/else/c.png"), "val"),
    ]
    write_split(tmp_path / "split.csv", pairs, ROOT)
    assert manifest(tmp_path / "split.csv", ROOT).pairs == tuple(pairs)
