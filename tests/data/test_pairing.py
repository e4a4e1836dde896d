"""Which mask belongs to which image: names that differ a little are paired, doubt is named."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.data.pairing import ADDED, Paired, bare, by_stem
from maskwright.errors import DataError


@pytest.fixture
def paired(tmp_path):
    """Pair made-up images with made-up masks."""

    def pair(images: list[str], masks: list[str]) -> Paired:
        for folder, names in (("images", images), ("masks", masks)):
            (tmp_path / folder).mkdir(exist_ok=True)
            for name in names:
                (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / folder / name).touch()
        return by_stem(tmp_path / "images", tmp_path / "masks")

    return pair


def names(found: Paired) -> list[tuple[str, str]]:
    return [(pair.image.name, pair.mask.name) for pair in found.pairs]


def flaws(found: Paired) -> list[tuple[str, str]]:
    return [(flaw.kind, flaw.path.name) for flaw in found.flaws]


# Names without extension


@pytest.mark.parametrize(
    ("stem", "shared"),
    [
        ("cell_01_mask", "cell_01"),
        ("mask_cell_01", "cell_01"),
        ("GT-cell.01", "cell.01"),
        ("cell 01 labels", "cell 01"),
        ("img_7_gt_mask", "7"),
        ("day1/cell_01_Mask", "day1/cell_01"),
        ("mask_1/cell_01", "mask_1/cell_01"),
        ("mask", "mask"),
        ("mask_gt", "gt"),
        ("masked_cell", "masked_cell"),
        ("cellmask", "cellmask"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("_", "_"),
    ],
)
def test_the_name_that_image_and_mask_share(stem, shared):
    assert bare(stem) == shared


@given(st.text(st.sampled_from("aB_-. 0/") | st.characters(codec="utf-8"), max_size=30))
def test_the_shared_name_is_its_own_and_never_empty(stem):
    once = bare(stem)
    assert bare(once) == once
    assert bool(once) == bool(stem)


@given(st.sampled_from(ADDED), st.sampled_from("_-. "), st.booleans())
def test_every_added_word_is_taken_off_on_either_side(word, separator, first):
    parts = (word, "x7") if first else ("x7", word)
    assert bare(separator.join(parts)) == "x7"


# Pairs


def test_equal_names_are_pairs_in_the_order_of_the_images(paired):
    found = paired(["b.jpg", "a.png", "c.d.jpg"], ["a.tif", "b.png", "c.d.png"])
    assert names(found) == [("a.png", "a.tif"), ("b.jpg", "b.png"), ("c.d.jpg", "c.d.png")]
    assert found.flaws == ()


def test_a_mask_with_an_added_word_is_paired_and_noted(paired):
    found = paired(["a.jpg"], ["a_mask.png"])
    assert names(found) == [("a.jpg", "a_mask.png")]
    (flaw,) = found.flaws
    assert (flaw.kind, flaw.detail) == ("affix", "paired with a.jpg")
    assert flaw.image == found.pairs[0].image


def test_an_image_with_an_added_word_is_paired_as_well(paired):
    found = paired(["a_rgb.jpg", "img_b.jpg"], ["a_gt.png", "b.png"])
    assert names(found) == [("a_rgb.jpg", "a_gt.png"), ("img_b.jpg", "b.png")]
    assert flaws(found) == [("affix", "a_gt.png"), ("affix", "b.png")]


def test_names_that_differ_by_case_are_paired_and_noted(paired):
    found = paired(["Cell.jpg"], ["cell.png"])
    assert names(found) == [("Cell.jpg", "cell.png")]
    assert flaws(found) == [("case", "cell.png")]


def test_an_exact_name_goes_before_one_that_differs(paired):
    found = paired(["a.png", "A.png"], ["a.png", "A.png"])
    assert sorted(names(found)) == [("A.png", "A.png"), ("a.png", "a.png")]
    assert found.flaws == ()


def test_a_mask_called_mask_alone_belongs_to_nothing(paired):
    found = paired(["a.png"], ["mask.png", "a.png"])
    assert names(found) == [("a.png", "a.png")]
    assert flaws(found) == [("mask-without-image", "mask.png")]


def test_a_second_mask_of_an_image_is_named_with_both(paired):
    found = paired(["a.png"], ["a.png", "a_mask.png"])
    assert names(found) == [("a.png", "a.png")]
    (flaw,) = found.flaws
    assert (flaw.kind, flaw.path.name) == ("several-candidates", "a_mask.png")
    assert flaw.detail == "fits a.png, which has a.png already"
    assert flaw.image == found.pairs[0].image


def test_of_two_masks_with_added_words_the_second_is_named(paired):
    found = paired(["a.png"], ["a_gt.png", "a_mask.png"])
    assert names(found) == [("a.png", "a_gt.png")]
    assert flaws(found) == [("affix", "a_gt.png"), ("several-candidates", "a_mask.png")]


def test_a_mask_that_two_images_claim_is_not_guessed(paired):
    found = paired(["a.png", "A_img.png"], ["a_mask.png"])
    assert found.pairs == ()
    assert flaws(found) == [
        ("several-candidates", "a_mask.png"),
        ("image-without-mask", "A_img.png"),
        ("image-without-mask", "a.png"),
    ]
    assert found.flaws[0].detail == "fits each of A_img.png, a.png"


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_two_files_of_one_name_are_named_and_the_first_is_taken(paired, folder):
    second = {"images": ["a.jpg"], "masks": ["a.jpg"]}
    second[folder].append("a.png")
    found = paired(second["images"], second["masks"])
    assert names(found) == [("a.jpg", "a.jpg")]
    (flaw,) = found.flaws
    assert (flaw.kind, flaw.path.name) == ("several-candidates", "a.png")
    assert flaw.detail == "beside a.jpg: one name, two files"
    assert flaw.image == found.pairs[0].image


def test_a_second_mask_file_is_told_with_its_image_where_names_differ(paired):
    found = paired(["a.jpg"], ["a_mask.png", "a_mask.tif"])
    assert flaws(found) == [("several-candidates", "a_mask.tif"), ("affix", "a_mask.png")]
    assert found.flaws[0].image == found.pairs[0].image


def test_images_without_a_mask_and_masks_without_an_image_are_flaws(paired):
    found = paired(["a.png", "b.png"], ["b.png", "c.png"])
    assert names(found) == [("b.png", "b.png")]
    assert flaws(found) == [("mask-without-image", "c.png"), ("image-without-mask", "a.png")]
    assert found.flaws[1].detail == "no mask of that name in masks/"


def test_folders_inside_are_part_of_the_name(paired):
    found = paired(["x/a.png", "y/a.png"], ["x/a.png", "y/a_gt.png"])
    assert [pair.mask.parent.name for pair in found.pairs] == ["x", "y"]
    assert flaws(found) == [("affix", "a_gt.png")]


def test_files_that_are_no_images_are_noted_and_those_of_systems_are_not(paired):
    found = paired(
        ["a.jpg", "a.mat", ".DS_Store", "._a.jpg", ".cache/b.jpg"],
        ["a.png", "._a.png", "Thumbs.db", "desktop.ini"],
    )
    assert names(found) == [("a.jpg", "a.png")]
    assert flaws(found) == [("no-image", "a.mat")]


def test_a_link_to_a_folder_is_not_followed(paired, tmp_path):
    paired(["a.jpg"], ["a.png"])
    (tmp_path / "images" / "loop").symlink_to(tmp_path / "images", target_is_directory=True)
    found = by_stem(tmp_path / "images", tmp_path / "masks")
    assert names(found) == [("a.jpg", "a.png")]
    (flaw,) = found.flaws
    assert (flaw.kind, flaw.path.name) == ("no-image", "loop")
    assert flaw.detail == "a link to a folder, which is not followed"


def test_a_folder_that_may_not_be_looked_into_is_named(paired, tmp_path, monkeypatch):
    paired(["a.jpg", "locked/b.jpg"], ["a.png", "locked/b.png"])
    scan = os.scandir

    def refuse(path):
        if Path(path) == tmp_path / "images" / "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = by_stem(tmp_path / "images", tmp_path / "masks")
    assert names(found) == [("a.jpg", "a.png")]
    assert flaws(found) == [("forbidden", "locked"), ("mask-without-image", "b.png")]
    assert found.flaws[0].detail == "a folder that you may not look into"


def test_the_folder_that_is_missing_is_named(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(
        DataError, match=r"there has no folder of masks beside it: .*gone is missin"
    ):
        by_stem(tmp_path / "there", tmp_path / "gone")
    with pytest.raises(
        DataError, match=r"there has no folder of images with it: .*gone is missing"
    ):
        by_stem(tmp_path / "gone", tmp_path / "there")
