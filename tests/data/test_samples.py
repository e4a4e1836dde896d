"""The generated set: repeatable, varied, and with the class structure it claims."""

import tomllib

import cv2
import numpy as np
import pytest
from PIL import Image

from maskwright.data import samples
from maskwright.data.samples import BOUNDARY, CLASSES, draw, sample, write_samples
from maskwright.errors import DataError, UsageError


@pytest.fixture(scope="module")
def drawn():
    """Forty samples: image uint8 [H, W, 3] and mask uint8 [H, W]."""
    return [sample(0, index, 96) for index in range(40)]


def test_images_and_masks_have_their_shapes_and_types(drawn):
    for image, mask in drawn:
        assert image.dtype == mask.dtype == np.uint8
        assert image.shape == (*mask.shape, 3)
        assert image.std() > 5


def test_draw_is_a_function_of_the_generator():
    first, again, other = (draw(np.random.default_rng(seed), 50, 70) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


def test_seed_and_index_change_the_image():
    one, two, three = sample(0, 0, 64)[0], sample(0, 1, 64)[0], sample(1, 0, 64)[0]
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, three)


def test_sides_vary_between_their_limits(drawn):
    sides = np.array([mask.shape for _, mask in drawn])
    assert sides.min() >= round(0.7 * 96)
    assert sides.max() <= round(1.4 * 96)
    assert len(np.unique(sides[:, 0])) > 20
    assert (sides[:, 0] > sides[:, 1]).any()
    assert (sides[:, 0] < sides[:, 1]).any()


def test_every_class_occurs_and_no_other_value(drawn):
    pixels = sum(np.bincount(mask.ravel(), minlength=256) for _, mask in drawn)
    assert (pixels[:5] > 0.02 * pixels.sum()).all()
    assert pixels[5:].sum() == 0


@pytest.mark.parametrize("size", [32, 96, 300])
def test_the_boundary_separates_every_object_from_all_else(size):
    kernel = np.ones((3, 3), np.uint8)
    for index in range(10):
        mask = sample(5, index, size)[1]
        for value in range(4):
            beside = cv2.dilate((mask == value).astype(np.uint8), kernel).astype(bool)
            assert set(np.unique(mask[beside])) <= {value, BOUNDARY}


def test_an_object_is_told_from_its_ground_by_its_outline_alone():
    """The mean colours of the three kinds hardly differ over many images."""
    means = {1: [], 2: [], 3: []}
    for index in range(60):
        image, mask = sample(0, index, 48)
        for value, found in means.items():
            if (mask == value).any():
                found.append(image[mask == value].mean(axis=0))
    centres = np.array([np.mean(found, axis=0) for found in means.values()])
    assert np.ptp(centres, axis=0).max() < 45


@pytest.mark.parametrize(("kind", "corners"), [(1, None), (2, 4), (3, 3)])
def test_outlines_have_their_corners(kind, corners):
    for seed in range(8):
        outline = samples._outline(np.random.default_rng(seed), kind).astype(np.float32)
        rounded = cv2.approxPolyDP(outline[:, None], 0.02 * cv2.arcLength(outline, True), True)
        assert len(rounded) == corners if corners else len(rounded) > 4


def test_an_object_over_the_edge_has_no_band_at_the_edge():
    inside = np.zeros((40, 40), bool)
    inside[:, :20] = True
    mask = samples._label(np.zeros((40, 40), np.uint8), inside, 2)
    assert (mask[:, :19] == 2).all()
    assert (mask[:, 19:21] == BOUNDARY).all()
    assert (mask[:, 21:] == 0).all()


# Files


def test_writes_pairs_with_a_class_table(tmp_path):
    write_samples(tmp_path / "a" / "shapes", count=3, size=40)
    folder = tmp_path / "a" / "shapes"
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert names == [
        "dataset.toml",
        *(f"images/shape_{i:04d}.jpg" for i in range(3)),
        *(f"masks/shape_{i:04d}.png" for i in range(3)),
    ]
    assert list(folder.parent.iterdir()) == [folder]
    table = tomllib.loads((folder / "dataset.toml").read_text())
    assert (table["layout"], table["encoding"]) == ("pairs", "index")
    assert table["classes"] == [
        {"name": name, "values": [value], "color": colour}
        for value, (name, colour) in enumerate(CLASSES.items())
    ]


def test_files_hold_what_was_drawn(tmp_path):
    write_samples(tmp_path / "shapes", count=1, size=64)
    image, mask = sample(0, 0, 64)
    with Image.open(tmp_path / "shapes/images/shape_0000.jpg") as photo:
        assert (photo.format, photo.mode) == ("JPEG", "RGB")
        assert np.abs(np.asarray(photo, float) - image).mean() < 6
    with Image.open(tmp_path / "shapes/masks/shape_0000.png") as stored:
        assert (stored.format, stored.mode) == ("PNG", "P")
        np.testing.assert_array_equal(np.asarray(stored), mask)
        colours = stored.getpalette()[:15]
        assert bytes(colours) == b"".join(bytes.fromhex(c[1:]) for c in CLASSES.values())


def test_a_larger_set_begins_with_the_smaller_one(tmp_path):
    write_samples(tmp_path / "few", count=2, size=40, seed=7)
    write_samples(tmp_path / "more", count=4, size=40, seed=7)
    for name in ("images/shape_0001.jpg", "masks/shape_0001.png"):
        assert (tmp_path / "few" / name).read_bytes() == (tmp_path / "more" / name).read_bytes()


def test_an_empty_folder_and_a_left_over_are_used(tmp_path):
    (tmp_path / "shapes").mkdir()
    (tmp_path / ".shapes.part" / "images").mkdir(parents=True)
    write_samples(tmp_path / "shapes", count=1, size=32)
    assert (tmp_path / "shapes" / "dataset.toml").exists()
    assert not (tmp_path / ".shapes.part").exists()


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(seed, index, size):
        if index == 2:
            raise KeyboardInterrupt
        return sample(seed, index, size)

    monkeypatch.setattr(samples, "sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_samples(tmp_path / "shapes", count=5, size=32)
    assert list(tmp_path.iterdir()) == []


# Errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 0}, "count must be at least 1, got 0; 200 makes a small set"),
        ({"size": 31}, "size must be at least 32 pixels, got 31; try 160"),
        ({"seed": -3}, "seed must be 0 or more, got -3; try 3"),
    ],
)
def test_numbers_out_of_range(tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        write_samples(tmp_path / "shapes", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    words = f"{tmp_path.name}: the folder is not empty; choose another or empty it first"
    with pytest.raises(DataError, match=words):
        write_samples(tmp_path, count=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("place", ["file", "file/shapes"])
def test_a_place_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    words = r"cannot be written \((File exists|Not a directory)\); choose another folder"
    with pytest.raises(DataError, match=words):
        write_samples(tmp_path / place, count=1, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
