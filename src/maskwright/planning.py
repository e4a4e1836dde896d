"""What to train in a given time: from numbers of the data and the machine to a configuration.

Every choice is written down with its reason, in ``plan.md``. Settings that someone gave are kept,
and only the rest is chosen (choosing.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.choosing import (
    LARGER,
    LARGER_COSTS,
    Choice,
    choose_changes,
    choose_decoder,
    choose_network,
    choose_rate,
    choose_view,
    places,
)
from maskwright.config import Config
from maskwright.console import amount, duration
from maskwright.data.dataset import Dataset, load_dataset
from maskwright.data.listing import data_name
from maskwright.data.rims import channels, rims_of
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
from maskwright.models import build, check_names
from maskwright.models.encoders import weights_at_hand
from maskwright.recipes import recipe
from maskwright.settings import change
from maskwright.throughput import Rate, rate_of

LEAST_VIEWS = 160  # training views below which nothing useful is learnt
COMPILING = {"tensorflow": 9.0}  # seconds that an engine takes before the first step is done
COMPILING_ELSE = 40.0
ROOM_TO_MEASURE = 150.0  # seconds that must be left for two of them to be spent on measuring
ENDING = 3.0  # seconds for the last validation, the model file and the report


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
    check_names(config.model)
    dataset = load_dataset(data, seed=config.seed, split=config.split)
    return plan_for(dataset, given, 60 * minutes - (time.perf_counter() - begun))[0]


def plan_for(dataset: Dataset, given: Mapping[str, Any], left: float) -> tuple[Plan, keras.Model]:
    """The plan for a dataset that is loaded, when ``left`` seconds are left of the time, and the
    network that it is to train."""
    draft = Draft(given)
    config = draft.config
    classes, rims = channels(dataset.table, config), rims_of(dataset.table, config) is not None
    seen = fingerprint(dataset)
    rate = rate_of(config.model, measure=left > ROOM_TO_MEASURE)
    engine = keras.config.backend()
    seconds = left - COMPILING.get(engine, COMPILING_ELSE) - ENDING
    if "model.encoder" not in given:
        rate = choose_encoder(draft, seen, rate, seconds, rims=rims)
    draft.take(choose_decoder(draft.config))
    keras.utils.set_random_seed(config.seed)  # whatever was measured meanwhile
    network = build(draft.config.model, classes, dataset.bands.count)
    draft.take(choose_view(seen, rate, seconds, config, given, rims=rims))
    side = draft.config.side(draft.config.view.size)
    draft.take(choose_batch(network, side, draft.config), even_given=True)
    batch = draft.config.train.batch
    views = views_in(seconds, rate, draft.config)
    refuse_impossible(seen, draft.config, rate, seconds, views)
    draft.take([choose_rate(draft.config, views // batch)])
    draft.take(choose_changes(seen, draft.config, views))
    facts = (
        data_in_words(seen),
        f"classes: {shares_in_words(seen.names, seen.shares)} of the pixels",
        thickness_in_words(seen),
        f"an image of 192×192 pixels takes {1e3 * rate.image(192, config.train.batch):.0f} ms of "
        f"training on {engine}, {rate.source}",
        f"time for steps, after reading and compiling, before the last validation: "
        f"{duration(max(0.0, seconds))}",
        memory_in_words(step_bytes(network, side, batch), batch),
    )
    made = Plan(data_name(dataset.root), draft.config, tuple(draft.choices), facts, views)
    return made, network


def choose_encoder(
    draft: Draft, seen: Fingerprint, rate: Rate, seconds: float, *, rims: bool
) -> Rate:
    """Let a draft take an encoder; the rate of its network.

    That of the larger one is not remembered from trainings of it: a slow one would keep it away
    for good.
    """
    config, given = draft.config, draft.given
    larger = Rate(
        LARGER_COSTS * rate.seconds, f"{rate.source}, times {LARGER_COSTS:g} for the larger one"
    )
    by_it = Draft(given, choose_view(seen, larger, seconds, config, given, rims=rims)).config
    times = views_in(seconds, larger, by_it) / places(seen, by_it)
    draft.take(choose_network(config, times, weights_at_hand(LARGER)))
    return larger if draft.config.model.encoder == LARGER else rate


def views_in(seconds: float, rate: Rate, config: Config) -> int:
    """How many views a training shows in so many seconds of steps."""
    return int(seconds / rate.image(config.side(config.view.size), config.train.batch))


class Draft:
    """A configuration that grows by choices; settings that are ``given`` are kept."""

    def __init__(self, given: Mapping[str, Any], choices: Sequence[Choice] = ()) -> None:
        self.given, self.config = given, recipe("default", given)
        self.choices: list[Choice] = []
        self.take(choices)

    def take(self, choices: Sequence[Choice], *, even_given: bool = False) -> None:
        """Make these choices, of what was given only where that cannot be."""
        made = [one for one in choices if even_given or one.key not in self.given]
        self.choices += made
        self.config = change(self.config, {one.key: one.value for one in made})


def choose_batch(network: keras.Model, side: int, config: Config) -> list[Choice]:
    """A smaller batch, where one of views of this side would not fit into the memory."""
    batch = fitting(network, side, config.train.batch)
    if batch == config.train.batch:
        return []
    why = "as many images as should fit into the memory that is free"
    return [Choice("train.batch", batch, why)]


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
