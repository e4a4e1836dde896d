"""What to train in a given time: from numbers of the data and the machine to a configuration.

Every choice is written down with its reason, in ``plan.md``. Settings that someone gave are kept,
and only the rest is chosen. The numbers behind the choices were measured, see benchmarks/README.md.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.config import Config
from maskwright.console import amount, duration
from maskwright.data.dataset import Dataset, load_dataset
from maskwright.data.listing import data_name
from maskwright.data.rims import channels
from maskwright.engine import keras
from maskwright.errors import UsageError
from maskwright.fingerprint import (
    Fingerprint,
    data_in_words,
    fingerprint,
    shares_in_words,
    thickness_in_words,
)
from maskwright.memory import fitting, memory_in_words, step_bytes
from maskwright.models import build
from maskwright.recipes import recipe
from maskwright.settings import change
from maskwright.throughput import Rate, rate_of

THICK = 5.0  # pixels, thickness that the thinnest class should have in the view
MOST_WHOLE = 640  # pixels, side of the largest view of a whole image
SIDES = (192, 224, 256, 320, 384, 448, 512, 640)  # of views, pixels
LEAST_VIEWS = 160  # training views below which nothing useful is learnt
MANY_STEPS = 550  # from which on the usual learning rate is best; see choose_rate
ENOUGH_VIEWS = 2500  # views of 256 pixels from which they are better than smaller ones; see enough
COMPILING = {"tensorflow": 9.0}  # seconds that an engine takes before the first step is done
COMPILING_ELSE = 40.0
ROOM_TO_MEASURE = 150.0  # seconds that must be left for two of them to be spent on measuring
ENDING = 3.0  # seconds for the last validation, the model file and the report


@dataclass(frozen=True)
class Choice:
    """A setting that the plan chose, and why, in a sentence."""

    key: str
    value: Any
    reason: str

    @property
    def shown(self) -> str:
        """The value as people read it."""
        return self.value if isinstance(self.value, str) else f"{self.value:g}"


@dataclass(frozen=True)
class Plan:
    """A configuration for a dataset, a machine and a time, and the reasons for each choice.

    ``views`` is how many views of images the training is expected to show.
    """

    data: str
    config: Config
    choices: tuple[Choice, ...]
    facts: tuple[str, ...]
    views: int

    def to_markdown(self) -> str:
        """The plan as ``plan.md`` holds it."""
        rows = [f"| `{c.key}` | {c.shown} | {c.reason} |" for c in self.choices]
        return "\n".join(
            [
                f"# Plan for {self.data}",
                "",
                *(f"- {fact}" for fact in self.facts),
                "",
                "| setting | value | why |",
                "|---|---|---|",
                *rows,
                "",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """What ``maskwright plan --json`` prints."""
        return {
            "data": self.data,
            "views": self.views,
            "facts": list(self.facts),
            "choices": [vars(choice) for choice in self.choices],
        }


def plan(data: str | Path, *, minutes: float, settings: Mapping[str, Any] | None = None) -> Plan:
    """Look at a dataset and say what should be trained on it in so many minutes, and why.

    ``settings`` are dotted settings that are kept. Raises UsageError where the time cannot do.
    """
    begun = time.perf_counter()
    given = {"train.minutes": minutes, **(settings or {})}
    config = recipe("default", given)
    dataset = load_dataset(data, seed=config.seed, split=config.split)
    return plan_for(dataset, given, 60 * minutes - (time.perf_counter() - begun))


def plan_for(
    dataset: Dataset, given: Mapping[str, Any], left: float, network: keras.Model | None = None
) -> Plan:
    """The plan for a dataset that is loaded, when ``left`` seconds are left of the time.

    ``network`` is the one that will be trained, where it is built already.
    """
    config = recipe("default", given)
    classes = channels(dataset.table, config)
    network = network or build(config.model, classes, dataset.bands.count)
    seen = fingerprint(dataset)
    rate = rate_of(config.model, measure=left > ROOM_TO_MEASURE)
    engine = keras.config.backend()
    for_steps = left - COMPILING.get(engine, COMPILING_ELSE) - ENDING
    facts: tuple[str, ...] = (
        data_in_words(seen),
        f"classes: {shares_in_words(seen.names, seen.shares)} of the pixels",
        thickness_in_words(seen),
        f"an image of 192×192 pixels takes {1e3 * rate.image(192, config.train.batch):.0f} ms of "
        f"training on {engine}, {rate.source}",
        f"time for steps, after reading and compiling, before the last validation: "
        f"{duration(max(0.0, for_steps))}",
    )
    choices = [
        *choose_network(config),
        *choose_view(seen, rate, for_steps, config, given),
    ]
    choices = [choice for choice in choices if choice.key not in given]
    config = recipe("default", {**{c.key: c.value for c in choices}, **given})
    side = config.side(config.view.size)
    if (batch := fitting(network, side, config.train.batch)) < config.train.batch:
        why = "as many images as should fit into the memory that is free"
        choices.append(Choice("train.batch", batch, why))
        config = change(config, {"train.batch": batch})
    views = int(for_steps / rate.image(side, config.train.batch))
    refuse_impossible(seen, config, rate, for_steps, views)
    if "train.learning_rate" not in given:
        chosen = choose_rate(config, views // config.train.batch)
        choices.append(chosen)
        config = change(config, {chosen.key: chosen.value})
    facts += (memory_in_words(step_bytes(network, side, config.train.batch), config.train.batch),)
    return Plan(data_name(dataset.root), config, tuple(choices), facts, views)


def choose_network(config: Config) -> list[Choice]:
    """The encoder, where its weights are pretrained."""
    if not config.model.pretrained:
        return []
    why = (
        "pretrained on ImageNet and cheap; on the Oxford pets the larger EfficientNet-Lite2 was "
        "not ahead of it in the same five minutes"
    )
    return [Choice("model.encoder", config.model.encoder, why)]


def choose_rate(config: Config, steps: int) -> Choice:
    """The highest learning rate, for so many steps in all.

    Few steps must be larger. In a minute, on the membranes, 65 steps had mean IoU 0.70, 0.74, 0.76
    with the recipe's rate and two and four times it; on the pets, some 270 steps had 0.712, 0.724
    with it and twice it. In five minutes it is best as it is.
    """
    if not config.model.pretrained:
        why = "random weights take a higher rate than pretrained ones"
        return Choice("train.learning_rate", 2e-3, why)
    times = min(4.0, max(1.0, MANY_STEPS / max(1, steps)))
    value = float(f"{times * config.train.learning_rate:.1e}")
    why = f"there is time for {amount(steps, 'step')}, "
    why += "and few must be larger" if times > 1 else "enough for the recipe's own"
    return Choice("train.learning_rate", value, why)


def choose_view(
    seen: Fingerprint, rate: Rate, seconds: float, config: Config, given: Mapping[str, Any]
) -> list[Choice]:
    """Whole images or windows, how large, and what part of them a step sees.

    What is ``given`` of these is chosen too, as it was given.
    """
    name, thick = seen.thinnest()
    # What a view must measure for the thinnest class to have THICK pixels in four of five images.
    known = np.isfinite(thick)
    needed = THICK * seen.longer[known] / thick[known] if known.any() else np.array([192.0])
    side = float(np.quantile(needed, 0.8))
    stride = max(32, config.model.stride)
    fit = given.get("view.fit", "window" if side > MOST_WHOLE else "pad")
    if fit == "window":
        return _windows(seen, side, name, stride)
    largest = float(np.quantile(seen.longer, 0.9))
    sides = [s for s in SIDES if s >= side and s < largest * 1.25 and s % stride == 0]
    possible = sides or [_round_up(min(side, MOST_WHOLE), stride)]
    if "view.size" in given:
        possible = [config.view.size]
    part_of = {s: max(stride, round(0.75 * s / stride) * stride) for s in possible}
    views_of = {s: int(seconds / rate.image(part_of[s], config.train.batch)) for s in possible}
    pretrained = config.model.pretrained
    affordable = [s for s in possible if views_of[s] >= enough(s, pretrained=pretrained)]
    size = affordable[-1] if affordable else possible[0]
    why = (
        f"pixels a side of the view, which shows the whole image: from {side:.0f} on {name}, the "
        f"thinnest class, is {THICK:g} pixels thick or more in it"
    )
    why += (
        f"; of {', '.join(map(str, possible))} the largest for which there is time: a view this "
        f"large pays from {enough(size, pretrained=pretrained):,} views on, of all images "
        f"together, and there is time for {views_of[size]:,}"
        if affordable
        else f"; no larger one, as there is time for {views_of[size]:,} views, of all images "
        "together"
    )
    return [
        Choice("view.fit", "pad", "whole images, their aspect ratio kept"),
        Choice("view.size", size, why),
        Choice(
            "augment.crop",
            round(part_of[size] / size, 3),
            f"of each view a training step sees a square of {part_of[size]} pixels a side at a "
            "random place in the image, which costs less; prediction sees the whole view",
        ),
    ]


def enough(size: int, *, pretrained: bool = True) -> int:
    """How many views of this side must be shown for them to be better than smaller ones.

    In trials on the pets 3,000 views of 256 pixels were as good as the 2,200 of 320 that the same
    time allows, 8,000 as good as 4,500 of 352: larger views need more of them, about by the square
    of their side. From random weights twice as many are asked for: there ten minutes at 384 pixels
    were worse than five at 256.

    >>> enough(256), enough(512), enough(256, pretrained=False)
    (2500, 10000, 5000)
    """
    return round(ENOUGH_VIEWS * (size / 256) ** 2) * (1 if pretrained else 2)


def _windows(seen: Fingerprint, side: float, name: str, stride: int) -> list[Choice]:
    """Windows at the images' own scale."""
    shorter = float(np.median(seen.sizes.min(axis=1)))
    size = _round_up(min(256.0, max(64.0, shorter)), stride)
    return [
        Choice(
            "view.fit",
            "window",
            f"windows at the images' own scale: a view of the whole would need {side:.0f} pixels "
            f"for {name} to be {THICK:g} pixels thick",
        ),
        Choice("view.size", size, "large enough to show what surrounds a pixel, quick to compute"),
        Choice("augment.crop", 1.0, "a step sees whole windows, as prediction does"),
        Choice("augment.rotate", 180.0, "what is seen through windows has no upright, as a rule"),
    ]


def _round_up(side: float, stride: int) -> int:
    """The next multiple of the stride.

    >>> _round_up(200.5, stride=32)
    224
    """
    return int(-(-side // stride) * stride)


def refuse_impossible(
    seen: Fingerprint, config: Config, rate: Rate, seconds: float, views: int
) -> None:
    """Refuse a time in which hardly anything could be learnt, and say which would do."""
    least = min(LEAST_VIEWS, 10 * seen.images)
    if views >= least:
        return
    image = rate.image(config.side(config.view.size), config.train.batch)
    wanted = 60 * config.train.minutes - seconds + 2 * least * image
    raise UsageError(
        f"{duration(60 * config.train.minutes)} is too short for {amount(seen.images, 'image')} at "
        f"{config.view.size} pixels: after reading and compiling there is time for {max(0, views)} "
        f"views of them, and {least} are the least; try --time {_as_time(wanted)} or longer"
    )


def _as_time(seconds: float) -> str:
    """Seconds as --time takes them, rounded up.

    >>> _as_time(31.2), _as_time(130)
    ('40s', '3m')
    """
    return f"{int(-(-seconds // 10) * 10)}s" if seconds <= 90 else f"{int(-(-seconds // 60))}m"
