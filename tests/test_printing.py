"""What verbs print as tables."""

import io

import pytest
from rich.console import Console

from maskwright import console, printing
from maskwright.printing import print_comparison, print_scores


def told(monkeypatch, out: io.StringIO) -> None:
    """Let everything be said to ``out``."""
    for module in (console, printing):
        monkeypatch.setattr(module, "console", lambda: Console(file=out, width=100))


def row(name: str, pixels: int, **scores: float | None) -> dict[str, object]:
    """A class with the same score in every column but for those given."""
    keys = ("iou", "dice", "precision", "recall", "boundary_iou")
    return {"name": name, **dict.fromkeys(keys, 0.5), "hd95": 31.26, "pixels": pixels, **scores}


def table(rows: list, **scores: object) -> dict[str, object]:
    """What ``evaluate`` says, as far as it is printed."""
    return {
        "classes": rows,
        "images": 2,
        "split": "test",
        "pixel_accuracy": 0.9,
        "mean_iou": 0.5,
        "mean_dice": None,
        "mean_boundary_iou": 0.5,
        "mean_surface_dice": 0.25,
        "tolerance": 3.0,
        "interval": {"of": "images", "count": 2, "few": True},
        "intervals": {
            "pixel_accuracy": [0.85, 0.95],
            "mean_iou": None,
            "mean_dice": None,
            "mean_boundary_iou": [0.4, 0.6],
            "mean_surface_dice": None,
        },
        **scores,
    }


def test_scores_are_shown_with_a_dash_where_there_is_none(monkeypatch):
    out = io.StringIO()
    told(monkeypatch, out)
    print_scores(table([row("cat", 12345, dice=None)]))
    said = " ".join(out.getvalue().split())
    assert "cat 0.500 – 0.500 0.500 0.500 31.3 12,345" in said
    assert (
        "2 images (test): 0.900 [0.850, 0.950] of the pixels right, mean IoU 0.500, mean Dice – "
        "outlines: boundary IoU 0.500 [0.400, 0.600], within 3 pixels of each other 0.250 of them "
        "(surface Dice) in brackets: 95 % intervals, found by drawing the images again and again; "
        "2 are few, so they are too narrow"
    ) in said


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (("images", 1, True), "no intervals: one image cannot tell how much the scores of others"),
        (("groups", 1, True), "no intervals: images of one group alone cannot tell how much"),
        (("groups", 4, True), "drawing the 4 groups of images again and again; 4 are few, so"),
        (("images", 99, False), "intervals, found by drawing the images again and again"),
    ],
)
def test_what_stands_in_brackets_is_said(capsys, drawn, words):
    scores = table([row("cat", 1)])
    print_scores(scores | {"interval": dict(zip(("of", "count", "few"), drawn, strict=True))})
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("accuracy", "said"), [(0.7, True), (0.75, True), (0.76, False)])
def test_scores_no_better_than_one_class_everywhere_are_said_to_be(capsys, accuracy, said):
    scores = table([row("sky", 25), row("ground", 75)], pixel_accuracy=accuracy)
    print_scores(scores)
    words = " ".join(capsys.readouterr().err.split())
    found = (
        "no better than to say ground everywhere, which gets 0.750 right: the model has" in words
    )
    assert found == said


def test_a_comparison_is_shown_measure_by_measure(monkeypatch):
    out = io.StringIO()
    told(monkeypatch, out)
    measured = {"first": 0.5, "second": 0.6, "difference": 0.1, "same": False}
    rows = [
        {**measured, "name": "mean IoU", "interval": [0.05, 0.15], "real": True},
        {**measured, "name": "Brier score", "interval": [-0.05, 0.15], "real": False},
        {**measured, "name": "Dice", "interval": [1e-5, 2e-5], "same": True, "real": False},
        {**measured, "name": "boundary IoU", "interval": None, "real": None},
        {**dict.fromkeys(measured), "name": "HD95", "interval": None, "real": None},
    ]
    print_comparison(
        {
            "first": "a", "second": "b", "images": 7, "split": "test", "alone": 3,
            "measures": rows, "classes": [{**rows[0], "name": "cat"}],
            "images_differ": [{"image": "x.png", **measured}], "answer": "b is better.",
        }
    )  # fmt: skip
    said = " ".join(out.getvalue().split())
    assert "mean IoU 0.500 0.600 +0.100 [+0.050, +0.150] real" in said
    assert "Brier score 0.500 0.600 +0.100 [-0.050, +0.150] may be chance" in said
    assert "Dice 0.500 0.600 0.000 [+0.000, +0.000] the same" in said
    assert "boundary IoU 0.500 0.600 +0.100 may be chance" in said
    assert "IoU of cat" in said
    assert "HD95" not in said
    assert "+0.100 0.500 → 0.600 x.png" in said
    assert said.endswith("left out: 3 images that only one of them was scored on b is better.")


def test_outlines_that_few_images_show_are_said_to_be(monkeypatch):
    out = io.StringIO()
    told(monkeypatch, out)
    seen, hidden = {"shown": 9, "outlined": 5}, {"shown": 9, "outlined": 4}
    print_scores(table([row("cat", 9, **seen), row("dog", 9, **hidden), row("old", 9)]))
    said = " ".join(out.getvalue().split())
    assert "outlines are measured in few images, of dog in 4 of 9: in the others the masks" in said
    out.truncate(0)
    print_scores(table([row("cat", 9, **seen)]))
    assert "measured in few" not in out.getvalue()
