"""What a file says of itself, and what is said of one that cannot be opened."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskwright.artifacts.facts import KEY, Facts, facts_from
from maskwright.errors import RunError
from maskwright.texts import MOST

INSIDE_ZIP = f"{KEY}.json"  # behind a .tflite file


def behind(content: bytes, path: Path) -> dict[str, str]:
    """What the zip archive that follows a model says, nothing where none does."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return {}
    with opening(path), zipfile.ZipFile(io.BytesIO(content)) as archive:
        if INSIDE_ZIP not in archive.namelist():
            return {}
        if archive.getinfo(INSIDE_ZIP).file_size > MOST:
            raise ValueError(f"what it says of itself has more than {MOST:,} bytes")
        return {KEY: archive.read(INSIDE_ZIP).decode()}


def facts_in(known: dict[str, str], path: Path) -> Facts:
    """The facts among what a file says of itself; RunError where there are none."""
    if KEY not in known:
        raise RunError(
            f"{path} was not exported by Maskwright: it says nothing of its classes and views; of "
            "an ONNX file they can be told by --classes dataset.toml (docs/export.md says how)"
        )
    return facts_from(known[KEY], path)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Say in place of what a runtime says that a file is damaged."""
    try:
        yield
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise RunError(
            f"{path} cannot be opened: it is damaged, or no model of its kind ({said})"
        ) from None
