"""The losses against values by hand, a plain NumPy reference, finite differences and laws."""

import math
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from maskwright.engine import keras
from maskwright.errors import UsageError
from maskwright.losses import LOSSES, _jaccard_growth, _met, cross_entropy, dice, focal, parse_loss
from maskwright.measures.confusion import Scores, confusion

NAMES = sorted(LOSSES)
every_loss = pytest.mark.parametrize("name", NAMES)


def of_row(name: str, classes: list[int], probabilities: list[list[float]], weights=None) -> float:
    """The loss of one row of pixels, from their probabilities."""
    logits = np.log(np.array([[probabilities]], np.float32))
    return float(LOSSES[name](np.array([[classes]], np.uint8), logits, weights))


def loss(classes: list[int], probabilities: list[list[float]]) -> float:
    return of_row("cross_entropy", classes, probabilities)


def random_batch(seed: int = 0, shape=(2, 5, 6), classes: int = 3):
    """Truth uint8 [B, H, W], a quarter of it ignored, and logits float32 [B, H, W, C]."""
    rng = np.random.default_rng((seed, 11))
    truth = rng.integers(classes, size=shape).astype(np.uint8)
    truth[rng.random(shape) < 0.25] = 255
    return truth, rng.normal(scale=2, size=(*shape, classes)).astype(np.float32)


def gradient(loss: Callable, truth: np.ndarray, logits: np.ndarray, weights=None) -> np.ndarray:
    """By the engine, with respect to the logits."""
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(lambda values: loss(truth, values, weights))(logits))
    tf = pytest.importorskip("tensorflow")
    values = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(values)
        value = loss(truth, values, weights)
    return tape.gradient(value, values).numpy()


# Cross-entropy by hand.


def test_it_is_the_mean_of_minus_log_p_over_the_pixels():
    assert loss([0, 1], [[0.25, 0.75], [0.5, 0.5]]) == pytest.approx(
        (math.log(4) + math.log(2)) / 2
    )


def test_ignored_pixels_count_neither_above_nor_below_the_line():
    assert loss([0, 255, 255], [[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]) == pytest.approx(math.log(4))


def test_it_is_zero_where_every_pixel_is_ignored():
    assert loss([255, 255], [[0.5, 0.5], [0.1, 0.9]]) == 0


def test_three_classes_that_are_equally_likely_cost_log_3():
    classes = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) % 3
    value = cross_entropy(classes, np.zeros((2, 2, 3, 3), np.float32))
    assert float(value) == pytest.approx(math.log(3))


@every_loss
def test_adding_a_number_to_all_logits_changes_nothing(name):
    truth, logits = random_batch()
    assert float(LOSSES[name](truth, logits)) == pytest.approx(
        float(LOSSES[name](truth, logits + 50)), rel=1e-4
    )


def test_sure_and_wrong_is_finite():
    value = cross_entropy(np.zeros((1, 1, 1), np.uint8), np.array([[[[-500.0, 500]]]], np.float32))
    assert float(value) == pytest.approx(1000)


def test_it_works_on_the_engines_own_tensors():
    classes = keras.ops.convert_to_tensor(np.array([[[1, 255]]], np.uint8))
    logits = keras.ops.zeros((1, 1, 2, 2))
    assert float(cross_entropy(classes, logits)) == pytest.approx(math.log(2))


def test_weighted_cross_entropy_is_a_weighted_mean():
    value = of_row("cross_entropy", [0, 1, 255], [[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]], [1, 3])
    assert value == pytest.approx((math.log(4) + 3 * math.log(2)) / 4)


# The others by hand.


def test_focal_counts_pixels_by_the_square_of_what_was_missed():
    value = of_row("focal", [0, 1, 255], [[0.25, 0.75], [0.9, 0.1], [0.9, 0.1]])
    assert value == pytest.approx((0.75**2 * math.log(4) + 0.9**2 * math.log(10)) / 2)


