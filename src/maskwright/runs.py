"""The run folder: one training and all it left behind."""

from __future__ import annotations

import csv
import json
import os
import platform
import shlex
import sys
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskwright.config import Config
from maskwright.console import say
from maskwright.data.dataset import Dataset, write_dataset
from maskwright.data.folders import SPLITS, manifest
from maskwright.data.images import RGB, Bands, bands_from_dict
from maskwright.data.labels import ClassTable, from_dict
from maskwright.data.splits import write_split
from maskwright.errors import RunError, UsageError
from maskwright.settings import change, read_config, to_toml

if TYPE_CHECKING:
    from maskwright.engine import keras
    from maskwright.predictor import Predictor

PACKAGES = ("maskwright", "keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy",
            "opencv-python-headless", "pillow")  # fmt: skip

# The files that stand before the first epoch has ended.
BEGUN = (
    "config.toml",
    "dataset.toml",
    "split.csv",
    "data.json",
    "environment.json",
    "log.txt",
    "plan.md",
)


@dataclass(frozen=True)
class Run:
    """A run folder on disk; everything is read when asked for."""

    path: Path

    @cached_property
    def config(self) -> Config:
        """The complete configuration, from config.toml."""
        return change(Config(), read_config(self.path / "config.toml"))

    @cached_property
    def dataset(self) -> Dataset:
        """The data as they were split for this training; paths are not checked again."""
        path = self.path / "dataset.toml"
        described = tomllib.loads(path.read_text(encoding="utf-8"))
        root = Path(described["root"])
        listing = manifest(self.path / "split.csv", root)
        pixels = json.loads((self.path / "data.json").read_text(encoding="utf-8"))["pixels"]
        return Dataset(
            root,
            "manifest",
            from_dict(described, path),
            listing.pairs,
            {split: np.array(pixels[split], np.int64) for split in SPLITS},
            bands_from_dict(described.get("bands", {}), path),
        )

    @property
    def table(self) -> ClassTable:
        """The class table that the model was trained with."""
        return self.dataset.table

    @cached_property
    def model(self) -> keras.Model:
        """The best model: image uint8 [B, S, S, C] to logits float32 [B, S, S, classes]."""
        from maskwright.engine import keras

        path = self.path / "model.keras"
        if not path.is_file():
            raise RunError(f"{path} is missing: no epoch of this training ended; train again")
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # whatever zipfile, h5py, json and Keras find wrong with it
            raise RunError(f"{path} cannot be opened ({error}); train again") from error

    @cached_property
    def predictor(self) -> Predictor:
        """Turns images of any size into probabilities and masks."""
        return model_predictor(self.model, self.config, self.table, self.dataset.bands)

    def predict(self, image: np.ndarray | str | Path) -> np.ndarray:
        """Class indices uint8 [H, W] of image uint8 [H, W, C] or an image file."""
        return self.predictor.mask(image)

    def metrics(self) -> list[dict[str, float]]:
        """The rows of metrics.csv, one an epoch."""
        path = self.path / "metrics.csv"
        if not path.is_file():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return [{key: float(row[key]) for key in row} for row in csv.DictReader(file)]

    def add_metrics(self, row: dict[str, float]) -> None:
        """Append one epoch to metrics.csv."""
        path = self.path / "metrics.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow({key: f"{value:.6g}" for key, value in row.items()})

    def forget_metrics(self) -> None:
        """Begin metrics.csv anew."""
        (self.path / "metrics.csv").unlink(missing_ok=True)

    def write_config(self, config: Config) -> None:
        """Write config.toml, complete."""
        (self.path / "config.toml").write_text(to_toml(config), encoding="utf-8")

    def write_plan(self, text: str) -> None:
        """Write plan.md: what was chosen, and why."""
        (self.path / "plan.md").write_text(text, encoding="utf-8")

    def save_model(self, model: keras.Model) -> None:
        """Write model.keras whole or not at all."""
        part = self.path / "model.part.keras"
        model.save(part)
        part.replace(self.path / "model.keras")

    def discard(self) -> None:
        """Remove the files of a run that came to nothing, and its folder if no other is in it."""
        for name in (*BEGUN, "model.part.keras"):
            (self.path / name).unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def log(self, text: str) -> None:
        """Append a line to log.txt."""
        with (self.path / "log.txt").open("a", encoding="utf-8") as file:
            file.write(text.rstrip() + "\n")

    def tell(self, text: str) -> None:
        """Say it to people and to log.txt."""
        say(text)
        self.log(text)

    def evaluation(self, name: str = "test") -> dict[str, Any] | None:
        """The scores in evaluation/NAME.json, None where there are none yet."""
        path = self.path / "evaluation" / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def model_predictor(
    model: keras.Model, config: Config, table: ClassTable, bands: Bands = RGB
) -> Predictor:
    """A Predictor that runs a Keras model; where it mirrors its border, without that."""
    from maskwright.models import without_mirror
    from maskwright.predictor import Predictor

    inner, margin = without_mirror(model)
    return Predictor(inner.predict_on_batch, config.view, table, bands, margin)


def load(path: str | Path) -> Run:
    """Open a run folder.

    Raises RunError where ``path`` is none.
    """
    folder = Path(path)
    if folder.is_file():
        raise RunError(f"{folder} is a file; name the run folder that holds it")
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder; check the path (maskwright train makes one)")
    if not (folder / "config.toml").is_file():
        raise RunError(
            f"{folder} is no run folder: it has no config.toml; name one that train made"
        )
    for name in ("dataset.toml", "split.csv", "data.json"):
        if not (folder / name).is_file():
            raise RunError(f"{folder} is incomplete: it has no {name}; train again")
    return Run(folder)


def free_folder(out: str | Path | None, otherwise: str | Path) -> Path:
    """Where something new goes: ``out``, which must not exist, else the next free ``otherwise``."""
    if out is not None:
        path = Path(out)
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise RunError(f"{path} already exists; choose another --out, or remove it")
        return path
    first = free = Path(otherwise)
    number = 1
    while free.exists():
        number += 1
        free = first.with_name(f"{first.name}-{number}")
    return free


def create_run(path: Path, config: Config, dataset: Dataset) -> Run:
    """Make the run folder and write down everything that decides the training."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {path} cannot be made: {error.strerror}; choose another") from None
    run = Run(path)
    run.write_config(config)
    write_dataset(path / "dataset.toml", dataset)
    write_split(path / "split.csv", dataset.pairs, dataset.root)
    pixels = {split: counts.tolist() for split, counts in dataset.pixels.items()}
    _write_json(path / "data.json", {"images": dataset.counts(), "pixels": pixels})
    _write_json(path / "environment.json", environment())
    return run


def environment() -> dict[str, Any]:
    """Versions, engine and machine, as environment.json keeps them."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "engine": os.environ.get("KERAS_BACKEND", ""),
        "packages": {name: v for name in PACKAGES if (v := installed_version(name))},
        "command": shlex.join(["maskwright", *sys.argv[1:]]),
    }


def installed_version(package: str) -> str:
    """The version of an installed package, else an empty string."""
    try:
        return version(package)
    except ModuleNotFoundError:  # importlib.metadata.PackageNotFoundError is one
        return ""


def processor() -> str:
    """The processor's name as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
