"""COCO: one JSON file for all images, with areas, boxes and scores.

An object without holes is a list of polygons; one with holes a run-length code, as COCO's own files
have it, which is all that COCO has for holes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from maskwright.data.labels import ClassTable
from maskwright.shapes.drawing import Drawing, Page, outers, plain
from maskwright.shapes.objects import Object

Entry = tuple[dict[str, Any], list[dict[str, Any]]]


def items(drawing: Drawing) -> list[dict[str, Any]]:
    """An annotation of each object, without its ids."""
    ids = categories(drawing.page.table)
    annotations = []
    for one, shape in drawing.pairs():
        rings = outers(shape)
        annotations.append(
            {
                "category_id": ids[one.class_index],
                "segmentation": code(one, drawing) if rings is None else list(map(flat, rings)),
                "area": one.area,
                "bbox": list(one.box),
                "iscrowd": 0,
            }
            | ({} if one.confidence is None else {"score": round(one.confidence, 4)})
        )
    return annotations


def entry(page: Page, annotations: Sequence[dict[str, Any]]) -> Entry:
    """An image and its annotations, without their ids."""
    return {"file_name": page.name, "width": page.width, "height": page.height}, [*annotations]


def code(one: Object, drawing: Drawing) -> dict[str, list[int]]:
    """The run-length code of an object, column by column."""
    size = [drawing.page.height, drawing.page.width]
    return {"size": size, "counts": drawing.runs(one, by_column=True)}


def text(entries: Sequence[Entry], table: ClassTable) -> str:
    """The file of all images; ids count from 1."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (image, own) in enumerate(entries, 1):
        images.append({"id": number, **image})
        for one in own:
            annotations.append({"id": len(annotations) + 1, "image_id": number, **one})
    kinds = [
        {"id": key, "name": table.names[index], "supercategory": ""}
        for index, key in categories(table).items()
    ]
    info = {"description": "predicted by Maskwright"}
    content = {"info": info, "images": images, "annotations": annotations, "categories": kinds}
    return json.dumps(content) + "\n"


def categories(table: ClassTable) -> dict[int, int]:
    """The category id of each class index: from 1 on, ground left out."""
    objects = [index for index in range(len(table)) if index not in table.ground]
    return {index: number for number, index in enumerate(objects, 1)}


def flat(ring: Any) -> list[float]:
    """A ring as x, y, x, y, …"""
    return [plain(value) for value in ring.ravel()]
