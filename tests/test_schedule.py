"""Progress by steps and by the clock, and the learning rate that belongs to it."""

import math

import pytest

from maskwright.config import TrainConfig
from maskwright.schedule import Clock, Steps, rate_at

RATES = TrainConfig(learning_rate=2.0, warmup=0.1)


class Time:
    """A clock that is moved by hand, in seconds."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_steps_count_up_to_one_and_no_further():
    steps = Steps(epoch=2, epochs=2)
    seen = [steps()]
    for _ in range(6):
        steps.step()
        seen.append(steps())
    assert seen == [0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert Steps(epoch=5, epochs=4).left_after(10) == 30


def test_a_clock_is_done_when_only_the_reserve_is_left():
    time = Time()
    clock = Clock(end=210, reserve=10, now=time)
    assert (clock(), clock.left_after(9)) == (0, 100)
    time.seconds = 150
    assert (clock(), clock.left_after(9)) == (0.5, 50)
    time.seconds = 230
    assert (clock(), clock.left_after(9)) == (1, 0)


def test_a_reserve_that_becomes_known_changes_the_progress():
    time = Time()
    clock = Clock(end=200, reserve=0, now=time)
    time.seconds = 140
    assert clock() == pytest.approx(0.4)
    clock.reserve = 20
    assert clock() == pytest.approx(0.5)
    assert clock.share(8) == pytest.approx(0.1)


def test_a_clock_without_time_is_done_at_once():
    clock = Clock(end=105, reserve=10, now=Time())
    assert (clock(), clock.left_after(9), clock.share(1)) == (1, 0, math.inf)


def test_the_rate_rises_in_a_line_and_falls_by_half_a_cosine():
    assert rate_at(0, RATES) == pytest.approx(0.08)
    assert rate_at(0.05, RATES) == pytest.approx(1.04)
    assert rate_at(0.1, RATES) == pytest.approx(2)
    assert rate_at(0.1 + 0.9 / 3, RATES) == pytest.approx(1.5)  # cos 60° = 1/2
    assert rate_at(1, RATES) == pytest.approx(0, abs=1e-9)


def test_without_a_warm_up_it_begins_at_the_top():
    assert rate_at(0, TrainConfig(learning_rate=2.0, warmup=0)) == 2


def test_a_constant_rate_stays():
    config = TrainConfig(learning_rate=2.0, schedule="constant")
    assert {rate_at(progress, config) for progress in (0, 0.5, 1)} == {2.0}
