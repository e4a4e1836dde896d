"""What is to be predicted: image files, folders, globs, frames of videos, standard input."""

from __future__ import annotations

import glob
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from maskwright.data.bands import Bands, to_bands
from maskwright.data.images import is_image_name
from maskwright.data.rasters import Held, Raster, open_raster
from maskwright.errors import DataError, UsageError, beside

STANDARD_INPUT = Path("-")
VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"}


@dataclass(frozen=True, eq=False)
class Picture:
    """One image to predict.

    ``name`` is what tables and messages call it, ``stem`` what its files are called, ``path`` the
    image file, None for a frame or standard input; ``open`` gives its pixels as bands say.
    ``source`` is the file that it comes out of, None for standard input.
    """

    name: str
    stem: str
    path: Path | None
    open: Callable[[Bands], Raster]
    source: Path | None

    @classmethod
    def file(cls, path: Path) -> Picture:
        return cls(path.name, path.stem, path, partial(open_raster, path), path)


def is_video_name(path: Path) -> bool:
    """Whether a file's name says video."""
    return path.suffix.lower() in VIDEOS


def find_images(inputs: str | Path | Iterable[str | Path]) -> list[Path]:
    """The image files that files, folders and globs name, in sorted order within each.

    Videos are found where they are named, not in folders; "-" is standard input.
    """
    named = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if not named:
        raise UsageError("no image to predict; name files, folders of images or globs")
    found: list[Path] = []
    for name in named:
        path = Path(name)
        if path.is_dir():
            files = images_in(path)
        elif path == STANDARD_INPUT or path.exists():
            files = [path]
        else:
            files = sorted(Path(match) for match in glob.glob(str(name), recursive=True))  # noqa: PTH207
        if not files:
            inside = path / "images"
            if inside.is_dir() and images_in(inside):
                raise DataError(f"{name}: no image there; did you mean {inside}?")
            hint = "name a file, a folder of images or a glob"
            raise DataError(
                f"{name}: no image there; {hint if path.exists() else beside(path, hint)}"
            )
        found += files
    return list(dict.fromkeys(found))


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder, in sorted order."""
    return sorted(file for file in folder.iterdir() if is_image_name(file))


def stem_of(path: Path) -> str:
    """What the files of an input's image are called; those of a video begin with it."""
    return "stdin" if path == STANDARD_INPUT else path.stem


def count_of(path: Path) -> int:
    """How many images an input has; those of a video as it says itself."""
    if not is_video_name(path):
        return 1
    film = cv2.VideoCapture(str(path))
    count = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    film.release()
    return max(1, count)


def pictures(paths: Iterable[Path]) -> Iterator[Picture]:
    """The images of all inputs, those of videos one by one as they are wanted."""
    for path in paths:
        if path == STANDARD_INPUT:
            yield Picture("standard input", "stdin", None, from_standard_input, None)
        elif is_video_name(path):
            yield from frames(path)
        else:
            yield Picture.file(path)


def from_standard_input(bands: Bands) -> Raster:
    """The image file that standard input holds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            raster = open_raster(path, bands)
            return Held(raster.rows(0, raster.height))
        except DataError as error:
            raise DataError(str(error).replace(str(path), "standard input")) from None


def frames(path: Path) -> Iterator[Picture]:
    """The frames of a video, in order: ``clip-000000`` and so on."""
    film = cv2.VideoCapture(str(path))
    number = 0
    while True:
        there, frame = film.read()
        if not there:
            break
        name, stem = f"{path.name} {number}", f"{path.stem}-{number:06d}"
        yield Picture(name, stem, None, partial(_frame, np.ascontiguousarray(frame), name), path)
        number += 1
    film.release()
    if not number:
        yield Picture(path.name, path.stem, None, partial(_no_film, path), path)


def _frame(frame: np.ndarray, name: str, bands: Bands) -> Raster:
    return Held(to_bands(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), bands, name))


def _no_film(path: Path, bands: Bands) -> Raster:
    raise DataError(f"{path} is not a video that can be read; convert it to MP4, or to images")
