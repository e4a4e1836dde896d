"""A mask -> its objects, each with what can be measured of it.

Coordinates are (x, y) in pixels from the upper left corner of the image: the pixel in row r and
column c covers [c, c + 1] × [r, r + 1], so the first pixel's centre is (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskwright.data.ingest.extras import import_needed
from maskwright.data.labels import IGNORE, ClassTable
from maskwright.data.rims import apart
from maskwright.errors import DataError, UsageError, nearest, some
from maskwright.predictor import Predictor, certainty, most_likely

if TYPE_CHECKING:
    from shapely import Geometry

LEAST = 10  # pixels of the smallest object that is kept
TOLERANCE = 0.25  # pixels; the largest at which GDAL, pycocotools and Label Studio give masks back
PARTS = ("none", "boundary", "watershed")
BOUNDARIES = ("boundary", "border", "contour", "outline")  # names of a class that parts objects


@dataclass(frozen=True)
class Object:
    """One object of an image, and its number in it.

    ``area`` is in pixels, holes left out; ``box`` is (x, y, width, height); ``perimeter``, in
    pixels, is Crofton's of four directions, round holes too; ``confidence`` the mean probability
    of its pixels' class, None where none is known; ``at_border`` says that it touches the image's
    border, so that it may go on beyond it.
    """

    number: int
    class_index: int
    name: str
    area: int
    box: tuple[int, int, int, int]
    centroid: tuple[float, float]
    perimeter: float
    confidence: float | None
    at_border: bool


@dataclass(frozen=True)
class Objects:
    """The objects of an image: ``labels`` int32 [H, W] has each one's number, 0 elsewhere.

    ``dropped`` is how many pieces were too small to be any.
    Of an image that is looked at in parts (search.py) they are those of a part: ``labels`` are its
    rows from ``top`` on, with the numbers less ``before``, how many objects earlier parts had.
    Numbers above ``len(rows)`` are neighbours that belong to other parts.
    """

    labels: np.ndarray
    rows: tuple[Object, ...]
    dropped: int = 0
    top: int = 0
    before: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Object]:
        return iter(self.rows)

    def polygons(self, tolerance: float = TOLERANCE) -> list[Geometry]:
        """A shapely Polygon or MultiPolygon for each object, in their order, valid, with holes.

        ``tolerance``, in pixels: how far points may be moved to leave some out. At 0 polygons
        follow the edges of pixels. Up to 0.35 every pixel's centre stays on its side.
        """
        if not tolerance >= 0:
            raise UsageError(f"a tolerance is 0 pixels or more, not {tolerance:g}")
        import_needed("shapely", "shapes", "drawing polygons")
        from maskwright.shapes.outlines import polygons

        return list(polygons(self.labels, tolerance, self.top)[: len(self)])

    def pixels(self, one: Object) -> np.ndarray:
        """Which pixels of its box are the object's, bool [height, width]."""
        x, y, width, height = one.box
        row = y - self.top
        return self.labels[row : row + height, x : x + width] == one.number - self.before


def find_objects(
    mask: np.ndarray,
    table: ClassTable,
    confidence: np.ndarray | None = None,
    *,
    least: int = LEAST,
    part: str | None = None,
    boundary: str | None = None,
    inside: np.ndarray | None = None,
) -> Objects:
    """The objects of mask uint8 [H, W], class indices: its connected pieces of ``least`` pixels
    or more, numbered from 1 on in the order in which one reads. Ground and 255 are none.

    ``confidence`` float32 [H, W] is the probability of each pixel's class. ``part`` says how
    objects that touch are parted: "none", "boundary" (a class, called so or named by
    ``boundary``, lies between them; its pixels go to the nearest) or "watershed" (at their
    waists). Without it, "boundary" where there is such a class, else "none".

    ``inside`` float32 [H, W] is the probability of being inside of an object, not on its rim, where
    a run has learnt that: then it is what "boundary" means.
    """
    if mask.ndim != 2 or mask.dtype != np.uint8 or not mask.size:
        raise DataError(
            f"a mask must be uint8 [height, width], got {mask.dtype} {mask.shape}; "
            "give class indices"
        )
    if confidence is not None and confidence.shape != mask.shape:
        raise DataError(
            f"confidence {confidence.shape} for a mask {mask.shape}; give each pixel one number"
        )
    unknown = np.setdiff1d(np.flatnonzero(np.bincount(mask.ravel())), [*range(len(table)), IGNORE])
    if len(unknown):
        raise DataError(
            f"the mask holds class {some(unknown.tolist())}, but the class table has 0 to "
            f"{len(table) - 1}; decode it first, by the table that it was drawn with"
        )
    part, rim = parting(table, part, boundary, rims=inside is not None)
    import_needed("skimage", "shapes", "finding objects")
    from maskwright.shapes.parting import told_apart

    labels = told_apart(mask, [*table.ground, IGNORE], part, rim, inside)
    labels, dropped = numbered(labels, least)
    return Objects(labels, tuple(measured(labels, mask, rim, table, confidence)), dropped)


