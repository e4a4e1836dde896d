"""TOML and JSON files that anyone may have written: read within bounds of size and depth."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST = 4_000_000  # bytes; a table of 255 classes has 25,000
DEEPEST = 32  # tables within tables; our own have three
TOO_DEEP = f"tables or lists lie more than {DEEPEST} deep in each other"


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file in UTF-8.

    Raises OSError, and ValueError with the reason where it is none, or too large or too deep.
    """
    return _read(path, MOST, tomllib.loads)


def read_json(path: Path, most: int = MOST) -> dict[str, Any]:
    """The content of a JSON file in UTF-8 that holds an object.

    Raises OSError, and ValueError with the reason where it is none, or too large or too deep.
    """
    return _read(path, most, json.loads)


def parsed_json(text: str) -> dict[str, Any]:
    """The object that a text of JSON holds; raises ValueError as ``read_json``."""
    return _parsed(text.encode("utf-8"), MOST, json.loads)


def _read(path: Path, most: int, parse: Callable[[str], Any]) -> dict[str, Any]:
    with path.open("rb") as file:
        return _parsed(file.read(most + 1), most, parse)


def _parsed(text: bytes, most: int, parse: Callable[[str], Any]) -> dict[str, Any]:
    if len(text) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    try:
        content = parse(text.decode("utf-8"))
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if not isinstance(content, dict):
        raise ValueError("it holds no object")
    _check_depth(content)
    return content


def _check_depth(content: object) -> None:
    """Go down level by level, so that no depth exhausts the stack."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [one for each in inner for one in each if isinstance(one, dict | list)]
        if not level:
            return
    raise ValueError(TOO_DEEP)
