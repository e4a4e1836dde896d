"""One function a format: write a graph as a file, with the facts inside."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maskwright.artifacts.facts import IMAGE, KEY, VIEW
from maskwright.artifacts.opening import INSIDE_ZIP
from maskwright.artifacts.runtimes import ASSET, NETWORK
from maskwright.console import quiet
from maskwright.data.ingest.extras import import_needed
from maskwright.exporting.graph import Graph

OPSET = 17  # of ONNX


def traced(graph: Graph, batch: int | None = None) -> tuple[Any, Any]:
    """A graph as a function of TensorFlow, and the signature of what it takes."""
    return signed(graph.call, (batch, *graph.shape[1:]), "image")


def signed(call: Any, shape: tuple[int | None, ...], name: str) -> tuple[Any, Any]:
    """A function of TensorFlow, of pixels uint8, and its signature."""
    import tensorflow as tf

    signature = tf.TensorSpec(shape, tf.uint8, name=name)
    return tf.function(call, input_signature=[signature]), signature


def write_onnx(graph: Graph, facts: str, path: Path) -> None:
    """An ONNX file, facts among its metadata."""
    onnx = import_needed("onnx", "onnx", "exporting to onnx")
    converter = import_needed("tf2onnx.convert", "onnx", "exporting to onnx")
    function, signature = traced(graph)
    with quiet():
        model, _ = converter.from_function(function, input_signature=[signature], opset=OPSET)
    onnx.helper.set_model_props(model, {KEY: facts})
    model.producer_name = KEY
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_openvino(graph: Graph, facts: str, path: Path) -> None:
    """OpenVINO's .xml and .bin, in float32, made from the ONNX file."""
    openvino = import_needed("openvino", "openvino", "exporting to openvino")
    between = path.with_suffix(".onnx")
    try:
        write_onnx(graph, facts, between)
        model = openvino.convert_model(between)
    finally:
        between.unlink(missing_ok=True)
    model.set_rt_info(facts, [KEY])
    openvino.save_model(model, path, compress_to_fp16=False)


@contextmanager
def litert_converter(graph: Graph) -> Iterator[Any]:
    """TensorFlow's converter to LiteRT, of a graph for one square at a time."""
    import tensorflow as tf

    function, _ = traced(graph, batch=1)
    module = tf.Module()
    module.call, module.weights = function, graph.variables
    with tempfile.TemporaryDirectory() as folder:
        with quiet():
            tf.saved_model.save(module, folder, signatures=function.get_concrete_function())
        yield tf.lite.TFLiteConverter.from_saved_model(folder)


def write_litert(graph: Graph, facts: str, path: Path) -> None:
    """A LiteRT file for one square at a time, facts in a zip archive behind the model."""
    with litert_converter(graph) as converter, quiet():
        path.write_bytes(converter.convert())
    with_facts(path, facts)


def with_facts(path: Path, facts: str) -> None:
    """Append the facts to a LiteRT file, in a zip archive."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(INSIDE_ZIP, facts)


def write_saved_model(graph: Graph, facts: str, path: Path) -> None:
    """TensorFlow's SavedModel, facts among its assets."""
    import tensorflow as tf

    whole, _ = traced(graph)
    network, _ = signed(graph.network, (None, graph.side, graph.side, graph.shape[-1]), "square")
    module = tf.Module()
    module.call, module.network, module.weights = whole, network, graph.variables
    signatures = {
        "serving_default": whole.get_concrete_function(),
        NETWORK: network.get_concrete_function(),
    }
    with quiet():
        tf.saved_model.save(module, str(path), signatures=signatures)
    asset = path / ASSET
    asset.parent.mkdir(exist_ok=True)
    asset.write_text(facts, "utf-8")


Writer = Callable[[Graph, str, Path], None]
# The name of the file, what writes it, and what it takes of images that a run sees whole.
FORMATS: dict[str, tuple[str, Writer, str]] = {
    "onnx": ("model.onnx", write_onnx, IMAGE),
    "openvino": ("model.xml", write_openvino, IMAGE),
    "litert": ("model.tflite", write_litert, VIEW),
    "saved_model": ("saved_model", write_saved_model, IMAGE),
}
