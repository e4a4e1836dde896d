"""What several verbs share: options for settings, and the start of the engine."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskwright.errors import UsageError

if TYPE_CHECKING:
    from maskwright.config import Config

SETTINGS = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="One setting; config.toml of a run shows all keys.",
)
SEED = click.option("--seed", type=int, help="Seed of split, weights, order and augmentation.")
SKIP_BAD = click.option("--skip-bad", is_flag=True, help="Leave out files that cannot be used.")

_NETWORK = (
    click.option("--encoder", help="One of maskwright info --encoders, or plain: the U-Net's own."),
    click.option("--encoder-weights", help="imagenet, or none to train it from scratch."),
    click.option("--size", type=int, help="Side of the network's view in pixels."),
    click.option("--batch", type=int, help="Images in a training step."),
)


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that plan and train share about the network and what it sees."""
    for option in reversed(_NETWORK):
        command = option(command)
    return command


def start_engine() -> None:
    """Import Keras, which takes seconds, while a note says so."""
    from maskwright.console import passing_note

    with passing_note("starting Keras …"):
        importlib.import_module("maskwright.engine")


def configure(**options: Any) -> Config:
    """The recipe, changed by the file, then by --set, then by the options of their own."""
    from maskwright.recipes import recipe as named

    name, changes = given_settings(**options)
    return named(name or "default", changes)


def given_settings(
    recipe: str | None = None, config: Path | None = None, settings: tuple[str, ...] = (),
    epochs: int | None = None, encoder: str | None = None, encoder_weights: str | None = None,
    size: int | None = None, batch: int | None = None, seed: int | None = None,
    budget: str | None = None, skip_bad: bool = False, monitor: str | None = None,
    track: str | None = None,
) -> tuple[str | None, dict[str, Any]]:  # fmt: skip
    """The recipe's name, None where none is given, and the dotted settings that were asked for."""
    from maskwright.settings import parse_minutes, parse_setting, read_config

    if budget is not None and epochs is not None:
        raise UsageError("--time and --epochs both say when training ends; give one of them")
    changes = read_config(config) if config else {}
    named = changes.pop("recipe", None)
    if recipe and named not in (None, recipe):
        raise UsageError(f"{config} is of the recipe {named}, not {recipe}; leave --recipe out")
    typed = dict(parse_setting(text) for text in settings)
    if "recipe" in typed:
        raise UsageError(f"--set recipe={typed['recipe']}: name a recipe by --recipe")
    changes |= typed
    minutes = None if epochs is None else 0.0  # those of a file do not end it before
    options = {
        "train.minutes": minutes if budget is None else parse_minutes(budget),
        "train.epochs": epochs, "model.encoder": encoder, "model.weights": encoder_weights,
        "view.size": size, "train.batch": batch, "seed": seed,
        "split.skip_bad": skip_bad or None, "train.monitor": monitor, "train.track": track,
    }  # fmt: skip
    return recipe or named, changes | {
        key: value for key, value in options.items() if value is not None
    }
