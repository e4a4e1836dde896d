"""The libraries that a training may be told to as it goes: MLflow and TensorBoard.

    <run>/mlflow.json     the run in MLflow that a resumed training goes on with
    <run>/tensorboard/    the event files

Nothing goes over the network but to the server that MLFLOW_TRACKING_URI names.
"""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from maskwright.errors import MaskwrightError
from maskwright.runs import Run, write_json

FOLDER, NOTE = "tensorboard", "mlflow.json"  # in the run folder


class Tracker(Protocol):
    """A library that keeps what trainings tell it. Any of these may raise whatever it likes."""

    place: str  # where it keeps it, in words

    def begin(self, facts: Mapping[str, Any], epoch: int) -> set[int]:
        """Say what is trained, by the name of each fact, from after ``epoch`` on.

        Gives the epochs that are not to be told, as they are there.
        """

    def row(self, epoch: int, now: float, values: Mapping[str, float]) -> None:
        """Say how an epoch went that ended now, in seconds since 1970."""

    def pictures(self, epoch: int, now: float, pictures: Mapping[str, np.ndarray]) -> None:
        """Show what the model of an epoch predicts, uint8 [H, W, 3] by name."""

    def end(self, status: str) -> None:
        """Say how the training ended: FINISHED, FAILED or KILLED."""


def allowed(key: str) -> str:
    """A column of metrics.csv, which may hold the name of a class, as MLflow accepts it.

    >>> allowed("val_iou cell (big)")
    'val_iou cell _big_'
    """
    return re.sub(r"[^\w.\- :]", "_", key)


class MLflow:
    """A run in MLflow, called as the run folder, in the experiment MLFLOW_EXPERIMENT_NAME.

    MLflow takes no point back: epochs that are trained again keep those of the first time.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.place = os.environ.get("MLFLOW_TRACKING_URI", "its own default place")

    def begin(self, facts: Mapping[str, Any], epoch: int) -> set[int]:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # must stand before the import
        os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # not 7, in four minutes
        from mlflow import MlflowClient, get_tracking_uri
        from mlflow.entities import Param

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        self.place = get_tracking_uri()
        self.client = MlflowClient()
        run = self.begun() or self.new()
        self.id = run.info.run_id
        self.client.update_run(self.id, status="RUNNING")
        new = {key: facts[key] for key in facts if key not in run.data.params}
        self.client.log_batch(self.id, params=[Param(key, str(new[key])) for key in new])
        return {point.step for point in self.client.get_metric_history(self.id, "seconds")}

    def begun(self) -> Any:
        """The run that was begun by an earlier program, where it is still there."""
        from mlflow.exceptions import MlflowException

        if not (self.run.path / NOTE).is_file():
            return None
        try:
            run = self.client.get_run(str(self.run.read_json(NOTE)["run_id"]))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run.info.lifecycle_stage == "active" else None

    def new(self) -> Any:
        """A new run, written down in the run folder, with the files that say what is trained."""
        run = self.client.create_run(self.experiment(), run_name=self.run.path.resolve().name)
        write_json(self.run.path / NOTE, {"run_id": run.info.run_id})
        for path in (self.run.path / "config.toml", self.run.path / "plan.md"):
            if path.is_file():
                self.client.log_artifact(run.info.run_id, str(path))
        return run

    def experiment(self) -> str:
        """The number of the experiment, which is made where there is none."""
        from mlflow.exceptions import MlflowException

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "maskwright")
        if found := self.client.get_experiment_by_name(name):
            return str(found.experiment_id)
        try:
            return str(self.client.create_experiment(name))
        except MlflowException:
            if found := self.client.get_experiment_by_name(name):
                return str(found.experiment_id)  # another training has made it meanwhile
            raise

    def row(self, epoch: int, now: float, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        stamp = int(1000 * now)
        points = [Metric(allowed(key), value, stamp, epoch) for key, value in values.items()]
        self.client.log_batch(self.id, metrics=points)

    def pictures(self, epoch: int, now: float, pictures: Mapping[str, np.ndarray]) -> None:
        for name, picture in pictures.items():
            stamp = int(1000 * now)
            self.client.log_image(self.id, picture, key=name, step=epoch, timestamp=stamp)

    def end(self, status: str) -> None:
        self.client.set_terminated(self.id, status)


class TensorBoard:
    """Event files in the run folder, a new one for each program that goes on with a training."""

    def __init__(self, run: Run) -> None:
        self.folder, self.name = run.path / FOLDER, run.path.resolve().name
        self.place = str(self.folder)

    def begin(self, facts: Mapping[str, Any], epoch: int) -> set[int]:
        # Only parts that do not import TensorFlow, which would take seconds beside another engine.
        from tensorboard.compat.proto import event_pb2
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.record_writer import RecordWriter

        there = {step for step in steps_in(self.folder) if step <= epoch}
        first = not self.folder.is_dir()
        self.folder.mkdir(exist_ok=True)
        now = time.time()
        name = f"events.out.tfevents.{now:.6f}.{os.getpid()}"  # they are read in this order
        self.records = RecordWriter((self.folder / name).open("wb"))
        self.write(0, now, file_version="brain.Event:2")
        # What stands in earlier files of this step and later is void.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self.write(epoch + 1, now, session_log=start)
        if first:
            known = {k: v if isinstance(v, float | int | str) else str(v) for k, v in facts.items()}
            self.write(0, now, summary=hparams_pb(known, trial_id=self.name))
        return there

    def write(self, step: int, now: float, **what: Any) -> None:
        """Append an event."""
        from tensorboard.compat.proto import event_pb2

        self.records.write(event_pb2.Event(wall_time=now, step=step, **what).SerializeToString())
        self.records.flush()

    def row(self, epoch: int, now: float, values: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        points = [Summary.Value(tag=key, simple_value=value) for key, value in values.items()]
        self.write(epoch, now, summary=Summary(value=points))

    def pictures(self, epoch: int, now: float, pictures: Mapping[str, np.ndarray]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        for name, picture in pictures.items():
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "PNG")
            height, width, colors = picture.shape
            image = Summary.Image(
                height=height, width=width, colorspace=colors, encoded_image_string=file.getvalue()
            )
            self.write(epoch, now, summary=Summary(value=[Summary.Value(tag=name, image=image)]))

    def end(self, status: str) -> None:
        self.records.close()


TRACKERS: dict[str, Callable[[Run], Tracker]] = {"mlflow": MLflow, "tensorboard": TensorBoard}


def steps_in(folder: Path) -> set[int]:
    """The epochs that event files tell of."""
    from tensorboard.compat.proto import event_pb2
    from tensorboard.compat.tensorflow_stub import errors
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

    steps: set[int] = set()
    for path in sorted(folder.glob("*tfevents*")):
        reader = PyRecordReader_New(str(path))
        with suppress(errors.OutOfRangeError, errors.DataLossError):  # its end, whole or torn
            while True:
                reader.GetNext()
                event = event_pb2.Event.FromString(reader.record())
                if event.HasField("session_log"):
                    steps = {step for step in steps if step < event.step}
                elif event.step:
                    steps.add(event.step)
    return steps


def require_tracker(name: str) -> None:
    """Refuse a tracker whose library is not installed."""
    if name in TRACKERS and find_spec(name) is None:
        raise MaskwrightError(
            f"train.track = {name!r} needs what is not installed: pip install "
            f"'maskwright[{name}]', or leave it out"
        )


def forget_tracking(run: Path) -> None:
    """Let a training that begins anew in a run folder be told as another one."""
    (run / NOTE).unlink(missing_ok=True)
    shutil.rmtree(run / FOLDER, ignore_errors=True)
