"""A run's network with all that is before and behind it, as one graph of TensorFlow.

The graph does with plain operations what ``views.Whole`` does with OpenCV: blocks of pixels are
averaged where an image is twice as large as the view or more, the view is resampled bilinearly from
the image, mirrored at its border, and probabilities go back to the image's own size bilinearly.
Each step works along one axis at a time, with coordinates computed from the image's size, so the
graph takes images of any size. What runtimes were seen to get wrong is left out: branches (OpenVINO
2026.4 gave other masks each time) and whole numbers divided (it rounded them). Two operations have
names, what gives the view and the softmax, so that the network can be cut out of a file again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from maskwright.artifacts.facts import CHANCES, IMAGE, SQUARE, Facts
from maskwright.engine import keras
from maskwright.errors import UsageError
from maskwright.models import without_mirror

Tensors = dict[str, Any]
NUDGE = 1e-3  # grey levels, enough to take a half to the next number
LEAST = 1e-3  # in place of 0, where an axis has one pixel and its mirror image no period


@dataclass(frozen=True)
class Graph:
    """Functions of TensorFlow, the variables in them, and the model that they were made of.

    ``call`` takes images or squares uint8 [B, H, W, C] and gives the outputs of ``Facts``;
    ``network`` takes squares uint8 of ``side`` pixels and gives logits at the temperature, float32
    [B, S, S, channels].
    """

    call: Callable[[Any], Tensors]
    shape: tuple[int | None, int | None, int | None, int]
    network: Callable[[Any], Tensors]
    side: int
    variables: list[Any]
    model: keras.Model


def graph_of(model: keras.Model, facts: Facts) -> Graph:
    """The graph of a run's network, as the facts say: of images of any size, or of views.

    Raises UsageError where Keras runs on another engine.
    """
    if keras.config.backend() != "tensorflow":
        raise UsageError(
            f"Keras runs on {keras.config.backend()} here, and exports are made on TensorFlow, "
            "which gives the same masks; set KERAS_BACKEND=tensorflow, or use maskwright export"
        )
    side = facts.size + 2 * facts.margin
    inner, _ = without_mirror(model)
    square = keras.Input((side, side, facts.bands.count), dtype="float32")
    network = keras.Model(square, inner(square))
    variables = [one.value for one in network.variables]  # those of TensorFlow, that it tracks

    def of_image(image: Any) -> Tensors:
        return outputs(network(view_of(image, facts), training=False), facts, image)

    def of_square(square: Any) -> Tensors:
        return outputs(network(real(square), training=False), facts, None)

    def logits(square: Any) -> Tensors:
        return {"logits": tempered(network(real(square), training=False), facts)}

    whole = facts.takes == IMAGE
    shape = (None, *([None, None] if whole else [side, side]), facts.bands.count)
    return Graph(of_image if whole else of_square, shape, logits, side, variables, model)


def view_of(image: Any, facts: Facts) -> Any:
    """The view float32 [B, S, S, C], whole grey levels, of images uint8 [B, H, W, C]."""
    import tensorflow as tf

    sides = tf.shape(image)[1], tf.shape(image)[2]
    shown = shown_of(sides, facts)
    planes = tf.transpose(tf.cast(image, tf.float32), (0, 3, 1, 2))
    small = []
    for side, longer in zip(sides, shown, strict=True):
        block = tf.maximum(1.0, tf.floor((real(longer) + 0.5) / facts.size))
        count = tf.cast(tf.maximum(1.0, tf.round(real(side) / block)), tf.int32)
        planes = turned(averaged(planes, side, count))
        small.append(count)
    halved = [tf.equal(side, 2 * count) for side, count in zip(sides, small, strict=True)]
    # Where OpenCV averages two by two a half is rounded up, elsewhere to the even number.
    planes = tf.round(planes + NUDGE * real(tf.logical_and(*halved)))
    for side, count, longer in zip(sides, small, shown, strict=True):
        places = places_in_image(side, longer, facts)
        places = (places + 0.5) * real(count) / real(side) - 0.5
        planes = turned(between(planes, mirrored(places, count), count))
    return tf.round(tf.transpose(planes, (0, 2, 3, 1)), name=SQUARE)


def outputs(logits: Any, facts: Facts, image: Any | None) -> Tensors:
    """Mask uint8, confidence float32 [B, H, W] and probabilities float32 [B, H, W, classes].

    ``logits`` are of the view float32 [B, S, S, channels]; without an image the outputs are as
    well. Where rims were learnt there is ``inside`` float32 [B, H, W].
    """
    import tensorflow as tf

    planes = tf.nn.softmax(tempered(logits, facts), name=CHANCES)
    axis = -1 if image is None else 1  # of the channels; rows are resampled along the last axis
    if image is not None:
        planes = tf.transpose(planes, (0, 3, 1, 2))
        sides = tf.shape(image)[1], tf.shape(image)[2]
        for side, longer in zip(sides, shown_of(sides, facts), strict=True):
            places = places_in_view(side, longer, facts.size)
            planes = turned(between(planes, places, facts.size))
    found: Tensors = {}
    if facts.rims:
        ground, inside, rim = tf.split(planes, 3, axis=axis)
        found["inside"] = tf.squeeze(inside, axis)
        planes = tf.concat([ground, inside + rim], axis=axis)
    found["mask"] = tf.cast(tf.argmax(planes, axis=axis), tf.uint8)
    found["confidence"] = tf.reduce_max(planes, axis=axis)
    found["probabilities"] = planes if image is None else tf.transpose(planes, (0, 2, 3, 1))
    return found


def tempered(logits: Any, facts: Facts) -> Any:
    """Logits float32 [B, S, S, channels] at the temperature, as ``rims.tempering`` has it."""
    import tensorflow as tf

    heat = facts.temperature
    if not facts.rims:
        return logits / heat
    ground, parts = tf.split(logits, (1, 2), axis=-1)
    whole = tf.reduce_logsumexp(parts, axis=-1, keepdims=True)
    return tf.concat([ground / heat, whole / heat + parts - whole], axis=-1)


def real(number: Any) -> Any:
    """Whole numbers as float32."""
    import tensorflow as tf

    return tf.cast(number, tf.float32)


def upto(number: Any) -> Any:
    """0, 1, … below a number, float32."""
    import tensorflow as tf

    return tf.range(real(number), dtype=tf.float32)


def shown_of(sides: tuple[Any, Any], facts: Facts) -> Sequence[Any]:
    """How many pixels a view shows along each axis, those of the image and what is mirrored."""
    import tensorflow as tf

    return [tf.reduce_max(tf.stack(sides))] * 2 if facts.fit == "pad" else sides


def before(side: Any, shown: Any) -> Any:
    """How many of the pixels that are shown come before those of the image, float32."""
    import tensorflow as tf

    return tf.floor((real(shown) - real(side)) / 2)


def places_in_image(side: Any, shown: Any, facts: Facts) -> Any:
    """Where in an image's axis of ``side`` pixels each of the view's pixels lies, float32."""
    steps = upto(facts.size + 2 * facts.margin) - float(facts.margin)
    return (steps + 0.5) * (real(shown) / facts.size) - before(side, shown) - 0.5


def places_in_view(side: Any, shown: Any, size: int) -> Any:
    """Where in the view each pixel of an image's axis lies, float32; at the least on its border."""
    import tensorflow as tf

    places = (upto(side) + 0.5 + before(side, shown)) * (size / real(shown)) - 0.5
    return tf.clip_by_value(places, 0.0, size - 1.0)


