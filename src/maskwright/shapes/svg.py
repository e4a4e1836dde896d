"""SVG: one file an image, of its size in pixels, a path an object, in the colours of the classes.

Where browsers can show the image, it is linked below the shapes, by its path from the SVG file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from maskwright.console import printable
from maskwright.shapes.drawing import Drawing, Page, corners, plain, polygons_of

if TYPE_CHECKING:
    from shapely import Geometry

SHOWN = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")  # what browsers show


def items(drawing: Drawing) -> list[tuple[int, str]]:
    """Of each object the index of its class, and its path."""
    return [(one.class_index, path(one.number, shape)) for one, shape in drawing.pairs()]


def text(page: Page, found: Sequence[tuple[int, str]]) -> str:
    """The file, of items."""
    width, height = page.width, page.height
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        f"<title>{said(page.name)}</title>",
    ]
    if PurePosixPath(page.link).suffix.lower() in SHOWN:
        link = quote(os.fsencode(page.link))
        lines.append(f'<image href="{link}" width="{width}" height="{height}"/>')
    for index, kind in enumerate(page.table.labels):
        paths = [drawn for own, drawn in found if own == index]
        if paths:
            name = quoteattr(printable(kind.name))
            lines += [
                f'<g data-class={name} fill="{kind.color}" fill-opacity="0.45" fill-rule="evenodd" '
                f'stroke="{kind.color}">',
                f"<title>{said(kind.name)}</title>",
                *paths,
                "</g>",
            ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def path(number: int, shape: Geometry) -> str:
    """One object."""
    rings = [ring for piece in polygons_of(shape) for ring in (piece.exterior, *piece.interiors)]
    drawn = "".join(
        "M" + " ".join(f"{plain(x)},{plain(y)}" for x, y in corners(ring)) + "Z" for ring in rings
    )
    return f'<path id="object-{number}" d="{drawn}"/>'


def said(words: str) -> str:
    """A text as XML can hold it."""
    return escape(printable(words))
