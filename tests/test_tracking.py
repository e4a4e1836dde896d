"""A tracker that fails ends no training; what it lacks is said before one begins."""

import importlib
import itertools
import json
import re
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from stopping import config, left

import maskwright as mw
from maskwright import trackers, tracking
from maskwright.cli import cli
from maskwright.data.pairing import Pair
from maskwright.errors import MaskwrightError, UsageError
from maskwright.recording import create_run, discard_run
from maskwright.tracking import Watched

pytest.importorskip("mlflow", reason="the extra maskwright[mlflow] is not installed")
pytest.importorskip("tensorboard", reason="the extra maskwright[tensorboard] is not installed")
BOTH = pytest.mark.parametrize("name", ["mlflow", "tensorboard"])


@pytest.fixture(scope="module")
def whole(shapes, tmp_path_factory) -> mw.Run:
    """The training that is not tracked."""
    return mw.train(shapes, out=tmp_path_factory.mktemp("not-tracked") / "run", config=config())


def test_what_came_to_nothing_leaves_nothing(tmp_path, config, dataset):
    run = create_run(tmp_path / "run", config, dataset)
    (run.path / "tensorboard").mkdir()
    (run.path / "tensorboard" / "events").touch()
    (run.path / "mlflow.json").touch()
    discard_run(run)
    assert list(run.path.iterdir()) == []


def test_pictures_are_of_what_was_predicted_and_have_names_that_mlflow_takes(
    tmp_path, save, table, threshold
):
    grey = np.full((400, 1000, 3), 40, np.uint8)
    grey[:, 500:] = 200
    mask = np.zeros((400, 1000), np.uint8)
    pair = Pair(save(tmp_path / "a:b é.png", grey), save(tmp_path / "m.png", mask))
    other = replace(pair, image=tmp_path / "none.png")  # which validation did not come to
    watched = Watched(**vars(threshold(table)), masks={pair: None, other: None})
    assert tracking.draw(watched) == {}
    list(watched.predict_all([pair], lambda one: watched.read(one.image)))
    pictures = tracking.draw(watched)
    assert list(pictures) == ["val/1 a_b _"]
    picture = pictures["val/1 a_b _"]
    assert picture.shape == (128, 3 * 320 + 2 * 4, 3)
    right = [picture[64, place].tolist() for place in (300, 624, 948)]
    # The image; 0.55 of it and 0.45 of the colour (0, 0, 128); the same with (255, 128, 0).
    assert right == [[200, 200, 200], [110, 110, 168], [225, 168, 110]]


def port_that_refuses() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return closed.getsockname()[1]


def chained(*errors: Exception) -> Exception:
    """The first of these errors, each raised from the next."""
    for error, cause in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (chained(RuntimeError("no answer"), OSError(111, "refused")), "[Errno 111] refused"),
        (chained(RuntimeError("no such store"), KeyError("http")), "no such store"),
        (KeyError("seconds"), "'seconds'"),
        (chained(RuntimeError("a"), ValueError()), "ValueError"),
        (RuntimeError("GET http://me:secret@host/api\nfailed"), "GET http://host/api failed"),
        (RuntimeError("word " * 99), "word " * 39 + "…"),
    ],
)
def test_the_reason_is_the_root_on_one_line(error, reason):
    assert tracking.reason_of(error) == reason


def said(capsys) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_without_its_server_a_training_goes_on(shapes, whole, tmp_path, monkeypatch, capsys):
    address = f"127.0.0.1:{port_that_refuses()}"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@{address}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    run = mw.train(shapes, out=tmp_path / "run", config=config(train_track="mlflow"))
    assert left(run) == left(whole)
    words = rf"MLflow \(http://{address}\): .*refused.*; the training goes on without it"
    for text in (said(capsys), (run.path / "log.txt").read_text()):
        assert len(re.findall(words, text)) == 1
        assert "goes on without" not in re.sub(words, "", text)
        assert "secret" not in text