def mirrored(places: Any, side: Any) -> Any:
    """Places beyond an axis of ``side`` pixels, mirrored at its first and last one."""
    import tensorflow as tf

    last = tf.maximum(real(side) - 1, LEAST)
    return last - tf.abs(tf.math.floormod(places, 2 * last) - last)


def turned(planes: Any) -> Any:
    """Planes [B, C, H, W] as [B, C, W, H]."""
    import tensorflow as tf

    return tf.transpose(planes, (0, 1, 3, 2))


def between(planes: Any, places: Any, side: Any) -> Any:
    """Planes float32 [B, C, side, W] linearly resampled at places float32 [n]: [B, C, n, W].

    Along rows, which runtimes gather many times as fast as columns.
    """
    import tensorflow as tf

    before = tf.floor(places)
    share = tf.reshape(places - before, (-1, 1))
    first = tf.cast(before, tf.int32)
    low = tf.gather(planes, first, axis=2)
    high = tf.gather(planes, tf.minimum(first + 1, side - 1), axis=2)
    return low + (high - low) * share


def averaged(planes: Any, side: Any, small: Any) -> Any:
    """Planes float32 [B, C, side, W] averaged down to [B, C, small, W], as OpenCV's INTER_AREA.

    Differences of the sum up to each new pixel's edges; of equal sides the planes themselves.
    """
    import tensorflow as tf

    ratio = real(side) / real(small)
    sums = tf.pad(tf.cumsum(planes, axis=2), [[0, 0], [0, 0], [1, 0], [0, 0]])
    edges = between(sums, upto(small + 1) * ratio, side + 1)
    return (edges[:, :, 1:] - edges[:, :, :-1]) / ratio
