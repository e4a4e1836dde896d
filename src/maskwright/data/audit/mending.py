"""One pair mended: the image as a plain file, the mask as class indices of the same size."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maskwright.data.audit.contents import ALPHA, EXTENSIONS
from maskwright.data.audit.facts import ImageFacts
from maskwright.data.audit.values import other_scale, snap, table_of_colors
from maskwright.data.images import RawMask, decode, read_mask, write_mask
from maskwright.data.labels import IGNORE, ClassTable
from maskwright.data.pairing import Pair
from maskwright.data.tiff import upright
from maskwright.errors import DataError


@dataclass(frozen=True)
class Done:
    """What was done to one source file; ``into`` is the new file, None where it is left out."""

    source: Path
    what: str
    into: Path | None = None


@dataclass(frozen=True)
class Written:
    """The new pair (None where it was left out), what was done, and whether it ignores pixels."""

    pair: Pair | None
    done: tuple[Done, ...]
    ignores: bool = False


@dataclass(frozen=True)
class Job:
    """One pair to write, under a name of its own, and what is to be mended in it."""

    pair: Pair
    name: str
    image: ImageFacts
    kinds: frozenset[str]

    def write(self, out: Path, table: ClassTable, clean: ClassTable) -> Written:
        """Write image and mask below ``out``, to which the paths of the new pair are relative."""
        try:
            values, did = mended_mask(self, table)
        except DataError as error:
            out_of = f"left out: {error}"
            return Written(None, (Done(self.pair.image, out_of), Done(self.pair.mask, out_of)))
        image, how = self._write_image(out)
        mask = Path("masks", f"{self.name}.png")
        (out / mask).parent.mkdir(parents=True, exist_ok=True)
        if clean.encoding == "instances":
            kind = np.uint8 if values.max() < 256 else np.uint16
            Image.fromarray(values.astype(kind)).save(out / mask)
        else:
            write_mask(out / mask, clean.encode(values), clean.palette)
        done = Done(self.pair.image, how, image), Done(self.pair.mask, "; ".join(did), mask)
        ignores = clean.encoding != "instances" and bool((values == IGNORE).any())
        return Written(replace(self.pair, image=image, mask=mask), done, ignores)

    def _write_image(self, out: Path) -> tuple[Path, str]:
        """Copy the image, or write its pixels as a PNG where something about the file is odd."""
        reasons = _reasons(self.image, self.pair.image)
        suffix = ".png" if reasons else self.pair.image.suffix.lower()
        image = Path("images", f"{self.name}{suffix}")
        (out / image).parent.mkdir(parents=True, exist_ok=True)
        if not reasons:
            shutil.copyfile(self.pair.image, out / image)
            return image, "copied"
        pixels = decode(self.pair.image).pixels
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(out / image)
        return image, f"written as PNG: {', '.join(reasons)}"


def _reasons(image: ImageFacts, path: Path) -> list[str]:
    """Why an image file cannot be copied as it is."""
    if image.bands not in (1, 3) or (image.depth != 8 and image.bands != 1) or image.depth > 16:
        return []  # a PNG would not hold it
    odd = {
        f"EXIF orientation {image.orientation} applied": image.orientation != 1,
        "transparency dropped": image.mode in ALPHA,
        "CMYK changed to RGB": image.mode in ("CMYK", "YCCK"),
        "the first frame": image.several,
        f"it holds {image.format}": path.suffix.lower()
        not in EXTENSIONS.get(image.format, {path.suffix.lower()}),
    }
    return [reason for reason, true in odd.items() if true]


def mended_mask(job: Job, table: ClassTable) -> tuple[np.ndarray, list[str]]:
    """The class indices uint8 [H, W] (the object numbers for instances), and what was done."""
    raw = read_mask(job.pair.mask)
    did: list[str] = []
    values: np.ndarray
    if "mask-kind" in job.kinds:
        table, raw = table_of_colors(table), replace(raw, palette=None)
        did.append("colours changed to classes")
    if table.encoding == "instances":
        values = table.values_of(raw, job.pair.mask).astype(np.int32)
        values[np.isin(values, table.labels[0].values)] = 0
    else:
        values, changed = _classes(raw, job, table)
        did += [changed] if changed else []
    if "mask-orientation" in job.kinds:
        values = upright(values[:, :, None], job.image.orientation)[:, :, 0]
        did.append("turned like its image")
    size = (job.image.width, job.image.height)
    if values.shape != size[::-1]:
        did.append(f"resized from {values.shape[1]}×{values.shape[0]} by nearest neighbour")
        values = cv2.resize(values, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return values, [*did, "written as PNG"]


def _classes(raw: RawMask, job: Job, table: ClassTable) -> tuple[np.ndarray, str]:
    """The class indices uint8 [H, W] of damaged masks, and what was done to them."""
    if not job.kinds & {"mask-damaged", "mask-scale"}:
        return table.decode(raw, job.pair.mask), ""
    values = table.values_of(raw, job.pair.mask)
    found, counts = np.unique(values, return_counts=True)
    pixels = dict(zip(found.tolist(), counts.tolist(), strict=True))
    for one, other in other_scale(pixels, table).items():
        classes = table.find(np.where(values == one, other, values))[0]
        return classes, f"{one} read as {other}"
    snapped = snap(pixels, table, jpeg=raw.format == "JPEG")
    if snapped is None:
        raise DataError(f"{job.pair.mask} has in-between values that cannot be told apart safely")
    classes, known = table.find(found)
    targets = np.array([snapped.get(int(value), int(value)) for value in found])
    classes = np.where(known, classes, table.find(targets)[0])
    classes[targets == -1] = IGNORE
    share = sum(pixels[value] for value in snapped) / values.size
    return (
        classes[np.searchsorted(found, values)].astype(np.uint8),
        f"{100 * share:.1f} % of the pixels snapped to the nearest class",
    )
