"""Builders that tests share: tiny datasets, a table, a run, a predictor without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.config import Config, ModelConfig, ViewConfig
from maskwright.data.dataset import Dataset, load_dataset
from maskwright.data.labels import ClassTable, Label
from maskwright.data.samples import write_samples
from maskwright.predictor import Predictor
from maskwright.recording import create_run
from maskwright.runs import Run

# Half of all the time, the longest first.
LONG = ("test_resume", "test_story", "test_faults", "test_encoders", "test_exporting")
LONG += ("test_stepping", "test_opening", "test_trackers", "test_tracking", "test_network")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files, so that no worker is left alone with one in the end."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


@pytest.fixture(autouse=True, scope="session")
def cache_of_the_tests(tmp_path_factory) -> Iterator[None]:
    """Keep what tests cache out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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

    The lower half of each mask is 1; each image is grey noise, of 140 to 240 where its mask is 1,
    else of 10 to 110, so that no two are nearly the same.
    """

    def write(root: Path, count: int = 4, images: str = "images", masks: str = "masks") -> Path:
        for number in range(count):
            mask = np.zeros((10, 12), np.uint8)
            mask[5:] = 1
            noise = np.random.default_rng(number).integers(-50, 51, (10, 12))
            grey = (np.where(mask == 1, 190, 60) + noise).astype(np.uint8)
            image = np.stack([grey] * 3, axis=-1)
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
    """Ten of the pairs of ``write_pairs``: 6 train, 2 val, 2 test."""
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


@pytest.fixture(scope="session")
def shapes(tmp_path_factory) -> Path:
    """Twenty generated images of about 40 pixels a side."""
    folder = tmp_path_factory.mktemp("shapes") / "shapes"
    write_samples(folder, count=20, size=40)
    return folder


@pytest.fixture(scope="session")
def on_jax() -> dict[str, str]:
    """The environment of a process that computes on JAX, and compiles fast rather than well."""
    return {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "PATH": "",
    }


@pytest.fixture
def every_step(monkeypatch):
    """A checkpoint after every step."""
    from maskwright import epochs

    monkeypatch.setattr(epochs.Epochs, "checkpoint_due", lambda story: story.steps > 0)
