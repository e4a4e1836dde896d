"""Two runs on the same images: real differences, chance, and what cannot be compared."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from maskwright.comparison import compare, row
from maskwright.errors import DataError, RunError, UsageError
from maskwright.evaluation import evaluate
from maskwright.evaluation.rows import Counts, read_counts, write_counts
from maskwright.evaluation.tally import Limits
from maskwright.runs import Run

COUNT = 60


def counts(right: np.ndarray, groups: list[str] | None = None) -> Counts:
    """Images of 100 pixels of two classes, half each, with so many of each half right, [n, 2]."""
    n = len(right)
    classes = np.zeros((n, 2, 3))
    classes[..., 0], classes[..., 1] = right, 50
    classes[..., 2] = right + (50 - right[:, ::-1])
    zeros = {"boundary": 2, "near": 4, "contour_f1": 2, "hausdorff": 2, "missed": 2}
    each = {
        "classes": classes,
        "by_image": np.zeros((n, 2, 4, 2)),
        "binned": np.zeros((n, 15, 3)),
        "penalties": np.ones((n, 3)),
        **{key: np.zeros((n, 2, k)) for key, k in zeros.items()},
    }
    return Counts([f"tested/{k}.png" for k in range(n)], groups or [""] * n, ["a", "b"], each)


@pytest.fixture
def pair_of_runs(run, tmp_path):
    """Two run folders, and a function that gives each its counts."""
    shutil.copytree(run.path, tmp_path / "other")

    def with_counts(first: Counts, second: Counts, name: str = "test") -> tuple[Run, Run]:
        runs = Run(run.path), Run(tmp_path / "other")
        for one, counted in zip(runs, (first, second), strict=True):
            (one.path / "evaluation").mkdir(exist_ok=True)
            write_counts(one.path / "evaluation" / f"{name}.npz", counted)
        return runs

    return with_counts


def drawn(seed: int, mean: float, spread: float = 6) -> np.ndarray:
    values = np.random.default_rng(seed).normal(mean, spread, (COUNT, 2))
    return np.clip(np.rint(values), 0, 50)


def test_a_small_difference_on_every_image_is_real(pair_of_runs):
    hard = drawn(0, 35)
    found = compare(*pair_of_runs(counts(hard), counts(np.minimum(hard + 1, 50))))
    row = found["measures"][0]
    assert row["measure"] == "mean_iou"
    assert row["real"]
    assert row["interval"][0] > 0
    assert "other is better: the mean IoU of" in found["answer"]
    assert "The difference is real" in found["answer"]
    # The images themselves differ by far more than that.
    assert row["interval"][1] - row["interval"][0] < 0.01


def test_differences_that_go_either_way_may_be_chance(pair_of_runs):
    found = compare(*pair_of_runs(counts(drawn(1, 35)), counts(drawn(2, 35))))
    assert not found["measures"][0]["real"]
    assert "By mean IoU no difference can be told from chance" in found["answer"]


def test_equal_scores_are_said_to_be_equal(pair_of_runs):
    same = counts(drawn(1, 35))
    answer = compare(*pair_of_runs(same, same))["answer"]
    assert "is the same to three decimals (95 % interval" in answer
    assert "0.000 lower" not in answer


def test_what_is_away_from_0_by_nothing_that_is_shown_is_not_called_real():
    draws = np.full((2, 40), 0.5)
    draws[1] -= np.linspace(0.0001, 0.01, 40)
    assert row("x", [0.5, 0.49], draws)["real"] is False
    assert row("x", [0.5, 0.49], draws - [[0], [0.001]])["real"] is True


def test_what_differs_although_the_mean_does_not_is_named(pair_of_runs):
    first, second = counts(drawn(1, 35)), counts(drawn(2, 35))
    second.each["penalties"][:, 1] += 30
    answer = compare(*pair_of_runs(first, second))["answer"]
    assert "By mean IoU no difference" in answer
    assert "What does differ: Brier score." in answer


def test_how_often_chance_is_called_real(pair_of_runs):
    """About one time in twenty, as the level says."""
    real = [
        compare(*pair_of_runs(counts(drawn(2 * k, 35)), counts(drawn(2 * k + 1, 35))))["measures"][
            0
        ]["real"]
        for k in range(30)
    ]
    assert sum(real) <= 6  # of 30 at 5 %, more are seen one time in 1,000


def test_scores_by_hand(pair_of_runs):
    # Right 40 of 50 in both halves: IoU 40 / 60. Right 45: 45 / 55.
    found = compare(*pair_of_runs(counts(np.full((4, 2), 40.0)), counts(np.full((4, 2), 45.0))))
    by_name = {row["measure"]: row for row in found["measures"]}
    assert by_name["mean_iou"]["first"] == pytest.approx(2 / 3, abs=1e-6)
    assert by_name["mean_iou"]["difference"] == pytest.approx(45 / 55 - 40 / 60, abs=1e-6)
    assert by_name["pixel_accuracy"]["second"] == 0.9
    assert [row["name"] for row in found["classes"]] == ["a", "b"]
    assert by_name["mean_hd95"]["difference"] is None
    assert by_name["mean_hd95"]["real"] is None
    assert found["interval"] == {"level": 0.95, "of": "images", "count": 4, "few": True}
    assert found["answer"].endswith("So few make the interval too narrow.")


def test_the_images_that_differ_most_are_named_better_ones_first(pair_of_runs):
    first, second = np.full((20, 2), 40.0), np.full((20, 2), 40.0)
    second[3], second[7], second[11] = 50, 45, 10
    found = compare(*pair_of_runs(counts(first), counts(second)))
    assert [one["image"] for one in found["images_differ"]] == [
        "tested/3.png", "tested/7.png", "tested/11.png"]  # fmt: skip


def test_only_images_of_both_are_compared(pair_of_runs):
    first = counts(np.full((10, 2), 40.0))
    second = counts(np.full((12, 2), 45.0))
    first.images[0] = "images/other.png"
    found = compare(*pair_of_runs(first, second))
    assert (found["images"], found["alone"]) == (9, 4)


def test_groups_are_drawn_whole(pair_of_runs):
    groups = [f"plate {k // 15}" for k in range(COUNT)]
    found = compare(*pair_of_runs(counts(drawn(0, 35), groups), counts(drawn(1, 30), groups)))
    assert found["interval"]["of"] == "groups"
    assert found["interval"]["count"] == 4
    assert "4 groups" in found["answer"]


def test_what_was_measured_otherwise_is_not_compared(pair_of_runs):
    one, other = counts(drawn(1, 35)), counts(drawn(2, 35))
    with pytest.raises(DataError) as refused:
        compare(*pair_of_runs(one, replace(other, limits=Limits(tolerance=0.5))))
    told = str(refused.value)
    assert "was evaluated as with --tolerance 2, " in told
    assert "as with --tolerance 0.5; evaluate one of them again, as the other" in told
    runs = pair_of_runs(one, replace(other, limits=Limits(tolerance=0.5)))
    export = replace(runs[1], results=runs[1].path / "exports" / "onnx")
    shutil.copytree(runs[1].evaluations, export.evaluations)
    with pytest.raises(DataError, match=r"onnx as with --tolerance 0\.5;"):
        compare(runs[0], export)
    small = replace(other, limits=Limits(least_area=3))
    assert compare(*pair_of_runs(one, small))["images"] == COUNT  # no objects are counted
    one.each["panoptic"] = np.ones((COUNT, 4))
    assert compare(*pair_of_runs(one, small))["images"] == COUNT  # nor of one side alone
    small.each["panoptic"] = np.ones((COUNT, 4))
    with pytest.raises(DataError, match=r"as with --least-area 10, .* as with --least-area 3;"):
        compare(*pair_of_runs(one, small))


def test_counts_from_before_limits_were_kept_are_those_of_the_usual_ones(pair_of_runs, tmp_path):
    first, _ = pair_of_runs(counts(drawn(1, 35)), counts(drawn(2, 35)))
    path = first.evaluations / "test.npz"
    with np.load(path) as file:
        kept = {key: file[key] for key in file.files if key != "limits"}
    np.savez(path, **kept)
    assert read_counts(path).limits == Limits(tolerance=2.0, least_area=1)
    path.with_suffix(".json").write_text('{"tolerance": 5.0}')
    assert read_counts(path).limits == Limits(tolerance=5.0, least_area=1)


@pytest.mark.parametrize(("count", "whose"), [(9, "images of one group alone"), (1, "one image")])
def test_by_one_group_or_image_nothing_is_real(pair_of_runs, count, whose):
    groups = ["plate"] * count if count > 1 else [""]
    one, other = drawn(0, 35)[:count], drawn(1, 20)[:count]
    found = compare(*pair_of_runs(counts(one, groups), counts(other, groups)))
    assert found["measures"][0]["difference"] < -0.1
    assert {row["real"] for row in [*found["measures"], *found["classes"]]} == {None}
    assert found["answer"].startswith(f"Nothing can be told by {whose} of how both would do on oth")
    assert "lower" in found["answer"]


def test_what_is_the_same_to_three_decimals_is_not_real(pair_of_runs):
    one = counts(drawn(0, 35))
    other = counts(drawn(0, 35))
    for each in (one.each, other.each):  # 100 times as many pixels: one of them is next to nothing
        each["classes"] *= 100
    other.each["classes"][..., 0] += 1
    found = compare(*pair_of_runs(one, other))
    row = found["measures"][0]
    assert 0 < row["interval"][0] < row["interval"][1] < 0.0005
    assert row["same"]
    assert row["real"] is False
    assert "the same to three decimals" in found["answer"]
    assert "no difference can be told" in found["answer"]


def test_of_other_data_the_names_do_not_say_what_was_trained_on(pair_of_runs):
    first, second = counts(drawn(0, 35)), counts(drawn(1, 35))
    runs = pair_of_runs(first, second)
    known = runs[0].dataset.of("train")[0].image.name
    for one, counted, same in zip(runs, (first, second), (0, 3), strict=True):
        counted.images[5] = f"images/{known}"
        write_counts(one.path / "evaluation" / "test.npz", counted)
        told = {"data": "/elsewhere", "trained_on": same}
        (one.path / "evaluation" / "test.json").write_text(json.dumps(told))
    assert compare(*runs)["trained_on"] == [0, 3]


def test_images_that_one_was_trained_on_are_said(pair_of_runs):
    first, second = counts(drawn(0, 35)), counts(drawn(1, 35))
    runs = pair_of_runs(first, second)
    known = runs[0].dataset.of("train")[0].image.name
    for one, counted in zip(runs, (first, second), strict=True):
        counted.images[5] = f"images/{known}"
        write_counts(one.path / "evaluation" / "test.npz", counted)
    found = compare(*runs)
    assert found["trained_on"] == [1, 1]
    assert "Nothing follows for new images: 1 of these 60 were trained on by" in found["answer"]
    assert "real" not in found["answer"]


def test_real_evaluations_can_be_compared(run, tmp_path):
    evaluate(run)
    other = shutil.copytree(run.path, tmp_path / "other")
    found = compare(run, other)
    assert found["images"] == len(run.dataset.of("test"))
    assert found["measures"][0]["difference"] == 0
    assert not found["measures"][0]["real"]


def test_val_is_compared_where_there_is_no_test(pair_of_runs):
    both = counts(drawn(0, 35))
    assert compare(*pair_of_runs(both, both, "val"))["split"] == "val"


def test_what_cannot_be_compared_is_said(pair_of_runs, run, tmp_path):
    one = counts(drawn(0, 35))
    with pytest.raises(UsageError, match="is compared with itself; name two runs"):
        compare(run.path, run.path)
    other = shutil.copytree(run.path, tmp_path / "unscored")
    with pytest.raises(RunError, match=r"has no counts of its test images; make them: maskwright"):
        compare(run.path, other)
    with pytest.raises(RunError, match=r"maskwright evaluate .* --tta flip$"):
        compare(run.path, other, split="test-flip")
    runs = pair_of_runs(one, replace(one, classes=["a", "c"]))
    with pytest.raises(DataError, match=r"the classes differ: a, b in .*a, c in"):
        compare(*runs)
    runs = pair_of_runs(one, replace(one, images=[f"x/{k}.png" for k in range(COUNT)]))
    with pytest.raises(DataError, match=r"not scored on the same images \(the first are tested/0"):
        compare(*runs)
    vars(runs[1])["config"] = replace(runs[1].config, seed=5)
    with pytest.raises(DataError, match=r"seeds differ, 0 and 5, .*run/dataset\.toml --seed 5"):
        compare(*runs)
    changed = counts(drawn(0, 35))
    changed.each["classes"][4, 0, 1] += 1
    with pytest.raises(DataError, match=r"masks of 1 image were not the same .*tested/4\.png"):
        compare(*pair_of_runs(one, changed))
    with pytest.raises(
        RunError, match=r"its val images \(there is test\); make them: .* --split val"
    ):
        compare(*pair_of_runs(one, one), split="val")


def test_damaged_counts_are_named(pair_of_runs):
    runs = pair_of_runs(counts(drawn(0, 35)), counts(drawn(0, 35)))
    path = runs[1].path / "evaluation" / "test.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match=r"test\.npz is damaged .*; evaluate again"):
        compare(*runs)


def test_counts_come_back_as_they_were(tmp_path):
    one = counts(drawn(0, 35), [f"g{k}" for k in range(COUNT)])
    write_counts(tmp_path / "a.npz", one)
    back = read_counts(tmp_path / "a.npz")
    assert (back.images, back.groups, back.classes) == (one.images, one.groups, one.classes)
    for key, values in one.each.items():
        np.testing.assert_array_equal(back.each[key], values)
