"""From sums to scores, intervals and the rows of people's tables."""

import csv
import json

import numpy as np
import pytest

from maskwright.calibration import LEVELS, Calibration
from maskwright.errors import RunError
from maskwright.evaluation.rows import Counts, image_rows, read_counts, write_counts, write_rows
from maskwright.evaluation.subsets import by_word, mean_area, scored, subsets, thirds
from maskwright.evaluation.table import class_scores, overall_scores, table
from maskwright.evaluation.tally import SIZES, Limits, by_image
from maskwright.measures.certainty import FINE
from maskwright.measures.confusion import class_counts

# Two images of two classes.
MATRICES = np.array([[[8, 2], [1, 9]], [[20, 0], [0, 0]]])


@pytest.fixture
def each() -> dict[str, np.ndarray]:
    """What was counted in both images; the second has none of class b."""
    binned = np.zeros((2, 15, 3))
    binned[0, 14], binned[1, 7] = [20, 19.0, 17], [20, 10.0, 20]
    return {
        "classes": class_counts(MATRICES),
        "by_image": by_image(class_counts(MATRICES)),
        "boundary": np.array([[[3, 6], [2, 4]], [[0, 0], [0, 0]]]),
        "near": np.array([[[4, 5, 3, 5], [2, 2, 2, 2]], [[0, 0, 0, 0]] * 2], float),
        "contour_f1": np.array([[[0.5, 1], [0.7, 1]], [[0, 0], [0, 0]]]),
        "hausdorff": np.array([[[3, 1], [5, 1]], [[0, 0], [0, 0]]], float),
        "missed": np.array([[[0, 0], [0, 1]], [[0, 0], [1, 0]]]),
        "binned": binned,
        "penalties": np.array([[4.0, 3.0, 20], [6.0, 1.0, 20]]),
    }


@pytest.fixture
def sums(each) -> dict[str, np.ndarray]:
    """The sums of both images, with what is never kept by image."""
    fine = np.zeros((FINE, 3))
    fine[150], fine[285] = [20, 10, 20], [20, 19, 17]
    chances = np.zeros((2, 100, 2))
    chances[1, 30], chances[1, 60] = [5, 2], [1, 8]
    sizes = np.zeros((2, SIZES, 2), int)
    sizes[1, 3] = [4, 3]
    return {
        **{key: values.sum(axis=0) for key, values in each.items()},
        "confusion": MATRICES.sum(axis=0),
        "confidences": fine,
        "before": each["binned"].sum(axis=0),
        "chances": chances,
        "sizes": sizes,
    }


@pytest.fixture
def calibration() -> Calibration:
    count = len(LEVELS)
    return Calibration(1.5, 9, 0.2, 0.1, {"a": [None] * count, "b": [0.3] * count}, [0.6] * count)


def test_class_scores_by_hand(sums):
    found = class_scores(sums)
    np.testing.assert_allclose(found["iou"], [28 / 31, 9 / 12])
    np.testing.assert_allclose(found["image_iou"], [(8 / 11 + 1) / 2, 9 / 12])
    np.testing.assert_allclose(found["image_recall"], [(0.8 + 1) / 2, 0.9])
    np.testing.assert_allclose(found["boundary_iou"], [0.5, 0.5])
    np.testing.assert_allclose(found["boundary_f1"], [0.5, 0.7])
    np.testing.assert_allclose(found["surface_dice"], [0.7, 1])
    np.testing.assert_allclose(found["hd95"], [3, 5])


def test_overall_scores_by_hand(sums):
    found = overall_scores(sums)
    assert found["pixel_accuracy"] == 37 / 40
    assert found["mean_iou"] == pytest.approx((28 / 31 + 9 / 12) / 2)
    assert found["mean_hd95"] == 4
    assert found["brier"] == 0.1
    assert found["cross_entropy"] == 0.25
    assert found["calibration_error"] == pytest.approx((2 + 10) / 40)


def test_scores_of_many_images_at_once_are_those_of_each(each):
    many = overall_scores(each)
    for place in range(2):
        one = overall_scores({key: values[place] for key, values in each.items()})
        for key, values in many.items():
            assert values[place] == pytest.approx(one[key], nan_ok=True), key
    assert np.isnan(many["mean_hd95"][1])


