"""TOML and JSON files that anyone may have written: read within bounds of size and depth."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

MOST = 4_000_000  # bytes; a table of 255 classes has 25,000
DEEPEST = 32  # tables within tables; our own have three


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file in UTF-8.

    Raises OSError, and ValueError with the reason where it is none, or too large or too deep.
    """
    text = _text(path, MOST)
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"tables or lists lie more than {DEEPEST} deep in each other") from None
    _check_depth(content)
    return content


def read_json(path: Path, most: int = MOST) -> dict[str, Any]:
    """The content of a JSON file in UTF-8 that holds an object.

    Raises OSError, and ValueError with the reason where it is none, or too large or too deep.
    """
    text = _text(path, most)
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError(f"objects or lists lie more than {DEEPEST} deep in each other") from None
    if not isinstance(content, dict):
        raise ValueError("it holds no object")
    _check_depth(content)
    return content


def _text(path: Path, most: int) -> str:
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return content.decode("utf-8")


def _check_depth(content: object) -> None:
    """Go down level by level, so that no depth exhausts the stack."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [one for each in inner for one in each if isinstance(one, dict | list)]
        if not level:
            return
    raise ValueError(f"tables or lists lie more than {DEEPEST} deep in each other")
