"""The page of suspects: each mask with its pictures, and how to go on."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.console import amount, printable
from maskwright.data.labels import ClassTable
from maskwright.data.listing import data_name
from maskwright.report.embedded import Picture
from maskwright.report.page import fill
from maskwright.suspicion.suspect import PARTS, Suspect

ROOM = 20_000_000  # characters that all pictures of the page may take


@dataclass(frozen=True)
class Told:
    """What was looked at, with which runs, and what came of it.

    Paths for Label Studio begin at ``root``, and ``folder`` holds all images; ``split`` is the one
    that was asked for, ``moved`` the new place of the data.
    """

    data: Path
    root: Path
    folder: Path
    runs: Sequence[Path]
    which: str
    images: int
    disputed: int
    remark: str
    split: str | None
    moved: Path | None = None

    @property
    def answer(self) -> str:
        """How many masks are disputed, in a sentence."""
        masks = amount(self.images, f"{self.which} mask")
        if not self.disputed:
            return f"None of {masks} is disputed by more than where an outline runs."
        verb = "is" if self.disputed == 1 else "are"
        return f"{self.disputed:,} of {masks} {verb} disputed in places."

    @property
    def command(self) -> str:
        """What writes it again."""
        words = ["maskwright", "suspects", *(path.as_posix() for path in self.runs)]
        words += ["--split", self.split] if self.split else []
        words += ["--data", self.moved.as_posix()] if self.moved else []
        return shlex.join([*words, "--out", "suspects-again"])

    @property
    def storage(self) -> str:
        """The folder to add to Label Studio as a local storage."""
        return printable(str(self.folder))

    @property
    def serving(self) -> str:
        """What starts Label Studio so that it shows the images."""
        root = shlex.quote(self.root.as_posix())
        return (
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
            f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root} label-studio start"
        )


def render(
    told: Told, rows: Sequence[dict[str, Any]], found: Sequence[Suspect], table: ClassTable
) -> str:
    """The page as HTML; every name that comes from files is escaped."""
    pictures, room = [], ROOM
    for row, one in zip(rows, found, strict=True):
        pictures.append(embedded(one, row["image"]) if room > 0 else None)
        room -= len(one.picture) * 4 // 3
    values = {
        "name": printable(data_name(told.data)),
        "told": told,
        "labels": table.labels,
        "ground": table.ground,
        "parts": PARTS,
        "suspects": [
            {
                **row,
                "image": printable(row["image"]),
                "mask": printable(row["mask"]),
                "shown": shown,
            }
            for row, shown in zip(rows, pictures, strict=True)
        ],
    }
    return fill("suspects.html", values)


def embedded(one: Suspect, name: str) -> Picture:
    """The picture inside a data URI."""
    content = base64.b64encode(one.picture).decode()
    width, height = one.size
    alt = f"{printable(name)}: {', '.join(PARTS)}"
    return Picture(f"data:image/jpeg;base64,{content}", width, height, alt)
