"""The list of suspects as people read it in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maskwright.console import amount, console, printable, say

SHOWN = 10


def print_suspects(rows: Sequence[dict[str, Any]]) -> None:
    """The worst ten on standard error."""
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return
    table = Table("", "score", "pixels", "given as", "predicted as", "image", box=None)
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[:3]:
        column.justify = "right"
    for row in rows[:SHOWN]:
        names = (escape(printable(row[key])) for key in ("given", "predicted", "image"))
        numbers = (str(row["rank"]), f"{row['score']:.3g}", f"{row['area']:,}")
        table.add_row(*numbers, *names)
    console().print(table)
    if (more := len(rows) - SHOWN) > 0:
        say(f"and {amount(more, 'more mask')}")
