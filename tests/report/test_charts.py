"""Charts: every value at its place, and the odd cases that training brings."""

import re

import numpy as np
import pytest

from maskwright.report.charts import bar, chart, reliability, ticks


def test_a_chart_puts_values_where_they_belong():
    drawn = chart("Loss", [1, 2, 3], {"training": [0, 1, 2], "validation": [2, 1, 0]}, best=3)
    assert 'class="curve training" points="42.0,190.0 174.0,113.0 306.0,36.0"' in drawn
    assert 'class="curve validation" points="42.0,36.0 174.0,113.0 306.0,190.0"' in drawn
    assert '<circle class="dot" cx="306.0" cy="190.0" r="4"/>' in drawn
    assert "best, epoch 3: 0.000" in drawn
    assert "training from 0.000 in epoch 1 to 2.000 in epoch 3" in drawn


@pytest.mark.parametrize(
    ("count", "radii"), [(2, {"3"}), (5, {"3"}), (6, {"2"}), (20, {"2"}), (21, set())]
)
def test_the_fewer_points_there_are_the_more_they_stand_out(count, radii):
    epochs = list(range(1, count + 1))
    drawn = chart("Loss", epochs, {"training": epochs}, best=None)
    found = re.findall(r'<circle class="point training" [^>]* r="([\d.]+)"/>', drawn)
    assert len(found) == (count if radii else 0)
    assert set(found) == radii


@pytest.mark.parametrize("values", [[0.5], [float("nan")]])
def test_a_chart_of_one_epoch_or_of_no_value_can_be_drawn(values):
    drawn = chart("Mean IoU", [1], {"validation": values}, best=1)
    assert "nan" not in drawn
    assert drawn.endswith("</svg>")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.301, 0.302), (1, 40), (5, 5), (0.9, 117)])
def test_ticks_enclose_the_values_and_are_few_and_even(low, high):
    marks = ticks(low, high)
    assert marks[0] <= low
    assert marks[-1] >= high
    assert 2 <= len(marks) <= 7
    np.testing.assert_allclose(np.diff(marks), marks[1] - marks[0])


def test_a_bar_is_as_long_as_its_share():
    assert 'class="fill" width="25.00%" height="8" fill="#ff0000"' in bar(0.25, "#ff0000")
    assert 'class="fill" width="0.00%" height="8"/>' in bar(None)


def test_a_bar_shows_its_interval():
    drawn = bar(0.5, between=[0.25, 0.75])
    assert '<rect class="whisker" x="25.00%" y="3" width="50.00%" height="2"/>' in drawn
    assert "whisker" not in bar(0.5)


def test_reliability_puts_bins_where_they_belong_and_leaves_out_rare_ones():
    after = [[None, None, 0.0], [0.5, 0.0, 0.4], [1.0, 1.0, 0.6], [0.75, 0.1, 0.0001]]
    drawn = reliability(after, [[0.5, 1.0, 1.0]])
    assert 'class="curve after" points="174.0,190.0 306.0,36.0"' in drawn
    assert 'class="curve before" points="174.0,36.0"' in drawn
    assert "right by how sure the model is: 0.50 sure, 0.00 right; 1.00 sure, 1.00 right." in drawn
    assert drawn.count('class="share"') == 2
    assert "before" not in reliability(after)
    assert "no values" in reliability([[None, None, None]])