def test_focal_weights_are_alpha():
    value = of_row("focal", [0, 1], [[0.25, 0.75], [0.5, 0.5]], [3, 1])
    assert value == pytest.approx((3 * 0.75**2 * math.log(4) + 0.5**2 * math.log(2)) / 4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 5.0])
def test_focal_with_another_gamma(gamma):
    logits = np.log(np.array([[[[0.25, 0.75]]]], np.float32))
    value = focal(np.array([[[0]]]), logits, gamma=gamma)
    assert float(value) == pytest.approx(0.75**gamma * math.log(4))


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_focal_with_a_low_gamma_has_a_slope_where_nothing_is_missed(gamma):
    slope = gradient(partial(focal, gamma=gamma), np.array([[[0, 1]]]), hard([[0, 1]]))
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_dice_by_hand():
    # Class 0: hit 0.8, p 0.8 + 0.4, one pixel true. Class 1: hit 0.6, p 0.2 + 0.6, one true.
    first = 1 - (2 * 0.8 + 1) / (1.2 + 1 + 1)
    second = 1 - (2 * 0.6 + 1) / (0.8 + 1 + 1)
    row = [0, 1, 255], [[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]]
    assert of_row("dice", *row) == pytest.approx((first + second) / 2)
    assert of_row("dice", *row, [1, 3]) == pytest.approx((first + 3 * second) / 4)


def test_dice_of_an_absent_class_costs_what_is_predicted_of_it():
    # Class 0: (2 × 0.8 + 1) / (0.8 + 1 + 1). Class 1, absent: 1 / (0.2 + 1).
    value = of_row("dice", [0], [[0.8, 0.2]])
    assert value == pytest.approx((2 - 2.6 / 2.8 - 1 / 1.2) / 2)


def test_lovasz_by_hand():
    # Truth 0 0 1, p(0) 0.9 0.3 0.4, p(1) 0.1 0.7 0.6. Both classes have errors 0.7, 0.4, 0.1
    # of the pixels 1, 2, 0 in this order.
    # Class 0, true in 1 and 0: IoU 1 -> 1/2 -> 1/3 -> 0. Class 1, true in 2: 1 -> 1/2 -> 0 -> 0.
    first = 0.7 * (1 / 2) + 0.4 * (1 / 2 - 1 / 3) + 0.1 * (1 / 3)
    second = 0.7 * (1 / 2) + 0.4 * (1 / 2)
    row = [0, 0, 1, 255], [[0.9, 0.1], [0.3, 0.7], [0.4, 0.6], [0.5, 0.5]]
    assert of_row("lovasz", *row) == pytest.approx((first + second) / 2)
    assert of_row("lovasz", *row, [1, 3]) == pytest.approx((first + 3 * second) / 4)


def test_lovasz_leaves_out_classes_absent_from_the_truth():
    assert of_row("lovasz", [0, 0], [[0.9, 0.1], [0.6, 0.4]]) == pytest.approx(0.4 / 2 + 0.1 / 2)
    assert of_row("lovasz", [0], [[0.9, 0.1]], [0, 1]) == 0


def test_lovasz_of_hard_masks_is_one_minus_the_mean_iou():
    truth, found = np.random.default_rng(3).integers(3, size=(2, 2, 8, 8), dtype=np.uint8)
    value = LOSSES["lovasz"](truth, 100 * np.eye(3, dtype=np.float32)[found])
    mean_iou = Scores.of(confusion(truth, found, classes=3)).mean_iou
    assert float(value) == pytest.approx(1 - mean_iou, abs=1e-6)


def test_jaccard_growth_keeps_its_precision_over_sixteen_million_pixels():
    truth = np.zeros((1, 1 << 24), np.int32)
    truth[0, : 1 << 23] = 1
    growth = np.asarray(_jaccard_growth(keras.ops.convert_to_tensor(truth)))[0].astype(np.float64)
    assert growth[1 << 22] == pytest.approx(2.0**-23, rel=1e-6)
    assert growth.sum() == pytest.approx(1, rel=1e-6)


