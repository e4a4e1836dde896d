"""The page of two runs: what it says, shows, escapes and refuses."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from maskwright.comparison import compare
from maskwright.errors import UsageError
from maskwright.evaluation import evaluate
from maskwright.report.compared import render_comparison, write_comparison_page
from maskwright.runs import Run


@pytest.fixture
def two(run, tmp_path) -> tuple[Run, Run]:
    """A run, and one whose predictions are a little lower in the image."""
    other = Run(shutil.copytree(run.path, tmp_path / "<other>"))
    exact = run.predictor.logits
    shifted = replace(run.predictor, logits=lambda views: np.roll(exact(views), 4, axis=1))
    vars(other)["predictor"] = shifted
    for one in (run, other):
        evaluate(one, split="train")
    return run, other


def test_the_page_says_what_differs_and_shows_where(two, tmp_path):
    result = compare(*two, split="train")
    path = write_comparison_page(result, two, tmp_path / "page.html")
    page = path.read_text(encoding="utf-8")
    assert "A and B on 6 images" in " ".join(page.split())
    assert "Nothing follows for new images: 6 of these 6 were trained on by" in page
    assert "<strong>real</strong>" in page
    assert "There are only 6 images to compare on" in page
    shown = len(result["images_differ"])
    assert shown >= 1
    assert page.count('src="data:image/jpeg;base64,') == 4 * shown
    assert "−0." in page  # a minus sign, no hyphen


def test_names_from_files_are_escaped(two):
    page = render_comparison(compare(*two, split="train"), two, pictures=False)
    assert "<other>" not in page
    assert "&lt;other&gt;" in page


def test_nothing_is_loaded_and_no_script_runs(two):
    page = render_comparison(compare(*two, split="train"), two)
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_without_the_data_there_are_no_pictures(two):
    result = compare(*two, split="train")
    shutil.rmtree(two[0].dataset.root)
    page = render_comparison(result, two)
    assert "data:image/jpeg" not in page
    assert result["images_differ"][0]["image"] in page


def test_a_folder_is_no_page(two, tmp_path):
    with pytest.raises(UsageError, match=r"--html .* is a folder; name a file, such as .*compare"):
        write_comparison_page(compare(*two, split="train"), two, tmp_path)
