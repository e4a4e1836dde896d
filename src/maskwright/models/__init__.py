"""Networks as plain functions: ``build(config, classes, channels) -> keras.Model``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maskwright.config import ModelConfig
from maskwright.models.encoder_decoder import (
    ENCODER,
    check_decoder,
    encoder_decoder,
    freeze_encoder,
)
from maskwright.models.encoders import check_encoder
from maskwright.models.unet import unet, without_mirror

__all__ = ["ENCODER", "build", "check_names", "freeze_encoder", "without_mirror"]

if TYPE_CHECKING:
    from maskwright.engine import keras


def check_names(config: ModelConfig) -> None:
    """Raise UsageError for an encoder or a decoder that there is not, before anything is built."""
    if config.encoder != "plain":
        check_encoder(config.encoder)
        check_decoder(config.decoder)


def build(config: ModelConfig, classes: int, channels: int = 3) -> keras.Model:
    """The configured model, from image uint8 [B, H, W, channels] to logits float32
    [B, H, W, classes].

    Raises UsageError for unknown names, and for weights that are not at hand.
    """
    if config.encoder == "plain":
        return unet(
            classes,
            channels=channels,
            filters=config.filters,
            normalization=config.normalization,
            dropout=config.dropout,
            padding=config.padding,
        )
    return encoder_decoder(
        classes,
        encoder=config.encoder,
        weights=config.weights,
        decoder=config.decoder,
        width=config.width,
        dropout=config.dropout,
        statistics=config.statistics,
        channels=channels,
    )
