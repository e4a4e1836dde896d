"""Exported models: opened by their own runtime, and used wherever a run is, without Keras."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import file_digest
from pathlib import Path

import numpy as np

from maskwright.artifacts.facts import IMAGE, Facts, facts_from
from maskwright.artifacts.runtimes import OPENERS, Runtime, SavedModel
from maskwright.calibration import Calibration
from maskwright.data.labels import ClassTable
from maskwright.errors import RunError
from maskwright.predictor import Predictor
from maskwright.runs import Run, load

LEAST = 1e-12  # of a probability, so that it has a logarithm
NAMES = ("model.onnx", "model.xml", "model.tflite", "saved_model")  # in an export's folder


@dataclass(frozen=True)
class Artifact:
    """An exported model, open in its runtime."""

    path: Path
    facts: Facts
    runtime: Runtime

    @property
    def table(self) -> ClassTable:
        """The class table of the run that it was made of."""
        return self.facts.table

    @property
    def calibration(self) -> Calibration | None:
        """What the run's validation images said of its probabilities."""
        return self.facts.calibration

    @property
    def rims(self) -> bool:
        """Whether it tells what lies inside of objects, so that those that touch are parted."""
        return self.facts.rims

    @cached_property
    def digest(self) -> str:
        """The SHA-256 sum, in hex, of the file that holds its weights."""
        weights = {".xml": self.path.with_suffix(".bin")}.get(self.path.suffix, self.path)
        if weights.is_dir():
            weights = weights / "variables" / "variables.data-00000-of-00001"
        with weights.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    @cached_property
    def predictor(self) -> Predictor:
        """Turns images of any size into calibrated probabilities and masks."""
        facts = self.facts
        margin = 0 if facts.takes == IMAGE else facts.margin  # an image's border it mirrors itself

        def logits(views: np.ndarray) -> np.ndarray:
            return logits_for(self.runtime(views)["probabilities"], facts.temperature)

        heat = facts.temperature
        return Predictor(logits, facts.view, facts.table, facts.bands, margin, heat)

    @cached_property
    def parter(self) -> Predictor:
        """As ``predictor``, with a class more where rims were learnt; ``rims.apart`` undoes it."""
        if not self.rims:
            return self.predictor

        def logits(views: np.ndarray) -> np.ndarray:
            found = self.runtime(views)
            inside, chances = found["inside"], found["probabilities"]
            parts = np.stack([chances[..., 0], inside, chances[..., 1] - inside], axis=-1)
            return logits_for(parts, self.facts.temperature)

        return replace(self.predictor, logits=logits)


def logits_for(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Logits float32 [..., C] that become these probabilities at the temperature."""
    return np.log(np.maximum(probabilities, LEAST)) * np.float32(temperature)


def place_of_artifact(path: Path) -> Path | None:
    """The artifact that a path names, itself or in an export's folder; None where it is none."""
    if path.suffix in OPENERS and path.is_file():
        return path
    if (path / "saved_model.pb").is_file():
        return path
    return next((path / name for name in NAMES if (path / name).exists()), None)


def open_artifact(path: str | Path) -> Artifact:
    """Open an exported model: .onnx, .xml (OpenVINO), .tflite, a SavedModel, or their folder.

    Raises RunError where it is none, is damaged, or says nothing of its classes; DataError where
    its runtime is not installed, naming the extra that installs it.
    """
    place = place_of_artifact(Path(path))
    if place is None:
        raise RunError(
            f"{path} is no exported model: name a .onnx, .xml or .tflite file, a SavedModel, or "
            "the folder that maskwright export wrote"
        )
    runtime = SavedModel(place) if place.is_dir() else OPENERS[place.suffix](place)
    if runtime.facts is None:
        raise RunError(
            f"{place} was not exported by Maskwright: it says nothing of its classes and views"
        )
    return Artifact(place, facts_from(runtime.facts, place), runtime)


def opened(model: Run | Artifact | str | Path) -> Run | Artifact:
    """A run or an artifact, whatever is named."""
    if not isinstance(model, str | Path):
        return model
    return open_artifact(model) if place_of_artifact(Path(model)) else load(model)


def scored_run(model: Run | Artifact | str | Path) -> Run:
    """The run that is scored: an artifact's own, predicting by it, with its results beside it.

    Raises RunError where that run is not there: it knows the data and how they were split.
    """
    one = opened(model)
    if isinstance(one, Run):
        return one
    folder = one.path.parent
    run = Run(folder.parent.parent, results=folder)
    made = one.facts.made
    if not (run.path / "config.toml").is_file() or run.digest != made.get("sha256"):
        raise RunError(
            f"{one.path} is scored on the data of the run that it was made of, "
            f"{made.get('run', 'unknown')}, and {run.path} is not that run; put its folder back "
            "into the run's exports/, or predict with it"
        )
    vars(run).update(predictor=one.predictor, _rims_predictor=one.parter)
    return run
