"""How well objects are found: panoptic quality, average precision and recall by object.

An object is a set of pixels with a number from 1 on; 0 is no object, and objects of one side never
overlap. `counts` bool [H, W] is False where pixels are to be ignored: they count nowhere, and an
object that has no other pixels does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from maskwright.measures.confusion import ratio

THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of the IoU of a hit, and
RECALLS = np.linspace(0, 1, 101)  # where precision is read: COCO's own floats, ties included
AT_ONCE = 4_000_000  # detections times resamples in memory


class Quality(NamedTuple):
    """Panoptic, recognition and segmentation quality, each float64 [...] in 0–1."""

    panoptic: np.ndarray
    recognition: np.ndarray
    segmentation: np.ndarray


class Detections(NamedTuple):
    """The predicted objects of one image, P of them, and how many true ones there are.

    scores: float64 [P], any unit, a higher one is surer. hits: bool [P, 10], whether the object
    found a true one, at each IoU threshold 0.50, 0.55, … 0.95.
    """

    scores: np.ndarray
    hits: np.ndarray
    objects: int


def components(mask: np.ndarray) -> np.ndarray:
    """Number of the 8-connected component of each pixel of mask bool [H, W], int32; 0 elsewhere.

    >>> components(np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool))
    array([[1, 0, 0, 2],
           [0, 1, 0, 2]], dtype=int32)
    """
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)[1]


def overlaps(truth: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pixels that each true object (row) and each predicted one (column) share, int64 [T+1, P+1].

    truth and predicted: object numbers int32 [H, W]; row and column 0 are no object. True objects
    may have any numbers above 0: row t is the t-th of those that occur, in rising order. Column p
    is the predicted object p, with zeros for a number that does not occur.

    >>> overlaps(np.array([[0, 7, 7]]), np.array([[1, 1, 2]]), np.ones((1, 3), bool))
    array([[0, 1, 0],
           [0, 1, 1]])
    """
    rows, height = _rows(truth[counts])
    width = int(predicted.max(initial=0)) + 1
    places = rows * width + predicted[counts]
    return np.bincount(places, minlength=height * width).reshape(height, width)


def panoptic(overlap: np.ndarray) -> np.ndarray:
    """Sum of the IoU of matches, matches, false positives and false negatives, float64 [4].

    overlap: int64 [T+1, P+1] of `overlaps`. A true and a predicted object match where their IoU is
    above 0.5, which leaves each at most one partner (Kirillov et al., CVPR 2019, section 4.1).
    Of their rules for void pixels the first holds (such pixels are in no object), the second only
    where an object is wholly void: then it is no false positive.

    >>> panoptic(np.array([[90, 1, 6], [1, 9, 0], [5, 0, 0]])).round(3).tolist()
    [0.818, 1.0, 1.0, 1.0]
    """
    iou, true, predicted = _ious(overlap)
    match = iou > 0.5
    hits = np.count_nonzero(match)
    missed, invented = np.count_nonzero(true) - hits, np.count_nonzero(predicted) - hits
    return np.array([iou[match].sum(), hits, invented, missed], np.float64)


def panoptic_quality(sums: np.ndarray) -> Quality:
    """The three qualities of the sums of `panoptic` [..., 4] over images.

    PQ = Σ IoU / (TP + FP/2 + FN/2) (Kirillov et al., CVPR 2019, eq. 1), the product of recognition
    quality RQ = TP / (TP + FP/2 + FN/2) and segmentation quality SQ = Σ IoU / TP (eq. 2). All are
    NaN where there is no object on either side; where there is no match all are 0, SQ as well, as
    in the authors' panopticapi.

    >>> [float(q) for q in panoptic_quality(np.array([1.5, 2, 1, 1]))]
    [0.5, 0.6666666666666666, 0.75]
    """
    matches = sums[..., 1]
    every = matches + sums[..., 2] / 2 + sums[..., 3] / 2
    segmentation = np.where((matches == 0) & (every > 0), 0.0, ratio(sums[..., 0], matches))
    return Quality(ratio(sums[..., 0], every), ratio(matches, every), segmentation)


def detections(overlap: np.ndarray, scores: np.ndarray) -> Detections:
    """Which predicted objects of an image hit a true one, by COCO's greedy matching.

    overlap: int64 [T+1, P+1] of `overlaps`; scores: [P], of the predicted objects 1 to P. In
    falling order of score (equal ones in order of number) each takes a true object that is not yet
    taken and whose IoU with it is at least the threshold (`evaluateImg` of pycocotools; Lin et al.,
    ECCV 2014). Unlike there, an image may have more than 100 predicted objects. One without a pixel
    that counts is left out.

    >>> detections(np.array([[0, 0, 1], [0, 8, 2]]), np.array([0.4, 0.9])).hits.sum(axis=1)
    array([7, 0])
    """
    iou, true, predicted = _ious(overlap)
    if len(scores) != len(predicted):
        raise ValueError(
            f"{len(scores)} scores for {len(predicted)} predicted objects; give each object one"
        )
    hits = np.zeros((len(predicted), len(THRESHOLDS)), bool)
    free = np.ones((len(true), len(THRESHOLDS)), bool)
    order = np.argsort(-scores, kind="stable")
    for p in order[(iou >= THRESHOLDS[0]).any(axis=0)[order]]:
        fits = free & (iou[:, p, None] >= THRESHOLDS)
        hits[p] = fits.any(axis=0)
        # Two fit only if p is just these two together; then no other predicted object can want one.
        free &= ~fits
    there = predicted > 0
    return Detections(scores[there].astype(np.float64), hits[there], int((true > 0).sum()))


