"""The command line: each verb parses, calls one stage, prints. No Keras import at the top."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from maskwright.cli.data import PATH, data
from maskwright.cli.export import export, verify
from maskwright.cli.results import compare, evaluate, pool, predict, report
from maskwright.cli.settings import SEED, SETTINGS, configure, start_engine
from maskwright.cli.suspects import suspects
from maskwright.cli.train import plan, train
from maskwright.errors import MaskwrightError, command
from maskwright.interrupts import SAID


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
    except (KeyboardInterrupt, click.Abort) as stop:
        if SAID in getattr(stop.__cause__ or stop, "args", ()):  # click makes an Abort of it
            sys.exit(130)
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
    from maskwright.data.audit.repair import check_out
    from maskwright.data.audit.repair import repair as write_repaired
    from maskwright.data.audit.words import next_command, print_audit
    from maskwright.data.described import place_for, write_described

    config = configure(settings=settings, seed=seed)
    if html:
        from maskwright.report.checked import write_check_page
        from maskwright.report.page import check_file

        check_file(html, "check.html")
    if init:
        place_for(data)
    if repair:
        check_out(data, repair)
    found = check(data, seed=config.seed, split=config.split)
    print_audit(found)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    if html:
        say(f"page: {write_check_page(found, html)}")
    if init:
        say(f"written: {write_described(found)}; name the classes in it")
    if repair:
        made = write_repaired(found, repair)
        say(f"repaired: {made.in_words()}")
    if then := command("check", repair) if repair else next_command(found):
        again = [word for text in settings for word in ("--set", text)]
        again += ["--seed", str(seed)] if seed is not None else []
        say(f"{'then' if init else 'next'}: {' '.join([then, *map(shlex.quote, again)])}")
    if found.stops and not repair:
        sys.exit(1)


cli.add_command(plan)
cli.add_command(train)


for verb in (evaluate, predict, export, verify, report, compare, pool, suspects):
    cli.add_command(verb)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on standard output.")
@click.option("--encoders", is_flag=True, help="List the encoders and what they cost instead.")
@click.option("--settings", is_flag=True, help="List what --set sets, with defaults, instead.")
def info(as_json: bool, encoders: bool, settings: bool) -> None:
    """Show versions, engine, devices, recipes, and what is missing.

    \b
    Examples:
      maskwright info
      maskwright info --encoders
      maskwright info --settings
    """
    if settings:
        from maskwright.config import flatten
        from maskwright.printing import print_settings
        from maskwright.recipes import recipe
        from maskwright.settings import meanings

        values, told = flatten(recipe("default")), meanings()
        if as_json:
            rows = [{"setting": k, "default": values[k], "is": what} for k, what in told.items()]
            click.echo(json.dumps(rows))
        else:
            print_settings(values, told)
        return
    from maskwright.info import describe, describe_encoders
    from maskwright.printing import print_encoders, print_info

    facts: Any = describe_encoders() if encoders else describe()
    if as_json:
        click.echo(json.dumps(facts))
    elif encoders:
        print_encoders(facts)
    else:
        print_info(facts)
