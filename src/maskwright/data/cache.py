"""Training images decoded once, into one memory-mapped file that later runs find again.

    <cache home>/pixels/<key>/pixels.bin    image and mask of pair 0, of pair 1, …, all uint8
    <cache home>/pixels/<key>/index.npy     int64 [n, 5]: height, width and channels as stored,
                                            height and width of the original

The key is a hash of what the files hold and of all that decides how they are stored, so that a
changed file, class table or view is another cache. Nothing is stored larger than training can use.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from maskwright.config import ViewConfig
from maskwright.console import amount, say, track
from maskwright.data.bands import RGB, Bands
from maskwright.data.dataset import read_pair
from maskwright.data.home import cache_home
from maskwright.data.labels import ClassTable
from maskwright.data.pairing import Pair
from maskwright.data.rims import Rims
from maskwright.data.threads import map_ahead
from maskwright.data.view import shrink, shrink_mask, view_matrix
from maskwright.errors import DataError
from maskwright.files import whole_folder

FORMAT = 1  # of the files above; a new number is a new key
SPARE = 10**9  # bytes that stay free on the disk
ENOUGH = 32  # pairs whose stored size says what the rest will need
# Folders under the cache home, and the names of what we put there; .part is not whole.
OURS = {"pixels": r"\.?[0-9a-f]{32}(\..+\.part)?", "unpacked": r".+-[0-9a-f]{16}(\..+\.part)?"}


@dataclass(frozen=True)
class Stored:
    """Image uint8 [h, w, C] and class indices uint8 [h, w], and the size of the original."""

    image: np.ndarray
    mask: np.ndarray
    height: int
    width: int


class Source(Protocol):
    """Where batches come from: a Cache, or the Files themselves."""

    @property
    def channels(self) -> int: ...

    def __len__(self) -> int: ...

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of the original of one pair."""

    def read(self, index: int) -> Stored:
        """Image and mask of one pair."""


@dataclass(frozen=True)
class Files:
    """The pairs of a dataset, decoded anew whenever they are read, at their full size."""

    pairs: Sequence[Pair]
    table: ClassTable
    bands: Bands = RGB
    rims: Rims | None = None

    @property
    def channels(self) -> int:
        return self.bands.count

    def __len__(self) -> int:
        return len(self.pairs)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of one pair."""
        stored = self.read(index)
        return stored.height, stored.width

    def read(self, index: int) -> Stored:
        """Image and mask of one pair, as large as the files are."""
        pair = self.pairs[index]
        image, raw = read_pair(pair, self.bands)
        classes = self.table.decode(raw, pair.mask)
        if self.rims:
            classes = self.rims.drawn(classes, self.table.values_of(raw, pair.mask))
        return Stored(image, classes, *image.shape[:2])


class Cache:
    """The pairs of a dataset, decoded and shrunk, in the folder ``path``.

    Raises OSError or ValueError where the folder does not hold ``count`` pairs whole.
    """

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        self._sizes = _read_index(path / "index.npy", count)
        height, width, channels = self._sizes[:, :3].T
        self._ends = np.cumsum(height * width * (channels + 1))
        # Plain arrays are cut from it, which a np.memmap is five times as slow at.
        self._pixels = np.memmap(path / "pixels.bin", np.uint8, mode="r").view(np.ndarray)
        if len(self._pixels) != self._ends[-1]:
            raise ValueError(f"{path} is not whole; remove it, and it is made again")

    @property
    def channels(self) -> int:
        return int(self._sizes[0, 2])

    def __len__(self) -> int:
        return len(self._sizes)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of the original of one pair."""
        height, width = self._sizes[index, 3:].tolist()
        return height, width

    def read(self, index: int) -> Stored:
        """Image and mask of one pair: views of the file, which are not to be written to."""
        height, width, channels, *original = self._sizes[index].tolist()
        end = int(self._ends[index])
        middle = end - height * width
        image = self._pixels[middle - height * width * channels : middle]
        mask = self._pixels[middle:end]
        return Stored(
            image.reshape(height, width, channels), mask.reshape(height, width), *original
        )


def open_source(
    pairs: Sequence[Pair],
    table: ClassTable,
    view: ViewConfig,
    zoom: float,
    bands: Bands = RGB,
    rims: Rims | None = None,
) -> Source:
    """The cache of these pairs, or where it cannot be kept, a word on that and the files."""
    try:
        return open_cache(pairs, table, view, zoom, bands, rims)
    except OSError as error:
        say(
            f"no cache in {cache_home()} ({error.strerror or error}), so every epoch decodes all "
            "images; set MASKWRIGHT_CACHE to a folder with room to train faster"
        )
        return Files(pairs, table, bands, rims)


def open_cache(
    pairs: Sequence[Pair],
    table: ClassTable,
    view: ViewConfig,
    zoom: float,
    bands: Bands = RGB,
    rims: Rims | None = None,
) -> Cache:
    """The cache of these pairs for a view and the highest zoom; made if it is not there whole.

    Raises OSError where it cannot be written, DataError where a pair cannot be read.
    """
    files = Files(pairs, table, bands, rims)
    path = cache_home() / "pixels" / fingerprint(files, view, zoom)
    try:
        return Cache(path, len(pairs))
    except (OSError, ValueError):
        if path.is_dir():  # cut short, or changed by something else
            shutil.rmtree(path)
    _build(path, partial(_decode, files, view, zoom), len(pairs))
    return Cache(path, len(pairs))


