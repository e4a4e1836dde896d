"""How far probabilities can be believed: by hand, by brute force, and by laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.measures.certainty import (
    BINS,
    FINE,
    STEPS,
    Counted,
    calibration_error,
    chances,
    coarse,
    confidence_for,
    confidences,
    decided,
    fit_temperature,
    penalties,
    tempered,
    threshold_curve,
    threshold_for,
)


def drawn(seed: int = 0, pixels: int = 4000, classes: int = 3, honest: float = 1.0) -> Counted:
    """Pixels whose class is drawn from their probabilities; ``honest`` is their temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(pixels, classes)) * 3
    true = np.exp(logits / honest)
    true /= true.sum(axis=1, keepdims=True)
    truth = (true.cumsum(axis=1) > rng.random((pixels, 1))).argmax(axis=1)
    said = np.exp(logits)
    return Counted(truth, (said / said.sum(axis=1, keepdims=True)).astype(np.float32))


def test_ignored_pixels_are_left_out():
    truth = np.array([[0, 255], [1, 1]], np.uint8)
    probabilities = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    counted = Counted.of(truth, probabilities)
    assert counted.truth.tolist() == [0, 1, 1]
    assert counted.probabilities.tolist() == [[0, 1], [4, 5], [6, 7]]
    assert counted.true_probability.tolist() == [0, 5, 7]


def test_only_ignored_pixels_count_nothing():
    none = Counted.of(np.full((2, 2), 255, np.uint8), np.zeros((2, 2, 3), np.float32))
    assert penalties(none).tolist() == [0, 0, 0]
    assert confidences(none).sum() == chances(none).sum() == 0
    assert np.isnan(calibration_error(coarse(confidences(none))))
    assert fit_temperature(none) == 1.0


def test_penalties_by_hand():
    # Pixel 1: −log 0.25; (0.25 − 1)² + 0.75² = 1.125. Pixel 2: −log 0.9; 0.1² + 0.1² = 0.02.
    pixels = Counted(np.array([0, 1]), np.array([[0.25, 0.75], [0.1, 0.9]], np.float32))
    entropy, brier, count = penalties(pixels)
    assert entropy == pytest.approx(np.log(4) - np.log(0.9), rel=1e-6)
    assert brier == pytest.approx(1.145, rel=1e-6)
    assert count == 2


def test_an_impossible_class_costs_much_and_not_infinitely_much():
    sure = Counted(np.array([0]), np.array([[0.0, 1.0]], np.float32))
    assert penalties(sure).tolist() == pytest.approx([-np.log(1e-7), 2, 1])


def test_probabilities_of_other_kinds_are_counted_alike():
    truth, sure = np.array([[0, 1, 255, 1]], np.uint8), np.array([[0.5, 0.25, 0.5, 0.75]])
    said = np.stack([1 - sure, sure], axis=-1)
    for kind in (np.float16, np.float32, np.float64):
        pixels = Counted.of(truth, said.astype(kind))
        assert pixels.true_probability.tolist() == [0.5, 0.25, 0.75]
        assert pixels.probabilities.T.flags["C_CONTIGUOUS"]
        raw = Counted(np.array([0, 1]), said[0, :2].astype(kind))
        assert raw.true_probability.tolist() == [0.5, 0.25]


def test_confidences_by_hand():
    pixels = Counted(
        np.array([0, 1, 1]), np.array([[1.0, 0.0], [0.105, 0.895], [0.71, 0.29]], np.float32)
    )
    fine = confidences(pixels)
    assert fine.shape == (FINE, 3)
    filled = {int(step): fine[step].round(3).tolist() for step in np.flatnonzero(fine[:, 0])}
    # 1.0 belongs to the last step; 0.895 × 300 is 268.5, 0.71 × 300 is 213.
    assert filled == {299: [1, 1, 1], 268: [1, 0.895, 1], 213: [1, 0.71, 0]}


def test_coarse_bins_are_the_sums_of_fine_ones():
    fine = confidences(drawn())
    binned = coarse(fine)
    assert binned.shape == (BINS, 3)
    np.testing.assert_allclose(binned[3], fine[60:80].sum(axis=0))
    assert coarse(np.stack([fine, fine])).shape == (2, BINS, 3)


