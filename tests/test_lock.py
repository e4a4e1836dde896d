"""Only one process works in a run folder, and a lock of the dead keeps nobody out."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maskwright import lock as locks
from maskwright.errors import RunError, UsageError, WriteError
from maskwright.lock import locked

HOLD = """
import sys, time
from pathlib import Path
from maskwright.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(run: Path) -> subprocess.Popen:
    """Another process that is in the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_folder_is_made_and_gone_again_where_nothing_came_into_it(tmp_path):
    with locked(tmp_path / "deep" / "run"):
        assert [path.name for path in (tmp_path / "deep" / "run").iterdir()] == ["lock"]
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "run"):
        (tmp_path / "run" / "a").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a"]


def test_a_second_process_is_refused_and_told_by_whom(tmp_path):
    process = holder(tmp_path)
    words = (
        f"is in use by process {process.pid} on {socket.gethostname()}; wait for its end, or "
        "choose another --out"
    )
    with pytest.raises(RunError, match=words), locked(tmp_path):
        pass
    process.kill()
    process.wait()
    with locked(tmp_path):  # the lock of a process that was killed
        pass
    assert list(tmp_path.iterdir()) == []


def written_elsewhere(run: Path, process: int = 4711) -> None:
    """A lock such as a process on another machine writes."""
    with locked(run):
        here = (run / "lock").read_text()
    host = locks.this_machine()
    changed = here.replace(str(os.getpid()), str(process)).replace(host, "another-machine")
    assert changed != here
    (run / "lock").write_text(changed)


def test_the_lock_of_another_machine_is_waited_for_and_taken_where_it_is_dead(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "kept").touch()
    monkeypatch.setattr(locks, "LEASE", 1.0)
    written_elsewhere(tmp_path)
    with locked(tmp_path):
        said = capsys.readouterr().err.replace("\n", " ")
        assert "is in use by process 4711 on another-machine: waiting 1 s to see whether" in said


def test_the_lock_of_another_machine_that_lives_is_kept(tmp_path, monkeypatch):
    (tmp_path / "kept").touch()
    monkeypatch.setattr(locks, "LEASE", 1.0)
    written_elsewhere(tmp_path)
    touched = locks.SoftFileLease._try_break_stale_lock
    monkeypatch.setattr(
        locks.SoftFileLease,
        "_try_break_stale_lock",
        lambda lock: os.utime(tmp_path / "lock") or touched(lock),
    )
    with pytest.raises(RunError, match="process 4711 on another-machine; wait"), locked(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "torn\n"])
def test_a_lock_that_was_never_whole_is_void_when_nobody_touches_it(
    tmp_path, monkeypatch, capsys, content
):
    """As a power cut leaves it."""
    (tmp_path / "lock").write_text(content)
    monkeypatch.setattr(locks, "LEASE", 1.0)
    with locked(tmp_path):
        assert "by a process that does not say which" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_where_the_library_cannot_take_over_a_dead_lock_we_do(tmp_path, monkeypatch, elsewhere):
    """As on file systems that cannot exchange two names."""
    process = holder(tmp_path)
    process.kill()
    process.wait()
    monkeypatch.setattr(locks, "LEASE", 1.0)
    if elsewhere:
        (tmp_path / "lock").unlink()
        written_elsewhere(tmp_path)
    monkeypatch.setattr(locks.SoftFileLease, "_try_break_stale_lock", lambda lock: None)
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_sign_of_life_is_given_while_it_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LEASE", 0.6)
    with locked(tmp_path):
        before = (tmp_path / "lock").stat().st_mtime_ns
        time.sleep(0.5)
        assert (tmp_path / "lock").stat().st_mtime_ns > before


def test_who_lost_the_lock_is_told_before_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LEASE", 0.3)
    with locked(tmp_path) as check:
        check()
        (tmp_path / "lock").unlink()
        time.sleep(0.3)
        with pytest.raises(RunError, match="is no longer ours: this process gave no sign of life"):
            check()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UsageError, match=r"--out .*run cannot be made: Not a directory; choose"),
        locked(tmp_path / "file" / "run"),
    ):
        pass


def test_a_folder_that_is_read_only_is_named(tmp_path, monkeypatch):
    def refuse(lock, timeout):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(locks.SoftFileLease, "acquire", refuse)
    words = (
        r"lock cannot be written \(Read-only file system\); choose a place that is not read-only"
    )
    with pytest.raises(WriteError, match=words), locked(tmp_path):
        pass
