"""Splits: kept where given, else drawn by seed and path alone."""

from pathlib import Path

import pytest

from maskwright.data.folders import Pair, manifest
from maskwright.data.splits import relative, split_pairs, write_split
from maskwright.errors import DataError

ROOT = Path("/data")


def make(count: int, split: str = "", root: Path = ROOT) -> list[Pair]:
    return [Pair(root / f"images/{n}.jpg", root / f"masks/{n}.png", split) for n in range(count)]


def sizes(pairs) -> dict[str, int]:
    return {s: sum(p.split == s for p in pairs) for s in ("train", "val", "test")}


def chosen(pairs) -> dict[str, str]:
    return {pair.image.name: pair.split for pair in pairs}


@pytest.mark.parametrize(
    ("count", "train", "val", "test"),
    [(3, 1, 1, 1), (10, 8, 1, 1), (30, 24, 3, 3), (99, 79, 10, 10)],
)
def test_without_a_split_one_in_ten_is_val_and_one_in_ten_test(count, train, val, test):
    split = split_pairs(make(count), ROOT, seed=0)
    assert sizes(split) == {"train": train, "val": val, "test": test}
    assert [p.image for p in split] == [p.image for p in make(count)]


def test_the_split_depends_on_neither_the_order_nor_the_place():
    here = chosen(split_pairs(make(40), ROOT, seed=3))
    elsewhere = split_pairs(make(40, root=Path("/else"))[::-1], Path("/else"), seed=3)
    assert chosen(elsewhere) == here


def test_another_seed_gives_another_split():
    assert chosen(split_pairs(make(40), ROOT, 0)) != chosen(split_pairs(make(40), ROOT, 1))


def test_a_given_split_is_kept_and_only_val_taken_from_train():
    given = [*make(20, "train"), *make(5, "test", root=Path("/other"))]
    split = split_pairs(given, ROOT, seed=0)
    assert sizes(split) == {"train": 18, "val": 2, "test": 5}
    assert {p.image for p in split if p.split == "test"} == {p.image for p in given[20:]}


def test_a_given_val_changes_nothing():
    given = [*make(4, "train")[:3], make(4, "val")[3]]
    assert split_pairs(given, ROOT, seed=0) == tuple(given)


def test_a_split_for_some_only_is_refused():
    pairs = [*make(2, "train"), Pair(ROOT / "x.jpg", ROOT / "x.png")]
    with pytest.raises(
        DataError, match=r"x\.jpg has no split while others have one; fill in all o"
    ):
        split_pairs(pairs, ROOT, seed=0)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (
            make(2),
            "has 2 images for train, too few to train on and keep some apart for val and test; "
            "have at least 3, better 30",
        ),
        (make(1, "train"), "has 1 image for train, .* apart for val; have at least 2"),
        (make(3, "test"), "has 0 images for train, .* apart for val; have at least 2"),
        (make(3, "val"), "has 0 images for train, too few to train on; have at least 1"),
    ],
)
def test_too_few_images_to_train_on_are_refused(pairs, words):
    with pytest.raises(DataError, match=f"^/data {words}"):
        split_pairs(pairs, ROOT, seed=0)


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
