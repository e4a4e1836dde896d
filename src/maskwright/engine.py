"""The engine under Keras, chosen once, before Keras is imported for the first time.

``KERAS_BACKEND`` decides where it is set. Else JAX where its GPU plug-in is installed (extra
``gpu``), else TensorFlow, else whichever of JAX and PyTorch is there.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from maskwright.errors import MaskwrightError


def installed(package: str) -> bool:
    """Whether a package could be imported, without importing it."""
    return importlib.util.find_spec(package) is not None


def choose() -> str:
    """The name of the engine to use: "tensorflow", "jax" or "torch"."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    if installed("jax") and installed("jax_cuda13_plugin"):
        return "jax"
    for engine in ("tensorflow", "jax", "torch"):
        if installed(engine):
            return engine
    raise MaskwrightError(
        "no engine for Keras is installed; run: pip install tensorflow-cpu (or maskwright[jax])"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep C++ libraries from greeting people on standard error while they are imported.

    Exceptions of the import still come through; only bytes written to file descriptor 2 do not.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ["KERAS_BACKEND"] = choose()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors of TensorFlow's C++ only

with quiet():
    import keras

__all__ = ["accelerated", "choose", "installed", "keras"]


def accelerated() -> bool:
    """Whether the engine computes on something else than the processor."""
    return any(not name.startswith("cpu") for name in keras.distribution.list_devices())
