"""Builders that tests share: tiny datasets, a table, a run, a predictor without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.config import Config, ModelConfig, ViewConfig
from maskwright.data.dataset import Dataset, load_dataset
from maskwright.data.labels import ClassTable, Label
from maskwright.predictor import Predictor
from maskwright.runs import Run, create_run


@pytest.fixture
def save() -> Callable[..., Path]:
    """Write an array as an image file (folders are made), and give its path back."""

    def write(path: Path, pixels: np.ndarray, **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, **options)
        return path

    return write


@pytest.fixture
def write_pairs(save) -> Callable[..., Path]:
    """Write images/N.png and masks/N.png of 12×10 pixels with the mask values 0 and 1.

    The lower half of each mask is 1; each image is 200 where its mask is 1, else 30.
    """

    def write(root: Path, count: int = 4, images: str = "images", masks: str = "masks") -> Path:
        for number in range(count):
            mask = np.zeros((10, 12), np.uint8)
            mask[5:] = 1
            image = np.where(mask[..., None] == 1, 200, 30).astype(np.uint8).repeat(3, axis=2)
            save(root / images / f"{number}.png", image)
            save(root / masks / f"{number}.png", mask)
        return root

    return write


@pytest.fixture
def table() -> ClassTable:
    """Two classes: ground is the mask value 0, thing is 1; 255 is ignored."""
    labels = (Label("ground", "#000080", (0,)), Label("thing", "#ff8000", (1,)))
    return ClassTable("index", labels, (255,))


@pytest.fixture
def dataset(tmp_path, write_pairs) -> Dataset:
    """Ten of the pairs of ``write_pairs``: 8 train, 1 val, 1 test."""
    return load_dataset(write_pairs(tmp_path / "data", 10))


@pytest.fixture
def config() -> Config:
    return Config(view=ViewConfig(size=16), model=ModelConfig(filters=(4, 8)))


@pytest.fixture
def threshold() -> Callable[[ClassTable], Predictor]:
    """A predictor that needs no network: bright pixels are class 1, dark ones class 0."""

    def predictor(table: ClassTable) -> Predictor:
        def logits(views: np.ndarray) -> np.ndarray:
            bright = np.where(views.mean(axis=-1) > 115, 9.0, -9.0).astype(np.float32)
            return np.stack([-bright, bright], axis=-1)

        return Predictor(logits, ViewConfig(size=32), table)

    return predictor


@pytest.fixture
def run(tmp_path, dataset, config, threshold) -> Run:
    """A run folder whose predictor is ``threshold``, so that no engine is imported."""
    made = create_run(tmp_path / "run", config, dataset)
    vars(made)["predictor"] = threshold(dataset.table)
    return made
