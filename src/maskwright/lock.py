"""One process at a time in a folder of a run or of predictions, also where machines share it.

    <run>/lock                    process and machine that work there; gone when they end
    <out>/.predictions.lock       the same of predictions, whose folder is people's own

A process that died on this machine is noticed at once. One on another machine counts as dead when
it has not touched its lock for half a minute.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import SoftFileLease, Timeout

from maskwright.console import say
from maskwright.errors import RunError, UsageError, WriteError

LEASE = 30.0  # seconds without a sign of life after which another machine's lock is void


@contextmanager
def locked(run: Path, name: str = "lock") -> Iterator[Callable[[], None]]:
    """Keep all others out of a folder; it is made, and gone again where nothing is put into it.

    Gives a function to call before each write: it raises RunError where the lock was lost, as that
    of a machine that slept for long. Raises RunError where another process that lives is in the
    folder, and names it.
    """
    made = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {run} cannot be made: {error.strerror}; choose another") from None
    lock = SoftFileLease(run / name, lease_duration=LEASE)
    try:
        take(lock, run)
    except Timeout:
        raise RunError(f"{run} {_held(lock)}; wait for its end, or choose another --out") from None
    except OSError as error:
        raise WriteError.of(run / name, error) from error

    def check() -> None:
        if lock.compromise:
            raise RunError(
                f"{run} is no longer ours: this process gave no sign of life for {LEASE:.0f} s, "
                "and another may have gone on in its place"
            )

    try:
        yield check
    finally:
        lock.release()
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def take(lock: SoftFileLease, run: Path) -> None:
    """Take the lock: at once, or where nobody can say whether its owner lives, when it is void."""
    with suppress(Timeout):
        lock.acquire(timeout=0)
        return
    lives = owner_lives(lock)
    if lives:
        raise Timeout(lock.lock_file)
    if lives is None:
        say(f"{run} {_held(lock)}: waiting {1.2 * LEASE:.0f} s to see whether that still lives")
        before = _touched(lock)
        try:
            lock.acquire(timeout=1.2 * LEASE)
            return
        except Timeout:
            if _touched(lock) != before:
                raise
    lock.force_break()  # on file systems where the library itself cannot
    lock.acquire(timeout=0)


def owner_lives(lock: SoftFileLease) -> bool | None:
    """Whether the process that has the lock lives; None where that cannot be known from here."""
    owner = lock.owner
    if not owner or owner.hostname != this_machine():
        return None
    if os.name == "nt":  # there the library itself finds the dead, and a signal 0 is Ctrl-C
        return True
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another user's
    return True


def this_machine() -> str:
    """How a lock calls this machine, or the container that this is."""
    with tempfile.TemporaryDirectory() as folder, SoftFileLease(Path(folder) / "lock") as lock:
        return lock.owner.hostname if lock.owner else ""


def _touched(lock: SoftFileLease) -> object:
    """What changes when somebody touches the lock."""
    try:
        found = Path(lock.lock_file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _held(lock: SoftFileLease) -> str:
    """By whom, in words."""
    if not lock.owner:
        return "is in use by a process that does not say which"
    return f"is in use by process {lock.owner.pid} on {lock.owner.hostname.split('?')[0]}"
