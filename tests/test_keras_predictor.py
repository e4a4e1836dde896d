"""A Keras model as a predictor: how it is asked, by what computes."""

import numpy as np
import pytest

from maskwright import engine
from maskwright.config import Config, ViewConfig
from maskwright.data.labels import ClassTable, Label
from maskwright.keras_predictor import model_predictor
from maskwright.models.unet import unet
from maskwright.predictor import BATCH, SEVERAL, SMALL

TABLE = ClassTable("index", (Label("ground", "#000000", (0,)), Label("cell", "#ffffff", (1,))))


@pytest.fixture(scope="module")
def network():
    return unet(2, filters=(4, 8))


@pytest.mark.parametrize(
    ("backend", "gpu", "side", "batch", "abreast"),
    [
        ("tensorflow", False, 512, SMALL, SEVERAL),
        ("tensorflow", False, 544, 1, SEVERAL),
        ("tensorflow", True, 544, BATCH, 1),
        ("jax", False, 256, BATCH, 1),
    ],
)
def test_small_batches_side_by_side_on_a_processor(
    network, monkeypatch, backend, gpu, side, batch, abreast
):
    monkeypatch.setattr(engine.keras.config, "backend", lambda: backend)
    monkeypatch.setattr(engine, "accelerated", lambda: gpu)
    one = model_predictor(network, Config(view=ViewConfig(side)), TABLE)
    assert (one.batch, one.abreast) == (batch, abreast)


def test_side_by_side_the_masks_are_those_of_one_at_a_time(network):
    one = model_predictor(network, Config(view=ViewConfig(16)), TABLE)
    rng = np.random.default_rng(0)
    images = [rng.integers(256, size=(n, 20, 3), dtype=np.uint8) for n in range(9, 40)]
    for image, found in one.predict_all(images, lambda same: same):
        alone = one.probabilities(image)
        np.testing.assert_allclose(found, alone, atol=1e-5)
