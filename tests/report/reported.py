"""A run for the report: made by the real code, but for its network and its training."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.calibration import Calibration
from maskwright.config import Config, ViewConfig
from maskwright.data.dataset import Dataset
from maskwright.data.labels import ClassTable, Label
from maskwright.data.pairing import Pair
from maskwright.evaluation import evaluate
from maskwright.predictor import Predictor
from maskwright.recording import create_run
from maskwright.runs import Run, write_json
from maskwright.validate import validate

HOSTILE_CLASS, HOSTILE_NAME = "<b>x</b>", 'it\'s "6" & <i>.png'
HEIGHT, WIDTH = 48, 64
METRICS = """\
epoch,seconds,learning_rate,loss,pixel_accuracy,val_loss,val_pixel_accuracy,val_mean_iou
1,40,0.002,1.1,0.5,1.2,0.45,0.3
2,80,0.001,0.8,0.6,0.7,0.66,0.52
3,126,0.0005,0.6,0.7,0.9,0.6,0.5
"""
PLAN = """\
# Plan for data

- 6 images to train on, <i>few</i>
- thinnest class: cell

| setting | value | why |
|---|---|---|
| `view.size` | 64 | there is time for 3 | 4 views |
| `model.encoder` | none | <b>small</b> |
"""
TABLE = ClassTable(
    "index",
    (
        Label("cell", "#e69f00", (1,)),
        Label(HOSTILE_CLASS, "#0072b2", (2,)),
        Label("rare", "#f0e442", (3,)),  # occurs nowhere
    ),
    (255,),
)


def make_data(root: Path, tests: int = 24) -> Dataset:
    """Six training, four validation and some test images of noise, brighter where the class is x.

    Of the test images of dogs more pixels are wrong than of cats. The last one has a hostile name,
    and is wrong everywhere.
    """
    splits = ["train"] * 6 + ["val"] * 4 + ["test"] * tests
    pairs = [_write(root, number, split) for number, split in enumerate(splits)]
    if tests:
        pairs[-1] = _write(root, len(splits) - 1, "test", HOSTILE_NAME)
    counts = {"train": [19_200, 9_600, 0], "val": [4_800, 4_800, 0], "test": [0, 0, 0]}
    pixels = {split: np.array(values) for split, values in counts.items()}
    return Dataset(root, "pairs", TABLE, tuple(pairs), pixels)


def _write(root: Path, number: int, split: str, name: str = "") -> Pair:
    rng = np.random.default_rng(number)
    dog = number % 2
    mask = np.ones((HEIGHT, WIDTH), np.uint8)
    mask[HEIGHT // 2 :] = 2
    for size in range(1, 9):  # small pieces, of which the smallest are hard to see
        y, x = 2, 7 * size
        mask[y : y + size, x - 4 : x - 4 + min(size, 6)] = 2
    grey = np.where(mask == 2, 140, 90) + rng.normal(0, 18 + 22 * dog, mask.shape)
    if name:
        grey = 255 - grey
    image = np.stack([grey.clip(0, 255).astype(np.uint8)] * 3, axis=-1)
    file = name or f"{('cat', 'dog')[dog]}_{number}.png"
    paths = root / "images" / file, root / "masks" / file
    mask[:3, :3] = 255
    for path, content in zip(paths, (image, mask), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(content).save(path)
    return Pair(*paths, split)


def make_run(path: Path, dataset: Dataset, config: Config | None = None, plan: str = PLAN) -> Run:
    """A run folder as the training writes it, without a model; it predicts by brightness."""
    run = create_run(path, config or Config(view=ViewConfig(size=64)), dataset, plan=plan)
    (path / "metrics.csv").write_text(METRICS)
    (path / "log.txt").write_text('Model: "unet"\n Total params: 2,163,155 (8 MB)\nepoch   1/3\n')
    environment = {
        "python": "3.11.7", "platform": "Linux", "processor": "a processor", "cores": 2,
        "engine": "tensorflow", "packages": {"keras": "3.15.1"}, "command": "maskwright train data",
    }  # fmt: skip
    (path / "environment.json").write_text(json.dumps(environment))

    def logits(views: np.ndarray) -> np.ndarray:
        bright = (views.mean(axis=-1, dtype=np.float32) - 115) / 18
        return np.stack([-bright, bright, np.full_like(bright, -20)], axis=-1)

    vars(run)["predictor"] = Predictor(logits, run.config.view, run.table)
    return run


def calibrate(run: Run) -> None:
    """What the training finds out on the validation images, and writes down."""
    found = validate(run.predictor, run.dataset.of("val"))
    made = Calibration.fit(found.sample, run.table.names)
    assert made
    write_json(run.path / "calibration.json", made.to_dict())
    vars(run).pop("calibration", None)
    vars(run)["predictor"] = replace(run.predictor, temperature=made.temperature)


def make_evaluated(path: Path, data: Path) -> Run:
    """A run after an evaluation on its test images."""
    run = make_run(path, make_data(data))
    calibrate(run)
    evaluate(run)
    return run


def rewrite(run: Run, change: dict, split: str = "test") -> None:
    """Change values in evaluation/SPLIT.json; None takes one away."""
    path = run.path / "evaluation" / f"{split}.json"
    scores = json.loads(path.read_text()) | change
    kept = {key: value for key, value in scores.items() if value is not None}
    path.write_text(json.dumps(kept))


def repeat_rows(run: Run, count: int) -> None:
    """So many rows in evaluation/test.csv, each a little better than the one before."""
    path = run.path / "evaluation" / "test.csv"
    with path.open(newline="", encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        for number in range(count):
            score = f"{(number + 1) / (count + 1):.6f}"
            writer.writerow(first | {"image": f"images/image_{number}.png", "mean_iou": score})


class Page(HTMLParser):
    """Elements with their attributes, the text, and whether every element is closed in order."""

    VOID = frozenset({"meta", "link", "img", "input"})

    def __init__(self, html):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
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
        if not {"style", "script"} & set(self.open):
            self.words += data.split()

    @property
    def text(self):
        """All words, apart by one space."""
        return " ".join(self.words)

    def all(self, tag):
        """The attributes of every element of one kind."""
        return [attributes for name, attributes in self.elements if name == tag]
