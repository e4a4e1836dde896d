"""The run folder: one training and all it left behind."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskwright.calibration import Calibration
from maskwright.config import Config, flatten
from maskwright.console import say
from maskwright.data.dataset import Dataset
from maskwright.data.folders import SPLITS, manifest
from maskwright.data.images import bands_from_dict
from maskwright.data.labels import ClassTable, from_dict
from maskwright.data.rims import channels, rims_of
from maskwright.data.usual import Usual, usual_from
from maskwright.errors import RunError, UsageError, WriteError, beside
from maskwright.files import whole_file, write_text
from maskwright.keras_predictor import model_predictor, rims_predictor
from maskwright.settings import change, read_config, to_toml
from maskwright.texts import read_json, read_toml

if TYPE_CHECKING:
    from maskwright.engine import keras
    from maskwright.predictor import Predictor
    from maskwright.shapes.objects import Objects

FORMAT = 2  # of the run folder; 1 had no run.json
RIM = "train.rim"  # older runs have no such setting, and no rims
MOST_JSON = 64_000_000  # bytes of a file in it
DAMAGED = "it is damaged, or of another version: train again"


@dataclass(frozen=True)
class Run:
    """A run folder on disk; everything is read when asked for.

    ``network`` is the one that somebody brought along, where it is at hand; ``guard`` is called
    before results are written, and raises where they may not be. ``results`` is the folder in which
    evaluation/ lies, where that is not the run's own.
    """

    path: Path
    network: keras.Model | None = field(default=None, compare=False, repr=False)
    guard: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)
    results: Path | None = None

    @cached_property
    def config(self) -> Config:
        """The complete configuration, from config.toml."""
        path = self.path / "config.toml"
        try:
            settings = read_config(path)
            config = change(Config(), {RIM: 0.0, **settings})
        except UsageError as error:
            reason = str(error).removeprefix(f"{path} ")
            raise RunError(f"{path}: {reason}; {DAMAGED}") from None
        parts = [key.split(".")[0] for key in flatten(config)]
        if lacks := set(parts) - {key.split(".")[0] for key in settings}:
            raise RunError(f"{path} is not complete: it has no {min(lacks)}; {DAMAGED}")
        return config

    @cached_property
    def dataset(self) -> Dataset:
        """The data as they were split for this training; paths are not checked again."""
        path = self.path / "dataset.toml"
        try:
            described = read_toml(path)
            root, pixels = Path(described["root"]), self.data["pixels"]
            return Dataset(
                root,
                "manifest",
                from_dict(described, path),
                manifest(self.path / "split.csv", root).pairs,
                {split: np.array(pixels[split], np.int64) for split in SPLITS},
                bands_from_dict(described.get("bands", {}), path),
            )
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise RunError(f"{path}: {reason_of(error)}; {DAMAGED}") from None

    @cached_property
    def usual(self) -> Usual | None:
        """What the images that it was trained on are like; None in an old run."""
        try:
            return usual_from(self.data.get("usual"))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise RunError(f"{self.path / 'data.json'}: {reason_of(error)}; {DAMAGED}") from None

    @property
    def table(self) -> ClassTable:
        """The class table that the model was trained with."""
        return self.dataset.table

    @cached_property
    def model(self) -> keras.Model:
        """The best model: image uint8 [B, S, S, C] to logits float32 [B, S, S, channels]."""
        path = self.path / "model.keras"
        if not path.is_file() and self.about["finished"] and self.metrics():
            raise RunError(
                f"{path} is missing, though this training ended: put it back, or train again"
            )
        if not path.is_file():
            raise RunError(
                f"{path} is missing: no epoch of this training ended; go on with it, by "
                f"maskwright train DATA --out {self.path} --resume"
            )
        if not self.about["finished"]:
            say(f"the training of {self.path} has not ended: this is its best epoch so far")
        from maskwright.models.opening import filled, open_model, open_own

        if self.network is not None:
            return filled(path, self.network)
        if self.about["own_model"]:
            return open_own(path)
        try:
            classes, bands = channels(self.table, self.config), self.dataset.bands.count
            return open_model(path, self.config.model, classes, bands)
        except RunError:
            if self.about["format"] > 1:
                raise
            return open_own(path)  # in the first format nobody wrote down whose network it is

    @cached_property
    def calibration(self) -> Calibration | None:
        """What the validation images said of the model's probabilities; None in an old run."""
        if not (self.path / "calibration.json").is_file():
            return None
        try:
            return Calibration.from_dict(self.read_json("calibration.json"))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise RunError(
                f"{self.path / 'calibration.json'}: {reason_of(error)}; {DAMAGED}, or remove this "
                "file to go on without it"
            ) from None

    @cached_property
    def predictor(self) -> Predictor:
        """Turns images of any size into calibrated probabilities and masks."""
        plain = model_predictor(self.model, self.config, self.table, self.dataset.bands)
        found = self.calibration
        return replace(plain, temperature=found.temperature) if found else plain

    @property
    def parter(self) -> Predictor:
        """As ``predictor``, with a class more where rims were learnt; ``rims.apart`` undoes it."""
        return self._rims_predictor if self.rims else self.predictor

    @cached_property
    def _rims_predictor(self) -> Predictor:
        return rims_predictor(self.predictor, self.model)

    @property
    def rims(self) -> bool:
        """Whether the rims of objects were learnt, so that those that touch are parted."""
        return rims_of(self.table, self.config) is not None

    @property
    def digest(self) -> str:
        """The SHA-256 sum of model.keras in hex, an empty string where there is none."""
        if not (path := self.path / "model.keras").is_file():
            return ""
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    @property
    def evaluations(self) -> Path:
        """The folder of its evaluations."""
        return (self.results or self.path) / "evaluation"

    def predict(self, image: np.ndarray | str | Path) -> np.ndarray:
        """Class indices uint8 [H, W] of image uint8 [H, W, C] or an image file."""
        return self.predictor.mask(image)

    def objects(self, image: np.ndarray | str | Path, **options: Any) -> Objects:
        """The objects of image uint8 [H, W, C] or an image file as ``predict --objects`` finds
        them; ``options`` are those of ``find_objects``, such as ``least=30``."""
        from maskwright.shapes.objects import predicted_objects

        return predicted_objects(self.parter, image, **options)

    def metrics(self) -> list[dict[str, float]]:
        """The rows of metrics.csv, one an epoch."""
        path = self.path / "metrics.csv"
        if not path.is_file():
            return []
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return [{key: float(row[key]) for key in row} for row in csv.DictReader(file)]
        except (ValueError, TypeError, csv.Error):
            raise RunError(
                f"{path} is damaged: not all of its rows are of numbers; remove it: with it only "
                "the curves of the report are lost"
            ) from None

    @cached_property
    def data(self) -> dict[str, Any]:
        """What data.json says of the data."""
        return self.read_json("data.json")

    @cached_property
    def about(self) -> dict[str, Any]:
        """What run.json says: format, finished or not, and whose network it is."""
        old = {"format": 1, "finished": True, "own_model": False}
        return old if not (self.path / "run.json").is_file() else old | self.read_json("run.json")

    def read_json(self, name: str) -> dict[str, Any]:
        """One of the run's JSON files."""
        path = self.path / name
        try:
            return read_json(path, MOST_JSON)
        except ValueError as error:
            raise RunError(f"{path}: {error}; {DAMAGED}") from None

    def write_about(self, *, finished: bool, own_model: bool) -> None:
        """Write run.json."""
        self.guard()
        about = {"format": FORMAT, "finished": finished, "own_model": own_model}
        write_json(self.path / "run.json", about)
        self.__dict__.pop("about", None)

    def write_metrics(self, rows: Sequence[dict[str, float]]) -> None:
        """Write metrics.csv, a row an epoch that was validated; none, no file."""
        self.guard()
        if not rows:
            (self.path / "metrics.csv").unlink(missing_ok=True)
            return
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[-1]), restval="nan")  # older ones may lack some
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.6g}" for key, value in row.items()})
        write_text(self.path / "metrics.csv", text.getvalue())

    def write_config(self, config: Config) -> None:
        """Write config.toml, complete."""
        write_text(self.path / "config.toml", to_toml(config))
        self.__dict__.pop("config", None)

    def forget_scores(self) -> None:
        """Remove the scores of a model that is about to change; how often is still written down."""
        for path in (self.path / "evaluation").glob("*.json"):
            path.with_suffix(".npz").unlink(missing_ok=True)
            path.unlink()
            self.tell(f"{path} was of the model so far: evaluate again at the end")

    def save_model(self, model: keras.Model, calibration: Calibration | None = None) -> None:
        """Write model.keras, and calibration.json before it, each whole or not at all."""
        self.guard()
        if calibration:
            write_json(self.path / "calibration.json", calibration.to_dict())
            self.__dict__.pop("calibration", None)
        with whole_file(self.path / "model.keras") as part:
            model.save(part)

    def log(self, text: str) -> None:
        """Append a line to log.txt."""
        path = self.path / "log.txt"
        try:
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text.rstrip() + "\n")
        except OSError as error:
            raise WriteError.of(path, error) from error

    def tell(self, text: str) -> None:
        """Say it to people and to log.txt."""
        say(text)
        self.log(text)

    def evaluation(self, name: str = "test") -> dict[str, Any] | None:
        """The scores in evaluation/NAME.json, None where there are none yet."""
        name = f"evaluation/{name}.json"
        return self.read_json(name) if (self.path / name).is_file() else None


