"""What people see while they wait: on a terminal, and nothing of it in a file."""

import io
import os
import sys
from contextlib import ExitStack

import pytest
from rich.console import Console

from maskwright import console
from maskwright.console import quiet


@pytest.mark.parametrize("terminal", [True, False])
def test_a_passing_note_is_seen_on_a_terminal_and_taken_away(monkeypatch, terminal):
    out = io.StringIO()
    monkeypatch.setattr(console, "console", lambda: Console(file=out, force_terminal=terminal))
    with console.passing_note("starting"):
        during = out.getvalue()
    assert ("starting" in during) == terminal
    assert out.getvalue().split("\r")[-1] == ""


def test_track_yields_every_item_in_order(monkeypatch):
    monkeypatch.setattr(console, "console", lambda: Console(file=io.StringIO()))
    assert list(console.track(range(5), "counting", 5)) == [0, 1, 2, 3, 4]


def test_track_shows_the_count_and_ends_complete(monkeypatch):
    out = io.StringIO()
    screen = Console(file=out, force_terminal=True, width=100)
    monkeypatch.setattr(console, "console", lambda: screen)
    for _ in console.track(range(5000), "counting", 5000):
        pass
    assert "5000/5000" in out.getvalue()
    assert "images/s" in out.getvalue()
    assert out.getvalue().count("counting") < 100  # not drawn for every item


def test_the_last_thread_that_wants_quiet_ends_it(capfd):
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(quiet())
        second.enter_context(quiet())
        first.close()
        os.write(2, b"hidden")
        second.close()
        os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_without_a_standard_error_nothing_has_to_be_kept_quiet(monkeypatch):
    def closed(descriptor):
        raise OSError(9, "Bad file descriptor")

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup", closed)
        with quiet():
            pass
    monkeypatch.setattr(sys, "stderr", None)
    with quiet():
        pass
