"""The evaluated images that the page shows, each once, with layers to lay over it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from maskwright.data.images import read_image
from maskwright.data.opening import opened
from maskwright.errors import DataError
from maskwright.report.embedded import SIDE, Picture, embed

KINDS = ("worst", "uncertain", "random", "median", "best", "other")
LAYERS = {  # what lies over the image, and what that shows
    "image": "",
    "truth": " with its true mask laid over it",
    "prediction": " with the predicted mask laid over it",
    "difference": " with the wrong pixels marked",
    "uncertainty": " with the pixels marked where the model is unsure",
}
LARGEST = 20_000  # bytes of a layer; 4 of each of 22 images in base64 stay below 2.4 MB


@dataclass(frozen=True)
class Shown:
    """An evaluated image; ``layers`` are those of LAYERS, None where a file is gone."""

    number: int
    name: str
    kinds: list[str]
    mean_iou: float | None
    pixel_accuracy: float | None
    confidence: float | None
    layers: dict[str, Picture | None]

    @property
    def image(self) -> Picture | None:
        return self.layers["image"]


def gallery(folder: Path, pictures: Sequence[dict[str, Any]]) -> list[Shown]:
    """The images of an evaluation, the worst first; ``folder`` holds their files."""
    ordered = [one for kind in KINDS for one in pictures if one["kind"] == kind]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for one in ordered:
        by_name.setdefault(one["name"], []).append(one)
    return [_shown(number, folder, ones) for number, ones in enumerate(by_name.values(), 1)]


def middle(shown: Sequence[Shown]) -> Shown | None:
    """The very median among the median images."""
    typical = [one for one in shown if "median" in one.kinds]
    return typical[(len(typical) - 1) // 2] if typical else None


def kinds(shown: Sequence[Shown]) -> dict[str, int]:
    """How many of the images are of each kind."""
    counts = {kind: sum(kind in one.kinds for one in shown) for kind in KINDS}
    return {kind: count for kind, count in counts.items() if count}


def _shown(number: int, folder: Path, ones: Sequence[dict[str, Any]]) -> Shown:
    one = ones[0]
    name, files = one["name"], one["files"]
    layers = {
        kind: (_base if kind == "image" else _layer)(folder / files[kind], f"{name}{told}")
        for kind, told in LAYERS.items()
    }
    kinds_of_it = list(dict.fromkeys(same["kind"] for same in ones))
    scores = (one["mean_iou"], one["pixel_accuracy"], one["confidence"])
    return Shown(number, name, kinds_of_it, *scores, layers)


def _base(path: Path, alt: str) -> Picture | None:
    try:
        return embed(read_image(path), alt)
    except DataError:
        return None


def _layer(path: Path, alt: str) -> Picture | None:
    """A palette PNG, encoded anew; at half its size, and again, where it is too large."""
    try:
        with opened(path) as image:
            if not isinstance(image, Image.Image) or image.mode != "P":
                return None
            clear = image.info.get("transparency")
            places = image.copy()
    except DataError:
        return None
    width, height = places.size
    while len(content := _png(places, clear)) > LARGEST or max(places.size) > SIDE:
        half = (max(1, places.width // 2), max(1, places.height // 2))
        places = places.resize(half, Image.Resampling.NEAREST)
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return Picture(source, width, height, alt)


def _png(image: Image.Image, clear: bytes | None) -> bytes:
    file = io.BytesIO()
    options = {} if clear is None else {"transparency": clear}
    image.save(file, "PNG", optimize=True, **options)
    return file.getvalue()
