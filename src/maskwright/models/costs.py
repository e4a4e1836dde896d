"""What the encoders cost: parameters, and arithmetic for one image. Facts, checked by the tests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskwright.engine import keras

SIDE = 256  # pixels, side of the image whose arithmetic is counted


@dataclass(frozen=True)
class Cost:
    """Parameters, and billions of multiply-adds for the features of an image of 256×256 pixels."""

    parameters: int
    billions: float


COSTS = {
    "efficientnet_lite0": Cost(2_998_304, 0.48),
    "efficientnet_lite1": Cost(3_774_624, 0.63),
    "efficientnet_lite2": Cost(4_413_488, 0.72),
    "mobilenet_v2": Cost(1_843_264, 0.36),
    "mobilenet_v3_small": Cost(881_520, 0.07),
    "mobilenet_v3_large": Cost(2_838_912, 0.27),
    "efficientnet_v2_b0": Cost(5_668_432, 0.92),
    "efficientnet_v2_b1": Cost(6_680_244, 1.31),
    "efficientnet_v2_b2": Cost(8_470_878, 1.51),
    "efficientnet_v2_b3": Cost(12_568_126, 2.08),
    "efficientnet_v2_s": Cost(19_998_560, 3.70),
    "resnet50": Cost(23_587_712, 5.04),
    "resnet101": Cost(42_658_176, 9.88),
    "resnet50_v2": Cost(23_564_800, 4.55),
    "resnet101_v2": Cost(42_626_560, 9.39),
    "convnext_tiny": Cost(27_818_592, 5.82),
    "convnext_small": Cost(49_453_152, 11.34),
    "convnext_base": Cost(87_564_416, 20.05),
    "densenet121": Cost(7_037_504, 3.70),
    "densenet169": Cost(12_642_880, 4.39),
    "densenet201": Cost(18_321_984, 5.60),
    "vgg16": Cost(14_714_688, 20.04),
    "vgg19": Cost(20_024_384, 25.48),
    "xception": Cost(20_861_480, 6.00),
}


def count(name: str) -> Cost:
    """Count anew what the table says: builds the encoder, with random weights."""
    from maskwright.engine import keras
    from maskwright.models.encoders import features_of

    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, features_of(name, image, "none"))
    return Cost(model.count_params(), round(multiply_adds(model) / 1e9, 2))


def multiply_adds(model: keras.Model) -> int:
    """Those of a model's convolutions for one image of the size that it was built for."""
    total = 0
    for layer in model.layers:
        kernels = [weight for weight in layer.weights if weight.name.endswith("kernel")]
        if kernels:
            places = math.prod(layer.output.shape[1:-1])
            total += places * sum(math.prod(kernel.shape) for kernel in kernels)
    return total
