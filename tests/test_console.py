"""What people see while they wait: on a terminal, and nothing of it in a file."""

import io

import pytest
from rich.console import Console

from maskwright import console


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
