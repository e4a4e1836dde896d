"""The U-Net (Ronneberger, Fischer, Brox: U-Net, MICCAI 2015), and as the tutorial builds it."""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.engine import keras
from maskwright.models.blocks import Tensor, conv_block, layers, up_block

SPARE = 2  # pixels a side that valid convolutions leave over where the levels divide the size


def unet(
    classes: int,
    *,
    channels: int = 3,
    filters: Sequence[int] = (32, 64, 128, 256, 512),
    normalization: str = "none",
    dropout: float = 0.2,
    padding: str = "same",
) -> keras.Model:
    """A U-Net from image uint8 [B, H, W, channels] in 0–255 to logits float32
    [B, H, W, classes].

    H and W must be multiples of ``2 ** (len(filters) - 1)``. ``filters`` are the features of each
    level from fine to coarse; ``normalization`` is "none" or "batch"; ``dropout`` is the share of
    values dropped after the two deepest levels. With the defaults it is the tutorial's network.

    With ``padding`` "valid" no convolution sees invented zeros, as in the paper: the image, whose
    H and W must be larger than ``margin(len(filters))``, is mirrored at its border by as many
    pixels, and the convolutions use them up.

    >>> unet(classes=3).count_params()
    8630563
    """
    image = keras.Input((None, None, channels), dtype="uint8", name="image")
    valid = padding == "valid"
    x = mirrored(image, margin(len(filters))) if valid else image
    x = layers.Rescaling(1 / 255, name="scale")(x)
    skips = []
    for level, features in enumerate(filters):
        if level:
            x = layers.MaxPooling2D(2)(x)
        drop = dropout if level >= len(filters) - 2 else 0
        x = conv_block(x, features, normalization=normalization, dropout=drop, padding=padding)
        skips.append(x)
    for step, (skip, features) in enumerate(zip(skips[-2::-1], filters[-2::-1], strict=True)):
        side = layers.Cropping2D(12 * 2**step - 8)(skip) if valid else skip
        x = up_block(x, side, features, normalization=normalization, padding=padding)
    x = layers.Cropping2D(SPARE)(x) if valid else x
    logits = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="unet")


def margin(levels: int) -> int:
    """Pixels a side that a U-Net of so many levels of valid convolutions uses up.

    Two more than in the paper (572 pixels in, 388 out: 92 a side), so that the levels divide what
    is left.

    >>> margin(levels=5)
    94
    """
    return 6 * 2 ** (levels - 1) - SPARE


def mirrored(image: Tensor, pixels: int) -> Tensor:
    """[B, H, W, C] to [B, H + 2 pixels, W + 2 pixels, C], reflected at the border."""
    return keras.ops.pad(image, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), "reflect")


def without_mirror(network: keras.Model) -> tuple[keras.Model, int]:
    """The part of a network behind the mirrored border, and that border's width in pixels.

    Fed with what truly lies around a view it sees more than a reflection. A network whose first
    operation is no mirror of one width on all four sides is returned as it is, with width 0.

    >>> inner, width = without_mirror(unet(classes=2, filters=(4, 8), padding="valid"))
    >>> width, inner.compute_output_shape((1, 16 + 2 * width, 32 + 2 * width, 3))
    (10, (1, 16, 32, 2))
    """
    pads = [one for one in network.operations if type(one).__name__ == "Pad"]
    if not pads or pads[0].input is not network.input or pads[0].mode != "reflect":
        return network, 0
    width = int(pads[0].pad_width[1][0])
    if [tuple(pair) for pair in pads[0].pad_width] != [(0, 0), (width,) * 2, (width,) * 2, (0, 0)]:
        return network, 0
    return keras.Model(pads[0].output, network.output), width
