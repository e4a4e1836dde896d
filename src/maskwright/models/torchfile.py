"""Weights in PyTorch's file format of before version 1.6, read without PyTorch.

Such a file is a sequence of pickles (a magic number, the protocol version, facts of the machine
that wrote it, the object, the keys of its storages) and then, for each key, an int64 count and as
many raw numbers. Unpickling runs whatever a file asks for; so nothing is unpickled here. A small
machine steps through the operations that a dict of tensors needs and refuses every other.
"""

from __future__ import annotations

import io
import itertools
import math
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.errors import DataError, some

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_BYTES = 2**30
MAX_STEPS = 1_000_000
MAX_AXES = 16
DTYPES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
    "torch BoolStorage": "|b1",
}
ORDERED_DICT = "collections OrderedDict"
REBUILD = "torch._utils _rebuild_tensor_v2"


@dataclass(frozen=True)
class _Name:
    """A module and what it calls by a name; never looked up."""

    text: str


@dataclass(frozen=True)
class _Storage:
    """``count`` numbers of type ``dtype``, shared by the tensors that name ``key``."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _FormatError(ValueError):
    """What is wrong with the file, for the message to the user."""


def read_torch_file(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state_dict by name, as read-only arrays that share the file's bytes.

    Reads no more than 1 GiB, executes nothing that the file contains and allocates little more
    than the file. Raises ``DataError`` for any other file, naming what is wrong with it.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _FormatError("is larger than 1 GiB, more than any encoder's weights")
        return _read(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; name a file of PyTorch weights"
        ) from None
    except _FormatError as error:
        raise DataError(
            f"{path} {error}; fetch the weights again, or save them anew in PyTorch with "
            "torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)"
        ) from None


def _read(data: bytes) -> dict[str, np.ndarray]:
    if data.startswith(b"PK\x03\x04"):
        raise _FormatError("is in the zip format of PyTorch 1.6 and later, which is not read here")
    stream = io.BytesIO(data)
    if _unpickled(stream, "magic number", "is no file of PyTorch weights") != MAGIC:
        raise _FormatError("is no file of PyTorch weights: it begins with another magic number")
    if _unpickled(stream, "protocol version") != PROTOCOL:
        raise _FormatError(f"has another protocol version than {PROTOCOL}")
    machine = _unpickled(stream, "facts of its machine")
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise _FormatError("was not written on a little-endian machine")
    tensors = _tensors(_unpickled(stream, "tensors"))
    keys = _unpickled(stream, "storage keys")
    storages = _storages(stream, keys, {t.storage.key: t.storage for t in tensors.values()})
    return {name: _view(name, t, storages[t.storage.key]) for name, t in tensors.items()}


def _tensors(state: Any) -> dict[str, _Tensor]:
    """The unpickled object, if it is a flat dict of tensors that agree on their storages."""
    if not isinstance(state, dict):
        raise _FormatError("holds no dict of tensors")
    seen: dict[str, _Storage] = {}
    for name, tensor in state.items():
        if not isinstance(tensor, _Tensor):
            raise _FormatError(f"holds something other than a tensor under {name!r:.80}")
        if seen.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise _FormatError(f"describes storage {tensor.storage.key!r:.40} in two ways")
    return state


def _storages(
    stream: io.BytesIO, keys: Any, described: dict[str, _Storage]
) -> dict[str, np.ndarray]:
    """The numbers of each storage, in the order of ``keys``, as flat arrays."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _FormatError("has no list of storage keys")
    if sorted(keys) != sorted(described):
        odd = sorted(set(keys) ^ set(described)) or ["the same key twice"]
        raise _FormatError(f"lists other storages than its tensors use ({some(odd):.120})")
    data = stream.getbuffer().toreadonly()
    at, storages = stream.tell(), {}
    for key in keys:
        dtype, expected = np.dtype(described[key].dtype), described[key].count
        count = int.from_bytes(data[at : at + 8], "little", signed=True)
        if count != expected:
            raise _FormatError(f"announces {count} numbers in storage {key:.40}, not {expected}")
        if (left := len(data) - at - 8) < count * dtype.itemsize:
            raise _FormatError(f"ends early: {count * dtype.itemsize} bytes expected, {left} left")
        storages[key] = np.frombuffer(data, dtype, count, at + 8)
        at += 8 + count * dtype.itemsize
    if at != len(data):
        raise _FormatError(f"has {len(data) - at} bytes too many at its end")
    return storages


