"""Files of PyTorch weights, honest and hostile, written by hand."""

import collections
import contextlib
import io
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from maskwright.errors import DataError
from maskwright.models.torchfile import MAGIC, MAX_STEPS, PROTOCOL, read_torch_file

SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"int": 4}}


def text(value: str) -> bytes:
    return b"X" + struct.pack("<i", len(value)) + value.encode()


def long(value: int) -> bytes:
    digits = pickle.encode_long(value)
    return b"\x8a" + bytes([len(digits)]) + digits


def tuple_of(values) -> bytes:
    return b"(" + b"".join(long(value) for value in values) + b"t"


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def storage(key="0", count=6, kind="FloatStorage") -> bytes:
    return b"(" + text("storage") + name("torch", kind) + text(key) + text("cpu") + long(count)


def tensor(shape=(2, 3), strides=(3, 1), offset=0, stored=None) -> bytes:
    """A call of torch._utils._rebuild_tensor_v2, as PyTorch pickles it."""
    stored = storage() + b"Nt" if stored is None else stored
    hooks = name("collections", "OrderedDict") + b")R"
    arguments = stored + b"Q" + long(offset) + tuple_of(shape) + tuple_of(strides)
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"\x89" + hooks + b"tR"


def state(**tensors: bytes) -> bytes:
    """An OrderedDict with metadata of its own, as state_dict() gives it."""
    items = b"".join(text(key) + value for key, value in tensors.items())
    metadata = b"}" + text("_metadata") + b"}s"
    return (
        b"\x80\x02" + name("collections", "OrderedDict") + b")R(" + items + b"u" + metadata + b"b."
    )


def file_of(folder: Path, body: bytes, keys=("0",), storages=None, system=SYSTEM) -> Path:
    if storages is None:
        storages = struct.pack("<q6f", 6, *range(6))
    head = b"".join(pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, system))
    path = folder / "weights.pth"
    path.write_bytes(head + body + pickle.dumps(list(keys), 2) + storages)
    return path


def refused(path: Path, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_torch_file(path)
    assert str(caught.value).startswith(str(path))
    assert "fetch the weights again" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tensor_comes_back_with_its_name_and_numbers(tmp_path):
    tensors = read_torch_file(file_of(tmp_path, state(weight=tensor())))
    assert list(tensors) == ["weight"]
    assert tensors["weight"].dtype == np.float32
    assert tensors["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_strides_offsets_and_shared_storages_are_followed(tmp_path):
    body = state(turned=tensor((3, 2), (1, 3)), tail=tensor((2,), (1,), 4), one=tensor((), (), 2))
    tensors = read_torch_file(file_of(tmp_path, body))
    assert tensors["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert tensors["tail"].tolist() == [4, 5]
    assert tensors["one"] == 2
    assert tensors["one"].shape == ()


def test_the_arrays_cannot_be_written_to(tmp_path):
    tensors = read_torch_file(file_of(tmp_path, state(weight=tensor())))
    with pytest.raises(ValueError, match="read-only"):
        tensors["weight"][0, 0] = 1


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("DoubleStorage", np.float64),
        ("HalfStorage", np.float16),
        ("LongStorage", np.int64),
        ("IntStorage", np.int32),
        ("ShortStorage", np.int16),
        ("CharStorage", np.int8),
        ("ByteStorage", np.uint8),
        ("BoolStorage", np.bool_),
    ],
)
def test_each_type_of_numbers_is_read(tmp_path, kind, dtype):
    values = np.array([0, 1, 1], dtype)
    body = state(weight=tensor((3,), (1,), stored=storage(count=3, kind=kind) + b"Nt"))
    path = file_of(tmp_path, body, storages=struct.pack("<q", 3) + values.tobytes())
    read = read_torch_file(path)["weight"]
    assert read.dtype == dtype
    assert read.tolist() == values.tolist()


def test_an_empty_tensor_is_read(tmp_path):
    body = state(weight=tensor((0,), (1,), stored=storage(count=0) + b"Nt"))
    path = file_of(tmp_path, body, storages=struct.pack("<q", 0))
    assert read_torch_file(path)["weight"].shape == (0,)


def test_storages_come_in_the_order_of_their_keys(tmp_path):
    one, two = (tensor((1,), (1,), stored=storage(key, 1) + b"Nt") for key in "ab")
    path = file_of(tmp_path, state(one=one, two=two), "ba", struct.pack("<qfqf", 1, 7, 1, 8))
    assert {key: float(value[0]) for key, value in read_torch_file(path).items()} == {
        "one": 8,
        "two": 7,
    }


class Hostile:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_code_in_the_file_is_never_run(tmp_path, protocol):
    mark = tmp_path / "ran"
    body = pickle.dumps({"weight": Hostile(os.mkdir, str(mark))}, protocol)
    refused(file_of(tmp_path, body), r"asks for 'posix mkdir'|uses the pickle operation|damaged")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("collections", "OrderedDict.update"),
        ("maskwright.models.torchfile", "read_torch_file"),
    ],
)
def test_any_other_global_is_refused_by_its_name(tmp_path, module, attribute):
    body = b"\x80\x02" + name(module, attribute) + text("x") + b"\x85R."
    refused(file_of(tmp_path, body), f"asks for '{module} {attribute}', which no dict of tensors")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (name("collections", "OrderedDict") + long(1) + b"\x85R.", "calls something other"),
        (name("torch", "FloatStorage") + b")R.", "calls something other"),
        (text("x") + b")R.", "calls something other"),
        (b"](e}b.", "damaged or cut off in its tensors"),
        (b"}N}s.", "damaged or cut off in its tensors"),
        (b"}(" + text("x") + b"u.", "damaged or cut off in its tensors"),
        (b"h\x07.", "damaged or cut off in its tensors"),
        (b"t.", "damaged or cut off in its tensors"),
        (b"r\xff\xff\xff\xff.", "damaged or cut off in its tensors"),
        (b"\x8b\xff\xff\xff\x7f.", "damaged or cut off in its tensors"),
        (b"\x8e" + b"\xff" * 8 + b".", "damaged or cut off in its tensors"),
        (b"X\xff\xff\xff\xff.", "damaged or cut off in its tensors"),
        (b"\x95" + b"\x00" * 8 + b"}.", "uses the pickle operation FRAME"),
        (b"I" + b"9" * 6000 + b"\n.", "damaged or cut off in its tensors"),
        (b"i" + b"os\nsystem\n.", "uses the pickle operation INST"),
        (b"]2.", "uses the pickle operation DUP"),
        (b"\x82\x01.", "uses the pickle operation EXT1"),
        (long(5) + b".", "holds no dict of tensors"),
        (b"}" + text("epoch") + long(5) + b"s.", "other than a tensor under 'epoch'"),
    ],
    ids=str,
)
def test_what_no_dict_of_tensors_needs_is_refused(tmp_path, body, words):
    refused(file_of(tmp_path, b"\x80\x02" + body), words)


