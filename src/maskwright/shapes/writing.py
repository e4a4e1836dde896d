"""What is written of the objects of predicted images, beside their masks."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maskwright.console import amount, say
from maskwright.data.ingest.extras import import_needed
from maskwright.data.labels import ClassTable
from maskwright.data.limits import PIXELS
from maskwright.data.maps import Place
from maskwright.errors import UsageError, nearest
from maskwright.files import write_text
from maskwright.shapes import coco, cvat, geojson, labelstudio, svg, tables
from maskwright.shapes.drawing import Drawing, Page
from maskwright.shapes.objects import LEAST, TOLERANCE, parting
from maskwright.shapes.search import BYTES, Search

# What makes an item of each object of a drawing.
ITEMS: Mapping[str, Callable[[Drawing], list[Any]]] = {
    "geojson": geojson.items,
    "svg": svg.items,
    "coco": coco.items,
    "cvat": cvat.items,
    "labelstudio": labelstudio.items,
}
# A file for each image: its ending, and what makes it of a page and its items.
EACH: Mapping[str, tuple[str, Callable[[Page, Sequence[Any]], str]]] = {
    "geojson": (".geojson", geojson.text),
    "svg": (".svg", svg.text),
}
# Files for all images: what makes an entry of a page and its items, and a file of the entries and
# classes.
ALL: Mapping[str, tuple[Callable[[Page, Sequence[Any]], Any], Mapping[str, Callable[..., str]]]] = {
    "coco": (coco.entry, {"coco.json": coco.text}),
    "cvat": (cvat.entry, {"cvat.xml": cvat.text}),
    "labelstudio": (
        labelstudio.entry,
        {"label-studio.json": labelstudio.text, "label-studio.xml": labelstudio.settings},
    ),
}
FORMATS = tuple(ITEMS)
TABLE = "objects.csv"
NUMBERS = "objects"  # an image of their numbers, which stand in objects.csv
TOO_SMALL = "pieces too small"  # a column of predictions.csv


@dataclass(frozen=True)
class Finding:
    """How the objects of images are found, and what is written of them.

    ``listed``: whether objects.csv is. ``shapes``: of FORMATS. ``of``: the indices of the classes
    whose objects are looked for. ``rims``: whether it is predicted what lies inside of objects, not
    on their rims.
    """

    table: ClassTable
    listed: bool
    shapes: tuple[str, ...]
    least: int
    part: str | None
    boundary: str | None
    tolerance: float
    of: tuple[int, ...]
    rims: bool = False

    def ends(self) -> dict[str, tuple[str, ...]]:
        """The ends of the files of an image, by their format; NUMBERS is no polygons' one."""
        ends: dict[str, tuple[str, ...]] = {NUMBERS: ("-objects.tif",)} if self.listed else {}
        return ends | {name: (EACH[name][0],) for name in self.shapes if name in EACH}

    def shared(self, out: Path) -> list[Path]:
        """The files of all images, in the folder ``out``."""
        named = [name for shape in self.shapes if shape in ALL for name in ALL[shape][1]]
        return [out / name for name in ([TABLE, *named] if self.listed else named)]

    def sheet(
        self,
        name: str,
        image: Path | None,
        size: tuple[int, int],
        path: Callable[[str], Path],
        place: Place | None = None,
    ) -> Sheet:
        """For the objects of an image of this height and width, whose files are ``path(format)``;
        ``image`` is its own, where it has one."""
        where = link(image, path("mask")) if image else ""
        page = Page(name, image or Path(name), where, *size, self.table, self.tolerance, place)
        return Sheet(self, page, path)

    def write_shared(self, out: Path, told: Sequence[Mapping[str, Any]]) -> None:
        """Write the files of all images, of what ``write`` told of each."""
        if self.listed:
            rows = [row for one in told for row in one["objects"]]
            write_text(out / TABLE, tables.text(rows))
        for name in self.shapes:
            for file, text in ALL[name][1].items() if name in ALL else ():
                write_text(out / file, text([one["entries"][name] for one in told], self.table))


