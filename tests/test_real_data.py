"""The real sets beside the project, where they are: their quirks must not get in the way."""

from pathlib import Path

import pytest

from maskwright.data.dataset import list_pairs, load_dataset, read_pair
from maskwright.data.folders import PETS_TABLE, Pair
from maskwright.data.splits import split_pairs
from maskwright.errors import DataError

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is not beside the project")


def test_pets_come_with_their_official_split_and_classes():
    listing = list_pairs(REAL / "pets")
    splits = [pair.split for pair in listing.pairs]
    assert (listing.layout, splits.count("train"), splits.count("test")) == ("pets", 300, 199)
    assert [(k.name, k.values) for k in listing.table.labels] == [
        ("pet", (1,)),
        ("background", (2,)),
        ("boundary", (3,)),
    ]


def test_a_tenth_of_the_pets_trainval_images_is_kept_for_validation():
    listing = list_pairs(REAL / "pets")
    splits = [pair.split for pair in split_pairs(listing.pairs, listing.root, seed=0)]
    assert [splits.count(name) for name in ("train", "val", "test")] == [270, 30, 199]


def test_the_gif_named_jpg_among_the_pets_is_read():
    pets = REAL / "pets"
    trimap = pets / "annotations" / "trimaps" / "Abyssinian_34.png"
    image, raw = read_pair(Pair(pets / "images" / "Abyssinian_34.jpg", trimap))
    assert image.shape == (202, 250, 3)
    assert (PETS_TABLE.decode(raw) == 1).all()  # its trimap is all background; no list names it


def test_membranes_show_two_classes_and_no_names():
    dataset = load_dataset(REAL / "membranes")
    assert dataset.table.encoding == "binary"
    assert dataset.table.names == ["value_0", "value_255"]
    assert dataset.counts() == {"train": 24, "val": 3, "test": 3}
    pixels = sum(dataset.pixels[split] for split in ("train", "val", "test"))
    assert pixels.sum() == 30 * 512 * 512


def test_nuclei_have_instances_and_no_masks_yet():
    with pytest.raises(DataError, match=r"nuclei has no layout that is known \(it holds images, i"):
        list_pairs(REAL / "nuclei")