def test_a_pickle_without_end_is_given_up(tmp_path):
    body = b"\x80\x02" + b"N" * (MAX_STEPS + 1)
    refused(file_of(tmp_path, body), f"a pickle of more than {MAX_STEPS} operations")


HUGE = 2**62


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"shape": (2, 4)}, "tensor weight that reaches outside"),
        ({"strides": (4, 1)}, "tensor weight that reaches outside"),
        ({"offset": 1}, "tensor weight that reaches outside"),
        ({"shape": (6, 6), "strides": (0, 0)}, "tensor weight that reaches outside"),
        ({"shape": (0, 2**39), "strides": (1, 1)}, "tensor weight that reaches outside"),
        ({"shape": (HUGE, 1)}, "no sensible count"),
        ({"shape": (-1, 3)}, "no sensible count"),
        ({"strides": (-3, 1)}, "no sensible count"),
        ({"strides": (HUGE, 1)}, "no sensible count"),
        ({"offset": -1}, "no sensible count"),
        ({"offset": HUGE}, "no sensible count"),
        ({"strides": (1,)}, "2 axes and 1 strides"),
        ({"shape": (1,) * 40, "strides": (1,) * 40}, "40 axes"),
        ({"stored": storage(count=7) + b"Nt"}, "announces 6 numbers in storage 0, not 7"),
        ({"stored": storage(count=HUGE) + b"Nt"}, f"announces 6 .* not {HUGE}"),
        ({"stored": storage(count=-1) + b"Nt"}, "described in an unknown way"),
        ({"stored": storage() + long(1) + b"t"}, "described in an unknown way"),
        ({"stored": storage() + b"t"}, "damaged or cut off"),
        ({"stored": storage(kind="BFloat16Storage") + b"Nt"}, "asks for 'torch BFloat16Storage'"),
        ({"stored": storage("elsewhere") + b"Nt"}, r"other storages .*\(0, elsewhere\)"),
    ],
    ids=str,
)
def test_a_tensor_that_cannot_be_is_refused(tmp_path, changed, words):
    refused(file_of(tmp_path, state(weight=tensor(**changed))), words)


