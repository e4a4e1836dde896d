"""Kernels whose sums stay when they are rounded to 8 bits, and models in 8 bits made of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from maskwright.artifacts.facts import VIEW, Facts
from maskwright.artifacts.runtimes import LiteRt, OpenVino
from maskwright.config import ViewConfig
from maskwright.data.images import RGB
from maskwright.data.labels import ClassTable, Label
from maskwright.engine import keras
from maskwright.exporting.formats import write_litert, write_openvino
from maskwright.exporting.graph import graph_of
from maskwright.exporting.quantizers import Job, in_float, litert_steps, openvino_steps
from maskwright.exporting.rounding import FIRST, STEPS, rounded, with_rounded_kernels

SIDE = 32
FACTS = Facts(
    VIEW, ViewConfig(SIDE, "pad"), RGB,
    ClassTable("index", (Label("dark", "#000000", (0,)), Label("bright", "#ffffff", (1,)))),
    0, 1.0, False, None, {},
)  # fmt: skip
FORMATS = {
    "openvino": ("a.xml", write_openvino, openvino_steps, OpenVino),
    "litert": ("a.tflite", write_litert, litert_steps, LiteRt),
}
WEIGHTS = st.integers(-999, 999).map(lambda number: number / 256)


@pytest.mark.parametrize("steps", [STEPS, FIRST])
@given(
    kernels=arrays(np.float32, array_shapes(min_dims=3, max_dims=3, max_side=9), elements=WEIGHTS)
)
def test_sums_of_kernels_stay_and_no_weight_goes_further_than_a_step(kernels, steps):
    found = rounded(kernels, steps)
    largest = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    step = np.where(largest > 0, largest / steps, 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found / step, np.rint(found / step), atol=1e-3)
    np.testing.assert_allclose(np.abs(found).max(axis=(1, 2), keepdims=True), largest, rtol=1e-6)
    assert np.abs((found - kernels) / step).max() <= 1 + 1e-3
    assert np.abs(((found - kernels) / step).sum(axis=-1)).max() <= 0.5 + 2e-3


def test_a_kernel_of_nothing_stays_nothing():
    assert not rounded(np.zeros((2, 3, 9), np.float32)).any()


def around_and_middle():
    """A network that calls bright what is: 5×5 pixels around less the one in the middle, by weights
    each of which lies half a step above a whole one."""
    seen = keras.Input((None, None, 3))
    scaled = keras.layers.Rescaling(1 / 128, -127 / 128)(seen)
    own = keras.layers.Conv2D(3, 1, use_bias=False)
    kernel = keras.layers.Conv2D(2, 5, padding="same", use_bias=False)
    model = keras.Model(seen, kernel(own(scaled)))
    own.set_weights([np.eye(3, dtype=np.float32)[None, None]])
    weights = np.zeros((5, 5, 3, 2), np.float32)
    weights[..., 1, 1] = 5.49 / 127
    weights[2, 2, 1, 1] = -1
    kernel.set_weights([weights])
    return model


@pytest.mark.parametrize("format", FORMATS)
def test_in_8_bits_what_is_even_gives_what_it_gave(format, tmp_path):
    """Rounded one by one, the 24 weights would lose 12 steps, and bright would be dark."""
    name, write, steps, runtime = FORMATS[format]
    graph = graph_of(around_and_middle(), FACTS)
    write(graph, FACTS.text(), tmp_path / name)
    seen = np.random.default_rng(0).integers(256, size=(12, SIDE, SIDE, 3), dtype=np.uint8)
    white = np.full((1, SIDE, SIDE, 3), 255, np.uint8)
    job = Job(tmp_path / name, graph, FACTS, np.concatenate([seen, white, 0 * white]), [], 0.005)
    assert next(steps(job)) == "in all layers"
    dark, bright = np.moveaxis(runtime(tmp_path / name).logits(white)[0, 4:-4, 4:-4], -1, 0)
    assert (bright - dark).min() > 0.01
    assert np.asarray(graph.network(white)["logits"])[0, 9, 9, 1] == pytest.approx(0.0375, abs=1e-3)


def test_a_model_keeps_its_own_kernels():
    model = around_and_middle()
    before = [weight.copy() for weight in model.get_weights()]
    made = with_rounded_kernels(model)
    for mine, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    first, second = made.get_weights()
    np.testing.assert_array_equal(first, before[0])  # 1×1
    assert np.abs(second.sum(axis=(0, 1)) - before[1].sum(axis=(0, 1))).max() <= 0.51 / 127
    assert np.abs(second - before[1]).max() > 0


def test_kernels_lie_in_a_depthwise_layer_as_in_others():
    """Each channel of its own, at its own step."""
    seen = keras.Input((None, None, 2))
    layer = keras.layers.DepthwiseConv2D(3, use_bias=False)
    model = keras.Model(seen, layer(seen))
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 1)).astype(np.float32)
    kernel[..., 1, :] *= 100
    layer.set_weights([kernel])
    (found,) = with_rounded_kernels(model).get_weights()
    for k in range(2):
        wanted = rounded(kernel[..., k, 0].reshape(1, 1, 9)).reshape(3, 3)
        np.testing.assert_array_equal(found[..., k, 0], wanted)


def test_layers_in_float_are_those_whose_weights_are():
    from openvino import Model, opset13

    seen = opset13.parameter([1, 1, 8, 8], np.float32)
    kernel = np.ones((1, 1, 3, 3))
    whole = opset13.convert(opset13.constant(kernel.astype(np.int8)), "f32")
    step = opset13.multiply(whole, opset13.constant(np.float32(0.5)))
    values = seen
    for weights in (step, opset13.constant(kernel.astype(np.float32)), step):
        values = opset13.convolution(values, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    assert in_float(Model([opset13.result(values)], [seen])) == 1
