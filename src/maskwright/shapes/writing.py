"""What is written of the objects of predicted images, beside their masks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.ingest.extras import import_needed
from maskwright.data.labels import ClassTable
from maskwright.errors import UsageError, nearest
from maskwright.files import write_text
from maskwright.shapes import coco, cvat, geojson, labelstudio, svg, tables
from maskwright.shapes.drawing import Drawing
from maskwright.shapes.objects import LEAST, TOLERANCE, Objects, find_objects, parting

# A file for each image: its ending, and what makes it of a drawing.
EACH: Mapping[str, tuple[str, Callable[[Drawing], str]]] = {
    "geojson": (".geojson", geojson.text),
    "svg": (".svg", svg.text),
}
# Files for all images: what makes an entry of a drawing, and a file of the entries and classes.
ALL: Mapping[str, tuple[Callable[[Drawing], Any], Mapping[str, Callable[..., str]]]] = {
    "coco": (coco.entry, {"coco.json": coco.text}),
    "cvat": (cvat.entry, {"cvat.xml": cvat.text}),
    "labelstudio": (
        labelstudio.entry,
        {"label-studio.json": labelstudio.text, "label-studio.xml": labelstudio.settings},
    ),
}
FORMATS = (*EACH, *ALL)
TABLES = ("objects.csv", "predictions.csv")


@dataclass(frozen=True)
class Told:
    """What the files of all images say of one image, and how many objects it has."""

    count: int
    rows: list[dict[str, object]] = field(default_factory=list)
    row: Mapping[str, object] = field(default_factory=dict)
    entries: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """How the objects of images are found, and what is written of them.

    ``tables``: whether objects.csv and predictions.csv are. ``shapes``: of FORMATS.
    """

    table: ClassTable
    tables: bool
    shapes: tuple[str, ...]
    least: int
    part: str | None
    boundary: str | None
    tolerance: float

    def each(self, target: Path) -> dict[str, Path]:
        """The files of an image whose mask is ``target``, by their format."""
        return {name: target.with_suffix(EACH[name][0]) for name in self.shapes if name in EACH}

    def shared(self, out: Path) -> list[Path]:
        """The files of all images, in the folder ``out``."""
        named = [name for shape in self.shapes if shape in ALL for name in ALL[shape][1]]
        return [out / name for name in ((*TABLES, *named) if self.tables else named)]

    def find(self, mask: np.ndarray, probabilities: np.ndarray) -> Objects:
        """The objects of mask uint8 [H, W], of probabilities float32 [H, W, classes]."""
        known = np.minimum(mask, probabilities.shape[-1] - 1)  # open pixels are in no object
        sure = np.take_along_axis(probabilities, known[..., None], axis=-1)[..., 0]
        return find_objects(
            mask, self.table, sure, least=self.least, part=self.part, boundary=self.boundary
        )

    def write(self, image: Path, mask: np.ndarray, objects: Objects, target: Path) -> Told:
        """Write the files of one image, and tell what those of all images say of it."""
        told = Told(len(objects))
        if self.tables:
            rows = tables.object_rows(image.name, objects)
            row = tables.image_row(image.name, mask, objects, self.table)
            told = Told(len(objects), rows, row)
        if not self.shapes:
            return told
        polygons = objects.polygons(self.tolerance)
        drawing = Drawing(
            image.name, link(image, target), self.table, objects, polygons, self.tolerance
        )
        for name, path in self.each(target).items():
            write_text(path, EACH[name][1](drawing))
        entries = {name: ALL[name][0](drawing) for name in self.shapes if name in ALL}
        return Told(told.count, told.rows, told.row, entries)

    def write_shared(self, out: Path, told: Sequence[Told]) -> None:
        """Write the files of all images."""
        if self.tables:
            rows = [row for one in told for row in one.rows]
            write_text(out / TABLES[0], tables.text(tables.OBJECT, rows))
            columns = tables.image_columns(self.table)
            write_text(out / TABLES[1], tables.text(columns, [one.row for one in told]))
        for name in self.shapes:
            for file, text in ALL[name][1].items() if name in ALL else ():
                write_text(out / file, text([one.entries[name] for one in told], self.table))


def finding(
    table: ClassTable,
    *,
    objects: bool = False,
    shapes: Sequence[str] = (),
    least: int | None = None,
    part: str | None = None,
    boundary: str | None = None,
    tolerance: float | None = None,
) -> Finding | None:
    """What is wanted of objects, None for nothing; refuses what could only fail later.

    Raises UsageError for a format or a way that is none, DataError where a package is missing.
    """
    named = (shapes,) if isinstance(shapes, str) else tuple(dict.fromkeys(shapes))
    for name in named:
        if name not in FORMATS:
            raise UsageError(f"no format called {name}: {nearest(name, FORMATS)}")
    if not (objects or named):
        given = {"least": least, "part": part, "boundary": boundary, "tolerance": tolerance}
        if chosen := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"{chosen[0]} is about objects; ask for objects or shapes as well")
        return None
    if tolerance is not None and not tolerance >= 0:
        raise UsageError(f"a tolerance is 0 pixels or more, not {tolerance:g}")
    parting(table, part, boundary)
    import_needed("skimage", "shapes", "finding objects")
    if named:
        import_needed("shapely", "shapes", "drawing polygons")
    least = LEAST if least is None else least
    tolerance = TOLERANCE if tolerance is None else tolerance
    return Finding(table, objects, named, least, part, boundary, tolerance)


def link(image: Path, target: Path) -> str:
    """The path of an image from the folder of its results; empty where there is none."""
    try:
        return Path(os.path.relpath(image, target.parent)).as_posix()
    except ValueError:  # on another drive of Windows
        return ""
