"""A network as a plain function of squares, whatever their size."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from maskwright.models.unet import without_mirror

if TYPE_CHECKING:
    from maskwright.engine import keras

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

    Left to itself Keras compiles at the second size for any, which its layers do not bear. To be
    called from any thread.
    """
    from maskwright.engine import keras

    models: dict[tuple[int, ...], keras.Model] = {}
    making = threading.Lock()

    def logits(views: np.ndarray) -> np.ndarray:
        shape = views.shape[1:]
        with making:
            if shape not in models:
                image = keras.Input(shape, dtype=model.inputs[0].dtype)
                models[shape] = keras.Model(image, model(image)) if models else model
                return models[shape].predict_on_batch(views)  # makes what other calls use
        return models[shape].predict_on_batch(views)

    return logits
