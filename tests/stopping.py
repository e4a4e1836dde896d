"""Trainings that are stopped, and what they leave: for test_resume.py and test_faults.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import maskwright as mw
from maskwright import epochs, files

# One block: what is kept of a network does not depend on its form, and it is traced for each run.
SMALL = {
    "train.epochs": 3,
    "train.batch": 4,
    "view.size": 32,
    "model.filters": [4],
    "model.dropout": 0.5,
    "train.average": 0.9,
}
# A checkpoint after every step, so that kills hit them too.
PROGRAM = """
import sys
from maskwright import epochs
from maskwright.cli import main
epochs.SAVE_EVERY = epochs.SAVING = 0.0
epochs.Epochs.checkpoint_due = lambda story: story.steps > 0
main()
"""


def config(**changes: object) -> mw.Config:
    return mw.recipe("scratch", SMALL | {k.replace("_", ".", 1): v for k, v in changes.items()})


def left(run: mw.Run) -> dict[str, object]:
    """What a training leaves, but for the times that it took."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in run.metrics()]
    found = run.path / "calibration.json"
    return {
        "rows": rows,
        "calibration": found.read_text() if found.is_file() else None,
        "files": sorted(path.name for path in run.path.iterdir()),
        "weights": [weight.tobytes() for weight in run.model.get_weights()],
    }


class DiedError(Exception):
    """Ends a training somewhere."""


def stop_at(monkeypatch, name: str, step: int) -> None:
    """Let the training die in a method of its story at that step of the whole."""
    method = getattr(epochs.Epochs, name)

    def dying(story, *args):
        if story.steps == step:
            raise DiedError
        return method(story, *args)

    monkeypatch.setattr(epochs.Epochs, name, dying)


def writes(monkeypatch, fails: int | None = None) -> list[Path]:
    """Note all files that are written whole, and let one of them fail as a full disk does."""
    seen: list[Path] = []
    plain = files.to_disk

    def noting(path):
        if path.is_file():
            seen.append(path)
            if len(seen) - 1 == fails:
                raise OSError(28, "No space left on device")
        plain(path)

    monkeypatch.setattr(files, "to_disk", noting)
    return seen


def program(data: Path, out: Path, *words: str) -> subprocess.Popen:
    """The command in a process of its own, with a checkpoint after every step."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "train", data, "--out", out, "--resume", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
