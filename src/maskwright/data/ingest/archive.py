"""Archives (.zip, .tar, .tar.gz) unpacked with distrust: nothing lands outside, nothing swells up.

Names, kinds and sizes of all members are checked before the first is written, and the sizes once
more while they are written.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from maskwright.console import track
from maskwright.errors import DataError

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
MOST_MEMBERS = 200_000
MOST_BYTES = 50 * 10**9  # of all members together, unpacked
MOST_RATIO = 1000  # unpacked to packed, of a member of more than RATIO_FROM bytes
RATIO_FROM = 10 * 10**6
MOST_READ = 1 << 20  # bytes in memory at a time, also for the header of a member
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # in names; the last are no text
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a way of packing that is not known
    RuntimeError,  # a password
    UnicodeError,
    IndexError,  # a member without a name
)


@dataclass(frozen=True)
class Member:
    """An entry of an archive, as its header describes it.

    ``kind`` is "file", "folder" or "other", sizes are bytes; ``handle`` is what the library reads
    it by. The ``packed`` size of a member of a .tar.gz is that of the archive, which is more.
    """

    name: str
    kind: str
    size: int
    packed: int
    handle: Any


def looks_like(source: Path) -> bool:
    """Whether a file's name says archive."""
    return source.name.lower().endswith(ENDINGS) and source.is_file()


def sources(source: Path) -> list[Path]:
    """The files that the result depends on."""
    return [source]


def unpack(source: Path, out: Path) -> None:
    """Unpack an archive into the empty folder ``out``.

    What macOS adds (``__MACOSX``, ``.DS_Store``) is left out. Raises DataError that names archive
    and member where a member would land outside of ``out``, is a link or a device, or swells up
    beyond the limits above.
    """
    with _sound(source), _opened(source) as archive:
        files = dict(_files(source, _members(source, archive)))
        _check_room(source, files, out)
        for place, member in track(files.items(), "unpacking", len(files), "files/s"):
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            with _reader(archive, member) as packed, (out / place).open("xb") as file:
                copy(packed, file, member.size, f"{source}: {member.name!r}")


@contextmanager
def _sound(source: Path) -> Iterator[None]:
    """Make one line of whatever shows that an archive is broken."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        name = Path(error.filename).name
        raise DataError(f"{source} holds {name} more than once; pack it again") from None
    except (*BROKEN, OSError) as error:
        # Errors of the system have a number, that of a place which is not in the archive EINVAL;
        # a broken bzip2 stream is an OSError without one.
        if getattr(error, "errno", None) not in (None, errno.EINVAL):
            raise
        raise DataError(f"{source} cannot be unpacked ({error}); fetch or pack it again") from None


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    if source.name.lower().endswith(".zip"):
        with zipfile.ZipFile(source) as archive:
            yield archive
        return
    with source.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        sips: Any = _Sips(gzip.GzipFile(fileobj=file) if packed else file)
        with tarfile.open(fileobj=sips, mode="r:") as tar:
            yield tar


class _Sips:
    """A file that refuses large reads: tarfile would take a header of any size into memory."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self.tell, self.seek, self.file = file.tell, file.seek, file

    def read(self, size: int) -> bytes:
        if size > MOST_READ:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self.file.read(size)


def _members(source: Path, archive: zipfile.ZipFile | tarfile.TarFile) -> Iterator[Member]:
    everything = source.stat().st_size
    if isinstance(archive, tarfile.TarFile):
        for entry in archive:
            kind = "file" if entry.isreg() else "folder" if entry.isdir() else "other"
            yield Member(entry.name, kind, entry.size, everything, entry)
        return
    for info in archive.infolist():
        mode = stat.S_IFMT(info.external_attr >> 16)
        plain = "folder" if info.is_dir() else "file"
        kind = plain if mode in (0, stat.S_IFREG, stat.S_IFDIR) else "other"
        packed = min(info.compress_size, everything)
        yield Member(info.orig_filename, kind, info.file_size, packed, info)


def _files(source: Path, members: Iterable[Member]) -> Iterator[tuple[str, Member]]:
    """The files to write and where, each found harmless by its header."""
    total = 0
    seen: set[str] = set()
    for count, member in enumerate(members, 1):
        where = f"{source}: {member.name!r}"
        total += max(0, member.size)
        if count > MOST_MEMBERS:
            raise DataError(f"{source} has more than {MOST_MEMBERS:,} members; unpack it yourself")
        if total > MOST_BYTES:
            raise DataError(
                f"{where} brings it to more than {MOST_BYTES:,} bytes; unpack it yourself"
            )
        if member.kind == "other":
            raise DataError(f"{where} is a link or a device; pack the files themselves")
        if member.size > max(RATIO_FROM, MOST_RATIO * member.packed):
            raise DataError(
                f"{where} swells from {member.packed:,} to {member.size:,} bytes; unpack it "
                "yourself if you trust it"
            )
        place = _place(member.name, where)
        if place in seen:
            raise DataError(f"{where} is there more than once; pack it again")
        if place and member.kind == "file":
            seen.add(place)
            yield place, member


def _place(name: str, where: str) -> str:
    """Where a member lands, with forward slashes; empty for what is left out."""
    if UNFIT.search(name):
        raise DataError(f"{where} has a control character in its name; rename it and pack it again")
    slashed = name.replace("\\", "/")
    parts = [part for part in slashed.split("/") if part not in ("", ".")]
    if slashed.startswith("/") or ".." in parts or re.match("[A-Za-z]:", slashed):
        raise DataError(f"{where} would land outside of its folder; do not trust this archive")
    if "__MACOSX" in parts or (parts and parts[-1].startswith(("._", ".DS_Store"))):
        return ""
    return "/".join(parts)


def _check_room(source: Path, files: Mapping[str, Member], folder: Path) -> None:
    if not files:
        raise DataError(f"{source} holds no file; pack images and masks into it")
    total, free = sum(member.size for member in files.values()), shutil.disk_usage(folder).free
    if total > free:
        raise DataError(
            f"{source} unpacks to {total:,} bytes, but {folder.parent} has {free:,} left; free "
            "some, or name another folder in MASKWRIGHT_CACHE"
        )


def _reader(archive: zipfile.ZipFile | tarfile.TarFile, member: Member) -> IO[bytes]:
    if isinstance(archive, zipfile.ZipFile):
        return archive.open(member.handle)
    return cast("IO[bytes]", archive.extractfile(member.handle))


def copy(packed: IO[bytes], file: IO[bytes], most: int, where: str) -> None:
    """Write what is packed into ``file``; more than ``most`` bytes are an error."""
    done = 0
    while block := packed.read(MOST_READ):
        done += len(block)
        if done > most:
            raise DataError(
                f"{where} holds more than the {most:,} bytes that its header says; drop it"
            )
        file.write(block)
