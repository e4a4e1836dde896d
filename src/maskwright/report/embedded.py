"""Pictures inside the page: small JPEG files as data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from maskwright.data.dataset import Dataset, read_pair
from maskwright.data.pairing import Pair
from maskwright.data.splits import relative
from maskwright.errors import DataError
from maskwright.pictures import fit_within, overlay
from maskwright.randomness import PICTURES, generator

SIDE = 320  # pixels of the longer side
LARGEST = 45_000  # bytes of a picture; 28 of them in base64 stay below 1.7 MB
SAMPLES = 6


@dataclass(frozen=True)
class Picture:
    """A picture in the page: its data URI, its size in pixels and what it shows."""

    source: str
    width: int
    height: int
    alt: str


def embed(image: np.ndarray, alt: str) -> Picture:
    """The image uint8 [H, W, 3], shrunk, as a JPEG inside a data URI."""
    small = fit_within(image, SIDE)
    content = base64.b64encode(_jpeg(small)).decode()
    height, width = small.shape[:2]
    return Picture(f"data:image/jpeg;base64,{content}", width, height, alt)


def _jpeg(image: np.ndarray) -> bytes:
    """A JPEG file of the best quality of four that is not too large."""
    for quality in (88, 75, 50, 25):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


def samples(dataset: Dataset, seed: int) -> tuple[dict[str, Picture], str]:
    """Some training images with their masks, by name, and a sentence on those that failed."""
    pairs = dataset.of("train")
    if not dataset.root.is_dir():
        return {}, f"The data are no longer in {dataset.root}, so no training images are shown."
    size = min(SAMPLES, len(pairs))
    chosen = generator(PICTURES, seed).choice(len(pairs), size, replace=False)
    pictures, problems = {}, []
    for pair in (pairs[place] for place in sorted(chosen)):
        name = relative(pair.image, dataset.root)
        try:
            pictures[name] = _sample(pair, dataset, name)
        except DataError as error:
            problems.append(str(error))
    note = f"{len(problems)} of {size} samples cannot be shown: {problems[0]}." if problems else ""
    return pictures, note


def _sample(pair: Pair, dataset: Dataset, name: str) -> Picture:
    image, raw = read_pair(pair, dataset.bands)
    laid = overlay(image, dataset.table.decode(raw, pair.mask), dataset.table)
    return embed(laid, f"{name} with its mask laid over it")
