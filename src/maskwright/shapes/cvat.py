"""CVAT for images 1.1: one XML file for all images, to upload as annotations of a task.

An object of one piece without holes is a polygon, any other a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from maskwright.console import printable
from maskwright.data.labels import ClassTable
from maskwright.shapes.coco import categories
from maskwright.shapes.drawing import Drawing, Page, outers, plain, runs
from maskwright.shapes.objects import Object


def items(drawing: Drawing) -> list[str]:
    """A line for each object."""
    lines = []
    for one, shape in drawing.pairs():
        rings = outers(shape)
        name = quoteattr(printable(one.name))
        common = f'label={name} source="auto" occluded="0" z_order="0"'
        if rings is not None and len(rings) == 1:
            points = ";".join(f"{plain(x)},{plain(y)}" for x, y in rings[0])
            lines.append(f'<polygon {common} points="{points}"/>')
        else:
            lines.append(f"<mask {common} {box(one, drawing)}/>")
    return lines


def entry(page: Page, lines: Sequence[str]) -> tuple[str, list[str]]:
    """An image's attributes, and the lines of its objects."""
    name = quoteattr(printable(page.name))
    return f'name={name} width="{page.width}" height="{page.height}"', [*lines]


def box(one: Object, drawing: Drawing) -> str:
    """The place of a mask, and its run-length code line by line, which begins with outside."""
    x, y, width, height = one.box
    counts = runs(np.flatnonzero(drawing.objects.pixels(one)), width * height)
    rle = ", ".join(map(str, counts))
    return f'rle="{rle}" left="{x}" top="{y}" width="{width}" height="{height}"'


def label(table: ClassTable, index: int) -> str:
    """A label of the task."""
    kind = table.labels[index]
    name = escape(printable(kind.name))
    return f"<label><name>{name}</name><color>{kind.color}</color><attributes/></label>"


def text(entries: Sequence[tuple[str, list[str]]], table: ClassTable) -> str:
    """The file of all images, whose names are how CVAT finds them."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<annotations>",
        "<version>1.1</version>",
        f"<meta><task><size>{len(entries)}</size><mode>annotation</mode><labels>",
        *(label(table, index) for index in categories(table)),
        "</labels></task></meta>",
    ]
    for number, (image, own) in enumerate(entries):
        lines += [f'<image id="{number}" {image}>', *own, "</image>"]
    return "\n".join([*lines, "</annotations>"]) + "\n"
