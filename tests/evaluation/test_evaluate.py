"""A whole evaluation: what is written, which images are shown, and how they are drawn."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from maskwright.data.labels import ClassTable, Label
from maskwright.errors import UsageError
from maskwright.evaluation import evaluate
from maskwright.evaluation.pictures import (
    IGNORED,
    TINT,
    WRONG,
    class_layer,
    difference_layer,
    notable,
    uncertainty_layer,
)
from maskwright.evaluation.rows import read_counts


def test_evaluate_writes_scores_rows_counts_and_pictures(run):
    scores = evaluate(run)
    assert scores["pixel_accuracy"] > 0.8
    count = len(run.dataset.of("test"))
    assert (scores["images"], scores["split"], scores["format"]) == (count, "test", 2)
    folder = run.path / "evaluation"
    assert json.loads((folder / "test.json").read_text()) == scores
    assert len((folder / "test.csv").read_text().splitlines()) == 1 + count
    assert read_counts(folder / "test.npz").each["classes"].shape == (count, 2, 3)
    (shown,) = {picture["kind"] for picture in scores["pictures"]}
    assert shown == "median"
    files = scores["pictures"][0]["files"]
    assert set(files) == {"image", "truth", "prediction", "difference", "uncertainty"}
    sizes = {Image.open(folder / file).size for file in files.values()}
    assert sizes == {(12, 10)}


def test_pictures_of_an_earlier_evaluation_are_removed(run):
    evaluate(run)
    old = run.path / "evaluation" / "test-pictures" / "99-image.jpg"
    old.write_bytes(b"old")
    kept = old.with_name("mine.txt")
    kept.write_bytes(b"mine")
    evaluate(run)
    assert not old.exists()
    assert kept.exists()


def test_other_data_are_named(run, write_pairs, tmp_path):
    scores = evaluate(run, write_pairs(tmp_path / "other", 3))
    assert scores["name"] == "other-all"
    assert (run.path / "evaluation" / "other-all.npz").is_file()


def test_a_wider_tolerance_forgives_more(run):
    exact = run.predictor.logits

    def shifted(views: np.ndarray) -> np.ndarray:
        return np.roll(exact(views), 6, axis=1)

    vars(run)["predictor"] = replace(run.predictor, logits=shifted)
    narrow, wide = (evaluate(run, tolerance=t)["mean_surface_dice"] for t in (0.0, 50.0))
    assert narrow < wide == 1


def test_the_mean_over_views_is_scored_under_a_name_of_its_own(run):
    exact = run.predictor.logits

    def leaning(views: np.ndarray) -> np.ndarray:
        """Right on the left half of a view, where the right half is said to be the first class."""
        found = exact(views).copy()
        found[:, :, found.shape[2] // 2 :] = [30, -30]
        return found

    vars(run)["predictor"] = replace(run.predictor, logits=leaning)
    plain = evaluate(run)
    folder = run.path / "evaluation"
    before = (folder / "test.json").read_bytes()
    flipped = evaluate(run, tta=["flip"])
    assert flipped["name"] == "test-flip"
    assert (plain["tta"], flipped["tta"]) == ([], ["flip"])
    assert flipped["mean_iou"] != plain["mean_iou"]
    assert (folder / "test-flip.csv").is_file()
    assert (folder / "test.json").read_bytes() == before
    with pytest.raises(UsageError, match="no test-time augmentation called flop"):
        evaluate(run, tta=["flop"])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 9, 10, 22, 23, 50])
def test_notable_images(count):
    scores = np.random.default_rng(count).permutation(count) / 100
    unsure = np.random.default_rng(count + 1).permutation(count) / 100
    shown = notable(list(scores), list(unsure))
    if count < 3:
        assert shown == ({"median": sorted(range(count), key=lambda k: scores[k])} if count else {})
        return
    others = shown.pop("other", [])
    seen = {place for ones in shown.values() for place in ones}
    assert set(others) == (set(range(count)) - seen if count <= 22 else set())
    assert list(shown) == ["worst", "uncertain", "random", "median", "best"]
    assert scores[shown["worst"][0]] == 0
    assert scores[shown["best"][0]] == scores.max()
    assert unsure[shown["uncertain"][0]] == 0
    assert not set(shown["worst"]) & set(shown["best"])
    assert scores[shown["median"][0]] == sorted(scores)[(count - 1) // 2]
    for ones in shown.values():
        assert len(set(ones)) == len(ones) <= max(1, count // 3)


def test_images_without_a_score_are_not_shown():
    assert notable([None, 0.4, None], [None, 0.4, None]) == {"median": [1]}


@pytest.fixture
def three() -> ClassTable:
    names = ("background", "cat", "dog")
    return ClassTable(
        "index", tuple(Label(n, f"#0000{k:02x}", (k,)) for k, n in enumerate(names)), (255,)
    )


def test_a_layer_of_classes_leaves_ground_and_ignored_pixels_bare(three):
    mask = np.full((9, 9), 1, np.uint8)
    mask[:, :3], mask[:, 7:] = 0, 255
    layer = class_layer(mask, three)
    drawn = layer.colors[layer.places]
    assert (drawn[:, :3, 3] == 0).all()
    assert (drawn[:, 7:, 3] == 0).all()
    assert drawn[4, 5].tolist() == [0, 0, 1, TINT]
    assert drawn[4, 3].tolist() == [0, 0, 1, 255]  # its outline


def test_every_class_of_a_full_table_has_a_layer():
    many = ClassTable("index", tuple(Label(str(k), "#ff0000", (k,)) for k in range(254)))
    layer = class_layer(np.arange(254, dtype=np.uint8).reshape(2, 127), many)
    assert layer.colors.shape[0] <= 256
    assert layer.places.max() < len(layer.colors)


def test_a_layer_of_differences():
    layer = difference_layer(np.array([[0, 1, 255]], np.uint8), np.array([[0, 0, 1]], np.uint8))
    drawn = layer.colors[layer.places][0]
    assert drawn[0, 3] == 0
    assert tuple(drawn[1, :3]) == WRONG
    assert tuple(drawn[2, :3]) == IGNORED


def test_a_layer_of_doubt_is_strongest_where_it_is_a_guess():
    opacity = uncertainty_layer(np.array([[1.0, 0.75, 0.5]], np.float32), 2)
    drawn = opacity.colors[opacity.places][0, :, 3].astype(int)
    assert drawn[0] == 0 < drawn[1] < drawn[2] == 235


def test_a_layer_comes_back_from_its_file(tmp_path, three):
    mask = np.random.default_rng(0).integers(0, 3, (20, 30)).astype(np.uint8)
    layer = class_layer(mask, three)
    layer.write(tmp_path / "a.png")
    back = np.asarray(Image.open(tmp_path / "a.png").convert("RGBA"))
    np.testing.assert_array_equal(back, layer.colors[layer.places])


def test_a_temperature_of_the_run_is_used(run):
    plain = evaluate(run)
    vars(run)["predictor"] = replace(run.predictor, temperature=4.0)
    cooler = evaluate(run)
    assert cooler["cross_entropy"] != plain["cross_entropy"]
    assert cooler["mean_iou"] == pytest.approx(plain["mean_iou"], abs=0.02)
    assert cooler["calibration"]["error_before"] == pytest.approx(
        plain["calibration"]["error_before"], abs=0.02
    )
