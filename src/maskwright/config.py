"""The configuration: frozen dataclasses, every default once, with its unit, and what is refused.

A configuration is made from a recipe (see ``recipes.py``) and dotted changes (see ``settings.py``).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from maskwright.errors import UsageError, nearest


@dataclass(frozen=True)
class SplitConfig:
    """Which image is in train, val or test: drawn by a hash, groups and near-duplicates whole."""

    by: str = "auto"  # "auto" keeps the data's own split, "random", "group", "stratified" redraw it
    group: str = ""  # regular expression on the image's path; its first (…), else all, is the group
    val: float = 0.1  # share for val, of groups or images
    test: float = 0.1  # share for test; 0: no test images
    folds: int = 0  # parts for cross-validation, of which one is test; 0: none, else 2 or more
    fold: int = 0  # which of the folds is test, from 0
    skip_bad: bool = False  # files that cannot be used are left out, instead of stopping it all


@dataclass(frozen=True)
class ViewConfig:
    """How images of any size become the squares that the network sees."""

    size: int = 256  # pixels, side of the square
    fit: str = "pad"  # "pad" keeps the aspect ratio and reflects the rest, "squash" does not keep
    # it; "window" cuts squares out of the image, for small objects in large images
    scale: float = 1.0  # window: how much larger the image is made before that
    overlap: float = 0.25  # window: share of a square's side that neighbours have in common


@dataclass(frozen=True)
class ModelConfig:
    """The network: image uint8 [B, H, W, 3] in 0–255 to logits float32 [B, H, W, classes]."""

    encoder: str = "plain"  # "plain" is the U-Net's own, from scratch; else one of info --encoders
    weights: str = "imagenet"  # what a named encoder begins with: "imagenet" or "none"
    statistics: str = "frozen"  # batch norms of ImageNet's encoders: "frozen" or "trained"
    decoder: str = "unet"  # "unet", "unet_plus_plus", "fpn", "deeplabv3_plus"; plain: its own
    width: int = 16  # channels of the decoder at its finest level
    filters: tuple[int, ...] = (32, 64, 128, 256, 512)  # plain: channels of each level, fine first
    normalization: str = "batch"  # plain: "batch" or "none"
    padding: str = "same"  # plain: "same" adds zeros to convolutions, "valid" mirrors the image
    dropout: float = 0.2  # share of values dropped before the logits, or in the plain U-Net's depth

    @property
    def pretrained(self) -> bool:
        """Whether the encoder begins with the weights of ImageNet."""
        return self.encoder != "plain" and self.weights == "imagenet"

    @property
    def stride(self) -> int:
        """What the view's side must be a multiple of."""
        return 2 ** (len(self.filters) - 1) if self.encoder == "plain" else 32


@dataclass(frozen=True)
class AugmentConfig:
    """Random changes of training images. All zero: none. Geometry costs one resampling in all."""

    flip: float = 0.5  # probability of a left-right mirror, [0, 1]
    rotate: float = 15.0  # degrees, uniform in ±rotate
    zoom: float = 0.25  # log-uniform between 1 / (1 + zoom) and 1 + zoom
    shift: float = 0.1  # share of the view's side, uniform in ±shift; a crop lies anywhere anyway
    brightness: float = 0.2  # share of 255, uniform in ±brightness
    contrast: float = 0.25  # factor, log-uniform between 1 / (1 + contrast) and 1 + contrast
    saturation: float = 0.3  # factor, log-uniform between 1 / (1 + saturation) and 1 + saturation
    elastic: float = 0.0  # share of the view's side, standard deviation of a bend on a 3×3 grid
    crop: float = 1.0  # share of the view's side that a step sees, anywhere in the image; 1: all
    strength: float = 1.0  # what rotate, zoom, shift and those of colours are multiplied by

    @cached_property
    def scaled(self) -> AugmentConfig:
        """The same random changes at a strength of 1.

        >>> AugmentConfig(rotate=15, strength=2).scaled.rotate
        30
        """
        ranges = ("rotate", "zoom", "shift", "brightness", "contrast", "saturation")
        values = {name: self.strength * getattr(self, name) for name in ranges}
        return replace(self, strength=1.0, **values) if self.strength != 1 else self


