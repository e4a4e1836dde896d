"""What layers compute in: float32, or bfloat16 where that was measured to be faster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from maskwright.engine import accelerated, keras

ops = keras.ops

SIDE = 4096  # of the square matrices whose product is timed
FASTER = 1.5  # times, what bfloat16 must be ahead by to be worth its roughness


def precision_for(setting: str) -> str:
    """ "float32" or "bfloat16"; where the setting is "auto", by measuring on what is at hand.

    On a CPU "auto" is float32: a training step in bfloat16 was slower there (benchmarks/README.md).
    """
    if setting != "auto":
        return setting
    faster = accelerated() and product_seconds("float32") > FASTER * product_seconds("bfloat16")
    return "bfloat16" if faster else "float32"


def product_seconds(dtype: str, side: int = SIDE, times: int = 5) -> float:
    """Seconds for the product of two square matrices, the fastest of a few."""
    matrix = ops.ones((side, side), dtype=dtype)
    taken = []
    for _ in range(times + 1):  # the first one compiles
        begun = time.perf_counter()
        ops.convert_to_numpy(ops.matmul(matrix, matrix)[:1, :1])  # waits until it is there
        taken.append(time.perf_counter() - begun)
    return min(taken[1:])


@contextmanager
def computing_in(network: keras.Model, precision: str) -> Iterator[None]:
    """Let the layers of a network compute in "bfloat16"; weights, and the model, stay as they are.

    Only what is traced inside is changed. The scaling of the image and the logits stay float32,
    as do layers that were given a precision of their own.
    """
    chosen = [] if precision == "float32" else rough_layers(network)
    before = [layer.dtype_policy for layer in chosen]
    for layer in chosen:
        layer.dtype_policy = f"mixed_{precision}"
    try:
        yield
    finally:
        for layer, policy in zip(chosen, before, strict=True):
            layer.dtype_policy = policy


def rough_layers(network: keras.Model) -> list[Any]:
    """The layers between the image's scaling and the logits, in float32 so far."""
    layers = [layer for layer in network.layers if not getattr(layer, "layers", None)]
    inner = [one for layer in network.layers for one in getattr(layer, "layers", [])]
    names = [layer.name for layer in layers]
    end = names.index("logits") if "logits" in names else len(layers) - 1
    scaling = (keras.layers.Rescaling, keras.layers.Normalization, keras.layers.InputLayer)
    return [
        layer
        for layer in inner + layers[:end]
        if not isinstance(layer, scaling) and layer.dtype_policy.name == "float32"
    ]
