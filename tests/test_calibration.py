"""What validation says of probabilities, and what can be asked of it."""

import json

import numpy as np
import pytest

from maskwright.calibration import LEVELS, Calibration, level_of
from maskwright.errors import UsageError
from maskwright.measures.certainty import Counted


@pytest.fixture
def sample() -> Counted:
    """Pixels of class 0 and 1 that are right nine times of ten where the model says 0.99."""
    sure = np.tile(np.float32([0.99, 0.01]), (1000, 1))
    sure[500:] = sure[500:, ::-1]
    truth = np.repeat([0, 1], 500)
    truth[::10] = 1 - truth[::10]
    return Counted(truth, sure)


def test_it_finds_how_far_the_model_is_too_sure(sample):
    found = Calibration.fit(sample, ["a", "b"])
    # The odds of 0.9 are 9; those of 0.99 are 99: log 99 / log 9 is 2.09.
    assert found.temperature == pytest.approx(np.log(99) / np.log(9), rel=1e-3)
    assert found.error_before == pytest.approx(0.09, abs=1e-3)
    assert found.error_after == pytest.approx(0, abs=1e-3)
    assert found.pixels == 1000


def test_thresholds_are_of_probabilities_after_the_temperature(sample):
    found = Calibration.fit(sample, ["a", "b"])
    assert found.threshold("a", 0.9) == 0.9
    assert found.threshold("a", 0.95) == 0.09  # 0.1 after the temperature, in the step below it
    assert found.confidence(0.9) in (0.0, 0.9)


def test_it_comes_back_from_json(sample):
    found = Calibration.fit(sample, ["a", "b"])
    assert Calibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_no_pixel_no_calibration():
    assert Calibration.fit(Counted(np.zeros(0, int), np.zeros((0, 2), np.float32)), "ab") is None


def test_a_class_without_a_pixel_has_no_thresholds(sample):
    three = np.pad(sample.probabilities, ((0, 0), (0, 1)))
    found = Calibration.fit(Counted(sample.truth, three), ["a", "b", "c"])
    assert found.thresholds["c"] == [None] * len(LEVELS)
    with pytest.raises(UsageError, match=r"c occurs nowhere in the validation images, so no .*c=0"):
        found.threshold("c", 0.9)


def test_what_cannot_be_asked_is_said(sample):
    found = Calibration.fit(sample, ["apple", "b"])
    with pytest.raises(UsageError, match=r"no class called aple: did you mean apple\?"):
        found.threshold("aple", 0.9)
    with pytest.raises(UsageError, match=r"0\.3 is outside 0\.5 to 0\.999; choose within"):
        found.threshold("b", 0.3)
    with pytest.raises(UsageError, match=r"95 is outside 0\.5 to 0\.999: write 0\.95 for 95 %"):
        found.threshold("b", 95)
    with pytest.raises(UsageError, match=r"no confidence from which on 0\.99 of .* 0\.9 is the mo"):
        found.confidence(0.99)


def test_levels_are_rounded_up():
    assert LEVELS[level_of(0.5)] == 0.5
    assert LEVELS[level_of(0.941)] == 0.95
    assert LEVELS[level_of(0.992)] == 0.995
    assert LEVELS[level_of(0.999)] == 0.999


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": -1},
        {"temperature": float("nan")},
        {"confidences": [0.5]},
        {"thresholds": {"a": "word"}},
        {"thresholds": 3},
        {"pixels": None},
    ],
)
def test_damaged_files_are_refused(sample, change):
    read = Calibration.fit(sample, ["a", "b"]).to_dict() | change
    with pytest.raises((ValueError, TypeError)):
        Calibration.from_dict(read)