@dataclass(frozen=True)
class TrainConfig:
    """The training itself."""

    minutes: float = 0.0  # from the start of the program to its end; 0: as long as the epochs take
    epochs: int = 0  # passes over the training images; 0: as many as show 8,000, at least 10
    batch: int = 8  # images a step
    accumulate: int = 1  # steps whose gradients are averaged before the weights change
    loss: str = "cross_entropy"  # or dice, focal, lovasz, boundary, or a sum, as
    # "cross_entropy + 0.5*dice"
    balance: float = 0.0  # classes weigh (1 / share of pixels) ** balance; 0: all alike
    border: float = 0.0  # what a pixel between two regions that touch weighs more; 0: all alike
    border_sigma: float = 5.0  # pixels, how fast that falls as the gap between them grows
    rim: float = 2.0  # pixels of the view, width of the rims of objects that masks number, which
    # are learnt as a class of their own, so that objects that touch are parted; 0: no such class
    optimizer: str = "adamw"  # "adam" or "adamw", the same but for the decay, "muon" or "sgd"
    momentum: float = 0.9  # sgd: what the direction keeps of itself a step
    learning_rate: float = 2e-3  # the highest of the schedule
    encoder_rate: float = 0.3  # what pretrained layers get of it, as a share; 0: they stay as is
    schedule: str = "cosine"  # "cosine" (warm-up, then down to 0) or "constant"
    warmup: float = 0.05  # share of the training in which a cosine's rate rises
    weight_decay: float = 1e-2  # of kernels, a step, in shares of the learning rate
    average: float = 0.0  # what the average weights, which are kept, keep of themselves a step
    first_size: int = 0  # pixels, side of the view in the first part of the training; 0: no such
    first_share: float = 0.5  # of the training that this part is
    precision: str = "auto"  # of layers: "float32", "bfloat16", or "auto", what is faster on a GPU
    monitor: str = "mean_iou"  # what picks the best epoch on validation images of their own size:
    # "mean_iou", "mean_dice", "pixel_accuracy", "loss", or "iou NAME", the IoU of the class NAME
    patience: int = 0  # epochs without gain before training stops; 0: never
    workers: int = 0  # threads that make views while the model trains; 0: as many as cores
    track: str = "none"  # where it is told how training goes: "mlflow", "tensorboard" or "none"

    @property
    def monitored(self) -> tuple[str, str]:
        """The column of metrics.csv that picks the best epoch, and its name.

        >>> TrainConfig(monitor="iou cat").monitored
        ('val_iou cat', 'IoU of cat')
        """
        name = MONITORS.get(self.monitor, f"IoU of {self.monitor.removeprefix('iou ')}")
        return f"val_{self.monitor}", name

    def epochs_for(self, images: int) -> int:
        """The epochs to train on so many images.

        >>> TrainConfig(epochs=0).epochs_for(images=24), TrainConfig(epochs=3).epochs_for(images=24)
        (334, 3)
        """
        return self.epochs or max(10, math.ceil(8000 / images))


