"""What ``train --resume`` asks before it goes on, and how weights get to a checkpoint and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.config import flatten
from maskwright.console import say
from maskwright.data.dataset import Dataset
from maskwright.engine import keras
from maskwright.errors import RunError, UsageError, command
from maskwright.recording import data_of, free_folder
from maskwright.runs import Run, check_format, load
from maskwright.settings import change

BATCH = "train.batch"  # which a training itself may have made smaller
TRACK = "train.track"  # which may change, as it decides nothing


def last_begun(out: str | Path | None, otherwise: str | Path) -> Run | None:
    """The run to go on with: that in ``out``, else the last one named after ``otherwise``.

    None where there is none, or nothing of it but an empty folder.
    """
    folder = Path(out) if out is not None else _last(Path(otherwise))
    if folder is None or not (folder / "config.toml").is_file():
        return None
    run = Run(folder)
    check_format(run)
    return run


def _last(first: Path) -> Path | None:
    """The last of the folders first, first-2, first-3, …, None where there is not even one."""
    free = free_folder(None, first)
    if free == first:
        return None
    number = int(free.name.removeprefix(f"{first.name}-")) - 1
    return first if number == 1 else first.with_name(f"{first.name}-{number}")


def check_settings(run: Run, given: Mapping[str, Any]) -> None:
    """Refuse settings other than those with which a run was begun, but for where it is tracked."""
    begun, wanted = flatten(run.config), flatten(change(run.config, dict(given)))
    for key, value in begun.items():
        if key == BATCH and wanted[key] > value:
            say(f"batches stay of {value}, as this training made them to fit into the memory")
        elif wanted[key] != value and key != TRACK:
            raise UsageError(
                f"{key} = {wanted[key]} is given, but {run.path} was begun with {value}; leave it "
                "out to go on, or begin another run without --resume"
            )


def check_data(run: Run, dataset: Dataset) -> None:
    """Refuse data other than those with which a run was begun."""
    begun = load(run.path).dataset
    same = begun.table == dataset.table and begun.bands == dataset.bands
    data = data_of(dataset)
    if not same or any(run.data.get(key) != data[key] for key in ("images", "pixels", "digest")):
        raise RunError(
            f"the images, masks or classes in {dataset.root} are not those with which {run.path} "
            "was begun; put them back, or begin another run without --resume"
        )


def check_model_given(run: Run, *, given: bool) -> None:
    """Refuse to go on without the model of somebody's own, or with one where there was none."""
    if given != run.about["own_model"]:
        was = "of your own; give it again" if run.about["own_model"] else "of ours; leave yours out"
        raise RunError(
            f"{run.path} was begun with a model {was}, as in "
            f"{again('data', run.path, own_model=not given)}"
        )


def again(data: str | Path, run: Path, *, own_model: bool = False) -> str:
    """The command that goes on with a run; with a model of one's own it is one of Python."""
    if own_model:
        return f"maskwright.train({str(data)!r}, out={str(run)!r}, model=…, resume=True)"
    return command("train", data, "--out", run, "--resume")


def variables_of(trainer: keras.Model, network: keras.Model) -> dict[str, list[Any]]:
    """All variables that a step reads: of the network, and of its trainer's optimiser."""
    return {"network": network.variables, "optimizer": trainer.optimizer.variables}


def weights_of(trainer: keras.Model, network: keras.Model) -> dict[str, np.ndarray]:
    """The values of all variables, by part and place."""
    parts = variables_of(trainer, network)
    return {
        f"{part}.{place:04}": np.array(keras.ops.convert_to_numpy(variable))
        for part, variables in parts.items()
        for place, variable in enumerate(variables)
    }


def restore_weights(
    trainer: keras.Model, network: keras.Model, arrays: Mapping[str, np.ndarray]
) -> None:
    """Give all variables the values that ``weights_of`` noted.

    Raises RunError where there are others, or others of their shapes.
    """
    wanted = {
        f"{part}.{place:04}": variable
        for part, variables in variables_of(trainer, network).items()
        for place, variable in enumerate(variables)
    }
    for name, variable in wanted.items():
        there = arrays[name].shape if name in arrays else "nothing"
        if there != tuple(variable.shape):
            raise RunError(
                f"the checkpoint has {there} where {variable.path} needs {tuple(variable.shape)}: "
                "it is of another network, or of another version; begin another run"
            )
    for name, variable in wanted.items():
        variable.assign(arrays[name])
