"""The network cut out of an export: where it ends, and that it says what the whole graph says."""

import cv2
import numpy as np
import pytest

from maskwright.artifacts.facts import IMAGE, VIEW, Facts
from maskwright.artifacts.networks import enlarged
from maskwright.artifacts.runtimes import Onnx, OpenVino
from maskwright.config import ViewConfig
from maskwright.data.images import RGB
from maskwright.data.labels import ClassTable, Label
from maskwright.engine import keras
from maskwright.exporting.formats import write_onnx, write_openvino
from maskwright.exporting.graph import graph_of

SIDE = 32
FORMATS = {"onnx": ("a.onnx", write_onnx, Onnx), "openvino": ("a.xml", write_openvino, OpenVino)}
SQUARES = np.random.default_rng(0).integers(256, size=(5, SIDE, SIDE, 3), dtype=np.uint8)
HEADS = {  # what enlarges the logits of a network of this stride, and whether it is cut off
    "twice": (2, [keras.layers.UpSampling2D(2, interpolation="bilinear")], True),
    "four times": (4, [keras.layers.UpSampling2D(4, interpolation="bilinear")], True),
    "smoothed": (
        2,
        [
            keras.layers.UpSampling2D(2, interpolation="bilinear"),
            keras.layers.Conv2D(3, 3, padding="same"),
        ],
        False,
    ),
    "not": (1, [], False),
}


def network(stride, head):
    """Three logits of squares, which differ from pixel to pixel."""
    keras.utils.set_random_seed(0)
    seen = keras.Input((None, None, 3))
    scaled = keras.layers.Rescaling(1 / 64, -2.0)(seen)
    logits = keras.layers.Conv2D(3, 3, strides=stride, padding="same")(scaled)
    for layer in head:
        logits = layer(logits)
    return keras.Model(seen, logits)


def facts_of(rims, takes):
    names = ("ground", "cell") if rims else ("ground", "cell", "rest")
    labels = tuple(
        Label(name, f"#00000{k}", () if rims and k else (k,)) for k, name in enumerate(names)
    )
    table = ClassTable("instances" if rims else "index", labels)
    return Facts(takes, ViewConfig(SIDE, "pad"), RGB, table, 0, 1.7, rims, None, {})


@pytest.mark.parametrize(
    ("head", "rims", "takes"),
    [
        ("twice", False, IMAGE),
        ("twice", True, IMAGE),
        ("twice", True, VIEW),
        ("four times", False, VIEW),
        ("smoothed", True, IMAGE),
        ("not", False, IMAGE),
    ],
)
@pytest.mark.parametrize("format", FORMATS)
def test_what_enlarges_logits_is_cut_off_and_done_by_opencv(tmp_path, format, head, rims, takes):
    name, write, runtime = FORMATS[format]
    stride, layers, small = HEADS[head]
    facts = facts_of(rims, takes)
    graph = graph_of(network(stride, layers), facts)
    write(graph, facts.text(), tmp_path / name)
    made = runtime(tmp_path / name)
    assert made.network.small == small
    wanted = np.asarray(graph.network(SQUARES)["logits"])
    for count in (1, 5):
        np.testing.assert_allclose(made.logits(SQUARES[:count]), wanted[:count], atol=1e-4)


@pytest.mark.parametrize("format", FORMATS)
def test_logits_of_the_nearest_pixel_stay_as_they_are(tmp_path, format):
    name, write, runtime = FORMATS[format]
    facts = facts_of(False, IMAGE)
    nearest = [keras.layers.UpSampling2D(2, interpolation="nearest")]
    graph = graph_of(network(2, nearest), facts)
    write(graph, facts.text(), tmp_path / name)
    made = runtime(tmp_path / name)
    assert not made.network.small
    wanted = np.asarray(graph.network(SQUARES)["logits"])
    np.testing.assert_allclose(made.logits(SQUARES), wanted, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_enlarging_is_bilinear_between_the_middles_of_pixels(channels):
    small = np.random.default_rng(1).normal(size=(2, 6, 6, channels)).astype(np.float32)
    large = enlarged(small, 12)
    assert large.shape == (2, 12, 12, channels)
    np.testing.assert_allclose(large[:, 0, 0], small[:, 0, 0], atol=1e-6)  # beyond the middles
    between = 0.75 * small[:, 0, :-1] + 0.25 * small[:, 0, 1:]
    np.testing.assert_allclose(large[:, 0, 1:-1:2], between, atol=1e-6)
    np.testing.assert_allclose(large[1, ..., 0], cv2.resize(small[1, ..., 0], (12, 12)), atol=1e-6)


def test_the_first_call_to_openvino_is_made_before_threads_may_make_theirs():
    asked = []

    class Request:
        def infer(self, squares, share_inputs):
            asked.append(squares[0].shape)

        def get_output_tensor(self, place):
            return type("Tensor", (), {"data": np.zeros((1, 3, 8, 8), np.float32)})

    model = type("Model", (), {"create_infer_request": staticmethod(Request)})
    made = OpenVino.__new__(OpenVino)
    made.facts, made.at_once = facts_of(False, VIEW), 1
    free = made.requests(model, 3)
    assert asked == [(1, SIDE, SIDE, 3)]
    assert free.qsize() == 3
