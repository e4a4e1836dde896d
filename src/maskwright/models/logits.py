"""A network as a plain function of squares, whatever their size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from maskwright.data.threads import map_ahead
from maskwright.models.unet import without_mirror

if TYPE_CHECKING:
    from maskwright.engine import keras

HALVED = 8  # views, of which a batch of so many, or a multiple, is predicted in halves

Logits = Callable[[np.ndarray], np.ndarray]


def logits_of(model: keras.Model) -> tuple[Logits, int]:
    """What a model makes of squares, and a margin: by how many pixels on each side these are larger
    than what is told of them, because the model mirrors its border and here does not.

    Takes uint8 [B, S + 2 margin, S + 2 margin, C], gives float32 [B, S, S, classes].
    """
    inner, margin = without_mirror(model)
    return of_any_size(inner), margin


def of_any_size(model: keras.Model) -> Logits:
    """Logits float32 [B, S, S, classes] of views uint8 [B, S, S, C], compiled for each S.

    Left to itself Keras compiles at the second size for any, which its layers do not bear. Where
    TensorFlow computes on the processor, whole batches go through it as two halves side by side:
    one has use for the cores where the other one has not.
    """
    from maskwright.engine import accelerated, keras

    models: dict[tuple[int, ...], keras.Model] = {}
    several = keras.config.backend() == "tensorflow" and not accelerated()

    def logits(views: np.ndarray) -> np.ndarray:
        shape = views.shape[1:]
        new = shape not in models
        if new:
            image = keras.Input(shape, dtype=model.inputs[0].dtype)
            models[shape] = keras.Model(image, model(image)) if models else model
        predict = models[shape].predict_on_batch
        if not several or len(views) % HALVED:
            return predict(views)
        workers = 1 if new else 2  # the first call makes what the others use
        return np.concatenate(list(map_ahead(predict, np.split(views, 2), workers)))

    return logits
