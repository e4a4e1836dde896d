"""Exported models: opened by their own runtime, and used wherever a run is, without Keras."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import file_digest, sha256
from pathlib import Path

import numpy as np

from maskwright.artifacts.facts import KEY, VIEW, Facts
from maskwright.artifacts.runtimes import OPENERS, Found, Runtime, SavedModel, onnx_facts
from maskwright.calibration import Calibration
from maskwright.data.labels import ClassTable
from maskwright.data.rims import merged
from maskwright.data.usual import Usual
from maskwright.errors import DataError, RunError, UsageError, some
from maskwright.predictor import Predictor
from maskwright.runs import Run, load
from maskwright.texts import read_json

CERTIFICATE = "parity.json"  # in an export's folder
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

    @property
    def usual(self) -> Usual | None:
        """What the images are like that it was trained on, where that is known."""
        return self.facts.usual

    @property
    def files(self) -> list[Path]:
        """Its file, or its files in the order of their names."""
        if self.path.suffix == ".xml":
            return [self.path.with_suffix(".bin"), self.path]
        inside = sorted(one for one in self.path.rglob("*") if one.is_file())
        return inside or [self.path]

    @cached_property
    def digest(self) -> str:
        """The SHA-256 sum, in hex, of what is in its files, one after the other."""
        whole = sha256()
        for path in self.files:
            with path.open("rb") as file:
                file_digest(file, lambda: whole)
        return whole.hexdigest()

    @property
    def megabytes(self) -> float:
        """What its files take on disk."""
        return sum(one.stat().st_size for one in self.files) / 1e6

    def outputs(self, pixels: np.ndarray) -> Found:
        """What the file itself gives for images or squares uint8 [B, H, W, C], by name.

        Raises DataError where they are not of the size that it takes.
        """
        facts = self.facts
        side = facts.size + 2 * facts.margin
        wanted = (*((side, side) if facts.takes == VIEW else pixels.shape[1:3]), facts.bands.count)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted:
            sizes = f"{side}, {side}" if facts.takes == VIEW else "height, width"
            raise DataError(
                f"{self.path} takes uint8 [batch, {sizes}, {facts.bands.count}], got "
                f"{pixels.dtype} {list(pixels.shape)}; its predictor takes images of any size"
            )
        return self.runtime(pixels)

    @cached_property
    def predictor(self) -> Predictor:
        """Turns images of any size into calibrated probabilities and masks."""
        if not self.rims:
            return self.parter
        logits = self.runtime.logits
        return replace(self.parter, logits=lambda squares: self._heated(merged(logits(squares))))

    @cached_property
    def parter(self) -> Predictor:
        """As ``predictor``, with a class more where rims were learnt; ``rims.apart`` undoes it."""
        facts, logits = self.facts, self.runtime.logits
        return Predictor(
            lambda squares: self._heated(logits(squares)),
            facts.view, facts.table, facts.bands, facts.margin, facts.temperature, fixed=True,
            batch=self.runtime.batch, abreast=self.runtime.abreast,
        )  # fmt: skip

    def _heated(self, logits: np.ndarray) -> np.ndarray:
        """Logits float32 as they are before the temperature, in the place of those behind it."""
        return np.multiply(logits, np.float32(self.facts.temperature), out=logits)


def place_of_artifact(path: Path) -> Path | None:
    """The artifact that a path names, itself or in an export's folder; None where it is none."""
    if path.suffix in OPENERS and path.is_file():
        return path
    if (path / "saved_model.pb").is_file():
        return path
    return next((path / name for name in NAMES if (path / name).exists()), None)


def open_artifact(path: str | Path, *, classes: str | Path | None = None) -> Artifact:
    """Open an exported model: .onnx, .xml (OpenVINO), .tflite, a SavedModel, or their folder.

    ``classes`` is for an ONNX file from elsewhere, which says nothing of itself: a ``dataset.toml``
    with its classes, and what it takes under [input], see ``artifacts.foreign``.

    Raises RunError where it is none, is damaged, or says nothing of its classes; DataError where
    its runtime is not installed, naming the extra that installs it.
    """
    place = place_of_artifact(Path(path))
    if place is None and classes is not None and (Path(path) / "config.toml").is_file():
        raise UsageError(f"{path} is a run, which knows its classes; leave those out")
    if place is None:
        refuse_folder_of_exports(Path(path))
        raise RunError(
            f"{path} is no exported model: name a .onnx, .xml or .tflite file, a SavedModel, or "
            "the folder that maskwright export wrote"
        )
    if classes is not None:
        return Artifact(place, from_elsewhere(place, Path(classes)))
    runtime = SavedModel(place) if place.is_dir() else OPENERS[place.suffix](place)
    return unchanged(Artifact(place, runtime))


def refuse_folder_of_exports(folder: Path) -> None:
    """Raise RunError, with their names, where a folder, or that of a run, holds exports."""
    ways = (f"*/{CERTIFICATE}", f"exports/*/{CERTIFICATE}")
    if inside := sorted(one.parent for way in ways for one in folder.glob(way)):
        raise RunError(f"{folder} holds exports: name one of them, {some(inside)}")


def unchanged(artifact: Artifact) -> Artifact:
    """The artifact; RunError where its certificate, if that lies beside it, is of another file."""
    if checksum_beside(artifact.path) not in (None, artifact.digest):
        weights = f", or its {artifact.path.stem}.bin," if artifact.path.suffix == ".xml" else ""
        raise RunError(
            f"{artifact.path}{weights} is not the file that was exported: its checksum is not that "
            f"in {CERTIFICATE}; copy the whole folder again, or export again"
        )
    return artifact


def checksum_beside(place: Path) -> str | None:
    """The checksum in the certificate that lies beside an artifact, None where there is none."""
    beside = place.parent / CERTIFICATE
    try:
        told = read_json(beside).get("file_sha256") if beside.is_file() else None
    except ValueError:
        return None
    return told if isinstance(told, str) else None


def is_model(path: Path) -> bool:
    """Whether a file is a model by its name; an .xml alone may be anything."""
    return path.suffix in OPENERS and (path.suffix != ".xml" or path.with_suffix(".bin").is_file())


def from_elsewhere(place: Path, classes: Path) -> Runtime:
    """A file from elsewhere; UsageError where it is none that needs its classes told."""
    if place.suffix != ".onnx" or KEY in onnx_facts(place):
        raise UsageError(
            f"{place} is not one whose classes can be told: they are read with an ONNX file from "
            "elsewhere, and Maskwright's exports carry their own; leave them out"
        )
    from maskwright.artifacts.foreign import Foreign

    return Foreign(place, classes)


def opened(
    model: Run | Artifact | str | Path, *, classes: str | Path | None = None
) -> Run | Artifact:
    """A run or an artifact, whatever is named."""
    if not isinstance(model, str | Path):
        return model
    if classes is not None or place_of_artifact(Path(model)):
        return open_artifact(model, classes=classes)
    if Path(model).is_file():
        raise RunError(
            f"{model} is a file, and no exported model, which ends in .onnx, .xml or .tflite; "
            "name one of these, or the run folder that holds it"
        )
    if not (Path(model) / "config.toml").is_file():
        refuse_folder_of_exports(Path(model))
        files = sorted(one for one in Path(model).glob("*") if is_model(one))
        if files:
            raise RunError(f"{model} is no run folder, but holds a model: name {some(files)}")
    return load(model)
