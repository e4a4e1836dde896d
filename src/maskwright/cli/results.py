"""The verbs evaluate, predict, report and compare: what a run is worth, and what it is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from maskwright.cli.data import PATH
from maskwright.cli.settings import start_engine
from maskwright.errors import UsageError, command

TTA = click.option(
    "--tta",
    metavar="WAYS",
    default="",
    help="Take the mean over views: flip (left-right), flips (up-down too), scales; slower.",
)
CLASSES = click.option(
    "--classes",
    type=PATH,
    metavar="TOML",
    help="Of an ONNX file from elsewhere: a dataset.toml with its classes, and its [input].",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON on standard output.")


@click.command()
@click.argument("model", type=PATH)
@click.argument("data", type=PATH, required=False)
@click.option("--split", help="train, val, test or all  [test]")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    help="Pixels that an outline may be off and count as right (surface Dice)  [2]",
)
@click.option(
    "--least-area",
    type=click.IntRange(1),
    help="Pixels of the smallest predicted object that counts, as in predict  [10]",
)
@TTA
@CLASSES
@JSON
def evaluate(
    model: Path,
    data: Path | None,
    split: str | None,
    tolerance: float | None,
    least_area: int | None,
    tta: str,
    classes: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL, a run or an export of it, on its test images or other DATA.

    \b
    Examples:
      maskwright evaluate runs/pets-default --json
      maskwright evaluate model.onnx photos-and-masks
    """
    from maskwright.artifacts import opened
    from maskwright.artifacts.scoring import scored_run
    from maskwright.console import say
    from maskwright.evaluation import evaluate
    from maskwright.printing import print_scores
    from maskwright.report import write_report, write_scores

    one = opened(model, classes=classes)
    run = scored_run(one, elsewhere=data is not None)
    if one is run:
        start_engine()
    limits: dict[str, Any] = {"tolerance": tolerance, "least_area": least_area}
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    result = evaluate(run, data, split=split, tta=words_of(tta), **limits)
    print_scores(result)
    if least_area and "objects" not in result:
        say("--least-area has no part in this: the masks do not number their objects")
    if as_json:
        click.echo(json.dumps(result))
    say(f"scores: {run.evaluations / result['name']}.json, an image a row in the .csv")
    reported = result["name"] == "test" or (result["name"] == "val" and not run.dataset.of("test"))
    if reported and run.results is None:
        say(f"report: {write_report(run)}")
    else:
        say(f"page: {write_scores(run, result)}")
    say(f"next: {command('predict', model, 'IMAGES', '--out', 'masks', '--overlay')}")


