"""report.html: one self-contained page, made without an engine from the run folder and the
images that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskwright.errors import RunError
from maskwright.files import write_text
from maskwright.report.page import fill
from maskwright.report.sections import scores_alone, sections
from maskwright.runs import Run


def write_report(run: Run) -> Path:
    """Write the run's report.html, whole or not at all, and return its path.

    The page loads nothing from outside itself, so it opens offline anywhere; without its one script
    it shows the same, but neither sorts nor changes layers.

    Raises RunError where the run folder lacks a file, WriteError where it cannot be written to.
    """
    page = render(run)
    path = run.path / "report.html"
    write_text(path, page)
    return path


def write_scores(run: Run, result: dict[str, Any]) -> Path:
    """Write the page of what ``evaluate`` returned, NAME.html beside its NAME.json: the scores of
    a report, of other data or of an export."""
    path = run.evaluations / f"{result['name']}.html"
    write_text(path, fill("template.html", scores_alone(run, result)))
    return path


def render(run: Run) -> str:
    """The page as HTML; every name that comes from files is escaped."""
    try:
        return fill("template.html", sections(run))
    except FileNotFoundError as error:
        raise RunError(
            f"{error.filename} is missing, so {run.path} is no complete run; train again"
        ) from None
