"""Open a model file that anyone may have made: numbers are read from it, nothing is executed.

``model.keras`` is an archive of the network as JSON (config.json) and its weights as HDF5. Networks
of our own are built from our own configuration, and only the weights are read. A network that
somebody brought along is built by Keras in its safe mode, from Keras's own layers alone.
"""

from __future__ import annotations

import io
import json
import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from maskwright.config import ModelConfig
from maskwright.engine import keras
from maskwright.errors import RunError
from maskwright.models import build

WEIGHTS, NETWORK = "model.weights.h5", "config.json"
MEMBERS = {WEIGHTS, NETWORK, "metadata.json"}
MOST_TEXT = 20_000_000  # bytes of config.json
MOST_OBJECTS = 100_000  # groups and arrays in a file of weights
# Layers of Keras that run code from the file, or from another one that it names.
REFUSED = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "function"}
# Where Keras keeps what a network may be made of, and nothing else.
HOMES = ("keras", "keras.layers", "keras.models", "keras.initializers", "keras.regularizers",
         "keras.constraints", "keras.activations", "keras.dtype_policies")  # fmt: skip
INNER = ("keras.src.layers.", "keras.src.models.", "keras.src.ops.")
PARTS = ("__keras_tensor__", "__slice__", "__ellipsis__")  # of how layers are joined
# What in a layer's description multiplies its weights.
SIZES = ("units", "filters", "kernel_size", "depth_multiplier", "input_dim", "output_dim",
         "num_heads", "key_dim", "value_dim", "output_shape")  # fmt: skip
SHAPES = ("batch_shape", "shape", "target_shape")  # of what goes into them
SPARE = 2_000_000_000  # bytes that layers may ask for beyond those of the file
LONGEST_NAME = 1000


class ForeignError(ValueError):
    """A layer that Keras does not have, or that could do anything."""


def open_model(path: Path, config: ModelConfig, classes: int, channels: int) -> keras.Model:
    """The network of our configuration, with the weights in ``path``.

    Raises RunError, with the reason, for whatever is no model or not this one.
    """
    with told(path):
        _, weights = members(path)
        check_size(config, len(weights))
        model = build(ModelConfig(**{**vars(config), "weights": "none"}), classes, channels)
    return filled(path, model)


def open_own(path: Path) -> keras.Model:
    """A network that somebody brought along, as ``path`` describes it.

    Raises RunError as ``open_model``, and where it has layers that are not Keras's own.
    """
    with told(path):
        network, weights = members(path)
        check_weights(weights)
        check_layers(json.loads(network), len(weights))
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    return filled(path, model)