def hard(rows: list[list[int]], classes: int = 2) -> np.ndarray:
    """Logits of a mask that a model is sure of."""
    return 60 * np.eye(classes, dtype=np.float32)[np.array([rows])]


@pytest.mark.parametrize(("moved", "expected"), [(0, 0), (1, 0), (2, 0), (3, 0.5), (4, 0.5)])
def test_boundary_forgives_two_pixels(moved, expected):
    # One row: each class has one edge pixel; (0 + 1) / (1 + 1) = 1/2 where the edges do not meet.
    truth = [[0] * 6 + [1] * 6]
    found = [[0] * (6 + moved) + [1] * (6 - moved)]
    value = LOSSES["boundary"](np.array([truth], np.uint8), hard(found))
    assert float(value) == pytest.approx(expected, abs=1e-6)


def test_boundary_of_soft_probabilities_by_hand():
    # p(0) = 0.8 0.8 0.3, truth 0 0 1. Soft edge of class 0: 0, 0.7 - 0.2, 0; of class 1: 0, 0,
    # 0.8 - 0.3. True edges: pixel 1 of class 0, pixel 2 of class 1. All within reach.
    # Precision (0.5 + 1) / (0.5 + 1) = 1, recall (0.5 + 1) / (1 + 1) = 0.75: F1 = 6 / 7.
    value = of_row("boundary", [0, 0, 1], [[0.8, 0.2], [0.8, 0.2], [0.3, 0.7]])
    assert value == pytest.approx(1 / 7)


def test_there_is_no_edge_against_an_ignored_pixel():
    truth = np.array([[[0, 0, 255, 1, 1]]], np.uint8)
    assert float(LOSSES["boundary"](truth, hard([[0, 0, 0, 1, 1]]))) == pytest.approx(0, abs=1e-6)
    assert float(LOSSES["boundary"](truth, hard([[0, 0, 1, 1, 1]]))) == pytest.approx(0, abs=1e-6)
    # An edge within what counts is still one: (0 + 1) / (1 + 1) for both classes' precision.
    value = LOSSES["boundary"](truth, hard([[1, 0, 0, 1, 1]]))
    assert float(value) == pytest.approx(1 - 2 * 0.5 / 1.5)


def test_boundary_sums_keep_their_precision_over_a_million_pixels():
    edges = np.random.default_rng(6).random((16, 256, 256, 2)).astype(np.float32)
    share = np.asarray(_met(edges, np.zeros_like(edges)), np.float64)
    np.testing.assert_allclose(1 / share - 1, edges.sum((0, 1, 2), np.float64), rtol=1e-5)


# Against a reference that shares nothing with the source.


def reference(name: str, truth: np.ndarray, logits: np.ndarray) -> float:
    """Loops and boolean indexing in float64."""
    exp = np.exp(logits.astype(np.float64))
    p = exp / exp.sum(-1, keepdims=True)
    seen = truth != 255
    if name == "boundary":
        return float(np.mean([1 - boundary_f1(truth, p[..., c], c) for c in range(p.shape[-1])]))
    p, truth = p[seen], truth[seen]
    true = p[np.arange(len(truth)), truth]
    if name == "cross_entropy":
        return float(np.mean(-np.log(true)))
    if name == "focal":
        return float(np.mean(-((1 - true) ** 2) * np.log(true)))
    one_class = {"dice": dice_reference, "lovasz": lovasz_reference}[name]
    values = [one_class(truth == c, p[:, c]) for c in range(p.shape[1])]
    return float(np.mean([value for value in values if value is not None]))


def dice_reference(true: np.ndarray, p: np.ndarray) -> float:
    return 1 - (2 * p[true].sum() + 1) / (p.sum() + true.sum() + 1)


