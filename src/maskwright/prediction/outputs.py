"""The files of one image, written as its rows of probabilities come."""

from __future__ import annotations

import math
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maskwright.data.bands import RGB
from maskwright.data.counting import occurrences
from maskwright.data.images import write_grey, write_image, write_mask, write_numbers
from maskwright.data.labels import IGNORE, ClassTable
from maskwright.data.maps import Holes, Place, holes_of, lies_on_map, place_of, spot_of
from maskwright.data.rasters import Raster
from maskwright.data.rims import apart
from maskwright.data.usual import Usual, Watched
from maskwright.data.view import shrink
from maskwright.deciding import Decision
from maskwright.errors import WriteError
from maskwright.pictures import overlay
from maskwright.prediction.inputs import Picture
from maskwright.prediction.sinks import Collected, Sink, Tiled
from maskwright.predictor import certainty
from maskwright.shapes.writing import NUMBERS, Finding
from maskwright.views import Rows

FORMATS = ("png", "tiff")
LARGEST_OVERLAY = 8192  # pixels, the longer side
BLANK = 64  # rows that are made at a time
BROKEN = -1  # in place of a row: no further one is written
UNLIKE = "unlike the training images"  # a column of predictions.csv
EVERY = 4  # the mean confidence is that of one row in so many


@dataclass(frozen=True)
class Extra:
    """What is written beside each mask, and as what: "png", "tiff", or what suits the image."""

    overlay: bool = False
    probabilities: bool = False
    confidence: bool = False
    finding: Finding | None = None
    format: str | None = None

    def ends(self) -> dict[str, tuple[str, ...]]:
        """The ends that the files of an image may have, by what they are."""
        suffixes = {"png": (".png",), "tiff": (".tif",), None: (".png", ".tif")}[self.format]
        pixels = {"png": (".npz",), "tiff": (".tif",), None: (".npz", ".tif")}[self.format]
        ends = {"mask": suffixes}
        if self.overlay:
            ends["overlay"] = ("-overlay.jpg",)
        if self.probabilities:
            ends["probabilities"] = tuple(f"-probabilities{end}" for end in pixels)
        if self.confidence:
            ends["confidence"] = tuple(f"-confidence{end}" for end in suffixes)
        return ends | (self.finding.ends() if self.finding else {})

    def format_of(self, raster: Raster, *, on_map: bool) -> str:
        """TIFF for what lies on a map, and for what is larger than programs take as PNG."""
        large = raster.height * raster.width > (Image.MAX_IMAGE_PIXELS or np.inf)
        return self.format or ("tiff" if large or on_map else "png")


