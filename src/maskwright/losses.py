"""Losses from logits; pixels whose class is 255 (ignore) count for nothing.

Conventions of all: classes integer or float [B, H, W], class indices or 255; logits floating
[B, H, W, C] of any precision, the arithmetic is float32; the result is a scalar float32 from 0 up.
Sums run over all pixels of the batch that count, as scores do over a data set, not image by image.
Where no pixel counts, loss and gradient are 0; the logits of an ignored pixel get no gradient.
``weights``: C numbers from 0 up, one a class; means become weighted, so only their ratios matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from maskwright.data.labels import IGNORE
from maskwright.engine import keras
from maskwright.errors import UsageError, nearest

ops = keras.ops

Loss = Callable[..., Any]  # (classes, logits) -> scalar
Weights = Sequence[float] | None

SMOOTH = 1.0  # pixels added above and below the line of Dice and boundary ratios
EDGE, REACH = 3, 5  # pixels, sides of the neighbourhoods that make an edge, and in which two meet


def cross_entropy(classes: Any, logits: Any, weights: Weights = None, more: Any = None) -> Any:
    """Mean cross-entropy in nats over the pixels that count; 0 where none does.

    Weighted: sum(w −log p) / sum(w), with p and w those of each pixel's true class. ``more`` is
    added to the weight of each pixel, float [B, H, W], 0 and up.

    >>> import numpy as np
    >>> logits = np.log(np.array([[[[0.25, 0.75], [0.5, 0.5]]]], np.float32))
    >>> round(float(cross_entropy(np.array([[[0, 255]]], np.uint8), logits)), 4)  # -log 0.25
    1.3863
    """
    return _pixel_mean(_nats(classes, logits), classes, logits, weights, more)


def focal(
    classes: Any, logits: Any, weights: Weights = None, more: Any = None, gamma: float = 2.0
) -> Any:
    """Mean of (1 − p)^gamma × −log p over the pixels that count, p that of the true class.

    Equation 4 of Lin et al. 2017 (arXiv:1708.02002), with the softmax in place of their sigmoid;
    ``weights`` are their alpha (equation 5), to which ``more`` is added. Divided by the number of
    pixels (weights) that count, so that gamma = 0 is cross-entropy; gamma 0 and up.
    """
    nats = _nats(classes, logits)
    # 1 − p without cancellation; never quite 0, where a power below 1 has no slope.
    missed = ops.maximum(-ops.expm1(-nats), 1e-7)
    return _pixel_mean(missed**gamma * nats, classes, logits, weights, more)


def dice(classes: Any, logits: Any, weights: Weights = None) -> Any:
    """Mean over all classes of 1 − (2 sum(p t) + 1) / (sum(p) + sum(t) + 1), in 0–1.

    p is a class's probability, t its truth, 0 or 1. After Milletari et al. 2016 (V-Net,
    arXiv:1606.04797, section 3), without the squares below their line. The added pixel decides
    for a class that is absent from the truth: it costs nothing where nothing is predicted for it,
    else sum(p) / (sum(p) + 1).

    >>> import numpy as np
    >>> logits = np.log(np.array([[[[0.5, 0.5], [0.25, 0.75]]]], np.float32))
    >>> round(float(dice(np.array([[[0, 1]]]), logits)), 4)  # 1 - (2.0 / 2.75 + 2.5 / 3.25) / 2
    0.2517
    """
    p, truth, counts = _rows(classes, logits)
    hit = ops.sum(ops.where(truth, p, 0.0), axis=-1)
    predicted = ops.sum(ops.where(counts, p, 0.0), axis=-1)
    true = ops.sum(ops.cast(truth, "float32"), axis=-1)
    each = 1 - (2 * hit + SMOOTH) / (predicted + true + SMOOTH)
    return _class_mean(each, _per_class(weights, logits))


def lovasz(classes: Any, logits: Any, weights: Weights = None) -> Any:
    """Lovász-Softmax: a surrogate of 1 − mean IoU, in 0–1, exact where probabilities are 0 or 1.

    Berman et al. 2018 (arXiv:1705.08790), definition 2: for each class, a pixel's error is 1 − p
    where the class is true, else p; errors in descending order are weighted by the growth of the
    Jaccard loss when their pixels become wrong one after another. The mean runs over the classes
    present in the truth. Ignored pixels have error 0 and so come last, behind all that matter.

    >>> import numpy as np
    >>> logits = np.log(np.array([[[[0.6, 0.4], [0.3, 0.7]]]], np.float32))
    >>> round(float(lovasz(np.array([[[0, 1]]]), logits)), 4)  # 0.4, and 0.4 / 2 + 0.3 / 2
    0.375
    """
    p, truth, counts = _rows(classes, logits)
    errors = ops.where(counts, ops.where(truth, 1 - p, p), 0.0)
    order = ops.argsort(-ops.stop_gradient(errors), axis=-1)
    growth = _jaccard_growth(ops.take_along_axis(ops.cast(truth, "int32"), order, axis=-1))
    each = ops.sum(ops.take_along_axis(errors, order, axis=-1) * growth, axis=-1)
    present = ops.cast(ops.any(truth, axis=-1), "float32")
    return _class_mean(each, _per_class(weights, logits) * present)


def boundary(classes: Any, logits: Any, weights: Weights = None) -> Any:
    """Mean over all classes of 1 − the F1 score of soft boundaries that meet within 2 pixels, 0–1.

    Bokhovkin and Burnaev 2019 (arXiv:1905.07852), with theta 0 = 3 and theta = 5. A class's edge
    is max(1 − p) over a pixel's neighbourhood less its own 1 − p. Precision is the share of the
    predicted edge within reach of the true one, recall the other way round; each with a pixel
    added above and below the line, so that a class with no edge on either side costs nothing.
    Nothing lies beyond the image, and there is no edge against an ignored pixel.

    This one, because maxima over neighbours need no distance map from the host. It sees nothing
    but edges, so add it to a loss that sees the areas.

    >>> import numpy as np
    >>> logits = 50.0 * np.eye(2)[[[[0, 0, 0, 0, 1, 1]]]]  # edges: pixel 3 of class 0, 4 of 1
    >>> round(float(boundary(np.array([[[0, 0, 0, 1, 1, 1]]]), logits)), 4)  # truly 2 and 3
    0.0
    """
    counts = ops.expand_dims(ops.not_equal(classes, IGNORE), -1)
    p = ops.softmax(ops.cast(logits, "float32"))
    predicted = _edges(1 - p, counts)
    true = _edges(1 - ops.one_hot(ops.cast(classes, "int32"), logits.shape[-1]), counts)
    precision, recall = _met(predicted, true), _met(true, predicted)
    each = 1 - 2 * precision * recall / (precision + recall)
    return _class_mean(each, _per_class(weights, logits))


LOSSES: dict[str, Loss] = {
    "boundary": boundary,
    "cross_entropy": cross_entropy,
    "dice": dice,
    "focal": focal,
    "lovasz": lovasz,
}
BY_PIXEL = ("cross_entropy", "focal")  # means over pixels, each of which may have a weight


def parse_loss(text: str, weights: Weights = None) -> Loss:
    """The loss that a sum of names means, each with a factor above 0 in front or none.

    >>> import numpy as np
    >>> loss = parse_loss("cross_entropy + 0.5*dice")
    >>> round(float(loss(np.array([[[0]]]), np.zeros((1, 1, 1, 2)))), 4)  # log 2 + 0.5 × 4 / 15
    0.8265
    >>> parse_loss("cross_entropy + dise")
    Traceback (most recent call last):
    maskwright.errors.UsageError: unknown loss dise in 'cross_entropy + dise': did you mean dice?
    """
    terms = [_term(part, text) for part in text.split("+")]

    def loss(truth: Any, logits: Any) -> Any:
        classes, more = parted(truth)
        further = {name: {"more": more} if name in BY_PIXEL else {} for _, name in terms}
        return sum(
            factor * LOSSES[name](classes, logits, weights, **further[name])
            for factor, name in terms
        )

    return loss


def parted(truth: Any) -> tuple[Any, Any]:
    """Classes [B, H, W] and further weights of pixels [B, H, W], None where there are none.

    ``truth`` is [B, H, W], or with the two as its last axis [B, H, W, 2].
    """
    return (truth, None) if len(truth.shape) == 3 else (truth[..., 0], truth[..., 1])


def balanced(pixels: Sequence[int], power: float) -> Weights:
    """Class weights from the pixels of each class: (1 / share) ** power, their mean 1.

    None for power 0, where all are alike. A class without pixels gets the weight of the rarest.

    >>> [round(weight, 3) for weight in balanced([900, 100, 0], power=0.5)]
    [0.429, 1.286, 1.286]
    """
    known = [count for count in pixels if count > 0]
    if not power or not known:
        return None
    weights = [max(count, min(known)) ** -power for count in map(float, pixels)]
    return [weight * len(weights) / sum(weights) for weight in weights]


def _term(part: str, text: str) -> tuple[float, str]:
    """``" 0.5*dice"`` as (0.5, "dice")."""
    front, star, name = (piece.strip() for piece in part.rpartition("*"))
    if not name:
        raise UsageError(f"a term of the loss {text!r} is empty; write cross_entropy + 0.5*dice")
    if name not in LOSSES:
        raise UsageError(f"unknown loss {name} in {text!r}: {nearest(name, LOSSES)}")
    try:
        factor = float(front) if star else 1.0
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise UsageError(f"{front!r} in the loss {text!r} must be above 0, as in 0.5*{name}")
    return factor, name


def _per_class(weights: Weights, logits: Any) -> Any:
    """Weights float32 [C], all 1 where none are given; refuses what cannot be weights."""
    count = logits.shape[-1]
    values = [1.0] * count if weights is None else [float(value) for value in weights]
    if len(values) != count or not all(0 <= v < math.inf for v in values) or not any(values):
        raise UsageError(
            f"class weights {values} must be {count} numbers from 0 up, one a class, not all 0"
        )
    return ops.convert_to_tensor(values, dtype="float32")


def _nats(classes: Any, logits: Any) -> Any:
    """−log p of each pixel's true class, float32 [B, H, W]; of class 0 where it is ignored."""
    target = ops.where(ops.not_equal(classes, IGNORE), ops.cast(classes, "int32"), 0)
    logits = ops.cast(logits, "float32")
    return ops.sparse_categorical_crossentropy(target, logits, from_logits=True)


