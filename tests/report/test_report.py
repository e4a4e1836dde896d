"""The report: everything it must say, from a run folder made by hand, and nothing that loads."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from maskwright.config import Config, TrainConfig
from maskwright.data.dataset import Dataset, write_dataset
from maskwright.data.labels import ClassTable, Label
from maskwright.data.pairing import Pair
from maskwright.data.splits import write_split
from maskwright.errors import RunError, WriteError
from maskwright.metrics import Scores
from maskwright.report import render, write_report
from maskwright.report.embedded import LARGEST, embed
from maskwright.runs import Run
from maskwright.settings import to_toml

HOSTILE_CLASS, HOSTILE_NAME = "<b>x</b>", 'it\'s "6" & <i>.png'
MATRIX = [[60, 20, 0], [5, 115, 0], [0, 0, 0]]  # the third class occurs nowhere
PARTS = ("image", "truth", "prediction")
METRICS = """\
epoch,seconds,learning_rate,loss,pixel_accuracy,val_loss,val_pixel_accuracy,val_mean_iou
1,40,0.002,1.1,0.5,1.2,0.45,0.3
2,80,0.001,0.8,0.6,0.7,0.66,0.52
3,126,0.0005,0.6,0.7,0.9,0.6,0.5
"""


@pytest.fixture
def run(tmp_path):
    """A run without an evaluation, in a folder whose name needs quoting."""
    return make_run(tmp_path / "my run", make_data(tmp_path / "data"))


@pytest.fixture
def evaluated(run):
    """The same run after an evaluation on its test images."""
    evaluate(run, "test")
    return run


def make_data(root):
    """Eight noisy images with masks, as a Dataset."""
    rng = np.random.default_rng(0)
    labels = [
        Label("cell", "#e69f00", (1,)),
        Label(HOSTILE_CLASS, "#0072b2", (2,)),
        Label("rare", "#f0e442", (3,)),
    ]
    pairs = []
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for number in range(8):
        image, mask = root / "images" / f"{number}.png", root / "masks" / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (60, 80, 3), np.uint8)).save(image)
        Image.fromarray(rng.integers(1, 3, (60, 80), np.uint8)).save(mask)
        pairs.append(Pair(image, mask, "train" if number < 6 else "val"))
    counts = {"train": [19_200, 9_600, 0], "val": [4_800, 4_800, 0], "test": [0, 0, 0]}
    pixels = {split: np.array(values) for split, values in counts.items()}
    return Dataset(root, "pairs", ClassTable("index", tuple(labels)), tuple(pairs), pixels)


def make_run(path, dataset, config=None):
    """A run folder as the training writes it, without a model."""
    path.mkdir()
    (path / "config.toml").write_text(to_toml(config or Config()))
    write_dataset(path / "dataset.toml", dataset)
    write_split(path / "split.csv", dataset.pairs, dataset.root)
    pixels = {split: counts.tolist() for split, counts in dataset.pixels.items()}
    (path / "data.json").write_text(json.dumps({"images": dataset.counts(), "pixels": pixels}))
    (path / "metrics.csv").write_text(METRICS)
    (path / "log.txt").write_text('Model: "unet"\n Total params: 2,163,155 (8 MB)\nepoch   1/3\n')
    environment = {
        "python": "3.11.7", "platform": "Linux", "processor": "a processor", "cores": 2,
        "engine": "tensorflow", "packages": {"keras": "3.15.1"}, "command": "maskwright train data",
    }  # fmt: skip
    (path / "environment.json").write_text(json.dumps(environment))
    return Run(path)


def evaluate(run, split, matrix=MATRIX):
    """Write evaluation/SPLIT.json and its pictures, one of each kind."""
    folder = run.path / "evaluation" / f"{split}-pictures"
    folder.mkdir(parents=True)
    pictures = []
    for kind in ("worst", "median", "best"):
        files = {part: f"{split}-pictures/{kind}-1-{part}.jpg" for part in PARTS}
        for file in files.values():
            Image.new("RGB", (64, 48), "teal").save(folder.parent / file)
        name = HOSTILE_NAME if kind == "worst" else f"images/{kind}.png"
        pictures.append(
            {"kind": kind, "name": name, "mean_iou": 0.31, "pixel_accuracy": 0.7, "files": files}
        )
    scores = Scores.of(np.array(matrix)).table(run.table.names, images=1999)
    result = {**scores, "split": split, "seconds": 3.2, "pictures": pictures}
    (folder.parent / f"{split}.json").write_text(json.dumps(result))


class Page(HTMLParser):
    """Elements with their attributes, the text, and whether every element is closed in order."""

    VOID = frozenset({"meta", "link", "img"})

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text = " ".join(f"{self.text} {data}".split())

    def all(self, tag):
        """The attributes of every element of one kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_answer_comes_first_in_words(evaluated):
    text = Page(render(evaluated)).text
    assert "On 1,999 test images, 87.5 % of the pixels are right; mean IoU 0.764." in text
    assert "Hardest class: cell (IoU 0.706), most often taken for <b>x</b>." in text
    order = ["On 1,999", "A typical example", "Share of the pixels", "3 epochs of",
             "Scores by class", "Read along a row", "Worst", "These commands"]  # fmt: skip
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)


