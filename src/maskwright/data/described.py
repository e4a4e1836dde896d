"""``check --init``: a dataset.toml with the classes as they show, ready to be edited."""

from __future__ import annotations

from pathlib import Path

import tomli_w

from maskwright.data.audit import Audit
from maskwright.data.images import RGB
from maskwright.data.ingest import kind_of
from maskwright.data.labels import default_color
from maskwright.errors import DataError, UsageError, command

HEADER = """\
# What the images and masks in this folder are. Edit it: give the classes their names, put several
# values into one class to merge them, list values that count for nothing under ignore.
# allow = ["flipped"] lets a finding pass that you have looked at and found to be right.
"""
EMPTY = """\
encoding = "index"   # index, palette, rgb, binary or instances
ignore = []

[[classes]]
name = "background"
values = [0]
color = "{0}"

[[classes]]
name = "thing"
values = [1]
color = "{1}"
"""


def place_for(data: Path) -> Path:
    """The dataset.toml that ``write_described`` writes for data, which need not be audited yet.

    Raises UsageError where there is one, or where the data are an export: beside that it would
    hide it, since a folder with a dataset.toml is taken for what that says.
    """
    if kind_of(data):
        raise UsageError(
            f"{data} is an export, and a dataset.toml in its place would hide it; write a copy of "
            f"plain images and masks by {command('check', data, '--repair', 'NEW')} and edit the "
            "dataset.toml there"
        )
    path = (data if data.is_dir() else data.parent) / "dataset.toml"
    if path.exists():
        raise UsageError(f"{path} already exists; edit it, or remove it first")
    if data.suffix.lower() == ".toml":
        raise UsageError(f"{data} describes the data already; edit it")
    return path


def write_described(found: Audit) -> Path:
    """Write the dataset.toml of audited data, with the inferred class table; returns its path.

    Raises as ``place_for``.
    """
    data = found.data
    path = place_for(data)
    described: dict[str, object] = {}
    if data.is_file() and data.suffix.lower() == ".csv":
        described["manifest"] = data.name
    bands = {"bands": found.bands.to_dict()} if found.bands != RGB else {}
    if found.table:
        text = tomli_w.dumps({**described, **found.table.to_dict(), **bands})
    else:
        text = tomli_w.dumps({**described}) + EMPTY.format(default_color(0), default_color(1))
    try:
        path.write_text(HEADER + text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}); copy the data") from None
    return path
