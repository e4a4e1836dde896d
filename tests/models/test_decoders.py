"""Decoders: sizes and channels of what they make, and that every level has a part in it."""

import numpy as np
import pytest

from maskwright.engine import keras
from maskwright.errors import UsageError
from maskwright.models.decoders import DECODERS
from maskwright.models.encoder_decoder import encoder_decoder
from maskwright.models.encoders import STRIDES

WIDTHS = {"unet": 1, "unet_plus_plus": 1, "fpn": 2, "deeplabv3_plus": 4}  # of the finest map


def inputs() -> list[keras.KerasTensor]:
    """Features of an image of 64×96 pixels, with 2, 3, 4, 5 and 6 channels."""
    return [
        keras.Input((64 // stride, 96 // stride, channels))
        for channels, stride in enumerate(STRIDES, 2)
    ]


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_makes_one_map_at_a_fine_stride(name):
    x, stride = DECODERS[name](inputs(), 3)
    assert stride in (2, 4)
    assert x.shape == (None, 64 // stride, 96 // stride, 3 * WIDTHS[name])


@pytest.mark.parametrize("name", DECODERS)
def test_every_level_that_the_paper_joins_changes_the_map(name):
    features = inputs()
    x, _ = DECODERS[name](features, 4)
    model = keras.Model(features, x)
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(1, *one.shape[1:])).astype(np.float32) for one in features]
    before = model.predict_on_batch(given)
    for level, stride in enumerate(STRIDES):
        changed = [one + 1 if n == level else one for n, one in enumerate(given)]
        same = np.allclose(model.predict_on_batch(changed), before, atol=1e-6)
        unused = {"fpn": (2,), "deeplabv3_plus": (2, 8)}.get(name, ())
        assert same == (stride in unused)


@pytest.mark.parametrize("name", DECODERS)
def test_a_network_takes_raw_images_of_any_multiple_of_32(name):
    model = encoder_decoder(3, encoder="mobilenet_v3_small", weights="none", decoder=name, width=4)
    images = np.random.default_rng(0).integers(256, size=(2, 32, 64, 3)).astype(np.uint8)
    logits = model.predict_on_batch(images)
    assert logits.shape == (2, 32, 64, 3)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("channels", [1, 5])
def test_other_bands_begin_as_their_mean(channels):
    model = encoder_decoder(
        2, encoder="mobilenet_v3_small", weights="none", width=4, channels=channels
    )
    kernel, bias = model.get_layer("three_bands").get_weights()
    np.testing.assert_allclose(kernel, np.full((1, 1, channels, 3), 1 / channels))
    assert not bias.any()
    assert model.predict_on_batch(np.zeros((1, 32, 32, channels), np.uint8)).shape == (1, 32, 32, 2)


def test_an_unknown_decoder_is_named_with_the_nearest():
    with pytest.raises(UsageError, match=r"model\.decoder = unett: did you mean unet\?"):
        encoder_decoder(2, encoder="mobilenet_v3_small", weights="none", decoder="unett")
