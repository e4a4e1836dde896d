"""Exported models: opened by their own runtime, and used wherever a run is, without Keras."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import file_digest
from pathlib import Path

import numpy as np

from maskwright.artifacts.facts import Facts
from maskwright.artifacts.runtimes import OPENERS, Runtime, SavedModel
from maskwright.calibration import Calibration
from maskwright.data.labels import ClassTable
from maskwright.data.rims import merged
from maskwright.errors import RunError
from maskwright.predictor import Predictor
from maskwright.runs import Run, load

NAMES = ("model.onnx", "model.xml", "model.tflite", "saved_model")  # in an export's folder


@dataclass(frozen=True)
class Artifact:
    """An exported model, open in its runtime."""

    path: Path
    runtime: Runtime

    @property
    def facts(self) -> Facts:
        """What it knows of itself."""
        return self.runtime.facts

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
        if not self.rims:
            return self.parter
        heat, logits = np.float32(self.facts.temperature), self.runtime.logits
        return replace(self.parter, logits=lambda squares: heat * merged(logits(squares)))

    @cached_property
    def parter(self) -> Predictor:
        """As ``predictor``, with a class more where rims were learnt; ``rims.apart`` undoes it."""
        facts, logits = self.facts, self.runtime.logits
        heat = np.float32(facts.temperature)
        return Predictor(
            lambda squares: heat * logits(squares),
            facts.view, facts.table, facts.bands, facts.margin, facts.temperature,
        )  # fmt: skip


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
    return Artifact(place, SavedModel(place) if place.is_dir() else OPENERS[place.suffix](place))


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
