"""The list of suspects for other programs: CSV, Label Studio's JSON, CVAT's XML."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maskwright.data.labels import ClassTable
from maskwright.data.splits import relative
from maskwright.errors import UsageError
from maskwright.shapes import cvat, labelstudio
from maskwright.suspicion.suspect import Suspect

COLUMNS = (
    "rank", "image", "mask", "score", "area", "given", "predicted", "x", "y", "width", "height",
)  # fmt: skip


def write_csv(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as CSV, one an image."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def root_of(images: Sequence[Path], given: Path | None, root: Path) -> Path:
    """The folder that paths begin at: the one given, else that of the dataset, or one above both.

    Raises UsageError where the one given does not hold all images.
    """
    absolute = [image.resolve() for image in images]
    if given is not None:
        place = given.resolve()
        for image in absolute:
            if not image.is_relative_to(place):
                raise UsageError(
                    f"--image-root {given} does not hold {image}; name a folder above all images"
                )
        return place
    place = root.resolve()
    return Path(os.path.commonpath([place, *(image.parent for image in absolute)]))


def served(images: Sequence[Path], root: Path) -> tuple[Path, Path]:
    """Label Studio's document root, and the folder of all images that is to be its local storage.

    That is never the document root itself, which Label Studio refuses: where images lie right in
    ``root``, or in several folders of it, the document root is the folder above.

    >>> [path.name for path in served([Path("/d/cells/a/1.png")], Path("/d/cells"))]
    ['cells', 'a']
    >>> images = [Path("/d/cells/a/1.png"), Path("/d/cells/b/1.png")]
    >>> [path.name for path in served(images, Path("/d/cells"))]
    ['d', 'cells']
    """
    folder = Path(os.path.commonpath([image.resolve().parent for image in images]))
    return (root.parent if folder == root else root), folder


def label_studio(suspects: Sequence[Suspect], table: ClassTable, root: Path) -> str:
    """Tasks of Label Studio, worst first: what is disputed, as polygons of the predicted class."""
    tasks = [json.dumps(_task(one, k, table, root)) for k, one in enumerate(suspects, 1)]
    return "[" + ",\n".join(tasks) + "]\n"


def _task(one: Suspect, rank: int, table: ClassTable, root: Path) -> dict[str, Any]:
    size = (one.width, one.height)
    regions = [
        labelstudio.polygon(f"suspect-{rank}-{k}", own.outline, table.names[own.predicted], size)
        for k, own in enumerate(one.regions, 1)
    ]
    image = labelstudio.served(relative(one.pair.image.resolve(), root))
    return labelstudio.task({"image": image, "rank": rank, "score": one.score}, regions, one.score)


def labelling(table: ClassTable) -> str:
    """The labelling interface of a Label Studio project that takes the tasks."""
    return labelstudio.interface(table.labels, ["polygon"])


def for_cvat(suspects: Sequence[Suspect], table: ClassTable, root: Path | None) -> str:
    """The same polygons as "CVAT for images 1.1".

    Images are called by their paths from the root; without one by their file names, as CVAT calls
    images that are uploaded, unless two have the same.
    """
    paths = [one.pair.image.resolve() for one in suspects]
    names = [path.name for path in paths]
    if paths and (root or len(set(names)) < len(names)):
        start = root or Path(os.path.commonpath([path.parent for path in paths]))
        names = [relative(path, start) for path in paths]
    entries = [
        (
            cvat.about(name, one.width, one.height),
            [cvat.polygon(table.names[own.predicted], own.outline) for own in one.regions],
        )
        for name, one in zip(names, suspects, strict=True)
    ]
    return cvat.document(entries, table.labels)