def lovasz_reference(true: np.ndarray, p: np.ndarray) -> float | None:
    """The definition: set function after set function."""
    if not true.any():
        return None
    errors = np.abs(true - p)
    order = np.argsort(-errors)
    value, before = 0.0, 0.0
    for count, pixel in enumerate(order, 1):
        wrong = np.isin(np.arange(len(p)), order[:count])
        after = 1 - (true & ~wrong).sum() / (true | wrong).sum()
        value, before = value + errors[pixel] * (after - before), after
    return value


def window_max(values: np.ndarray, reach: int) -> np.ndarray:
    """The largest of each pixel's neighbours, image by image."""
    out = np.empty_like(values)
    for b, y, x in np.ndindex(values.shape):
        ys, xs = slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1)
        out[b, y, x] = values[b, ys, xs].max()
    return out


def boundary_f1(truth: np.ndarray, p: np.ndarray, c: int) -> float:
    seen = truth != 255
    edges = []
    for inside in (p, (truth == c).astype(float)):
        outside = np.where(seen, 1 - inside, 0)
        edges.append(np.where(seen, window_max(outside, 1) - outside, 0))
    predicted, true = edges
    precision = ((predicted * window_max(true, 2)).sum() + 1) / (predicted.sum() + 1)
    recall = ((true * window_max(predicted, 2)).sum() + 1) / (true.sum() + 1)
    return 2 * precision * recall / (precision + recall)


@every_loss
@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_plain_numpy(name, seed):
    truth, logits = random_batch(seed, shape=(2, 7, 9), classes=seed + 2)
    assert float(LOSSES[name](truth, logits)) == pytest.approx(
        reference(name, truth, logits), rel=1e-5
    )


@every_loss
def test_its_gradient_is_that_of_finite_differences(name):
    truth, logits = random_batch(5, shape=(1, 3, 4))
    step, expected = 1e-5, np.zeros(logits.shape)
    for place in np.ndindex(logits.shape):
        up, down = logits.astype(np.float64), logits.astype(np.float64)
        up[place] += step
        down[place] -= step
        expected[place] = (reference(name, truth, up) - reference(name, truth, down)) / (2 * step)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(
        gradient(LOSSES[name], truth, logits), expected, rtol=1e-3, atol=2e-6
    )


# Laws that all of them keep.


@every_loss
def test_nothing_to_count_costs_nothing_and_has_no_gradient(name):
    truth, logits = random_batch()
    truth[:] = 255
    assert float(LOSSES[name](truth, logits)) == pytest.approx(0, abs=1e-7)
    assert float(LOSSES[name](truth, logits, [1, 2, 0])) == pytest.approx(0, abs=1e-7)
    assert (gradient(LOSSES[name], truth, logits) == 0).all()


@every_loss
def test_ignored_pixels_neither_count_nor_have_a_gradient(name):
    truth, logits = random_batch()
    ignored = truth == 255
    other = logits.copy()
    other[ignored] = np.random.default_rng(9).normal(scale=30, size=other[ignored].shape)
    assert float(LOSSES[name](truth, other)) == pytest.approx(float(LOSSES[name](truth, logits)))
    slope = gradient(LOSSES[name], truth, logits)
    assert (slope[ignored] == 0).all()
    assert (slope[~ignored] != 0).any()


@every_loss
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")
def test_one_class_costs_nothing(name):
    truth = np.array([[[0, 255], [0, 0]]], np.uint8)
    logits = np.array([3.0, -2, 0, 7], np.float32).reshape(1, 2, 2, 1)
    assert float(LOSSES[name](truth, logits)) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(gradient(LOSSES[name], truth, logits), 0, atol=1e-6)


@every_loss
def test_a_perfect_prediction_costs_nothing(name):
    truth, _ = random_batch()
    logits = 40 * np.eye(4, dtype=np.float32)[np.where(truth == 255, 3, truth)]
    assert float(LOSSES[name](truth, logits)) == pytest.approx(0, abs=1e-6)


