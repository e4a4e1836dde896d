"""A folder that is there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(place: Path) -> Iterator[Path]:
    """A new folder beside ``place`` that takes its name when the work inside is done.

    Where the work fails, nothing is left of it. No file that was there before is touched.

    Raises OSError where ``place`` holds files by then, or the folder cannot be made.
    """
    part = place.with_name(f".{place.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
        yield part
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
