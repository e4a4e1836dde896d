"""Optimisers with a rate of its own for pretrained layers: AdamW, Adam, Muon and SGD."""

from __future__ import annotations

from typing import Any

from maskwright.config import TrainConfig
from maskwright.engine import keras
from maskwright.models import ENCODER

ops = keras.ops

NO_DECAY = ["bias", "gamma", "beta"]  # of these a weight decay would only spoil the scale


class Layerwise:
    """What a Keras optimiser needs to multiply the rate of the encoder's weights by a share."""

    def __init__(self, *args: Any, encoder_rate: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.encoder_rate = encoder_rate
        self.rates: tuple[float, ...] = ()

    def build(self, variables: list[Any]) -> None:
        """Make the slots, and note which variables are the encoder's by their paths."""
        super().build(variables)  # type: ignore[misc]
        shares = (self.encoder_rate if v.path.startswith(ENCODER) else 1.0 for v in variables)
        self.rates = tuple(shares)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One variable's step, at its own share of the rate."""
        rate = self.rates[self._get_variable_index(variable)]  # type: ignore[attr-defined]
        super().update_step(gradient, variable, learning_rate * rate)  # type: ignore[misc]


class Adam(Layerwise, keras.optimizers.Adam):
    """Adam (Kingma, Ba 2015), and with a weight decay AdamW (Loshchilov, Hutter 2019)."""


class SGD(Layerwise, keras.optimizers.SGD):
    """Stochastic gradient descent with momentum."""


class Muon(Layerwise, keras.optimizers.Muon):
    """Muon (Jordan et al. 2024) on all kernels of full convolutions, Adam on the rest.

    A kernel [h, w, C, D] is the matrix [h · w · C, D]. Depthwise kernels, vectors and the last
    layer are no matrices that mix features: they go by Adam.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        mixes = len(variable.shape) == 4 and variable.shape[2] > 1 < variable.shape[3]
        return not mixes or "logits" in variable.path

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The nearest semi-orthogonal matrix, in the kernel's own shape."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """Scaled to the size of Adam's steps (Liu et al. 2025, arXiv:2502.16982, equation 4)."""
        height, width, channels, features = x.shape
        return x * (self.rms_rate * max(height * width * channels, features) ** 0.5)


def optimizer(config: TrainConfig, *, pretrained: bool = True) -> keras.optimizers.Optimizer:
    """The configured optimiser; whoever trains sets its ``learning_rate`` as time goes on.

    An encoder that is not ``pretrained`` learns at the whole rate.
    """
    options: dict[str, Any] = {
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay or None,
        "use_ema": config.average > 0,
        "ema_momentum": config.average,
        "gradient_accumulation_steps": config.accumulate if config.accumulate > 1 else None,
        "encoder_rate": config.encoder_rate if pretrained else 1.0,
    }
    if config.optimizer == "muon":
        made = Muon(adam_weight_decay=config.weight_decay or None, **options)
    elif config.optimizer == "sgd":
        made = SGD(momentum=config.momentum, **options)
    else:
        made = Adam(**options)
    made.exclude_from_weight_decay(var_names=NO_DECAY)
    return made
