"""What MLflow and TensorBoard are told of a training, read back by their own readers."""

import json
from pathlib import Path

import pytest
from PIL import Image
from stopping import DiedError, config, left, stop_at

import maskwright as mw
from maskwright.trackers import MLflow

mlflow = pytest.importorskip("mlflow", reason="the extra maskwright[mlflow] is not installed")
accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="the extra maskwright[tensorboard] is not installed",
)
BOTH = pytest.mark.parametrize("name", ["mlflow", "tensorboard"])


@pytest.fixture(scope="module")
def whole(shapes, tmp_path_factory) -> mw.Run:
    """The training that is not tracked."""
    return mw.train(shapes, out=tmp_path_factory.mktemp("not-tracked") / "run", config=config())


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Where MLflow keeps what these tests tell it: making its database takes seconds."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def settings_of_mlflow(home, monkeypatch) -> None:
    """As in a new terminal, where nothing is set, but for a working folder of its own."""
    monkeypatch.chdir(home)
    for name in ("TRACKING_URI", "EXPERIMENT_NAME", "HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def run_in_mlflow(run: mw.Run):
    """The run as MLflow has it."""
    return mlflow.MlflowClient().get_run(
        json.loads((run.path / "mlflow.json").read_text())["run_id"]
    )


def told(run: mw.Run) -> dict[str, list[tuple[int, float]]]:
    """Epochs and values of each column, as the libraries read them back."""
    columns = [key for key in run.metrics()[0] if key != "epoch"]
    if run.config.train.track == "mlflow":
        client, number = mlflow.MlflowClient(), run_in_mlflow(run).info.run_id
        histories = {key: client.get_metric_history(number, key) for key in columns}
    else:
        histories = {key: events(run).Scalars(key) for key in columns}
    return {key: [(one.step, one.value) for one in points] for key, points in histories.items()}


def events(run: mw.Run):
    everything = dict.fromkeys(("scalars", "images", "tensors"), 0)
    return accumulator.EventAccumulator(str(run.path / "tensorboard"), everything).Reload()


def pictures(run: mw.Run) -> list[tuple[str, int, tuple[int, int]]]:
    """Name, epoch and size of each picture."""
    if run.config.train.track == "mlflow":
        number = run_in_mlflow(run).info.run_id
        folder = Path(mlflow.artifacts.download_artifacts(run_id=number, artifact_path="images"))
        found = [(path.name.split("+"), Image.open(path).size) for path in folder.glob("*.png")]
        return sorted((name[0].replace("~", "/"), int(name[2]), size) for name, size in found)
    read = events(run)
    images = [(tag, one) for tag in read.Tags()["images"] for one in read.Images(tag)]
    return sorted((tag, one.step, (one.width, one.height)) for tag, one in images)


def assert_told(run: mw.Run, but: str = "") -> None:
    """Each row of metrics.csv once, in order, but for one column."""
    rows = run.metrics()
    for key, points in told(run).items():
        assert [step for step, _ in points] == [row["epoch"] for row in rows]
        if key != but:
            assert [value for _, value in points] == pytest.approx([row[key] for row in rows], 1e-5)


@BOTH
def test_rows_settings_and_pictures_are_told_and_nothing_changes(shapes, whole, tmp_path, name):
    run = mw.train(shapes, out=tmp_path / "run", config=config(train_track=name))
    assert_told(run)
    own = {"mlflow": "mlflow.json", "tensorboard": "tensorboard"}[name]
    assert left(run) == {**left(whole), "files": sorted([*left(whole)["files"], own])}
    best, values = [], [row["val_mean_iou"] for row in run.metrics()]
    for epoch, value in enumerate(values, 1):
        best += [epoch] if value > max(values[: epoch - 1], default=-1) else []
    val = run.dataset.of("val")
    sizes = [Image.open(pair.image).size for pair in val]
    assert len(val) == 2
    assert pictures(run) == [
        (f"val/{n} {pair.image.stem}", epoch, (3 * width + 8, height))
        for n, (pair, (width, height)) in enumerate(zip(val, sizes, strict=True), 1)
        for epoch in best
    ]
    facts = {"model": "unet", "data": "shapes", "data_digest": run.data["digest"], "seed": "0"}
    facts |= {"model.filters": "(4,)", "train.epochs": "3", "train.track": name}
    if name == "mlflow":
        found = run_in_mlflow(run)
        assert facts.items() <= found.data.params.items()
        assert (found.info.status, found.info.run_name) == ("FINISHED", "run")
        files = mlflow.MlflowClient().list_artifacts(found.info.run_id)
        assert [file.path for file in files] == ["config.toml", "images"]
        experiment = mlflow.MlflowClient().get_experiment(found.info.experiment_id)
        assert experiment.name == "maskwright"
    else:
        assert facts.items() <= settings_in_tensorboard(run).items()


def settings_in_tensorboard(run: mw.Run) -> dict[str, str]:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = events(run).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info.hparams
    return {key: one.string_value or f"{one.number_value:g}" for key, one in found.items()}


@BOTH
def test_a_resumed_training_has_each_epoch_once(shapes, whole, tmp_path, monkeypatch, name):
    """It dies in the third epoch, and goes on in the second, of three steps each."""
    from maskwright.epochs import Epochs

    monkeypatch.setattr(Epochs, "checkpoint_due", lambda story: story.steps == 4)
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 8)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config(train_track=name))
    run = mw.load(tmp_path / "run")
    before = run_in_mlflow(run).info if name == "mlflow" else None
    assert [step for step, _ in told(run)["loss"]] == [1, 2]
    run = mw.train(shapes, out=tmp_path / "run", resume=True)
    assert [step for step, _ in told(run)["loss"]] == [1, 2, 3]
    assert_told(run, but="seconds")
    assert left(run)["weights"] == left(whole)["weights"]
    assert len({picture[:2] for picture in pictures(run)}) == len(pictures(run))
    if before:
        after = run_in_mlflow(run).info
        assert (before.status, after.status) == ("FAILED", "FINISHED")
        assert before.run_id == after.run_id


