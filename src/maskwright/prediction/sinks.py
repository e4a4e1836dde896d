"""Files of pixels that are written row by row: in memory until they are whole, or tiled TIFF."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from maskwright.data.ingest.extras import import_needed
from maskwright.data.maps import CACHE, lies_on_map
from maskwright.errors import WriteError

BLOCK = 256  # pixels, side of the tiles of a TIFF


class Sink(Protocol):
    """A file of an image's height × width, of which rows are put in their order."""

    def put(self, rows: np.ndarray) -> None:
        """Take the next rows, [n, width] or [n, width, bands]."""

    def finish(self, path: Path) -> None:
        """Write what is not yet written; the file takes the name ``path``."""

    def drop(self) -> None:
        """Leave nothing behind."""


class Collected:
    """Rows kept until they are all there, then written by ``write(part, pixels)``."""

    def __init__(self, part: Path, write: Callable[[Path, np.ndarray], None]) -> None:
        self.part, self.write = part, write
        self.rows: list[np.ndarray] = []

    def put(self, rows: np.ndarray) -> None:
        self.rows.append(rows)

    def finish(self, path: Path) -> None:
        try:
            whole = self.rows[0] if len(self.rows) == 1 else np.concatenate(self.rows)
            self.write(self.part, whole)
            self.part.replace(path)
        except OSError as error:
            self.drop()
            raise WriteError.of(path, error) from error

    def drop(self) -> None:
        self.part.unlink(missing_ok=True)


class Tiled:
    """A tiled, deflated TIFF, on the map where the image is; through rasterio (extra geo)."""

    def __init__(
        self,
        part: Path,
        shape: tuple[int, int],
        dtype: str,
        *,
        names: Sequence[str] = ("",),
        palette: np.ndarray | None = None,
        like: Path | None = None,
        nodata: float | None = None,
    ) -> None:
        rasterio = import_needed("rasterio", "geo", "writing masks as tiled TIFF")
        warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
        self.part, self.top, self.shape = part, 0, shape
        self.rows: list[np.ndarray] = []  # that do not fill a row of tiles yet
        height, width = shape
        options: dict[str, Any] = {"crs": None, "transform": None}
        if like and lies_on_map(like):
            with rasterio.open(like) as source:
                options = {"crs": source.crs, "transform": source.transform}
        with rasterio.Env(GDAL_CACHEMAX=CACHE), _refused(part):
            self.file = rasterio.open(
                part, "w", driver="GTiff", height=height, width=width, count=len(names),
                dtype=dtype, tiled=True, blockxsize=BLOCK, blockysize=BLOCK, compress="deflate",
                predictor=3 if dtype.startswith("float") else 1, BIGTIFF="IF_SAFER",
                interleave="band", nodata=nodata, **options,
            )  # fmt: skip
        if palette is not None:
            self.file.write_colormap(1, {k: tuple(c) for k, c in enumerate(palette.tolist())})
        for band, name in enumerate(names, 1):
            self.file.set_band_description(band, name)

    def put(self, rows: np.ndarray) -> None:
        self.rows.append(rows)
        if sum(map(len, self.rows)) >= BLOCK:
            whole = np.concatenate(self.rows)
            count = len(whole) // BLOCK * BLOCK
            self._write(whole[:count])
            self.rows = [whole[count:]]

    def _write(self, rows: np.ndarray) -> None:
        bands = rows[None] if rows.ndim == 2 else np.moveaxis(rows, 2, 0)
        window = ((self.top, self.top + len(rows)), (0, rows.shape[1]))
        with _refused(self.part):
            self.file.write(bands, window=window)
        self.top += len(rows)

    def finish(self, path: Path) -> None:
        rest = np.concatenate(self.rows) if self.rows else np.zeros((0, self.shape[1]))
        try:
            if len(rest):
                self._write(rest)
            with _refused(path):
                self.file.close()
                check_end(self.part)
                self.part.replace(path)
        except WriteError:
            self.drop()
            raise

    def drop(self) -> None:
        with suppress(Exception):
            self.file.close()
        self.part.unlink(missing_ok=True)


def check_end(path: Path) -> None:
    """Read the end of a TIFF: GDAL does not always say that a disk is full. Raises OSError."""
    import rasterio

    with rasterio.open(path) as file:
        first = (file.height - 1) // BLOCK * BLOCK
        file.read(1, window=((first, file.height), (0, file.width)))


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Say which file could not be written, and why."""
    try:
        yield
    except OSError as error:  # as are those of rasterio, which tells the reason in their cause
        reason = " ".join(str(error.__cause__ or error.strerror or error).split())
        known = OSError(error.errno or 0, reason)
        final = path.with_name(path.name.replace(".part", "").lstrip("."))
        raise WriteError.of(final, known) from error
