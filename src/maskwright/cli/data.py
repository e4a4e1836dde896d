"""The verbs of ``maskwright data``: fetch, generate, clean up."""

from __future__ import annotations

from pathlib import Path

import click

from maskwright.errors import command

PATH = click.Path(path_type=Path)


@click.group()
def data() -> None:
    """Fetch or generate a dataset."""


@data.command()
@click.argument("folder", type=PATH, metavar="DIR")
def pets(folder: Path) -> None:
    """Fetch the Oxford-IIIT Pet set (7,390 images, 0.8 GB) into DIR.

    \b
    Example:
      maskwright data pets pets
    """
    from maskwright.console import say
    from maskwright.data.download import fetch_pets

    fetch_pets(folder)
    say(f"next: {command('train', folder)}")


@data.command()
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--count", default=200, show_default=True, help="Images to make.")
@click.option("--size", default=160, show_default=True, help="Typical side in pixels.")
@click.option("--seed", default=0, show_default=True)
def shapes(folder: Path, count: int, size: int, seed: int) -> None:
    """Generate images of textured shapes, with masks, into DIR.

    \b
    Example:
      maskwright data shapes shapes --count 400
    """
    from maskwright.console import say
    from maskwright.data.samples import write_samples

    write_samples(folder, count=count, size=size, seed=seed)
    say(f"next: {command('train', folder)}")


@data.command()
def clean() -> None:
    """Remove what can be made again: decoded images and unpacked exports.

    \b
    Example:
      maskwright data clean
    """
    from maskwright.console import amount, say, size
    from maskwright.data.cache import clean

    removed, freed = clean()
    say(f"removed {amount(removed, 'dataset')} from the cache, {size(freed)}")
