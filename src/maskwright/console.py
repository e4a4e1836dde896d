"""What people see while they wait: one console on standard error, progress bars and notes.

Standard output is kept for results (``--json``), so everything here writes to standard error.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Item = TypeVar("Item")

REDRAWN = 0.1  # seconds between two states of a bar


@cache
def console() -> Console:
    """The one console, on standard error."""
    from rich.console import Console

    # In a notebook without ipywidgets rich would warn instead of drawing a bar.
    notebook = None if find_spec("ipywidgets") else False
    return Console(stderr=True, highlight=False, soft_wrap=True, force_jupyter=notebook)


def say(text: str) -> None:
    """Print one plain line (no markup) on standard error."""
    console().print(text, markup=False)


@contextmanager
def passing_note(text: str) -> Iterator[None]:
    """Show ``text`` on a terminal until the work inside is done, then take it away again."""
    terminal = console().is_terminal
    if terminal:
        console().print(text, end="\r", markup=False)
    try:
        yield
    finally:
        if terminal:
            console().print(" " * len(text), end="\r")


def alone(of: str) -> str:
    """What was scored where there is one alone of the "images", or "groups", that are drawn.

    >>> alone("images"), alone("groups")
    ('one image', 'images of one group alone')
    """
    return "one image" if of == "images" else "images of one group alone"


def amount(number: int, one: str) -> str:
    """A number of things.

    >>> amount(1, "image"), amount(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def size(count: float) -> str:
    """Bytes as people say them.

    >>> size(999), size(1_234_567), size(25e9)
    ('999 B', '1.2 MB', '25 GB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.1f} {unit}" if unit != "B" and count < 10 else f"{count:.0f} {unit}"


def printable(text: str) -> str:
    """The text with line breaks and other control characters written out.

    >>> printable("two\\nlines")
    'two\\\\nlines'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(7.2), duration(75), duration(7500)
    ('7 s', '1 min 15 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def progress(unit: str = "", *, counted: bool = True) -> Progress:
    """A progress bar with the count, else the share, the rate in ``unit``, and the time left."""
    from rich import progress as bars

    return bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(bar_width=24),
        bars.MofNCompleteColumn() if counted else bars.TaskProgressColumn(),
        bars.TextColumn(f"{{task.fields[rate]}} {unit}".rstrip(), markup=False),
        bars.TimeRemainingColumn(elapsed_when_finished=True),
        bars.TextColumn("{task.fields[note]}", markup=False),
        console=console(),
        transient=True,
        disable=not watched(),
    )


def watched() -> bool:
    """Whether a bar can be drawn: on a terminal or in a notebook, not into a file."""
    return console().is_terminal or console().is_jupyter


def track(
    items: Iterable[Item],
    label: str,
    total: int,
    unit: str = "images/s",
    size: Callable[[Item], float] = lambda item: 1,
) -> Iterator[Item]:
    """Yield ``items`` while a bar shows how far they are and how long the rest will take.

    ``size`` says how many of ``total`` an item is.
    """
    with progress(unit) as bar:
        task = bar.add_task(label, total=total, rate="", note="")
        begun = shown = time.perf_counter()
        done = 0.0
        for item in items:
            yield item
            done += size(item)
            now = time.perf_counter()
            if now - shown > REDRAWN or done == total:
                note = f"{done / total:.0%}" if done % 1 else ""  # within a large image
                bar.update(task, completed=done, rate=f"{done / (now - begun):.1f}", note=note)
                shown = now


@contextmanager
def quiet() -> Iterator[None]:
    """Keep C++ libraries from greeting people on standard error while they are imported.

    Exceptions of the import still come through; only bytes written to file descriptor 2 do not.
    What TensorFlow says later is kept to errors, for which it looks when it is imported. Of threads
    that ask for it at once the last one to end lets things be heard again.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _SILENCE.begin()
    try:
        yield
    finally:
        _SILENCE.end()


class _Silence:
    """File descriptor 2, turned away as long as somebody wants it so."""

    def __init__(self) -> None:
        self.lock, self.wanted = threading.Lock(), 0
        self.kept: int | None = None

    def begin(self) -> None:
        with self.lock:
            self.wanted += 1
            if self.wanted > 1 or sys.stderr is None:
                return
            with suppress(OSError, ValueError):  # closed, as of a service
                sys.stderr.flush()
                self.kept = os.dup(2)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)

    def end(self) -> None:
        with self.lock:
            self.wanted -= 1
            if not self.wanted and self.kept is not None:
                os.dup2(self.kept, 2)
                os.close(self.kept)
                self.kept = None


_SILENCE = _Silence()
