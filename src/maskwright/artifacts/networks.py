"""The network of an exported model alone, cut out between the view and the softmax.

Whoever has cut the views of an image already, as ``Predictor`` has, needs nothing around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from maskwright.artifacts.facts import CHANCES, IMAGE, SQUARE, Facts

if TYPE_CHECKING:
    import onnx
    import openvino


def onnx_network(model: onnx.ModelProto, facts: Facts) -> tuple[onnx.ModelProto, int]:
    """A model from squares to logits, and the axis of these that holds the channels.

    It takes squares float32 where the whole takes images, else uint8, [B, S, S, C]. Raises KeyError
    where the model has no such part.
    """
    from onnx import TensorProto, helper
    from onnx.utils import Extractor

    nodes = {node.name: node for node in model.graph.node}
    square = nodes[SQUARE].output[0] if facts.takes == IMAGE else model.graph.input[0].name
    logits = nodes[CHANCES].input[0]
    axis = next((one.i for one in nodes[CHANCES].attribute if one.name == "axis"), -1)
    shapes: dict[str, list[int | None]]
    shapes = {square: [None, *square_shape(facts)], logits: [None] * 4}
    model.graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    return Extractor(model).extract_model([square], [logits]), axis % 4


def openvino_network(model: openvino.Model, facts: Facts) -> tuple[openvino.Model, int]:
    """The same of OpenVINO, of a model that is not to be used any more."""
    import openvino
    from openvino import opset13

    ops = {one.get_friendly_name(): one for one in model.get_ops()}
    (given,), chances = model.get_parameters(), ops[CHANCES]
    if facts.takes == IMAGE:
        given = opset13.parameter([-1, *square_shape(facts)], np.float32)
        for reader in ops[SQUARE].output(0).get_target_inputs():
            reader.replace_source_output(given.output(0))
    logits = opset13.result(chances.input_value(0))
    return openvino.Model([logits], [given]), int(chances.get_attributes()["axis"]) % 4


def around_network(whole: openvino.Model, network: openvino.Model, facts: Facts) -> openvino.Model:
    """A model of OpenVINO with another network in place of its own."""
    import openvino

    ops = {one.get_friendly_name(): one for one in whole.get_ops()}
    (given,), (logits,) = network.get_parameters(), network.get_results()
    square = ops[SQUARE] if facts.takes == IMAGE else whole.get_parameters()[0]
    for reader in given.output(0).get_target_inputs():
        reader.replace_source_output(square.output(0))
    ops[CHANCES].input(0).replace_source_output(logits.input_value(0))
    return openvino.Model(whole.get_results(), whole.get_parameters())


def as_taken(squares: np.ndarray, facts: Facts) -> np.ndarray:
    """Squares uint8 as the network that was cut out takes them."""
    return squares.astype(np.float32) if facts.takes == IMAGE else squares


def square_shape(facts: Facts) -> tuple[int, int, int]:
    """Height, width and bands of what a network takes."""
    side = facts.size + 2 * facts.margin
    return side, side, facts.bands.count
