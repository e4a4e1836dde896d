"""The networks: shapes, sizes, and what they refuse."""

import numpy as np
import pytest

from maskwright.config import ModelConfig
from maskwright.engine import keras
from maskwright.models import build
from maskwright.models.blocks import conv_block, up_block
from maskwright.models.unet import unet

SMALL = {"filters": (4, 8)}
IMAGES = np.random.default_rng(0).integers(256, size=(2, 16, 24, 3)).astype(np.uint8)


def kinds(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("classes", [2, 3, 20])
def test_raw_images_become_logits_of_their_own_size(classes):
    logits = unet(classes, **SMALL).predict_on_batch(IMAGES)
    assert logits.shape == (2, 16, 24, classes)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert logits.min() < 0  # logits, with neither a ReLU nor a softmax behind them


def test_any_size_that_suits_the_levels_goes_through():
    model = unet(2, filters=(2, 4, 8))
    assert model.predict_on_batch(IMAGES[:1, :8, :12]).shape == (1, 8, 12, 2)


@pytest.mark.parametrize("channels", [1, 2, 5, 12])
def test_images_of_other_bands_than_rgb_go_through(channels):
    model = build(ModelConfig(filters=(4, 8)), classes=2, channels=channels)
    assert model.input.shape == (None, None, None, channels)
    images = np.zeros((1, 8, 8, channels), np.uint8)
    assert model.predict_on_batch(images).shape == (1, 8, 8, 2)


def test_each_further_band_costs_the_first_layer_nine_weights_a_filter():
    counts = [unet(2, channels=channels, **SMALL).count_params() for channels in (3, 5)]
    assert counts[1] - counts[0] == 2 * 9 * 4


def test_the_tutorials_network_has_its_8_630_563_parameters():
    assert unet(classes=3).count_params() == 8_630_563


def test_batch_normalisation_takes_the_place_of_the_biases():
    plain, normalised = unet(2, **SMALL), unet(2, **SMALL, normalization="batch")
    assert kinds(plain).count("BatchNormalization") == 0
    assert kinds(normalised).count("BatchNormalization") == 6
    # Three blocks of two convolutions: 4+4 channels up, 8+8 below, 4+4 down.
    channels = 2 * (4 + 8 + 4)
    assert normalised.count_params() == plain.count_params() - channels + 4 * channels
    assert normalised.predict_on_batch(IMAGES).shape == (2, 16, 24, 2)


@pytest.mark.parametrize(("dropout", "layers"), [(0, 0), (0.2, 2)])
def test_dropout_follows_the_two_deepest_levels(dropout, layers):
    assert kinds(unet(2, filters=(2, 4, 8), dropout=dropout)).count("Dropout") == layers


def test_input_and_output_have_the_names_that_exports_show():
    model = unet(2, **SMALL)
    assert (model.input.name, model.layers[-1].name) == ("image", "logits")
    assert (model.input.dtype, model.output.dtype) == ("uint8", "float32")


def test_conv_block_keeps_the_size():
    x = keras.KerasTensor((1, 5, 7, 3))
    assert conv_block(x, 6).shape == (1, 5, 7, 6)


def test_up_block_doubles_the_size_and_joins_the_skip():
    x, skip = keras.KerasTensor((1, 4, 6, 8)), keras.KerasTensor((1, 8, 12, 2))
    assert up_block(x, skip, 5).shape == (1, 8, 12, 5)


def test_a_named_encoder_is_joined_with_the_named_decoder():
    config = ModelConfig(encoder="mobilenet_v3_small", weights="none", decoder="fpn", width=4)
    model = build(config, classes=2, channels=4)
    assert model.name == "fpn-mobilenet_v3_small"
    images = np.zeros((1, 32, 64, 4), np.uint8)
    assert model.predict_on_batch(images).shape == (1, 32, 64, 2)


def test_build_follows_the_configuration():
    model = build(ModelConfig(filters=(2, 4, 8), normalization="none", dropout=0), classes=5)
    assert model.output.shape == (None, None, None, 5)
    assert kinds(model).count("MaxPooling2D") == 2
    assert not {"BatchNormalization", "Dropout"} & set(kinds(model))
