"""The audit on a terminal: what the set is, its classes, and each finding with its remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maskwright.console import amount, console, printable, say
from maskwright.data.audit import Audit
from maskwright.data.findings import KINDS, LOWERS, NOTE, STOPS, Finding, Flaw
from maskwright.data.listing import data_name
from maskwright.data.splits import relative
from maskwright.errors import command, some

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 3  # files named of each finding
STYLES = {STOPS: "bold red", LOWERS: "yellow", NOTE: "dim"}


def print_audit(found: Audit) -> None:
    """Everything the audit found, on standard error."""
    for line in introduction(found):
        say(line)
    if found.table and found.pairs:
        console().print(_class_table(found))
    for finding in found.findings:
        _print_finding(finding, found.listing.root)
    say(verdict(found))


def introduction(found: Audit) -> list[str]:
    """What the set is, in a line or two."""
    images = amount(len(found.facts), "image")
    divided = ", ".join(f"{count:,} {split}" for split, count in found.counts().items() if count)
    lines = [f"{found.data}: {images} with masks, layout {found.listing.layout}"]
    if len(found.pairs) < len(found.facts):
        lines[0] += f", {len(found.pairs):,} usable"
    if divided:
        given = any(pair.split for pair in found.listing.pairs)
        lines[0] += f"; split {'of the data' if given else 'as it would be drawn'}: {divided}"
    if found.evidence:
        lines.append(f"masks: {found.evidence}")
    if groups := Counter(pair.group for pair in found.pairs if pair.group):
        ((largest, count),) = groups.most_common(1)
        lines.append(
            f"groups: {len(groups):,}, the largest {printable(largest)} of {amount(count, 'image')}"
        )
    if found.bands.count != 3 or found.bands.high:
        lines.append(f"images: {some(_bands(found), 2)}")
    return lines


def _bands(found: Audit) -> Iterator[str]:
    if found.bands.count != 3:
        yield amount(found.bands.count, "band")
    pairs = zip(found.bands.low, found.bands.high, strict=True)
    if ranges := list(dict.fromkeys(f"{low:g}–{high:g}" for low, high in pairs)):
        yield f"stretched to 0–255 from {some(ranges, 4)}"


@dataclass(frozen=True)
class ClassRow:
    """A class: its mask values as people write them, its share of the pixels in [0, 1] (None where
    there are none), and how many usable masks hold it."""

    name: str
    values: str
    share: float | None
    masks: int


def class_rows(found: Audit) -> list[ClassRow]:
    """What the usable masks hold of each class."""
    if not found.table:
        return []
    pixels = np.sum(list(found.pixels.values()), axis=0)
    total = int(pixels.sum())
    return [
        ClassRow(
            label.name,
            some(map(found.table.show, label.values), 4) or "all others",
            int(pixels[index]) / total if total else None,
            sum(index in classes for classes in found.classes),
        )
        for index, label in enumerate(found.table.labels)
    ]


def _class_table(found: Audit) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("class", "values", "pixels", "masks", box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    for row in class_rows(found):
        share = f"{100 * (row.share or 0):.2f} %"
        table.add_row(escape(row.name), row.values, share, f"{row.masks:,}")
    return table


def _print_finding(finding: Finding, root: Path) -> None:
    style = STYLES[finding.severity]
    console().print(f"[{style}]{finding.severity}[/] ", end="")
    say(f"{finding.title}: {finding.count:,}")
    for flaw in finding.flaws[:SHOWN]:
        say(f"    {place(flaw, root)}: {printable(flaw.detail)}")
    if finding.count > SHOWN:
        say(f"    … and {finding.count - SHOWN:,} more")
    repair = KINDS[finding.kind].repair
    say(f"    → {finding.remedy}{f' (--repair: {repair})' if repair else ''}")


def place(flaw: Flaw, root: Path) -> str:
    """The file of a flaw as seen from the root, printable whatever its name holds."""
    inside = flaw.path.is_absolute() or root in (flaw.path, *flaw.path.parents)
    path = relative(flaw.path, root) if inside else flaw.path.as_posix()
    return "the whole set" if path == "." else printable(path)


def verdict(found: Audit) -> str:
    """Whether training can begin, in a sentence."""
    lowers = sum(finding.severity == LOWERS for finding in found.findings)
    noticed = f"; {amount(lowers, 'thing')} may lower quality" if lowers else ""
    if found.stops:
        return f"training must stop for {amount(len(found.stops), 'finding')} above{noticed}"
    return f"nothing stops training; usable: {amount(len(found.pairs), 'pair')}{noticed}"


def next_command(found: Audit) -> str:
    """The command to type now, empty where only the files themselves can be mended."""
    if not found.stops:
        return command("train", found.data)
    if found.table is None and found.facts:
        return command("check", found.data, "--init")
    if found.table and any(KINDS[finding.kind].repair for finding in found.stops):
        return command("check", found.data, "--repair", f"{data_name(found.data)}-clean")
    return ""
