"""What a folder, a manifest or a dataset.toml names, before anything is decoded."""

from pathlib import Path

import numpy as np
import pytest

from maskwright.data.images import Bands
from maskwright.data.listing import LAYOUTS, NEVER, data_name, find, list_pairs
from maskwright.errors import DataError

CLASSES = '[[classes]]\nname = "ground"\n[[classes]]\nname = "thing"\n'


@pytest.fixture
def folder(tmp_path, write_pairs) -> Path:
    return write_pairs(tmp_path / "data", 3)


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def describe(folder: Path, text: str) -> Path:
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    return folder / "dataset.toml"


# Which layout


def test_the_layout_that_fits_is_found(tmp_path):
    touch(tmp_path / "a", "images/a.png", "masks/a.png")
    touch(tmp_path / "b", "images/a.jpg", "annotations/trimaps/a.png")
    touch(tmp_path / "c", "train/a.png", "trainannot/a.png")
    assert [find(tmp_path / name).layout for name in "abc"] == ["pairs", "pets", "camvid"]


def test_images_alone_lack_masks(tmp_path, save):
    save(tmp_path / "images" / "a.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match="has images and no masks; put masks of the same name into"):
        find(tmp_path)


def test_a_layout_that_is_asked_for_is_taken(tmp_path):
    touch(tmp_path, "images/a.jpg", "annotations/trimaps/a.png", "masks/a.png")
    assert find(tmp_path).layout == "pets"
    assert find(tmp_path, "pairs").layout == "pairs"
    with pytest.raises(DataError, match="has no layout that is known"):
        find(tmp_path, "camvid")


def test_an_unknown_layout_is_named_with_the_nearest(tmp_path):
    with pytest.raises(DataError, match=r"unknown layout camvit: did you mean camvid\?"):
        find(tmp_path, "camvit")
    assert {"pets", "camvid", "pairs"} <= set(LAYOUTS)


@pytest.mark.parametrize(("names", "inside"), [((), "nothing"), (("b/x", ".git/x", "a"), "a, b")])
def test_a_folder_of_no_layout_is_described_with_what_to_do(tmp_path, names, inside):
    touch(tmp_path, *names)
    with pytest.raises(
        DataError, match=rf"no layout that is known \(it holds {inside}\); put images into images/"
    ):
        find(tmp_path)


# What is named


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="none: no such folder or file; check the path"):
        list_pairs(tmp_path / "none")


