"""Image files, opened by their content; whatever is wrong with one is said in words."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from maskwright.data import tiff
from maskwright.data.limits import BYTES, PIXELS, set_limits
from maskwright.errors import DataError

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
MOST_FILE = set_limits()  # bytes


@contextmanager
def opened(path: Path) -> Iterator[Image.Image | tiff.Page]:
    """The file opened by Pillow, or the page of a TIFF that Pillow cannot read as it is.

    Whatever is wrong with the file becomes a DataError that names it.
    """
    with explained(path), path.open("rb") as file, opened_file(file, path) as image:
        yield image


@contextmanager
def opened_file(file: IO[bytes], path: Path) -> Iterator[Image.Image | tiff.Page]:
    """As ``opened``, of a file that is open already; what is wrong with it is left as it is."""
    if (size := os.fstat(file.fileno()).st_size) > MOST_FILE:
        raise DataError(
            f"{path} has {size:,} bytes, and at most {MOST_FILE:,} are read; cut it into "
            f"smaller images, or set {BYTES} higher if you trust it",
            "too-large",
        )
    if page := tiff.foreign_page(file, path):
        yield page
        return
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        # Pillow only warns below twice its limit; catch_warnings is not for threads.
        if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):
            raise Image.DecompressionBombError
        yield image


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with an image file into a DataError that names it."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file; check the name or take it out of the list", "missing"
        ) from None
    except PermissionError:
        raise DataError(
            f"{path} may not be read by you; change its permissions", "forbidden"
        ) from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, not an image; name a file", "missing") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(
            f"{path} has more than {Image.MAX_IMAGE_PIXELS:,} pixels; cut it into smaller images, "
            f"or set {PIXELS} higher if you trust it",
            "too-large",
        ) from None
    except UnidentifiedImageError:
        kind = "unreadable" if path.stat().st_size else "empty-file"
        raise DataError(f"{path} {_what_it_is(path)}; replace it or take it out", kind) from None
    except Exception as error:  # whatever Pillow, zlib, struct and NumPy find wrong with it
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{path} cannot be decoded ({reason}); replace it or take it out", "truncated"
        ) from None


def _what_it_is(path: Path) -> str:
    if path.stat().st_size == 0:
        return "is empty (0 bytes)"
    return f"is not an image that can be read ({', '.join(FORMATS)})"
