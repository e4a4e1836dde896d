"""The U-Net (Ronneberger, Fischer, Brox: U-Net, MICCAI 2015) as the tutorial builds it."""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.engine import keras
from maskwright.models.blocks import conv_block, layers, up_block


def unet(
    classes: int,
    *,
    channels: int = 3,
    filters: Sequence[int] = (32, 64, 128, 256, 512),
    normalization: str = "none",
    dropout: float = 0.2,
) -> keras.Model:
    """A U-Net from image uint8 [B, H, W, channels] in 0–255 to logits float32
    [B, H, W, classes].

    H and W must be multiples of ``2 ** (len(filters) - 1)``. ``filters`` are the features of each
    level from fine to coarse; ``normalization`` is "none" or "batch"; ``dropout`` is the share of
    values dropped after the two deepest levels. With the defaults it is the tutorial's network.

    >>> unet(classes=3).count_params()
    8630563
    """
    image = keras.Input((None, None, channels), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, name="scale")(image)
    skips = []
    for level, features in enumerate(filters):
        if level:
            x = layers.MaxPooling2D(2)(x)
        drop = dropout if level >= len(filters) - 2 else 0
        x = conv_block(x, features, normalization=normalization, dropout=drop)
        skips.append(x)
    for skip, features in zip(skips[-2::-1], filters[-2::-1], strict=True):
        x = up_block(x, skip, features, normalization=normalization)
    logits = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="unet")
