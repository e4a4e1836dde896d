"""The networks: shapes, sizes, and what they refuse."""

import numpy as np
import pytest

from maskwright.config import ModelConfig
from maskwright.engine import keras
from maskwright.models import build, without_mirror
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


def test_the_original_network_has_the_papers_margin_and_23_convolutions():
    """Two 3×3 a level down and up, 9 levels; 4 up-convolutions; 1 at the end: section 2."""
    model = unet(2, channels=1, filters=(64, 128, 256, 512, 1024), padding="valid")
    assert sum("Conv2D" in kind for kind in kinds(model)) == 23
    inner, width = without_mirror(model)
    assert width == 94
    # 572 pixels in, 388 out, of which the outermost two a side are left out here.
    assert inner.compute_output_shape((1, 572, 572, 1)) == (1, 384, 384, 2)
    # By hand: 3×3 pairs, 2×2 up-convolutions, 1×1, with their biases.
    down = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    pairs = [*down, (1024, 512), (512, 256), (256, 128), (128, 64)]
    counted = sum(9 * a * b + b + 9 * b * b + b for a, b in pairs)
    counted += sum(4 * 2 * b * b + b for _, b in pairs[5:]) + 64 * 2 + 2
    assert model.count_params() == counted


@pytest.mark.parametrize("filters", [(4,), (4, 8), (4, 4, 4), (2, 2, 2, 2)])
def test_valid_convolutions_see_the_same_wherever_a_tile_is_cut(filters):
    """Overlap-tile: what is predicted for a tile is what the whole image gives there."""
    inner, margin = without_mirror(unet(2, filters=filters, padding="valid", dropout=0))
    step = 2 ** (len(filters) - 1)
    seen = np.random.default_rng(1).integers(256, size=(1, 64 + 2 * margin, 64 + 2 * margin, 3))
    seen = seen.astype(np.uint8)
    whole = inner.predict_on_batch(seen)
    assert whole.shape == (1, 64, 64, 2)
    top, left = 2 * step, step
    tile = seen[:, top : top + 24 + 2 * margin, left : left + 16 + 2 * margin]
    there = whole[:, top : top + 24, left : left + 16]
    np.testing.assert_allclose(inner.predict_on_batch(tile), there, atol=1e-5)


def test_a_network_that_mirrors_its_border_gives_what_its_inner_part_gives_for_it(tmp_path):
    model = unet(2, filters=(4, 8), padding="valid", dropout=0)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    inner, margin = without_mirror(opened)
    wider = np.pad(IMAGES, ((0, 0), (margin, margin), (margin, margin), (0, 0)), "reflect")
    outer = model.predict_on_batch(IMAGES)
    assert outer.shape == (2, 16, 24, 2)
    np.testing.assert_allclose(inner.predict_on_batch(wider), outer, atol=1e-5)


def test_a_network_that_mirrors_nothing_is_its_own_inner_part():
    model = unet(2, **SMALL)
    assert without_mirror(model) == (model, 0)


@pytest.mark.parametrize(
    ("mode", "rows", "columns"),
    [("constant", (4, 4), (4, 4)), ("reflect", (4, 4), (2, 2)), ("reflect", (0, 4), (0, 4))],
)
def test_a_pad_that_is_no_even_mirror_is_left_in_its_network(mode, rows, columns):
    image = keras.Input((None, None, 3))
    x = keras.ops.pad(image, ((0, 0), rows, columns, (0, 0)), mode)
    model = keras.Model(image, keras.layers.Conv2D(2, 5)(x))
    assert without_mirror(model) == (model, 0)
