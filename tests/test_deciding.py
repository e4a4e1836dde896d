"""Which class a pixel gets when it is not simply the likeliest."""

import numpy as np
import pytest

from maskwright.calibration import LEVELS, Calibration
from maskwright.deciding import Decision, decision
from maskwright.errors import UsageError

NAMES = ["ground", "cell", "nucleus"]


@pytest.fixture
def calibration() -> Calibration:
    """Finds cells from 0.3 on, nuclei nowhere; from confidence 0.6 on all is right."""
    count = len(LEVELS)
    thresholds = {"ground": [0.5] * count, "cell": [0.3] * count, "nucleus": [None] * count}
    return Calibration(1.0, 100, 0.1, 0.1, thresholds, [0.6] * count)


def one(*probabilities: float) -> np.ndarray:
    return np.array([[probabilities]], np.float32)


def test_without_anything_it_is_the_likeliest():
    assert Decision()(one(0.3, 0.4, 0.3)) == 1


@pytest.mark.parametrize(
    ("pixel", "thresholds", "wanted"),
    [
        ((0.6, 0.3, 0.1), ((1, 0.3),), 1),  # reached, though not the likeliest
        ((0.6, 0.29, 0.11), ((1, 0.3),), 0),
        ((0.2, 0.45, 0.35), ((1, 0.5),), 2),  # the likeliest misses its own: of the others
        ((0.1, 0.4, 0.5), ((1, 0.2), (2, 0.4)), 1),  # 2 times its threshold beats 1.25 times
        ((0.1, 0.4, 0.5), ((1, 0.4), (2, 0.4)), 2),
        ((0.5, 0.3, 0.2), ((0, 0.9), (1, 0.8), (2, 0.7)), 0),  # none reached: the likeliest
    ],
)
def test_thresholds(pixel, thresholds, wanted):
    assert Decision(thresholds)(one(*pixel)) == wanted


def test_what_is_unsure_is_left_open():
    decide = Decision(((1, 0.2),), least=0.5)
    assert decide(one(0.6, 0.3, 0.1)) == 1
    assert decide(one(0.4, 0.3, 0.3)) == 255


def test_a_recall_and_a_share_are_looked_up(calibration):
    made = decision(NAMES, calibration, recalls={"cell": 0.95}, abstain=0.95)
    assert made == Decision(((1, 0.3),), 0.6)
    assert decision(NAMES, calibration, thresholds={"nucleus": 0.2}) == Decision(((2, 0.2),))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"thresholds": {"cel": 0.5}}, r"no class called cel: did you mean cell\?"),
        ({"recalls": {"cel": 0.5}}, r"no class called cel: did you mean cell\?"),
        ({"thresholds": {"cell": 0}}, "threshold of cell, 0, must be above 0 and at most 1"),
        ({"thresholds": {"cell": 1.1}}, "threshold of cell, 1.1, must be above 0"),
        ({"thresholds": {"cell": 0.5}, "recalls": {"cell": 0.9}}, "cell has both a threshold and"),
        ({"recalls": {"nucleus": 0.9}}, "nucleus occurs nowhere in the validation images"),
        ({"recalls": {"cell": 0.2}}, "0.2 is outside 0.5 to 0.999"),
        ({"abstain": 0.2}, "0.2 is outside 0.5 to 0.999; choose within"),
        ({"abstain": 2}, "2 is outside 0.5 to 0.999; choose within"),
        ({"abstain": 98}, "98 is outside 0.5 to 0.999: write 0.98 for 98 %"),
    ],
)
def test_what_cannot_be_done_is_said(calibration, asked, words):
    with pytest.raises(UsageError, match=words):
        decision(NAMES, calibration, **asked)


def test_a_run_without_a_calibration_says_so():
    for asked in ({"recalls": {"cell": 0.9}}, {"abstain": 0.9}):
        with pytest.raises(
            UsageError, match=r"without its calibration .*; give thresholds of your own, or train"
        ):
            decision(NAMES, None, **asked)
    assert decision(NAMES, None, thresholds={"cell": 0.5}) == Decision(((1, 0.5),))


def test_a_decision_says_what_it_does():
    told = Decision(((1, 0.29),), least=0.765).in_words(NAMES, 255)
    assert told == [
        "cell is taken from a probability of 0.29 on",
        "left open, with the value 255: pixels less than 76.5% sure",
    ]
    assert Decision().in_words(NAMES, 255) == []


@pytest.mark.parametrize(
    ("known", "words"), [(41, "0.9 is the most that can be asked for"), (0, "train longer")]
)
def test_a_share_that_only_taking_everything_finds_is_refused(calibration, known, words):
    calibration.thresholds["cell"] = [0.3] * known + [0.0] * (len(LEVELS) - known)
    told = f"no threshold finds 0.995 of cell but 0, .* pixel for it .the lowest is 0.01.; {words}$"
    with pytest.raises(UsageError, match=told):
        decision(NAMES, calibration, recalls={"cell": 0.995})
