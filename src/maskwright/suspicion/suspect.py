"""One suspect mask: how much of it is disputed, where, and a picture of it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maskwright.data.images import display
from maskwright.data.labels import ClassTable
from maskwright.data.pairing import Pair
from maskwright.data.splits import relative
from maskwright.pictures import fit_within, overlay
from maskwright.predictor import most_likely
from maskwright.suspicion.disputed import Region, dispute, regions
from maskwright.suspicion.looking import Looked

SIDE = 320  # pixels of the longer side of a part of the picture
GAP = 4  # pixels between them
PARTS = ("image", "given mask", "prediction", "what is disputed")
LINE, HALO = (214, 39, 90), (255, 255, 255)  # of what is disputed


@dataclass(frozen=True)
class Suspect:
    """An image of height × width whose mask is disputed, by so many runs, in these regions.

    ``picture`` is a JPEG file of the four PARTS beside each other, empty where none was drawn.
    """

    pair: Pair
    height: int
    width: int
    score: float
    area: int
    regions: list[Region]
    runs: int
    picture: bytes = b""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        with Image.open(io.BytesIO(self.picture)) as image:
            return image.size

    def file(self, rank: int) -> str:
        """The name of its picture, such as ``007-cat.jpg``."""
        stem = re.sub(r"[^\w.-]+", "_", self.pair.image.stem)[:80]
        return f"{rank:03}-{stem}.jpg"

    def row(self, rank: int, root: Path, names: Sequence[str]) -> dict[str, Any]:
        """As it stands in the list; classes and box are those of the region that weighs most."""
        return {
            "rank": rank,
            "image": relative(self.pair.image, root),
            "mask": relative(self.pair.mask, root),
            "score": self.score,
            "area": self.area,
            **_in_words(self.regions[0], names),
            "runs": self.runs,
            "regions": [{"area": one.area, **_in_words(one, names)} for one in self.regions],
        }


def _in_words(region: Region, names: Sequence[str]) -> dict[str, Any]:
    box = dict(zip(("x", "y", "width", "height"), region.box, strict=True))
    return {"given": names[region.given], "predicted": names[region.predicted], **box}


def suspected(one: Looked) -> Suspect | None:
    """What is disputed of a mask; None where nothing is."""
    found = dispute(one.truth, one.probabilities)
    if not found.score:
        return None
    parts = regions(one.truth, one.probabilities, found.where)
    height, width = one.truth.shape
    area = int(np.count_nonzero(found.where))
    return Suspect(one.pair, height, width, float(f"{found.score:.6g}"), area, parts, one.runs)


def draw(image: np.ndarray, one: Looked, found: Suspect, table: ClassTable) -> bytes:
    """The four parts of image uint8 [H, W, C] beside each other, as a JPEG file."""
    plain = display(image)
    predicted = most_likely(one.probabilities)
    laid = [overlay(plain, mask, table) for mask in (one.truth, predicted)]
    small = [fit_within(part, SIDE) for part in (plain, *laid)]
    last = small[0].copy()
    scale = last.shape[1] / plain.shape[1]
    lines = [np.rint(16 * (r.outline * scale - 0.5)).astype(np.int32) for r in found.regions]
    for color, thick in ((HALO, 4), (LINE, 2)):
        cv2.polylines(last, lines, True, color, thick, cv2.LINE_AA, shift=4)
    gap = np.full((last.shape[0], GAP, 3), 255, np.uint8)
    strip = np.concatenate([*(p for part in small for p in (part, gap)), last], axis=1)
    file = io.BytesIO()
    Image.fromarray(strip).save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()
