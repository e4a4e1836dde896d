"""What is counted in one image: arrays that add up, from which all scores are formed later.

Scores of a set are those of the sums over its images, and so are the scores of a resampled set:
nothing has to be predicted again for an interval or a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from maskwright.data.labels import IGNORE, ClassTable
from maskwright.measures.certainty import (
    Counted,
    chances,
    coarse,
    confidences,
    penalties,
    tempered,
)
from maskwright.measures.confusion import Scores, class_counts, confusion
from maskwright.measures.objects import (
    Detections,
    components,
    detections,
    found_objects,
    overlaps,
    panoptic,
)
from maskwright.measures.parting import parted
from maskwright.measures.surfaces import boundary_overlap, surface_counts
from maskwright.predictor import most_likely
from maskwright.shapes.objects import LEAST, numbered
from maskwright.validate import Predicted

SIZES = 32  # steps of an object's area, each twice the one before: 1, 2 to 3, 4 to 7, … pixels
EVERY = 4  # of rows and columns, are looked at for the calibration before the temperature


class Limits(NamedTuple):
    """In pixels: how far an outline may be off and is near all the same (surface Dice), and the
    area of the smallest predicted piece that is an object, which is that of ``predict``."""

    tolerance: float = 2.0
    least_area: int = LEAST


USUAL = Limits()


@dataclass(frozen=True)
class Tally:
    """Counts of one image, or their sums.

    ``each`` (kept for every image): classes [C, 3] pixels right, true, predicted; boundary [C, 2],
    near [C, 4], contour_f1, hausdorff and missed [C, 2] as in ``measures.surfaces``; binned
    [15, 3] and penalties [3] as in ``measures.certainty``; and, where the masks number their
    objects, panoptic [4]. ``stacked`` adds by_image [C, 4, 2], sums and numbers of the image's own
    IoU, Dice, precision and recall.

    ``fine`` (only ever summed): confusion [C, C]; confidences [300, 3]; before [15, 3], the same
    in bins without the temperature, of a part of the pixels; chances [C, 100, 2]; sizes
    [C, 32, 2], objects by area, and those of which half or more was found; and, where the masks
    number their objects, dropped, how many predicted pieces are too small to be any.
    """

    each: dict[str, np.ndarray]
    fine: dict[str, np.ndarray]
    detections: Detections | None = None


def tally(
    one: Predicted, table: ClassTable, temperature: float = 1.0, limits: Limits = USUAL
) -> Tally:
    """Count in one predicted image, by the limits of what is near and what is an object."""
    classes, mask = len(table), most_likely(one.probabilities)
    matrix = confusion(one.truth, mask, classes)
    counted = Counted.of(one.truth, one.probabilities)
    fine = confidences(counted)
    surfaces = surface_counts(one.truth, mask, classes, limits.tolerance)
    each = {
        "classes": class_counts(matrix),
        "boundary": boundary_overlap(one.truth, mask, classes),
        "near": surfaces.near,
        "contour_f1": surfaces.contour_f1,
        "hausdorff": surfaces.hausdorff,
        "missed": surfaces.missed,
        "binned": coarse(fine),
        "penalties": penalties(counted),
    }
    objects = true_objects(one, table)
    rest = {
        "confusion": matrix,
        "confidences": fine,
        "before": before(one, temperature),
        "chances": chances(counted),
        "sizes": sizes(objects, mask, classes),
    }
    found = None
    if table.encoding == "instances":
        pieces, rest["dropped"] = objects_in_mask(one, mask, limits.least_area)
        each["panoptic"], found = of_objects(one, objects[1], pieces)
    return Tally(each, rest, found)


def before(one: Predicted, temperature: float) -> np.ndarray:
    """Bins of the confidences that the network has by itself, of every fourth row and column."""
    counted = Counted.of(one.truth[::EVERY, ::EVERY], one.probabilities[::EVERY, ::EVERY])
    if temperature != 1:
        counted = Counted(counted.truth, tempered(counted.probabilities, 1 / temperature))
    return coarse(confidences(counted))


def true_objects(one: Predicted, table: ClassTable) -> dict[int, np.ndarray]:
    """The numbered objects int32 [H, W] of each class that is no ground; of no number, pieces.

    Where masks do not number their objects, what hangs together is one.
    """
    if table.encoding == "instances":
        return {1: np.where(one.truth == 1, table.values_of(one.raw), 0).astype(np.int32)}
    wanted = [k for k in range(len(table)) if k not in table.ground]
    return {k: components(one.truth == k) for k in wanted if (one.truth == k).any()}


def objects_in_mask(one: Predicted, mask: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbered objects int32 [H, W] of the mask, and how many pieces were too small: int64 [].

    They are its connected pieces, parted by their rims where the predictor knows these.
    """
    pieces = components(mask == 1) if one.inside is None else parted(mask == 1, one.inside)
    objects, dropped = numbered(pieces, least)
    return objects, np.array(dropped)


def of_objects(
    one: Predicted, true: np.ndarray, found: np.ndarray
) -> tuple[np.ndarray, Detections]:
    """How the predicted objects match the true ones, numbers int32 [H, W]; each scores its mean
    chance."""
    overlap = overlaps(true, found, one.truth != IGNORE)
    areas = np.bincount(found.ravel())
    sums = np.bincount(found.ravel(), one.probabilities[..., 1].ravel())
    return panoptic(overlap), detections(overlap, (sums / np.maximum(1, areas))[1:])


def sizes(objects: dict[int, np.ndarray], mask: np.ndarray, classes: int) -> np.ndarray:
    """Objects by area, and those of which at least half was found: int64 [C, SIZES, 2]."""
    counts = np.zeros((classes, SIZES, 2), np.int64)
    for k, numbers in objects.items():
        areas, found = found_objects(numbers, mask == k).T
        step = np.minimum(np.log2(np.maximum(1, areas)).astype(np.intp), SIZES - 1)
        counts[k, :, 0] = np.bincount(step, minlength=SIZES)
        counts[k, :, 1] = np.bincount(step[2 * found >= areas], minlength=SIZES)
    return counts


def stacked(each: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What is kept of every image, along a new first axis, and the images' own scores."""
    found = {key: np.stack([one[key] for one in each]) for key in each[0]}
    return found | {"by_image": by_image(found["classes"])}


def by_image(counts: np.ndarray) -> np.ndarray:
    """IoU, Dice, precision and recall of the counts of each image [N, C, 3], and 1 where there is
    one: [N, C, 4, 2]."""
    scores = Scores.of_counts(counts)
    values = np.stack([scores.iou, scores.dice, scores.precision, scores.recall], axis=-1)
    return np.stack([np.nan_to_num(values), ~np.isnan(values)], axis=-1)


def total(each: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The sums over images of what is ``stacked``."""
    return {key: values.sum(axis=0) for key, values in each.items()}
