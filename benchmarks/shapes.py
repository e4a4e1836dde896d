"""Masks to objects and files: how fast, how true, and how well touching objects are parted.

Claim    10,000 objects of a mask of 4,096 × 4,096 pixels are found, measured and written as GeoJSON
         in under 10 s; at the default tolerance rasterising gives every pixel back; on nuclei, the
         defaults of `--part watershed` find more of the objects than connected components do.
Command  python benchmarks/shapes.py [../shared/data/nuclei [MASKS]]
         python benchmarks/shapes.py --large 20000 [--part rims]
Method   Speed: 10,000 ellipses with half axes of 8 to 18 pixels at random angles, one in each
         square of a grid of 41 pixels, and, to be parted by their rims, of 14 to 22, so that they
         touch; seconds from the mask in memory to the file, the best of three; then the polygons
         are rasterised by pixel centres and compared. Parting: the union of all nuclei of each of
         the 100 images is a mask of one class; its objects are compared with the nuclei as drawn
         (panoptic quality, over all images). For `boundary`, pixels of nuclei within 1.5 pixels of
         another nucleus are a class of their own. With MASKS, a folder of masks that `maskwright
         predict` wrote, the same with those.
         With --large SIDE alone, the patterns fill an image of SIDE × SIDE pixels whose rows come
         384 at a time; how many objects, in how long, and in how much memory.
Result   3.5 s, by the watershed 4.7 s, by rims 7.4 s, every pixel as it was; 240,000 objects of
         20,000 × 20,000 pixels in 115 s and 1.28 GB. Panoptic quality of nuclei 0.852 without
         parting, 0.925 by the watershed, 0.994 by a boundary class; of masks that a run of two
         minutes predicted for 16 images that it had not learnt from, 0.638 and 0.703. More in
         README.md (2026-11, 2 cores of an AMD EPYC).
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import maskwright as mw
from maskwright.data.ingest.outlines import fill
from maskwright.data.labels import ClassTable, Label
from maskwright.files import write_text
from maskwright.measures.objects import overlaps, panoptic, panoptic_quality
from maskwright.shapes import geojson
from maskwright.shapes.drawing import Drawing, Page, corners, polygons_of
from maskwright.shapes.writing import finding

SIDE, GRID, CELL = 4096, 100, 41
ROWS = 384  # that come at a time
NAMES = ("background", "object", "boundary")
TABLE = ClassTable("index", tuple(Label(name, "#e69f00", (k,)) for k, name in enumerate(NAMES)))


def ellipses(least: int, most: int) -> np.ndarray:
    """10,000 numbered objects int32 [4096, 4096], half axes from ``least`` to below ``most``."""
    rng, numbers = np.random.default_rng(0), np.zeros((SIDE, SIDE), np.int32)
    for place in range(GRID * GRID):
        row, column = divmod(place, GRID)
        center = (column * CELL + 20, row * CELL + 20)
        axes = tuple(rng.integers(least, most, 2).tolist())
        cv2.ellipse(numbers, center, axes, float(rng.integers(0, 180)), 0, 360, place + 1, -1)
    return numbers


def insides(numbers: np.ndarray) -> np.ndarray:
    """What a network would say of lying inside of an object, float32 [H, W]: little on its rim."""
    square, values = np.ones((5, 5), np.uint8), numbers.astype(np.float32)
    deep = (numbers > 0) & (cv2.erode(values, square) == cv2.dilate(values, square))
    probably = np.where(deep, 0.9, np.where(numbers > 0, 0.2, 0)).astype(np.float32)
    return cv2.GaussianBlur(probably, (0, 0), 1)


def speed() -> None:
    apart, touching = ellipses(8, 19), ellipses(14, 23)
    ways = {
        "none": (apart, {"part": "none"}),
        "watershed": (apart, {"part": "watershed"}),
        "rims": (touching, {"inside": insides(touching)}),
    }
    for part, (numbers, how) in ways.items():
        mask = (numbers > 0).astype(np.uint8)
        sure = np.full(mask.shape, 0.9, np.float32)
        best: list[float] = []
        for _ in range(3):
            seconds = [time.perf_counter()]
            objects = mw.find_objects(mask, TABLE, sure, **how)
            seconds.append(time.perf_counter())
            shapes = objects.polygons()
            seconds.append(time.perf_counter())
            image = Path("mask.png")
            page = Page(image.name, image, "", SIDE, SIDE, TABLE, 0.25)
            features = geojson.items(Drawing(page, objects, shapes))
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "mask.geojson"
                write_text(path, geojson.text(page, features))
                size = path.stat().st_size
            seconds.append(time.perf_counter())
            if not best or seconds[-1] - seconds[0] < best[-1] - best[0]:
                best = seconds
        found, drawn, written = np.diff(best)
        print(
            f"part {part:9} {len(objects):,} objects: found and measured {found:.1f} s, polygons "
            f"{drawn:.1f} s, GeoJSON of {size / 1e6:.1f} MB {written:.1f} s; "
            f"{best[-1] - best[0]:.1f} s; {differing(shapes, objects.labels):,} pixels differ",
            flush=True,
        )


def differing(shapes: list, labels: np.ndarray) -> int:
    """Pixels whose centre is in another shape than their label says; no shape has a hole."""
    again = np.zeros_like(labels)
    for number, shape in enumerate(shapes, 1):
        for piece in polygons_of(shape):
            fill(again, corners(piece.exterior), number)
    return int((again != labels).sum())


def with_boundary(true: np.ndarray) -> np.ndarray:
    """A mask uint8 [H, W] of nuclei int32 [H, W] with a class 2 where they touch."""
    high = np.where(true == 0, true.max() + 1, true).astype(np.float32)
    near = np.ones((3, 3), np.uint8)
    touching = cv2.dilate(true.astype(np.float32), near) != cv2.erode(high, near)
    return np.where(true == 0, 0, np.where(touching, 2, 1)).astype(np.uint8)


def parting(data: Path, masks: Path | None) -> None:
    files = sorted((masks or data / "instances").glob("*.png"))
    for part in ("none", "watershed", *(() if masks else ("boundary",))):
        for least in (1, 10):
            total = np.zeros(4)
            for path in files:
                mask = (np.asarray(Image.open(path)) > 0).astype(np.uint8)
                true = np.asarray(Image.open(data / "instances" / path.name)).astype(np.int32)
                if part == "boundary":
                    mask = with_boundary(true)
                labels = mw.find_objects(mask, TABLE, part=part, least=least).labels
                total += panoptic(overlaps(true, labels, np.ones(mask.shape, bool)))
            quality = panoptic_quality(total)
            print(
                f"{len(files)} images, part {part:9} least {least:2}: PQ {quality.panoptic:.3f}, "
                f"RQ {quality.recognition:.3f}, SQ {quality.segmentation:.3f}; "
                f"{total[1]:.0f} found, {total[2]:.0f} invented, {total[3]:.0f} missed",
                flush=True,
            )


def large(side: int, part: str) -> None:
    rims = part == "rims"
    numbers = ellipses(14, 23) if rims else ellipses(8, 19)
    mask, inside = (numbers > 0).astype(np.uint8), insides(numbers)
    del numbers
    pieces = ClassTable("index", TABLE.labels[:2])
    way = {"rims": True} if rims else {"part": part}
    wanted = finding(pieces, objects=True, shapes=["geojson"], **way)
    again = -(-side // SIDE)
    with tempfile.TemporaryDirectory() as folder:
        sheet = wanted.sheet(
            "large.tif", None, (side, side), lambda kind: Path(folder) / f"large.{kind}"
        )
        before, begun = memory(), time.perf_counter()
        for top in range(0, side, ROWS):
            rows = np.arange(top, min(side, top + ROWS)) % SIDE
            own, deep = (np.tile(one[rows], (1, again))[:, :side] for one in (mask, inside))
            sure = np.full(own.shape, 0.9, np.float32)
            sheet.put(own.copy(), sure, deep.copy() if rims else None)
        sheet.write()
    print(
        f"part {part}: {sheet.counted()['objects']:,} objects of {side:,} × {side:,} pixels in "
        f"{time.perf_counter() - begun:.0f} s; largest resident set {memory():.2f} GB, before "
        f"{before:.2f}"
    )


def memory() -> float:
    """The largest resident set of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("masks", type=Path, nargs="?")
    parser.add_argument("--large", type=int, metavar="SIDE")
    parser.add_argument("--part", default="none", choices=["none", "watershed", "rims"])
    given = parser.parse_args()
    if given.large:
        large(given.large, given.part)
        return
    speed()
    if given.data:
        parting(given.data, None)
    if given.masks:
        parting(given.data, given.masks)


if __name__ == "__main__":
    main()
