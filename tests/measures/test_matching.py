"""Objects found, against answers worked out by hand, brute force, pycocotools and MONAI."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from maskwright.measures.objects import (
    Detections,
    average_precision,
    components,
    detections,
    found_objects,
    overlaps,
    panoptic,
    panoptic_quality,
)

NUMBERS = st.sampled_from([0, 1, 2, 3, 7, 40_000])


def numbered(*rows: str) -> np.ndarray:
    """Rows of digits."""
    return np.array([list(map(int, row)) for row in rows], np.int32)


def everywhere(objects: np.ndarray) -> np.ndarray:
    return np.ones(objects.shape, bool)


def scene(seed: int, size: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted objects: rectangles that cover each other, predicted a bit off."""
    rng = np.random.default_rng((seed, size))
    truth, predicted = np.zeros((2, size, size), np.int32)
    for number in range(1, rng.integers(2, 9)):
        y, x = rng.integers(0, size - 4, 2)
        height, width = rng.integers(2, 9, 2)
        truth[y : y + height, x : x + width] = number
        y, x = np.maximum(np.array([y, x]) + rng.integers(-1, 2, 2), 0)
        if rng.random() < 0.8:
            predicted[y : y + height, x : x + width + rng.integers(-1, 2)] = number
    return truth, predicted


def test_corners_connect_and_numbers_begin_with_one():
    found = components(np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]], bool))
    assert found.dtype == np.int32
    assert found.tolist() == [[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 0, 3]]
    assert not components(np.zeros((3, 3), bool)).any()


def test_overlaps_by_hand_with_numbers_that_leave_gaps():
    truth, predicted = numbered("0992", "0922"), numbered("1110", "0033")
    # Row 1 is object 2, row 2 object 9; column 2 a predicted object without a pixel.
    expected = [[1, 1, 0, 0], [1, 0, 0, 2], [1, 2, 0, 0]]
    assert overlaps(truth, predicted, everywhere(truth)).tolist() == expected


def test_pixels_that_do_not_count_take_whole_objects_with_them():
    truth = predicted = numbered("1122", "1122")
    counts = np.array([[1, 0, 0, 0], [1, 1, 0, 0]], bool)
    overlap = overlaps(truth, predicted, counts)
    assert overlap.tolist() == [[0, 0, 0], [0, 3, 0]]
    assert panoptic(overlap).tolist() == [1, 1, 0, 0]  # neither missed nor invented
    found = detections(overlap, np.array([0.1, 0.2]))
    assert (found.scores.tolist(), found.hits.all(), found.objects) == ([0.1], True, 1)
    assert found_objects(truth * counts, predicted > 0).tolist() == [[3, 3]]
    assert overlaps(truth, predicted, counts & False).tolist() == [[0, 0, 0]]
    assert found_objects(0 * truth, predicted > 0).shape == (0, 2)


@settings(deadline=None)
@given(st.data())
def test_overlaps_are_those_of_counting_pair_by_pair(data):
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    truth = data.draw(hnp.arrays(np.int32, shape, elements=NUMBERS))
    predicted = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(0, 4)))
    counts = data.draw(hnp.arrays(bool, shape))
    rows = [0, *sorted(set(truth[counts].tolist()) - {0})]
    expected = [
        [((truth == t) & (predicted == p) & counts).sum() for p in range(predicted.max() + 1)]
        for t in rows
    ]
    np.testing.assert_array_equal(overlaps(truth, predicted, counts), expected)
    covered = predicted > 1
    expected = [
        [((truth == t) & counts).sum(), ((truth == t) & counts & covered).sum()] for t in rows[1:]
    ]
    found = found_objects(truth * counts, covered)
    np.testing.assert_array_equal(found, np.reshape(expected, (-1, 2)))


def test_panoptic_by_hand():
    # Object 1 (4 pixels) and predicted 1 (5) share 3: IoU 3 / 6 = 0.5 is no match. Object 2
    # (5 pixels) and predicted 2 (6) share 4: IoU 4/7. Predicted 3 is invented, object 3 missed.
    truth = numbered("111102222200", "000000000000", "300000000000")
    predicted = numbered("011100222222", "011000000000", "000000000033")
    sums = panoptic(overlaps(truth, predicted, everywhere(truth)))
    assert sums.tolist() == pytest.approx([4 / 7, 1, 2, 2])
    quality = panoptic_quality(sums)  # 1 + 2/2 + 2/2 = 3
    assert [float(part) for part in quality] == pytest.approx([4 / 21, 1 / 3, 4 / 7])


