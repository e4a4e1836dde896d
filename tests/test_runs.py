"""The run folder: where it goes, what is written, and that it reads back the same."""

import json
import math
import shutil
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwright.calibration import LEVELS, Calibration
from maskwright.data.images import RGB, Bands
from maskwright.errors import RunError, WriteError
from maskwright.predictor import Predictor
from maskwright.recording import create_run
from maskwright.runs import Run, load

WRITTEN = {"run.json", "config.toml", "dataset.toml", "split.csv", "data.json", "environment.json"}


def test_create_run_writes_all_that_decides_the_training(tmp_path, dataset, config):
    run = create_run(tmp_path / "deep" / "run", config, dataset)
    assert {path.name for path in run.path.iterdir()} == WRITTEN
    data = json.loads((run.path / "data.json").read_text())
    assert data["images"] == {"train": 6, "val": 2, "test": 2}
    assert data["pixels"]["val"] == [120, 120]


def test_a_run_reads_back_what_was_written(tmp_path, dataset, config):
    create_run(tmp_path / "run", config, dataset)
    read = load(tmp_path / "run")
    assert read.config == config
    assert read.table == dataset.table
    assert read.dataset.pairs == dataset.pairs
    assert read.dataset.root == dataset.root
    for split in ("train", "val", "test"):
        np.testing.assert_array_equal(read.dataset.pixels[split], dataset.pixels[split])


@pytest.mark.parametrize("bands", [Bands(1), Bands(2, (0.0, 1.5), (4095.0, 2.0))])
def test_a_run_reads_its_bands_back(tmp_path, dataset, config, bands):
    create_run(tmp_path / "run", config, replace(dataset, bands=bands))
    assert load(tmp_path / "run").dataset.bands == bands


def test_a_run_from_before_there_were_bands_is_of_rgb(tmp_path, dataset, config):
    create_run(tmp_path / "run", config, dataset)
    assert "bands" not in (tmp_path / "run" / "dataset.toml").read_text()
    assert load(tmp_path / "run").dataset.bands == RGB


def test_the_predictor_of_a_run_reads_its_bands(tmp_path, dataset, config):
    run = create_run(tmp_path / "run", config, replace(dataset, bands=Bands(5)))
    vars(run)["model"] = types.SimpleNamespace(predict_on_batch=None, operations=[])
    assert run.predictor.bands == Bands(5)


def test_a_run_reads_back_though_its_data_have_gone(tmp_path, dataset, config):
    create_run(tmp_path / "run", config, dataset)
    shutil.rmtree(dataset.root)
    assert len(load(tmp_path / "run").dataset.of("train")) == 6


def test_loading_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(RunError, match="none: no such run folder; check the path"):
        load(tmp_path / "none")


def test_loading_a_folder_that_is_no_run_is_an_error(tmp_path):
    with pytest.raises(RunError, match=r"is no run folder: it has no config\.toml; name one"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["dataset.toml", "split.csv", "data.json"])
def test_loading_an_incomplete_run_names_what_it_lacks(run, name):
    (run.path / name).unlink()
    with pytest.raises(RunError, match=f"is incomplete: it has no {name}; train again"):
        load(run.path)


def test_metrics_read_back_row_by_row(tmp_path):
    run = Run(tmp_path)
    assert run.metrics() == []
    rows = [
        {"epoch": 1, "loss": 0.123456789, "val_loss": math.nan},
        {"epoch": 2, "loss": 0.1, "val_loss": 2},
    ]
    run.write_metrics(rows)
    first, second = run.metrics()
    assert first["loss"] == 0.123457
    assert math.isnan(first["val_loss"])
    assert second == {"epoch": 2.0, "loss": 0.1, "val_loss": 2.0}
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "epoch,loss,val_loss"
    run.write_metrics([])
    assert list(tmp_path.iterdir()) == []


def test_the_log_grows_by_a_line(tmp_path):
    Run(tmp_path).log("one\n")
    Run(tmp_path).log("two")
    assert (tmp_path / "log.txt").read_text() == "one\ntwo\n"


