"""One self-contained page: a template filled, and a file written whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from maskwright.errors import UsageError
from maskwright.report import charts, words


def check_file(path: Path, name: str) -> None:
    """Raise UsageError where a page cannot be a file because there is a folder, and advise one of
    this name in it."""
    if path.is_dir():
        raise UsageError(f"--html {path} is a folder; name a file, such as {path / name}")


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
        "pixels": words.pixels,
        "signed": words.signed,
        "plain": words.plain,
        "reach": words.reach,
        "reach_percent": words.reach_percent,
        "count": words.count,
        "bar": charts.bar,
        "swatch": charts.swatch,
        "unbroken": unbroken,
    }
    return pages.get_template(template).render(values)


def unbroken(text: str) -> Markup:
    """A command as HTML, no option of which is torn where a narrow page wraps the line.

    >>> print(unbroken("maskwright check 'a & b' --init"))
    maskwright check &#39;a &amp; b&#39; <span class="unbroken">--init</span>
    """
    option = re.compile(r"(?<!\S)--[\w-]+")
    return Markup(option.sub(r'<span class="unbroken">\g<0></span>', str(escape(text))))


def script() -> Markup:
    """The one script of the report, as it stands in the page."""
    text = (files("maskwright.report") / "script.js").read_text(encoding="utf-8")
    return Markup(text)  # our own file: nothing in it is to be escaped


def allowed(text: str) -> str:
    """What a Content-Security-Policy calls this script, and by which it allows no other.

    >>> allowed("let it = 1;")
    "'sha256-sb3dFlDlD+tLyrjai9xTgRGGjHhsQ+VYkFJ/xJR7/4c='"
    """
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
