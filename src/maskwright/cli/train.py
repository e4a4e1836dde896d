"""The verbs plan and train."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from maskwright.cli.data import PATH
from maskwright.cli.settings import (
    SEED,
    SETTINGS,
    SKIP_BAD,
    configure,
    given_settings,
    network_options,
    start_engine,
)
from maskwright.errors import command

STARTED = time.perf_counter()  # of a --time that someone is waiting for


@click.command()
@click.argument("data", type=PATH)
@click.option(
    "--time",
    "budget",
    default="10m",
    show_default=True,
    help="90s, 10m, 2h; minutes without a unit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on standard output.")
@SETTINGS
@network_options
@SKIP_BAD
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
    from maskwright.console import say
    from maskwright.planning import plan
    from maskwright.printing import print_plan

    minutes = changes.pop("train.minutes")
    made = plan(data, minutes=minutes, settings=changes)
    print_plan(made)
    if as_json:
        click.echo(json.dumps(made.to_dict()))
    again = [word for text in options["settings"] for word in ("--set", text)]
    for option in ("encoder", "encoder_weights", "size", "batch", "seed"):
        if options[option] is not None:
            again += [f"--{option.replace('_', '-')}", str(options[option])]
    again += ["--skip-bad"] if options["skip_bad"] else []
    say(f"next: {command('train', data, '--time', options['budget'], *again)}")


@click.command()
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, help="Run folder to make  [runs/DATA-RECIPE]")
@click.option("--recipe", help="Named configuration; maskwright info lists them.")
@click.option("--config", type=PATH, help="TOML file of settings, such as a run's config.toml.")
@SETTINGS
@click.option(
    "--time",
    "budget",
    metavar="TIME",
    help="End after so long: 90s, 10m, 2h; minutes without a unit.",
)
@click.option(
    "--epochs",
    type=int,
    help="Passes over the training images; 0: as many as show 8,000  [of the recipe]",
)
@click.option(
    "--monitor",
    metavar="SCORE",
    help="What picks the best epoch on validation: mean_iou, mean_dice, pixel_accuracy, loss, or "
    "the IoU of one class: 'iou cell'  [mean_iou]",
)
@click.option("--track", help="Tell mlflow or tensorboard how it goes.")
@network_options
@SEED
@SKIP_BAD
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the training in --out, or the last on DATA, where one was stopped.",
)
def train(data: Path, out: Path | None, resume: bool, **options: Any) -> None:
    """Train on DATA: folder, CSV manifest or dataset.toml.

    Ctrl-C ends it with all saved; so does SIGTERM. After these, a power cut or a kill, the same
    command with --resume goes on as if nothing had happened.

    \b
    Examples:
      maskwright train pets --time 10m
      maskwright train pets --recipe tutorial
      maskwright train cells --size 384 --set train.epochs=80 --set augment.rotate=180
      maskwright train pets --out runs/pets --resume
      maskwright train pets --track tensorboard
    """
    name, changes = given_settings(**options)
    from maskwright.recording import free_folder, run_name
    from maskwright.trackers import require_tracker

    config = configure(**options)  # what is wrong is said before anything takes time
    require_tracker(config.train.track)
    if not resume:
        free_folder(out, run_name(data, config.recipe))
    start_engine()
    from maskwright.console import say
    from maskwright.report import write_report
    from maskwright.resuming import last_begun
    from maskwright.training import train

    minutes = changes.get("train.minutes", 0)
    old = last_begun(out, run_name(data, config.recipe)) if resume else None
    if old:
        given = changes | ({"recipe": name} if name else {})
        run = train(data, out=old.path, settings=given, resume=True, begun=STARTED)
    elif name or not minutes:
        run = train(data, out=out, config=config, resume=resume, begun=STARTED)
    else:
        del changes["train.minutes"]
        run = train(data, out=out, minutes=minutes, settings=changes, resume=resume, begun=STARTED)
    say(f"report: {write_report(run)}")
    say(f"next: {command('evaluate', run.path)}")
