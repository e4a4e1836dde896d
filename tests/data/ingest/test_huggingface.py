"""Datasets that the library ``datasets`` saved."""

import io
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from maskwright.data.images import read_mask
from maskwright.data.ingest.huggingface import columns_of, looks_like, read_names, sources, unpack
from maskwright.errors import DataError


def encoded(pixels: np.ndarray, format: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


PHOTO = encoded(np.full((2, 3, 3), 90, np.uint8), "JPEG")
MASK = encoded(np.array([[0, 1, 255], [2, 2, 2]], np.uint8))


def cell(content: bytes | None, path: Path | None = None) -> dict:
    return {"bytes": content, "path": path and str(path)}


def made(rows: int = 2, **cells: list):
    """A dataset of so many rows with a JPEG called image, a mask called label and a number."""
    values = {"n": list(range(rows)), "label": [cell(MASK)] * rows, "image": [cell(PHOTO)] * rows}
    kinds = {name: datasets.Image() for name in ("image", "label")} | {"n": datasets.Value("int32")}
    return datasets.Dataset.from_dict(values | cells, features=datasets.Features(kinds))


def test_images_and_masks_are_written_as_they_are(tmp_path, out):
    made().save_to_disk(tmp_path / "set")
    assert looks_like(tmp_path / "set")
    plain = unpack(tmp_path / "set", out)
    assert [(p.image.name, p.mask.name, p.split) for p in plain.pairs] == [
        ("row-000000.jpg", "row-000000.png", ""),
        ("row-000001.jpg", "row-000001.png", ""),
    ]
    assert plain.pairs[0].image.read_bytes() == PHOTO
    assert plain.pairs[1].mask.read_bytes() == MASK
    assert (plain.root, plain.table) == (out, None)


def test_splits_are_those_of_the_dataset(tmp_path, out):
    parts = {"train": made(2), "validation": made(1), "test": made(1), "unlabelled": made(1)}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "set")
    assert looks_like(tmp_path / "set")
    plain = unpack(tmp_path / "set", out)
    assert [(pair.image.stem, pair.split) for pair in plain.pairs] == [
        ("train-000000", "train"),
        ("train-000001", "train"),
        ("validation-000000", "val"),
        ("test-000000", "test"),
        ("unlabelled-000000", ""),
    ]


def test_a_set_that_is_all_train_has_no_split(tmp_path, out):
    datasets.DatasetDict({"train": made(2)}).save_to_disk(tmp_path / "set")
    assert {pair.split for pair in unpack(tmp_path / "set", out).pairs} == {""}


def test_images_that_are_files_already_are_not_copied(tmp_path, out, photo, monkeypatch):
    path = photo(tmp_path / "photos/a.jpg", 2, 3)
    named = made(1, image=[cell(None, path)])
    monkeypatch.setattr(datasets, "load_from_disk", lambda _: named)
    (pair,) = unpack(tmp_path / "set", out).pairs
    assert pair.image == path
    assert pair.mask == out / "masks/row-000000.png"
    path.unlink()
    (tmp_path / "again").mkdir()
    with pytest.raises(DataError, match=r"row 0 lacks an image or mask \(.*a\.jpg\); put it back"):
        unpack(tmp_path / "set", tmp_path / "again")


def test_class_names_are_read_from_beside(tmp_path, out, write_json):
    made(1).save_to_disk(tmp_path / "set")
    write_json(tmp_path / "set/id2label.json", {"0": "road", "2": "sky", "1": "car"})
    plain = unpack(tmp_path / "set", out)
    assert plain.table.names == ["road", "car", "sky"]
    classes = plain.table.decode(read_mask(plain.pairs[0].mask))
    assert classes.tolist() == [[0, 1, 255], [2, 2, 2]]
    assert tmp_path / "set/id2label.json" in sources(tmp_path / "set")


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["label", "image"], ("image", "label")),
        (["pixel_values", "other", "labels"], ("pixel_values", "labels")),
        (["Image", "Annotation"], ("Image", "Annotation")),
        (["photo", "truth", "depth"], ("photo", "truth")),
        (["mask", "photo"], ("photo", "mask")),
        (["depth", "image", "mask"], ("image", "mask")),
    ],
)
def test_the_columns_are_found_by_name_else_by_order(columns, found):
    assert columns_of(columns, "it") == found


@pytest.mark.parametrize(("columns", "count"), [([], 0), (["image"], 1), (["mask", "labels"], 2)])
def test_a_dataset_without_two_columns_of_images_is_named(columns, count):
    with pytest.raises(
        DataError,
        match=rf"it has {count} columns of images, not one of images and one of masks; cast them "
        r"to datasets\.Image and save it again",
    ):
        columns_of(columns, "it")


def test_the_columns_that_are_there_are_named(tmp_path, out):
    datasets.Dataset.from_dict({"pixels": [1], "text": ["a"]}).save_to_disk(tmp_path / "set")
    with pytest.raises(DataError, match=r"set \(pixels, text\) has 0 columns of images"):
        unpack(tmp_path / "set", out)


def test_a_cell_without_an_image_is_named(tmp_path, out):
    made(2, label=[cell(MASK), None]).save_to_disk(tmp_path / "set")
    with pytest.raises(
        DataError, match=r"set: row 1 lacks an image or mask \(nothing\); put it back"
    ):
        unpack(tmp_path / "set", out)


def test_a_cell_that_is_no_image_is_named_with_its_split(tmp_path, out):
    parts = {"train": made(1), "test": made(1, image=[cell(b"text")])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "set")
    with pytest.raises(
        DataError, match=r"set: row 0 of test holds no image that can be read \(PNG, .*; take the r"
    ):
        unpack(tmp_path / "set", out)


def test_a_folder_that_cannot_be_loaded_is_named(tmp_path, out):
    made(1).save_to_disk(tmp_path / "set")
    next((tmp_path / "set").glob("*.arrow")).write_bytes(b"broken")
    with pytest.raises(DataError, match=r"set cannot be loaded \(.+\); save it again"):
        unpack(tmp_path / "set", out)


def test_other_folders_do_not_look_like_a_saved_dataset(tmp_path, write_json):
    assert not looks_like(tmp_path)
    assert not looks_like(write_json(tmp_path / "dataset_info.json", {}))
    assert not looks_like(tmp_path)


# Class names


def test_names_that_begin_at_1_leave_0_to_the_background(tmp_path, write_json):
    table = read_names(write_json(tmp_path / "id2label.json", {"1": "cat", "2": "dog"}))
    assert [(label.name, label.values) for label in table.labels] == [
        ("background", (0,)),
        ("cat", (1,)),
        ("dog", (2,)),
    ]
    assert table.ignore == (255,)


def test_255_may_have_a_name(tmp_path, write_json):
    table = read_names(write_json(tmp_path / "id2label.json", {"0": "cat", "255": "dog"}))
    assert (table.names, table.ignore) == (["cat", "dog"], ())


@pytest.mark.parametrize("content", [["cat"], {"cat": 1}, 5])
def test_class_names_of_another_form_are_named(tmp_path, write_json, content):
    with pytest.raises(DataError, match=r'id2label\.json must be of the form \{"0": "road", "1": '):
        read_names(write_json(tmp_path / "id2label.json", content))


def test_class_names_that_are_no_table_are_named(tmp_path, write_json):
    with pytest.raises(DataError, match=r"id2label\.json: the class table has the class name a tw"):
        read_names(write_json(tmp_path / "id2label.json", {"0": "a", "1": "a"}))
