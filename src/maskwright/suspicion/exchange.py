"""The list of suspects for other programs: CSV, Label Studio's JSON, CVAT's XML.

Label Studio: tasks with predictions (labelstud.io/guide/predictions), corners in percent. CVAT:
"CVAT for images 1.1" (docs.cvat.ai/docs/manual/advanced/xml_format), corners in pixels.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from maskwright.console import printable
from maskwright.data.labels import ClassTable
from maskwright.data.splits import relative
from maskwright.errors import UsageError
from maskwright.suspicion.disputed import Region
from maskwright.suspicion.suspect import Suspect

LOCAL = "/data/local-files/?d="  # what Label Studio calls a file below its document root
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
    path = relative(one.pair.image.resolve(), root)
    results = [
        {
            "id": f"suspect-{rank}-{number}",
            "type": "polygonlabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": one.width,
            "original_height": one.height,
            "image_rotation": 0,
            "value": {
                "points": _percent(region, one),
                "closed": True,
                "polygonlabels": [printable(table.names[region.predicted])],
            },
        }
        for number, region in enumerate(one.regions, 1)
    ]
    return {
        "data": {"image": LOCAL + quote(path, errors="surrogateescape"),
                 "rank": rank, "score": one.score},
        "predictions": [{"model_version": "maskwright", "score": one.score, "result": results}],
    }  # fmt: skip


def _percent(region: Region, one: Suspect) -> list[list[float]]:
    """The corners in percent of the image's width and height."""
    scaled = region.outline * (100 / one.width, 100 / one.height)
    return [[round(x, 6), round(y, 6)] for x, y in scaled.tolist()]


def labelling(table: ClassTable) -> str:
    """The labelling interface of a Label Studio project that takes the tasks.

    Without an XML declaration: Label Studio answers one with an error.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true")
    labels = ElementTree.SubElement(view, "PolygonLabels", name="label", toName="image")
    for label in table.labels:
        name = printable(label.name)
        ElementTree.SubElement(labels, "Label", value=name, background=label.color)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def cvat(suspects: Sequence[Suspect], table: ClassTable, root: Path | None) -> str:
    """The same polygons as "CVAT for images 1.1".

    Images are called by their paths from the root; without one by their file names, as CVAT calls
    images that are uploaded, unless two have the same.
    """
    paths = [one.pair.image.resolve() for one in suspects]
    names = [path.name for path in paths]
    if paths and (root or len(set(names)) < len(names)):
        start = root or Path(os.path.commonpath([path.parent for path in paths]))
        names = [relative(path, start) for path in paths]
    top = ElementTree.Element("annotations")
    ElementTree.SubElement(top, "version").text = "1.1"
    _meta(ElementTree.SubElement(top, "meta"), len(suspects), table)
    for number, (name, one) in enumerate(zip(names, suspects, strict=True)):
        about = {"id": str(number), "name": printable(name)}
        about |= {"width": str(one.width), "height": str(one.height)}
        image = ElementTree.SubElement(top, "image", about)
        for region in one.regions:
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in region.outline.tolist())
            label = printable(table.names[region.predicted])
            ElementTree.SubElement(
                image, "polygon", label=label, source="auto", occluded="0", points=points,
                z_order="0",
            )  # fmt: skip
    ElementTree.indent(top)
    body = ElementTree.tostring(top, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _meta(meta: ElementTree.Element, count: int, table: ClassTable) -> None:
    """What CVAT says of a task: how many images, and the labels."""
    task = ElementTree.SubElement(meta, "task")
    ElementTree.SubElement(task, "name").text = "suspects"
    ElementTree.SubElement(task, "size").text = str(count)
    ElementTree.SubElement(task, "mode").text = "annotation"
    labels = ElementTree.SubElement(task, "labels")
    for one in table.labels:
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = printable(one.name)
        ElementTree.SubElement(label, "color").text = one.color
        ElementTree.SubElement(label, "type").text = "polygon"
        ElementTree.SubElement(label, "attributes")
