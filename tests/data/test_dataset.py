"""A dataset is found, read through and split, or refused in one line that names the file."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwright.config import SplitConfig
from maskwright.data.dataset import load_dataset, read_pair, write_dataset
from maskwright.data.images import RGB, Bands
from maskwright.data.pairing import Pair
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
    assert dataset.bands == RGB


def test_the_pixels_of_each_class_are_counted_by_split(folder):
    dataset = load_dataset(folder)
    assert dataset.pixels["train"].tolist() == [180, 180]
    assert dataset.pixels["val"].tolist() == [60, 60]
    assert dataset.pixels[""].tolist() == [0, 0]


def test_without_split_the_pairs_stay_without_one(folder):
    dataset = load_dataset(folder, split=None)
    assert {pair.split for pair in dataset.pairs} == {""}
    assert dataset.pixels[""].tolist() == [300, 300]


def test_the_seed_decides_the_split(tmp_path, write_pairs):
    folder = write_pairs(tmp_path, 20)
    assert load_dataset(folder, seed=1).pairs == load_dataset(folder, seed=1).pairs
    assert load_dataset(folder, seed=1).pairs != load_dataset(folder, seed=2).pairs


def test_the_shares_of_the_split_can_be_given(tmp_path, write_pairs):
    folder = write_pairs(tmp_path, 20)
    counts = load_dataset(folder, split=SplitConfig(val=0.4, test=0.0)).counts()
    assert counts["test"] == 0
    assert 4 <= counts["val"] <= 12


def test_near_duplicates_stay_in_one_split(tmp_path, write_pairs):
    folder = write_pairs(tmp_path, 12)
    for kind in ("images", "masks"):
        for n in range(1, 10):
            (folder / kind / f"{n}.png").write_bytes((folder / kind / "0.png").read_bytes())
    splits = [pair.split for pair in load_dataset(folder).pairs if pair.image.stem not in "1011"]
    assert len(set(splits)) == 1


def test_a_table_overrides_that_of_the_data(folder, table):
    assert load_dataset(str(folder), table=table).table is table


def test_bands_override_those_of_the_data(folder):
    bands = Bands(3, (0.0,) * 3, (100.0,) * 3)
    assert load_dataset(folder, bands=bands).bands == bands


def test_an_unknown_split_is_named_with_the_nearest(folder):
    with pytest.raises(UsageError, match=r"no split called tran: did you mean train\?"):
        load_dataset(folder).of("tran")


def test_what_lowers_quality_is_said_in_one_line(folder, capsys):
    load_dataset(folder)
    said = capsys.readouterr().err
    assert said.startswith("noticed: different images with one and the same mask (4), very few im")
    assert said.endswith(f"maskwright check {folder} tells more\n")
    assert said.count("\n") == 1


def test_the_command_that_tells_more_splits_as_was_asked(folder, capsys):
    load_dataset(folder, split=SplitConfig(by="random", test=0.2), seed=3)
    words = ["--seed", "3", "--set", "'split.by=\"random\"'", "--set", "split.test=0.2"]
    assert f"maskwright check {folder} {' '.join(words)} tells more" in capsys.readouterr().err


# What stops it


def test_masks_of_another_size_than_their_image_are_refused(folder, save):
    save(folder / "masks" / "2.png", np.zeros((12, 10), np.uint8))
    with pytest.raises(
        DataError, match=r"masks/2\.png: 10×12 pixels, its image 2\.png 12×10; find the right masks"
    ):
        load_dataset(folder)


def test_a_value_outside_the_table_is_named_with_its_file(folder, save, table):
    save(folder / "masks" / "3.png", np.full((10, 12), 9, np.uint8))
    with pytest.raises(
        DataError,
        match=r"masks/3\.png: holds value 9, which the class table does not have \(0, 1\); add",
    ):
        load_dataset(folder, table=table)


def test_negative_values_outside_the_table_are_named_too(folder, save, table):
    save(folder / "masks" / "3.tif", np.full((10, 12), -1, np.int32))
    (folder / "masks" / "3.png").unlink()
    with pytest.raises(DataError, match=r"masks/3\.tif: holds value -1, which"):
        load_dataset(folder, table=table)


def test_ignored_pixels_are_not_counted(folder, save, table):
    for n in range(5):
        save(folder / "masks" / f"{n}.png", np.array([[255] * 12, [1] * 12] * 5, np.uint8))
    assert load_dataset(folder, table=table).pixels["val"].tolist() == [0, 60]


def test_all_broken_files_are_named_in_one_line(tmp_path, write_pairs):
    folder = write_pairs(tmp_path / "data", 9)
    for n in (1, 3, 4):
        (folder / "images" / f"{n}.png").write_bytes(b"")
    with pytest.raises(
        DataError,
        match=r"images/1\.png: empty [^\n]* \(so it is with 2 more: 3\.png, 4\.png\); --skip-b",
    ):
        load_dataset(folder)


def test_one_broken_file_is_named_alone(folder):
    (folder / "masks" / "1.png").write_text("hello")
    with pytest.raises(
        DataError,
        match=r"masks/1\.png: not an image .*take them out; --skip-bad leaves such files out$",
    ):
        load_dataset(folder)


def test_of_several_kinds_the_first_is_named_and_the_others_counted(folder):
    (folder / "masks" / "1.png").write_text("hello")
    (folder / "images" / "2.png").write_bytes(b"")
    (folder / "masks" / "3.png").unlink()
    with pytest.raises(
        DataError,
        match=r"images/3\.png: no mask of that name.*; maskwright check .*data shows 3 more kinds$",
    ):
        load_dataset(folder)


def test_too_few_images_are_refused(tmp_path, write_pairs):
    folder = write_pairs(tmp_path / "data", 2)
    with pytest.raises(DataError, match=r"data: 2 images for train, too few to train on .*; add i"):
        load_dataset(folder)


def test_a_folder_without_a_pair_is_refused(tmp_path, write_pairs):
    folder = write_pairs(tmp_path / "data", 3)
    for path in (folder / "images").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"data: none of 0 pairs; mend what is named here, or add"):
        load_dataset(folder)


# What the data let pass


@pytest.mark.parametrize("kind", ["empty-file", "mask-shape", "outside-table"])
def test_of_allowed_findings_that_no_training_survives_the_pairs_are_left_out(folder, save, kind):
    save(folder / "masks" / "4.png", np.zeros((20, 12), np.uint8))
    save(folder / "masks" / "3.png", np.full((10, 12), 9, np.uint8))
    (folder / "images" / "2.png").write_bytes(b"")
    rest = sorted({"empty-file", "mask-shape", "outside-table"} - {kind})
    describe(folder, f"allow = {rest}\n{CLASSES}")
    with pytest.raises(DataError) as caught:
        load_dataset(folder, split=None)
    assert "maskwright check" not in str(caught.value)
    describe(folder, f"allow = {[*rest, kind]}\n{CLASSES}")
    dataset = load_dataset(folder, split=None)
    assert [pair.image.stem for pair in dataset.pairs] == ["0", "1"]


def test_an_image_listed_twice_may_be_allowed_and_is_taken_once(folder):
    rows = [f"images/{n}.png,masks/{n}.png,train" for n in (0, 0, 1, 2, 3)]
    (folder / "some.csv").write_text("\n".join(["image,mask,split", *rows]))
    with pytest.raises(DataError, match=r"0\.png: listed again, in train; list each once, in one"):
        load_dataset(folder / "some.csv")
    describe(folder, 'manifest = "some.csv"\nallow = ["listed-twice"]\n')
    assert [pair.image.stem for pair in load_dataset(folder).pairs] == ["0", "1", "2", "3"]


# Pairs, read and written


def test_a_pair_is_read_as_stored(folder):
    image, mask = read_pair(Pair(folder / "images" / "0.png", folder / "masks" / "0.png"))
    assert image.shape == (10, 12, 3)
    assert mask.kind == "index"
    np.testing.assert_array_equal(image[..., 0] >= 140, mask.values == 1)


def test_a_pair_of_two_sizes_is_not_read(folder, save):
    save(folder / "masks" / "2.png", np.zeros((12, 10), np.uint8))
    with pytest.raises(
        DataError, match=r"masks/2\.png is 10×12 pixels, its image 2\.png 12×10; give both the same"
    ):
        read_pair(Pair(folder / "images" / "2.png", folder / "masks" / "2.png"))


@pytest.mark.parametrize("bands", [RGB, Bands(1), Bands(2, (0.0, 1.5), (4095.0, 2.0))])
def test_a_written_dataset_reads_back(folder, tmp_path, bands):
    dataset = replace(load_dataset(describe(folder, CLASSES)), bands=bands)
    out = tmp_path / "out"
    out.mkdir()
    write_dataset(out / "dataset.toml", dataset)
    write_split(out / "split.csv", dataset.pairs, dataset.root)
    described = tomllib.loads((out / "dataset.toml").read_text())
    assert described["root"] == folder.as_posix()
    assert described.get("bands", {"count": 3}) == bands.to_dict()
    if bands == RGB:
        again = load_dataset(out)
        assert (again.table, again.pairs, again.root) == (dataset.table, dataset.pairs, folder)


def broken(folder: Path, count: int) -> None:
    """Some of the images are empty files."""
    for number in range(count):
        (folder / "images" / f"{number}.png").write_bytes(b"")


def test_bad_files_may_be_left_out_and_are_named(tmp_path, write_pairs, capsys):
    folder = write_pairs(tmp_path / "data", 8)
    broken(folder, 2)
    (folder / "masks" / "7.png").unlink()
    dataset = load_dataset(folder, split=SplitConfig(skip_bad=True))
    assert [pair.image.name for pair in dataset.pairs] == [f"{n}.png" for n in range(2, 7)]
    said = capsys.readouterr().err.replace("\n", " ")
    for number, reason in ((0, "empty (0 bytes)"), (1, "empty (0 bytes)"), (7, "no mask")):
        assert f"left out: {folder}/images/{number}.png: {reason}" in said


def test_what_is_wrong_with_the_whole_is_not_skipped(tmp_path, write_pairs):
    folder = write_pairs(tmp_path / "data", 4)
    broken(folder, 3)
    with pytest.raises(DataError, match="1 image for train, too few"):
        load_dataset(folder, split=SplitConfig(skip_bad=True))


def test_before_it_stops_it_lists_the_bad_files(tmp_path, write_pairs, capsys):
    folder = write_pairs(tmp_path / "data", 30)
    broken(folder, 22)
    with pytest.raises(DataError, match=r"0\.png: empty"):
        load_dataset(folder)
    said = capsys.readouterr().err
    assert said.count("wrong: ") == 21
    assert "wrong: 2 more; maskwright check" in said.replace("\n", " ")
