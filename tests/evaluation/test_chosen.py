"""Which images are scored, and how often those of the test were."""

import csv
import shutil
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from maskwright.errors import DataError, RunError, UsageError
from maskwright.evaluation import evaluate
from maskwright.evaluation.chosen import at_new_place, choose_pairs, count_test_uses, is_copy


def test_the_test_images_are_scored_where_there_are_some(run):
    root, pairs, split = choose_pairs(run, None, None)
    assert (root, split) == (run.dataset.root, "test")
    assert pairs == run.dataset.of("test")


def test_without_test_images_val_is_scored_and_said(run, capsys):
    pairs = tuple(replace(p, split="train") if p.split == "test" else p for p in run.dataset.pairs)
    vars(run)["dataset"] = replace(run.dataset, pairs=pairs)
    assert choose_pairs(run, None, None)[2] == "val"
    assert "no test images: scoring val" in capsys.readouterr().err


def test_other_data_without_a_split_are_scored_whole(run, write_pairs, tmp_path):
    other = write_pairs(tmp_path / "other", 3)
    root, pairs, split = choose_pairs(run, other, None)
    assert (root, len(pairs), split) == (other, 3, "all")


def test_all_means_every_split(run):
    assert len(choose_pairs(run, None, "all")[1]) == 10


def test_an_unknown_split_is_named_with_the_nearest(run):
    with pytest.raises(UsageError, match=r"no split called tets: did you mean test\?"):
        choose_pairs(run, None, "tets")


def test_data_that_have_gone_are_named_with_what_to_do(run):
    shutil.rmtree(run.dataset.root)
    with pytest.raises(
        RunError, match=r"data of this run is gone from .*data; name its new place: maskwright eval"
    ):
        choose_pairs(run, None, None)


def test_a_split_without_images_is_an_error(run, write_pairs, tmp_path):
    other = write_pairs(tmp_path / "other", 3)
    with pytest.raises(DataError, match="other has no images in the split val; try --split all"):
        choose_pairs(run, other, "val")


def test_data_with_values_of_other_classes_are_refused(run, write_pairs, tmp_path, save):
    other = write_pairs(tmp_path / "other", 3)
    save(other / "masks" / "1.png", np.full((10, 12), 9, np.uint8))
    with pytest.raises(DataError, match=r"masks/1\.png: holds value 9, which the class table do"):
        choose_pairs(run, other, None)


def test_evaluating_other_data_keeps_the_runs_own_scores(run, write_pairs, tmp_path):
    evaluate(run)
    evaluate(run, write_pairs(tmp_path / "other", 3))
    names = {path.name for path in (run.path / "evaluation").glob("*.json")}
    assert names == {"test.json", "other-all.json"}


def test_every_look_at_the_test_images_is_written_down_and_said(run, capsys):
    assert evaluate(run)["test_uses"] == 1
    assert "test images used" not in capsys.readouterr().err
    assert evaluate(run, split="all")["test_uses"] == 2
    assert "test images used for the 2nd time: choose by validation, and test once" in (
        capsys.readouterr().err
    )
    assert evaluate(run, run.dataset.root)["test_uses"] == count_test_uses(run) == 3
    with (run.path / "evaluation" / "test-uses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["test", "all", "all"]
    assert all(datetime.fromisoformat(row["time"]).utcoffset() == timedelta(0) for row in rows)


def test_other_images_than_the_test_images_are_no_use_of_them(run, write_pairs, tmp_path):
    for scores in (
        evaluate(run, split="val"),
        evaluate(run, split="train"),
        evaluate(run, write_pairs(tmp_path / "other", 3)),
    ):
        assert scores["test_uses"] is None
    assert count_test_uses(run) == 0
    assert not (run.path / "evaluation" / "test-uses.csv").exists()


def test_an_export_is_no_other_look_at_the_test_images(run, capsys):
    export = replace(run)
    vars(export).update({**vars(run), "results": run.path / "exports" / "onnx"})
    assert evaluate(export)["test_uses"] == 1  # the first look is one
    assert evaluate(export)["test_uses"] == count_test_uses(run) == 1
    assert evaluate(run)["test_uses"] == 2
    assert evaluate(export)["test_uses"] == count_test_uses(run) == 2
    assert capsys.readouterr().err.count("for the 2nd time") == 1


def test_the_data_of_a_run_are_known_again_at_another_place(run, tmp_path, capsys):
    """So that its images are not taken for new ones, of which most would be trained on."""
    root = run.dataset.root
    new = shutil.copytree(root, tmp_path / "elsewhere" / "cells")
    moved = at_new_place(run, new)
    assert moved is not None
    assert moved.dataset.of("train")[0].image.is_relative_to(new)
    assert [pair.split for pair in moved.dataset.pairs] == [p.split for p in run.dataset.pairs]
    assert at_new_place(run, root) is None
    scores = evaluate(run, new)
    assert (scores["split"], scores["trained_on"], scores["images"]) == ("test", 0, 2)
    assert count_test_uses(run) == 1
    said = capsys.readouterr().err.replace("\n", " ")
    assert "holds the images of this run, at another place: they are split as for it" in said
    mask = next((new / "masks").iterdir())
    mask.write_bytes(mask.read_bytes() + b"x")
    assert at_new_place(run, new) is None


def test_images_are_known_in_a_copy_that_lacks_some(run, tmp_path, capsys):
    copy = shutil.copytree(run.dataset.root, tmp_path / "copy")
    gone = run.dataset.of("val")[0]
    for folder, path in (("images", gone.image), ("masks", gone.mask)):
        (copy / folder / path.name).unlink()
    scores = evaluate(run, copy)
    trained = len(run.dataset.of("train"))
    assert (scores["images"], scores["trained_on"], scores["test_uses"]) == (9, trained, 1)
    said = " ".join(capsys.readouterr().err.split())
    assert f"{trained} of these 9 images were trained on, so the scores flatter" in said


def test_other_images_of_the_same_names_are_not_taken_for_the_runs_own(run, tmp_path, save):
    copy = shutil.copytree(run.dataset.root, tmp_path / "copy")
    for path in (copy / "images").iterdir():
        save(path, np.full((10, 12, 3), 99, np.uint8))
    scores = evaluate(run, copy)
    assert (scores["trained_on"], scores["test_uses"]) == (0, None)


def test_a_copy_is_told_by_its_contents_or_where_the_original_is_gone_by_its_name(tmp_path):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    one.write_bytes(b"abc")
    same.write_bytes(b"abc")
    other.write_bytes(b"abd")
    assert is_copy(same, one)
    assert not is_copy(other, one)
    assert not is_copy(one, None)  # no image of the run has this name
    assert is_copy(one, tmp_path / "gone")