@click.command()
@click.argument("model", type=PATH)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", type=PATH, required=True, help="Folder for the masks.")
@click.option("--overlay", is_flag=True, help="Also write the image with the mask over it.")
@click.option("--probabilities", is_flag=True, help="Also write class probabilities (NPZ).")
@click.option("--confidence", is_flag=True, help="Also write how sure each pixel is (grey PNG).")
@click.option(
    "--recall",
    "recalls",
    multiple=True,
    metavar="CLASS=SHARE",
    help="Find this share of a class, at the price of false alarms: cell=0.95.",
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="CLASS=P",
    help="Take a class where its probability is P or more: cell=0.3.",
)
@click.option(
    "--abstain",
    type=float,
    metavar="SHARE",
    help="Leave open what is unsure, so that this share of the rest is right: 0.95.",
)
@click.option(
    "--format",
    metavar="FORMAT",
    help="png, or tiff (tiled, on the map)  [tiff for what is on a map, or huge; else png]",
)
@TTA
@click.option("--resume", is_flag=True, help="Go on in --out; what is done is passed over.")
@click.option(
    "--objects", is_flag=True, help="Also list objects (objects.csv), and number them (TIFF)."
)
@click.option(
    "--shapes",
    multiple=True,
    metavar="FORMATS",
    help="Also write objects as polygons: geojson, coco, svg, labelstudio, cvat.",
)
@click.option(
    "--least-area",
    "least",
    type=click.IntRange(1),
    help="Pixels of the smallest object that is kept  [10]",
)
@click.option(
    "--of",
    metavar="CLASSES",
    default="",
    help="Classes whose objects are wanted, as in weed,crop  [all but the background]",
)
@click.option(
    "--part",
    metavar="HOW",
    help="Part touching objects: none, boundary, watershed  [boundary where there is one, or rims]",
)
@click.option("--boundary", metavar="CLASS", help="The class that lies between objects.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    metavar="PX",
    help="How far outlines may be simplified  [0.25, which keeps every pixel]",
)
@CLASSES
def predict(
    model: Path,
    inputs: tuple[str, ...],
    out: Path,
    classes: Path | None,
    recalls: tuple[str, ...],
    thresholds: tuple[str, ...],
    shapes: tuple[str, ...],
    of: str,
    tta: str,
    **options: Any,
) -> None:
    """Write a mask for each INPUT: image, folder, glob, video, or - for standard input.

    \b
    Examples:
      maskwright predict runs/pets-default photos --out masks --overlay
      maskwright predict runs/cells photos --out masks --recall cell=0.95
      maskwright predict runs/cells/exports/onnx photos --out masks
      maskwright predict runs/cells photos --out masks --objects --shapes geojson,coco
    """
    from maskwright.artifacts import opened
    from maskwright.console import amount, say
    from maskwright.prediction import predict

    options["recalls"] = shares("--recall", recalls)
    options["thresholds"] = shares("--threshold", thresholds)
    options["shapes"] = [name for text in shapes for name in words_of(text)]
    options["tta"], options["of"] = words_of(tta), words_of(of)
    run = opened(model, classes=classes)
    written = predict(run, inputs, out=out, **options)
    say(f"{amount(len(written), 'mask')} in {out}")


def words_of(text: str) -> list[str]:
    """The words between commas.

    >>> words_of("geojson, coco"), words_of("")
    (['geojson', 'coco'], [])
    """
    return [word.strip() for word in text.split(",") if word.strip()]


def shares(option: str, words: tuple[str, ...]) -> dict[str, float]:
    """The numbers of words such as ``cell=0.95``.

    >>> shares("--recall", ("cell=0.95",))
    {'cell': 0.95}
    """
    found = {}
    for word in words:
        name, _, number = word.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            point = " with a point" if "," in number else ""
            raise UsageError(f"{option} {word}: write a class and a number{point}, as in cell=0.95")
    return found


@click.command()
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


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@JSON
def pool(runs: tuple[Path, ...], as_json: bool) -> None:
    """Put the test scores of RUNS on the folds of one dataset together.

    Each has been evaluated. Every image is scored by a run that was not trained on it.

    \b
    Example:
      maskwright pool runs/fold-0 runs/fold-1 runs/fold-2 runs/fold-3 runs/fold-4
    """
    from maskwright.pooling import pool
    from maskwright.printing import print_pool

    result = pool(runs)
    print_pool(result)
    if as_json:
        click.echo(json.dumps(result))


@click.command()
@click.argument("first", type=PATH)
@click.argument("second", type=PATH)
@click.option("--split", help="Name of an evaluation of both  [test, else val]")
@click.option("--html", type=PATH, help="Also write a page, with pictures of what differs.")
@JSON
def compare(first: Path, second: Path, split: str | None, html: Path | None, as_json: bool) -> None:
    """Say whether one of two runs is better, image by image.

    Both have been evaluated on the same images.

    \b
    Example:
      maskwright compare runs/cells-default runs/cells-default-2 --html compared.html
    """
    from maskwright.artifacts.scoring import scored_run
    from maskwright.comparison import compare
    from maskwright.console import say
    from maskwright.printing import print_comparison

    runs = scored_run(first), scored_run(second)
    result = compare(*runs, split=split)
    print_comparison(result)
    if html:
        start_engine()
        from maskwright.report.compared import write_comparison_page

        say(f"page: {write_comparison_page(result, runs, html)}")
    if as_json:
        click.echo(json.dumps(result))
