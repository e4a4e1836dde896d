"""Datasets that are not plain files of images and masks, unpacked once into such.

    archive      .zip, .tar, .tar.gz             extracted, then looked at again
    huggingface  a folder of save_to_disk        images and masks as files
    coco         polygons and run-length codes   masks painted
    labelstudio  the JSON export                 masks painted
    brushes      its PNG export, one a region    masks put together

Each module says whether a source looks like its own, which files the result depends on, and unpacks
it into a new folder.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from maskwright.console import say
from maskwright.data.home import cache_home
from maskwright.data.ingest import archive, brushes, coco, huggingface, labelstudio
from maskwright.data.ingest.extras import import_needed as import_needed
from maskwright.data.ingest.writing import is_there, unpacking, write_plain

EXPORTS = {
    "huggingface": huggingface,
    "coco": coco,
    "labelstudio": labelstudio,
    "brushes": brushes,
}
KINDS = {"archive": archive, **EXPORTS}
FORMAT = 1  # raised when the same source comes to be unpacked otherwise


def unpacked(source: Path) -> Path | None:
    """The folder with the plain pairs of a source that needs unpacking; None for any other.

    It lies under ``cache_home()/unpacked``, and is used again as long as the files of the source
    have the same place, size and time.
    """
    source = source.absolute()
    kind = kind_of(source)
    if not kind:
        return None
    place = _place(source, kind)
    if kind == "archive":
        if not place.is_dir():
            with unpacking(place) as part:
                archive.unpack(source, part)
        folder = _without_wrapping(place)
        return unpacked(folder) or folder
    if not is_there(place):
        shutil.rmtree(place, ignore_errors=True)
        with unpacking(place) as part:
            write_plain(part, place, EXPORTS[kind].unpack(source, part))
        say(f"{source}: the masks were written to {place / 'masks'}")
    return place


def kind_of(source: Path) -> str:
    """What a source is, in the words of ``KINDS``; empty for plain files.

    A folder with a ``dataset.toml`` is taken as that says, one with masks as it is.
    """
    if any((source / name).exists() for name in ("dataset.toml", "masks", "SegmentationClass")):
        return ""
    return next((name for name, kind in KINDS.items() if kind.looks_like(source)), "")


def _place(source: Path, kind: str) -> Path:
    """Where a source is unpacked: a folder for each state of its files."""
    root = source.resolve()
    state = hashlib.blake2b(f"{FORMAT}:{kind}:{root}".encode(), digest_size=8)
    for path in KINDS[kind].sources(source):
        facts = path.stat()
        state.update(f"\n{path.name}:{facts.st_size}:{facts.st_mtime_ns}".encode())
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name)[:40].strip(".-") or kind
    return cache_home() / "unpacked" / f"{name}-{state.hexdigest()}"


def _without_wrapping(folder: Path) -> Path:
    """The innermost folder that holds everything: archives often have one folder at the top."""
    inner = list(folder.iterdir())
    while len(inner) == 1 and inner[0].is_dir():
        folder = inner[0]
        inner = list(folder.iterdir())
    return folder
