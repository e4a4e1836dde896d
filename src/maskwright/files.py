"""Files and folders that are there whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from maskwright.errors import WriteError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file beside ``path``, with its extension, that takes its name when it is whole on the disk.

    Where the work inside fails, ``path`` is what it was before. After a power cut it is that, or
    the new file, since it is given to the disk before it takes the name.

    Raises WriteError where the system refuses: no space, no permission, no such folder any more.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield part
        to_disk(part)
        part.replace(path)
        to_disk(path.parent)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise WriteError.of(path, error) from error
        raise


def make_folder(path: Path) -> None:
    """Make a folder, where it is not there; raises WriteError where the system refuses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError.of(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all, as ``whole_file``.

    What UTF-8 cannot hold, such as a file name in another encoding, is written as ``\\udcff``.
    """
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    folder = path.is_dir()
    if folder and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError:
        if not folder:  # some file systems have nothing to wait for
            raise
    finally:
        os.close(handle)


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
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