def test_the_calibration_error_is_that_of_a_loop():
    pixels = drawn(3, honest=2.0)
    confidence = pixels.probabilities.max(axis=1)
    right = pixels.probabilities.argmax(axis=1) == pixels.truth
    error = 0.0
    for low in np.arange(BINS) / BINS:
        inside = (confidence >= low) & (confidence < low + 1 / BINS)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            error += inside.mean() * gap
    assert float(calibration_error(coarse(confidences(pixels)))) == pytest.approx(error, abs=1e-4)
    assert error > 0.05


def test_chances_are_those_of_a_loop():
    pixels = drawn(1, pixels=300)
    counts = np.zeros((3, STEPS, 2), np.int64)
    for truth, row in zip(pixels.truth, pixels.probabilities, strict=True):
        for k, p in enumerate(row):
            counts[k, min(int(p * np.float32(STEPS)), STEPS - 1), int(truth == k)] += 1
    np.testing.assert_array_equal(chances(pixels), counts)


def test_a_threshold_curve_by_hand():
    # Of the class: 1 pixel at 0.2, 3 at 0.6. Of others: 2 at 0.2, 1 at 0.6.
    counts = np.zeros((STEPS, 2))
    counts[20], counts[60] = [2, 1], [1, 3]
    precision, recall = threshold_curve(counts)
    assert (precision[0], recall[0]) == (4 / 7, 1)
    assert (precision[20], recall[20]) == (4 / 7, 1)
    assert (precision[21], recall[21]) == (3 / 4, 3 / 4)
    assert recall[61] == 0
    assert np.isnan(precision[61])


def test_a_class_that_does_not_occur_has_no_threshold():
    counts = np.zeros((STEPS, 2))
    counts[30, 0] = 5
    assert np.isnan(threshold_curve(counts)[1]).all()
    assert threshold_for(counts, 0.9) is None


@given(st.integers(0, 50), st.sampled_from([0.5, 0.8, 0.95, 0.99, 1.0]))
@settings(max_examples=25, deadline=None)
def test_the_threshold_for_a_recall_is_the_highest_that_reaches_it(seed, recall):
    pixels = drawn(seed, pixels=500)
    threshold = threshold_for(chances(pixels)[0], recall)
    own = pixels.probabilities[pixels.truth == 0, 0]
    assert (own >= threshold - 1e-6).mean() >= recall
    higher = threshold + 1 / STEPS
    assert higher >= 1 or (own >= higher + 1e-6).mean() < recall


def test_deciding_by_hand():
    fine = np.zeros((FINE, 3))
    fine[150], fine[270] = [40, 20, 20], [60, 54, 57]
    assert decided(fine, 0.0) == (1.0, 0.77)
    assert decided(fine, 0.9) == (0.6, 0.95)
    share, right = decided(fine, 0.95)
    assert share == 0
    assert np.isnan(right)
    assert confidence_for(fine, 0.77) == 0.0
    assert confidence_for(fine, 0.95) == 0.9
    assert confidence_for(fine, 0.96) is None


@given(st.floats(0.3, 3.9), st.integers(0, 30))
@settings(max_examples=20, deadline=None)
def test_the_temperature_that_made_them_is_found(temperature, seed):
    found = fit_temperature(drawn(seed, pixels=20_000, honest=temperature))
    assert found == pytest.approx(temperature, rel=0.08)


def test_the_temperature_is_where_the_cross_entropy_is_lowest():
    pixels = drawn(5, honest=1.7)

    def entropy(temperature: float) -> float:
        return penalties(Counted(pixels.truth, tempered(pixels.probabilities, temperature)))[0]

    found = fit_temperature(pixels)
    assert entropy(found) < entropy(found * 1.02)
    assert entropy(found) < entropy(found / 1.02)


def test_temperatures_beyond_belief_are_not_believed():
    right = Counted(np.zeros(10, int), np.tile(np.float32([0.6, 0.4]), (10, 1)))
    wrong = Counted(np.ones(10, int), np.tile(np.float32([0.6, 0.4]), (10, 1)))
    assert fit_temperature(right) == pytest.approx(0.25, rel=1e-3)
    assert fit_temperature(wrong) == pytest.approx(4.0, rel=1e-3)


def test_a_temperature_is_that_of_logits_and_keeps_the_order():
    logits = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    plain = tempered(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1.0)
    cooler = np.exp(logits / 2.5)
    cooler /= cooler.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tempered(plain, 2.5), cooler, rtol=1e-5)
    np.testing.assert_array_equal(cooler.argmax(axis=1), plain.argmax(axis=1))