def reason_of(error: Exception) -> str:
    """What is wrong, in words, where a key may be all that an error says."""
    return f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())


def load(path: str | Path, *, model: keras.Model | None = None) -> Run:
    """Open a run folder.

    A ``model`` of your own is given where it has layers that are not Keras's own; the run's weights
    are read into it. Raises RunError where ``path`` is no run folder.
    """
    folder = Path(path)
    if folder.is_file():
        raise RunError(f"{folder} is a file; name the run folder that holds it")
    if not folder.is_dir():
        hint = beside(folder, "check the path (maskwright train makes one)")
        raise RunError(f"{folder}: no such run folder; {hint}")
    if not (folder / "config.toml").is_file():
        raise RunError(
            f"{folder} is no run folder: it has no config.toml; name one that train made"
        )
    for name in ("dataset.toml", "split.csv", "data.json"):
        if not (folder / name).is_file():
            raise RunError(f"{folder} is incomplete: it has no {name}; train again")
    run = Run(folder, network=model)
    check_format(run)
    return run


def check_format(run: Run) -> None:
    """Refuse a run folder of a version to come."""
    if not isinstance(number := run.about["format"], int) or not 1 <= number <= FORMAT:
        raise RunError(
            f"{run.path} is of format {number}, and this version of Maskwright reads up to "
            f"{FORMAT}; install a newer one"
        )


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