def filled(path: Path, model: keras.Model) -> keras.Model:
    """A network with its weights read from ``path``; raises RunError as ``open_model``."""
    with told(path):
        check_weights(members(path)[1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what does not fit is an error
            model.load_weights(path)
    if not all(np.isfinite(values).all() for values in model.get_weights()):
        raise RunError(f"{path} holds weights that are no finite numbers: train again")
    return model


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Whatever zipfile, h5py, json and Keras find wrong with a file is a RunError that names it."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        remedy = "damaged, or of another run: train again"
        if isinstance(error, ForeignError):
            remedy = "if it is yours, give it, as in maskwright.load(run, model=network)"
        raise RunError(f"{path} cannot be opened ({reason:.300}); {remedy}") from error


def members(path: Path) -> tuple[bytes, bytes]:
    """The network as JSON, and the weights as HDF5, of an archive that holds nothing else.

    Nothing is unpacked to the disk, and nothing is larger in memory than in the file.
    """
    with zipfile.ZipFile(path) as archive:
        size = path.stat().st_size
        for member in archive.infolist():
            if member.filename not in MEMBERS:
                raise ValueError(f"it holds {member.filename!r}, which no model of ours does")
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > size:
                raise ValueError(f"{member.filename} claims to be larger than the file")
        if archive.getinfo(NETWORK).file_size > MOST_TEXT:
            raise ValueError(f"{NETWORK} has more than {MOST_TEXT:,} bytes")
        return archive.read(NETWORK), archive.read(WEIGHTS)


def check_weights(content: bytes) -> None:
    """Refuse an HDF5 file that leads elsewhere, or claims more than is in it."""
    left, count = len(content), 0
    with h5py.File(io.BytesIO(content), "r") as file:
        for name, values in arrays(file):
            count += 1
            if values.dtype.kind not in "fiub":
                raise ValueError(f"{name} holds {values.dtype}, no numbers")
            if values.external or values.is_virtual or values.chunks:
                raise ValueError(f"{name} is not stored in the file as it is")
            left -= math.prod(values.shape) * values.dtype.itemsize
            if left < 0:
                raise ValueError(f"{name} claims to be larger than the file")
    if not count:
        raise ValueError("it holds no weights")


def arrays(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """All arrays of an HDF5 file, which must hold each once; links to elsewhere are refused."""
    waiting, seen = [("", file)], {address(file)}
    while waiting:
        path, group = waiting.pop()
        for name in group:
            inner = f"{path}/{name}"
            if len(inner) > LONGEST_NAME:
                raise ValueError("a name in it is too long")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{inner} is a link to somewhere else")
            value = group[name]
            if address(value) in seen:
                raise ValueError(f"{inner} is in it more than once")
            seen.add(address(value))
            if len(seen) > MOST_OBJECTS:
                raise ValueError(f"it holds more than {MOST_OBJECTS:,} groups and arrays")
            if isinstance(value, h5py.Dataset):
                yield inner, value
            else:
                waiting.append((inner, value))


def address(value: h5py.Group | h5py.Dataset) -> int:
    """Where in its file it lies."""
    return int(h5py.h5o.get_info(value.id).addr)


def check_size(config: ModelConfig, size: int) -> None:
    """Refuse a configuration whose largest kernel alone is larger than all weights of the file."""
    widest = max(config.filters) if config.encoder == "plain" else config.width
    if 4 * 9 * widest**2 > size and widest > 64:
        name = "filters" if config.encoder == "plain" else "width"
        raise ValueError(
            f"model.{name} = {widest} would need more than the {size:,} bytes of weights in it"
        )


def check_layers(network: object, size: int) -> None:
    """Refuse whatever is not one of Keras's own layers, or asks for far more than the file has."""
    if isinstance(network, dict):
        network = {key: value for key, value in network.items() if key != "compile_config"}
    every = list(objects(network))
    for entry in every:
        name, module = entry.get("class_name"), entry.get("module")
        if name is None or (name in PARTS and module is None):
            continue
        if name in REFUSED:
            raise ForeignError(f"its {name} can run code")
        if module not in HOMES and not str(module).startswith(INNER):
            raise ForeignError(f"its {name} of {module} is not one of Keras's layers")
    if 4 * weights_asked(every) > size + SPARE:
        raise ValueError("its layers would be far larger than the weights in the file")


def objects(network: object) -> Iterator[dict[str, Any]]:
    """All JSON objects within one, however deep."""
    waiting = [network]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one


def weights_asked(every: list[dict[str, Any]]) -> int:
    """How many weights layers may have at the most, by what their descriptions say of sizes.

    How many channels a layer gets is not always said: as many as the input has, or any layer gives.

    >>> weights_asked([{"units": 10, "name": "a"}, {"filters": 4, "kernel_size": [3, 3]}])
    460
    """
    asked = [[one for key in SIZES for one in _numbers(entry.get(key))] for entry in every]
    flat = any(entry.get("class_name") == "Flatten" for entry in every)
    shapes = [_numbers(entry.get(key)) for entry in every for key in SHAPES]
    given = [math.prod(shape) if flat else shape[-1] for shape in shapes if shape]
    widest = max([*given, *(size for each in asked for size in each)], default=1)
    return sum(math.prod(each) * widest for each in asked if each)


def _numbers(value: object) -> list[int]:
    """The sizes above 0 in a description's entry."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, int) and one > 0]
