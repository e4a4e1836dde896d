"""Decoders: features at strides 2, 4, 8, 16 and 32 to one map of features at a fine stride.

Each is a plain function ``(features, width) -> (map, stride)``. ``features`` are float
[B, H / s, W / s, C_s] for s = 2, 4, 8, 16, 32, H and W multiples of 32; ``width`` is the number of
channels at the finest level, and coarser levels have more or as many, as each function says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from maskwright.models.blocks import Tensor, layers, separable_block, upsample
from maskwright.models.encoders import STRIDES

MOST = 8  # times the width, at the coarsest levels
Decoder = Callable[[Sequence[Tensor], int], tuple[Tensor, int]]


def unet(features: Sequence[Tensor], width: int) -> tuple[Tensor, int]:
    """The decoder of the U-Net (Ronneberger et al. 2015, fig. 1) with separable convolutions.

    From coarse to fine the map is enlarged twice, joined with the features of that size, and
    mixed: ``width`` channels at stride 2, twice as many at each stride above, eight times at most.
    """
    x = features[-1]
    for level in reversed(range(len(features) - 1)):
        x = layers.Concatenate()([upsample(x, 2), features[level]])
        x = separable_block(x, width * min(2**level, MOST))
    return x, STRIDES[0]


def unet_plus_plus(features: Sequence[Tensor], width: int) -> tuple[Tensor, int]:
    """U-Net++ (Zhou et al. 2018, eq. 1): every level is joined with all earlier maps of its size.

    Node (i, j) takes nodes (i, 0 … j − 1) and node (i + 1, j − 1) enlarged twice. Channels are
    those of ``unet``.
    """
    row = list(features)
    nodes: list[list[Tensor]] = [[feature] for feature in row]
    for step in range(1, len(features)):
        for level in range(len(features) - step):
            below = upsample(nodes[level + 1][step - 1], 2)
            x = layers.Concatenate()([*nodes[level], below])
            nodes[level].append(separable_block(x, width * min(2**level, MOST)))
    return nodes[0][-1], STRIDES[0]


def fpn(features: Sequence[Tensor], width: int) -> tuple[Tensor, int]:
    """Panoptic FPN's semantic branch (Kirillov et al. 2019, fig. 3; Lin et al. 2017, fig. 3).

    Strides 4 to 32 are brought to four times ``width`` channels and added from coarse to fine; each
    level is then brought to stride 4 by steps of two, and all are added: two times ``width``
    channels.
    """
    lateral = [layers.Conv2D(4 * width, 1)(feature) for feature in features[1:]]
    for level in reversed(range(len(lateral) - 1)):
        lateral[level] = layers.Add()([lateral[level], upsample(lateral[level + 1], 2)])
    maps = []
    for level, x in enumerate(lateral):
        x = separable_block(x, 2 * width)
        for _ in range(level):
            x = separable_block(upsample(x, 2), 2 * width)
        maps.append(x)
    return layers.Add()(maps), STRIDES[1]


def deeplabv3_plus(features: Sequence[Tensor], width: int) -> tuple[Tensor, int]:
    """DeepLabV3+ (Chen et al. 2018, fig. 2): atrous pyramid at stride 16, joined at stride 4.

    The encoder's stride 32 is enlarged and joined at stride 16, in place of the atrous encoder.
    Rates 6, 12, 18 and the image's mean, as in section 3.1; four times ``width`` channels.
    """
    x = layers.Concatenate()([features[3], upsample(features[4], 2)])
    rates = [separable_block(x, 4 * width, dilation=rate) for rate in (6, 12, 18)]
    mean = layers.Conv2D(4 * width, 1, activation="relu")(
        layers.GlobalAveragePooling2D(keepdims=True)(x)
    )
    x = layers.Concatenate()([layers.Conv2D(4 * width, 1, activation="relu")(x), *rates])
    x = layers.Add()([layers.Conv2D(4 * width, 1)(x), mean])  # the mean at every place
    fine = layers.Conv2D(width, 1, activation="relu")(features[1])
    x = layers.Concatenate()([upsample(x, 4), fine])
    return separable_block(x, 4 * width), STRIDES[1]


DECODERS: dict[str, Decoder] = {
    "unet": unet,
    "unet_plus_plus": unet_plus_plus,
    "fpn": fpn,
    "deeplabv3_plus": deeplabv3_plus,
}
