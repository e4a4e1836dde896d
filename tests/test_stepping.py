"""Training steps: they do what Keras's own do, on the engine that runs these tests and on JAX."""

import os
import subprocess
import sys

import numpy as np
import pytest

from maskwright.config import TrainConfig
from maskwright.engine import keras
from maskwright.losses import parse_loss
from maskwright.models.unet import unet
from maskwright.optimizers import optimizer
from maskwright.stepping import ByKeras, pixel_accuracy, stepper

RATES = (0.01, 0.02, 0.0, 0.01)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(256, size=(len(RATES), 2, 16, 16, 3)).astype(np.uint8)
TRUTH = RNG.choice([0, 1, 2, 255], size=(len(RATES), 2, 16, 16)).astype(np.uint8)


def network(config: TrainConfig, normalization: str = "batch", **options: object) -> keras.Model:
    """A U-Net of one block, always the same, with an optimiser whose variables are made."""
    keras.utils.set_random_seed(0)
    settings = {"filters": (4,), "dropout": 0, **options}
    model = unet(3, normalization=normalization, **settings)
    chosen = optimizer(config, pretrained=False)
    chosen.build(model.trainable_variables)
    model.compile(chosen)
    return model


def trained(config: TrainConfig, make=stepper, precision: str = "float32", **options: object):
    """The network after a few steps, and what each of them told."""
    model = network(config, **options)
    steps = make(model, parse_loss(config.loss), precision)
    steps.begin()
    told = [steps.step(*batch) for batch in zip(IMAGES, TRUTH, RATES, strict=True)]
    steps.sync()
    return model, [(float(loss), float(right)) for loss, right in told]


CASES = {
    "adamw": (TrainConfig(), (4, 8)),
    "sgd": (TrainConfig(optimizer="sgd", weight_decay=0), (4,)),
    "muon": (TrainConfig(optimizer="muon"), (4,)),
    "average": (TrainConfig(average=0.9), (4,)),
    "accumulate": (TrainConfig(accumulate=2), (4,)),
}


@pytest.mark.parametrize(("config", "filters"), CASES.values(), ids=CASES)
def test_steps_are_those_of_keras(config, filters):
    """What an optimiser does does not depend on the network; one sees a whole U-Net."""
    ours, told = trained(config, filters=filters)
    theirs, wanted = trained(config, ByKeras, filters=filters)
    np.testing.assert_allclose(told, wanted, rtol=1e-4)
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        if "seed" not in a.path:
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-4, err_msg=a.path)
    slots = zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True)
    for a, b in slots:
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=5e-4, err_msg=a.path)


def test_a_step_tells_loss_and_accuracy_of_the_weights_before_it():
    config = TrainConfig()
    before = network(config, normalization="none").predict_on_batch(IMAGES[0])
    _, told = trained(config, normalization="none")
    wanted = float(parse_loss("cross_entropy")(TRUTH[0], before))
    assert told[0] == pytest.approx((wanted, float(pixel_accuracy(TRUTH[0], before))), rel=1e-4)


def test_at_a_rate_of_zero_no_weight_moves_but_statistics_do():
    model = network(TrainConfig())
    before = {v.path: v.numpy() for v in model.variables}
    steps = stepper(model, parse_loss("cross_entropy"), "float32")
    steps.begin()
    steps.step(IMAGES[0], TRUTH[0], 0.0)
    steps.sync()
    moved = {v.path for v in model.variables if (v.numpy() != before[v.path]).any()}
    assert moved
    assert all("moving" in path or "seed" in path for path in moved)


def test_weights_that_were_changed_from_outside_are_trained_on():
    model = network(TrainConfig(), normalization="none")
    steps = stepper(model, parse_loss("cross_entropy"), "float32")
    steps.begin()
    first, _ = steps.step(IMAGES[0], TRUTH[0], 0.0)
    steps.sync()
    model.get_layer("logits").set_weights([np.zeros((1, 1, 4, 3)), np.zeros(3)])
    steps.begin()
    second, _ = steps.step(IMAGES[0], TRUTH[0], 0.0)
    assert float(first) != pytest.approx(np.log(3), abs=1e-4)
    assert float(second) == pytest.approx(np.log(3), rel=1e-5)


def test_what_layers_add_to_the_loss_counts():
    def told(factor: float) -> float:
        model = network(TrainConfig(), normalization="none")
        logits = model.get_layer("logits")
        logits.kernel_regularizer = keras.regularizers.L2(factor)
        logits.kernel.regularizer = logits.kernel_regularizer
        steps = stepper(model, parse_loss("cross_entropy"), "float32")
        steps.begin()
        return float(steps.step(IMAGES[0], TRUTH[0], 0.0)[0])

    kernel = network(TrainConfig(), normalization="none").get_layer("logits").kernel.numpy()
    assert told(0.5) - told(0) == pytest.approx(0.5 * (kernel**2).sum(), rel=1e-3)


def test_in_bfloat16_a_step_is_nearly_the_same_and_weights_stay_float32():
    (_, exact), (model, rough) = (
        trained(TrainConfig(), precision=p) for p in ("float32", "bfloat16")
    )
    np.testing.assert_allclose(rough[0], exact[0], rtol=0.05)
    assert rough[0] != exact[0]
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers} <= {"float32", "uint8"}
    assert model.predict_on_batch(IMAGES[0]).dtype == np.float32


def test_accuracy_counts_neither_ignored_pixels_nor_further_weights():
    logits = np.float32([[[[2, 1], [0, 1], [3, 0], [0, 9]]]])
    truth = np.float32([[[0, 0, 1, 255]]])
    assert float(pixel_accuracy(truth, logits)) == pytest.approx(1 / 3)
    weighed = np.stack([truth, np.full_like(truth, 7)], axis=-1)
    assert float(pixel_accuracy(weighed, logits)) == pytest.approx(1 / 3)


@pytest.mark.skipif(keras.config.backend() == "jax", reason="this is JAX already")
def test_all_of_this_holds_on_jax(on_jax):
    pytest.importorskip("jax", reason="the extra maskwright[jax] is not installed")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(
        [*words, "-k", "adamw or average or outside or bfloat16"],
        env=os.environ | on_jax,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