@every_loss
def test_the_opposite_costs_more(name):
    truth, _ = random_batch(classes=2)
    right = hard(np.where(truth == 255, 0, truth)[0].tolist())
    loss_of = LOSSES[name]
    assert float(loss_of(truth[:1], np.zeros_like(right))) > float(loss_of(truth[:1], right)) + 0.1


@every_loss
def test_extreme_logits_are_finite(name):
    truth, logits = random_batch()
    extreme = 1e4 * np.sign(logits)
    assert np.isfinite(float(LOSSES[name](truth, extreme)))
    assert np.isfinite(gradient(LOSSES[name], truth, extreme)).all()


@every_loss
def test_a_flat_prediction_has_a_finite_gradient(name):
    truth, logits = random_batch()
    slope = gradient(LOSSES[name], truth, np.zeros_like(logits))
    assert np.abs(slope).max() < 1


@every_loss
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_the_arithmetic_is_float32_whatever_the_logits(name, dtype):
    truth, logits = random_batch(shape=(2, 40, 40))
    narrow = keras.ops.cast(keras.ops.convert_to_tensor(logits), dtype)
    value = LOSSES[name](truth, narrow)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(value) == float(LOSSES[name](truth, keras.ops.cast(narrow, "float32")))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "boundary"])
def test_the_order_of_the_pixels_is_all_the_same(name):
    truth, logits = random_batch()
    mixed = np.random.default_rng(4).permutation(truth.size)
    other = truth.ravel()[mixed].reshape(truth.shape)
    value = LOSSES[name](other, logits.reshape(-1, 3)[mixed].reshape(logits.shape))
    assert float(value) == pytest.approx(float(LOSSES[name](truth, logits)), rel=1e-6)


@every_loss
def test_equal_weights_change_nothing_and_only_ratios_matter(name):
    truth, logits = random_batch()
    plain = float(LOSSES[name](truth, logits))
    assert float(LOSSES[name](truth, logits, [7, 7, 7])) == pytest.approx(plain)
    some = float(LOSSES[name](truth, logits, [1, 2, 4]))
    assert some != pytest.approx(plain, rel=1e-4)
    assert float(LOSSES[name](truth, logits, np.array([0.5, 1, 2]))) == pytest.approx(some)


@every_loss
@pytest.mark.parametrize(
    "weights", [[1.0, 2.0], [1.0, -1.0, 1.0], [0, 0, 0], [1, math.nan, 1], [1, math.inf, 1]]
)
def test_weights_that_are_none_are_refused(name, weights):
    with pytest.raises(UsageError, match=r"class weights \[.*\] must be 3 numbers from 0 up, one"):
        LOSSES[name](*random_batch(), weights)


# In a model, and on the other engine.


@every_loss
def test_a_model_learns_by_it(name):
    """Keras hands classes over as float32, and the number of images is not known beforehand."""
    keras.utils.set_random_seed(0)
    truth = np.zeros((4, 16, 16), np.uint8)
    truth[:, 4:12, 4:10], truth[:, :, 14:] = 1, 255
    images = truth[..., None].astype(np.float32) % 2
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Conv2D(2, 3, padding="same")(image))
    model.compile(keras.optimizers.Adam(0.1), loss=parse_loss(f"2*{name}"))
    history = model.fit(images, truth, batch_size=3, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]


ON_JAX = """
import sys
import jax
import numpy as np
from maskwright.losses import LOSSES
arrays = np.load(sys.argv[1])
found = {}
for name, loss in LOSSES.items():
    step = jax.jit(jax.value_and_grad(lambda logits, truth: loss(truth, logits, [1, 2, 3])))
    for case in ("plain", "extreme", "ignored"):
        pair = step(arrays[case + "_logits"], arrays[case + "_truth"])
        found[f"{name}_{case}_value"], found[f"{name}_{case}_slope"] = pair
np.savez(sys.argv[2], **found)
"""


