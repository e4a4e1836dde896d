"""A Keras model as a Predictor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from maskwright.config import Config
from maskwright.data.images import RGB, Bands
from maskwright.data.labels import ClassTable
from maskwright.data.rims import merged, rims_of, tempering
from maskwright.predictor import Predictor

if TYPE_CHECKING:
    from maskwright.engine import keras


def model_predictor(
    model: keras.Model, config: Config, table: ClassTable, bands: Bands = RGB
) -> Predictor:
    """A Predictor that runs a Keras model; where it mirrors its border, without that."""
    from maskwright.models.logits import logits_of

    logits, margin = logits_of(model)
    if rims_of(table, config):
        return Predictor(lambda seen: merged(logits(seen)), config.view, table, bands, margin)
    return Predictor(logits, config.view, table, bands, margin)


def rims_predictor(one: Predictor, model: keras.Model) -> Predictor:
    """A model's predictor with a class more, for the rims it learnt; ``rims.apart`` undoes it."""
    from maskwright.models.logits import logits_of

    logits, _ = logits_of(model)
    return replace(one, logits=lambda seen: tempering(logits(seen), one.temperature))