def test_the_table_is_json_with_intervals(sums, each, calibration):
    made = table(sums, each, [], ["", ""], ["a", "b"], calibration, limits=Limits(3.0, 4))
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["images"] == 2
    assert (made["tolerance"], made["least_area"]) == (3.0, 4)
    assert made["interval"] == {"level": 0.95, "of": "images", "count": 2, "few": True}
    low, high = made["intervals"]["pixel_accuracy"]
    assert (low, high) == (0.85, 1.0)  # of the first image alone, and of the second
    first, second = made["classes"]
    assert (first["name"], first["pixels"], second["missed"], second["invented"]) == ("a", 30, 1, 1)
    assert [(one["shown"], one["outlined"]) for one in (first, second)] == [(2, 1), (1, 1)]
    assert first["intervals"]["iou"] == pytest.approx([8 / 11, 1])
    assert made["confusion"] == [[28, 2], [1, 9]]
    assert made["sizes"] == {"a": [], "b": [{"at_least": 8, "objects": 4, "found": 3}]}
    assert "average_precision" not in made


def test_thresholds_of_validation_are_measured_here(sums, each, calibration):
    made = table(sums, each, [], ["", ""], ["a", "b"], calibration)
    assert {row["class"] for row in made["thresholds"]} == {"b"}
    assert made["thresholds"][0] == {
        "class": "b", "wanted_recall": 0.8, "threshold": 0.3,
        "recall": 1.0, "precision": 0.625}  # fmt: skip
    assert made["confidences"][0] == {
        "wanted_right": 0.9, "confidence": 0.6, "decided": 0.5, "right": 0.85}  # fmt: skip
    assert made["calibration"]["temperature"] == 1.5
    assert made["calibration"]["diagram"][14] == [0.95, 0.85, 0.5]
    assert made["calibration"]["diagram"][0] == [None, None, 0.0]


def test_an_old_run_has_no_thresholds(sums, each):
    made = table(sums, each, [], ["", ""], ["a", "b"], None)
    assert made["thresholds"] == made["confidences"] == []
    assert made["calibration"]["temperature"] is None


def test_rows_are_written_with_nothing_where_there_is_no_score(tmp_path, each):
    rows = image_rows(each, ["x.png", "y.png"], ["a", "b"])
    write_rows(tmp_path / "rows.csv", rows)
    with (tmp_path / "rows.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first["pixel_accuracy"] == "0.85"
    assert first["confidence"] == "0.95"
    assert float(first["iou b"]) == 0.75
    assert second["iou b"] == second["mean_hd95"] == ""
    assert second["mean_iou"] == "1.0"
    assert rows[1]["iou b"] is None


def test_counts_that_do_not_fit_together_are_refused(tmp_path, each):
    write_counts(tmp_path / "a.npz", Counts(["x", "y", "z"], [""] * 3, ["a", "b"], each))
    with pytest.raises(RunError, match=r"a\.npz is damaged \(not one row an image\); evaluate"):
        read_counts(tmp_path / "a.npz")


def test_images_are_parted_by_what_their_names_and_folders_say():
    names = [f"{folder}/{kind}_{n}.png" for folder in "pq" for kind in ("cat", "dog")
             for n in range(3)]  # fmt: skip
    parts = subsets(names, [""] * 12, [float(n) for n in range(12)], np.full(12, np.nan))
    assert set(parts) == {"folder", "name", "brightness"}
    assert [(name, len(places)) for name, places in parts["name"]] == [("cat", 6), ("dog", 6)]
    assert [name for name, _ in parts["brightness"]] == ["darkest", "middle", "brightest"]
    assert parts["brightness"][0][1].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "words", [[], ["a"], ["a"] * 5, ["a", "b", "c"], [str(n) for n in range(60)]]
)
def test_words_that_tell_nothing_apart_make_no_parts(words):
    assert by_word(words) == []


def test_thirds_leave_out_what_is_unknown():
    values = np.array([np.nan, *range(9, 0, -1)])
    parts = thirds(values, ("low", "middle", "high"))
    assert [places.tolist() for _, places in parts] == [[9, 8, 7], [6, 5, 4], [3, 2, 1]]
    assert thirds(np.ones(20), ("a", "b", "c")) == []
    assert thirds(np.arange(8.0), ("a", "b", "c")) == []


def test_the_scores_of_a_part_are_those_of_its_images(each):
    (part,) = scored(each, ["", ""], {"folder": [("x", np.array([0]))]})
    assert part["images"] == 1
    assert part["pixel_accuracy"] == 0.85
    assert part["interval"] is None  # of one image alone
    (both,) = scored(each, ["", ""], {"folder": [("x", np.array([0, 1]))]})
    low, high = both["interval"]
    assert low < both["mean_iou"] < high
    assert (part["by"], part["name"]) == ("folder", "x")


def test_areas_are_shares_of_the_image():
    sizes = np.zeros((2, SIZES, 2), int)
    sizes[0, 2, 0], sizes[1, 4, 0] = 1, 1  # 4 to 7 pixels: 6; 16 to 31: 24
    assert mean_area(sizes, 100) == pytest.approx(0.15)
    assert np.isnan(mean_area(0 * sizes, 100))
