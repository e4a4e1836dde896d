"""A look into JSON files, sizes of images, and names that must stay inside a folder."""

from pathlib import Path

import pytest

from maskwright.data.images import image_size
from maskwright.data.ingest.reading import (
    begins_and_holds,
    dicts,
    first_file,
    inside,
    json_files,
    read_json,
)
from maskwright.errors import DataError

TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b'{"a": 1, "b": 2}', True),
        (b'\xef\xbb\xbf \n\t{"b": 1, "a": 2}', True),
        (b'{"a": 1}', False),
        (b'[{"a": 1, "b": 2}]', False),
        (b"", False),
        (b"\xff\xfe{", False),
    ],
)
def test_a_json_file_is_known_by_its_beginning_and_words(tmp_path, content, answer):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert begins_and_holds(path, b"{", [b'"a"', b'"b"']) is answer


def test_what_cannot_be_read_is_named(tmp_path):
    gone = tmp_path / "gone.json"
    words = r"gone\.json cannot be read: No such file or directory; check its permissions"
    with pytest.raises(DataError, match=words):
        begins_and_holds(gone, b"{", [])
    with pytest.raises(DataError, match=words):
        read_json(gone)


@pytest.mark.parametrize("content", [b'{"a": ', b"\xff", b"[" * 100_000, b"[" + b"9" * 5000 + b"]"])
def test_what_is_no_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json is not valid JSON: .*; export it again"):
        read_json(tmp_path / "a.json")


def test_json_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json") == [1]


def test_json_files_are_sorted_and_hidden_ones_passed_over(tmp_path, write_json):
    for name in ("b.json", "a.json", "._a.json", "c.txt"):
        write_json(tmp_path / name, {})
    (tmp_path / "d.json").mkdir()
    assert [path.name for path in json_files(tmp_path)] == ["a.json", "b.json"]
    assert json_files(tmp_path / "gone") == []


@pytest.mark.parametrize("content", [{}, [5], None, [{}, []]])
def test_what_is_no_list_of_objects_is_named(content):
    with pytest.raises(DataError, match="it is no list of JSON objects; export it again"):
        dicts(content, "it")
    assert dicts([{}], "it") == [{}]


def test_the_size_of_an_image_is_that_after_turning(tmp_path, photo):
    assert image_size(photo(tmp_path / "a.jpg", 4, 6)) == (4, 6)
    assert image_size(photo(tmp_path / "b.jpg", 4, 6, exif=TURNED)) == (6, 4)
    with pytest.raises(DataError, match=r"c\.jpg: no such file"):
        image_size(tmp_path / "c.jpg")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.jpg", "a.jpg"),
        ("train/a.jpg", "train/a.jpg"),
        ("train\\a.jpg", "train/a.jpg"),
        ("./a.jpg", "a.jpg"),
        ("/etc/a.jpg", "a.jpg"),
        ("../a.jpg", "a.jpg"),
        ("a/../../a.jpg", "a.jpg"),
        ("C:/a.jpg", "a.jpg"),
        ("C:a/b.jpg", "b.jpg"),
        ("http://host/a.jpg", "a.jpg"),
        ("", "."),
    ],
)
def test_a_name_stays_inside(name, path):
    assert inside(name).as_posix() == path


def test_the_first_folder_that_has_the_file_counts(tmp_path, photo):
    photo(tmp_path / "b/a.jpg")
    photo(tmp_path / "c/a.jpg")
    folders = [tmp_path / name for name in "abc"]
    assert first_file("a.jpg", folders) == tmp_path / "b/a.jpg"
    for name in ("", ".", "b.jpg", "a\0.jpg", "x" * 5000):
        assert first_file(name, folders) is None
    assert first_file("a.jpg", [Path("gone")]) is None
