"""Masks for the tests of shapes, and a rasteriser by pixel centres."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from maskwright.data.ingest.outlines import fill
from maskwright.data.labels import ClassTable, Label
from maskwright.shapes.drawing import Drawing, Page, corners, polygons_of
from maskwright.shapes.objects import find_objects

# Ground, and two classes of objects, the second with a name that XML has to escape.
KINDS = ClassTable(
    "index",
    (
        Label("background", "#000000", (0,)),
        Label("cell", "#0072b2", (1,)),
        Label("<a> & b", "#e69f00", (2,)),
    ),
    (255,),
)

MASKS = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 2)
)

# A ring with an object in its hole, a square and a small one at its corner, and 255.
SCENE = """
...........
.aaaaa.bb..
.a...a.bb..
.a.b.a...b.
.a...a.....
.aaaaa..##.
"""


def read(drawn: str) -> np.ndarray:
    """A mask uint8 [H, W] as drawn: a is 1, b is 2, # is open (255), any other sign is ground."""
    rows = [[{"a": 1, "b": 2, "#": 255}.get(sign, 0) for sign in row] for row in drawn.split()]
    return np.array(rows, np.uint8)


def rasterised(shapes: list, size: tuple[int, int]) -> np.ndarray:
    """The number of the shape in which each pixel's centre lies, int32 [H, W]; 0 for none."""
    labels = np.zeros(size, np.int32)
    for number, shape in enumerate(shapes, 1):
        inside = np.zeros(size, np.uint8)
        for piece in polygons_of(shape):
            for ring in (piece.exterior, *piece.interiors):
                one = np.zeros(size, np.uint8)
                fill(one, corners(ring), 1)
                inside ^= one
        labels[inside == 1] = number
    return labels


def draw(mask: np.ndarray | None = None, sure: float | None = 0.75, **facts) -> Drawing:
    """The drawing of a mask: by default of SCENE, whose objects are a ring, one of two pieces, and
    one that is plain; ``facts`` of its page."""
    mask = read(SCENE) if mask is None else mask
    confidence = None if sure is None else np.full(mask.shape, sure, np.float32)
    objects = find_objects(mask, KINDS, confidence, least=1)
    file = Path("x y", "a b.png")
    page = Page(file.name, file, "../x/a b.png", *mask.shape, KINDS, 0.25)
    return Drawing(replace(page, **facts), objects, objects.polygons())


def whole(kind, drawing: Drawing) -> str:
    """The file of an image, by the module of its format."""
    return kind.text(drawing.page, kind.items(drawing))


def entry(kind, drawing: Drawing):
    """What the file of all images holds of one, by the module of its format."""
    return kind.entry(drawing.page, kind.items(drawing))