def predicted_objects(
    predictor: Predictor, image: np.ndarray | str | Path, **options: Any
) -> Objects:
    """The objects of image uint8 [H, W, C] or an image file as ``predict`` finds them: with their
    confidence, and where the predictor knows rims (a run's ``parter``) parted by these.

    ``options`` are those of ``find_objects``.
    """
    pixels = image if isinstance(image, np.ndarray) else predictor.read(image)
    scores, inside = apart(predictor.probabilities(pixels), len(predictor.table))
    mask = most_likely(scores)
    sure = certainty(mask, scores)
    return find_objects(mask, predictor.table, sure, inside=inside, **options)


def parting(
    table: ClassTable, part: str | None, boundary: str | None, *, rims: bool = False
) -> tuple[str, int]:
    """How objects are parted, and the class that lies between them, -1 for none.

    ``rims`` says that it is known of all pixels how probably they lie inside of an object.
    """
    if part not in (*PARTS, None):
        raise UsageError(f"objects are not parted by {part}: {nearest(str(part), PARTS)}")
    if boundary is not None and boundary not in table.names:
        raise UsageError(f"no class called {boundary}: {nearest(boundary, table.names)}")
    if boundary is not None and part in ("none", "watershed"):
        raise UsageError(
            f"objects are parted by {part}, not by the class {boundary}; ask for one of the two"
        )
    if rims and boundary is None:
        return part or "boundary", -1
    named = [name for name in table.names if name.lower() in BOUNDARIES]
    name = boundary or (named[0] if named else None)
    if part == "boundary" and name is None:
        raise UsageError(
            f"no class is called {', '.join(BOUNDARIES[:-1])} or {BOUNDARIES[-1]}; name the one "
            f"that lies between objects, of {', '.join(table.names)}"
        )
    if part in ("none", "watershed") or name is None:
        return part or "none", -1
    return "boundary", table.names.index(name)


def numbered(
    labels: np.ndarray, least: int, own: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """Labels int32 [H, W] with those of fewer than ``least`` pixels dropped, and the others
    numbered from 1 on by their first pixels in reading order; and how many were dropped.

    Where not all are one's ``own`` in bool [H, W], the others are kept and have the numbers after.

    >>> labels, dropped = numbered(np.array([[7, 7, 0, 3], [9, 0, 0, 3]]), 2)
    >>> labels.tolist(), dropped
    ([[1, 1, 0, 2], [0, 0, 0, 2]], 1)
    """
    count, first = np.bincount(labels.ravel()), first_pixels(labels)
    there = first < labels.size
    ours = there.copy()
    if own is not None:
        ours[there] = own.ravel()[first[there]]
    kept = np.flatnonzero(ours & (count >= least))
    dropped = int(ours.sum()) - len(kept)
    kept = np.concatenate([kept[np.argsort(first[kept])], np.flatnonzero(there & ~ours)])
    number = np.zeros(len(count), np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[labels], dropped


def first_pixels(labels: np.ndarray) -> np.ndarray:
    """The place int64 [n + 1] of the first pixel of each number of labels [H, W] up to the highest,
    as one reads; the number of pixels where it has none, and for 0.

    >>> first_pixels(np.array([[0, 3], [1, 3]])).tolist()
    [4, 2, 4, 1]
    """
    flat = labels.ravel()
    place = np.flatnonzero(flat)[::-1]
    first = np.full(int(flat.max(initial=0)) + 1, flat.size)
    first[flat[place]] = place  # of several the last one written, which is the first pixel
    return first


def measured(
    labels: np.ndarray,
    mask: np.ndarray,
    rim: int,
    table: ClassTable,
    confidence: np.ndarray | None,
) -> Iterator[Object]:
    """The objects 1 to n of labels int32 [H, W], measured; their classes are in mask uint8 [H, W],
    but for pixels of the class ``rim`` that went to them."""
    from skimage.measure import regionprops_table

    own = (labels > 0) & (mask != rim)
    classes = np.zeros(int(labels.max()) + 1, np.uint8)
    classes[labels[own]] = mask[own]
    wanted = ["label", "area", "bbox", "centroid", "perimeter_crofton"]
    if confidence is not None:
        wanted.append("intensity_mean")
    height, width = labels.shape
    found = regionprops_table(labels, confidence, properties=wanted)
    columns = {key: values.tolist() for key, values in found.items()}
    sure = columns.get("intensity_mean", [None] * len(classes))
    for k, number in enumerate(columns["label"]):
        top, left, bottom, right = (columns[f"bbox-{axis}"][k] for axis in range(4))
        index = int(classes[number])
        yield Object(
            number,
            index,
            table.names[index],
            round(columns["area"][k]),
            (left, top, right - left, bottom - top),
            (columns["centroid-1"][k] + 0.5, columns["centroid-0"][k] + 0.5),
            columns["perimeter_crofton"][k],
            sure[k],
            top == 0 or left == 0 or bottom == height or right == width,
        )
