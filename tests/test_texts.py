"""TOML and JSON of strangers: read, or refused with the reason, whatever they hold."""

import pytest

from maskwright.texts import MOST, read_json, read_toml


@pytest.mark.parametrize(
    ("read", "text"), [(read_toml, "a = {b = [1, 2]}"), (read_json, '{"a": {"b": [1, 2]}}')]
)
def test_what_is_well_formed_is_read(tmp_path, read, text):
    (tmp_path / "a").write_text(text)
    assert read(tmp_path / "a") == {"a": {"b": [1, 2]}}


DEEP = 100_000
BAD = {
    "deep lists": ("a = " + "[" * DEEP + "]" * DEEP, '{"a": ' + "[" * DEEP + "]" * DEEP + "}"),
    "deep tables": ("a" + ".a" * 5000 + " = 1", '{"a":' * 5000 + "1" + "}" * 5000),
    "too deep for us": ("a = " + "[" * 40 + "]" * 40, '{"a": ' + "[" * 40 + "]" * 40 + "}"),
}


@pytest.mark.parametrize(("toml", "json"), BAD.values(), ids=BAD)
def test_what_lies_too_deep_is_refused(tmp_path, toml, json):
    for read, text in ((read_toml, toml), (read_json, json)):
        (tmp_path / "a").write_text(text)
        with pytest.raises(ValueError, match="lie more than 32 deep in each other"):
            read(tmp_path / "a")


@pytest.mark.parametrize("read", [read_toml, read_json])
def test_what_is_too_large_is_refused_before_it_is_parsed(tmp_path, read):
    (tmp_path / "a").write_text(" " * (MOST + 1))
    with pytest.raises(ValueError, match="it has more than 4,000,000 bytes"):
        read(tmp_path / "a")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"a = 1" + b"0" * 5000 + b"x", b"= 1"])
def test_what_is_broken_is_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    for read in (read_toml, read_json):
        with pytest.raises(ValueError):  # noqa: PT011 each parser in its own words
            read(tmp_path / "a")


def test_json_that_is_no_object_is_refused(tmp_path):
    (tmp_path / "a").write_text("[1]")
    with pytest.raises(ValueError, match="it holds no object"):
        read_json(tmp_path / "a")
