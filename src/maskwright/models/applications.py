"""The families of ``keras.applications`` that serve as encoders: facts only.

Where each network has its features, how its weights want their images scaled, and the file with
its ImageNet weights as Keras publishes it (without classifier).

- MobileNetV2 (Sandler et al., CVPR 2018), MobileNetV3 (Howard et al., ICCV 2019), EfficientNetV2
  (Tan, Le, ICML 2021): the last, linear block of each stride; the layers for the classifier that
  follow the last block are left out. MobileNetV3Small has no block at stride 2: its normalised
  first convolution.
- ResNet (He et al., CVPR 2016): the last block of each stride, after its ReLU. ResNetV2 (He et al.,
  ECCV 2016): the normalised input of the block that halves the size, after its ReLU; at stride 2
  the first convolution as it is.
- DenseNet (Huang et al., CVPR 2017): each dense block, normalised, before its transition.
- ConvNeXt (Liu et al., CVPR 2022): the last block of each stage. Its stem goes straight to stride
  4: in the place of stride 2 stands the scaled image at half its size, three channels.
- VGG (Simonyan, Zisserman, ICLR 2015): the last convolution of each stride; Xception (Chollet,
  CVPR 2017): the input of the block that halves the size, after its ReLU.
"""

from __future__ import annotations

from dataclasses import dataclass

ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"
NOTOP = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGE = "the image at half its size"
SUM = " with its shortcut"


@dataclass(frozen=True)
class Scaling:
    """``image * scale + offset`` for RGB in 0–255; ``bgr`` where the weights want blue first."""

    scale: float | tuple[float, float, float]
    offset: float | tuple[float, float, float]
    bgr: bool = False


CENTRED = Scaling(1 / 127.5, -1.0)
HALVED = Scaling(1 / 128, -1.0)
STANDARD = Scaling(  # ImageNet's mean 0.485, 0.456, 0.406 and deviation 0.229, 0.224, 0.225
    (1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)),
    (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
)
MEAN_ONLY = Scaling(1.0, (-123.68, -116.779, -103.939), bgr=True)


@dataclass(frozen=True)
class Application:
    """A network of ``keras.applications`` and what is to be known about it.

    ``taps`` are the layers whose outputs are the features at strides 2, 4, 8, 16 and 32. Sizes are
    rounded up at strides below ``floors`` and down from there on (64: never down), ``border`` is
    the padding of zeros, before and after, without which the first layers would eat a border.
    ``digest`` is the file's MD5 or SHA-256, empty where Keras publishes none.
    """

    function: str
    taps: tuple[str, str, str, str, str]
    scaling: Scaling
    floors: int
    file: str
    digest: str
    border: tuple[int, int] = (0, 0)
    preprocesses: bool = False


def _mobilenet_v3(size: str, taps: tuple[str, str, str, str, str], md5: str) -> Application:
    file = f"mobilenet_v3/weights_mobilenet_v3_{size.lower()}_224_1.0_float_no_top_v2.h5"
    return Application(f"MobileNetV3{size}", taps, CENTRED, 4, file, md5, preprocesses=True)


def _efficientnet_v2(size: str, last: str, md5: str) -> Application:
    """``last`` has the letter of the last block of stages 1, 2, 3, 5 and 6."""
    one, *others = (f"block{stage}{letter}" for stage, letter in zip("12356", last, strict=True))
    first = f"{one}_project_activation" if last[0] == "a" else f"{one}_add"
    two, three, five, six = (f"{block}_add" for block in others)
    return Application(
        f"EfficientNetV2{size}",
        (first, two, three, five, six),
        HALVED if size == "S" else STANDARD,
        64,
        f"efficientnet_v2/efficientnetv2-{size.lower()}_notop.h5",
        md5,
        preprocesses=True,
    )


def _resnet(depth: int, blocks: int, md5: str) -> Application:
    """``blocks`` is the number of blocks at stride 16."""
    ends = (f"conv{stage}_block{n}_out" for stage, n in ((2, 3), (3, 4), (4, blocks), (5, 3)))
    two, three, four, five = ends
    file = f"resnet/resnet{depth}{NOTOP}"
    taps = ("conv1_relu", two, three, four, five)
    return Application(f"ResNet{depth}", taps, MEAN_ONLY, 64, file, md5)


def _resnet_v2(depth: int, blocks: int, md5: str) -> Application:
    """``blocks`` is the number of blocks at stride 16, the one that halves the size included."""
    taps = (
        "conv1_conv",
        "conv2_block3_preact_relu",
        "conv3_block4_preact_relu",
        f"conv4_block{blocks}_preact_relu",
        "post_relu",
    )
    file = f"resnet/resnet{depth}v2{NOTOP}"
    return Application(f"ResNet{depth}V2", taps, CENTRED, 64, file, md5)


