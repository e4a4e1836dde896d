"""The engine under Keras, chosen once, before Keras is imported for the first time.

``KERAS_BACKEND`` decides where it is set. Else JAX where its GPU plug-in is installed (extra
``gpu``), else TensorFlow, else whichever of JAX and PyTorch is there.
"""

from __future__ import annotations

import importlib.util
import os

from maskwright.console import quiet
from maskwright.errors import MaskwrightError, UsageError, nearest, some

ENGINES = ("tensorflow", "jax", "torch")


def installed(package: str) -> bool:
    """Whether a package could be imported, without importing it."""
    return importlib.util.find_spec(package) is not None


def choose() -> str:
    """The name of the engine to use: "tensorflow", "jax" or "torch"."""
    if named := os.environ.get("KERAS_BACKEND"):
        if named not in ENGINES:
            raise UsageError(f"KERAS_BACKEND={named}: {nearest(named, ENGINES)}")
        if not installed(named):
            there = [engine for engine in ENGINES if installed(engine)]
            raise UsageError(
                f"KERAS_BACKEND={named} is not installed (pip install 'maskwright[{named}]'); "
                f"there is {some(there) or 'none'}"
            )
        return named
    if installed("jax") and installed("jax_cuda13_plugin"):
        return "jax"
    for engine in ENGINES:
        if installed(engine):
            return engine
    raise MaskwrightError(
        "no engine for Keras is installed; run: pip install tensorflow-cpu (or maskwright[jax])"
    )


os.environ["KERAS_BACKEND"] = choose()

with quiet():
    import keras

__all__ = ["accelerated", "choose", "installed", "keras"]


def accelerated() -> bool:
    """Whether the engine computes on something else than the processor."""
    return any(not name.startswith("cpu") for name in keras.distribution.list_devices())
