"""The real sets beside the project, where they are: what is wrong with them is found, no more."""

from pathlib import Path

import pytest

from maskwright.data.audit import check
from maskwright.data.dataset import load_dataset, read_pair
from maskwright.data.folders import PETS_TABLE
from maskwright.data.pairing import Pair

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is not beside the project")


def named(found) -> dict[str, list[str]]:
    return {one.kind: sorted(flaw.path.name for flaw in one.flaws) for one in found.findings}


@pytest.fixture(scope="module")
def pets():
    return check(REAL / "pets")


def test_what_is_wrong_with_the_pets_is_found_and_no_more(pets):
    assert named(pets) == {
        "near-leak": ["Abyssinian_99.jpg"],  # Abyssinian_151.jpg, in train
        "unlisted": ["Abyssinian_34.jpg", "Abyssinian_82.jpg"],
        "no-image": ["Abyssinian_100.mat"],
        "duplicate": ["Abyssinian_172.jpg", "Abyssinian_177.jpg", "Abyssinian_56.jpg"],
    }


def test_pets_come_with_their_official_split_and_classes(pets):
    splits = [pair.split for pair in pets.listing.pairs]
    layout = pets.listing.layout
    assert (layout, splits.count("train"), splits.count("test")) == ("pets", 300, 199)
    assert [(k.name, k.values) for k in pets.table.labels] == [
        ("pet", (1,)),
        ("background", (2,)),
        ("boundary", (3,)),
    ]


def test_about_a_tenth_of_the_pets_trainval_images_is_kept_for_validation(pets):
    splits = [pair.split for pair in pets.pairs]
    assert 15 <= splits.count("val") <= 45
    assert (splits.count("train") + splits.count("val"), splits.count("test")) == (300, 199)


def test_the_gif_named_jpg_among_the_pets_is_read():
    folder = REAL / "pets"
    trimap = folder / "annotations" / "trimaps" / "Abyssinian_34.png"
    image, raw = read_pair(Pair(folder / "images" / "Abyssinian_34.jpg", trimap))
    assert image.shape == (202, 250, 3)
    assert (PETS_TABLE.decode(raw) == 1).all()  # its trimap is all background; no list names it


def test_membranes_show_two_classes_no_names_and_nothing_wrong():
    found = check(REAL / "membranes")
    assert named(found) == {"thin-split": ["membranes"]}  # 2 of the 30 are drawn for the test
    assert found.table.encoding == "binary"
    assert found.table.names == ["value_0", "value_255"]
    assert sum(found.pixels.values()).sum() == 30 * 512 * 512


def test_nuclei_number_their_objects_and_nothing_else_is_noticed():
    found = check(REAL / "nuclei")
    assert named(found) == {"few-test": ["nuclei"]}  # 6 of the 100 are drawn for the test
    assert found.table.encoding == "instances"
    assert load_dataset(REAL / "nuclei").table.names == ["background", "object"]
