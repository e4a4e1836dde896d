"""SVG: one file an image, of its size in pixels, a path an object, in the colours of the classes.

Where browsers can show the image, it is linked below the shapes, by its path from the SVG file.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from maskwright.console import printable
from maskwright.shapes.drawing import Drawing, corners, plain, polygons_of

if TYPE_CHECKING:
    from shapely import Geometry

SHOWN = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")  # what browsers show


def text(drawing: Drawing) -> str:
    """The file."""
    width, height = drawing.width, drawing.height
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        f"<title>{said(drawing.name)}</title>",
    ]
    if PurePosixPath(drawing.link).suffix.lower() in SHOWN:
        link = quote(os.fsencode(drawing.link))
        lines.append(f'<image href="{link}" width="{width}" height="{height}"/>')
    for index, kind in enumerate(drawing.table.labels):
        paths = [path(one.number, s) for one, s in drawing.pairs() if one.class_index == index]
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
