"""Runs of other versions open, or say why not."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import maskwright as mw
from maskwright.errors import RunError
from maskwright.runs import FORMAT

OLD = Path(__file__).parent / "stored" / "format-1"


def test_a_run_of_the_first_format_opens_and_predicts_as_it_did():
    run = mw.load(OLD)
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    probabilities = run.predictor.probabilities(image)
    np.testing.assert_allclose(probabilities, np.load(OLD / "expected.npy"), atol=1e-3)
    assert len(np.unique(run.predict(image))) > 1
    assert run.config.recipe == "scratch"
    assert len(run.metrics()) == 2
    assert [len(run.dataset.of(split)) for split in ("train", "val", "test")] == [12, 2, 6]


def test_a_run_of_a_format_to_come_says_so(tmp_path):
    shutil.copytree(OLD, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(json.dumps({"format": FORMAT + 1}))
    words = f"is of format {FORMAT + 1}, and this version of Maskwright reads up to {FORMAT}; inst"
    with pytest.raises(RunError, match=words):
        mw.load(tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", "{", "run.json: Expecting property name"),
        ("run.json", '{"format": "x"}', "is of format x"),
        ("config.toml", "a = 1", "unknown setting a"),
        ("config.toml", "[model]\nfilters = 3", "model.filters = 3 must be a list"),
        ("dataset.toml", "", "dataset.toml: it has no 'root'"),
        ("data.json", '{"pixels": {"train": ["x"]}}', "dataset.toml: invalid literal"),
        ("metrics.csv", "epoch,loss\n1,x\n", "metrics.csv is damaged: not all of its rows are of"),
        ("split.csv", "a,b\n1,2\n", "split.csv"),
    ],
)
def test_a_damaged_run_says_which_file_and_what(tmp_path, name, content, said):
    run = shutil.copytree(OLD, tmp_path / "run")
    (run / name).write_text(content)

    def read() -> object:
        opened = mw.load(run)
        return opened.config, opened.dataset, opened.metrics()

    with pytest.raises(RunError, match=re.escape(said)):
        read()
