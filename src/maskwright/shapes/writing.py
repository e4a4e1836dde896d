"""What is written of the objects of predicted images, beside their masks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.ingest.extras import import_needed
from maskwright.data.labels import ClassTable
from maskwright.data.maps import Place
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
TABLE = "objects.csv"
NUMBERS = "objects"  # an image of their numbers, which stand in objects.csv


@dataclass(frozen=True)
class Finding:
    """How the objects of images are found, and what is written of them.

    ``listed``: whether objects.csv is. ``shapes``: of FORMATS. ``rims``: whether it is predicted
    what lies inside of objects, not on their rims.
    """

    table: ClassTable
    listed: bool
    shapes: tuple[str, ...]
    least: int
    part: str | None
    boundary: str | None
    tolerance: float
    rims: bool = False

    def ends(self) -> dict[str, tuple[str, ...]]:
        """The ends of the files of an image, by their format; NUMBERS is no polygons' one."""
        ends: dict[str, tuple[str, ...]] = {NUMBERS: ("-objects.tif",)} if self.listed else {}
        return ends | {name: (EACH[name][0],) for name in self.shapes if name in EACH}

    def shared(self, out: Path) -> list[Path]:
        """The files of all images, in the folder ``out``."""
        named = [name for shape in self.shapes if shape in ALL for name in ALL[shape][1]]
        return [out / name for name in ([TABLE, *named] if self.listed else named)]

    def find(
        self, mask: np.ndarray, confidence: np.ndarray, inside: np.ndarray | None = None
    ) -> Objects:
        """The objects of mask uint8 [H, W], and confidence float32 [H, W] in each pixel's class.

        ``inside`` float32 [H, W] is the probability of lying inside of an object, where known.
        """
        return find_objects(
            mask, self.table, confidence, least=self.least, part=self.part,
            boundary=self.boundary, inside=inside,
        )  # fmt: skip

    def counted(self, objects: Objects) -> dict[str, int]:
        """How many objects an image has, and of each class that is not ground."""
        count = Counter(one.name for one in objects)
        kinds = [name for k, name in enumerate(self.table.names) if k not in self.table.ground]
        return {"objects": len(objects)} | {f"objects of {name}": count[name] for name in kinds}

    def write(
        self,
        name: str,
        image: Path | None,
        objects: Objects,
        path: Callable[[str], Path],
        place: Place | None = None,
    ) -> dict[str, Any]:
        """Write the files of an image, to ``path(format)``, and tell what those of all images say
        of it: "objects", rows of objects.csv, and "entries" by format."""
        told: dict[str, Any] = {"objects": tables.rows(name, objects)} if self.listed else {}
        if not self.shapes:
            return told
        polygons = objects.polygons(self.tolerance)
        where = link(image, path("mask")) if image else ""
        drawing = Drawing(
            name, image or Path(name), where, self.table, objects, polygons, self.tolerance, place
        )
        for kind in self.shapes:
            if kind in EACH:
                write_text(path(kind), EACH[kind][1](drawing))
        return told | {"entries": {k: ALL[k][0](drawing) for k in self.shapes if k in ALL}}

    def write_shared(self, out: Path, told: Sequence[Mapping[str, Any]]) -> None:
        """Write the files of all images, of what ``write`` told of each."""
        if self.listed:
            rows = [row for one in told for row in one["objects"]]
            write_text(out / TABLE, tables.text(tables.OBJECT, rows))
        for name in self.shapes:
            for file, text in ALL[name][1].items() if name in ALL else ():
                write_text(out / file, text([one["entries"][name] for one in told], self.table))


def finding(
    table: ClassTable,
    *,
    objects: bool = False,
    shapes: Sequence[str] = (),
    least: int | None = None,
    part: str | None = None,
    boundary: str | None = None,
    tolerance: float | None = None,
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
        given = {"least": least, "part": part, "boundary": boundary, "tolerance": tolerance}
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
    return Finding(table, objects, named, least, part, boundary, tolerance, rims)


def link(image: Path, target: Path) -> str:
    """The path of an image from the folder of its results; empty where there is none."""
    try:
        return Path(os.path.relpath(image, target.parent)).as_posix()
    except ValueError:  # on another drive of Windows
        return ""
