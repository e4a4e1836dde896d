"""Whatever breaks in the middle of a training, nothing that was saved is lost.

Kills at random moments, signals, and each write made to fail; ``make soak`` is the long version.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from stopping import config, left, program, writes

import maskwright as mw
from maskwright import epochs
from maskwright.checkpoint import latest_checkpoint
from maskwright.errors import WriteError
from maskwright.settings import to_toml

KILLS = int(os.environ.get("MASKWRIGHT_KILLS", "3"))


def test_whichever_write_fails_nothing_saved_is_lost(shapes, tmp_path, monkeypatch, every_step):
    """Each write of a run folder in turn; what is there then goes on to the same end."""
    short = config(train_epochs=1)
    with monkeypatch.context() as patch:
        seen = writes(patch)
        uncut = mw.train(shapes, out=tmp_path / "uncut", config=short)
    names = {re.sub(r"\d+|part|\.", "", path.name) for path in seen}
    assert names == {
        "configtoml", "runjson", "datasettoml", "splitcsv", "datajson", "environmentjson", "npz",
        "modelkeras", "calibrationjson", "metricscsv",
    }  # fmt: skip
    for number, path in enumerate(seen):
        out = tmp_path / f"run-{number}"
        with monkeypatch.context() as patch:
            writes(patch, fails=number)
            with pytest.raises(WriteError) as raised:
                mw.train(shapes, out=out, config=short)
        name = path.name.removeprefix(".").replace(".part", "")
        said = str(raised.value)
        assert f"{name} cannot be written (No space left on device); free some space; then" in said
        assert f"go on with: maskwright train {shapes} --out {out} --resume" in said
        assert not [left for left in out.rglob("*") if ".part" in left.name]
        run = mw.train(shapes, out=out, config=short, resume=True)
        assert left(run) == left(uncut), name


def test_a_log_that_cannot_be_written_is_named(shapes, tmp_path, monkeypatch):
    plain = Path.open

    def full(path, *args, **options):
        if path.name == "log.txt":
            raise OSError(28, "No space left on device")
        return plain(path, *args, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(WriteError, match=r"log.txt cannot be written \(No space left on device\)"):
        mw.train(shapes, out=tmp_path / "run", config=config())


def test_a_run_folder_that_vanishes_is_named(shapes, tmp_path, monkeypatch):
    begin = epochs.Epochs.begin
    monkeypatch.setattr(
        epochs.Epochs, "begin", lambda story: shutil.rmtree(story.run.path) or begin(story)
    )
    with pytest.raises(WriteError, match=r"cannot be written \(No such file or directory\); its"):
        mw.train(shapes, out=tmp_path / "run", config=config())


def has_begun(process: subprocess.Popen, out: Path) -> bool:
    """Whether this process, and none before it, is in the run folder; or it has ended."""
    lock = out / "lock"
    owners = lock.read_text().split() if lock.is_file() else []
    return f"pid={process.pid}" in owners or process.poll() is not None


def checkpoints(out: Path) -> set[str]:
    """The names of the checkpoints in a run folder."""
    return {path.name for path in (out / "checkpoint").glob("0*.npz")}


def wait(process: subprocess.Popen, out: Path, before: set[str], *, early: bool) -> None:
    """Until the process has begun, or, if not so early, has written a checkpoint, or has ended."""
    while not has_begun(process, out):
        time.sleep(0.01)
    while not early and process.poll() is None and not checkpoints(out) - before:
        time.sleep(0.01)


def test_killed_at_random_moments_it_ends_in_the_same_weights(shapes, tmp_path):
    """Kills fall between the first file and the end; more of them with MASKWRIGHT_KILLS."""
    long = config(train_epochs=60)
    whole = mw.train(shapes, out=tmp_path / "whole", config=long)
    setup = tmp_path / "config.toml"
    setup.write_text(to_toml(long))
    moments, out, steps = random.Random(0), tmp_path / "run", []
    while len(steps) < KILLS:
        before = checkpoints(out)
        process = program(shapes, out, "--config", str(setup))
        wait(process, out, before, early=len(steps) % 4 == 1)
        time.sleep(moments.uniform(0, 2))
        if process.poll() is None:
            process.kill()
            saved = sorted(checkpoints(out))
            steps.append(int(Path(saved[-1]).stem) if saved else 0)
        process.communicate()
        about = out / "run.json"
        if about.is_file() and json.loads(about.read_text())["finished"]:
            shutil.rmtree(out)
    process = program(shapes, out, "--config", str(setup))
    said, _ = process.communicate()
    assert process.returncode == 0, said
    print(f"{KILLS} kills, after steps {steps}")
    assert sum(step > 0 for step in steps) > KILLS // 3
    files = sorted([*left(whole)["files"], "report.html"])  # which the command writes too
    assert left(mw.load(out)) == {**left(whole), "files": files}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_a_signal_saves_and_says_how_to_go_on(shapes, tmp_path, number, code):
    setup, out = tmp_path / "config.toml", tmp_path / "run"
    setup.write_text(to_toml(config(train_epochs=500)))
    process = program(shapes, out, "--config", str(setup))
    while process.poll() is None and not (out / "checkpoint").is_dir():
        time.sleep(0.02)
    process.send_signal(number)
    said = " ".join(process.communicate()[0].split())
    assert process.returncode == code, said
    assert "stopping after this step; once more to stop at once" in said
    again = f"maskwright train {shapes} --out {out} --resume"
    assert f"interrupted, and nothing is lost; go on with: {again}" in said
    assert "error:" not in said
    assert not (out / "lock").exists()
    assert latest_checkpoint(out).step > 0