def test_qualities_keep_leading_axes_and_are_nan_without_objects():
    sums = np.array([[[0, 0, 0, 0], [0, 0, 2, 1]], [[1.5, 2, 0, 0], [0.8, 1, 1, 1]]])
    quality = panoptic_quality(sums)
    np.testing.assert_allclose(quality.panoptic, [[np.nan, 0], [0.75, 0.4]])
    np.testing.assert_allclose(quality.recognition, [[np.nan, 0], [1, 0.5]])
    np.testing.assert_allclose(quality.segmentation, [[np.nan, 0], [0.75, 0.8]])
    # Of the sums over images, not the mean over images.
    assert panoptic_quality(sums.sum(axis=0)).panoptic[1] == pytest.approx(0.8 / (1 + 1.5 + 1))


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_the_three_qualities_and_their_laws(seed):
    truth, predicted = scene(seed)
    there = panoptic(overlaps(truth, predicted, everywhere(truth)))
    back = panoptic(overlaps(predicted, truth, everywhere(truth)))
    np.testing.assert_allclose(there, back[[0, 1, 3, 2]])
    quality = panoptic_quality(there)
    assert quality.panoptic == pytest.approx(quality.recognition * quality.segmentation)
    perfect = panoptic(overlaps(truth, truth, everywhere(truth)))
    assert [float(part) for part in panoptic_quality(perfect)] == [1, 1, 1]
    mirrored = panoptic(overlaps(truth[:, ::-1], predicted[:, ::-1], everywhere(truth)))
    np.testing.assert_allclose(there, mirrored)


def discs(*places: tuple[int, int, int]) -> np.ndarray:
    """A mask bool [40, 56] of discs (row, column, radius)."""
    row, column = np.mgrid[:40, :56]
    return np.any([(row - y) ** 2 + (column - x) ** 2 <= r * r for y, x, r in places], axis=0)


def test_monai_gives_the_same():
    truth = components(discs((12, 14, 7), (26, 38, 6), (14, 40, 4)))
    predicted = components(discs((13, 16, 6), (27, 38, 6), (30, 12, 3)))
    sums = panoptic(overlaps(truth, predicted, everywhere(truth)))
    # MONAI 1.6.1 gives these: Σ IoU, TP, FP, FN, and PQ.
    assert sums.tolist() == pytest.approx([1.410935, 2, 1, 1], abs=1e-6)
    assert float(panoptic_quality(sums).panoptic) == pytest.approx(0.470311, abs=1e-6)


def hit(*thresholds: int) -> list[list[bool]]:
    """Hits at as many of the ten thresholds, for each object."""
    return [[k < count for k in range(10)] for count in thresholds]


def test_detections_by_hand():
    # Object 1, 4 pixels, and predicted 1, its first 3: IoU 0.75, a hit at 0.50 to 0.75, that is 6.
    # Object 2 and predicted 3 are equal: 10. Predicted 2 hits nothing.
    truth, predicted = numbered("11110", "00022"), numbered("11102", "00033")
    found = detections(overlaps(truth, predicted, everywhere(truth)), np.array([0.3, 0.9, 0.6]))
    assert found.hits.tolist() == hit(6, 0, 10)
    assert found.scores.tolist() == [0.3, 0.9, 0.6]
    assert found.objects == 2


def test_of_two_halves_the_one_with_the_higher_score_hits():
    truth, predicted = numbered("1111"), numbered("1122")  # both IoU 0.5, which is enough
    overlap = overlaps(truth, predicted, everywhere(truth))
    assert detections(overlap, np.array([0.4, 0.5])).hits.tolist() == hit(0, 1)
    assert detections(overlap, np.array([0.5, 0.4])).hits.tolist() == hit(1, 0)
    assert detections(overlap, np.array([0.5, 0.5])).hits.tolist() == hit(1, 0)
    both = detections(overlap.T, np.array([0.5]))  # one predicted object on two true halves
    assert (both.hits.tolist(), both.objects) == (hit(1), 2)


def test_average_precision_by_hand():
    # Two images, four true objects. In order of score: hit 1/1, miss 1/2, hit 2/3, hit 3/4. Recall
    # 1/4, 1/4, 1/2, 3/4. Precision raised to what comes later: 1, 3/4, 3/4, 3/4. Of the 101 places
    # 0.00 to 0.25 read 1 (26), 0.26 to 0.75 read 3/4 (50), the rest 0 (25).
    first = Detections(np.array([0.9, 0.2]), np.array(hit(10, 4)), 3)
    second = Detections(np.array([0.6, 0.7]), np.array(hit(4, 0)), 1)
    found = average_precision([first, second])
    np.testing.assert_allclose(found[:4], (26 + 50 * 0.75) / 101)
    np.testing.assert_allclose(found[4:], 26 / 101)


def test_average_precision_without_true_objects_is_nan_and_without_detections_zero():
    nothing = Detections(np.empty(0), np.empty((0, 10), bool), 0)
    missed, invented = nothing._replace(objects=2), Detections(np.ones(1), np.array(hit(0)), 0)
    assert np.isnan(average_precision([])).all()
    assert np.isnan(average_precision([nothing, invented])).all()
    assert average_precision([nothing, missed]).tolist() == [0] * 10
    assert average_precision([invented, missed]).tolist() == [0] * 10
    # A resample that draws only images without objects has none either.
    drawn = average_precision([invented, missed], np.array([[2, 0], [0, 2]]))
    assert np.isnan(drawn[0]).all()
    assert drawn[1].tolist() == [0] * 10


