"""Folders that are made whole or not at all, and what is written into them."""

import errno
import tomllib
from pathlib import Path

import numpy as np
import pytest

from maskwright.data.folders import manifest
from maskwright.data.images import read_mask
from maskwright.data.ingest.writing import (
    Drawing,
    Plain,
    draw,
    drawn_table,
    index_of,
    is_there,
    mask_names,
    unpacking,
    write_plain,
)
from maskwright.data.pairing import Pair
from maskwright.errors import DataError


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Unpacking


def test_the_folder_of_another_process_that_was_faster_stays(tmp_path):
    place = tmp_path / "set"
    with unpacking(place) as part:
        (part / "mine").touch()
        place.mkdir()
        (place / "theirs").touch()
    assert left(place) == ["theirs"]
    assert left(tmp_path) == ["set"]


def test_a_full_disk_is_said_in_one_line(tmp_path):
    with (
        pytest.raises(
            DataError,
            match=r"a\.png: No space left on device; check the disk, or name another folder for "
            "what is unpacked in MASKWRIGHT_CACHE",
        ),
        unpacking(tmp_path / "set"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", "a.png")


def test_a_cache_that_is_a_file_is_said_in_one_line(tmp_path):
    (tmp_path / "cache").touch()
    with (
        pytest.raises(DataError, match="Not a directory; check the disk, or name another folder"),
        unpacking(tmp_path / "cache/set"),
    ):
        pass


def test_a_file_in_the_way_is_said_in_one_line(tmp_path):
    (tmp_path / "set").touch()
    with pytest.raises(DataError, match="check the disk"), unpacking(tmp_path / "set"):
        pass


# Class tables


def test_background_goes_before_the_names_in_order():
    table = drawn_table(["dog", "Background", "cat"], "it")
    assert [(label.name, label.values) for label in table.labels] == [
        ("background", (0,)),
        ("dog", (1,)),
        ("cat", (2,)),
    ]
    assert [index_of(table, name) for name in ("cat", "BACKGROUND", "dog")] == [2, 0, 1]
    assert (table.encoding, table.ignore) == ("palette", (255,))


# Masks and manifests


def test_names_of_masks_differ_whatever_the_case():
    images = [Path(name) for name in ("a/x.jpg", "b/X.png", "c/x.jpg", "x-2.jpg", "y.v2.jpg")]
    assert mask_names(images) == ["x", "X-2", "x-3", "x-2-2", "y.v2"]


@pytest.fixture
def plain(tmp_path, photo) -> Plain:
    """Two pairs drawn into the folder part, the images in the folder set."""
    (tmp_path / "part").mkdir()
    root = tmp_path / "set"
    drawings = [
        Drawing(photo(root / f"{name}.jpg", 2, 3), lambda h, w: np.full((h, w), 1, np.uint8), split)
        for name, split in (("a", "train"), ("b", ""))
    ]
    return draw(tmp_path / "part", root, drawings, drawn_table(["cat"], "it"))


def test_masks_are_painted_at_the_size_of_their_images(tmp_path, plain):
    assert [pair.mask for pair in plain.pairs] == [
        tmp_path / "part/masks/a.png",
        tmp_path / "part/masks/b.png",
    ]
    mask = read_mask(plain.pairs[0].mask)
    assert (mask.kind, mask.values.tolist()) == ("palette", [[1, 1, 1], [1, 1, 1]])


def test_the_manifest_names_the_place_to_come(tmp_path, plain):
    part, place = tmp_path / "part", tmp_path / "place"
    write_plain(part, place, plain)
    assert (part / "manifest.csv").read_text().splitlines()[1:] == [
        f"a.jpg,{place}/masks/a.png,train,",
        f"b.jpg,{place}/masks/b.png,,",
    ]
    described = tomllib.loads((part / "dataset.toml").read_text())
    assert described["root"] == str(tmp_path / "set")
    assert described["encoding"] == "palette"
    assert not is_there(place)
    part.rename(place)
    assert is_there(place)
    listing = manifest(place / "manifest.csv", Path(described["root"]))
    assert [pair.image for pair in listing.pairs] == [pair.image for pair in plain.pairs]


def test_a_root_that_is_made_here_moves_along(tmp_path):
    part, place = tmp_path / "part", tmp_path / "place"
    part.mkdir()
    write_plain(part, place, Plain(part, (Pair(part / "i/a.jpg", part / "m/a.png"),), None))
    assert (part / "manifest.csv").read_text().splitlines()[1] == "i/a.jpg,m/a.png,,"
    assert tomllib.loads((part / "dataset.toml").read_text()) == {
        "root": str(place),
        "manifest": "manifest.csv",
    }


@pytest.mark.parametrize("lost", ["set/a.jpg", "place/masks/b.png", "place/manifest.csv",
                                  "place/dataset.toml"])  # fmt: skip
def test_a_folder_that_lacks_something_is_not_there(tmp_path, plain, lost):
    write_plain(tmp_path / "part", tmp_path / "place", plain)
    (tmp_path / "part").rename(tmp_path / "place")
    (tmp_path / lost).unlink()
    assert not is_there(tmp_path / "place")
