"""plan.md, read back: what ``planning.Plan.to_markdown`` writes, and nothing else of Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MOST = 200_000  # characters; a plan has about 2,000
HEAD = "| setting | value | why |"


@dataclass(frozen=True)
class Planned:
    """Facts about data and machine, and the choices as (setting, value, reason).

    ``text`` is the whole file where it is not what a plan looks like, else empty.
    """

    facts: list[str]
    choices: list[tuple[str, str, str]]
    text: str = ""


def read_plan(path: Path) -> Planned | None:
    """The plan of a run; None where it was trained without one."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", errors="replace") as file:
        return parse(file.read(MOST))


def parse(text: str) -> Planned:
    """The facts and choices in the text of a plan.

    >>> plan = "# Plan for x\\n\\n- fact\\n\\n| setting | value | why |\\n|---|---|---|\\n"
    >>> parse(plan + "| `view.size` | 224 | it fits |\\n")
    Planned(facts=['fact'], choices=[('view.size', '224', 'it fits')], text='')
    """
    lines = [line.strip() for line in text.splitlines()]
    facts = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    if HEAD not in lines:
        return Planned(facts, [], "" if facts else text)
    rows = [line for line in lines[lines.index(HEAD) + 2 :] if line]
    parts = [row.removeprefix("| ").removesuffix(" |").split(" | ", 2) for row in rows]
    if any(len(part) != 3 for part in parts):
        return Planned([], [], text)
    return Planned(facts, [(key.strip("`"), value, why) for key, value, why in parts])
