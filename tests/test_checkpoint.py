"""Checkpoints come back as they were written; what is torn is passed over; nothing is executed."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maskwright.checkpoint import (
    Checkpoint,
    forget_checkpoints,
    has_checkpoint,
    latest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from maskwright.errors import WriteError

ARRAYS = {
    "kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "steps": np.array(7, np.int64),
    "none": np.zeros((0, 2)),
}


def made(step: int) -> Checkpoint:
    return Checkpoint(step, {"epoch": step, "best": None}, ARRAYS)


def test_a_checkpoint_reads_back_as_it_was_written(tmp_path):
    path = write_checkpoint(tmp_path, made(12))
    read = latest_checkpoint(tmp_path)
    assert path.name == "00000012.npz"
    assert (read.step, read.state) == (12, {"epoch": 12, "best": None})
    assert read.arrays.keys() == ARRAYS.keys()
    for name, values in ARRAYS.items():
        assert read.arrays[name].dtype == values.dtype
        np.testing.assert_array_equal(read.arrays[name], values)


def test_the_last_two_are_kept(tmp_path):
    for step in (1, 20, 3, 100):
        write_checkpoint(tmp_path, made(step))
    assert sorted(p.name for p in (tmp_path / "checkpoint").iterdir()) == [
        "00000020.npz",
        "00000100.npz",
    ]
    assert latest_checkpoint(tmp_path).step == 100
    forget_checkpoints(tmp_path)
    assert not has_checkpoint(tmp_path)
    assert latest_checkpoint(tmp_path) is None


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "text"])
def test_where_the_newest_is_torn_the_one_before_is_used_and_it_is_said(tmp_path, capsys, damage):
    write_checkpoint(tmp_path, made(1))
    path = write_checkpoint(tmp_path, made(2))
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[content.index(ARRAYS["kernel"].tobytes()) + 5] ^= 4
    path.write_bytes({"cut": content[:-30], "bit": content, "empty": b"", "text": b"words"}[damage])
    assert latest_checkpoint(tmp_path).step == 1
    said = capsys.readouterr().err.replace("\n", "")
    assert "00000002.npz is torn (" in said
    assert ": going back to what was before it" in said


def test_where_all_are_torn_there_is_none(tmp_path):
    for step in (1, 2):
        write_checkpoint(tmp_path, made(step)).write_bytes(b"PK")
    assert latest_checkpoint(tmp_path) is None
    assert has_checkpoint(tmp_path)


def npy(values: object, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


class Hostile:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


HEADER = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }"
HOSTILE = {
    "a pickle in an array": {"a.npy": npy(np.array([Hostile()], object), allow_pickle=True)},
    "a pickle by itself": {"a.npy": pickle.dumps(Hostile())},
    "a terabyte": {"a.npy": (HEADER % b"274877906944").ljust(127) + b"\n"},
    "no array": {"../evil.py": b"print()"},
    "state of another kind": {"state.npy": npy(np.frombuffer(b"[1]", np.uint8))},
    "state that is no JSON": {"state.npy": npy(np.frombuffer(b"{", np.uint8))},
    "a state that is deep": {"state.npy": npy(np.frombuffer(b"[" * 100_000, np.uint8))},
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_checkpoint_is_passed_over(tmp_path, members, capsys):
    path = write_checkpoint(tmp_path, made(1))
    state = {"state.npy": npy(np.frombuffer(b"{}", np.uint8))}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (state | members).items():
            archive.writestr(name, content)
    assert latest_checkpoint(tmp_path) is None
    assert "is torn (" in capsys.readouterr().err


def test_an_archive_that_unpacks_to_much_more_is_refused_before_it_does(tmp_path):
    path = write_checkpoint(tmp_path, made(1))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("state.npy", b"0" * 50_000_000)
    with pytest.raises(ValueError, match=r"state\.npy is larger than the file"):
        read_checkpoint(path)


@settings(max_examples=200, deadline=None)
@example(place=1265, value=54, cut=0)  # a longer comment, which hides the members after it
@given(place=st.integers(0, 2000), value=st.integers(1, 255), cut=st.integers(0, 1))
def test_no_changed_byte_goes_unnoticed(tmp_path_factory, place, value, cut):
    """What is read of a checkpoint with one byte changed, or cut there, is what was written."""
    folder = tmp_path_factory.mktemp("bytes")
    path = write_checkpoint(folder, made(1))
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] ^= value
    path.write_bytes(content[:place] if cut else content)
    try:
        read = read_checkpoint(path)
    except ValueError:
        return
    for name, values in ARRAYS.items():  # a byte that means nothing, such as one of a date
        np.testing.assert_array_equal(read.arrays[name], values)
    assert read.state == made(1).state


def test_a_checkpoint_that_cannot_be_written_leaves_those_before(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, made(1))

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("maskwright.files.to_disk", full)
    with pytest.raises(
        WriteError, match=r"00000002.npz cannot be written \(No space left on device\); free some"
    ):
        write_checkpoint(tmp_path, made(2))
    assert [p.name for p in (tmp_path / "checkpoint").iterdir()] == ["00000001.npz"]
