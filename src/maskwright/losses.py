"""Losses from logits; pixels whose class is 255 (ignore) count for nothing."""

from __future__ import annotations

from typing import Any

from maskwright.data.labels import IGNORE
from maskwright.engine import keras

ops = keras.ops


def cross_entropy(classes: Any, logits: Any) -> Any:
    """Mean cross-entropy in nats over the pixels that count; 0 where none does.

    classes uint8 [B, H, W], logits float32 [B, H, W, C]; a scalar float32.

    >>> import numpy as np
    >>> logits = np.log(np.array([[[[0.25, 0.75], [0.5, 0.5]]]], np.float32))
    >>> round(float(cross_entropy(np.array([[[0, 255]]], np.uint8), logits)), 4)  # -log 0.25
    1.3863
    """
    counts = ops.not_equal(classes, IGNORE)
    target = ops.where(counts, ops.cast(classes, "int32"), 0)
    each = ops.sparse_categorical_crossentropy(target, logits, from_logits=True)
    each = ops.where(counts, each, 0.0)
    return ops.sum(each) / ops.maximum(ops.sum(ops.cast(counts, each.dtype)), 1.0)
