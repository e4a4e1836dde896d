"""Duplicates, leaks and groups in the audit of whole folders, and how their pairs are split."""

from dataclasses import replace

import pytest
from folder import copy, kinds, manifest

from maskwright.config import SplitConfig
from maskwright.data.audit import check
from maskwright.errors import UsageError


def test_near_duplicates_stay_together_and_are_told_as_indices_of_pairs(folder):
    copy(folder, 3, 7)
    found = check(folder)
    assert kinds(found)["duplicate"] == 1
    (cluster,) = found.clusters
    assert {found.pairs[index].image.stem for index in cluster} == {"3", "7"}
    assert len({found.pairs[index].split for index in cluster}) == 1
    assert [{path.stem for path in group} for group in found.alike] == [{"3", "7"}]


def test_a_duplicate_of_a_pair_that_cannot_be_used_is_told_but_no_cluster(folder):
    copy(folder, 3, 7)
    (folder / "masks" / "3.png").write_bytes(b"")
    found = check(folder)
    assert kinds(found)["duplicate"] == 1
    assert len(found.alike) == 1
    assert found.clusters == []


def test_a_leak_between_given_splits_is_told(folder):
    copy(folder, 3, 7)
    rows = [f"{n},{'train' if n < 6 else 'test'}," for n in range(12)]
    found = check(manifest(folder, rows))
    assert kinds(found)["leak"] == 1
    assert {p.split for p in found.pairs} == {"train", "val", "test"}


ANEW = [SplitConfig(by="random"), SplitConfig(by="stratified"), SplitConfig(folds=3)]


@pytest.mark.parametrize("split", ANEW, ids=["random", "stratified", "folds"])
def test_a_split_that_is_drawn_anew_has_no_leaks(folder, split):
    copy(folder, 3, 7)
    rows = [f"{n},{'train' if n < 6 else 'test'},{'g' if n in (2, 8) else n}" for n in range(12)]
    assert {"leak", "group-leak"} <= set(kinds(check(manifest(folder, rows))))
    found = check(folder, split=split)
    assert not {"leak", "group-leak"} & set(kinds(found))
    assert kinds(found)["duplicate"] == 1


def test_new_files_beside_a_given_split_leak_nothing(folder):
    copy(folder, 3, 7)
    rows = [f"{n},{'' if n == 7 else 'test' if n > 8 else 'train'}," for n in range(12)]
    found = check(manifest(folder, rows))
    assert "leak" not in kinds(found)
    splits = {p.image.stem: p.split for p in found.pairs}
    assert splits["3"] == splits["7"]


def test_a_split_of_one_group_is_thin(folder):
    rows = [f"{n},{'test' if n > 8 else 'val' if n > 6 else 'train'},{n // 9}" for n in range(12)]
    found = check(manifest(folder, rows))
    thin = [flaw.detail for f in found.findings for flaw in f.flaws if f.kind == "thin-split"]
    assert thin == ["2 images in val", "1 group in test (1)"]


def test_groups_that_an_image_of_both_ties_are_told(folder):
    copy(folder, 3, 7)
    found = check(manifest(folder, [f"{n},,{n % 5}" for n in range(12)]))
    (tied,) = [flaw for f in found.findings for flaw in f.flaws if f.kind == "tied-groups"]
    assert tied.detail == "of 2, nearly the same as images/3.png of 3"
    splits = {pair.group: pair.split for pair in found.pairs}
    assert splits["2"] == splits["3"]
    found = check(manifest(folder, [f"{n},,{n % 4}" for n in range(12)]))  # both in group 3
    assert "tied-groups" not in kinds(found)


def test_groups_that_a_pattern_finds_are_looked_for_in_a_given_split(folder):
    rows = [f"{n},{'train' if n < 6 else 'test'}," for n in range(12)]
    found = check(manifest(folder, rows), split=SplitConfig(group=r"(\d)\.png"))
    assert kinds(found)["group-leak"] == 2  # 0 and 10, 1 and 11
    assert {pair.group for pair in found.pairs} == {str(n) for n in range(10)}


def test_without_a_split_pairs_keep_what_they_have(folder):
    rows = [f"{n},{'train' if n < 6 else ''},{n % 6}" for n in range(12)]
    found = check(manifest(folder, rows), split=None)
    assert [pair.split for pair in found.pairs] == ["train"] * 6 + [""] * 6


def test_a_wrong_way_of_splitting_is_an_error_of_usage(folder):
    with pytest.raises(UsageError, match=r"split\.by = 'group', but no image of .* has a group"):
        check(folder, split=SplitConfig(by="group"))


def test_the_seed_decides_the_split(folder):
    first, same, other = (check(folder, seed=seed).pairs for seed in (1, 1, 2))
    assert first == same != other


def test_what_is_seen_does_not_depend_on_the_order_of_the_manifest(folder):
    rows = [f"{n},," for n in range(12)]
    one, other = check(manifest(folder, rows)), check(manifest(folder, rows[::-1]))
    assert set(one.pairs) == set(other.pairs)
    assert kinds(one) == kinds(other)


def test_clusters_are_those_of_the_pairs_whatever_their_number(folder):
    found = check(folder)
    alone = replace(found, alike=((found.pairs[0].image, folder / "gone.png"),))
    assert alone.clusters == []


def test_where_all_are_tested_in_turns_nothing_advises_to(folder):
    few = {"thin-split", "few-test"}
    assert few & set(kinds(check(folder, split=SplitConfig(by="random"))))
    assert not few & set(kinds(check(folder, split=SplitConfig(folds=6))))
