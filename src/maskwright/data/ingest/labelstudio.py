"""Label Studio: its JSON export, with brush strokes, polygons, rectangles and ellipses.

The images lie beside the JSON file, or in images/ or upload/ there, under the name they had before
or after they were uploaded (``cat.jpg`` or ``1a2b3c4d-cat.jpg``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from maskwright.console import amount, say
from maskwright.data.images import EXTENSIONS
from maskwright.data.ingest.outlines import ellipse, fill, rectangle
from maskwright.data.ingest.reading import (
    begins_and_holds,
    dicts,
    first_file,
    json_files,
    read_json,
)
from maskwright.data.ingest.rlepack import unpack_words
from maskwright.data.ingest.writing import Drawing, Plain, draw, drawn_table, index_of
from maskwright.data.labels import ClassTable
from maskwright.errors import DataError, some

GEOMETRY = {"rle", "points", "radiusX", "width"}  # a region has one of them
# The types of results that may be regions; the name of the class stands under the same key.
TYPES = ("brushlabels", "polygonlabels", "rectanglelabels", "ellipselabels", "labels")
FOLDERS = ("", "images", "upload", "uploads", "media/upload")
FAR = 1e9  # percent or degrees
UPLOADED = re.compile("[0-9a-f]{8}-(.+)")


@dataclass(frozen=True)
class Region:
    """Something drawn on an image: where it comes from, its class name, and its geometry."""

    where: str
    name: str
    value: Mapping[str, Any]
    size: tuple[Any, Any]


def looks_like(source: Path) -> bool:
    """Whether it is a JSON export of Label Studio, or a folder that has some."""
    return bool(sources(source))


def sources(source: Path) -> list[Path]:
    """The JSON exports: the file itself, or those in a folder."""
    if source.is_dir():
        return list(filter(is_export, json_files(source)))
    return [source] if source.suffix.lower() == ".json" and is_export(source) else []


def is_export(path: Path) -> bool:
    """Whether a JSON file holds a list of tasks with results."""
    return any(
        begins_and_holds(path, b"[", [b'"data"', b'"result"', word])
        for word in (b'"annotations"', b'"completions"', b'"predictions"')
    )


def unpack(source: Path, out: Path) -> Plain:
    """Paint a mask for every task that is annotated; later regions are painted over earlier ones.

    Of several annotations of a task the latest that was not cancelled counts. Where a task knows
    of no annotations, as in a file to import, its predictions do, and that is said. The classes
    are the labels in the order of the alphabet, after the background.
    """
    folder = source if source.is_dir() else source.parent
    found: dict[Path, list[Region]] = {}
    missing, unlabelled, predicted = [], [], 0
    for path in sources(source):
        for task in dicts(read_json(path), path):
            where = f"{path}: task {task.get('id')}"
            predicted += is_predicted(task)
            regions = _regions(task, where)
            name = image_name(task.get("data"), where)
            image = find_image(name, folder)
            if regions is None:
                unlabelled.append(name)
            elif image is None:
                missing.append(name)
            elif found.setdefault(image, regions) is not regions:
                raise DataError(
                    f"{where} has the image {name}, as another task; delete one of them"
                )
    _check(source, found, missing, unlabelled, folder)
    if predicted:
        say(f"{amount(predicted, 'image')} of {source} have predictions alone, which are taken")
    names = sorted({region.name for regions in found.values() for region in regions})
    table = drawn_table(names, source)
    drawings = [Drawing(image, partial(_mask, own, table)) for image, own in found.items()]
    return draw(out, folder, drawings, table)


def _check(
    source: Path,
    found: Mapping[Path, object],
    missing: list[str],
    unlabelled: list[str],
    folder: Path,
) -> None:
    if missing:
        raise DataError(
            f"{source} names {len(missing)} images that are not there: {some(missing)}; put them "
            f"into {folder / 'images'}"
        )
    if not found:
        raise DataError(f"{source} has no annotated task; annotate and submit some")
    if unlabelled:
        left = amount(len(unlabelled), "image")
        say(f"left out, for lack of an annotation: {left} ({some(unlabelled)})")


# Images


def image_name(data: Any, where: str) -> str:
    """The image of a task: ``data.image``, else the first value that looks like an image.

    >>> image_name({"id": 7, "photo": "http://host/data/upload/1/red%20cat.jpg?x=1"}, "task 1")
    'data/upload/1/red cat.jpg'
    >>> image_name({"image": "/data/local-files/?d=cats/1.jpg"}, "task 1")
    'cats/1.jpg'
    """
    values = data if isinstance(data, dict) else {}
    texts = {key: _path_in(text) for key, text in values.items() if isinstance(text, str)}
    if "image" in texts:
        return texts["image"]
    for text in texts.values():
        if PurePosixPath(text).suffix.lower() in EXTENSIONS:
            return text
    raise DataError(f"{where} names no image ({some(values) or 'no data'}); export it again")


def _path_in(text: str) -> str:
    """The path in a URL or path; in the one of a local file of Label Studio, what is asked for."""
    try:
        url = urlsplit(text)
    except ValueError:
        return text
    asked = parse_qs(url.query).get("d", [""])[0]
    return asked or unquote(url.path).lstrip("/")


def find_image(name: str, folder: Path) -> Path | None:
    """The file of an image by as much of its path as is there, with or without upload prefix."""
    parts = name.replace("\\", "/").split("/")
    folders = [folder / inner for inner in FOLDERS]
    for count in range(len(parts), 0, -1):
        if found := first_file("/".join(parts[-count:]), folders):
            return found
    uploaded = UPLOADED.fullmatch(parts[-1])
    return first_file(uploaded[1], folders) if uploaded else None


# Regions


def is_predicted(task: Mapping[str, Any]) -> bool:
    """Whether a task has predictions and no place for annotations.

    >>> is_predicted({"predictions": [{}]}), is_predicted({"predictions": [{}], "annotations": []})
    (True, False)
    """
    return bool(task.get("predictions")) and not {"annotations", "completions"} & set(task)


def _regions(task: Mapping[str, Any], where: str) -> list[Region] | None:
    """The regions of the annotation that counts, in their order; None where there is none."""
    kinds = ("predictions",) if is_predicted(task) else ("annotations", "completions")
    annotations = dicts(next(filter(None, map(task.get, kinds)), []), where)
    valid = [a for a in annotations if not (a.get("was_cancelled") or a.get("skipped"))]
    if not valid:
        return None
    dates = [str(a.get("updated_at") or a.get("created_at") or "") for a in valid]
    latest = valid[max(range(len(valid)), key=lambda index: (dates[index], index))]
    regions = []
    for number, result in enumerate(dicts(latest.get("result") or [], where), 1):
        kind, value = result.get("type"), result.get("value")
        if kind not in TYPES or not isinstance(value, dict) or not GEOMETRY & set(value):
            continue
        place = f"{where}, region {result.get('id', number)}"
        names = value.get(kind)
        if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
            raise DataError(f"{place} has the labels {names}; give each region one")
        if result.get("image_rotation"):
            raise DataError(
                f"{place} is on an image turned by {result['image_rotation']}° in Label Studio; "
                "turn it back there and export again"
            )
        size = result.get("original_height"), result.get("original_width")
        regions.append(Region(place, names[0], value, size))
    return regions


def _mask(regions: list[Region], table: ClassTable, height: int, width: int) -> np.ndarray:
    """The class indices uint8 [H, W] of an image."""
    mask = np.zeros((height, width), np.uint8)
    for region in regions:
        if region.size not in ((height, width), (None, None)):
            raise DataError(
                f"{region.where} is on an image of {region.size[1]}×{region.size[0]} pixels, but "
                f"the file is {width}×{height}; find the right image"
            )
        _paint(mask, region, index_of(table, region.name))
    return mask


def _paint(mask: np.ndarray, region: Region, index: int) -> None:
    height, width = mask.shape
    value, where = region.value, region.where
    if "rle" in value:
        alpha = unpack_words(_bytes(value["rle"], where), 4 * mask.size, where)[3::4]
        mask[alpha.reshape(mask.shape) > 0] = index
        return
    if "points" in value:
        corners = _points(value["points"], where) * (width / 100, height / 100)
    elif "radiusX" in value:
        x, y, across, down, turn = _numbers(value, ("x", "y", "radiusX", "radiusY"), where)
        corners = ellipse(x * width, y * height, across * width, down * height, turn)
    else:  # its upper left corner; of an ellipse, x and y are the centre
        x, y, wide, high, turn = _numbers(value, ("x", "y", "width", "height"), where)
        corners = rectangle(x * width, y * height, wide * width, high * height, turn)
    fill(mask, corners, index)


def _bytes(numbers: Any, where: str) -> bytes:
    try:
        return bytes(list(numbers))
    except (TypeError, ValueError):
        raise DataError(
            f"{where} has a brush stroke that is no list of bytes; export it again"
        ) from None


def _points(points: Any, where: str) -> np.ndarray:
    """The corners of a polygon in percent, float64 [n, 2]."""
    try:
        corners = np.array(points, np.float64)
    except (TypeError, ValueError, OverflowError):
        corners = np.array(np.nan)
    shaped = corners.ndim == 2 and corners.shape[1] == 2 and len(corners) >= 3
    if not shaped or not np.isfinite(corners).all():
        raise DataError(
            f"{where} has a polygon that is no list of three points (x, y) or more; redraw or "
            "delete it"
        )
    return corners


def _numbers(value: Mapping[str, Any], keys: Sequence[str], where: str) -> list[float]:
    """Four lengths in percent as shares, and the rotation in degrees."""
    numbers = [value.get(key) for key in keys] + [value.get("rotation") or 0]
    if not all(isinstance(n, int | float) and abs(n) < FAR for n in numbers):
        raise DataError(f"{where} lacks one of {', '.join(keys)} as a number; redraw or delete it")
    *percent, turn = numbers
    return [*(n / 100 for n in percent), turn]