def _rows(classes: Any, logits: Any) -> tuple[Any, Any, Any]:
    """Probabilities float32 [C, N], truth bool [C, N], counts bool [1, N]; N = B × H × W pixels.

    A class a row: on a CPU a softmax over long rows takes half as long as one over 3 neighbours.
    """
    count = logits.shape[-1]
    rows = ops.transpose(ops.reshape(ops.cast(logits, "float32"), (-1, count)))
    powers = ops.exp(rows - ops.stop_gradient(ops.max(rows, axis=0, keepdims=True)))
    flat = ops.reshape(ops.cast(classes, "int32"), (1, -1))
    truth = ops.equal(flat, ops.reshape(ops.arange(count, dtype="int32"), (-1, 1)))
    return powers / ops.sum(powers, axis=0, keepdims=True), truth, ops.not_equal(flat, IGNORE)


def _jaccard_growth(truth: Any) -> Any:
    """By how much 1 − IoU grows as pixels become wrong one after another, float32 [C, N].

    truth int32 0 or 1 [C, N], in the order of becoming wrong. With I pixels hit and U in the union
    after it, a true pixel has added 1 / U and another I / (U (U − 1)): differences of 1 − I / U,
    of which float32 would leave little where U is large.

    >>> growth = _jaccard_growth(ops.convert_to_tensor([[1, 0, 1, 0]]))  # 1 - I/U: 1/2, 2/3, 1, 1
    >>> [round(float(value), 3) for value in growth[0]]
    [0.5, 0.167, 0.333, 0.0]
    """
    lost = ops.cumsum(truth, axis=-1)
    hit = ops.cast(lost[:, -1:] - lost, "float32")
    union = hit + ops.cast(ops.arange(1, ops.shape(truth)[-1] + 1, dtype="int32"), "float32")
    return ops.where(truth > 0, 1 / union, hit / (union * ops.maximum(union - 1, 1.0)))


