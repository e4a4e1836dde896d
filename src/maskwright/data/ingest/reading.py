"""What several exports need: a look into a JSON file, and where the images are that it names."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from maskwright.errors import DataError


def begins_and_holds(path: Path, first: bytes, words: Iterable[bytes]) -> bool:
    """Whether a JSON file begins with ``first`` and holds all words somewhere; nothing is parsed.

    So a file of hundreds of MB is told from others in a fraction of a second.
    """
    try:
        if not path.stat().st_size:
            return False
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
            return start.startswith(first) and all(data.find(word) >= 0 for word in words)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check its permissions") from None


def json_files(folder: Path) -> list[Path]:
    """The JSON files in a folder, sorted; hidden ones, such as macOS leaves, are passed over."""
    found = [path for path in folder.glob("*.json") if not path.name.startswith(".")]
    return sorted(path for path in found if path.is_file())


def read_json(path: Path) -> Any:
    """The content of a JSON file in UTF-8."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check its permissions") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON: {error}; export it again") from None


def dicts(content: Any, where: object) -> list[dict[str, Any]]:
    """What must be a list of objects, checked to be one."""
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise DataError(f"{where} is no list of JSON objects; export it again")
    return content


def inside(name: str) -> PurePosixPath:
    """A name from a file as a path that stays inside a folder: no root, no drive, no ``..``.

    >>> str(inside("train/a.jpg")), str(inside(r"C:\\data\\a.jpg")), str(inside("../../a.jpg"))
    ('train/a.jpg', 'a.jpg', 'a.jpg')
    """
    path = PurePosixPath(name.replace("\\", "/"))
    leads_out = path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1])
    return PurePosixPath(path.name) if leads_out else path


def first_file(name: str, folders: Sequence[Path]) -> Path | None:
    """The file ``name`` in the first of the folders that has it."""
    places = (folder / inside(name) for folder in folders)
    return next((place for place in places if _is_file(place)), None)


def _is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have (too long, a NUL) is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
