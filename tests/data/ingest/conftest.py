"""Builders that the tests of exports share; nothing is unpacked into the cache of the user."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def out(tmp_path) -> Path:
    """An empty folder to unpack into."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def write_json() -> Callable[..., Path]:
    def write(path: Path, content: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture
def photo(save) -> Callable[..., Path]:
    """Write a grey image of so many pixels."""

    def write(path: Path, height: int = 4, width: int = 6, **options: object) -> Path:
        return save(path, np.full((height, width, 3), 90, np.uint8), **options)

    return write


@pytest.fixture
def pack_words() -> Callable[..., list[int]]:
    """The rle-pack code of words, as a list of bytes: the way back of ``unpack_words``."""

    def pack(words: np.ndarray, size: int = 8, counts: tuple[int, ...] = (3, 4, 8, 16)) -> list:
        bits = f"{len(words):032b}{size - 1:05b}" + "".join(f"{n - 1:04b}" for n in counts)
        most = 1 << max(counts)

        def chunk(repeats: bool, length: int, values: list[int]) -> str:
            chosen = next(k for k, n in enumerate(counts) if length <= 1 << n)
            head = f"{int(repeats)}{chosen:02b}{length - 1:0{counts[chosen]}b}"
            return head + "".join(f"{value:0{size}b}" for value in values)

        parts = [bits]
        alone: list[int] = []
        borders = np.flatnonzero(np.diff(words)) + 1
        for run in np.split(np.asarray(words), borders):
            if len(run) == 1:
                alone.append(int(run[0]))
                continue
            for start in range(0, len(alone), most):
                parts.append(chunk(False, len(alone[start : start + most]), alone[start:][:most]))
            alone = []
            for start in range(0, len(run), most):
                parts.append(chunk(True, len(run[start:][:most]), [int(run[0])]))
        for start in range(0, len(alone), most):
            parts.append(chunk(False, len(alone[start:][:most]), alone[start:][:most]))
        code = "".join(parts)
        code += "0" * (-len(code) % 8)
        return [int(code[k : k + 8], 2) for k in range(0, len(code), 8)]

    return pack