def test_names_from_files_are_escaped(evaluated):
    html = render(evaluated)
    assert "<b>" not in html
    assert "<i>" not in html
    page = Page(html)
    assert HOSTILE_CLASS in page.text
    assert HOSTILE_NAME in page.text
    assert HOSTILE_NAME in [image["alt"] for image in page.all("img")]


def test_the_page_loads_nothing_and_runs_nothing(evaluated):
    html = render(evaluated)
    page = Page(html)
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert all(link["href"].startswith("#") for link in page.all("a"))
    assert not page.all("script")
    assert "url(" not in html
    assert not re.search(r"https?:", html)


def test_the_page_is_accessible_and_its_parts_are_in_order(evaluated):
    page = Page(render(evaluated))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert max(np.diff(levels)) == 1
    assert all(image["alt"] and image["width"] for image in page.all("img"))
    assert all(cell["scope"] in ("col", "row", "colgroup") for cell in page.all("th"))
    assert len(page.all("table")) == len(page.all("caption")) == 4
    drawings = [svg for svg in page.all("svg") if svg["class"] == "chart"]
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawings)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert {link["href"] for link in page.all("a")} == {f"#{name}" for name in ids}


def test_a_class_that_occurs_nowhere_has_a_dash_and_an_explanation(evaluated):
    text = Page(render(evaluated)).text
    assert "rare – – – – 0.0 %" in text
    assert "– means that the class occurs neither in the truth nor in the prediction" in text


def test_the_confusion_matrix_is_by_row(evaluated):
    text = Page(render(evaluated)).text
    assert "cell 75.0 % 25.0 % 0.0 %" in text
    assert f"{HOSTILE_CLASS} 4.2 % 95.8 % 0.0 %" in text
    assert "rare – – –" in text


def test_class_shares_and_counts_by_split(run):
    text = Page(render(run)).text
    assert "Training 6 images Validation 2 images Test 0 images" in text
    assert "cell 66.7 % 50.0 % –" in text


def test_without_an_evaluation_the_command_is_named(run):
    page = Page(render(run))
    assert "Nothing has been evaluated yet." in page.text
    assert f"maskwright evaluate '{run.path.as_posix()}'" in page.text
    assert len(page.all("img")) == 6


def test_validation_scores_stand_in_with_a_warning_until_there_is_a_test(run):
    evaluate(run, "val")
    text = Page(render(run)).text
    assert "On 1,999 validation images" in text
    assert "This score flatters." in text
    evaluate(run, "test")
    text = Page(render(run)).text
    assert "On 1,999 test images" in text
    assert "This score flatters." not in text


