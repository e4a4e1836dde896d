"""What training images are like, measured alike in training and when a model is used."""

import json

import cv2
import numpy as np
import pytest

from maskwright.data.bands import Bands
from maskwright.data.dataset import load_dataset
from maskwright.data.images import read_image
from maskwright.data.rasters import Held
from maskwright.data.usual import Usual, Watched, level_of, usual_from, usual_of

USUAL = Usual(500, (40.0, 60.0), (90.0, 130.0), (0.02, 0.03))


def test_it_reads_back():
    assert usual_from(json.loads(json.dumps(USUAL.to_dict()))) == USUAL
    assert usual_from(None) is None


@pytest.mark.parametrize("changes", [{"dark": [1.0]}, {"ground": [1.0]}, {"longest": "x"}])
def test_nonsense_is_refused(changes):
    with pytest.raises(ValueError, match=r"not told of every band|invalid literal"):
        usual_from(USUAL.to_dict() | changes)


@pytest.mark.parametrize(
    ("level", "found"),
    [
        ((40, 60), ""),
        ((21, 31), ""),  # darker than all, by half
        ((19, 60), "brightness"),
        ((60, 29), "brightness"),
        ((170, 60), ""),
        ((60, 200), "brightness"),
        ((0, 0), "brightness"),
        ((60,), ""),  # another number of bands is another error
    ],
)
def test_far_darker_or_brighter_than_all_is_unlike(level, found):
    assert USUAL.unlike((400, 400), np.array(level, float), None) == found


def test_what_is_dark_in_training_may_be_a_little_darker():
    dim = Usual(500, (6.0,), (9.0,))
    assert dim.unlike((1, 1), np.array([0.5]), None) == ""


@pytest.mark.parametrize(
    ("size", "ground", "found"),
    [
        ((4000, 5000), None, ""),
        ((4000, 5001), None, "size"),
        ((900, 1000), 0.02, ""),
        ((900, 1001), 0.02, "size"),
        ((500, 500), 0.037, ""),
        ((500, 500), 0.038, "resolution"),
        ((500, 500), 0.016, "resolution"),
    ],
)
def test_size_counts_for_more_on_a_map(size, ground, found):
    assert USUAL.unlike(size, None, ground) == found


def test_of_images_of_which_some_lie_on_no_map_none_is_said_to():
    levels = [np.array([20, 30]), np.array([50, 10])]
    found = usual_of([(10, 30), (20, 20)], levels, [None, 0.5])
    assert found == Usual(30, (20, 10), (50, 30))
    assert usual_of([(10, 30), (20, 20)], levels, [0.25, 0.5]).ground == (0.25, 0.5)
    assert usual_of([(10, 30), (20, 20)], [levels[0], np.zeros(0)], [None, None]).dark == ()
    assert usual_of([], [], []) is None


def test_black_and_unknown_pixels_have_no_part_in_the_mean():
    pixels = np.full((64, 40, 2), (100, 20), np.float32)
    pixels[:30] = 0
    pixels[30:33] = np.nan
    assert level_of(pixels) == (100.0, 20.0)
    assert level_of(pixels * 0) == (0.0, 0.0)


def test_a_raster_is_watched_whatever_is_read_of_it():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (300, 200, 3)).astype(np.uint8)
    one = Watched(Held(pixels))
    assert one.level is None
    assert (one.height, one.width) == (300, 200)
    for top in range(0, 300, 50):
        np.testing.assert_array_equal(one.rows(top, top + 60), pixels[top : top + 60])
    np.testing.assert_allclose(one.level, pixels.mean(axis=(0, 1)), rtol=0.05)


@pytest.mark.parametrize(
    ("kind", "bands"),
    [("uint8", None), ("uint16", Bands(3, (100.0,) * 3, (6000.0,) * 3)), ("uint16", Bands())],
)
def test_a_dataset_knows_what_its_training_images_are_like(tmp_path, save, kind, bands):
    rng = np.random.default_rng(1)
    for n in range(12):
        image = rng.integers(20 * n + 20, 20 * n + 30, (60 + n, 80, 3)).astype(kind)
        image *= 20 if kind == "uint16" else 1
        mask = np.zeros((60 + n, 80), np.uint8)
        mask[:20] = 1
        for name, pixels in (("images", image), ("masks", mask)):
            (tmp_path / name).mkdir(exist_ok=True)
            shown = pixels[..., ::-1] if pixels.ndim == 3 else pixels
            assert cv2.imwrite(str(tmp_path / name / f"{n}.tif"), shown)
    dataset = load_dataset(tmp_path, bands=bands)
    levels = [read_image(p.image, dataset.bands).mean(axis=(0, 1)) for p in dataset.of("train")]
    assert dataset.usual.longest == 80
    np.testing.assert_allclose(dataset.usual.dark, np.min(levels, axis=0), atol=2)
    np.testing.assert_allclose(dataset.usual.bright, np.max(levels, axis=0), atol=2)
    assert dataset.usual.ground == ()