def test_scores_and_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="3 scores for 1 predicted objects; give each object one"):
        detections(np.ones((2, 2), np.int64), np.zeros(3))
    found = [Detections(np.empty(0), np.empty((0, 10), bool), 0)] * 2
    for shape in ((4, 3), (2,)):
        text = rf"weights \({shape[0]},.*\) for 2 images; give an array \[resamples, images\]"
        with pytest.raises(ValueError, match=text):
            average_precision(found, np.ones(shape, np.int64))


def scored(seed: int, images: int, ties: bool = False) -> list[tuple]:
    """Truth, prediction and the scores of the predicted objects of some images."""
    rng = np.random.default_rng((seed, 1))
    pairs = [scene(100 * seed + k) for k in range(images)]
    most = 3 if ties else 2**40
    return [(t, p, rng.integers(1, most, p.max()) / most) for t, p in pairs]


def found_in(images: list[tuple]) -> list[Detections]:
    return [detections(overlaps(t, p, everywhere(t)), scores) for t, p, scores in images]


def cocos(images: list[tuple]) -> np.ndarray:
    """Average precision at each threshold as pycocotools computes it from run-length masks."""
    true, results = [], []
    for number, (truth, predicted, scores) in enumerate(images, start=1):
        for objects, rows in ((truth, true), (predicted, results)):
            for k in np.unique(objects[objects > 0]):
                row = {"image_id": number, "category_id": 1, "id": len(rows) + 1, "iscrowd": 0}
                row["segmentation"] = rle.encode(np.asfortranarray(objects == k, np.uint8))
                row["area"] = int((objects == k).sum())
                rows.append(row | ({"score": scores[k - 1]} if rows is results else {}))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        named = [{"id": k + 1, "height": 24, "width": 24} for k in range(len(images))]
        coco.dataset = {"images": named, "annotations": true, "categories": [{"id": 1}]}
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(results), "segm")
        judge.params.maxDets = [1, 10, 1000]
        judge.evaluate()
        judge.accumulate()
    return judge.eval["precision"][:, :, 0, 0, -1].mean(axis=1)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_that_of_pycocotools(seed, ties):
    images = scored(seed, images=1 + 2 * seed, ties=ties)
    ours = average_precision(found_in(images))
    np.testing.assert_allclose(ours, cocos(images), atol=1e-12)
    assert 0 < ours[0] < 1


@settings(deadline=None)
@given(st.integers(0, 1000), st.data())
def test_weights_are_multiplicities(seed, data):
    found = found_in(scored(seed, images=4))
    weights = data.draw(hnp.arrays(np.int16, (3, 4), elements=st.integers(0, 3)))
    for row, ours in zip(weights, average_precision(found, weights), strict=True):
        again = [image for image, count in zip(found, row, strict=True) for _ in range(count)]
        np.testing.assert_allclose(ours, average_precision(again))


def test_resamples_may_be_read_in_parts(monkeypatch):
    found = found_in(scored(3, images=5))
    weights = np.random.default_rng(0).multinomial(5, [0.2] * 5, size=7)
    whole = average_precision(found, weights)
    held = 2 * sum(len(image.scores) for image in found)
    monkeypatch.setattr("maskwright.measures.objects.AT_ONCE", held)
    np.testing.assert_array_equal(average_precision(found, weights), whole)
    assert average_precision(found, weights[:0]).shape == (0, 10)


@pytest.mark.parametrize("rows", [("000", "010", "000"), ("11", "11")])
def test_an_object_of_one_pixel_and_one_that_fills_the_image(rows):
    truth = predicted = numbered(*rows)
    overlap = overlaps(truth, predicted, everywhere(truth))
    assert panoptic(overlap).tolist() == [1, 1, 0, 0]
    assert average_precision([detections(overlap, np.ones(1))]).tolist() == [1] * 10
    assert found_objects(truth, predicted > 0).tolist() == [[truth.sum()] * 2]
    missed = overlaps(truth, 0 * predicted, everywhere(truth))
    assert panoptic(missed).tolist() == [0, 0, 0, 1]


def test_a_prediction_that_misses_more_is_never_better_and_always_has_a_score():
    truth = np.zeros((30, 60), np.int32)
    for place, side in enumerate([6, 5, 4, 3, 1]):
        truth[10 : 10 + side, 3 + 11 * place : 3 + 11 * place + side] = place + 1
    rows = []
    for count in (5, 4, 3, 2, 1, 0):
        predicted = np.where(truth <= count, truth, 0)
        overlap = overlaps(truth, predicted, everywhere(truth))
        precision = average_precision([detections(overlap, np.linspace(1, 0.5, count))])
        area, covered = found_objects(truth, predicted > 0).T
        quality = panoptic_quality(panoptic(overlap))
        assert quality.segmentation == (count > 0)  # never NaN
        rows.append([quality.panoptic, quality.recognition, *precision, (covered == area).mean()])
    assert rows[0] == [1] * 13
    assert rows[-1] == [0] * 13
    assert (np.diff(np.array(rows), axis=0) < 0).all()
