"""Datasets that the library ``datasets`` saved with ``save_to_disk``: images and masks in Arrow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from maskwright.console import track
from maskwright.data.folders import SPLIT_FOLDERS
from maskwright.data.ingest.extras import import_needed
from maskwright.data.ingest.reading import read_json
from maskwright.data.ingest.writing import Plain
from maskwright.data.labels import IGNORE, ClassTable, Label, default_color
from maskwright.data.opening import FORMATS
from maskwright.data.pairing import Pair
from maskwright.data.threads import map_ahead
from maskwright.errors import DataError

IMAGES = ("image", "images", "pixel_values", "img")
MASKS = (
    "label", "labels", "mask", "masks", "annotation", "annotations", "segmentation",
    "segmentation_mask", "semantic_mask", "ground_truth", "gt",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of a dataset: a name for its files, its split, its cells undecoded."""

    name: str
    split: str
    image: dict[str, Any] | None
    mask: dict[str, Any] | None
    where: str


def looks_like(source: Path) -> bool:
    """Whether ``save_to_disk`` wrote the folder: one dataset, or one for each split."""
    one = (source / "dataset_info.json").is_file() and (source / "state.json").is_file()
    return one or (source / "dataset_dict.json").is_file()


def sources(source: Path) -> list[Path]:
    """The files of the dataset and of its class names."""
    return sorted(p for p in source.rglob("*") if p.suffix in (".json", ".arrow") and p.is_file())


def unpack(source: Path, out: Path) -> Plain:
    """Write images and masks as the files that they are in the dataset, byte for byte.

    The splits are called train, validation and test there; a set that is all train has none.
    Class names come from an ``id2label.json`` in the folder; without one the masks show them.
    """
    parts = _load(source)
    table = read_names(source / "id2label.json") if (source / "id2label.json").is_file() else None
    for folder in ("images", "masks"):
        (out / folder).mkdir()
    total = sum(len(part) for part in parts.values())
    pairs = track(map_ahead(partial(_write, out), _rows(parts, source)), "unpacking", total)
    return Plain(out, tuple(pairs), table)


def _load(source: Path) -> dict[str, Any]:
    """The datasets in a folder by the name of their split, which may be empty."""
    library = import_needed("datasets", "hf", f"{source} is a saved dataset, which")
    try:
        loaded = library.load_from_disk(str(source))
    except Exception as error:  # whatever the library finds wrong
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{source} cannot be loaded ({reason}); save it again") from None
    return dict(loaded) if isinstance(loaded, dict) else {"": loaded}


def _rows(parts: Mapping[str, Any], source: Path) -> Iterator[Row]:
    split_of = {name: split for split, names in SPLIT_FOLDERS.items() for name in names}
    library = import_needed("datasets", "hf", source)
    for name, part in parts.items():
        kinds = part.features.items()
        columns = [column for column, kind in kinds if isinstance(kind, library.Image)]
        image, mask = columns_of(columns, f"{source} ({', '.join(part.column_names)})")
        stored = part.select_columns([image, mask])
        for column in (image, mask):
            stored = stored.cast_column(column, library.Image(decode=False))
        for number, row in enumerate(stored):
            where = f"{source}: row {number}{name and f' of {name}'}"
            split = split_of.get(name, "") if len(parts) > 1 else ""
            yield Row(f"{name or 'row'}-{number:06}", split, row[image], row[mask], where)


def columns_of(columns: Sequence[str], where: str) -> tuple[str, str]:
    """The columns of image and mask among those that hold images, by their names, else by order.

    >>> columns_of(["label", "pixel_values"], "it"), columns_of(["photo", "truth"], "it")
    (('pixel_values', 'label'), ('photo', 'truth'))
    """
    named = [column for column in columns if column.lower() in IMAGES]
    image = (named or [c for c in columns if c.lower() not in MASKS] or [""])[0]
    others = [column for column in columns if column != image]
    if not image or not others:
        raise DataError(
            f"{where} has {len(columns)} columns of images, not one of images and one of masks; "
            "cast them to datasets.Image and save it again"
        )
    return image, next((column for column in others if column.lower() in MASKS), others[0])


def _write(out: Path, row: Row) -> Pair:
    """Write image and mask of a row, where they are no files already."""
    image = _file(out / "images" / row.name, row.image, row.where)
    return Pair(image, _file(out / "masks" / row.name, row.mask, row.where), row.split)


def _file(place: Path, stored: dict[str, Any] | None, where: str) -> Path:
    """The file that a cell names, or that holds the bytes in the cell."""
    content, named = (stored or {}).get("bytes"), (stored or {}).get("path")
    if content is None:
        if not named or not Path(named).is_file():
            raise DataError(f"{where} lacks an image or mask ({named or 'nothing'}); put it back")
        return Path(named).resolve()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            ending = "jpg" if image.format in ("JPEG", "MPO") else str(image.format).lower()
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise DataError(
            f"{where} holds no image that can be read ({', '.join(FORMATS)}); take the row out"
        ) from None
    path = place.with_name(f"{place.name}.{ending}")
    path.write_bytes(content)
    return path


def read_names(path: Path) -> ClassTable:
    """The class table in an ``id2label.json``: a number for each class and its name.

    Where there is no class 0 it is the background; 255 is ignored if it has no name.
    """
    content = read_json(path)
    try:
        names = {int(key): str(name) for key, name in content.items()}
    except (AttributeError, ValueError):
        raise DataError(f'{path} must be of the form {{"0": "road", "1": "sky"}}') from None
    names.setdefault(0, "background")
    labels = [
        Label(names[key], default_color(index), (key,)) for index, key in enumerate(sorted(names))
    ]
    ignore = () if IGNORE in names else (IGNORE,)
    try:
        return ClassTable("index", tuple(labels), ignore)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
