"""Test-time augmentation, with functions in place of networks."""

from dataclasses import replace

import numpy as np
import pytest

from maskwright.averaging import SCALES, WAYS, Variant, averaged
from maskwright.config import ViewConfig
from maskwright.data.labels import ClassTable, Label
from maskwright.errors import UsageError
from maskwright.predictor import Predictor, softmax

TABLE = ClassTable("index", (Label("a", "#000000", (0,)), Label("b", "#ffffff", (1,))))


def predictor_of(logits, size: int = 64, fit: str = "window", **more) -> Predictor:
    return Predictor(logits, ViewConfig(size, fit), TABLE, **more)


def bright(views: np.ndarray) -> np.ndarray:
    level = (views.astype(np.float32).mean(axis=-1) - 128) / 30
    return np.stack([-level, level], axis=-1)


def leaning(views: np.ndarray) -> np.ndarray:
    """Logits that depend on where in the view a pixel lies, whatever the image shows."""
    lean = np.linspace(-2, 2, views.shape[2], dtype=np.float32) * np.ones(views.shape[:3])
    return np.stack([-lean, lean], axis=-1).astype(np.float32)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("way", ["flip", "flips"])
def test_a_network_that_does_not_care_gives_the_same(image, way):
    plain = predictor_of(bright)
    found = averaged(plain, [way]).probabilities(image)
    np.testing.assert_allclose(found, plain.probabilities(image), atol=1e-5)


def test_what_leans_to_one_side_is_evened_out(image):
    plain = predictor_of(leaning)
    assert np.ptp(plain.probabilities(image)) > 0.9
    np.testing.assert_allclose(averaged(plain, ["flip"]).probabilities(image), 0.5, atol=1e-5)


def test_the_mean_is_one_of_probabilities_at_the_temperature(image):
    plain = predictor_of(leaning, temperature=3.0)
    scores = softmax(leaning(image[None])[0] / np.float32(3))
    wanted = (scores + scores[:, ::-1] + scores + scores[:, ::-1]) / 4  # up-down it is the same
    np.testing.assert_allclose(averaged(plain, ["flips"]).probabilities(image), wanted, atol=1e-5)


def test_scales_are_looked_at_in_other_sizes_and_come_back_in_place():
    seen = []

    def logits(views):
        seen.append(views.shape[1])
        return bright(views)

    y, x = np.mgrid[:64, :64]
    image = (128 + 90 * np.sin(x / 9) * np.cos(y / 7))[..., None].repeat(3, 2).astype(np.uint8)
    plain = predictor_of(logits, size=128, fit="pad")
    found = averaged(plain, ["scales"]).probabilities(image)
    assert seen == [128, 96, 160]
    seen.clear()
    np.testing.assert_allclose(found, plain.probabilities(image), atol=0.05)


def test_ways_add_up_and_none_changes_nothing():
    plain = predictor_of(bright)
    assert averaged(plain, []) is plain
    variants = dict.fromkeys(v for way in ("flip", "flips") for v in WAYS[way])
    assert len(variants) == 3


def test_a_margin_is_kept_and_refused_for_scales(image):
    def inner(views):
        return bright(views)[:, 5:-5, 5:-5]

    plain = predictor_of(inner, size=32, margin=5)
    found = averaged(plain, ["flips"]).probabilities(image)
    np.testing.assert_allclose(found, plain.probabilities(image), atol=1e-5)
    with pytest.raises(UsageError, match="it sees one size; leave out scales"):
        averaged(plain, ["scales"])


def test_scales_of_what_takes_one_size_are_refused():
    plain = replace(predictor_of(bright), fixed=True)
    with pytest.raises(UsageError, match=r"takes squares of .* pixels alone; leave out scales, or"):
        averaged(plain, ["scales"])


def test_a_way_that_is_none_is_refused():
    with pytest.raises(UsageError, match="no test-time augmentation called flop: did you mean fl"):
        averaged(predictor_of(bright), ["flop"])


@pytest.mark.parametrize("variant", [*WAYS["flips"], *SCALES])
def test_there_and_back_is_the_square_itself(variant):
    squares = np.zeros((2, 64, 64, 3), np.uint8)
    squares[:, 10:30, 20:50] = 200
    seen = variant.of(squares)
    back = variant.back(seen.astype(np.float32), 64)
    assert back.shape == (2, 64, 64, 3)
    tolerance = 1 if variant.scale == 1 else 110  # at edges
    assert np.abs(back - squares).max() < tolerance
    assert abs((back - squares).mean()) < 1


def test_a_plain_variant_is_nothing():
    squares = np.arange(96 * 96 * 3, dtype=np.uint8).reshape(1, 96, 96, 3)
    np.testing.assert_array_equal(Variant().of(squares), squares)
    assert replace(Variant(), scale=0.01).of(squares).shape == (1, 32, 32, 3)
