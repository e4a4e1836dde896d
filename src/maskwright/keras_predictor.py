"""A Keras model as a Predictor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from maskwright.config import Config
from maskwright.data.images import RGB, Bands
from maskwright.data.labels import ClassTable
from maskwright.data.rims import merged, rims_of, tempering
from maskwright.predictor import SEVERAL, SMALL, Predictor

if TYPE_CHECKING:
    from maskwright.engine import keras

LARGE = 512  # pixels a side, up to which several views are a batch


def model_predictor(
    model: keras.Model, config: Config, table: ClassTable, bands: Bands = RGB
) -> Predictor:
    """A Predictor that runs a Keras model; where it mirrors its border, without that.

    Where TensorFlow computes on the processor, small batches go through it side by side: one has
    use for the cores where the others have not. Of large views each is a batch, for the memory.
    """
    from maskwright.engine import accelerated, keras
    from maskwright.models.logits import logits_of

    logits, margin = logits_of(model)
    own = (lambda seen: merged(logits(seen))) if rims_of(table, config) else logits
    one = Predictor(own, config.view, table, bands, margin)
    if keras.config.backend() == "tensorflow" and not accelerated():
        batch = SMALL if config.view.size <= LARGE else 1
        return replace(one, batch=batch, abreast=SEVERAL)
    return one


def rims_predictor(one: Predictor, model: keras.Model) -> Predictor:
    """A model's predictor with a class more, for the rims it learnt; ``rims.apart`` undoes it."""
    from maskwright.models.logits import logits_of

    logits, _ = logits_of(model)
    return replace(one, logits=lambda seen: tempering(logits(seen), one.temperature))