def test_on_a_full_disk_a_training_goes_on(shapes, whole, tmp_path, monkeypatch, capsys):
    row = trackers.TensorBoard.row

    def full(tracker, epoch, now, values):
        if epoch == 2:
            raise OSError(28, "No space left on device")
        row(tracker, epoch, now, values)

    monkeypatch.setattr(trackers.TensorBoard, "row", full)
    run = mw.train(shapes, out=tmp_path / "run", config=config(train_track="tensorboard"))
    assert left(run)["weights"] == left(whole)["weights"]
    words = (
        f"TensorBoard ({run.path}/tensorboard): [Errno 28] No space left on device; the training"
    )
    assert said(capsys).count(words) == 1
    assert trackers.steps_in(run.path / "tensorboard") == {1}


def test_a_picture_that_cannot_be_drawn_ends_no_training(shapes, tmp_path, monkeypatch, capsys):
    def fail(watched):
        raise MemoryError

    monkeypatch.setattr(tracking, "draw", fail)
    run = mw.train(shapes, out=tmp_path / "run", config=config(train_track="tensorboard"))
    assert run.about["finished"]
    assert "tensorboard): MemoryError; the training goes on without it" in said(capsys)


def test_a_tracker_that_hangs_holds_no_training_up(shapes, tmp_path, monkeypatch, capsys):
    released = threading.Event()
    monkeypatch.setattr(tracking, "PATIENCE", 0.2)
    monkeypatch.setattr(trackers.TensorBoard, "row", lambda *_: released.wait(60))
    run = mw.train(shapes, out=tmp_path / "run", config=config(train_track="tensorboard"))
    released.set()
    assert run.about["finished"]
    assert "tensorboard): no answer for 0 s; the training goes on without it" in said(capsys)


@BOTH
def test_a_library_that_is_missing_is_named_before_keras_starts(
    shapes, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(trackers, "find_spec", lambda package: None)
    verb = importlib.import_module("maskwright.cli.train")
    monkeypatch.setattr(verb, "start_engine", lambda: pytest.fail("Keras was started"))
    words = (
        rf"^train.track = '{name}' needs what is not installed: pip install 'maskwright\[{name}\]'"
    )
    with pytest.raises(MaskwrightError, match=words):
        cli.main(["train", str(shapes), "--track", name], standalone_mode=False)
    with pytest.raises(MaskwrightError, match=words):
        mw.train(shapes, out=tmp_path / "run", config=config(train_track=name))
    assert not (tmp_path / "run").exists()


def test_a_misspelled_tracker_gets_a_hint():
    with pytest.raises(UsageError, match=r"train\.track = 'tensorbord': did you mean tensorboard"):
        cli.main(["train", "x", "--track", "tensorbord"], standalone_mode=False)


def test_a_planned_training_is_tracked_too(shapes):
    plan = mw.plan(shapes, minutes=5, settings={"train.track": "mlflow"})
    assert plan.config.train.track == "mlflow"


# Every connection, and every name that is looked up, is an error here.
JOB = """
import json, sys
asked = []
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        asked.append(f"{event} {arguments}")
        raise OSError(101, "Network is unreachable")
sys.addaudithook(refuse)
from maskwright.cli import cli
for name in ("mlflow", "tensorboard"):
    words = ["train", sys.argv[1], "--out", name, "--track", name, "--recipe", "scratch"]
    words += ["--epochs", "1", "--size", "32", "--set", "model.filters=[4]"]
    cli.main(words, standalone_mode=False)
print(json.dumps(asked))
"""


def test_no_connection_is_asked_for_and_no_telemetry_is_sent(shapes, tmp_path):
    """In an environment in which MLflow would send some: not that of a test, nor of CI."""
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(shapes)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "MASKWRIGHT_CACHE": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert "goes on without" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} >= {"mlflow.db", "mlruns", "tensorboard"}
    assert not (tmp_path / ".config" / "mlflow").exists()  # where it numbers machines


LIGHT = """
import sys
import numpy as np
from maskwright.runs import Run
from maskwright.trackers import TensorBoard, steps_in
from pathlib import Path
for there in (set(), {1}):
    board = TensorBoard(Run(Path("run")))
    assert board.begin({"seed": 0}, len(there)) == there
    board.row(1 + len(there), 0.0, {"loss": 0.5})
    board.pictures(1 + len(there), 0.0, {"val/1": np.zeros((4, 6, 3), np.uint8)})
    board.end("FINISHED")
print("tensorflow" in sys.modules)
"""


def test_tensorboard_is_told_without_tensorflow(tmp_path):
    (tmp_path / "run").mkdir()
    words = [sys.executable, "-c", LIGHT]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("False\n", "")