def _convnext(size: str, blocks: int, sha256: str) -> Application:
    """``blocks`` is the number of blocks at stride 16."""
    name = f"convnext_{size.lower()}"
    ends = (f"{name}_stage_{stage}_block_{n - 1}{SUM}" for stage, n in enumerate((3, 3, blocks, 3)))
    one, two, three, four = ends
    return Application(
        f"ConvNeXt{size}",
        (IMAGE, one, two, three, four),
        STANDARD,
        2,
        f"convnext/{name}_notop.h5",
        sha256,
        preprocesses=True,
    )


def _densenet(depth: int, md5: str) -> Application:
    taps = ("conv1_relu", "pool2_relu", "pool3_relu", "pool4_relu", "relu")
    return Application(
        f"DenseNet{depth}", taps, STANDARD, 8, f"densenet/densenet{depth}{NOTOP}", md5
    )


def _vgg(depth: int, convolutions: int, md5: str) -> Application:
    """``convolutions`` is their number in each of the last three blocks."""
    taps = (
        "block2_conv2",
        f"block3_conv{convolutions}",
        f"block4_conv{convolutions}",
        f"block5_conv{convolutions}",
        "block5_pool",
    )
    return Application(f"VGG{depth}", taps, MEAN_ONLY, 2, f"vgg{depth}/vgg{depth}{NOTOP}", md5)


APPLICATIONS = {
    "mobilenet_v2": Application(
        "MobileNetV2",
        (
            "expanded_conv_project_BN",
            "block_2_add",
            "block_5_add",
            "block_12_add",
            "block_16_project_BN",
        ),
        CENTRED,
        4,
        "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        "",
    ),
    "mobilenet_v3_small": _mobilenet_v3(
        "Small",
        (
            "conv_bn",
            "expanded_conv_project_bn",
            "expanded_conv_2_add",
            "expanded_conv_7_add",
            "expanded_conv_10_add",
        ),
        "d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
    "mobilenet_v3_large": _mobilenet_v3(
        "Large",
        (
            "expanded_conv_add",
            "expanded_conv_2_add",
            "expanded_conv_5_add",
            "expanded_conv_11_add",
            "expanded_conv_14_add",
        ),
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    "efficientnet_v2_b0": _efficientnet_v2("B0", "abbeh", "893217f2bb855e2983157299931e43ff"),
    "efficientnet_v2_b1": _efficientnet_v2("B1", "bccfi", "0e80663031ca32d657f9caa404b6ec37"),
    "efficientnet_v2_b2": _efficientnet_v2("B2", "bccfj", "1dfe2e7a5d45b6632553a8961ea609eb"),
    "efficientnet_v2_b3": _efficientnet_v2("B3", "bccgl", "f6abf7b5849ac99a89b50dd3fd532856"),
    "efficientnet_v2_s": _efficientnet_v2("S", "bddio", "af0682fb74e8c54910f2d4393339c070"),
    "resnet50": _resnet(50, 6, "4d473c1dd8becc155b73f8504c6f6626"),
    "resnet101": _resnet(101, 23, "88cf7a10940856eca736dc7b7e228a21"),
    "resnet50_v2": _resnet_v2(50, 6, "fac2f116257151a9d068a22e544a4917"),
    "resnet101_v2": _resnet_v2(101, 23, "c0ed64b8031c3730f411d2eb4eea35b5"),
    "convnext_tiny": _convnext(
        "Tiny", 9, "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"
    ),
    "convnext_small": _convnext(
        "Small", 27, "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab"
    ),
    "convnext_base": _convnext(
        "Base", 27, "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45"
    ),
    "densenet121": _densenet(121, "30ee3e1110167f948a6b9946edeeb738"),
    "densenet169": _densenet(169, "b8c4d4c20dd625c148057b9ff1c1176b"),
    "densenet201": _densenet(201, "c13680b51ded0fb44dff2d8f86ac8bb1"),
    "vgg16": _vgg(16, 3, "6d6bbae143d832006294945121d1f1fc"),
    "vgg19": _vgg(19, 4, "253f8cb515780f3b799900260a226db6"),
    "xception": Application(
        "Xception",
        (
            "block1_conv2_act",
            "block3_sepconv1_act",
            "block4_sepconv1_act",
            "block13_sepconv1_act",
            "block14_sepconv2_act",
        ),
        CENTRED,
        64,
        f"xception/xception{NOTOP}",
        "b0042744bf5b25fce3cb969f33bebb97",
        border=(2, 4),
    ),
}