def test_tensors_must_agree_on_their_storage(tmp_path):
    other = tensor((3,), (1,), stored=storage(count=3, kind="DoubleStorage") + b"Nt")
    refused(file_of(tmp_path, state(one=tensor(), two=other)), "describes storage '0' in two ways")


@pytest.mark.parametrize(
    ("keys", "words"),
    [((), r"other storages .*\(0\)"), ("00", "the same key twice"), ((5,), "no list of storage")],
)
def test_the_keys_must_be_those_of_the_storages(tmp_path, keys, words):
    refused(file_of(tmp_path, state(weight=tensor()), keys), words)


def test_a_storage_that_announces_more_than_the_file_has_is_refused(tmp_path):
    body = state(weight=tensor((1,), (1,), stored=storage(count=2**40) + b"Nt"))
    path = file_of(tmp_path, body, storages=struct.pack("<q", 2**40) + bytes(24))
    refused(path, f"ends early: {2**42} bytes expected, 24 left")


def test_the_file_may_end_nowhere_but_at_its_end(tmp_path):
    path = file_of(tmp_path, state(weight=tensor()))
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"fetch the weights again"):
            read_torch_file(path)
    path.write_bytes(whole + b"more")
    refused(path, "has 4 bytes too many at its end")


def test_no_single_damaged_byte_ends_in_anything_but_an_error_or_arrays(tmp_path):
    path = file_of(tmp_path, state(weight=tensor(), tail=tensor((3,), (1,), 2)))
    whole = path.read_bytes()
    read = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
        with contextlib.suppress(DataError):
            assert all(type(array) is np.ndarray for array in read_torch_file(path).values())
            read += 1
    assert 24 <= read < len(whole) / 2  # the numbers themselves may be any


def test_nested_values_that_unfold_without_end_cost_nothing(tmp_path):
    nested = b")q\x00" + b"h\x00h\x00\x86q\x00" * 200
    for body in (nested + b".", b"}" + text("x") + nested + b"s.", b"}" + nested + b"Ns."):
        refused(file_of(tmp_path, b"\x80\x02" + body), "dict of tensors|tensor under|damaged")
    path = file_of(tmp_path, b"")
    path.write_bytes(pickle.dumps(MAGIC, 2) + b"\x80\x02" + nested + b".")
    refused(path, f"another protocol version than {PROTOCOL}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no file of PyTorch weights"),
        (b"\x89PNG\r\n\x1a\n", "is no file of PyTorch weights"),
        (pickle.dumps({"a": 1}, 2), "begins with another magic number"),
        (b"PK\x03\x04rest", "in the zip format of PyTorch 1.6 and later"),
        (pickle.dumps(MAGIC, 2) + pickle.dumps(1000, 2), "another protocol version than 1001"),
    ],
)
def test_other_files_are_told_by_their_beginning(tmp_path, content, words):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    refused(path, words)


@pytest.mark.parametrize("system", [{"little_endian": False}, {}, []])
def test_only_little_endian_files_are_read(tmp_path, system):
    refused(file_of(tmp_path, state(weight=tensor()), system=system), "little-endian")


def test_a_file_of_more_than_a_gibibyte_is_not_read(tmp_path):
    path = tmp_path / "weights.pth"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)
    refused(path, "is larger than 1 GiB")


@pytest.mark.parametrize(
    ("kind", "words"), [("missing", "No such file"), ("folder", "Is a directory|Permission")]
)
def test_what_cannot_be_opened_is_named(tmp_path, kind, words):
    path = tmp_path / "weights.pth"
    if kind == "folder":
        path.mkdir()
    with pytest.raises(DataError, match=f"cannot be read: ({words}).*name a file of PyTorch"):
        read_torch_file(path)


def test_an_ordinary_dict_of_tensors_is_read_too(tmp_path):
    body = b"\x80\x02}" + text("weight") + tensor() + b"s."
    assert read_torch_file(file_of(tmp_path, body))["weight"].shape == (2, 3)


def test_the_pickles_written_by_hand_are_real_ones():
    class Finder(pickle.Unpickler):
        def find_class(self, module, attribute):
            return {
                "OrderedDict": collections.OrderedDict,
                "_rebuild_tensor_v2": lambda *arguments: arguments,
                "FloatStorage": float,
            }[attribute]

        def persistent_load(self, identifier):
            return identifier

    arguments = Finder(io.BytesIO(state(weight=tensor()))).load()["weight"]
    assert arguments[0] == ("storage", float, "0", "cpu", 6, None)
    assert arguments[1:5] == (0, (2, 3), (3, 1), False)
