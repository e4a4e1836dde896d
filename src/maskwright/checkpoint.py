"""Where a training stands, on disk: numbers and arrays, and nothing that could be executed.

    checkpoint/00000120.npz    after step 120: state.npy is JSON in UTF-8, the others are weights

An archive of NumPy arrays, each with its checksum (CRC-32). The last two are kept: where the newest
is torn, the one before it is used.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.console import say
from maskwright.files import whole_file

FOLDER = "checkpoint"
KEPT = 2  # as the newest may be torn
NAMES = "arrays"  # in the state as it is stored: the names of the arrays beside it
STATE = "state"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training, and its arrays by name; ``step`` counts from its beginning."""

    step: int
    state: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def write_checkpoint(run: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint of a run whole or not at all, and remove all but the last two.

    Raises WriteError where it cannot be written; those before are untouched then.
    """
    folder = run / FOLDER
    told = {**checkpoint.state, NAMES: sorted(checkpoint.arrays)}
    state = np.frombuffer(json.dumps(told).encode(), np.uint8)
    path = folder / f"{checkpoint.step:08}.npz"
    with whole_file(path) as part:
        folder.mkdir(exist_ok=True)
        with zipfile.ZipFile(part, "w") as archive:
            for name, values in {STATE: state, **checkpoint.arrays}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)
    for old in _files(run)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def latest_checkpoint(run: Path) -> Checkpoint | None:
    """The newest checkpoint of a run that is whole; says which torn ones were passed over."""
    for path in _files(run):
        try:
            return read_checkpoint(path)
        except ValueError as error:
            say(f"{path} is torn ({error}): going back to what was before it")
    return None


def has_checkpoint(run: Path) -> bool:
    """Whether there is one, whole or not."""
    return bool(_files(run))


def forget_checkpoints(run: Path, after: int = -1) -> None:
    """Remove the checkpoints of a run after that step, or all."""
    for path in _files(run):
        if int(path.stem) > after:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        (run / FOLDER).rmdir()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint; raises ValueError, with the reason, where it is not whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _array(archive, name) for name in _names(archive)}
        state = json.loads(arrays.pop(STATE).tobytes())
    except Exception as error:  # whatever zipfile, NumPy and json find wrong with it
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error
    if not isinstance(state, dict):
        raise ValueError("its state is no table")
    # Which members there are is in a part of the file that no checksum guards.
    if state.pop(NAMES, sorted(arrays)) != sorted(arrays):
        raise ValueError("some of its arrays are missing")
    return Checkpoint(int(path.stem), state, arrays)


def _files(run: Path) -> list[Path]:
    """The checkpoints of a run, the newest first."""
    folder = run / FOLDER
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if re.fullmatch(r"\d{8,}\.npz", path.name)]
    return sorted(named, key=lambda path: int(path.stem), reverse=True)


def _names(archive: zipfile.ZipFile) -> Iterator[str]:
    """The names of the arrays; refuses members that claim more than there is in the file."""
    room = Path(str(archive.filename)).stat().st_size
    for member in archive.infolist():
        room -= member.file_size
        if member.compress_type != zipfile.ZIP_STORED or room < 0:
            raise ValueError(f"{member.filename} is larger than the file")
        if not member.filename.endswith(".npy"):
            raise ValueError(f"{member.filename} is no array")
        yield member.filename.removesuffix(".npy")


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array, its checksum compared; refuses objects, and a shape that its bytes do not fill."""
    content = archive.read(f"{name}.npy")  # compares the checksum
    stream = io.BytesIO(content)
    np.lib.format.read_magic(stream)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    begun = stream.tell()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - begun:
        raise ValueError(f"{name} is no array of {shape} {dtype}")
    values = np.frombuffer(content, dtype, offset=begun)
    return values.reshape(shape, order="F" if fortran else "C")
