"""Images of any size to probabilities of that size, with a function in place of a network."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from maskwright.config import ViewConfig
from maskwright.data.images import Bands
from maskwright.data.labels import ClassTable, Label
from maskwright.errors import DataError
from maskwright.predictor import BATCH, Predictor, batched, most_likely, softmax

SIZES = [(1, 1), (7, 31), (64, 3), (33, 50), (5, 61)]


def table_of(classes: int) -> ClassTable:
    labels = tuple(Label(f"c{k}", "#000000", (k,)) for k in range(max(2, classes)))
    return ClassTable("index", labels)


def noise_predictor(classes: int, fit: str = "pad") -> Predictor:
    rng = np.random.default_rng(classes)
    return Predictor(
        lambda views: rng.normal(0, 4, (*views.shape[:3], classes)).astype(np.float32),
        ViewConfig(size=16, fit=fit),
        table_of(classes),
    )


@pytest.mark.parametrize("fit", ["pad", "squash"])
@pytest.mark.parametrize("classes", [1, 2, 3, 6, 9])
def test_probabilities_have_the_images_own_size_and_sum_to_one(classes, fit):
    predictor = noise_predictor(classes, fit)
    for height, width in SIZES:
        scores = predictor.probabilities(np.zeros((height, width, 3), np.uint8))
        assert scores.shape == (height, width, classes)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores.sum(axis=-1), 1, atol=1e-5)
        assert scores.min() >= 0


def test_order_is_kept_over_several_batches_and_the_last_may_be_short():
    asked = []

    def logits(views):
        asked.append(len(views))
        level = views.mean(axis=-1) / 10
        return np.stack([level, np.zeros_like(level)], axis=-1)

    predictor = Predictor(logits, ViewConfig(size=16), table_of(2))
    levels = list(range(0, 2 * BATCH + 3))
    found = list(predictor.predict_all(levels, lambda n: np.full((5 + n, 9, 3), 10 * n, np.uint8)))
    assert [item for item, _ in found] == levels
    assert asked == [BATCH, BATCH, BATCH]  # the last is filled up: one shape, compiled once
    for n, scores in found:
        assert scores.shape == (5 + n, 9, 2)
        np.testing.assert_allclose(scores[..., 0], 1 / (1 + np.exp(-n)), atol=1e-4)


def read_or_fail(item: int) -> np.ndarray:
    if item % 4 == 1:
        raise DataError(f"image {item} is broken")
    return np.zeros((4, 4, 3), np.uint8)


def test_unreadable_images_are_collected_where_there_is_a_list_for_them():
    errors: list[DataError] = []
    found = noise_predictor(2).predict_all(range(10), read_or_fail, errors)
    assert [item for item, _ in found] == [0, 2, 3, 4, 6, 7, 8]
    assert list(map(str, errors)) == [f"image {n} is broken" for n in (1, 5, 9)]


def test_an_unreadable_image_is_raised_where_there_is_no_list():
    with pytest.raises(DataError, match="image 1 is broken"):
        list(noise_predictor(2).predict_all(range(10), read_or_fail))


def test_other_errors_are_raised_even_with_a_list():
    with pytest.raises(ZeroDivisionError):
        list(noise_predictor(2).predict_all([0], lambda n: 1 // n, []))


def test_no_image_gives_nothing():
    assert list(noise_predictor(2).predict_all([], read_or_fail)) == []


def test_mask_takes_an_array_or_a_file(threshold, table, tmp_path, save):
    image = np.full((9, 14, 3), 20, np.uint8)
    image[:, 7:] = 220
    truth = (image[..., 0] > 100).astype(np.uint8)
    path = save(tmp_path / "image.png", image)
    for source in (image, path, str(path)):
        mask = threshold(table).mask(source)
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, truth)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_network_sees_the_bands_of_the_file(tmp_path, count):
    seen = []

    def logits(views):
        seen.append(views)
        return np.zeros((*views.shape[:3], 2), np.float32)

    bands = Bands(count, (0.0,) * count, (200.0,) * count)
    predictor = Predictor(logits, ViewConfig(size=16), table_of(2), bands)
    pixels = np.zeros((12, 9, count), np.uint16) + 40 * np.arange(1, count + 1, dtype=np.uint16)
    extra = {"extrasamples": (0,) * (count - 1), "planarconfig": "contig"} if count > 1 else {}
    pixels_of_file = pixels if count > 1 else pixels[..., 0]
    tifffile.imwrite(tmp_path / "a.tif", pixels_of_file, photometric="minisblack", **extra)
    levels = [51 * band for band in range(1, count + 1)]
    assert predictor.read(tmp_path / "a.tif")[0, 0].tolist() == levels
    assert predictor.mask(tmp_path / "a.tif").shape == (12, 9)
    assert seen[0].shape == (1, 16, 16, count)
    assert seen[0][0, 8, 8].tolist() == levels


def test_batches_go_side_by_side_and_come_in_order():
    both, asked = threading.Barrier(2, timeout=20), []

    def logits(views):
        asked.append(len(views))
        if len(asked) <= 4:
            both.wait()  # until another call is here
        return np.stack([views.mean(axis=-1), np.zeros(views.shape[:3])], axis=-1)

    predictor = Predictor(logits, ViewConfig(size=16), table_of(2), batch=3, abreast=2)
    found = predictor.predict_all(range(11), lambda n: np.full((16, 16, 3), n, np.uint8))
    for n, (item, scores) in enumerate(found):
        assert item == n
        np.testing.assert_allclose(scores[..., 0], 1 / (1 + np.exp(-n)), atol=1e-4)
    assert n == 10
    assert asked == [3, 3, 3, 3]


def test_softmax_does_not_overflow():
    np.testing.assert_allclose(softmax(np.array([1e4, 1e4, -1e4], np.float32)), [0.5, 0.5, 0])


def test_most_likely_is_the_index_of_the_largest():
    assert most_likely(np.array([[[0.2, 0.8], [0.6, 0.4]]])).tolist() == [[1, 0]]


def test_batched_keeps_all_and_counts_squares_alone():
    squares: list[tuple[None, object]] = [(None, np.zeros((1, 1, 3)))] * (BATCH + 1)
    squares.insert(3, (None, DataError("broken")))
    assert [(first, len(batch)) for first, batch in batched(squares, BATCH)] == [
        (True, BATCH + 1),
        (False, 1),
    ]


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)]
)
def test_an_array_that_is_no_rgb_image_is_refused(image):
    with pytest.raises(DataError, match=r"must be uint8 \[height, width, 3\], got .*; convert it"):
        noise_predictor(3).mask(image)


def test_an_rgb_array_for_a_model_of_five_bands_is_refused():
    predictor = replace(noise_predictor(2), bands=Bands(5))
    with pytest.raises(
        DataError, match=r"must be uint8 \[height, width, 5\], got uint8 \(4, 4, 3\)"
    ):
        predictor.mask(np.zeros((4, 4, 3), np.uint8))


def test_a_file_of_other_bands_than_the_models_is_refused(tmp_path, save):
    path = save(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r"a\.png has 3 bands, but 5 are expected"):
        replace(noise_predictor(2), bands=Bands(5)).mask(path)


def bright_of_neighbours(views: np.ndarray) -> np.ndarray:
    """Logits float32 [B, S, S, 2]: the mean of the 3×3 pixels around each, less 128."""
    level = np.pad(views[..., 0].astype(np.float32), ((0, 0), (1, 1), (1, 1)), "reflect")
    rows = sum(level[:, y : y + views.shape[1]] for y in range(3))
    mean = sum(rows[:, :, x : x + views.shape[2]] for x in range(3)) / 9
    return np.stack([128 - mean, mean - 128], axis=-1) / 40


@pytest.mark.parametrize("size", [(5, 9), (16, 16), (40, 70)])
def test_windows_score_each_pixel_as_one_large_view_would(size):
    """Where tiles overlap by more than the network sees, their size does not matter."""
    rng = np.random.default_rng(0)
    image = rng.integers(256, size=(*size, 1)).repeat(3, axis=2).astype(np.uint8)
    found = [
        Predictor(bright_of_neighbours, ViewConfig(tile, "window"), table_of(2)).probabilities(
            image
        )
        for tile in (16, 80)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=0.06)  # at a tile's border it mirrors
    assert np.abs(found[0] - found[1]).mean() < 0.002
    assert found[0].shape == (*size, 2)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_windows_of_a_scaled_image_come_back_at_its_own_size(scale):
    predictor = Predictor(bright_of_neighbours, ViewConfig(16, "window", scale), table_of(2))
    image = np.zeros((41, 67, 3), np.uint8)
    image[:, 30:] = 255
    mask = predictor.mask(image)
    assert mask.shape == (41, 67)
    assert mask[:, :28].max() == 0
    assert mask[:, 32:].min() == 1


@pytest.mark.parametrize("classes", [1, 2, 128, 129, 254])
def test_the_likeliest_of_many_classes_is_found(classes):
    scores = np.random.default_rng(0).random((5, 7, classes), np.float32)
    for laid in (scores, np.moveaxis(np.moveaxis(scores, -1, 0).copy(), 0, -1)):
        np.testing.assert_array_equal(most_likely(laid), scores.argmax(axis=-1))
        np.testing.assert_allclose(softmax(laid).sum(axis=-1), 1, atol=1e-5)


def test_squares_of_several_images_share_batches():
    asked = []

    def logits(views):
        asked.append(len(views))
        return bright_of_neighbours(views)

    predictor = Predictor(logits, ViewConfig(16, "window", overlap=0.0), table_of(2))
    sizes = [(16, 48), (16, 16), (32, 48)]
    images = [np.full((*size, 3), 255, np.uint8) for size in sizes]
    found = list(predictor.predict_all(images, lambda image: image))
    assert [scores.shape[:2] for _, scores in found] == sizes
    assert asked == [BATCH, BATCH]  # 3 + 1 + 6 squares, the last batch filled up


@pytest.mark.parametrize("fit", ["pad", "squash", "window"])
def test_a_network_with_a_margin_sees_more_and_says_the_same(fit):
    """In place of a network: brightness as logits, of the whole square or without its margin."""

    def logits(views: np.ndarray) -> np.ndarray:
        return np.stack([views.mean(axis=-1) / 50, np.zeros(views.shape[:3])], axis=-1)

    def inner(views: np.ndarray) -> np.ndarray:
        assert views.shape[1:3] == (32 + 2 * 9, 32 + 2 * 9)
        return logits(views)[:, 9:-9, 9:-9]

    y, x = np.mgrid[:50, :70]
    image = (120 + 60 * np.sin(x / 9) + 60 * np.cos(y / 7)).astype(np.uint8)
    image = image[..., None].repeat(3, axis=2)
    view = ViewConfig(size=32, fit=fit, overlap=0)
    plain = Predictor(logits, view, table_of(2)).probabilities(image)
    wider = Predictor(inner, view, table_of(2), margin=9).probabilities(image)
    assert wider.shape == (50, 70, 2)
    np.testing.assert_allclose(wider, plain, atol=0.03)
