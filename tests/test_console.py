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


def test_scores_are_shown_with_a_dash_where_there_is_none(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(console, "console", lambda: Console(file=out, width=100))
    row = {"name": "cat", "iou": 0.5, "dice": None, "precision": 1, "recall": 0, "pixels": 12345}
    console.print_scores(
        {
            "classes": [row],
            "images": 2,
            "split": "test",
            "pixel_accuracy": 0.9,
            "mean_iou": 0.5,
            "mean_dice": None,
        }
    )
    assert "0.500" in out.getvalue()
    assert "12,345" in out.getvalue()
    assert (
        "2 images (test): 0.900 of the pixels right, mean IoU 0.500, mean Dice –" in out.getvalue()
    )


@pytest.mark.parametrize(("accuracy", "said"), [(0.7, True), (0.75, True), (0.76, False)])
def test_scores_no_better_than_one_class_everywhere_are_said_to_be(capsys, accuracy, said):
    rows = [
        {"name": name, "iou": 0.5, "dice": 0.5, "precision": 0.5, "recall": 0.5, "pixels": pixels}
        for name, pixels in (("sky", 25), ("ground", 75))
    ]
    scores = {"classes": rows, "images": 2, "split": "test", "pixel_accuracy": accuracy}
    console.print_scores({**scores, "mean_iou": 0.5, "mean_dice": 0.5})
    words = " ".join(capsys.readouterr().err.split())
    found = (
        "no better than to say ground everywhere, which gets 0.750 right: the model has" in words
    )
    assert found == said
