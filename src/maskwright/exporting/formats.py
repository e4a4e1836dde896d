"""One function a format: write a graph as a file, with the facts inside."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maskwright.artifacts.facts import IMAGE, KEY, VIEW
from maskwright.artifacts.runtimes import ASSET, INSIDE_ZIP
from maskwright.console import quiet
from maskwright.data.ingest.extras import import_needed
from maskwright.exporting.graph import Graph

OPSET = 17  # of ONNX


def traced(graph: Graph, batch: int | None = None) -> tuple[Any, Any]:
    """A graph as a function of TensorFlow, and the signature of what it takes."""
    import tensorflow as tf

    signature = tf.TensorSpec((batch, *graph.shape[1:]), tf.uint8, name="image")
    return tf.function(graph.call, input_signature=[signature]), signature


def write_onnx(graph: Graph, facts: str, path: Path) -> None:
    """An ONNX file, facts among its metadata."""
    onnx = import_needed("onnx", "onnx", "exporting to ONNX")
    converter = import_needed("tf2onnx.convert", "onnx", "exporting to ONNX")
    function, signature = traced(graph)
    with quiet():
        model, _ = converter.from_function(function, input_signature=[signature], opset=OPSET)
    onnx.helper.set_model_props(model, {KEY: facts})
    model.producer_name = KEY
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_openvino(graph: Graph, facts: str, path: Path) -> None:
    """OpenVINO's .xml and .bin, in float32, made from the ONNX file."""
    openvino = import_needed("openvino", "openvino", "exporting to OpenVINO")
    between = path.with_suffix(".onnx")
    try:
        write_onnx(graph, facts, between)
        model = openvino.convert_model(between)
    finally:
        between.unlink(missing_ok=True)
    model.set_rt_info(facts, [KEY])
    openvino.save_model(model, path, compress_to_fp16=False)


def write_litert(graph: Graph, facts: str, path: Path) -> None:
    """A LiteRT file for one square at a time, facts in a zip archive behind the model."""
    import tensorflow as tf

    import_needed("ai_edge_litert", "litert", "exporting to LiteRT")
    function, _ = traced(graph, batch=1)
    module = tf.Module()
    module.call, module.weights = function, graph.variables
    with quiet(), tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=function.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        path.write_bytes(converter.convert())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(INSIDE_ZIP, facts)


def write_saved_model(graph: Graph, facts: str, path: Path) -> None:
    """TensorFlow's SavedModel, facts among its assets."""
    import tensorflow as tf

    function, signature = traced(graph)
    module = tf.Module()
    module.call, module.weights = function, graph.variables
    with quiet():
        tf.saved_model.save(module, str(path), signatures=function.get_concrete_function(signature))
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
