"""Which sources are unpacked, into what, and when that is used again."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from maskwright.data.ingest import archive, coco, kind_of, unpacked
from maskwright.data.listing import list_pairs
from maskwright.errors import DataError

COCO = {
    "images": [{"id": n, "file_name": f"{n}.png"} for n in range(4)],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [
        {"image_id": n, "category_id": 1, "segmentation": [[0, 0, 3, 0, 3, 2, 0, 2]]}
        for n in range(4)
    ],
}
TASK = {
    "id": 1,
    "data": {"image": "0.png"},
    "annotations": [{"result": [{"type": "rectanglelabels", "value": {
        "x": 0, "y": 0, "width": 50, "height": 50, "rectanglelabels": ["cat"]}}]}],
}  # fmt: skip


@pytest.fixture
def coco_set(tmp_path, photo, write_json) -> Path:
    root = tmp_path / "set"
    for number in range(4):
        photo(root / f"images/{number}.png")
    write_json(root / "annotations/instances.json", COCO)
    return root


def pack(path: Path, folder: Path, top: str = "") -> Path:
    """A zip of all files in a folder, below the folder ``top`` in it."""
    with zipfile.ZipFile(path, "w") as file:
        for inner in sorted(folder.rglob("*")):
            if inner.is_file():
                file.write(inner, f"{top}{inner.relative_to(folder)}")
    return path


@pytest.fixture
def counted(monkeypatch) -> list[Path]:
    """What was unpacked, in turn."""
    calls: list[Path] = []
    for module in (archive, coco):

        def unpack(source: Path, out: Path, real=module.unpack):
            calls.append(source)
            return real(source, out)

        monkeypatch.setattr(module, "unpack", unpack)
    return calls


# What it is


def test_plain_files_are_left_as_they_are(tmp_path, write_pairs, write_json):
    data = write_pairs(tmp_path / "data")
    (tmp_path / "a.csv").write_text("image,mask\n")
    assert [unpacked(path) for path in (data, tmp_path / "a.csv", tmp_path / "gone")] == [None] * 3
    # COCO beside masks: the masks are there already
    write_json(data / "annotations/instances.json", COCO)
    assert unpacked(data) is None


def test_a_folder_with_a_dataset_toml_is_taken_as_that_says(coco_set):
    assert kind_of(coco_set) == "coco"
    (coco_set / "dataset.toml").touch()
    assert kind_of(coco_set) == ""


def test_each_kind_is_known(tmp_path, coco_set, save, write_json):
    assert kind_of(coco_set / "annotations/instances.json") == "coco"
    assert kind_of(write_json(tmp_path / "tasks.json", [TASK])) == "labelstudio"
    save(tmp_path / "b/task-1-annotation-1-by-1-tag-cat-0.png", np.ones((2, 2), np.uint8))
    assert kind_of(tmp_path / "b") == "brushes"
    write_json(tmp_path / "h/dataset_dict.json", {})
    assert kind_of(tmp_path / "h") == "huggingface"
    assert kind_of(pack(tmp_path / "c.zip", coco_set)) == "archive"


# What comes of it


def test_a_coco_set_becomes_a_dataset_in_the_cache(coco_set, cache, capsys):
    place = unpacked(coco_set)
    assert place.parent == cache / "unpacked"
    assert place.name.startswith("set-")
    listing = list_pairs(coco_set)
    assert [pair.image for pair in listing.pairs] == [
        coco_set / f"images/{number}.png" for number in range(4)
    ]
    assert listing.table.names == ["background", "cat"]
    assert listing.root == coco_set
    assert all(pair.mask.parent == place / "masks" for pair in listing.pairs)
    said = capsys.readouterr().err
    assert said.count(f"{coco_set}: the masks were written to {place / 'masks'}") == 1


def test_a_split_drawn_by_paths_is_the_same_wherever_the_set_lies(tmp_path, coco_set):
    def names(root: Path) -> list[str]:
        listing = list_pairs(root)
        return [pair.image.relative_to(listing.root).as_posix() for pair in listing.pairs]

    here = names(coco_set)
    shutil.move(coco_set, tmp_path / "moved")
    assert names(tmp_path / "moved") == here == [f"images/{number}.png" for number in range(4)]


def test_a_label_studio_export_becomes_a_dataset(tmp_path, photo, write_json):
    photo(tmp_path / "ls/0.png")
    path = write_json(tmp_path / "ls/tasks.json", [TASK])
    listing = list_pairs(path)
    assert [pair.image.name for pair in listing.pairs] == ["0.png"]
    assert listing.table.names == ["background", "cat"]


# Archives


@pytest.mark.parametrize("top", ["", "wrapped/", "two/deep/"])
def test_an_archive_of_plain_files_is_the_folder_in_it(tmp_path, write_pairs, cache, top):
    path = pack(tmp_path / "my set.v2.zip", write_pairs(tmp_path / "data"), top)
    folder = unpacked(path)
    assert folder.is_relative_to(cache / "unpacked")
    assert folder.relative_to(cache / "unpacked").parts[0].startswith("my-set.v2.zip-")
    assert sorted(inner.name for inner in folder.iterdir()) == ["images", "masks"]
    assert len(list_pairs(path).pairs) == 4


def test_an_archive_of_an_export_is_unpacked_twice(tmp_path, coco_set, counted):
    path = pack(tmp_path / "set.zip", coco_set, "export/")
    shutil.rmtree(coco_set)
    listing = list_pairs(path)
    assert len(listing.pairs) == 4
    assert listing.table.names == ["background", "cat"]
    assert unpacked(path) == unpacked(path)
    assert len(counted) == 2


def test_a_hostile_archive_leaves_nothing(tmp_path, cache):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("images/a.png", b"")
        file.writestr("../evil", b"")
    with pytest.raises(DataError, match=r"a\.zip: '\.\./evil' would land outside"):
        unpacked(tmp_path / "a.zip")
    assert list((cache / "unpacked").iterdir()) == []


# Used again


def test_what_was_unpacked_is_used_again(coco_set, counted, monkeypatch):
    first = unpacked(coco_set)
    assert unpacked(coco_set) == first
    monkeypatch.chdir(coco_set.parent)
    assert unpacked(Path("set")) == first
    assert len(counted) == 1


def test_other_annotations_are_unpacked_anew(coco_set, counted, write_json):
    first = unpacked(coco_set)
    content = COCO | {"annotations": []}
    path = write_json(coco_set / "annotations/instances.json", content)
    second = unpacked(coco_set)
    os.utime(path, ns=(1, 1))
    assert len({first, second, unpacked(coco_set)}) == 3
    assert len(counted) == 3


def test_images_that_moved_are_found_again(coco_set, counted):
    first = unpacked(coco_set)
    (coco_set / "images").rename(coco_set / "instances")
    with pytest.raises(DataError, match="lists 4 images that are not there"):
        unpacked(coco_set)
    for path in (coco_set / "instances").iterdir():
        path.rename(coco_set / path.name)
    assert unpacked(coco_set) == first
    assert list_pairs(coco_set).pairs[0].image == coco_set / "0.png"
    assert len(counted) == 3


def test_masks_that_were_deleted_are_painted_again(coco_set, counted):
    place = unpacked(coco_set)
    (place / "masks/0.png").unlink()
    assert unpacked(coco_set) == place
    assert (place / "masks/0.png").is_file()
    assert len(counted) == 2


def test_work_that_fails_leaves_nothing(coco_set, cache, write_json):
    write_json(coco_set / "annotations/instances.json", COCO | {"categories": []})
    with pytest.raises(DataError, match="set has 0 classes beside the background"):
        unpacked(coco_set)
    assert list((cache / "unpacked").iterdir()) == []


@pytest.mark.parametrize(("name", "kept"), [("日本", "coco"), ("a" * 60, "a" * 40), ("..x", "x")])
def test_the_folder_is_called_after_the_source(tmp_path, coco_set, name, kept):
    coco_set.rename(tmp_path / name)
    place = unpacked(tmp_path / name)
    assert place.name.rpartition("-")[0] == kept
