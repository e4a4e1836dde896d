"""What is in two splits and should not be, and what a split lacks."""

from dataclasses import replace
from pathlib import Path

import pytest
from made import pair

from maskwright.data.audit.leaks import (
    FEW_TESTED,
    LEAST_IMAGES,
    group_flaws,
    leak_flaws,
    split_flaws,
    tied_flaws,
)
from maskwright.data.kinds import KINDS, NOTE
from maskwright.data.labels import IGNORE
from maskwright.measures.resampling import FEW

ROOT = Path("set")


def leaks(splits: str, digests: str, clusters: list[list[int]]) -> list[tuple[str, str, str]]:
    """(kind, file, detail) of each leak; a letter of ``splits`` a pair: t, v, e, or - for none."""
    names = {"t": "train", "v": "val", "e": "test", "-": ""}
    pairs = [pair(n, names[letter]) for n, letter in enumerate(splits)]
    flaws = list(leak_flaws(pairs, clusters, list(digests), ROOT))
    assert all(flaw.image == flaw.path for flaw in flaws)
    return [(flaw.kind, flaw.path.name, flaw.detail) for flaw in flaws]


# Leaks and duplicates


def test_equal_files_in_two_splits_are_a_leak():
    assert leaks("te", "aa", [[0, 1]]) == [
        ("leak", "1.png", "in test, the same as images/0.png in train")
    ]


def test_nearly_equal_images_in_two_splits_are_a_near_leak():
    assert leaks("vt", "ab", [[0, 1]]) == [
        ("near-leak", "1.png", "in train, nearly the same as images/0.png in val")
    ]


def test_in_one_split_they_are_duplicates():
    assert leaks("ttt", "aab", [[0, 1, 2]]) == [
        ("duplicate", "1.png", "the same as images/0.png"),
        ("duplicate", "2.png", "nearly the same as images/0.png"),
    ]


def test_of_several_copies_each_is_told_with_one_of_another_split():
    assert leaks("tte", "abc", [[0, 1, 2]]) == [
        ("near-leak", "1.png", "in train, nearly the same as images/2.png in test"),
        ("near-leak", "2.png", "in test, nearly the same as images/0.png in train"),
    ]


def test_the_equal_copy_is_named_before_a_nearly_equal_one():
    assert leaks("tte", "aba", [[0, 1, 2]])[1][:2] == ("leak", "2.png")
    assert leaks("tte", "abb", [[0, 1, 2]]) == [
        ("leak", "1.png", "in train, the same as images/2.png in test"),
        ("leak", "2.png", "in test, the same as images/1.png in train"),
    ]


@pytest.mark.parametrize("splits", ["--", "t-", "-t"])
def test_pairs_whose_split_is_yet_to_be_drawn_leak_nothing(splits):
    assert [kind for kind, *_ in leaks(splits, "aa", [[0, 1]])] == ["duplicate"]


def test_of_three_the_one_without_a_split_is_a_duplicate():
    assert [found[:2] for found in leaks("t-e", "aaa", [[0, 1, 2]])] == [
        ("duplicate", "1.png"),
        ("leak", "2.png"),
    ]


def test_images_outside_the_root_are_named_in_full():
    pairs = [replace(pair(0), image=Path("/else/a.png")), pair(1)]
    (flaw,) = leak_flaws(pairs, [[0, 1]], ["a", "a"], ROOT)
    assert flaw.detail == "the same as /else/a.png"


def test_without_copies_nothing_leaks():
    assert leaks("tve", "abc", []) == []


# Groups


def test_groups_with_the_same_image_are_tied():
    pairs = [pair(0, "test", "g"), pair(1, "test", "h"), pair(2, "test", "g"), pair(3, "val", "i")]
    pairs.append(pair(4, "test", ""))  # of no group, which hides no tie
    (flaw,) = tied_flaws(pairs, [[0, 2], [4, 0, 1], [1, 3], [4]], pairs[0].image.parent)
    assert (flaw.kind, flaw.path, flaw.other) == ("tied-groups", pairs[1].image, pairs[0].image)
    assert flaw.detail == f"of h, nearly the same as {pairs[0].image.name} of g"


def test_a_group_in_two_splits_is_told_once():
    pairs = [pair(0, "test", "g"), pair(1, "train", "g"), pair(2, "test", "g"), pair(3, "val", "h")]
    (flaw,) = group_flaws(pairs)
    assert (flaw.kind, flaw.path) == ("group-leak", pairs[0].image)
    assert flaw.detail == "group g is in train and test"


def test_pairs_without_group_or_split_are_in_no_torn_group():
    pairs = [pair(0, "train"), pair(1, "test"), pair(2, "train", "g"), pair(3, "", "g")]
    assert list(group_flaws(pairs)) == []


# What a split lacks


def lacks(splits: str, shown: list[set[int]]) -> list[tuple[str, str]]:
    names = {"t": "train", "v": "val", "e": "test"}
    pairs = [pair(n, names[letter]) for n, letter in enumerate(splits)]
    flaws = list(split_flaws(pairs, shown, ["ground", "thing"], ROOT))
    assert {flaw.path for flaw in flaws} <= {ROOT}
    return [(flaw.kind, flaw.detail) for flaw in flaws]


def test_a_class_that_a_split_lacks_is_named():
    shown = [{0, 1}] * 6 + [{0, 1}, {0}, {0, 1}] + [{0, IGNORE}] * 20
    assert lacks("ttttttvvv" + "e" * 20, shown) == [("class-not-in-split", "no thing in test")]


def test_a_class_in_two_masks_is_expected_nowhere():
    shown = [{0, 1}] * 2 + [{0}] * 27
    assert lacks("ttttttvvv" + "e" * 20, shown) == []


def test_a_split_that_is_not_there_lacks_nothing():
    assert lacks("ttttttttvvv", [{0, 1}] * 11) == []


def test_very_few_images_are_counted():
    assert lacks("tv", [{0, 1}] * 2) == [("few-images", "2 images")]
    assert lacks("t" * (LEAST_IMAGES - 1), [{0}] * (LEAST_IMAGES - 1)) == [
        ("few-images", "9 images")
    ]
    assert lacks("", []) == [("few-images", "0 images")]


def test_a_split_of_one_or_two_images_is_thin():
    assert lacks("ttttttttvee", [{0, 1}] * 11) == [
        ("thin-split", "1 image in val"),
        ("thin-split", "2 images in test"),
    ]


@pytest.mark.parametrize("count", [3, 19])
def test_fewer_test_images_than_intervals_need_are_told(count):
    splits = "t" * 8 + "vvv" + "e" * count
    told = f"{count} images in test, better 20 or more"
    assert lacks(splits, [{0}] * len(splits)) == [("few-test", told)]


def test_of_images_that_belong_together_their_groups_are_told():
    splits = ["train"] * 8 + ["test"] * 40
    pairs = [replace(pair(n, split), group=f"g{n // 8}") for n, split in enumerate(splits)]
    (flaw,) = split_flaws(pairs, [{0}] * 48, ["ground"], ROOT)
    assert (flaw.kind, flaw.detail) == ("few-test", "5 groups in test, better 20 or more")
    kind = KINDS["few-test"]
    assert kind.severity == NOTE
    assert "its scores will have wide intervals" in kind.title
    assert kind.remedy == (
        "label more, or set more apart (--set split.by=random --set split.test=0.3)"
    )


def test_few_is_what_it_is_where_scores_are_measured():
    assert FEW_TESTED == FEW
