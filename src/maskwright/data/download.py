"""Fetches the Oxford-IIIT Pet set: 7,349 listed photographs with trimaps, 0.8 GB.

    fetch_pets -> _obtain: NAME.part -> checksum -> NAME   (goes on where an earlier run ended)
               -> _unpack: a folder beside it -> images/   (whole or not at all)

The archives are removed when all of them are unpacked. The server may redirect to another host;
the checksums decide what is taken.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.client
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maskwright.console import console, say, watched
from maskwright.errors import DownloadError, UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

PETS_URL = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
TIMEOUT = 30.0  # seconds without a byte
WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds before each new try that follows a broken connection
BLOCK = 1 << 18  # bytes a read

Show = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Archive:
    """A file to fetch: its name, its MD5 as 32 hexadecimal digits, its size in bytes if known."""

    name: str
    md5: str
    size: int | None = None

    @property
    def folder(self) -> str:
        """The folder inside the archive: what stands before the first dot of its name."""
        return self.name.partition(".")[0]


PETS_ARCHIVES = (
    Archive("images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c", 791_918_971),
    Archive("annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
)


def fetch_pets(
    folder: Path, base_url: str = PETS_URL, archives: tuple[Archive, ...] = PETS_ARCHIVES
) -> None:
    """Fetch and unpack each archive into ``folder``; what is already there is left as it is."""
    if not base_url.startswith(("http://", "https://")):
        raise UsageError(f"base_url must begin with http:// or https://, got {base_url!r}.")
    missing = [archive for archive in archives if not _filled(folder / archive.folder)]
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for archive in missing:
        _obtain(f"{base_url.rstrip('/')}/{archive.name}", folder / archive.name, archive)
        _unpack(folder / archive.name, folder, archive.folder)
    with _disk(folder):
        for archive in archives:
            (folder / archive.name).unlink(missing_ok=True)
    names = " and ".join(archive.folder for archive in archives)
    say(f"{folder}: {names} {'are ready' if missing else 'are already there; nothing to fetch'}.")


# Fetching


class _BrokenError(Exception):
    """No answer, or one that ended before its time."""


class _BrokenOffError(_BrokenError):
    """The connection worked and then broke, so it is worth another try."""


def _obtain(url: str, path: Path, archive: Archive) -> None:
    """Make sure that ``path`` holds the archive, complete and checked."""
    if path.exists():
        _verify(path, archive)
        return
    part = path.with_name(f"{path.name}.part")
    with _bar() as bar:
        task = bar.add_task(archive.name, total=archive.size)

        def show(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        _persist(url, part, archive, show)
    _verify(part, archive)
    with _disk(path):
        part.replace(path)


def _persist(url: str, part: Path, archive: Archive, show: Show) -> None:
    """Fetch ``url`` into ``part``; try again when a connection that worked breaks off.

    Tries that bring the file further than ever before do not count.
    """
    most, failures, worked = _length(part), 0, False
    while True:
        try:
            return _transfer(url, part, archive, show)
        except _BrokenError as error:
            worked = worked or isinstance(error, _BrokenOffError)
            failures = 0 if _length(part) > most else failures + 1
            most = max(most, _length(part))
            if not worked or failures >= len(WAITS):
                advice = f"check the network or wait a little, then {_again(part)}"
                raise DownloadError(f"{url}: {error}; {advice}.") from error
            say(f"{archive.name}: {error}; trying again in {WAITS[failures]:g} s.")
            time.sleep(WAITS[failures])


def _transfer(url: str, part: Path, archive: Archive, show: Show) -> None:
    """One try: ask for what ``part`` lacks and append it; start over if the server says so."""
    held = _length(part)
    try:
        response = _open(url, held)
    except urllib.error.HTTPError as error:
        if error.code == 416 and held:  # nothing follows: the file is complete, or not this file
            if _md5(part) != archive.md5:
                part.unlink()
                _transfer(url, part, archive, show)
            return
        answer = f"the server answered {error.code} {error.reason}"
        if error.code >= 500:  # it may recover
            raise _BrokenError(answer) from error
        advice = f"{_again(part)}, or put the file into {part.parent} yourself"
        raise DownloadError(f"{url}: {answer}; {advice}.") from error
    with response, _disk(part):
        start = held if response.status == 206 else 0
        _append(response, part, start, archive.size, show)


def _open(url: str, held: int) -> http.client.HTTPResponse:
    """The answer of the server, asked for the bytes from ``held`` on."""
    headers = {"User-Agent": "maskwright", "Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(f"no connection ({getattr(error, 'reason', error)})") from error


def _append(
    response: http.client.HTTPResponse, part: Path, start: int, size: int | None, show: Show
) -> None:
    """Write the body into ``part`` from byte ``start`` on; raise if it ends before its length."""
    declared = response.headers.get("Content-Length")
    total = start + int(declared) if declared else size
    done = start
    with part.open("ab") as file:
        file.truncate(start)
        for block in _blocks(response):
            file.write(block)
            done += len(block)
            show(done, total)
    if total is not None and done < total:
        raise _BrokenOffError(f"the connection broke off after {done} of {total} bytes")


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body in pieces of at most ``BLOCK`` bytes."""
    try:
        while block := response.read1(BLOCK):
            yield block
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(f"the connection broke off ({error})") from error