def average_precision(found: Sequence[Detections], weights: np.ndarray | None = None) -> np.ndarray:
    """COCO's average precision of one class over n images, at each IoU threshold, float64 [10].

    With weights, int [B, n], the multiplicity of each image in each of B bootstrap resamples:
    float64 [B, 10]. Along all detections in falling order of score (equal ones in order of image)
    precision TP / (TP + FP), raised to the highest at the same or more recall, is read at recall
    0.00, 0.01, … 1.00, 0 beyond the last, and averaged (`accumulate` of pycocotools). NaN without
    true objects.

    >>> one = Detections(np.array([0.9, 0.8]), np.array([[False] * 10, [True] * 10]), objects=1)
    >>> average_precision([one])[:2]
    array([0.5, 0.5])
    """
    if weights is None:
        return average_precision(found, np.ones((1, len(found)), np.int64))[0]
    if weights.ndim != 2 or weights.shape[1] != len(found):
        raise ValueError(
            f"weights {weights.shape} for {len(found)} images; give an array [resamples, images]"
        )
    scores = np.concatenate([np.empty(0), *(image.scores for image in found)])
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([np.empty((0, len(THRESHOLDS)), bool), *(i.hits for i in found)])[order]
    image = np.repeat(np.arange(len(found)), [len(i.scores) for i in found])[order]
    objects = weights @ np.array([i.objects for i in found], np.int64)
    result = np.empty((len(weights), len(THRESHOLDS)))
    rows = max(1, AT_ONCE // max(1, len(order)))
    for part in (slice(start, start + rows) for start in range(0, len(weights), rows)):
        result[part] = _read(weights[part, image], hits, objects[part])
    result[objects == 0] = np.nan
    return result


def found_objects(truth_objects: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Area of every true object and how much of it the prediction covers, pixels, int64 [T, 2].

    truth_objects: any object numbers, int32 [H, W], 0 where pixels are to be ignored; predicted:
    bool [H, W], the pixels of the objects' class. In order of number.

    >>> found_objects(np.array([[0, 7, 7]]), np.array([[1, 1, 0]], bool))
    array([[2, 1]])
    """
    starts, lengths = _stretches(truth_objects, predicted)
    rows, height = _rows(truth_objects.ravel()[starts])
    area = np.bincount(rows, lengths, height)
    covered = np.bincount(rows, lengths * predicted.ravel()[starts], height)
    return np.stack([area, covered], axis=-1)[1:].astype(np.int64)


def _stretches(*parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where stretches of pixels begin in which none of the parts [H, W] changes, row after row, and
    how long they are, int64 [n] both; there are few of them where objects are large."""
    changes = np.zeros(parts[0].size - 1, bool)
    for part in parts:
        line = part.ravel()
        changes |= line[1:] != line[:-1]
    starts = np.append(0, np.flatnonzero(changes) + 1)
    return starts, np.diff(starts, append=parts[0].size)


def _rows(objects: np.ndarray) -> tuple[np.ndarray, int]:
    """The row intp [N] of each object number [N], 0 for no object, and how many rows there are."""
    if objects.max(initial=0) <= 4 * objects.size:  # a table of all numbers is faster than sorting
        row = np.cumsum(np.bincount(objects)[1:] > 0)
        return np.concatenate([[0], row])[objects], int(row[-1] if len(row) else 0) + 1
    numbers = np.unique(objects)
    numbers = numbers[numbers > 0]
    return np.searchsorted(numbers, objects, side="right"), len(numbers) + 1


def _ious(overlap: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """IoU of each true with each predicted object [T, P], areas of the true [T], predicted [P]."""
    true, predicted = overlap.sum(axis=1)[1:], overlap.sum(axis=0)[1:]
    shared = overlap[1:, 1:]
    return shared / np.maximum(true[:, None] + predicted - shared, 1), true, predicted


def _read(copies: np.ndarray, hits: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Mean precision [B, 10] of detections that occur copies [B, N] times, hits [N, 10]."""
    seen = copies.cumsum(axis=1)
    result = np.empty((len(copies), hits.shape[1]))
    for k, hit in enumerate(hits.T):
        true = copies[:, hit].cumsum(axis=1)
        precision = true / np.maximum(seen[:, hit], 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        best = np.pad(best, [(0, 0), (0, 1)])
        recall = true / np.maximum(objects, 1)[:, None]
        places = [np.searchsorted(row, RECALLS) for row in recall]
        result[:, k] = np.take_along_axis(best, np.array(places), axis=1).mean(axis=1)
    return result