def test_jax_gives_the_same_values_and_gradients_under_jit(tmp_path, on_jax):
    pytest.importorskip("jax", reason="the extra maskwright[jax] is not installed")
    truth, logits = random_batch(shape=(2, 9, 9))
    cases = {
        "plain": (truth, logits),
        "extreme": (truth, 1e4 * np.sign(logits)),
        "ignored": (np.full_like(truth, 255), logits),
    }
    arrays = {f"{case}_truth": pair[0] for case, pair in cases.items()}
    arrays |= {f"{case}_logits": pair[1] for case, pair in cases.items()}
    np.savez(tmp_path / "in.npz", **arrays)
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX, str(tmp_path / "in.npz"), str(tmp_path / "out.npz")],
        env=on_jax,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npz")
    for name in NAMES:
        for case, pair in cases.items():
            value = float(LOSSES[name](*pair, [1, 2, 3]))
            assert found[f"{name}_{case}_value"] == pytest.approx(value, rel=1e-5, abs=1e-7)
            assert np.isfinite(found[f"{name}_{case}_slope"]).all()
        assert (found[f"{name}_ignored_slope"] == 0).all()
        slope = gradient(LOSSES[name], truth, logits, [1, 2, 3])
        np.testing.assert_allclose(found[f"{name}_plain_slope"], slope, rtol=1e-3, atol=1e-6)


# Sums by name.


def test_further_weights_of_pixels_are_added_to_those_of_their_classes():
    """By hand: pixels of p 0.25 and 0.5, class weights 1 and 2, further weights 3 and 0."""
    logits = np.log(np.array([[[[0.25, 0.75], [0.5, 0.5]]]], np.float32))
    classes = np.array([[[0, 1]]], np.float32)
    truth = np.stack([classes, np.array([[[3, 0]]], np.float32)], axis=-1)
    found = float(parse_loss("cross_entropy", [1, 2])(truth, logits))
    assert found == pytest.approx((4 * -np.log(0.25) + 2 * -np.log(0.5)) / 6)
    found = float(parse_loss("focal")(truth, logits))
    assert found == pytest.approx((4 * 0.75**2 * -np.log(0.25) + 0.5**2 * -np.log(0.5)) / 5)
    both = float(parse_loss("cross_entropy + dice")(truth, logits))
    assert both == pytest.approx(
        (4 * -np.log(0.25) - np.log(0.5)) / 5 + float(dice(classes, logits))
    )


def test_a_sum_of_names_is_the_sum_of_the_losses():
    truth, logits = random_batch()
    one, two, three = (LOSSES[name](truth, logits, [1, 2, 3]) for name in NAMES[:3])
    total = parse_loss(f"{NAMES[0]}+0.5*{NAMES[1]} + 1e-1 * {NAMES[2]}", [1, 2, 3])
    assert float(total(truth, logits)) == pytest.approx(
        float(one) + 0.5 * float(two) + 0.1 * float(three)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cross_entropy + lovas", r"unknown loss lovas in 'cross.*': did you mean lovasz\?"),
        ("0.5 dice", r"unknown loss 0\.5 dice in '0\.5 dice': did you mean dice\?"),
        ("dice*0.5", r"unknown loss 0\.5 in 'dice\*0\.5': choose from boundary, cross_entropy"),
        ("", r"a term of the loss '' is empty; write cross_entropy \+ 0\.5\*dice"),
        ("dice +", r"a term of the loss 'dice \+' is empty"),
        ("*dice", r"'' in the loss '\*dice' must be above 0, as in 0\.5\*dice"),
        ("half*dice", r"'half' in the loss 'half\*dice' must be above 0, as in 0\.5\*dice"),
        ("0*dice", r"'0' in the loss '0\*dice' must be above 0"),
        ("-1*dice", r"'-1' in the loss '-1\*dice' must be above 0"),
        ("nan*dice", r"'nan' in the loss 'nan\*dice' must be above 0"),
        ("inf*dice", r"'inf' in the loss 'inf\*dice' must be above 0"),
    ],
)
def test_a_sum_that_means_nothing_is_refused(text, words):
    with pytest.raises(UsageError, match=words):
        parse_loss(text)