class Output:
    """The files of one image of so many bands. Rows are put in their order, of any thread.

    ``usual`` is what the images are like that the model was trained on, where that is known.
    Where an image on a map holds no data, its mask is left open.
    """

    def __init__(
        self,
        picture: Picture,
        raster: Watched,
        out: Path,
        table: ClassTable,
        extra: Extra,
        bands: int = RGB.count,
        usual: Usual | None = None,
    ) -> None:
        self.picture, self.raster, self.out = picture, raster, out
        self.usual = usual
        self.table, self.extra = table, extra
        path = picture.path if picture.path and lies_on_map(picture.path) else None
        self.spot = spot_of(path) if path else None
        self.format = extra.format_of(raster, on_map=bool(path))
        self.place: Place | None = place_of(path) if path and self.format == "tiff" else None
        self.holes: Holes | None = holes_of(path, bands) if path else None
        self.empty = 0  # pixels without data
        self.sheet = extra.finding and extra.finding.sheet(
            picture.name, picture.path, (raster.height, raster.width), self.path, self.place
        )
        self.sinks = {
            name: self._sink(name)
            for name in ("probabilities", "confidence", NUMBERS, "mask")  # the mask is written last
            if name in extra.ends()
        }
        self.counts = np.zeros(256, np.int64)  # pixels of each class
        self.sure = self.looked = 0.0  # sum of the confidence of pixels looked at; how many
        self.masks: list[np.ndarray] = []  # for the overlay, and the numbers of objects
        self.numbers: list[np.ndarray] = []
        self.numbered = 0  # rows
        self.shrinking = math.ceil(max(raster.height, raster.width) / LARGEST_OVERLAY)
        self.next, self.ready = 0, threading.Condition()  # the row that is put next
        self.done = 0  # rows

    def path(self, name: str) -> Path:
        """The file of this name."""
        ends = self.extra.ends()[name]
        end = ends[-1] if self.format == "tiff" else ends[0]
        return self.out / f"{self.picture.stem}{end}"

    def _sink(self, name: str) -> Sink:
        path = self.path(name)
        part = path.with_name(f".{path.stem}.part{path.suffix}")
        palette, names = self.table.palette, self.table.names
        if self.format == "tiff":
            shape, like = (self.raster.height, self.raster.width), self.picture.path
            if name == "probabilities":
                return Tiled(part, shape, "float32", names=names, like=like)
            kind = "uint32" if name == NUMBERS else "uint8"
            if name != "mask":
                return Tiled(part, shape, kind, names=[name], like=like)
            none = int(self.table.stored[IGNORE])
            return Tiled(part, shape, kind, names=[name], palette=palette, like=like, nodata=none)
        writers: dict[str, Callable[[Path, np.ndarray], None]] = {
            "mask": lambda file, pixels: write_mask(file, pixels, palette),
            "confidence": write_grey,
            NUMBERS: write_numbers,
            "probabilities": lambda file, scores: write_probabilities(file, scores, names),
        }
        return Collected(part, writers[name])

    def put(self, rows: Rows, decide: Decision) -> dict[str, Any] | None:
        """Write the next rows; with the last ones, what is known of the image.

        Several threads may bring rows: each waits for those before, unless they failed.
        """
        try:
            scores, inside = apart(rows.probabilities, len(self.table))
            mask = decide(scores)
            if not self._reached(rows.top):
                return None
            if self.holes:
                scores = self._emptied(self.holes.rows(rows.top, rows.end), mask, scores)
            self._take(rows.top, mask, scores, inside)
            self.done = rows.end
            line = self._finish() if rows.end == rows.height else None
        except BaseException:
            self._pass_on(BROKEN)
            raise
        self._pass_on(rows.end)
        return line

    def _emptied(self, holes: np.ndarray, mask: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Leave a mask open where there is no data; the scores, which are 0 there."""
        self.empty += int(holes.sum())
        mask[holes] = IGNORE
        return np.where(holes[..., None], np.float32(0), scores)

    def _reached(self, row: int) -> bool:
        """Wait until this row is the next one; whether it has come to that."""
        with self.ready:
            self.ready.wait_for(lambda: self.next in (row, BROKEN))
            return self.next == row

    def _pass_on(self, row: int) -> None:
        """Let the one who waits for this row go on."""
        with self.ready:
            self.next = row
            self.ready.notify_all()

    def _take(
        self, top: int, mask: np.ndarray, scores: np.ndarray, inside: np.ndarray | None
    ) -> None:
        known = occurrences([mask], [len(self.table)])
        self.counts[: len(known)] += known
        self.counts[IGNORE] += mask.size - known.sum()
        few = reduce(np.maximum, np.moveaxis(scores[::EVERY], -1, 0))
        self.sure += float(few.sum(dtype=np.float64))
        self.looked += few.size if not self.holes else np.count_nonzero(few)
        self.sinks["mask"].put(self.table.encode(mask))
        if "confidence" in self.sinks:
            highest = reduce(np.maximum, np.moveaxis(scores, -1, 0))
            self.sinks["confidence"].put(cv2.convertScaleAbs(highest, alpha=255))
        if "probabilities" in self.sinks:
            kept = scores if self.format == "tiff" else scores.astype(np.float16)
            self.sinks["probabilities"].put(kept)
        if self.extra.overlay:
            self.masks.append(self._shrunk(mask, top))
        if self.sheet:
            self._take_numbers(self.sheet.put(mask, certainty(mask, scores), inside))

    def _take_numbers(self, numbers: np.ndarray) -> None:
        """The next rows of the objects' numbers int32 [n, W]."""
        if NUMBERS in self.sinks:
            self.sinks[NUMBERS].put(numbers.astype(np.uint32))
        if self.extra.overlay:
            self.numbers.append(self._shrunk(numbers, self.numbered))
        self.numbered += len(numbers)

    def _shrunk(self, rows: np.ndarray, top: int) -> np.ndarray:
        """What an overlay shows of rows that begin at ``top``."""
        return rows[-top % self.shrinking :: self.shrinking, :: self.shrinking]

    def _finish(self) -> dict[str, Any]:
        line: dict[str, Any] = {"mask": self.path("mask").name, "row": self._row()}
        if self.sheet:
            line["row"] |= self.sheet.counted()
            line |= self.sheet.write()
        if self.extra.overlay:
            self._write_overlay()
        for name, sink in self.sinks.items():
            sink.finish(self.path(name))
        if self.holes:
            self.holes.close()
        return line

    def _row(self) -> dict[str, Any]:
        """The image's row of predictions.csv, without its objects."""
        counts = self.counts.copy()
        counts[IGNORE] -= self.empty
        shares = counts / max(1, counts.sum())
        return {
            "image": self.picture.name,
            "mask": self.path("mask").name,
            "width": self.raster.width,
            "height": self.raster.height,
            "confidence": round(self.sure / max(1, self.looked), 4),
            **{f"share of {name}": round(shares[k], 6) for k, name in enumerate(self.table.names)},
            "share left open": round(shares[IGNORE], 6),
            "share without data": round(self.empty / max(1, self.counts.sum()), 6),
            UNLIKE: self._unlike() if shares.any() else "",
        }

    def _unlike(self) -> str:
        """In what the image is unlike those that the model was trained on."""
        if not self.usual:
            return ""
        size, level = (self.raster.height, self.raster.width), self.raster.level
        return self.usual.unlike(size, level, self.spot.side if self.spot else None)

    def _write_overlay(self) -> None:
        path, step = self.path("overlay"), self.shrinking
        part = path.with_name(f".{path.name}")
        image, mask = overview(self.raster, step), np.concatenate(self.masks)
        parts = np.concatenate(self.numbers) if self.numbers else None
        try:
            write_image(part, overlay(image, mask, self.table, parts))
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise WriteError.of(path, error) from error

    def break_off(self, row: int) -> Path | None:
        """Keep the rows before the one at which the image broke off, the rest left open.

        Gives the file, whose name says that it is a part; None where no row was put.
        """
        self._reached(row)
        self._pass_on(BROKEN)
        kept = self.path("mask")
        kept = kept.with_name(f"{kept.stem}-partial{kept.suffix}")
        if self.done:
            blank = np.full((BLANK, self.raster.width), self.table.stored[IGNORE], np.uint8)
            for top in range(self.done, self.raster.height, BLANK):
                self.sinks["mask"].put(blank[: self.raster.height - top])
            self.sinks["mask"].finish(kept)
        self.drop()
        return kept if self.done else None

    def drop(self) -> None:
        """Leave no half-written file behind."""
        for sink in self.sinks.values():
            sink.drop()
        if self.holes:
            self.holes.close()


def overview(raster: Raster, step: int) -> np.ndarray:
    """The image uint8 [H / step, W / step, C], blocks of pixels averaged."""
    if step == 1:
        return raster.rows(0, raster.height)
    parts = []
    for top in range(0, raster.height, step * BLANK):
        rows = raster.rows(top, min(raster.height, top + step * BLANK))
        size = (math.ceil(rows.shape[1] / step), math.ceil(rows.shape[0] / step))
        parts.append(shrink(rows, size[1], size[0]))
    return np.concatenate(parts)


def write_probabilities(path: Path, scores: np.ndarray, names: list[str]) -> None:
    """An NPZ with probabilities float16 [H, W, classes] and ``classes``, their names."""
    arrays = {"probabilities": scores, "classes": np.array(names)}
    # At level 1 such numbers take half of the time that NumPy's own way takes, and are as small.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, values in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, values, allow_pickle=False)
