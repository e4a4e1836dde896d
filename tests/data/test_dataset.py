"""A dataset is found, read through and split, or refused in one line that names the file."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from maskwright.data.dataset import list_pairs, load_dataset, read_pair, write_dataset
from maskwright.data.folders import Pair
from maskwright.data.splits import write_split
from maskwright.errors import DataError, UsageError

CLASSES = '[[classes]]\nname = "ground"\n[[classes]]\nname = "thing"\n'


@pytest.fixture
def folder(tmp_path, write_pairs) -> Path:
    return write_pairs(tmp_path / "data", 5)


def describe(folder: Path, text: str) -> Path:
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    return folder / "dataset.toml"


def test_a_folder_is_found_read_and_split(folder):
    dataset = load_dataset(folder)
    assert (dataset.root, dataset.layout) == (folder, "pairs")
    assert dataset.table.names == ["value_0", "value_1"]
    assert dataset.counts() == {"train": 3, "val": 1, "test": 1}
    assert [pair.image.name for pair in dataset.pairs] == [f"{n}.png" for n in range(5)]
    assert dataset.of("val") == [pair for pair in dataset.pairs if pair.split == "val"]


def test_the_pixels_of_each_class_are_counted_by_split(folder):
    dataset = load_dataset(folder)
    assert dataset.pixels["train"].tolist() == [180, 180]
    assert dataset.pixels["val"].tolist() == [60, 60]


def test_without_split_the_pairs_stay_without_one(folder):
    dataset = load_dataset(folder, split=False)
    assert {pair.split for pair in dataset.pairs} == {""}
    assert dataset.pixels[""].tolist() == [300, 300]


def test_the_seed_decides_the_split(tmp_path, write_pairs):
    folder = write_pairs(tmp_path, 20)
    assert load_dataset(folder, seed=1).pairs == load_dataset(folder, seed=1).pairs
    assert load_dataset(folder, seed=1).pairs != load_dataset(folder, seed=2).pairs


def test_a_table_overrides_that_of_the_data(folder, table):
    assert load_dataset(str(folder), table=table).table is table


def test_an_unknown_split_is_named_with_the_nearest(folder):
    with pytest.raises(UsageError, match=r"no split called tran: did you mean train\?"):
        load_dataset(folder).of("tran")


# What is read


def test_masks_of_another_size_than_their_image_are_refused(folder, save):
    save(folder / "masks" / "2.png", np.zeros((12, 10), np.uint8))
    with pytest.raises(
        DataError, match=r"masks/2\.png is 10×12 pixels, its image 2\.png 12×10; give both the same"
    ):
        load_dataset(folder)


def test_a_value_outside_the_table_is_named_with_its_file(folder, save, table):
    save(folder / "masks" / "3.png", np.full((10, 12), 9, np.uint8))
    with pytest.raises(DataError, match=r"masks/3\.png holds value 9, which the class table does"):
        load_dataset(folder, table=table)


def test_negative_values_outside_the_table_are_named_too(folder, save, table):
    save(folder / "masks" / "3.tif", np.full((10, 12), -1, np.int32))
    (folder / "masks" / "3.png").unlink()
    with pytest.raises(DataError, match=r"masks/3\.tif holds value -1, which"):
        load_dataset(folder, table=table)


def test_ignored_pixels_are_not_counted(folder, save, table):
    for n in range(5):
        save(folder / "masks" / f"{n}.png", np.array([[255] * 12, [1] * 12] * 5, np.uint8))
    assert load_dataset(folder, table=table).pixels["val"].tolist() == [0, 60]


def test_all_broken_files_are_named_in_one_line(folder):
    for n in (1, 3, 4):
        (folder / "images" / f"{n}.png").write_bytes(b"")
    with pytest.raises(
        DataError,
        match=r"^[^\n]*images/1\.png is empty [^\n]* \(so it is with 2 more: 3\.png, 4\.png\)$",
    ):
        load_dataset(folder)


def test_one_broken_file_is_named_alone(folder):
    (folder / "masks" / "1.png").write_text("hello")
    with pytest.raises(
        DataError, match=r"masks/1\.png is not an image .*; replace it or take it out$"
    ):
        load_dataset(folder)


def test_a_pair_is_read_as_stored(folder):
    image, mask = read_pair(Pair(folder / "images" / "0.png", folder / "masks" / "0.png"))
    assert image.shape == (10, 12, 3)
    assert mask.kind == "index"
    np.testing.assert_array_equal(image[..., 0], np.where(mask.values == 1, 200, 30))


# What is named


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="none: no such folder or file; check the path"):
        list_pairs(tmp_path / "none")


def test_a_file_of_another_kind_is_an_error(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(
        DataError, match=r"a\.png is no folder, no \.csv and no \.toml; name one of"
    ):
        list_pairs(tmp_path / "a.png")


def test_a_manifest_without_a_row_is_an_error(tmp_path):
    (tmp_path / "m.csv").write_text("image,mask\n")
    with pytest.raises(DataError, match=r"m\.csv names no pair of an image and a mask; add some"):
        list_pairs(tmp_path / "m.csv")


def test_a_manifest_is_a_dataset(folder):
    rows = [f"images/{n}.png,masks/{n}.png,{s}" for n, s in enumerate(["train", "train", "val"])]
    (folder / "some.CSV").write_text("\n".join(["image,mask,split", *rows]))
    dataset = load_dataset(folder / "some.CSV")
    assert dataset.layout == "manifest"
    assert dataset.counts() == {"train": 2, "val": 1, "test": 0}


# dataset.toml


def test_a_dataset_toml_names_the_classes_of_the_folder_it_lies_in(folder):
    path = describe(folder, CLASSES)
    for data in (folder, path):
        dataset = load_dataset(data)
        assert dataset.table.names == ["ground", "thing"]
        assert (dataset.layout, dataset.root) == ("pairs", folder)


def test_a_dataset_toml_may_lie_elsewhere(folder, tmp_path):
    (tmp_path / "my.toml").write_text('root = "data"\nlayout = "pairs"\n')
    dataset = load_dataset(tmp_path / "my.toml")
    assert dataset.root == folder
    assert dataset.table.names == ["value_0", "value_1"]


def test_a_dataset_toml_may_name_a_manifest(folder):
    (folder / "m.csv").write_text("image,mask\nimages/0.png,masks/0.png\n")
    path = describe(folder, 'manifest = "m.csv"\n' + CLASSES)
    assert [pair.image for pair in list_pairs(path).pairs] == [folder / "images" / "0.png"]


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
    ],
)
def test_a_mistake_in_a_dataset_toml_is_named(folder, text, words):
    with pytest.raises(DataError, match=words):
        load_dataset(describe(folder, text))


def test_a_dataset_toml_in_another_encoding_is_named(folder):
    (folder / "dataset.toml").write_bytes(b'root = "\xe9"')
    with pytest.raises(DataError, match=r"dataset\.toml is not valid TOML: 'utf-8' codec"):
        load_dataset(folder)


def test_a_written_dataset_reads_back(folder, tmp_path):
    dataset = load_dataset(describe(folder, CLASSES))
    out = tmp_path / "out"
    out.mkdir()
    write_dataset(out / "dataset.toml", dataset)
    write_split(out / "split.csv", dataset.pairs, dataset.root)
    again = load_dataset(out)
    assert (again.table, again.pairs, again.root) == (dataset.table, dataset.pairs, dataset.root)
    assert tomllib.loads((out / "dataset.toml").read_text())["root"] == folder.as_posix()


def test_an_image_listed_twice_is_a_leak_and_refused(tmp_path, write_pairs):
    data = write_pairs(tmp_path / "data")
    first = min((data / "images").iterdir()).name
    mask = min((data / "masks").iterdir()).name
    row = f"images/{first},masks/{mask}"
    (data / "twice.csv").write_text(f"image,mask,split\n{row},train\n{row},test\n")
    with pytest.raises(DataError, match=rf"{first} is listed 2 times; list it once, in one split"):
        list_pairs(data / "twice.csv")