def test_an_evaluation_that_is_not_there_is_none(tmp_path):
    assert Run(tmp_path).evaluation() is None
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "val.json").write_text('{"images": 3}')
    assert Run(tmp_path).evaluation("val") == {"images": 3}


def test_a_model_is_saved_whole_or_not_at_all(tmp_path):
    class Model:
        def save(self, path: Path) -> None:
            path.write_text("half")
            if path.with_name("stop").exists():
                raise OSError(28, "disk full")
            path.write_text("whole")

    run = Run(tmp_path)
    run.save_model(Model())
    (tmp_path / "stop").touch()
    with pytest.raises(WriteError, match=r"model.keras cannot be written \(disk full\); free some"):
        run.save_model(Model())
    assert (tmp_path / "model.keras").read_text() == "whole"


def test_a_run_without_a_model_says_that_no_epoch_ended(tmp_path):
    with pytest.raises(RunError, match=r"model\.keras is missing: no epoch of this training ended"):
        _ = Run(tmp_path).model


def test_a_model_that_does_not_open_is_named(tmp_path, config, dataset):
    run = create_run(tmp_path / "run", config, dataset)
    (run.path / "model.keras").write_text("hello")
    with pytest.raises(RunError, match=r"model\.keras cannot be opened \(File is not a zip file\)"):
        _ = run.model


def test_a_run_predicts_an_image(run):
    mask = run.predict(run.dataset.pairs[0].image)
    assert mask.shape == (10, 12)
    assert mask[0].tolist() == [0] * 12


def test_a_file_in_place_of_a_run_folder_is_told_so(tmp_path):
    (tmp_path / "model.keras").write_text("")
    with pytest.raises(RunError, match=r"model\.keras is a file; name the run folder that holds"):
        load(tmp_path / "model.keras")


def test_a_calibration_reads_back_and_is_used(tmp_path, dataset, config, monkeypatch):
    run = create_run(tmp_path / "run", config, dataset)
    assert run.calibration is None
    levels = [0.5] * len(LEVELS)
    found = Calibration(1.5, 9, 0.1, 0.1, {"a": levels}, levels)

    class Nothing:
        def save(self, path):
            path.write_bytes(b"x")

    run.save_model(Nothing(), found)
    assert Run(run.path).calibration == found
    plain = Predictor(lambda views: views, config.view, dataset.table)
    monkeypatch.setattr("maskwright.runs.model_predictor", lambda *what: plain)
    vars(run)["model"] = None
    assert run.predictor.temperature == 1.5


@pytest.mark.parametrize("text", ["{", "{}", '{"temperature": 1}', '{"temperature": "hot"}'])
def test_a_damaged_calibration_is_named_with_what_to_do(tmp_path, dataset, config, text):
    run = create_run(tmp_path / "run", config, dataset)
    (run.path / "calibration.json").write_text(text)
    with pytest.raises(RunError, match=r"calibration\.json: .*(or remove this file|train again)"):
        _ = run.calibration


def test_rows_of_an_older_version_lack_columns(tmp_path):
    run = Run(tmp_path)
    run.write_metrics([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4, "val_mean_dice": 0.7}])
    first, second = run.metrics()
    assert np.isnan(first["val_mean_dice"])
    assert second["val_mean_dice"] == 0.7


def test_a_model_that_is_gone_after_its_training_is_not_told_to_go_on(run):
    run.write_metrics([{"epoch": 1, "loss": 0.5}])
    run.write_about(finished=True, own_model=False)
    with pytest.raises(RunError, match=r"model\.keras is missing, though this training ended: put"):
        _ = run.model


def test_counts_of_the_model_so_far_are_forgotten_with_its_scores(run):
    folder = run.path / "evaluation"
    folder.mkdir()
    for name in ("test.json", "test.npz", "test-uses.csv"):
        (folder / name).write_text("{}")
    run.forget_scores()
    assert [path.name for path in folder.iterdir()] == ["test-uses.csv"]