@BOTH
def test_tracking_may_begin_and_end_where_a_training_goes_on(
    shapes, tmp_path, monkeypatch, every_step, name
):
    for step, settings in ((5, {}), (7, {"train.track": name}), (9, {"train.track": "none"})):
        with monkeypatch.context() as dying:
            if step < 9:
                stop_at(dying, "before_step", step)
            first = None if settings else config()
            given = {"config": first} if first else {"settings": settings, "resume": True}
            try:
                mw.train(shapes, out=tmp_path / "run", **given)
            except DiedError:
                assert step < 9
    run = mw.load(tmp_path / "run")
    assert run.config == config()
    vars(run)["config"] = config(train_track=name)
    assert [step for step, _ in told(run)["loss"]] == [1, 2]


def test_a_run_that_is_gone_from_mlflow_is_begun_anew(shapes, tmp_path, monkeypatch, every_step):
    track = config(train_track="mlflow")
    for step in (5, 8):
        with monkeypatch.context() as dying:
            stop_at(dying, "before_step", step)
            with pytest.raises(DiedError):
                mw.train(shapes, out=tmp_path / "run", config=track, resume=True)
        run = mw.load(tmp_path / "run")
        gone = run_in_mlflow(run).info.run_id
        if step == 5:
            mlflow.MlflowClient().delete_run(gone)
        else:
            (run.path / "mlflow.json").write_text('{"run_id": "0123456789abcdef0123456789abcdef"}')
    run = mw.train(shapes, out=tmp_path / "run", resume=True)
    assert run_in_mlflow(run).info.run_id != gone
    assert_told(run, but="seconds")


def test_names_of_runs_and_of_the_experiment(shapes, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "cells")

    def interrupt(story):
        raise KeyboardInterrupt

    monkeypatch.setattr("maskwright.epochs.Epochs.end", interrupt)
    monkeypatch.setattr("maskwright.training.give_up", lambda run, again: None)
    with pytest.raises(KeyboardInterrupt):
        mw.train(shapes, out=tmp_path / "third try", config=config(train_track="mlflow"))
    found = run_in_mlflow(mw.load(tmp_path / "third try"))
    assert (found.info.run_name, found.info.status) == ("third try", "KILLED")
    assert mlflow.MlflowClient().get_experiment(found.info.experiment_id).name == "cells"


def test_two_trainings_may_make_the_same_experiment(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "made meanwhile")
    tracker = MLflow(mw.Run(tmp_path))
    tracker.client = mlflow.MlflowClient()
    look = tracker.client.get_experiment_by_name
    made = tracker.experiment()
    seen = iter([None])
    monkeypatch.setattr(tracker.client, "get_experiment_by_name", lambda n: next(seen, look(n)))
    assert tracker.experiment() == made
    monkeypatch.setattr(tracker.client, "get_experiment_by_name", lambda name: None)
    with pytest.raises(mlflow.MlflowException, match="made meanwhile"):
        tracker.experiment()


@BOTH
def test_a_batch_that_does_not_fit_is_told_as_another_training(shapes, tmp_path, monkeypatch, name):
    from maskwright.data.batches import Batches

    get = Batches.__getitem__

    def limited(batches, number):
        if batches.batch > 2 and number >= len(batches):
            raise MemoryError
        return get(batches, number)

    monkeypatch.setattr(Batches, "__getitem__", limited)
    run = mw.train(shapes, out=tmp_path / "run", config=config(train_track=name))
    assert run.config.train.batch == 2
    assert_told(run)
