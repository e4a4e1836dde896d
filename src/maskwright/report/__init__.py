"""report.html: one self-contained page, made from the run folder alone and without an engine."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from maskwright.errors import RunError
from maskwright.report import charts, words
from maskwright.report.sections import sections
from maskwright.runs import Run


def write_report(run: Run) -> Path:
    """Write the run's report.html, whole or not at all, and return its path.

    The page loads nothing from outside itself and holds no script, so it opens offline anywhere.

    Raises RunError where the run folder lacks a file or cannot be written to.
    """
    page = render(run)
    path = run.path / "report.html"
    part = path.with_suffix(".part.html")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunError(
            f"{path} cannot be written ({error.strerror}); make room for it and try again"
        ) from None
    return path


def render(run: Run) -> str:
    """The page as HTML; every name that comes from files is escaped."""
    pages = Environment(
        loader=PackageLoader("maskwright", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {
        "score": words.score,
        "percent": words.percent,
        "count": words.count,
        "bar": charts.bar,
        "swatch": charts.swatch,
    }
    try:
        return pages.get_template("template.html").render(sections(run))
    except FileNotFoundError as error:
        raise RunError(
            f"{error.filename} is missing, so {run.path} is no complete run; train again"
        ) from None
