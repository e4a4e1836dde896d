"""One training step, made for each engine: gradients of a loss, and what the optimiser does of it.

Keras's own loops are not used. On TensorFlow its ``fit`` takes a third longer for a step, on a GPU
its ``train_on_batch`` waits for every one to end. Here a step on JAX is asked for and its loss
looked at some steps later, so that the GPU never waits for Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from maskwright.data.labels import IGNORE
from maskwright.engine import keras
from maskwright.losses import Loss, parted
from maskwright.precision import computing_in

ops = keras.ops


class Stepper(Protocol):
    """Trains a network by steps.

    Around steps there is ``begin`` before the first and whenever weights were changed from outside,
    and ``sync`` before anyone looks at the weights. ``step`` takes image uint8 [B, S, S, C] and
    truth as a loss takes it, and gives loss and share of the pixels right, scalars, perhaps before
    they are computed: as numbers they should be read ``lag`` steps later.
    """

    lag: int

    def begin(self) -> None: ...
    def step(self, images: np.ndarray, truth: np.ndarray, rate: float) -> tuple[Any, Any]: ...
    def sync(self) -> None: ...


def stepper(network: keras.Model, loss: Loss, precision: str) -> Stepper:
    """The stepper of the engine that runs, for a network that is compiled with its optimiser.

    ``precision`` is what its layers compute in, "float32" or "bfloat16"; weights are float32.
    """
    return STEPPERS.get(keras.config.backend(), ByKeras)(network, loss, precision)


class OnTensorFlow:
    """A step as one graph of TensorFlow."""

    lag = 0

    def __init__(self, network: keras.Model, loss: Loss, precision: str) -> None:
        import tensorflow as tf

        variables = [variable.value for variable in network.trainable_variables]
        self.optimizer, self.tensor = network.optimizer, tf.convert_to_tensor

        @tf.function
        def step(images: Any, truth: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape, computing_in(network, precision):
                logits = network(images, training=True)
                value = loss(truth, logits) + sum(network.losses)
            self.optimizer.apply(tape.gradient(value, variables), network.trainable_variables)
            return value, pixel_accuracy(truth, logits)

        self.run = step

    def begin(self) -> None:
        """Nothing: the graph reads the variables themselves."""

    def step(self, images: np.ndarray, truth: np.ndarray, rate: float) -> tuple[Any, Any]:
        """A step at that learning rate."""
        self.optimizer.learning_rate = rate
        return self.run(self.tensor(images), self.tensor(truth))

    def sync(self) -> None:
        """Nothing: the graph changes the variables themselves."""


class OnJax:
    """A step as a pure function of all variables, which stay on the device until ``sync``."""

    lag = 8

    def __init__(self, network: keras.Model, loss: Loss, precision: str) -> None:
        self.network, self.optimizer = network, network.optimizer
        self.run = pure_step(network, loss, precision)
        self.state: Any = None

    @property
    def variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        """The variables whose values the state holds, in its order."""
        network = self.network
        slots = list(self.optimizer.variables)
        return network.trainable_variables, network.non_trainable_variables, slots

    def begin(self) -> None:
        """Take the values of all variables."""
        self.state = [[variable.value for variable in part] for part in self.variables]

    def step(self, images: np.ndarray, truth: np.ndarray, rate: float) -> tuple[Any, Any]:
        """A step at that learning rate."""
        self.state, told = self.run(self.state, np.float32(rate), images, truth)
        return told

    def sync(self) -> None:
        """Give the variables their values."""
        for part, values in zip(self.variables, self.state, strict=True):
            for variable, value in zip(part, values, strict=True):
                variable.assign(value)


def pure_step(network: keras.Model, loss: Loss, precision: str) -> Callable[..., Any]:
    """(state, rate, images, truth) -> (state, (loss, pixels right)), compiled once by JAX.

    The memory of the state that goes in is used for the one that comes out.
    """
    import jax

    optimizer = network.optimizer
    rate_at = [slot.path for slot in optimizer.variables].index(optimizer._learning_rate.path)

    def told(trainable: Any, others: Any, images: Any, truth: Any) -> Any:
        with computing_in(network, precision):
            logits, others, further = network.stateless_call(
                trainable, others, images, training=True, return_losses=True
            )
        return loss(truth, logits) + sum(further), (others, pixel_accuracy(truth, logits))

    def step(state: Any, rate: Any, images: Any, truth: Any) -> Any:
        trainable, others, slots = state
        slots = [rate if place == rate_at else slot for place, slot in enumerate(slots)]
        downhill = jax.value_and_grad(told, has_aux=True)
        (value, (others, right)), gradients = downhill(trainable, others, images, truth)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return [trainable, others, slots], (value, right)

    return jax.jit(step, donate_argnums=0)


class ByKeras:
    """A step by Keras's ``train_on_batch``, for engines without one of their own here."""

    lag = 0

    def __init__(self, network: keras.Model, loss: Loss, precision: str) -> None:
        network.compile(network.optimizer, loss, metrics=[pixel_accuracy])
        self.network, self.precision = network, precision

    def begin(self) -> None:
        """Nothing: Keras reads the variables themselves."""

    def step(self, images: np.ndarray, truth: np.ndarray, rate: float) -> tuple[Any, Any]:
        """A step at that learning rate."""
        self.network.optimizer.learning_rate = rate
        with computing_in(self.network, self.precision):
            logs = self.network.train_on_batch(images, truth, return_dict=True)
        return logs["loss"], logs["pixel_accuracy"]

    def sync(self) -> None:
        """Nothing: Keras changes the variables themselves."""


STEPPERS: dict[str, Callable[[keras.Model, Loss, str], Stepper]] = {
    "tensorflow": OnTensorFlow,
    "jax": OnJax,
}


def pixel_accuracy(truth: Any, logits: Any) -> Any:
    """Share of the pixels that count whose likeliest class is the true one, a scalar.

    truth uint8 [B, H, W], or with further weights as a loss takes them; logits [B, H, W, C].
    """
    classes, _ = parted(truth)
    counts = ops.cast(ops.not_equal(classes, IGNORE), "float32")
    likeliest = ops.cast(ops.argmax(logits, axis=-1), "int32")
    right = ops.cast(ops.equal(ops.cast(classes, "int32"), likeliest), "float32")
    return ops.sum(right * counts) / ops.maximum(ops.sum(counts), 1.0)
