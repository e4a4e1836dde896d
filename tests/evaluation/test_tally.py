"""What is counted in an image, and what a worse model does to every measure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwright.data.images import RawMask
from maskwright.data.labels import ClassTable, Label
from maskwright.data.pairing import Pair
from maskwright.evaluation.table import class_scores, object_scores, overall_scores, table
from maskwright.evaluation.tally import Limits, stacked, tally, total
from maskwright.measures.certainty import tempered
from maskwright.predictor import most_likely
from maskwright.shapes.objects import find_objects
from maskwright.validate import Predicted

CELLS = ClassTable(
    "instances", (Label("background", "#000000", (0,)), Label("cell", "#ff0000", ()))
)
LOWER_IS_BETTER = ("mean_hd95", "hd95", "calibration_error", "brier", "cross_entropy")
SIDE, COUNT = 60, 9


def cells() -> np.ndarray:
    """Nine numbered squares of 8×8 pixels, apart from each other, int32 [60, 60]."""
    numbers = np.zeros((SIDE, SIDE), np.int32)
    for place in range(COUNT):
        y, x = 4 + 20 * (place // 3), 4 + 20 * (place % 3)
        numbers[y : y + 8, x : x + 8] = place + 1
    return numbers


def predicted(numbers: np.ndarray, seen: np.ndarray, sure: float = 0.95) -> Predicted:
    """An image with these objects, of which ``seen`` bool [H, W] is predicted to be cell."""
    chance = np.where(seen, sure, 1 - sure).astype(np.float32)
    probabilities = np.stack([1 - chance, chance], axis=-1)
    raw = RawMask(numbers, "index")
    pair = Pair(Path("a.png"), Path("a-mask.png"))
    return Predicted(pair, raw, CELLS.decode(raw), probabilities)


def scores_of(one: Predicted, classes: ClassTable = CELLS) -> dict[str, float]:
    """Each measure of an image, overall and by class, by its name."""
    counted = tally(one, classes, limits=Limits(least_area=1))
    sums = total(stacked([counted.each]))
    found = dict(overall_scores(sums))
    if counted.detections:
        found |= object_scores([counted.detections])
    for name, values in class_scores(sums).items():
        found |= {f"{name} {label}": values[k] for k, label in enumerate(classes.names)}
    return {name: float(value) for name, value in found.items()}


def test_a_model_that_misses_ever_more_objects_gets_worse_in_every_measure():
    numbers, before = cells(), None
    for missed in range(COUNT + 1):
        now = scores_of(predicted(numbers, numbers > missed, sure=1.0))
        assert not any(map(np.isnan, now.values())), now
        if before is None:
            before = now
            continue
        for name, value in now.items():
            worse = value - before[name]
            if not name.startswith(LOWER_IS_BETTER):
                worse = -worse
            assert worse >= -1e-9, f"{name} got better when {missed} of 9 cells were missed"
            # What is still found is exact, so nothing is wrongly called cell, and no background is
            # missed; the distance is a percentile, which the first few do not move twice.
            still = (
                *("precision cell", "image_precision cell", "segmentation_quality"),
                *("recall background", "image_recall background", "hd95", "mean_hd95"),
            )
            last = missed == COUNT
            if not name.startswith(still) and not last:
                assert worse > 0, f"{name} did not change when {missed} of 9 cells were missed"
        before = now
    assert before["mean_hd95"] == pytest.approx(SIDE * np.sqrt(2), rel=0.01)
    assert before["panoptic_quality"] == before["average_precision"] == before["iou cell"] == 0


def test_a_perfect_prediction_has_the_best_of_all_scores():
    numbers = cells()
    found = scores_of(predicted(numbers, numbers > 0, sure=1.0))
    for name, value in found.items():
        best = 0 if name.startswith(LOWER_IS_BETTER) else 1
        assert value == pytest.approx(best, abs=1e-6), name


def test_an_absent_class_has_no_score_and_no_part_in_the_means():
    three = ClassTable(
        "index", tuple(Label(n, f"#{k:06x}", (k,)) for k, n in enumerate(("a", "b", "c")))
    )
    truth = np.zeros((20, 20), np.uint8)
    truth[5:12, 5:12] = 1
    chance = np.stack([truth == k for k in range(3)], axis=-1).astype(np.float32)
    one = Predicted(Pair(Path("a"), Path("b")), RawMask(truth, "index"), truth, chance)
    found = scores_of(one, three)
    assert np.isnan(found["iou c"])
    assert np.isnan(found["hd95 c"])
    assert found["mean_iou"] == found["mean_boundary_iou"] == found["mean_surface_dice"] == 1
    assert found["mean_hd95"] == 0


def test_only_ignored_pixels_have_no_score_and_raise_no_warning():
    truth = np.full((12, 10), 255, np.uint8)
    chance = np.full((12, 10, 2), 0.5, np.float32)
    plain = ClassTable("index", (Label("a", "#000000", (0,)), Label("b", "#ff0000", (1,))), (255,))
    one = Predicted(Pair(Path("a"), Path("b")), RawMask(truth, "index"), truth, chance)
    counted = tally(one, plain)
    each = stacked([counted.each])
    sums = {**total(each), **counted.fine}
    assert all(np.isnan(value) for value in overall_scores(sums).values())
    assert not any(np.any(values) for values in sums.values())
    made = table(sums, each, [], [""], plain.names, None)
    assert made["mean_iou"] is None
    assert made["intervals"]["mean_iou"] is None


def test_an_object_of_one_pixel_counts():
    numbers = np.zeros((9, 9), np.int32)
    numbers[4, 4] = 1
    found = scores_of(predicted(numbers, numbers > 0))
    assert found["iou cell"] == found["boundary_iou cell"] == found["panoptic_quality"] == 1
    assert found["hd95 cell"] == 0
    gone = scores_of(predicted(numbers, numbers > 1))
    assert gone["iou cell"] == gone["surface_dice cell"] == gone["boundary_f1 cell"] == 0
    assert gone["hd95 cell"] == pytest.approx(np.hypot(9, 9))


def test_ignored_pixels_change_nothing_whatever_is_predicted_there():
    numbers = cells()
    truth = (numbers > 0).astype(np.uint8)
    truth[:20] = 255
    plain = ClassTable("index", (Label("a", "#000000", (0,)), Label("b", "#ff0000", (1,))), (255,))
    sure = np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32)
    pair, raw = Pair(Path("a"), Path("b")), RawMask(truth, "index")
    one = Predicted(pair, raw, truth, np.stack([1 - sure, sure], axis=-1))
    sure = sure.copy()
    sure[:20] = 1 - sure[:20]
    other = replace(one, probabilities=np.stack([1 - sure, sure], axis=-1))
    first, second = tally(one, plain), tally(other, plain)
    for key, values in {**first.each, **first.fine}.items():
        np.testing.assert_allclose(values, {**second.each, **second.fine}[key], err_msg=key)


def test_sizes_count_objects_by_area_and_those_that_half_was_found_of():
    numbers = np.zeros((40, 40), np.int32)
    numbers[2:4, 2:4], numbers[10:13, 10:13], numbers[20:30, 20:30] = 1, 2, 3
    seen = np.zeros((40, 40), bool)
    seen[2:4, 2] = True  # half of the first, of 4 pixels
    seen[10:12, 10:12] = True  # 4 of the second's 9
    seen[20:30, 20:27] = True  # 70 of the third's 100
    counts = tally(predicted(numbers, seen), CELLS).fine["sizes"][1]
    assert {int(k): counts[k].tolist() for k in np.flatnonzero(counts[:, 0])} == {
        2: [1, 1],
        3: [1, 0],
        6: [1, 1],
    }


def test_where_masks_number_no_objects_pieces_are_objects():
    plain = ClassTable("index", (Label("background", "#000000", (0,)), Label("b", "#ff0000", (1,))))
    one = predicted((cells() > 0).astype(np.int32), cells() > 0)
    counted = tally(one, plain)
    assert counted.fine["sizes"][1, 6].tolist() == [9, 9]
    assert counted.fine["sizes"][0].sum() == 0  # the ground has none
    assert "panoptic" not in counted.each


def test_before_is_without_the_temperature():
    numbers = cells()
    plain = predicted(numbers, numbers > 2, sure=0.9)
    warm = replace(plain, probabilities=tempered(plain.probabilities, 2.0))
    np.testing.assert_allclose(
        tally(warm, CELLS, temperature=2.0).fine["before"],
        tally(plain, CELLS).fine["before"],
        rtol=1e-5,
    )


def test_pieces_that_predict_leaves_out_are_no_objects():
    numbers = cells()
    seen = numbers > 2  # of nine objects of 64 pixels two are missed
    seen[50:53, 56:59] = True  # a speck of 9 pixels
    one = predicted(numbers, seen)
    usual, every = tally(one, CELLS), tally(one, CELLS, limits=Limits(least_area=9))
    assert usual.each["panoptic"].tolist() == [7, 7, 0, 2]
    assert every.each["panoptic"].tolist() == [7, 7, 1, 2]
    assert (int(usual.fine["dropped"]), int(every.fine["dropped"])) == (1, 0)
    assert (len(usual.detections.scores), len(every.detections.scores)) == (7, 8)
    objects = find_objects(most_likely(one.probabilities), CELLS)
    assert (len(objects), objects.dropped) == (7, 1)


def test_totals_are_the_sums_over_images():
    numbers = cells()
    ones = [tally(predicted(numbers, numbers > k), CELLS) for k in range(3)]
    each = stacked([one.each for one in ones])
    sums = total(each)
    for key, values in each.items():
        assert len(values) == 3
        np.testing.assert_allclose(values.sum(axis=0), sums[key])
