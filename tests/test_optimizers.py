"""Optimisers: who gets which rate, what decays, and Muon's steps."""

from contextlib import ExitStack

import numpy as np
import pytest

from maskwright.config import TrainConfig
from maskwright.engine import keras
from maskwright.optimizers import Adam, Muon, optimizer


def variables(**shapes: tuple[int, ...]) -> list[keras.Variable]:
    """Ones, named as the layers of a network would be: ``encoder__conv__kernel``."""
    made = []
    for name, shape in shapes.items():
        *scopes, last = name.split("__")
        with ExitStack() as inside:
            for scope in scopes:
                inside.enter_context(keras.name_scope(scope))
            made.append(keras.Variable(np.ones(shape, np.float32), name=last))
    return made


def moved(config: TrainConfig, rate: float = 0.1, **shapes: tuple[int, ...]) -> list[np.ndarray]:
    """How far a first step with gradients of 1 moves each variable."""
    chosen = variables(**shapes)
    made = optimizer(config)
    made.build(chosen)
    made.learning_rate = rate
    made.apply([keras.ops.ones_like(v) for v in chosen], chosen)
    return [1 - np.asarray(keras.ops.convert_to_numpy(v)) for v in chosen]


def test_the_encoder_moves_by_its_share_of_the_rate():
    plain = TrainConfig(weight_decay=0, encoder_rate=0.25)
    inside, outside = moved(plain, encoder__stem__kernel=(1, 1, 2, 2), head__kernel=(1, 1, 2, 2))
    np.testing.assert_allclose(outside, 0.1, rtol=1e-4)  # Adam's first step is the rate
    np.testing.assert_allclose(inside, 0.025, rtol=1e-4)


def test_an_encoder_from_random_weights_learns_at_the_whole_rate():
    made = optimizer(TrainConfig(encoder_rate=0.25), pretrained=False)
    assert made.encoder_rate == 1


def test_kernels_decay_and_biases_and_norms_do_not():
    config = TrainConfig(weight_decay=0.5)
    shapes = {"a__kernel": (2,), "a__bias": (2,), "a__gamma": (2,), "a__beta": (2,)}
    kernel, *others = moved(config, **shapes)
    np.testing.assert_allclose(kernel, 0.1 + 0.1 * 0.5, rtol=1e-4)
    for other in others:
        np.testing.assert_allclose(other, 0.1, rtol=1e-4)


def test_the_average_follows_the_weights():
    made = optimizer(TrainConfig(weight_decay=0, average=0.9))
    weight = variables(a__kernel=(1,))
    made.build(weight)
    made.learning_rate = 0.1
    seen = []
    for _ in range(3):
        made.apply([keras.ops.ones_like(weight[0])], weight)
        seen.append(float(weight[0][0]))
    made.finalize_variable_values(weight)
    average = seen[0]
    for value in seen[1:]:
        average = 0.9 * average + 0.1 * value
    assert float(weight[0][0]) == pytest.approx(average, rel=1e-5)


def test_gradients_are_averaged_over_the_steps_that_accumulate():
    made = optimizer(TrainConfig(weight_decay=0, accumulate=2))
    weight = variables(a__kernel=(1,))
    made.build(weight)
    made.learning_rate = 0.1
    made.apply([keras.ops.ones_like(weight[0])], weight)
    assert float(weight[0][0]) == 1
    made.apply([keras.ops.ones_like(weight[0])], weight)
    assert float(weight[0][0]) == pytest.approx(0.9, rel=1e-4)


def test_names_choose_the_kind():
    assert type(optimizer(TrainConfig(optimizer="adamw"))) is Adam
    assert type(optimizer(TrainConfig(optimizer="muon"))) is Muon


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (1, 1, 8, 4)])
def test_muon_steps_by_a_matrix_whose_singular_values_are_alike(shape):
    rng = np.random.default_rng(0)
    weight = variables(a__kernel=shape)
    made = optimizer(TrainConfig(optimizer="muon", weight_decay=0))
    made.build(weight)
    made.learning_rate = 0.1
    made.apply([keras.ops.convert_to_tensor(rng.normal(size=shape).astype(np.float32))], weight)
    step = (1 - np.asarray(weight[0])).reshape(-1, shape[-1])
    # Newton-Schulz brings them to 0.7 … 1.2; the step has the size of Adam's, 0.2 · √larger side.
    values = np.linalg.svd(step, compute_uv=False) / (0.1 * 0.2 * max(step.shape) ** 0.5)
    assert 0.5 < values.min() <= values.max() < 1.3


@pytest.mark.parametrize("name", ["a__bias", "logits__kernel", "a_depthwise__kernel"])
def test_muon_leaves_to_adam_what_is_no_matrix(name):
    shape = {"bias": (4,), "kernel": (3, 3, 4, 1 if "depthwise" in name else 3)}
    (step,) = moved(
        TrainConfig(optimizer="muon", weight_decay=0), **{name: shape[name.split("__")[1]]}
    )
    np.testing.assert_allclose(step, 0.1, rtol=1e-4)


def test_sgd_keeps_its_momentum():
    config = TrainConfig(optimizer="sgd", momentum=0.5, weight_decay=0, encoder_rate=0.1)
    chosen = variables(a__kernel=(1,), encoder__kernel=(1,))
    made = optimizer(config)
    made.build(chosen)
    made.learning_rate = 0.1
    for _ in range(2):
        made.apply([keras.ops.ones_like(v) for v in chosen], chosen)
    # Steps of 0.1 and 0.1 + 0.5 × 0.1; the encoder's are a tenth of that.
    outside, inside = (1 - float(keras.ops.convert_to_numpy(v)[0]) for v in chosen)
    assert outside == pytest.approx(0.25)
    assert inside == pytest.approx(0.025)