def test_a_file_of_another_kind_is_an_error(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(
        DataError, match=r"a\.png is no folder, no \.csv, no \.toml and no export .*; name one of"
    ):
        list_pairs(tmp_path / "a.png")


def test_a_manifest_without_a_row_is_an_error(tmp_path):
    (tmp_path / "m.csv").write_text("image,mask\n")
    with pytest.raises(DataError, match=r"m\.csv names no pair of an image and a mask; add some"):
        list_pairs(tmp_path / "m.csv")


def test_a_folder_without_a_file_is_an_error(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match=r"names no pair of an image and a mask; add some"):
        list_pairs(tmp_path)


def test_where_something_is_wrong_with_the_names_no_pair_is_no_error(tmp_path):
    listing = list_pairs(touch(tmp_path, "images/readme.txt", "masks/a.png"))
    assert listing.pairs == ()
    assert {flaw.kind for flaw in listing.flaws} == {"no-image", "mask-without-image"}


def test_a_manifest_is_a_dataset_whatever_the_case_of_its_name(folder):
    rows = [f"images/{n}.png,masks/{n}.png,{s}" for n, s in enumerate(["train", "train", "val"])]
    (folder / "some.CSV").write_text("\n".join(["image,mask,split", *rows]))
    listing = list_pairs(folder / "some.CSV")
    assert listing.layout == "manifest"
    assert [pair.split for pair in listing.pairs] == ["train", "train", "val"]


@pytest.mark.parametrize("name", ["cells.csv", "cells.toml"])
def test_a_folder_may_be_called_like_a_file(folder, name):
    folder.rename(folder.with_name(name))
    assert len(list_pairs(folder.with_name(name)).pairs) == 3


def test_an_image_listed_twice_is_taken_once_and_named_with_its_splits(folder):
    row = "images/0.png,masks/0.png"
    (folder / "m.csv").write_text(f"image,mask,split\n{row},train\n{row},test\n{row},\n")
    listing = list_pairs(folder / "m.csv")
    assert [pair.split for pair in listing.pairs] == ["train"]
    twice = [flaw for flaw in listing.flaws if flaw.kind == "listed-twice"]
    assert [flaw.detail for flaw in twice] == [
        "listed again, in test and train",
        "listed again, in no split and train",
    ]
    assert twice[0].image == folder / "images" / "0.png"


def test_images_beside_those_of_a_manifest_that_it_does_not_list_are_named(folder):
    (folder / "m.csv").write_text("image,mask\nimages/0.png,masks/0.png\nno/1.png,masks/1.png\n")
    (folder / "images" / "notes.txt").write_text("no image")
    flaws = list_pairs(folder / "m.csv").flaws
    unlisted = sorted(path for path in (folder / "images").glob("*.png") if path.stem != "0")
    assert [(flaw.kind, flaw.path) for flaw in flaws] == [("unlisted", p) for p in unlisted]
    assert unlisted
    assert {flaw.detail for flaw in flaws} == {"not in m.csv"}


# dataset.toml


def test_a_dataset_toml_names_the_classes_of_the_folder_it_lies_in(folder):
    path = describe(folder, CLASSES)
    for data in (folder, path):
        listing = list_pairs(data)
        assert listing.table.names == ["ground", "thing"]
        assert (listing.layout, listing.root) == ("pairs", folder)


def test_a_dataset_toml_may_lie_elsewhere(folder, tmp_path):
    (tmp_path / "my.toml").write_text('root = "data"\nlayout = "pairs"\n')
    listing = list_pairs(tmp_path / "my.toml")
    assert listing.root == folder
    assert (listing.table, listing.bands, listing.allow) == (None, None, ())


def test_a_dataset_toml_may_name_a_manifest(folder):
    (folder / "m.csv").write_text("image,mask\nimages/0.png,masks/0.png\n")
    path = describe(folder, 'manifest = "m.csv"\n' + CLASSES)
    assert [pair.image for pair in list_pairs(path).pairs] == [folder / "images" / "0.png"]


def test_a_manifest_of_a_dataset_toml_is_relative_to_the_toml_and_its_paths_to_the_root(folder):
    (folder.parent / "m.csv").write_text("image,mask\nimages/0.png,masks/0.png\n")
    (folder.parent / "my.toml").write_text('root = "data"\nmanifest = "m.csv"\n')
    (pair,) = list_pairs(folder.parent / "my.toml").pairs
    assert pair.image == folder / "images" / "0.png"


def test_a_dataset_toml_may_give_bands_and_allow_findings(folder):
    describe(folder, 'allow = ["flipped", "duplicate"]\n[bands]\ncount = 5\n')
    listing = list_pairs(folder)
    assert listing.bands == Bands(5)
    assert listing.allow == ("flipped", "duplicate")


def test_an_empty_dataset_toml_says_nothing(folder):
    describe(folder, "")
    listing = list_pairs(folder)
    assert (listing.layout, listing.table, len(listing.pairs)) == ("pairs", None, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("classes = = 3", r"dataset\.toml is not valid TOML: "),
        ("clases = 3", r"dataset\.toml has the unknown key clases: did you mean classes\?"),
        ('root = "gone"', "dataset.toml names the root .*gone, which is no folder; correct it"),
        ("root = 3", "dataset.toml: root = 3 must be a word in quotes"),
        ('manifest = "gone.csv"', r"gone\.csv cannot be read: No such file"),
        ('layout = "pair"', r"unknown layout pair: did you mean pairs\?"),
        (
            "ignore = [255]",
            r"dataset\.toml has ignore but no \[\[classes\]\]; list the classes too",
        ),
        ('encoding = "rgb"', r"dataset\.toml has encoding but no \[\[classes\]\]"),
        (CLASSES[:27], "a class table needs 2 to 254 classes, not 1"),
        (CLASSES + "colour = 3", r"dataset\.toml: unknown key colour in a class"),
        ("bands = 3", r"dataset\.toml: bands = 3 must be a table"),
        ('allow = "flipped"', r"dataset\.toml: allow = 'flipped' must be a list of kinds of find"),
        ('allow = ["fliped"]', r"allows the unknown finding fliped: did you mean flipped\?"),
        ("allow = [[1]]", r"allows the unknown finding \[1\]: choose from "),
        ('allow = ["too-few"]', "allows too-few, which leaves nothing to train on; take it out"),
    ],
)
def test_a_mistake_in_a_dataset_toml_is_named(folder, text, words):
    with pytest.raises(DataError, match=words):
        list_pairs(describe(folder, text))


@pytest.mark.parametrize("kind", sorted(NEVER))
def test_what_leaves_nothing_to_train_on_cannot_be_allowed(folder, kind):
    with pytest.raises(DataError, match=f"allows {kind}, which leaves nothing"):
        list_pairs(describe(folder, f'allow = ["flipped", "{kind}"]'))


def test_a_dataset_toml_in_another_encoding_is_named(folder):
    (folder / "dataset.toml").write_bytes(b'root = "\xe9"')
    with pytest.raises(DataError, match=r"dataset\.toml is not valid TOML: 'utf-8' codec"):
        list_pairs(folder)


# What it is called


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("cells", "cells"),
        ("cells/", "cells"),
        ("cells.v2", "cells.v2"),
        ("sets/cells.CSV", "cells"),
        ("cells/dataset.toml", "cells"),
        ("cells.toml", "cells"),
        ("cells.tar.gz", "cells"),
        ("cells.v2.tgz", "cells.v2"),
        ("cells.zip", "cells"),
        ("cells.json", "cells"),
    ],
)
def test_a_dataset_is_called_after_its_folder_or_file(data, name):
    assert data_name(data) == name


def test_a_folder_that_is_not_there_is_told_with_the_one_most_like_it(tmp_path):
    (tmp_path / "cells").mkdir()
    with pytest.raises(DataError, match=r"cels: no such folder or file; did you mean .*/cells\?$"):
        list_pairs(tmp_path / "cels")
    for name in ("xyz", "nowhere/cells"):
        with pytest.raises(DataError, match=rf"{name}: no such folder or file; check the path$"):
            list_pairs(tmp_path / name)


def test_a_part_of_a_dataset_is_told_with_the_whole(tmp_path, write_pairs, monkeypatch):
    folder = write_pairs(tmp_path / "cells", 3)
    for name in ("images", "masks"):
        with pytest.raises(
            DataError, match=rf"{name} is a part of a dataset; did you mean {folder}\?"
        ):
            list_pairs(folder / name)
    monkeypatch.chdir(folder)
    with pytest.raises(DataError, match=rf"images is a part of a dataset; did you mean {folder}\?"):
        list_pairs(Path("images"))