def _highest(values: Any, side: int) -> Any:
    """The largest of the side × side neighbours of each pixel of float32 [B, H, W, C]."""
    column = ops.max_pool(values, (side, 1), strides=1, padding="same")
    return ops.max_pool(column, (1, side), strides=1, padding="same")


def _edges(outside: Any, counts: Any) -> Any:
    """Soft edges of classes from 1 − p or 1 − truth, float32 [B, H, W, C] in 0–1 both."""
    outside = ops.where(counts, outside, 0.0)
    return ops.where(counts, _highest(outside, EDGE) - outside, 0.0)


def _met(edges: Any, others: Any) -> Any:
    """The share of edges within reach of others, both [B, H, W, C]; float32 [C]."""
    both = (edges * _highest(others, REACH), edges)
    # Row by row: summing all at once loses 1e-4 of a million pixels on TensorFlow.
    met, whole = (ops.sum(ops.sum(values, axis=2), axis=(0, 1)) for values in both)
    return (met + SMOOTH) / (whole + SMOOTH)


def _pixel_mean(each: Any, classes: Any, logits: Any, weights: Weights, more: Any) -> Any:
    """Mean of each float32 [B, H, W] over the pixels that count, weighted by their true class.

    ``more`` [B, H, W] is added to the weights.
    """
    counts, weight = ops.not_equal(classes, IGNORE), 1.0
    if weights is not None:
        target = ops.where(counts, ops.cast(classes, "int32"), 0)
        weight = ops.take(_per_class(weights, logits), target)
    if more is not None:
        weight += ops.cast(more, "float32")
    total = ops.sum(ops.where(counts, weight, 0.0))
    return ops.sum(ops.where(counts, each * weight, 0.0)) / ops.where(total > 0, total, 1.0)


def _class_mean(each: Any, weights: Any) -> Any:
    """Mean of each float32 [C], weighted; 0 where all weights are."""
    total = ops.sum(weights)
    return ops.sum(each * weights) / ops.where(total > 0, total, 1.0)
