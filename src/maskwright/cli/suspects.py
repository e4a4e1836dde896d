"""The verb suspects: which masks may be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import click

from maskwright.cli.data import PATH
from maskwright.cli.results import JSON
from maskwright.cli.settings import start_engine
from maskwright.errors import command


@click.command()
@click.argument("runs", type=PATH, nargs=-1, required=True, metavar="RUN...")
@click.option("--data", type=PATH, help="Where the data lie now, if they were moved.")
@click.option("--out", type=PATH, required=True, help="Folder for the list and its pictures.")
@click.option("--count", default=50, show_default=True, help="Masks in the list, at most.")
@click.option("--split", help="val, train or test  [images held out of a RUN]")
@click.option(
    "--image-root",
    type=PATH,
    metavar="DIR",
    help="Where paths for Label Studio and CVAT begin  [the dataset]",
)
@JSON
def suspects(
    runs: tuple[Path, ...],
    data: Path | None,
    out: Path,
    count: int,
    split: str | None,
    image_root: Path | None,
    as_json: bool,
) -> None:
    """List the masks that a RUN contradicts most.

    One RUN looks at its validation images; of several, such as all folds of a dataset, each looks
    at the images that it was not trained on. The list is a page with pictures, a CSV file, and
    tasks that Label Studio and CVAT import.

    \b
    Examples:
      maskwright suspects runs/pets-default --out suspects
      maskwright suspects runs/fold-* --out suspects --count 100
    """
    from maskwright.console import say
    from maskwright.runs import load
    from maskwright.suspicion import suspects
    from maskwright.suspicion.words import print_suspects

    opened = [load(run) for run in runs]
    start_engine()
    rows = suspects(opened, data, out=out, count=count, split=split, image_root=image_root)
    print_suspects(rows)
    if as_json:
        click.echo(json.dumps(rows))
    say(f"page: {out / 'suspects.html'}; also suspects.csv, label-studio.json and cvat.xml")
    if rows:
        place = data or opened[0].dataset.root
        say(f"next: mend the masks that are wrong, then {command('check', place)}")
