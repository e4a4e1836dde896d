"""Recipes: named configurations. Each states its command, machine, minutes and measured scores."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from maskwright.config import AugmentConfig, Config, ModelConfig, TrainConfig, ViewConfig
from maskwright.errors import UsageError, nearest
from maskwright.settings import change

# The tutorial's network and training, as written, with its mistakes mended (see README.md).
#   maskwright train ../shared/data/pets --recipe tutorial
# 2 cores of a Xeon, 56 min 32 s, 30 epochs: 0.806 of the pixels of the 199 test images right, mean
# IoU 0.574 (pet 0.615, background 0.786, boundary 0.321).
TUTORIAL = Config(
    recipe="tutorial",
    view=ViewConfig(size=256, fit="squash"),
    model=ModelConfig(filters=(32, 64, 128, 256, 512), normalization="none", dropout=0.2),
    augment=AugmentConfig(
        flip=0, rotate=0, zoom=0, shift=0, brightness=0, contrast=0, saturation=0
    ),
    train=TrainConfig(
        epochs=30,
        batch=16,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
        weight_decay=0,
        monitor="loss",
        patience=5,
    ),
)

# The first improvement on it, still from random weights: batch normalisation, augmentation with one
# resampling, AdamW with a warm-up and a cosine, the aspect ratio kept, one level more and half the
# filters at 192 pixels.
#   maskwright train ../shared/data/pets --recipe scratch
# 2 cores of a Xeon, 17 min 15 s, 29 epochs: 0.841 of the pixels of the 199 test images right, mean
# IoU 0.627 (pet 0.679, background 0.828, boundary 0.376).
SCRATCH = Config(
    recipe="scratch",
    view=ViewConfig(size=192),
    model=ModelConfig(filters=(16, 32, 64, 128, 256, 256)),
)

# The U-Net of Ronneberger et al. 2015 (arXiv:1505.04597) and its training: valid convolutions on
# overlapping tiles, bends of 10 pixels, narrow borders weighing up to ten more, SGD on one tile a
# step. The paper does not say the learning rate; it trained for ten hours on a GPU.
#   maskwright train membranes --recipe original
# As it is, it wants a GPU. On 2 cores of an EPYC with other work beside it, a quarter as wide:
#   … --recipe original --time 20m --set 'model.filters=[16,32,64,128,256]'
# 0.821 of the pixels of 10 test images right, mean IoU 0.655 (membrane 0.534, of whose pixels it
# finds 0.909).
ORIGINAL = Config(
    recipe="original",
    view=ViewConfig(size=384, fit="window", overlap=0),
    model=ModelConfig(
        filters=(64, 128, 256, 512, 1024), normalization="none", padding="valid", dropout=0.5
    ),
    augment=AugmentConfig(
        rotate=180, zoom=0, shift=0, elastic=0.026, brightness=0.1, contrast=0.1, saturation=0
    ),
    train=TrainConfig(
        batch=1,
        balance=1,
        border=10,
        border_sigma=5,
        optimizer="sgd",
        momentum=0.99,
        learning_rate=1e-3,
        schedule="constant",
        weight_decay=0,
    ),
)

# Transfer from ImageNet: a small decoder on EfficientNet-Lite0, whose layers learn a tenth as fast.
# With --time a plan chooses view and crop; see benchmarks/README.md for what else was tried.
#   maskwright train ../shared/data/pets --time 5m
# 2 cores of an EPYC, 300 s: 0.925 of the pixels of the 199 test images right, mean IoU 0.787 (pet
# 0.858, background 0.931, boundary 0.572); --time 1m: 0.902 and 0.741, --time 10m: 0.931 and 0.800.
DEFAULT = Config(
    recipe="default",
    view=ViewConfig(size=256),
    model=ModelConfig(encoder="efficientnet_lite0"),
    augment=AugmentConfig(crop=0.75),
    train=TrainConfig(learning_rate=1e-3, encoder_rate=0.1, warmup=0.1),
)

# For the generated shapes, whose colours are random already: small, and done in two minutes.
#   maskwright demo
# 2 cores of a Xeon, 2 min 11 s in all with other work beside it: 0.869 of the pixels of 34 test
# images right, mean IoU 0.554.
DEMO = Config(
    recipe="demo",
    view=ViewConfig(size=64),
    model=ModelConfig(filters=(16, 32, 64, 128)),
    augment=AugmentConfig(rotate=90, zoom=0.1, shift=0, brightness=0, contrast=0, saturation=0),
    train=TrainConfig(epochs=26, learning_rate=3e-3),
)

RECIPES: Mapping[str, Config] = MappingProxyType(
    {recipe.recipe: recipe for recipe in (DEFAULT, SCRATCH, TUTORIAL, ORIGINAL, DEMO)}
)


def recipe(name: str = "default", changes: Mapping[str, Any] | None = None) -> Config:
    """The configuration called ``name``, with dotted settings changed.

    >>> recipe("tutorial", {"train.epochs": 3}).train.epochs
    3
    """
    if name not in RECIPES:
        raise UsageError(f"no recipe called {name}: {nearest(name, RECIPES)}")
    return change(RECIPES[name], dict(changes or {}))
