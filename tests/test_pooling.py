"""Runs on the folds of one dataset, and what they come to together."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from commanding import call

import maskwright as mw
from maskwright.config import SplitConfig
from maskwright.data.dataset import load_dataset
from maskwright.errors import DataError, RunError, UsageError
from maskwright.evaluation import evaluate
from maskwright.evaluation.rows import read_counts, write_counts
from maskwright.evaluation.tally import Limits
from maskwright.pooling import pool
from maskwright.recording import create_run
from maskwright.settings import change


def rolled(logits, squares):
    """Logits that are right but three rows off in images of odd brightness."""
    found = logits(squares)
    odd = squares.astype(int).sum(axis=(1, 2, 3)) % 2 == 1
    return np.where(odd[:, None, None, None], np.roll(found, 3, axis=1), found)


@pytest.fixture
def folds(tmp_path, write_pairs, config, threshold):
    """Evaluated runs on three folds of twenty images; their model is a threshold."""
    data, runs = write_pairs(tmp_path / "data", 20), []
    for fold in range(3):
        split = SplitConfig(folds=3, fold=fold)
        dataset = load_dataset(data, split=split)
        made = create_run(
            tmp_path / f"fold-{fold}",
            change(config, {"split.folds": 3, "split.fold": fold}),
            dataset,
        )
        exact = threshold(dataset.table)
        moved = partial(rolled, exact.logits)
        vars(made)["predictor"] = replace(exact, logits=moved)
        evaluate(made)
        runs.append(made)
    return runs


def test_together_they_are_as_one_evaluation_of_all_images(folds):
    found = pool([run.path for run in folds])
    whole = evaluate(folds[0], split="all")
    assert found["images"] == whole["images"] == 20
    assert found["untested"] == 0
    for key in ("mean_iou", "pixel_accuracy", "mean_boundary_iou", "mean_hd95", "brier"):
        assert found[key] == pytest.approx(whole[key], abs=1e-6)
    for mine, theirs in zip(found["classes"], whole["classes"], strict=True):
        assert (mine["name"], mine["pixels"]) == (theirs["name"], theirs["pixels"])
        assert mine["iou"] == pytest.approx(theirs["iou"], abs=1e-6)
    low, high = found["intervals"]["mean_iou"]
    assert low < found["mean_iou"] < high
    assert [row["fold"] for row in found["runs"]] == [0, 1, 2]
    assert sum(row["images"] for row in found["runs"]) == 20
    alone = [row["mean_iou"] for row in found["runs"]]
    assert alone == [pytest.approx(run.evaluation()["mean_iou"]) for run in folds]
    assert found["answer"] == (
        "Each of 20 images was predicted by a run that was not trained on it; by themselves the "
        f"runs have mean IoU {min(alone):.3f} to {max(alone):.3f}."
    )
    json.dumps(found)


def test_a_fold_that_is_missing_is_said(folds):
    found = pool([folds[2].path, folds[0].path])
    left = 20 - found["images"]
    assert found["untested"] == left > 1
    assert f"{left} images of the dataset were tested by none of them" in found["answer"]


def test_a_run_that_is_named_twice_or_another_on_its_fold_is_refused(folds):
    with pytest.raises(UsageError, match=r"fold-1 and \S+fold-1 were both tested on images/"):
        pool([folds[1].path, folds[0].path, folds[1].path])
    with pytest.raises(UsageError, match="one run has scores of its own; name the runs on all fol"):
        pool([folds[1].path])


def test_a_run_that_was_not_evaluated_is_named_with_the_command(folds):
    (folds[1].path / "evaluation" / "test.npz").unlink()
    with pytest.raises(RunError, match=r"fold-1 has no counts .* maskwright evaluate \S+fold-1$"):
        pool([run.path for run in folds])


def test_runs_that_do_not_belong_together_are_refused(
    folds, tmp_path, write_pairs, config, threshold
):
    dataset = load_dataset(write_pairs(tmp_path / "others", 12))
    other = create_run(tmp_path / "other", config, dataset)
    vars(other)["predictor"] = threshold(dataset.table)
    evaluate(other)
    with pytest.raises(
        DataError, match=r"other was trained on \S+, \S+fold-0 on \S+; name runs on"
    ):
        pool([folds[0].path, other.path])
    path = folds[1].path / "evaluation" / "test.npz"
    counts = read_counts(path)
    write_counts(path, type(counts)(**{**vars(counts), "limits": Limits(tolerance=3)}))
    with pytest.raises(DataError, match=r"with --tolerance 2, .* with --tolerance 3; evaluate one"):
        pool([run.path for run in folds])
    write_counts(path, type(counts)(**{**vars(counts), "classes": ["a", "b"]}))
    with pytest.raises(DataError, match=r"the classes differ: .* in \S+fold-0, a, b in \S+fold-1"):
        pool([run.path for run in folds])


def test_objects_are_counted_over_all(folds):
    for run in folds:
        path = run.path / "evaluation" / "test.npz"
        counts = read_counts(path)
        each = counts.each | {"panoptic": np.tile([1.4, 2, 1, 3], (len(counts.images), 1))}
        write_counts(path, type(counts)(**{**vars(counts), "each": each}))
    found = pool([run.path for run in folds])
    assert found["objects"] == {"true": 100, "predicted": 60}
    assert 0 < found["panoptic_quality"] < 1


def test_the_command_prints_a_row_a_run_and_the_scores_of_all(folds, capsys, monkeypatch):
    paths = [str(run.path) for run in folds]
    code, out, err = call(capsys, monkeypatch, "pool", *paths, "--json")
    assert code == 0
    assert json.loads(out)["images"] == 20
    said = " ".join(err.split())
    assert "20 images (test):" in said
    assert "fold test images mean IoU pixels right" in said
    assert "Each of 20 images was predicted by a run that was not trained on it" in said
    code, _, err = call(capsys, monkeypatch, "pool", paths[0])
    assert code == 2


def test_it_is_there_from_python():
    assert mw.pool is pool