def _view(name: str, tensor: _Tensor, numbers: np.ndarray) -> np.ndarray:
    """The tensor as a view of its storage, if it lies within it and shows no number twice."""
    reach = tensor.offset + sum(
        (n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    empty = 0 in tensor.shape
    room = max(len(numbers), 1)
    if math.prod(max(n, 1) for n in tensor.shape) > room or (not empty and reach >= len(numbers)):
        raise _FormatError(f"has a tensor {name:.80} that reaches outside its storage")
    if empty:
        return np.empty(tensor.shape, numbers.dtype)
    return np.lib.stride_tricks.as_strided(
        numbers[tensor.offset :],
        tensor.shape,
        [stride * numbers.itemsize for stride in tensor.strides],
        writeable=False,
    )


def _unpickled(stream: io.BytesIO, part: str, otherwise: str = "") -> Any:
    """The next pickle's object, made of dicts, lists, tuples, strings, numbers and tensors."""
    try:
        return _stepped(pickletools.genops(stream))
    except _FormatError as error:
        raise (_FormatError(otherwise) if otherwise else error) from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError):
        raise _FormatError(otherwise or f"is damaged or cut off in its {part}") from None


def _stepped(operations: Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]) -> Any:
    """What the operations of one pickle leave on the stack."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    for operation, value, _ in itertools.islice(operations, MAX_STEPS):
        match operation.name:
            case "STOP":
                return stack.pop()
            case "MARK":
                marks.append(len(stack))
            case "BINPUT" | "LONG_BINPUT":
                memo[value] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[value])
            case "TUPLE" | "SETITEMS" | "APPENDS":
                start = marks.pop()
                items = stack[start:]
                del stack[start:]
                _gather(operation.name, stack, items)
            case name:
                _step(name, value, stack)
    raise _FormatError(f"has a pickle of more than {MAX_STEPS} operations")


def _gather(name: str, stack: list[Any], items: list[Any]) -> None:
    """End what a mark began: a tuple of the items, or more for the dict or list below them."""
    if name == "TUPLE":
        stack.append(tuple(items))
    elif name == "APPENDS":
        _typed(stack[-1], list).extend(items)
    else:
        pairs = zip(items[::2], items[1::2], strict=True)
        _typed(stack[-1], dict).update({_typed(key, str): value for key, value in pairs})


def _step(name: str, value: Any, stack: list[Any]) -> None:
    """One operation that looks at nothing but the top of the stack."""
    match name:
        case "PROTO":
            pass
        case "BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "LONG1":
            stack.append(value)
        case "NONE" | "NEWTRUE" | "NEWFALSE":
            stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
        case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
        case "TUPLE1" | "TUPLE2" | "TUPLE3":
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        case "APPEND" | "SETITEM":
            count = 1 if name == "APPEND" else 2
            items = stack[-count:]
            del stack[-count:]
            _gather(f"{name}S", stack, items)
        case "GLOBAL":
            if value not in (ORDERED_DICT, REBUILD, *DTYPES):
                raise _FormatError(f"asks for {value!r:.80}, which no dict of tensors needs")
            stack.append(_Name(value))
        case "BINPERSID":
            stack.append(_storage(stack.pop()))
        case "REDUCE":
            arguments = stack.pop()
            stack.append(_called(stack.pop(), arguments))
        case "BUILD":  # the metadata of an OrderedDict
            stack.pop()
            _typed(stack[-1], dict)
        case _:
            raise _FormatError(f"uses the pickle operation {name}, which no dict of tensors needs")


def _called(name: Any, arguments: Any) -> dict[str, Any] | _Tensor:
    """What the two functions of a state_dict give for their arguments."""
    if name == _Name(ORDERED_DICT) and arguments == ():
        return {}
    if name != _Name(REBUILD):
        raise _FormatError("calls something other than a tensor or an empty dict")
    storage, offset, shape, strides, *_ = _typed(arguments, tuple)
    counts = [offset, *_typed(shape, tuple), *_typed(strides, tuple)]
    if len(shape) != len(strides) or len(shape) > MAX_AXES:
        raise _FormatError(f"has a tensor of {len(shape)} axes and {len(strides)} strides")
    if any(type(count) is not int or not 0 <= count < 2**40 for count in counts):
        raise _FormatError("has a tensor with a size, stride or offset that is no sensible count")
    return _Tensor(_typed(storage, _Storage), offset, shape, strides)


def _storage(described: Any) -> _Storage:
    """The storage that a persistent identifier describes."""
    kind, name, key, _, count, view = _typed(described, tuple)
    if kind != "storage" or view is not None or type(count) is not int or count < 0:
        raise _FormatError("has a storage that is described in an unknown way")
    return _Storage(_typed(key, str), DTYPES[_typed(name, _Name).text], count)


def _typed(value: Any, kind: type) -> Any:
    """``value``, if it is of exactly this type."""
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} for {kind.__name__}")
    return value
