"""Drawing images again: against a loop, and against what statistics say."""

import numpy as np
import pytest

from maskwright.measures import resampling
from maskwright.measures.confusion import ratio
from maskwright.measures.resampling import DRAWS, interval, multiplicities, resampled, units


def test_each_draw_has_as_many_images_as_there_are():
    drawn = multiplicities([""] * 13, draws=50)
    assert drawn.shape == (50, 13)
    assert (drawn.sum(axis=1) == 13).all()
    assert len(np.unique(drawn, axis=0)) > 40


def test_images_are_drawn_as_often_as_a_multinomial_draws_them():
    drawn = multiplicities([""] * 4, draws=20_000).astype(float)
    variance = 4 * (1 / 4) * (3 / 4)  # n p (1 - p), and of two images −n p²
    covariance = np.where(np.eye(4, dtype=bool), variance, -4 / 16)
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.03)


def test_draws_are_the_same_each_time_and_differ_by_seed():
    first, again = (multiplicities([""] * 9, draws=5) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != multiplicities([""] * 9, draws=5, seed=1)).any()


def test_groups_are_drawn_whole():
    groups = ["a", "a", "b", "", "b", ""]
    assert units(groups).tolist() == [0, 0, 1, 2, 1, 3]
    drawn = multiplicities(groups, draws=30)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
    np.testing.assert_array_equal(drawn[:, 2], drawn[:, 4])
    np.testing.assert_array_equal(drawn[:, [0, 2, 3, 5]].sum(axis=1), 4)


def test_a_group_may_be_called_like_a_place():
    assert units(["1", "", "1"]).tolist() == [0, 1, 0]


def test_resampled_sums_are_those_of_a_loop(monkeypatch):
    monkeypatch.setattr(resampling, "AT_ONCE", 40)  # several parts
    each = np.random.default_rng(0).integers(0, 9, (6, 2, 3))
    drawn = multiplicities([""] * 6, draws=7)
    sums = resampled(each, drawn)
    for row, found in zip(drawn, sums, strict=True):
        wanted = sum(times * values for times, values in zip(row, each, strict=True))
        np.testing.assert_array_equal(found, wanted)


def test_the_interval_of_a_mean_is_that_of_the_textbook():
    values = np.random.default_rng(4).normal(5, 2, 400)
    means = resampled(values, multiplicities([""] * 400)) / 400
    half = 1.96 * values.std() / 20
    assert interval(means) == pytest.approx([values.mean() - half, values.mean() + half], abs=0.03)


def test_images_in_groups_say_less_than_images_of_their_own():
    plates = np.repeat(np.random.default_rng(1).normal(size=10), 8)
    alone = np.diff(interval(resampled(plates, multiplicities([""] * 80)) / 80))[0]
    names = [f"plate {n // 8}" for n in range(80)]
    grouped = np.diff(interval(resampled(plates, multiplicities(names)) / 80))[0]
    assert grouped > 2 * alone


def test_intervals_leave_out_what_is_unknown():
    draws = np.array([[0.0, np.nan, np.nan], [1.0, 0.5, np.nan]])
    found = interval(draws)
    assert found[0].tolist() == pytest.approx([0.025, 0.975])
    assert found[1].tolist() == [0.5, 0.5]
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize("groups", [[""], ["plate"], ["plate"] * 5])
def test_of_one_image_or_one_group_there_is_no_interval(groups):
    drawn = multiplicities(groups)
    assert drawn.shape == (DRAWS, len(groups))
    sums = resampled(np.array([[7, 10]] * len(groups)), drawn)
    assert np.isnan(interval(ratio(sums[:, 0], sums[:, 1]))).all()
