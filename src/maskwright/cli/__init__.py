"""The command line: each verb parses, calls one stage, prints. No Keras import at the top."""

from __future__ import annotations

import importlib
import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskwright.cli.data import PATH, data
from maskwright.errors import MaskwrightError

if TYPE_CHECKING:
    from maskwright.config import Config

SETTINGS = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="One setting; config.toml of a run shows all keys.",
)
STARTED = time.perf_counter()  # of a --time that someone is waiting for
SEED = click.option("--seed", type=int, help="Seed of split, weights, order and augmentation.")


class InOrder(click.Group):
    """A group that lists its verbs in the order of the flow."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="maskwright")
@click.option("--debug", is_flag=True, help="Show the traceback of an error (with any verb).")
def cli(debug: bool) -> None:
    """From a folder of images and masks to a trained, honestly measured model.

    \b
    maskwright demo                      see the whole job in two minutes
    maskwright check DATA                see what is wrong with your folder
    maskwright train DATA --time 10m     train the best model of ten minutes
    maskwright evaluate RUN              measure on the test images
    maskwright predict RUN photo.jpg --out masks
    """


def main() -> None:
    """Run the command line; what a user can mend ends in one line and an exit code."""
    words = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        cli.main(words, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.UsageError as error:
        fail(error.format_message(), 2)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except (KeyboardInterrupt, click.Abort):
        fail("interrupted", 130)
    except MaskwrightError as error:
        if "--debug" in sys.argv:
            raise
        fail(str(error), error.exit_code)
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}; mend that, or choose another place", 1)


def fail(message: str, code: int) -> None:
    """Print ``error: …`` as one line and end with ``code``."""
    click.echo("error: " + " ".join(message.split()), err=True)
    sys.exit(code)


@cli.command()
@click.option("--out", type=PATH, help="Folder to make  [demo, else demo-2, demo-3, …]")
def demo(out: Path | None) -> None:
    """See the whole job, on generated images.

    \b
    Example:
      maskwright demo --out /tmp/demo
    """
    start_engine()
    from maskwright.demo import run_demo

    run_demo(out)


cli.add_command(data)


@cli.command()
@click.argument("data", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on standard output.")
@click.option("--html", type=PATH, help="Also write a page with pictures of each finding.")
@click.option("--repair", type=PATH, metavar="OUT", help="Write a clean copy into this folder.")
@click.option("--init", is_flag=True, help="Write DATA/dataset.toml, to name the classes in it.")
@SETTINGS
@SEED
def check(
    data: Path, as_json: bool, html: Path | None, repair: Path | None, init: bool,
    settings: tuple[str, ...], seed: int | None,
) -> None:  # fmt: skip
    """Look through DATA and say all that is wrong with it.

    With the settings of a training it shows the split that this would draw. Where classes have no
    names yet, --init first, then --repair: the copy keeps the names. Exit code 1 where training
    must stop.

    \b
    Examples:
      maskwright check cells --html check.html
      maskwright check cells --set split.group='(.+)_' --repair cells-clean
    """
    from maskwright.console import say
    from maskwright.data.audit import check
    from maskwright.data.audit.repair import repair as write_repaired
    from maskwright.data.audit.words import next_command, print_audit
    from maskwright.data.described import write_described

    config = configure(settings=settings, seed=seed)
    found = check(data, seed=config.seed, split=config.split)
    print_audit(found)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    if html:
        from maskwright.report.checked import write_check_page

        say(f"page: {write_check_page(found, html)}")
    if init:
        say(f"written: {write_described(found)}; name the classes in it")
    if repair:
        made = write_repaired(found, repair)
        say(f"repaired: {made.in_words()}")
    command = f"maskwright check {shlex.quote(str(repair))}" if repair else next_command(found)
    if command:
        again = [f" --set {shlex.quote(text)}" for text in settings]
        again += [f" --seed {seed}"] if seed is not None else []
        say(f"{'then' if init else 'next'}: {command}{''.join(again)}")
    if found.stops and not repair:
        sys.exit(1)


@cli.command()
@click.argument("data", type=PATH)
@click.option("--time", "budget", default="10m", show_default=True, help="90s, 10m, 2h.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on standard output.")
@SETTINGS
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
    say(f"next: maskwright train {shlex.quote(str(data))} --time {options['budget']}{again}")


@cli.command()
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
@click.option("--encoder", help="Pretrained encoder, such as efficientnet_lite0  [plain: none].")
@click.option("--encoder-weights", help="imagenet, or none to train it from scratch.")
@click.option("--size", type=int, help="Side of the network's view in pixels.")
@click.option("--batch", type=int, help="Images a step.")
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


@cli.command()
@click.argument("model", type=PATH)
@click.argument("data", type=PATH, required=False)
@click.option("--split", help="train, val, test or all  [test]")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the scores as JSON on standard output."
)
def evaluate(model: Path, data: Path | None, split: str | None, as_json: bool) -> None:
    """Measure the run MODEL on its test images or other DATA.

    \b
    Example:
      maskwright evaluate runs/pets-default --json
    """
    from maskwright.console import print_scores, say
    from maskwright.evaluation import evaluate
    from maskwright.report import write_report
    from maskwright.runs import load

    run = load(model)
    start_engine()
    result = evaluate(run, data, split=split)
    print_scores(result)
    if as_json:
        click.echo(json.dumps(result))
    say(f"scores: {run.path / 'evaluation' / result['name']}.json, an image a row in the .csv")
    if data is None:
        say(f"report: {write_report(run)}")
    say(f"next: maskwright predict {model} IMAGES --out masks --overlay")


@cli.command()
@click.argument("model", type=PATH)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", type=PATH, required=True, help="Folder for the masks.")
@click.option("--overlay", is_flag=True, help="Also write the image with the mask over it.")
@click.option("--probabilities", is_flag=True, help="Also write class probabilities (NPZ).")
def predict(model: Path, inputs: tuple[str, ...], out: Path, **options: bool) -> None:
    """Write a mask for each INPUT: file, folder or glob.

    \b
    Example:
      maskwright predict runs/pets-default photos --out masks --overlay
    """
    from maskwright.console import amount, say
    from maskwright.prediction import predict
    from maskwright.runs import load

    run = load(model)
    start_engine()
    written = predict(run, inputs, out=out, **options)
    say(f"{amount(len(written), 'mask')} in {out}")


@cli.command()
@click.argument("run", type=PATH)
def report(run: Path) -> None:
    """Write RUN/report.html again.

    \b
    Example:
      maskwright report runs/pets-default
    """
    from maskwright.console import say
    from maskwright.report import write_report
    from maskwright.runs import load

    say(f"report: {write_report(load(run))}")


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on standard output.")
def info(as_json: bool) -> None:
    """Show versions, engine, devices, recipes, and what is missing.

    \b
    Example:
      maskwright info
    """
    from maskwright.console import print_info
    from maskwright.info import describe

    facts = describe()
    if as_json:
        click.echo(json.dumps(facts))
    else:
        print_info(facts)


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
    budget: str | None = None,
) -> tuple[str | None, dict[str, Any]]:  # fmt: skip
    """The recipe's name, None where none is given, and the dotted settings that were asked for."""
    from maskwright.config import parse_minutes, parse_setting, read_config

    changes = read_config(config) if config else {}
    name = recipe or changes.pop("recipe", None)
    changes |= dict(parse_setting(text) for text in settings)
    options = {
        "train.minutes": None if budget is None else parse_minutes(budget),
        "train.epochs": epochs, "model.encoder": encoder, "model.weights": encoder_weights,
        "view.size": size, "train.batch": batch, "seed": seed,
    }  # fmt: skip
    return name, changes | {key: value for key, value in options.items() if value is not None}