@pytest.mark.parametrize(("uses", "told"), [(0, None), (1, "once."), (3, "3 times; scores chosen")])
def test_near_the_answer_stands_how_often_the_test_images_were_used(evaluated, uses, told):
    rows = "time,split\n" + "2026-01-01T00:00:00+00:00,test\n" * uses
    (evaluated.path / "evaluation" / "test-uses.csv").write_text(rows)
    text = Page(render(evaluated)).text
    words = "The test images have been used"
    assert (words in text) == bool(told)
    assert not told or text.index("On 1,999") < text.index(f"{words} {told}") < text.index("A typ")


def test_looks_at_the_test_images_are_not_told_with_validation_scores(run):
    evaluate(run, "val")
    (run.path / "evaluation" / "test-uses.csv").write_text("time,split\n2026-01-01,all\n")
    assert "The test images have been used" not in Page(render(run)).text


def test_data_that_are_gone_are_said_to_be_gone(run):
    shutil.rmtree(run.dataset.root)
    page = Page(render(run))
    assert f"The data are no longer in {run.dataset.root}, so no training images" in page.text
    assert not page.all("img")


def test_a_lost_training_image_is_named_and_the_others_are_shown(run):
    (run.dataset.root / "images" / "3.png").unlink()
    page = Page(render(run))
    assert re.search(r"1 of 6 samples cannot be shown: .*3\.png: no such file", page.text)
    assert len(page.all("img")) == 5


def test_a_lost_evaluation_picture_leaves_a_note(evaluated):
    (evaluated.path / "evaluation" / "test-pictures" / "best-1-truth.jpg").unlink()
    assert Page(render(evaluated)).text.count("This picture is no longer in the run folder.") == 1


def test_a_run_that_has_just_begun_has_a_report(run):
    (run.path / "metrics.csv").unlink()
    page = Page(render(run))
    assert "No epoch of this training has ended yet." in page.text
    assert "Best epoch" not in page.text


def test_the_file_is_replaced_whole_and_small(evaluated):
    path = write_report(evaluated)
    path.write_text("old")
    assert write_report(evaluated) == evaluated.path / "report.html"
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert path.stat().st_size < 3_000_000
    assert not list(evaluated.path.glob("*.part*"))


def test_pictures_stay_small_whatever_they_show():
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    noise[:] = np.kron(noise[:350, :350], np.ones((2, 2, 1), np.uint8))
    picture = embed(noise, "noise")
    assert (picture.width, picture.height) == (320, 320)
    assert len(picture.source) < LARGEST * 4 / 3 + 30


def test_an_unwritable_report_is_one_line_and_leaves_no_part(run):
    (run.path / "report.html").mkdir()
    with pytest.raises(WriteError, match=r"report\.html cannot be written \(Is a directory\); a f"):
        write_report(run)
    assert not list(run.path.glob("*.part*"))


def test_an_incomplete_run_names_the_missing_file(run):
    (run.path / "data.json").unlink()
    with pytest.raises(RunError, match=r"data\.json is missing, so .* is no complete run; train"):
        write_report(run)


def test_no_engine_is_imported(evaluated):
    script = (
        "import sys; from maskwright.report import write_report; from maskwright.runs import load;"
        "write_report(load(sys.argv[1])); print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(evaluated.path)], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"


def test_the_best_epoch_follows_the_setting(tmp_path):
    config = replace(Config(), train=TrainConfig(epochs=5, monitor="loss"))
    told = Page(render(make_run(tmp_path / "run", make_data(tmp_path / "data"), config))).text
    assert "3 epochs of the 5 planned took 2 min 6 s. The best is epoch 2, with the lowest" in told
    assert "loss on the validation images, 0.700" in told


def test_the_legend_says_which_class_is_left_untinted(run, monkeypatch):
    assert "untinted" not in render(run)
    monkeypatch.setattr(ClassTable, "ground", [0])
    assert "cell (left untinted in pictures)" in " ".join(
        re.sub("<[^>]*>", "", render(run)).split()
    )


def test_the_best_epoch_is_one_of_all_and_not_of_those_validated(run):
    (run.path / "metrics.csv").write_text(METRICS.replace("\n3,", "\n9,").replace("\n2,", "\n5,"))
    text = Page(render(run)).text
    assert re.search(r"5 of 9\s+Best epoch", text) or re.search(r"Best epoch\s+5 of 9", text)