def _verify(path: Path, archive: Archive) -> None:
    """Raise unless the file is the archive, byte for byte; a part of our own is deleted then."""
    found = _md5(path)
    if found != archive.md5:
        advice = "delete it and run the same command again"
        if path.suffix == ".part":
            path.unlink()
            advice = "the file was deleted, run the same command again"
        raise DownloadError(
            f"{path}: the MD5 checksum should be {archive.md5}, found {found}; {advice}."
        )


def _md5(path: Path) -> str:
    """The MD5 of a file, as 32 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _length(path: Path) -> int:
    """The size of a file in bytes, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _again(part: Path) -> str:
    """What to do next, and from which byte that goes on."""
    held = _length(part)
    return "run the same command again" + (f": it goes on from byte {held}" if held else "")


def _bar() -> Progress:
    """A progress bar with the bytes, the rate and the time left."""
    from rich import progress as bars

    return bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(bar_width=24),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(elapsed_when_finished=True),
        console=console(),
        transient=True,
        disable=not watched(),
    )


# Unpacking


def _unpack(path: Path, folder: Path, name: str) -> None:
    """Unpack the archive beside its place and move its folder ``name`` there when it is whole."""
    say(f"Unpacking {path.name}")
    beside, place = folder / f".{name}.part", folder / name
    try:
        with _disk(place):
            shutil.rmtree(beside, ignore_errors=True)
            _extract(path, beside)
            if not _filled(beside / name):
                raise DownloadError(f"{path}: holds no folder {name}; delete it and run again.")
            if place.is_dir():
                place.rmdir()  # it is empty
            (beside / name).rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _extract(path: Path, target: Path) -> None:
    """All members of the archive, none of them outside ``target``."""
    try:
        with tarfile.open(path, "r:gz") as tar:
            tar.extractall(target, filter=_safe)
    except tarfile.FilterError as error:
        raise DownloadError(
            f"{path}: the member {error.tarinfo.name!r} is unsafe; nothing was unpacked, "
            "delete the archive and do not trust its source."
        ) from error
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DownloadError(
            f"{path}: cannot be unpacked ({error}); delete it and run the same command again."
        ) from error


def _safe(member: tarfile.TarInfo, target: str) -> tarfile.TarInfo | None:
    """The data filter, which alone would make an absolute path a relative one."""
    if member.name.startswith("/"):
        raise tarfile.AbsolutePathError(member)
    return tarfile.data_filter(member, target)


def _filled(folder: Path) -> bool:
    """Whether the folder exists and has something in it."""
    return folder.is_dir() and any(folder.iterdir())


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Make one line of what the file system refuses: which file, why, what to do."""
    try:
        yield
    except DownloadError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            text = f"{path}: the disk is full; free some space and {_again(path)}."
        else:
            reason = error.strerror or str(error)
            text = f"{path}: cannot be written ({reason}); choose another folder."
        raise DownloadError(text) from error
