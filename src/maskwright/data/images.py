"""Image files to ``uint8`` arrays and back.

Files are recognised by their content, never by their extension: a GIF or an RGBA PNG named
``.jpg`` is read for what it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from maskwright.errors import DataError

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
EXTENSIONS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm"}


def is_image_name(path: Path) -> bool:
    """Whether a file's name says image; hidden files such as ``._cat.png`` do not.

    >>> is_image_name(Path("cat.JPG")), is_image_name(Path("._cat.png"))
    (True, False)
    """
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


@dataclass(frozen=True)
class RawMask:
    """A mask file as stored, not yet understood.

    ``values`` is uint8 or int32 [H, W] for grey, palette and 1-bit files, or the colours packed as
    ``red << 16 | green << 8 | blue``, int32 [H, W], for RGB files. ``kind`` is "index", "palette"
    or "rgb". ``palette`` holds uint8 [n, 3] colours of a palette file.
    """

    values: np.ndarray
    kind: str
    palette: np.ndarray | None = None


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The file opened by Pillow; whatever is wrong with it becomes a DataError that names it."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            # Pillow only warns below twice its limit; warnings.catch_warnings is not for threads.
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):
                raise Image.DecompressionBombError
            yield image
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file; check the name or take it out of the list"
        ) from None
    except PermissionError:
        raise DataError(f"{path} may not be read by you; change its permissions") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, not an image; name a file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(
            f"{path} has more than {Image.MAX_IMAGE_PIXELS:,} pixels; cut it into smaller images"
        ) from None
    except UnidentifiedImageError:
        raise DataError(f"{path} {_what_it_is(path)}; replace it or take it out") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be decoded ({error}); replace it or take it out") from None


def _what_it_is(path: Path) -> str:
    if path.stat().st_size == 0:
        return "is empty (0 bytes)"
    return f"is not an image that can be read ({', '.join(FORMATS)})"


def read_image(path: Path) -> np.ndarray:
    """One image as RGB, uint8 [H, W, 3], turned as its EXIF orientation says.

    Alpha is dropped, grey is repeated, the first frame of an animation is taken. 16-bit grey is
    divided by 257 whatever its content, so that the same value means the same in every file.
    """
    with opened(path) as image:
        if image.mode == "F":
            raise DataError(f"{path} holds floating-point pixels; save it as 8- or 16-bit")
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith("I"):
            grey = np.clip(np.asarray(image), 0, 65535) // 257
            return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
        return np.asarray(image.convert("RGB"))


def read_mask(path: Path) -> RawMask:
    """One mask file as stored: no colour of a palette is looked up, no value is changed."""
    with opened(path) as image:
        if image.mode == "P":
            palette = image.getpalette("RGB")
            colors = np.array(palette, np.uint8).reshape(-1, 3)
            return RawMask(np.asarray(image), "palette", colors)
        if image.mode in ("1", "L"):
            return RawMask(np.asarray(image).astype(np.uint8), "index")
        if image.mode == "LA":
            return RawMask(np.asarray(image)[:, :, 0], "index")
        if image.mode.startswith("I"):
            return RawMask(np.asarray(image).astype(np.int32), "index")
        if image.mode in ("RGB", "RGBA"):
            rgb = np.asarray(image.convert("RGB")).astype(np.int32)
            return RawMask(rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2], "rgb")
        raise DataError(f"{path} has the colour mode {image.mode}; save masks as grey or RGB PNG")


def write_mask(path: Path, values: np.ndarray, palette: np.ndarray) -> None:
    """Write values uint8 [H, W] as a palette PNG with the colours palette uint8 [256, 3]."""
    image = Image.fromarray(values)
    image.putpalette(palette.tobytes())
    image.save(path, format="PNG", compress_level=4)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write image uint8 [H, W, 3] in the format that the path's extension names."""
    Image.fromarray(image).save(path, quality=90)
