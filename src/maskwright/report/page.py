"""One self-contained page: a template filled, and a file written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from maskwright.report import charts, words


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The template of this folder as HTML; every name that comes from files is escaped."""
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
    return pages.get_template(template).render(values)