def fingerprint(files: Files, view: ViewConfig, zoom: float) -> str:
    """32 hexadecimal digits of the files' content, in order, and of all that shapes the cache."""
    table, bands = files.table, files.bands
    labels = (table.encoding, tuple(label.values for label in table.labels), table.ignore)
    shape = (view.size, view.fit, view.scale, float(zoom), bands.count, bands.low, bands.high)
    rims = (files.rims.width,) if files.rims else ()
    whole = hashlib.blake2b(repr((FORMAT, labels, shape, *rims)).encode(), digest_size=16)
    paths = (path for pair in files.pairs for path in (pair.image, pair.mask))
    digests = map_ahead(_digest, paths, *_threads())
    for digest in track(digests, "comparing", 2 * len(files), "files/s"):
        whole.update(digest)
    return whole.hexdigest()


def _digest(path: Path) -> bytes:
    """16 bytes that stand for the content of a file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).digest()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); mend it or take it out"
        ) from None


def _threads() -> tuple[int, int]:
    """How many threads prepare a cache, and how many results may wait for their turn."""
    workers = os.cpu_count() or 2
    return workers, 2 * workers


def stored_size(height: int, width: int, view: ViewConfig, zoom: float) -> tuple[int, int]:
    """The height and width at which an image of height × width is kept: never larger than it is.

    >>> stored_size(375, 500, ViewConfig(size=256, fit="pad"), zoom=0.25)
    (240, 320)
    """
    matrix = view_matrix(height, width, view.size, view.fit, view.scale)
    scale = matrix.diagonal() * (1 + zoom)
    across, down = np.minimum(1, scale).tolist()
    return max(1, round(height * down)), max(1, round(width * across))


def _decode(files: Files, view: ViewConfig, zoom: float, index: int) -> Stored:
    full = files.read(index)
    size = stored_size(full.height, full.width, view, zoom)
    return Stored(shrink(full.image, *size), shrink_mask(full.mask, *size), full.height, full.width)


def _build(path: Path, decode: Callable[[int], Stored], count: int) -> None:
    """Write the cache whole, unless another run has done so by then."""
    try:
        with whole_folder(path) as part:
            with (part / "pixels.bin").open("wb") as file:
                sizes = _write(file, decode, count)
                file.flush()
                os.fsync(file.fileno())  # lest a power cut leaves the size and the wrong bytes
                size = file.tell()
            np.save(part / "index.npy", sizes)
    except OSError:
        if not path.is_dir():
            raise
    else:
        say(f"{amount(count, 'image')} decoded, for later runs too: {_megabytes(size)} in {path}")


def _write(file: BinaryIO, decode: Callable[[int], Stored], count: int) -> np.ndarray:
    """Write the pixels of all pairs one after another; their sizes, int64 [count, 5]."""
    sizes = np.empty((count, 5), np.int64)
    decoded = map_ahead(decode, range(count), *_threads())
    for index, pair in enumerate(track(decoded, "decoding", count)):
        file.write(np.ascontiguousarray(pair.image).data)
        file.write(np.ascontiguousarray(pair.mask).data)
        sizes[index] = (*pair.image.shape, pair.height, pair.width)
        if index + 1 >= min(ENOUGH, count):
            _check_room(Path(file.name).parent, file.tell() / (index + 1) * (count - index - 1))
    return sizes


def _check_room(folder: Path, needed: float) -> None:
    """Refuse to fill up the disk of a folder with so many more bytes."""
    free = shutil.disk_usage(folder).free
    if needed + SPARE > free:
        room = f"{_megabytes(free)} free, {_megabytes(needed + SPARE)} wanted; make room"
        raise OSError(errno.ENOSPC, room, str(folder))


def _megabytes(size: float) -> str:
    return f"{math.ceil(size / 1e6):,} MB"


def _read_index(path: Path, count: int) -> np.ndarray:
    """The sizes of all pairs, int64 [count, 5], never unpickled."""
    sizes = np.array(np.lib.format.open_memmap(path, mode="r"))
    right = sizes.shape == (count, 5) and sizes.dtype == np.int64
    if not right or sizes.min() < 1 or sizes[:, :3].max() > 65_535 or np.ptp(sizes[:, 2]):
        raise ValueError(f"{path} is no index of {count} pairs; remove it, and it is made again")
    return sizes


def clean() -> tuple[int, int]:
    """Remove what can be made again: how many datasets that were, and the bytes they took.

    Links are not followed, and what has not the name of something of ours stays.
    """
    count = size = 0
    for name, pattern in OURS.items():
        folder = cache_home() / name
        for path in [] if folder.is_symlink() or not folder.is_dir() else list(folder.iterdir()):
            if re.fullmatch(pattern, path.name) and path.is_dir() and not path.is_symlink():
                size += sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
                shutil.rmtree(path)
                count += path.suffix != ".part"
    return count, size
