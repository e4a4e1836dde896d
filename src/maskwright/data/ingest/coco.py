"""COCO: JSON files with images, annotations and categories, and folders of images.

annotations/instances_train2017.json  with train2017/ or images/train2017/   (COCO, CVAT)
train/_annotations.coco.json          with the images beside it              (Roboflow)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.folders import SPLIT_FOLDERS
from maskwright.data.ingest.reading import (
    begins_and_holds,
    dicts,
    first_file,
    json_files,
    read_json,
)
from maskwright.data.ingest.runs import paint, runs_of
from maskwright.data.ingest.writing import Drawing, Plain, draw, drawn_table, index_of
from maskwright.data.labels import IGNORE
from maskwright.errors import DataError, some

KEYS = ("images", "annotations", "categories")
Content = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Shape:
    """An annotation: its segmentation as in the file, and the class index it paints."""

    segmentation: Any
    value: int
    file: Path
    number: Any


@dataclass
class Picture:
    """An image that a file lists, (height, width) as the file says, and what is drawn on it."""

    path: Path
    split: str
    size: tuple[Any, Any]
    file: Path
    shapes: list[Shape] = field(default_factory=list)


def looks_like(source: Path) -> bool:
    """Whether it is a COCO file, or a folder that has some."""
    return bool(sources(source))


def sources(source: Path) -> list[Path]:
    """The COCO files of a folder (in ``annotations/``, else in it, else in train/, val/, …).

    Files of key points count only where there are no others.
    """
    if source.is_dir():
        splits = [source / name for names in SPLIT_FOLDERS.values() for name in names]
        places = [[source / "annotations"], [source], splits]
        listed = [[p for folder in folders for p in json_files(folder)] for folders in places]
    else:
        listed = [[source]] if source.suffix.lower() == ".json" else []
    found = next((found for paths in listed if (found := list(filter(is_coco, paths)))), [])
    objects = [path for path in found if not path.name.startswith("person_keypoints")]
    return objects or found


def is_coco(path: Path) -> bool:
    """Whether a JSON file holds what COCO calls images, annotations and categories."""
    words = [f'"{key}"'.encode() for key in KEYS]
    if not begins_and_holds(path, b"{", words):
        return False
    return not begins_and_holds(path, b"{", [b'"segments_info"'])  # panoptic: masks are files


def unpack(source: Path, out: Path) -> Plain:
    """Paint a mask for every image that the COCO files list; background where nothing is drawn.

    Small objects are painted over large ones, and all over crowds, which are ignored (255). The
    split is that which the name of the file says, or of its folder.
    """
    root = source if source.is_dir() else source.parent
    if root.name == "annotations":
        root = root.parent
    contents = {path: _read(path) for path in sources(source)}
    names = _category_names(contents, source)
    table = drawn_table([names[key] for key in sorted(names)], source)
    values = {key: index_of(table, name) for key, name in names.items()}
    pictures: dict[Path, Picture] = {}
    for path, content in contents.items():
        found = _pictures(path, content["images"], root)
        _annotate(path, content["annotations"], found, values)
        for picture in found.values():
            _add(pictures, picture)
    if not pictures:
        raise DataError(f"{source} lists no image; export it again with images")
    drawings = [Drawing(p.path, partial(_mask, p), p.split) for p in pictures.values()]
    return draw(out, root, drawings, table)


def _read(path: Path) -> Content:
    content = read_json(path)
    return {key: dicts(content.get(key), f"{path}: {key}") for key in KEYS}


def _category_names(contents: Mapping[Path, Content], source: Path) -> dict[int, str]:
    """The name of each category id, the same in all files.

    A category that only stands above others and has no annotation, as Roboflow adds one, is left
    out.
    """
    names: dict[int, str] = {}
    parents: dict[int, Any] = {}
    used: set[str] = set()
    for path, content in contents.items():
        used.update(str(annotation.get("category_id")) for annotation in content["annotations"])
        for category in content["categories"]:
            key, name = category.get("id"), category.get("name")
            if not isinstance(key, int) or not isinstance(name, str) or not name:
                raise DataError(f"{path}: the category {category} needs a number as id and a name")
            if names.setdefault(key, name) != name:
                raise DataError(
                    f"{path} calls category {key} {name}, another file calls it {names[key]}; "
                    "give all files the same categories"
                )
            parents[key] = str(category.get("supercategory"))
    above = Counter(parents.values())
    kept = {
        key: name
        for key, name in names.items()
        if str(key) in used or above[name] == (parents[key] == name)
    }
    name, count = Counter(kept.values()).most_common(1)[0] if kept else ("", 0)
    if count > 1:
        raise DataError(f"{source} has {count} categories called {name}; give each its own name")
    return kept


def _pictures(path: Path, entries: list[dict[str, Any]], root: Path) -> dict[int | str, Picture]:
    """The images that a file lists, by their id."""
    split = split_of(path, root)
    folders = _image_folders(path, root, split)
    found: dict[int | str, Picture] = {}
    missing = []
    for entry in entries:
        key, name = entry.get("id"), entry.get("file_name")
        if not isinstance(key, int | str) or not isinstance(name, str):
            raise DataError(f"{path}: the image {entry} needs an id and a file_name")
        if key in found:
            raise DataError(f"{path} lists two images of the id {key}; give each its own")
        place = first_file(name, folders)
        if place is None:
            missing.append(name)
        else:
            found[key] = Picture(place, split, (entry.get("height"), entry.get("width")), path)
    if missing:
        raise DataError(
            f"{path} lists {len(missing)} images that are not there: {some(missing)}; put them "
            f"into {root / 'images'}, or take them out of the file"
        )
    return found


def split_of(path: Path, root: Path) -> str:
    """The split that a file's name says, else its folder below ``root``; empty if neither does.

    >>> split_of(Path("set/annotations/instances_val2017.json"), Path("set"))
    'val'
    >>> split_of(Path("set/valid/_annotations.coco.json"), Path("set"))
    'val'
    """
    folder = "" if path.parent == root else path.parent.name
    for text in (path.stem, folder):
        words = set(re.findall("[a-z]+", text.lower()))
        named = [split for split, names in SPLIT_FOLDERS.items() if words & set(names)]
        if len(named) == 1:
            return named[0]
    return ""


def _image_folders(path: Path, root: Path, split: str) -> list[Path]:
    """Where the images of a file may lie, the likeliest first."""
    subset = path.stem.partition("_")[2]  # train2017 of instances_train2017
    names = [name for name in (subset, *SPLIT_FOLDERS.get(split, ())) if name]
    inner = [folder / name for name in names for folder in (root / "images", root)]
    folders = [path.parent, *inner, root / "images", root]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _annotate(
    path: Path,
    annotations: list[dict[str, Any]],
    pictures: Mapping[int | str, Picture],
    values: Mapping[int, int],
) -> None:
    """Add the annotations of a file to its pictures."""
    for number, annotation in enumerate(annotations):
        number = annotation.get("id", f"number {number}")
        image, category = annotation.get("image_id"), annotation.get("category_id")
        if not isinstance(image, int | str) or image not in pictures:
            raise DataError(
                f"{path}: annotation {number} is on an image {image!r} that the file does not "
                "list; delete it or list the image"
            )
        if not isinstance(category, int) or category not in values:
            raise DataError(
                f"{path}: annotation {number} is of a category {category!r} that the file does "
                f"not list ({some(sorted(values), 8)}); correct it or list the category"
            )
        value = IGNORE if annotation.get("iscrowd") == 1 else values[category]
        shape = Shape(annotation.get("segmentation"), value, path, number)
        pictures[image].shapes.append(shape)


def _add(pictures: dict[Path, Picture], picture: Picture) -> None:
    """Add a picture, or what is drawn on it where another file has it too."""
    known = pictures.setdefault(picture.path, picture)
    if known is picture:
        return
    if known.split != picture.split:
        raise DataError(
            f"{picture.path} is in {known.file.name} ({known.split or 'no split'}) and in "
            f"{picture.file.name} ({picture.split or 'no split'}); keep it in one of them"
        )
    known.shapes += picture.shapes


def _mask(picture: Picture, height: int, width: int) -> np.ndarray:
    """The class indices uint8 [H, W] of a picture."""
    if picture.size not in ((height, width), (None, None)):
        raise DataError(
            f"{picture.file} says that {picture.path.name} is {picture.size[1]}×"
            f"{picture.size[0]} pixels, but the file is {width}×{height}; find the right images"
        )
    drawn = []
    for shape in picture.shapes:
        where = f"{shape.file}: annotation {shape.number}"
        runs = runs_of(shape.segmentation, height, width, where)
        drawn.append((shape.value != IGNORE, -int(runs[1::2].sum()), shape.value, runs))
    drawn.sort(key=lambda one: one[:2])
    column = np.zeros(height * width, np.uint8)
    for *_, value, runs in drawn:
        paint(column, runs, value)
    return np.ascontiguousarray(column.reshape(width, height).T)
