"""The verbs export and verify: a model as a file, and whether it still does what its run did."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from maskwright.cli.data import PATH
from maskwright.cli.results import JSON
from maskwright.cli.settings import start_engine
from maskwright.errors import command


@click.command()
@click.argument("run", type=PATH)
@click.option(
    "--format",
    "format",
    required=True,
    metavar="FORMAT",
    help="onnx, openvino, litert or saved_model.",
)
@click.option(
    "--int8",
    is_flag=True,
    help="In 8 bits (openvino, litert): faster, for a little of the masks.",
)
@click.option(
    "--most-loss",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="Mean IoU that int8 may cost; layers that cost more stay as they are.",
)
@click.option("--out", type=PATH, help="Folder to make  [RUN/exports/FORMAT]")
def export(run: Path, format: str, int8: bool, most_loss: float, out: Path | None) -> None:
    """Write the model of RUN as a file that takes images and gives masks, without Keras.

    It is compared with the run on images of validation, then of training, some cut to odd sizes,
    and kept only where it agrees.

    \b
    Examples:
      maskwright export runs/cells --format onnx
      maskwright predict runs/cells/exports/onnx photos --out masks
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the run was trained on
    from maskwright.artifacts.formats import check_format, folder_for
    from maskwright.console import say
    from maskwright.runs import load

    opened, format = load(run), format.lower()
    folder_for(opened.path, format, out, int8=int8)  # before seconds go by
    check_format(format, int8=int8)
    start_engine()
    from maskwright.exporting import export
    from maskwright.report import write_report

    folder = export(opened, format, int8=int8, most_loss=most_loss, out=out)
    say(f"exported: {folder}, with model-card.md on how to call it, and parity.json")
    if out is None and (opened.path / "report.html").is_file():
        say(f"report: {write_report(opened)}")
    say(f"next: {command('predict', folder, 'IMAGES', '--out', 'masks')}")


@click.command()
@click.argument("artifact", type=PATH)
@JSON
def verify(artifact: Path, as_json: bool) -> None:
    """Compare an exported model with what its run gave for the images beside it, on this machine.

    \b
    Example:
      maskwright verify runs/cells/exports/onnx
    """
    from maskwright.artifacts import CERTIFICATE, checksum_beside, place_of_artifact
    from maskwright.artifacts.parity import verify
    from maskwright.console import say

    parity = verify(artifact)
    place = place_of_artifact(artifact)
    if place and checksum_beside(place) is None:
        say(f"no checksum in a {CERTIFICATE} beside it: whether the file has changed is not known")
    say(
        f"as exported, within what is allowed: {parity.in_words()} (a few of the certificate's "
        "images; probabilities of the run are kept to 0.002)"
    )
    if as_json:
        click.echo(json.dumps(parity.to_dict()))
