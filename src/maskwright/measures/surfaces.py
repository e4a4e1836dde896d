"""How well contours agree: Boundary IoU, surface Dice, boundary F1 and the Hausdorff distance.

Each function of an image gives numbers that are added over images (or over the images of a
bootstrap resample) before a score is formed from their sums.

Conventions: pixels whose true class is 255 (ignore) count nowhere, whatever is predicted there, and
an edge towards one is no contour. Distances are Euclidean, between pixel centres, in pixels. A
missed class, or one that is predicted where it is not, has the worst score, never none: left out,
it would improve the mean (Project-MONAI/MONAI issue 9095). A class on neither side has no score.

Where ignored pixels hide the whole contour of a class, as the bands around the objects of Pascal
VOC may, and the class is found, these scores but Boundary IoU, whose regions reach across a narrow
band, have no value: where the contour lies is not known.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from maskwright.data.counting import occurrences
from maskwright.data.labels import IGNORE
from maskwright.measures.confusion import check_masks, ratio

BOUNDARY_WIDTH = 0.02  # of the image's diagonal: the default of Boundary IoU's authors
F1_TOLERANCE = 0.0075  # of the image's diagonal: that of Csurka et al.
PERCENTILE = 95  # of the Hausdorff distance
# A single k-d tree, whose answers are exact: FLANN_INDEX_KDTREE_SINGLE.
TREE: dict[str, bool | int | float | str] = {"algorithm": 4, "leaf_max_size": 20}
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


class Surfaces(NamedTuple):
    """What one image says about the contours of each class, float64; those of images add.

    near [C, 4]: contour pixels of the prediction within the tolerance of the truth's contour, all
    of the prediction's; those of the truth within it of the prediction's, all of the truth's.
    contour_f1 [C, 2]: the image's boundary F1 in 0–1, and 1 if it has one (else 0, 0).
    hausdorff [C, 2]: the image's HD95 in pixels, and 1 if it has one (else 0, 0).
    missed [C, 2]: 1 if the class is in the truth only; 1 if it is in the prediction only.
    """

    near: np.ndarray
    contour_f1: np.ndarray
    hausdorff: np.ndarray
    missed: np.ndarray


def boundary_overlap(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Pixels in both boundary regions of a class and in either, int64 [C, 2].

    truth and predicted: class indices uint8 [H, W]. A class's boundary region are its pixels at
    most d = max(1, round(2 % of the image's diagonal)) pixels, in rows and in columns, from a pixel
    of another class or from the outside of the image. That is what is left of the class after d
    erosions of 3×3, of a mask padded with 0, are taken away: `mask_to_boundary` in
    boundary_utils.py of the authors' boundary-iou-api (Cheng et al., CVPR 2021). Ignored pixels
    are nobody's: they make no boundary and lie in none. 255 in the prediction alone is a miss.

    >>> truth = np.zeros((3, 4), np.uint8)  # diagonal 5, so d = 1
    >>> truth[:, 2:] = 1  # only a pixel with all its eight neighbours in its class is no boundary
    >>> boundary_overlap(truth, np.zeros_like(truth), classes=2)  # all but the two in the middle
    array([[ 5, 11],
           [ 0,  6]])
    """
    truth, predicted = _counted(truth, predicted)
    reach = max(1, round(BOUNDARY_WIDTH * math.hypot(*truth.shape)))
    there, here = _boundary_region(truth, reach), _boundary_region(predicted, reach)
    sides = _only(truth, there), _only(predicted, here)
    alike = _only(sides[0], sides[0] == sides[1])
    true, found, both = (occurrences([mask], [classes]) for mask in (*sides, alike))
    return np.stack([both, true + found - both], axis=-1)


def boundary_iou(sums: np.ndarray) -> np.ndarray:
    """Boundary IoU float64 [..., C] in 0–1 of the sums of `boundary_overlap` [..., C, 2].

    |(G_d ∩ G) ∩ (P_d ∩ P)| / |(G_d ∩ G) ∪ (P_d ∩ P)| (Cheng et al., CVPR 2021), here over the
    pixels of all images; NaN for a class without any boundary.

    >>> boundary_iou(np.array([[8, 12], [0, 5], [0, 0]])).round(3).tolist()
    [0.667, 0.0, nan]
    """
    return ratio(sums[..., 0], sums[..., 1])


