"""The parts of a U-Net, as functions from Keras tensor to Keras tensor."""

from __future__ import annotations

from typing import Any

from maskwright.engine import keras

layers = keras.layers
MOMENTUM = 0.9  # what a batch normalisation's running statistics keep of themselves in a step
Tensor = Any  # a keras.KerasTensor; shapes are in the docstrings


def conv_block(
    x: Tensor,
    filters: int,
    *,
    normalization: str = "none",
    dropout: float = 0,
    padding: str = "same",
) -> Tensor:
    """Two 3×3 convolutions with ReLU: [B, H, W, C] to [B, H, W, filters].

    With ``padding`` "valid" instead of "same" height and width shrink by 4: what is left has seen
    no border. With ``normalization`` "batch" each convolution gives up its bias to a batch
    normalisation before the ReLU. Weights begin He-normal (He et al. 2015, eq. 10).
    """
    for _ in range(2):
        x = layers.Conv2D(
            filters,
            3,
            padding=padding,
            kernel_initializer="he_normal",
            use_bias=normalization == "none",
        )(x)
        if normalization == "batch":
            x = layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = layers.Activation("relu")(x)
    return layers.Dropout(dropout)(x) if dropout else x


def up_block(
    x: Tensor, skip: Tensor, filters: int, *, normalization: str = "none", padding: str = "same"
) -> Tensor:
    """Twice the size, joined with the encoder's features of that size, then ``conv_block``.

    ``x`` [B, H, W, C] and ``skip`` [B, 2H, 2W, D] to [B, 2H, 2W, filters], through a transposed
    convolution of stride 2: 3×3, or 2×2 where ``padding`` is "valid".
    """
    kernel = 3 if padding == "same" else 2
    x = layers.Conv2DTranspose(filters, kernel, strides=2, padding="same")(x)
    x = layers.Concatenate()([x, skip])
    return conv_block(x, filters, normalization=normalization, padding=padding)


def separable_block(x: Tensor, filters: int, *, dilation: int = 1) -> Tensor:
    """A 3×3 depthwise and a 1×1 convolution, twice, each pair with batch norm and ReLU:
    [B, H, W, C] to [B, H, W, filters].

    About an eighth of the arithmetic of full 3×3 convolutions (Howard et al. 2017, eq. 5). Only the
    first depthwise convolution is dilated.
    """
    for rate in (dilation, 1):
        x = layers.DepthwiseConv2D(
            3, padding="same", dilation_rate=rate, depthwise_initializer="he_normal", use_bias=False
        )(x)
        x = layers.Conv2D(filters, 1, kernel_initializer="he_normal", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = layers.Activation("relu")(x)
    return x


def upsample(x: Tensor, factor: int) -> Tensor:
    """[B, H, W, C] to [B, factor · H, factor · W, C], bilinear."""
    return layers.UpSampling2D(factor, interpolation="bilinear")(x)
