"""Pascal VOC and the mask export of CVAT: lists, classes, and what can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from maskwright.data.findings import Flaw
from maskwright.data.images import read_mask, write_mask
from maskwright.data.labels import Label
from maskwright.data.voc import NAMES, VOC_TABLE, read_labelmap, voc, voc_color
from maskwright.errors import DataError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def lay(root: Path, stems: str, suffix: str = ".jpg", **lists: str) -> Path:
    """Images and masks of these stems, and lists of names; a space stands between two."""
    for stem in stems.split():
        touch(root, f"JPEGImages/{stem}{suffix}", f"SegmentationClass/{stem}.png")
    for name, listed in lists.items():
        touch(root, f"ImageSets/Segmentation/{name}.txt")
        text = "".join(f"{stem}\n" for stem in listed.split())
        (root / f"ImageSets/Segmentation/{name}.txt").write_text(text)
    return root


def found(root: Path) -> list[tuple[str, str]]:
    """(name, split) of each pair."""
    listing = voc(root)
    assert listing is not None
    for pair in listing.pairs:
        assert pair.image.is_file()
        assert pair.mask.is_file()
        assert pair.mask.relative_to(root / "SegmentationClass").with_suffix("") == (
            pair.image.relative_to(root / "JPEGImages").with_suffix("")
        )
    return [
        (p.image.relative_to(root / "JPEGImages").with_suffix("").as_posix(), p.split)
        for p in listing.pairs
    ]


# Lists


def test_the_official_lists_give_the_splits(tmp_path):
    lay(tmp_path, "a b c d", train="a", val="b c", trainval="a b c", test="d")
    assert sorted(found(tmp_path)) == [("a", "train"), ("b", "val"), ("c", "val"), ("d", "test")]
    assert voc(tmp_path).layout == "voc"


def test_trainval_is_train_where_there_is_no_other_list(tmp_path):
    lay(tmp_path, "a b c", trainval="a b", test="c")
    assert sorted(found(tmp_path)) == [("a", "train"), ("b", "train"), ("c", "test")]


def test_val_wins_over_trainval(tmp_path):
    lay(tmp_path, "a b c", trainval="a b c", val="b")
    assert sorted(found(tmp_path)) == [("a", "train"), ("b", "val"), ("c", "train")]


def test_images_that_no_list_names_are_left_out(tmp_path):
    assert found(lay(tmp_path, "a b c", train="a", train_aug="a b", val="b")) == [
        ("a", "train"),
        ("b", "val"),
    ]


def test_without_lists_they_are_paired_by_stem(tmp_path):
    assert found(lay(tmp_path, "a b")) == [("a", ""), ("b", "")]


def test_a_list_skips_blank_lines_and_comments_and_takes_names_in_quotes(tmp_path):
    touch(tmp_path, "JPEGImages/red cat.v2.jpg", "SegmentationClass/red cat.v2.png")
    listed = touch(tmp_path, "ImageSets/Segmentation/train.txt") / "ImageSets/Segmentation"
    listed.joinpath("train.txt").write_text('\ufeff# cats\n\n"red cat.v2"\n')
    assert found(tmp_path) == [("red cat.v2", "train")]


def test_a_test_list_without_any_mask_is_left_out_and_named(tmp_path, capsys):
    lay(tmp_path, "a b", train="a", val="b", test="c d")
    touch(tmp_path, "JPEGImages/c.jpg", "JPEGImages/d.jpg")
    assert found(tmp_path) == [("a", "train"), ("b", "val")]
    assert "left out: test.txt, for none of its images has a mask" in capsys.readouterr().err


def test_listed_files_that_are_not_there_are_flaws(tmp_path):
    lay(tmp_path, "a", train="a b c", val="a")
    touch(tmp_path, "JPEGImages/b.jpg")
    image = tmp_path / "JPEGImages/b.jpg"
    assert found(tmp_path) == [("a", "train")]
    assert voc(tmp_path).flaws == (
        Flaw("listed-missing", tmp_path / "SegmentationClass/b.png", "named in train.txt", image),
        Flaw("listed-missing", tmp_path / "JPEGImages/c", "named in train.txt"),
        Flaw("listed-missing", tmp_path / "SegmentationClass/c.png", "named in train.txt"),
    )


def test_two_images_of_one_name_are_a_flaw(tmp_path):
    lay(tmp_path, "a", train="a")
    touch(tmp_path, "JPEGImages/a.png")
    assert [flaw.kind for flaw in voc(tmp_path).flaws] == ["several-candidates"]


def test_a_list_that_is_no_text_is_named(tmp_path):
    lay(tmp_path, "a", train="a")
    (tmp_path / "ImageSets/Segmentation/train.txt").write_bytes(b"\xff\xfe\xe9")
    with pytest.raises(DataError, match=r"train\.txt is not a text in UTF-8: .*; save it as such"):
        voc(tmp_path)


# The classes of VOC


def test_the_classes_are_those_of_voc_where_the_folder_says_so(tmp_path):
    for name, table in (("VOC2012", VOC_TABLE), ("VOC", VOC_TABLE), ("mine", None)):
        assert voc(lay(tmp_path / name, "a")).table is table
    assert voc(touch(tmp_path / "mine", "Annotations/a.xml")).table is VOC_TABLE


def test_the_table_of_voc_has_its_names_colours_and_ignored_border():
    assert len(NAMES) == 21
    assert VOC_TABLE.labels[8] == Label("cat", "#400000", (8,))
    assert VOC_TABLE.labels[15] == Label("person", "#c08080", (15,))
    assert VOC_TABLE.labels[20] == Label("tvmonitor", "#004080", (20,))
    assert VOC_TABLE.ignore == (255,)
    assert len({voc_color(index) for index in range(256)}) == 256


def test_a_mask_of_voc_is_read_with_its_table(tmp_path):
    path = tmp_path / "a.png"
    write_mask(path, np.array([[0, 15, 255]], np.uint8), np.zeros((256, 3), np.uint8))
    assert VOC_TABLE.decode(read_mask(path)).tolist() == [[0, 15, 255]]


# CVAT

LABELMAP = """# label:color_rgb:parts:actions
background:0,0,0::
cat: 250,50,83 ::
dog: the big one:51,221,255:head,paw:sit
"""


@pytest.fixture
def cvat(tmp_path, save) -> Path:
    """A "Segmentation mask 1.1" export with images: one of them in a folder, masks in colour."""
    root = tmp_path / "export"
    mask = np.zeros((2, 3, 3), np.uint8)
    mask[0, 1] = 250, 50, 83
    for name in ("b", "sub/a"):
        save(root / f"JPEGImages/{name}.PNG", np.zeros((2, 3, 3), np.uint8))
        save(root / f"SegmentationClass/{name}.png", mask)
    lay(root, "", default="sub/a b")
    (root / "labelmap.txt").write_text(LABELMAP)
    return root


def test_an_export_of_cvat_has_its_own_classes_and_no_split(cvat):
    assert found(cvat) == [("sub/a", ""), ("b", "")]
    listing = voc(cvat)
    assert listing.table.encoding == "rgb"
    assert listing.table.labels == (
        Label("background", "#000000", (0,)),
        Label("cat", "#fa3253", (0xFA3253,)),
        Label("dog: the big one", "#33ddff", (0x33DDFF,)),
    )
    classes = listing.table.decode(read_mask(listing.pairs[0].mask))
    assert classes.tolist() == [[0, 1, 0], [0, 0, 0]]


def test_the_labelmap_goes_before_the_classes_of_voc(cvat):
    touch(cvat, "Annotations/b.xml")
    assert voc(cvat).table.names == ["background", "cat", "dog: the big one"]


def test_the_subsets_of_a_cvat_project_are_splits_where_they_are_called_so(cvat):
    lay(cvat, "c d", Train="c", Validation="d")
    assert sorted(found(cvat)) == [("b", ""), ("c", "train"), ("d", "val"), ("sub/a", "")]


def test_an_export_without_images_says_how_to_get_them(tmp_path):
    touch(tmp_path, "SegmentationClass/a.png", "labelmap.txt")
    with pytest.raises(
        DataError,
        match=r"has masks but no folder JPEGImages; export again with “Save images”, or put the "
        r"images into .*JPEGImages$",
    ):
        voc(tmp_path)


@pytest.mark.parametrize("line", ["cat", "cat:1,2", "cat:1,2,256::", "cat:red::", ":1,2,3::"])
def test_a_line_of_the_labelmap_that_is_wrong_is_named(tmp_path, line):
    path = tmp_path / "labelmap.txt"
    path.write_text(f"# label\nbackground:0,0,0::\n{line}\n")
    with pytest.raises(
        DataError,
        match=rf"labelmap\.txt line 3: '{line}' is not of the form name:red,green,blue:: with 0 t",
    ):
        read_labelmap(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "labelmap.txt: a class table needs 2 to 254 classes, not 0"),
        ("a:0,0,1::\nb:0,0,1::\n", "labelmap.txt: the class table has the value 1 twice"),
        ("a:0,0,1::\na:0,0,2::\n", "labelmap.txt: the class table has the class name a twice"),
    ],
)
def test_a_labelmap_that_is_no_class_table_is_named(tmp_path, text, words):
    path = tmp_path / "labelmap.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_labelmap(path)


def test_a_labelmap_that_is_no_text_is_named(tmp_path):
    (tmp_path / "labelmap.txt").write_bytes(b"\xe9")
    with pytest.raises(DataError, match=r"labelmap\.txt is not a text in UTF-8"):
        read_labelmap(tmp_path / "labelmap.txt")


def test_a_folder_that_is_laid_out_otherwise_is_not_theirs(tmp_path):
    assert voc(touch(tmp_path, "JPEGImages/a.jpg", "images/a.jpg")) is None
