"""Label Studio: its export of brush strokes as PNG files, one for each region.

A file is called ``task-1-annotation-2-by-3-tag-cat-0.png``: the name of the tool (``tag``) and of
the class (``cat``), and a number. Which image a task is, a JSON export beside them says; without
one, the image itself is called by the task: ``1.jpg`` or ``task-1.jpg``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from maskwright.data.images import is_image_name, read_mask
from maskwright.data.ingest.labelstudio import find_image, image_name
from maskwright.data.ingest.reading import begins_and_holds, dicts, json_files, read_json
from maskwright.data.ingest.writing import Drawing, Plain, draw, drawn_table, index_of
from maskwright.data.labels import ClassTable
from maskwright.errors import DataError, some

NAME = re.compile(r"task-(\d+)-annotation-(\d+)-by-[^-]*-[^-]+-(.+)-\d+\.png")


@dataclass(frozen=True)
class Stroke:
    """One PNG file: its task, its annotation, the name of its class."""

    path: Path
    task: int
    annotation: int
    name: str


def looks_like(source: Path) -> bool:
    """Whether a folder has files that are called as this export calls them."""
    return source.is_dir() and bool(_strokes(source))


def sources(source: Path) -> list[Path]:
    """The PNG files, and the JSON files beside them."""
    return [*(stroke.path for stroke in _strokes(source)), *json_files(source)]


def _strokes(source: Path) -> list[Stroke]:
    """What the names of the PNG files in a folder say."""
    return [
        Stroke(path, int(found[1]), int(found[2]), found[3])
        for path in sorted(source.glob("task-*.png"))
        if (found := NAME.fullmatch(path.name))
    ]


def unpack(source: Path, out: Path) -> Plain:
    """Paint a mask for every task; small regions are painted over large ones.

    Of several annotations of a task the one of the highest number counts, for it is the latest.
    A task without a file is no pair: whether its image is empty or not annotated cannot be told.
    """
    latest: dict[int, list[Stroke]] = {}
    for stroke in _strokes(source):
        known = latest.setdefault(stroke.task, [])
        if known and known[0].annotation < stroke.annotation:
            known.clear()
        if not known or known[0].annotation == stroke.annotation:
            known.append(stroke)
    images = _images(source, list(latest))
    table = drawn_table(sorted({s.name for own in latest.values() for s in own}), source)
    drawings = [Drawing(images[task], partial(_mask, own, table)) for task, own in latest.items()]
    return draw(out, source, drawings, table)


def _images(source: Path, tasks: Sequence[int]) -> dict[int, Path]:
    """The image of each task."""
    named = _names_in_json(source)
    found: dict[int, Path] = {}
    missing = []
    for task in tasks:
        name = named.get(task)
        path = find_image(name, source) if name else _called_by(task, source)
        if path is None:
            missing.append(name or f"{task}.jpg")
        else:
            found[task] = path
    if missing:
        raise DataError(
            f"{source} lacks the images of {len(missing)} tasks: {some(missing)}; put them into "
            f"{source / 'images'}, and beside the masks a JSON export, which tells their names"
        )
    return found


def _names_in_json(source: Path) -> dict[int, str]:
    """The image of each task by its number, from the JSON and JSON-MIN exports in a folder."""
    names = {}
    for path in json_files(source):
        if not begins_and_holds(path, b"[", []):
            continue
        for task in dicts(read_json(path), path):
            number = task.get("id")
            if isinstance(number, int):
                names[number] = image_name(task.get("data", task), f"{path}: task {number}")
    return names


def _called_by(task: int, source: Path) -> Path | None:
    """The image that is called by the number of its task."""
    for folder in (source, source / "images"):
        for stem in (f"{task}", f"task-{task}"):
            for path in sorted(folder.glob(f"{stem}.*")):
                if is_image_name(path):
                    return path
    return None


def _mask(strokes: Sequence[Stroke], table: ClassTable, height: int, width: int) -> np.ndarray:
    """The class indices uint8 [H, W] of an image."""
    painted = []
    for stroke in strokes:
        inside = read_mask(stroke.path).values > 0
        if inside.shape != (height, width):
            raise DataError(
                f"{stroke.path} is {inside.shape[1]}×{inside.shape[0]} pixels, but its image "
                f"{width}×{height}; find the right image"
            )
        painted.append((-int(inside.sum()), index_of(table, stroke.name), inside))
    mask = np.zeros((height, width), np.uint8)
    for _, index, inside in sorted(painted, key=lambda one: one[0]):
        mask[inside] = index
    return mask
