"""CVAT for images 1.1: one XML file for all images, to upload as annotations of a task.

See docs.cvat.ai/docs/manual/advanced/xml_format; corners are in pixels. An object of one piece
without holes is a polygon, any other a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from maskwright.console import printable
from maskwright.data.labels import ClassTable, Label
from maskwright.shapes.coco import categories
from maskwright.shapes.drawing import Drawing, Page, outers, plain, runs
from maskwright.shapes.objects import Object


def items(drawing: Drawing) -> list[str]:
    """A line for each object."""
    lines = []
    for one, shape in drawing.pairs():
        rings = outers(shape)
        if rings is not None and len(rings) == 1:
            lines.append(polygon(one.name, rings[0]))
        else:
            lines.append(f"<mask {common(one.name)} {box(one, drawing)}/>")
    return lines


def polygon(name: str, ring: np.ndarray) -> str:
    """The line of a polygon float64 [n, 2] of the label ``name``."""
    points = ";".join(f"{plain(x)},{plain(y)}" for x, y in ring)
    return f'<polygon {common(name)} points="{points}"/>'


def common(name: str) -> str:
    """The attributes that all shapes have."""
    return f'label={quoteattr(printable(name))} source="auto" occluded="0" z_order="0"'


def entry(page: Page, lines: Sequence[str]) -> tuple[str, list[str]]:
    """An image's attributes, and the lines of its objects."""
    return about(page.name, page.width, page.height), [*lines]


def about(name: str, width: int, height: int) -> str:
    """The attributes of an image."""
    return f'name={quoteattr(printable(name))} width="{width}" height="{height}"'


def box(one: Object, drawing: Drawing) -> str:
    """The place of a mask, and its run-length code line by line, which begins with outside."""
    x, y, width, height = one.box
    counts = runs(np.flatnonzero(drawing.objects.pixels(one)), width * height)
    rle = ", ".join(map(str, counts))
    return f'rle="{rle}" left="{x}" top="{y}" width="{width}" height="{height}"'


def text(entries: Sequence[tuple[str, list[str]]], table: ClassTable) -> str:
    """The file of all images, whose names are how CVAT finds them."""
    return document(entries, [table.labels[index] for index in categories(table)])


def document(entries: Sequence[tuple[str, list[str]]], labels: Sequence[Label]) -> str:
    """A file of the attributes and the lines of each image, for a task with these labels."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<annotations>",
        "<version>1.1</version>",
        f"<meta><task><size>{len(entries)}</size><mode>annotation</mode><labels>",
        *(
            f"<label><name>{escape(printable(one.name))}</name><color>{one.color}</color>"
            "<attributes/></label>"
            for one in labels
        ),
        "</labels></task></meta>",
    ]
    for number, (image, own) in enumerate(entries):
        lines += [f'<image id="{number}" {image}>', *own, "</image>"]
    return "\n".join([*lines, "</annotations>"]) + "\n"