@dataclass(frozen=True)
class Config:
    """All that decides a training, besides the data."""

    recipe: str = "default"
    seed: int = 0
    split: SplitConfig = field(default_factory=SplitConfig)
    view: ViewConfig = field(default_factory=ViewConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        check(self)

    def side(self, size: int) -> int:
        """Pixels of a side that a training step sees of views of ``size`` pixels.

        >>> small = ModelConfig(filters=(8, 16))
        >>> Config(model=small, augment=AugmentConfig(crop=0.7)).side(100)
        70
        """
        stride = self.model.stride
        return max(stride, round(self.augment.crop * size / stride) * stride)


MONITORS = {
    "loss": "loss",
    "mean_dice": "mean Dice",
    "mean_iou": "mean IoU",
    "pixel_accuracy": "share of pixels right",
}
CHOICES = {
    "split.by": ("auto", "group", "random", "stratified"),
    "view.fit": ("pad", "squash", "window"),
    "model.weights": ("imagenet", "none"),
    "model.normalization": ("batch", "none"),
    "model.padding": ("same", "valid"),
    "model.statistics": ("frozen", "trained"),
    "train.optimizer": ("adam", "adamw", "muon", "sgd"),
    "train.precision": ("auto", "bfloat16", "float32"),
    "train.schedule": ("constant", "cosine"),
    "train.track": ("mlflow", "none", "tensorboard"),
}
# Lowest and highest value that makes sense, inclusive.
RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "split.val": (0.01, 0.8),
    "split.test": (0, 0.8),
    "split.folds": (0, 100),
    "split.fold": (0, 99),
    "view.size": (16, 8192),
    "view.scale": (0.01, 8),
    "view.overlap": (0, 0.9),
    "model.width": (1, 4096),
    "model.dropout": (0, 0.95),
    "augment.crop": (0.05, 1),
    "augment.elastic": (0, 0.5),
    "augment.flip": (0, 1),
    "augment.rotate": (0, 180),
    "augment.zoom": (0, 4),
    "augment.shift": (0, 1),
    "augment.brightness": (0, 1),
    "augment.contrast": (0, 4),
    "augment.saturation": (0, 4),
    "augment.strength": (0, 4),
    "train.minutes": (0, 1_000_000),
    "train.epochs": (0, 1_000_000),
    "train.batch": (1, 65_536),
    "train.accumulate": (1, 65_536),
    "train.balance": (0, 2),
    "train.border": (0, 1000),
    "train.border_sigma": (0.5, 100),
    "train.rim": (0, 100),
    "train.momentum": (0, 0.9999),
    "train.learning_rate": (1e-9, 10),
    "train.encoder_rate": (0, 10),
    "train.warmup": (0, 0.9),
    "train.weight_decay": (0, 10),
    "train.average": (0, 0.99999),
    "train.first_size": (0, 8192),
    "train.first_share": (0.05, 0.95),
    "train.patience": (0, 1_000_000),
    "train.workers": (0, 256),
}


def check(config: Config) -> None:
    """Refuse values that cannot work, naming key, value and what to do."""
    values = flatten(config)
    check_values(values)
    _check_split(config.split)
    filters = config.model.filters
    if not filters or min(filters) < 1:
        raise UsageError(
            f"model.filters = {list(filters)} needs one positive number a level, as in [16, 32, 64]"
        )
    train = config.train
    if train.monitor not in MONITORS and not re.fullmatch("iou .+", train.monitor):
        raise UsageError(
            f"train.monitor = {train.monitor!r}: {nearest(train.monitor, MONITORS)}; "
            "or write iou and the name of a class, as in 'iou cell'"
        )
    if train.border and not re.search("cross_entropy|focal", train.loss):
        raise UsageError(
            f"train.border = {train.border:g} weighs pixels, which train.loss = {train.loss!r} "
            "does not; add cross_entropy or focal to it"
        )
    for key in ("view.size", "train.first_size"):
        _check_size(key, values[key], config.model)


def check_values(values: Mapping[str, Any]) -> None:
    """Refuse values of dotted keys that are outside of what makes sense."""
    for key, value in values.items():
        if key in CHOICES and value not in CHOICES[key]:
            raise UsageError(f"{key} = {value!r}: {nearest(str(value), CHOICES[key])}")
        low, high = RANGES.get(key, (value, value))
        if not low <= value <= high:
            raise UsageError(f"{key} = {value} is outside {low} to {high}; choose within")


def _check_size(key: str, size: int, model: ModelConfig) -> None:
    """Refuse a side that the network's levels do not divide."""
    stride = model.stride
    if size % stride:
        better = max(stride, round(size / stride) * stride)
        raise UsageError(
            f"{key} = {size} must be a multiple of {stride} for the encoder {model.encoder}; "
            f"try {better}"
        )


def _check_split(split: SplitConfig) -> None:
    """Refuse shares that leave nothing to train on, folds that are none, and a broken pattern."""
    if (apart := split.val + split.test) >= 1:
        raise UsageError(
            f"split.val + split.test = {apart:g} leaves nothing for train; stay below 1"
        )
    if split.folds == 1:
        raise UsageError(
            "split.folds = 1 leaves nothing for train; choose 0 for none, else 2 to 100"
        )
    if split.fold and split.fold >= split.folds:
        raise UsageError(
            f"split.fold = {split.fold} must be below split.folds = {split.folds}; count from 0"
        )
    try:
        re.compile(split.group)
    except re.error as error:
        raise UsageError(
            f"split.group = {split.group!r} is no regular expression ({error}); "
            r"write one such as (.+)_\d+"
        ) from None


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted keys and their values: ``{"seed": 0, "view.size": 256, …}``."""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            values |= flatten(value, f"{prefix}{item.name}.")
        else:
            values[prefix + item.name] = value
    return values