class Sheet:
    """The objects of one image, found as its rows come, and what is written of them."""

    def __init__(self, wanted: Finding, page: Page, path: Callable[[str], Path]) -> None:
        self.wanted, self.page, self.path = wanted, page, path
        self.most = Image.MAX_IMAGE_PIXELS or math.inf
        self.search = Search(
            wanted.table, page.height, page.width, least=wanted.least, part=wanted.part,
            boundary=wanted.boundary, rims=wanted.rims, most=self.most, of=wanted.of,
        )  # fmt: skip
        self.count: Counter[str] = Counter()  # objects of each class
        self.dropped = 0  # pieces too small to be any
        self.rows: list[dict[str, object]] = []  # of objects.csv
        self.items: dict[str, list[Any]] = {kind: [] for kind in wanted.shapes}

    def put(
        self, mask: np.ndarray, confidence: np.ndarray, inside: np.ndarray | None = None
    ) -> np.ndarray:
        """Take the next rows, see ``Search.put``; the numbers int32 [n, W] of the objects in rows
        that are done, as many as there are."""
        found = self.search.put(mask, confidence, inside)
        if found is None:
            return np.zeros((0, self.page.width), np.int32)
        for objects in found.objects:
            self.count.update(one.name for one in objects)
            self.dropped += objects.dropped
            if self.wanted.listed:
                self.rows += tables.rows(self.page.name, objects, self.page.place)
            if self.items:
                drawing = Drawing(self.page, objects, objects.polygons(self.wanted.tolerance))
                for kind, items in self.items.items():
                    items += ITEMS[kind](drawing)
        return found.numbers

    def counted(self) -> dict[str, int]:
        """How many objects the image has, of each class that is looked for where several are, and
        how many pieces were too small."""
        table = self.wanted.table
        kinds = [table.names[k] for k in self.wanted.of]
        of_kinds = {f"objects of {name}": self.count[name] for name in kinds if kinds[1:]}
        return {"objects": self.count.total()} | of_kinds | {TOO_SMALL: self.dropped}

    def write(self) -> dict[str, Any]:
        """Write the image's files, and tell what those of all images say of it: "objects", rows of
        objects.csv, and "entries" by format."""
        if cut := self.search.cut:
            say(
                f"{self.page.name}: {amount(cut, 'object')} "
                f"{'is' if cut == 1 else 'are'} too tall for the memory that objects may take, and "
                f"cut in two or more; set {PIXELS} higher than {self.most:,} if there is more: it "
                f"takes up to {BYTES} bytes a pixel"
            )
        told: dict[str, Any] = {"objects": self.rows} if self.wanted.listed else {}
        for kind, items in self.items.items():
            if kind in EACH:
                write_text(self.path(kind), EACH[kind][1](self.page, items))
        if self.items:
            shared = {k: ALL[k][0](self.page, v) for k, v in self.items.items() if k in ALL}
            told["entries"] = shared
        return told


def finding(
    table: ClassTable,
    *,
    objects: bool = False,
    shapes: Sequence[str] = (),
    least: int | None = None,
    part: str | None = None,
    boundary: str | None = None,
    tolerance: float | None = None,
    of: Sequence[str] = (),
    rims: bool = False,
) -> Finding | None:
    """What is wanted of objects, None for nothing; refuses what could only fail later.

    Raises UsageError for a format or a way that is none, DataError where a package is missing.
    """
    named = (shapes,) if isinstance(shapes, str) else tuple(dict.fromkeys(shapes))
    for name in named:
        if name not in FORMATS:
            raise UsageError(f"no format called {name}: {nearest(name, FORMATS)}")
    if not (objects or named):
        given = {"least": least, "part": part, "boundary": boundary, "tolerance": tolerance,
                 "of": tuple(of) or None}  # fmt: skip
        if chosen := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"{chosen[0]} is about objects; ask for objects or shapes as well")
        return None
    if tolerance is not None and not tolerance >= 0:
        raise UsageError(f"a tolerance is 0 pixels or more, not {tolerance:g}")
    parting(table, part, boundary, rims=rims)
    import_needed("skimage", "shapes", "finding objects")
    if named:
        import_needed("shapely", "shapes", "drawing polygons")
    least = LEAST if least is None else least
    tolerance = TOLERANCE if tolerance is None else tolerance
    classes = classes_with_objects(table, (of,) if isinstance(of, str) else of)
    return Finding(table, objects, named, least, part, boundary, tolerance, classes, rims)


def classes_with_objects(table: ClassTable, of: Sequence[str]) -> tuple[int, ...]:
    """The classes of these names, by default all, but for what is ground. Raises UsageError."""
    kinds = {name: k for k, name in enumerate(table.names) if k not in table.ground}
    for name in of:
        if name not in kinds:
            why = "is ground, which has no objects" if name in table.names else "is no class"
            raise UsageError(f"{name} {why}: {nearest(name, list(kinds))}")
    return tuple(k for name, k in kinds.items() if not of or name in of)


def link(image: Path, target: Path) -> str:
    """The path of an image from the folder of its results; empty where there is none."""
    try:
        return Path(os.path.relpath(image, target.parent)).as_posix()
    except ValueError:  # on another drive of Windows
        return ""
