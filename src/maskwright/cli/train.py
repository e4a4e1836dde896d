"""The verbs plan and train."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any

import click

from maskwright.cli.data import PATH
from maskwright.cli.settings import (
    SEED,
    SETTINGS,
    configure,
    given_settings,
    network_options,
    start_engine,
)

STARTED = time.perf_counter()  # of a --time that someone is waiting for


@click.command()
@click.argument("data", type=PATH)
@click.option("--time", "budget", default="10m", show_default=True, help="90s, 10m, 2h.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on standard output.")
@SETTINGS
@network_options
@SEED
def plan(data: Path, as_json: bool, **options: Any) -> None:
    """Say what would be trained on DATA in a given time, and why.

    \b
    Example:
      maskwright plan cells --time 20m
    """
    _, changes = given_settings(**options)
    configure(**options)
    start_engine()
    from maskwright.console import print_plan, say
    from maskwright.planning import plan

    minutes = changes.pop("train.minutes")
    made = plan(data, minutes=minutes, settings=changes)
    print_plan(made)
    if as_json:
        click.echo(json.dumps(made.to_dict()))
    again = "".join(f" --set {shlex.quote(text)}" for text in options["settings"])
    for option in ("encoder", "encoder_weights", "size", "batch", "seed"):
        if options[option] is not None:
            again += f" --{option.replace('_', '-')} {options[option]}"
    say(f"next: maskwright train {shlex.quote(str(data))} --time {options['budget']}{again}")


@click.command()
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, help="Run folder to make  [runs/DATA-RECIPE]")
@click.option("--recipe", help="Named configuration; maskwright info lists them.")
@click.option("--config", type=PATH, help="TOML file of settings, such as a run's config.toml.")
@SETTINGS
@click.option("--time", "budget", metavar="TIME", help="End after so long: 90s, 10m, 2h.")
@click.option(
    "--epochs",
    type=int,
    help="Passes over the training images; 0: as many as show 8,000  [of the recipe]",
)
@network_options
@SEED
def train(data: Path, out: Path | None, **options: Any) -> None:
    """Train on DATA: folder, CSV manifest or dataset.toml.

    \b
    Examples:
      maskwright train pets --time 10m
      maskwright train pets --recipe tutorial
      maskwright train cells --size 384 --set train.epochs=80 --set augment.rotate=180
    """
    name, changes = given_settings(**options)
    config = configure(**options)  # wrong settings are errors before anything takes time
    start_engine()
    from maskwright.console import duration, say
    from maskwright.report import write_report
    from maskwright.training import train

    if name or not (minutes := changes.pop("train.minutes", 0)):
        run = train(data, out=out, config=config, begun=STARTED)
    else:
        run = train(data, out=out, minutes=minutes, settings=changes, begun=STARTED)
    say(f"trained in {duration(time.perf_counter() - STARTED)}: {run.path / 'model.keras'}")
    say(f"report: {write_report(run)}")
    say(f"next: maskwright evaluate {run.path}")