def surface_counts(
    truth: np.ndarray, predicted: np.ndarray, classes: int, tolerance: float
) -> Surfaces:
    """Near contour pixels, boundary F1, HD95 and missed classes of one image, as `Surfaces`.

    truth and predicted: class indices uint8 [H, W]; tolerance: pixels, at least 0, of `near` alone.
    The contour of a class are its pixels with a neighbour above, below, left or right, inside the
    image, of another class; the image's border is no contour.

    - near: a distance of exactly the tolerance is near (Nikolov et al., J Med Internet Res 2021;
      `compute_surface_dice_at_tolerance` of their surface-distance, which weighs by length).
    - contour_f1: 2 P R / (P + R), P and R the shares of the two contours closer to the other than
      0.75 % of the image's diagonal (Csurka et al., BMVC 2013).
    - hausdorff: of both directions the larger 95th percentile of the distances, linear between
      two of them, as in NumPy and MONAI.

    A class, or its contour, on one side only: contour_f1 0, hausdorff the image's diagonal, which
    no distance inside the image reaches. A class on both sides without a contour on either (it
    fills the image), or with none in the truth where pixels are ignored (it is hidden): no value.

    >>> truth = np.zeros((2, 8), np.uint8)
    >>> truth[:, 4:] = 1
    >>> found = surface_counts(truth, np.roll(truth, 1, axis=1), classes=3, tolerance=1)
    >>> found.near[1], found.hausdorff[1]  # contour: columns 0 and 5 against column 4
    (array([2., 4., 2., 2.]), array([4., 1.]))
    """
    truth, predicted = _counted(truth, predicted)
    occurs = np.stack([occurrences([side], [classes]) > 0 for side in (truth, predicted)], 1)
    sums = Surfaces(*(np.zeros((classes, k)) for k in (4, 2, 2, 2)))
    sums.missed[:] = occurs & ~occurs[:, ::-1]
    there, here = _Contours.of(truth), _Contours.of(predicted)
    diagonal = math.hypot(*truth.shape)
    hides = bool((truth == IGNORE).any())
    for k in np.flatnonzero(occurs.any(axis=1)).tolist():
        true, guess = there.points(k), here.points(k)
        if hides and not len(true) and occurs[k].all():
            continue
        away, back = _nearest(guess, true), _nearest(true, guess)
        sums.near[k] = (away <= tolerance).sum(), len(away), (back <= tolerance).sum(), len(back)
        if len(true) and len(guess):
            sums.contour_f1[k] = _f1(away, back, F1_TOLERANCE * diagonal), 1
            sums.hausdorff[k] = max(_percentile(away), _percentile(back)), 1
        elif len(true) or len(guess) or sums.missed[k].any():
            sums.contour_f1[k] = 0, 1
            sums.hausdorff[k] = diagonal, 1
    return sums


def surface_dice(near: np.ndarray) -> np.ndarray:
    """Surface Dice float64 [..., C] in 0–1 of the sums of `Surfaces.near` [..., C, 4].

    Also called normalised surface distance, NSD: the share of the contour pixels of both sides
    that are near the other (Nikolov et al., J Med Internet Res 2021), here of all images; NaN for
    a class without any contour.

    >>> surface_dice(np.array([[2, 6, 2, 2], [0, 0, 0, 5], [0, 0, 0, 0]])).tolist()
    [0.5, 0.0, nan]
    """
    return ratio(near[..., 0] + near[..., 2], near[..., 1] + near[..., 3])


def mean_of(sums: np.ndarray) -> np.ndarray:
    """Mean float64 [...] of sums [..., 2] of values and of how many there are; NaN of none.

    >>> mean_of(np.array([[3.0, 2], [0, 0]])).tolist()
    [1.5, nan]
    """
    return ratio(sums[..., 0], sums[..., 1])


class _Contours(NamedTuple):
    """The contour pixels of all classes: row and column float32 [N, 2], and class uint8 [N]."""

    places: np.ndarray
    classes: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray) -> _Contours:
        contour = np.flatnonzero(_beside_another(mask, CROSS))  # ten times as fast as argwhere
        places = np.stack(np.unravel_index(contour, mask.shape), axis=1).astype(np.float32)
        return cls(places, mask.ravel()[contour])

    def points(self, k: int) -> np.ndarray:
        return self.places[self.classes == k]


def _counted(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both masks, with what is ignored in the truth ignored in the prediction too."""
    check_masks(truth, predicted)
    counts = truth != IGNORE
    return truth, predicted if counts.all() else _only(predicted, counts)


def _only(mask: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The mask uint8 [H, W] where bool [H, W] says so, elsewhere 255, ignored."""
    return np.maximum(mask, ~kept * np.uint8(IGNORE))  # a third of the time of ``where``


def _beside_another(mask: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Pixels under whose kernel, inside the image, lies another class, bool [H, W].

    One pass for all classes: another class is there where the least of the classes is not the
    largest. Ignored pixels become what is neither, 255 and then 0; what is said of them themselves
    means nothing.
    """
    ignored = mask == IGNORE
    known = np.where(ignored, 0, mask) if ignored.any() else mask
    beside: np.ndarray = cv2.erode(mask, kernel) != cv2.dilate(known, kernel)
    return beside


def _boundary_region(mask: np.ndarray, reach: int) -> np.ndarray:
    """Pixels at most reach from another class or from the outside of the image, bool [H, W]."""
    border = np.ones(mask.shape, bool)
    border[reach:-reach, reach:-reach] = False
    if (mask == IGNORE).any():  # of which none may lie on the way
        return border | _beside_another(mask, _square(reach))
    # On the way to another class a pixel beside one is met, at most reach - 1 away: half the time.
    beside = _beside_another(mask, _square(1)).view(np.uint8)
    return border | cv2.dilate(beside, _square(reach - 1)).view(bool)


def _square(reach: int) -> np.ndarray:
    """A window that reaches so many pixels to each side, uint8 [2 reach + 1, 2 reach + 1]."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _nearest(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Distance of each start float32 [N, 2] to the nearest goal [M, 2], float64 [N]; inf without
    goals."""
    if not (len(start) and len(goal)):
        return np.full(len(start), np.inf)
    squares = cv2.flann.Index(goal, TREE).knnSearch(start, 1)[1][:, 0]  # exact to 4,096 pixels
    return np.sqrt(squares, dtype=np.float64)


def _percentile(values: np.ndarray) -> float:
    """The percentile of values [N], linear between two of them; a tenth of NumPy's time."""
    place = (len(values) - 1) * PERCENTILE / 100
    below, above = math.floor(place), math.ceil(place)
    low, high = np.partition(values, (below, above))[[below, above]]
    return float(low + (high - low) * (place - below))


def _f1(away: np.ndarray, back: np.ndarray, tolerance: float) -> float:
    precision, recall = (away < tolerance).mean(), (back < tolerance).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
