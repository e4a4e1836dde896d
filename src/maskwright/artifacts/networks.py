"""The network of an exported model alone, cut out between the view and the softmax.

Whoever has cut the views of an image already, as ``Predictor`` has, needs nothing around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from maskwright.artifacts.facts import CHANCES, IMAGE, SQUARE, Facts
from maskwright.data.planes import planes_of
from maskwright.data.rims import tempering

if TYPE_CHECKING:
    import onnx
    import openvino

# What a graph does between its network's logits and the softmax, in the words of both formats.
TEMPERING = {"Concat", "Div", "Divide", "Mul", "Multiply", "Split", "Transpose", "VariadicSplit"}
BETWEEN, HALF = "coordinate_transformation_mode", "half_pixel"  # as OpenCV has it


class Part(NamedTuple):
    """A network that was cut out of a file, and the axis of its logits that holds the channels.

    What is ``small`` ends before the logits are enlarged to the view's size and tempered. Of a few
    channels runtimes are slow at that: OpenVINO took 2.4 of 18 ms for it.
    """

    model: Any
    axis: int
    small: bool

    def logits(self, found: np.ndarray, facts: Facts) -> np.ndarray:
        """What it gives as logits float32 [B, S, S, channels] at the temperature."""
        found = np.moveaxis(found, self.axis, -1)
        if not self.small:
            return found
        temperature = np.float32(facts.temperature)
        if not facts.rims:  # then it does not matter which is first, and dividing few is quicker
            return enlarged(found / temperature, facts.size)
        large = tempering(enlarged(found, facts.size), facts.temperature)
        return np.divide(large, temperature, out=large)


def enlarged(logits: np.ndarray, size: int) -> np.ndarray:
    """Logits float32 [B, s, s, channels] bilinearly as [B, size, size, channels]."""
    count, channels = len(logits), logits.shape[-1]
    planes = np.empty((count, channels, size, size), np.float32)
    for one, large in zip(logits, planes, strict=True):
        for small, plane in zip(planes_of(one), large, strict=True):
            cv2.resize(small, (size, size), dst=plane, interpolation=cv2.INTER_LINEAR)
    return np.moveaxis(planes, 1, -1)


def onnx_network(model: onnx.ModelProto, facts: Facts) -> Part:
    """A model from squares to logits.

    It takes squares float32 where the whole takes images, else uint8, [B, S, S, C]. Raises KeyError
    where the model has no such part.
    """
    from onnx import TensorProto, helper
    from onnx.utils import Extractor

    nodes = {node.name: node for node in model.graph.node}
    square = nodes[SQUARE].output[0] if facts.takes == IMAGE else model.graph.input[0].name
    logits, axis = nodes[CHANCES].input[0], onnx_attributes(nodes[CHANCES]).get("axis", -1) % 4
    small = onnx_before_enlarging(model, logits, axis)
    logits, axis = small or (logits, axis)
    shapes: dict[str, list[int | None]]
    shapes = {square: [None, *square_shape(facts)], logits: [None] * 4}
    model.graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    part = Extractor(model).extract_model([square], [logits])
    return Part(part, axis, small is not None)


def onnx_before_enlarging(model: onnx.ModelProto, logits: str, axis: int) -> tuple[str, int] | None:
    """The output that is enlarged bilinearly, and perhaps tempered, to become these logits, and the
    axis of its channels; None where there is none."""
    made = {name: node for node in model.graph.node for name in node.output}
    while (node := made.get(logits)) and node.op_type in TEMPERING:
        if node.op_type == "Transpose":
            axis = onnx_attributes(node)["perm"][axis]
        logits = node.input[0]
    if node is None or node.op_type != "Resize":
        return None
    how = onnx_attributes(node)
    if how.get("mode") != b"linear" or how.get(BETWEEN, HALF.encode()) != HALF.encode():
        return None
    return node.input[0], axis


def onnx_attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of a node by name."""
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def openvino_network(model: openvino.Model, facts: Facts, whole: bool = False) -> Part:
    """The same of OpenVINO, of a model that is not to be used any more; ``whole`` is not small."""
    import openvino
    from openvino import opset13

    ops = {one.get_friendly_name(): one for one in model.get_ops()}
    (given,), chances = model.get_parameters(), ops[CHANCES]
    if facts.takes == IMAGE:
        given = opset13.parameter([-1, *square_shape(facts)], np.float32)
        for reader in ops[SQUARE].output(0).get_target_inputs():
            reader.replace_source_output(given.output(0))
    logits, axis = chances.input_value(0), int(chances.get_attributes()["axis"]) % 4
    small = None if whole else openvino_before_enlarging(logits, axis)
    logits, axis = small or (logits, axis)
    part = openvino.Model([opset13.result(logits)], [given])
    return Part(part, axis, small is not None)


def openvino_before_enlarging(logits: Any, axis: int) -> tuple[Any, int] | None:
    """As ``onnx_before_enlarging``, of an output of OpenVINO's."""
    while (node := logits.get_node()).get_type_name() in TEMPERING:
        if node.get_type_name() == "Transpose":
            axis = int(node.input_value(1).get_node().get_vector()[axis])
        logits = node.input_value(0)
    if node.get_type_name() != "Interpolate":
        return None
    how = node.get_attributes()
    if how["mode"] not in ("linear", "linear_onnx") or how[BETWEEN] != HALF:
        return None
    return node.input_value(0), axis


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
