"""Networks as plain functions: ``build(config, classes, channels) -> keras.Model``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maskwright.config import ModelConfig
from maskwright.errors import UsageError, nearest
from maskwright.models.unet import unet

if TYPE_CHECKING:
    from maskwright.engine import keras

MODELS = {"unet": unet}


def build(config: ModelConfig, classes: int, channels: int = 3) -> keras.Model:
    """The configured model, from image uint8 [B, H, W, channels] to logits float32
    [B, H, W, classes]."""
    if config.name not in MODELS:
        raise UsageError(f"model.name = {config.name}: {nearest(config.name, MODELS)}")
    return MODELS[config.name](
        classes,
        channels=channels,
        filters=config.filters,
        normalization=config.normalization,
        dropout=config.dropout,
    )
