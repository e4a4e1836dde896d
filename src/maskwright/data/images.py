"""Image files to ``uint8`` arrays and back.

Files are recognised by their content, never by their extension: a GIF or an RGBA PNG named
``.jpg`` is read for what it is.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from maskwright.data import tiff
from maskwright.data.bands import RGB, Bands, to_bands
from maskwright.data.bands import bands_from_dict as bands_from_dict
from maskwright.data.bands import display as display
from maskwright.data.limits import BYTES, PIXELS, set_limits
from maskwright.data.strips import read_page, read_rows
from maskwright.errors import DataError

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
EXTENSIONS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm"}
EXIF_ORIENTATION = 0x0112
MOST_VALUE = 2**31 - 1  # of a mask
MOST_FILE = set_limits()  # bytes


def is_image_name(path: Path) -> bool:
    """Whether a file's name says image; hidden files such as ``._cat.png`` do not.

    >>> is_image_name(Path("cat.JPG")), is_image_name(Path("._cat.png"))
    (True, False)
    """
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


@dataclass(frozen=True)
class Decoded:
    """An image file as it is, turned upright as its EXIF flag says.

    ``pixels`` are uint8, uint16 or float32 [H, W, n]; ``width`` and ``height`` those of the whole
    image, upright, also where ``pixels`` is a smaller copy. ``mode`` is Pillow's mode as stored
    ("L", "RGB", "RGBA", "CMYK", "P", "I;16") or such as "5×uint16+alpha"; ``orientation`` the EXIF
    flag, 1 to 8; ``several`` says that more pictures than this one are in the file.
    """

    pixels: np.ndarray
    format: str
    mode: str
    orientation: int
    several: bool
    width: int
    height: int


@dataclass(frozen=True)
class RawMask:
    """A mask file as stored, not yet understood.

    ``values`` is uint8 or int32 [H, W] for grey, palette and 1-bit files, or the colours packed as
    ``red << 16 | green << 8 | blue``, int32 [H, W], for RGB files. ``kind`` is "index", "palette"
    or "rgb". ``palette`` holds uint8 [n, 3] colours of a palette file, ``format`` its format.
    """

    values: np.ndarray
    kind: str
    palette: np.ndarray | None = None
    format: str = ""


@contextmanager
def opened(path: Path) -> Iterator[Image.Image | tiff.Page]:
    """The file opened by Pillow, or the page of a TIFF that Pillow cannot read as it is.

    Whatever is wrong with the file becomes a DataError that names it.
    """
    with explained(path), path.open("rb") as file:
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


def decode(path: Path, *, least: int = 0, count: int = 0) -> Decoded:
    """One image file as it is, the first frame or page of it.

    Grey has one band, colour (also CMYK and palette files) three, a TIFF file as many as it
    stores. Transparency is dropped, unless with it there are ``count`` bands: many programs call
    the fourth band of a drone image that. Integers of 32 bits are cut off at 16; a 16-bit colour
    PNG is read as 8 bits, its high bytes. With ``least``, a JPEG may be read at a half, a quarter
    or an eighth of its size, as long as both sides keep ``least`` pixels: that is faster.
    """
    with opened(path) as image:
        if isinstance(image, tiff.Page):
            return _decode_page(image, count)
        mode, several, orientation = image.mode, _several(image), _orientation(image)
        width, height = image.size
        if least:
            image.draft(None, (least, least))
        shrunk = image.size != (width, height)
        ImageOps.exif_transpose(image, in_place=True)
        pixels = _pixels(image, count)
        if not shrunk:
            height, width = pixels.shape[:2]
        elif orientation >= 5:
            height, width = width, height
        format = "JPEG" if image.format == "MPO" else image.format or ""
        return Decoded(pixels, format, mode, orientation, several, width, height)


def _several(image: Image.Image) -> bool:
    """Whether it is animated or has more pages; a JPEG's own preview (MPO) does not count."""
    if image.format == "MPO" or not getattr(image, "is_animated", False):
        return False
    return tiff.has_more(image.fp) if isinstance(image, TiffImageFile) and image.fp else True


def _orientation(image: Image.Image) -> int:
    flag = image.getexif().get(EXIF_ORIENTATION, 1)
    return flag if flag in range(1, 9) else 1


def _pixels(image: Image.Image, count: int) -> np.ndarray:
    """The pixels of a Pillow image, uint8, uint16 or float32 [H, W, n]."""
    mode = image.mode
    if mode == "F":
        return np.asarray(image)[:, :, None]
    if mode.startswith("I"):
        return np.clip(np.asarray(image), 0, 65535).astype(np.uint16)[:, :, None]
    if (mode, count) in (("LA", 2), ("RGBA", 4)):
        return np.asarray(image)
    if mode in ("1", "L", "LA", "La"):
        return np.asarray(image if mode == "L" else image.convert("L"))[:, :, None]
    return np.asarray(image if mode == "RGB" else image.convert("RGB"))


def _decode_page(page: tiff.Page, count: int) -> Decoded:
    """The first page of a TIFF file as it is."""
    pixels = tiff.upright(decode_rows(page, 0, page.height, count), page.orientation)
    height, width = pixels.shape[:2]
    return Decoded(pixels, "TIFF", page.mode, page.orientation, page.several, width, height)


def decode_rows(page: tiff.Page, top: int, bottom: int, count: int) -> np.ndarray:
    """Rows of a TIFF file as they are, uint8, uint16 or float32 [bottom - top, W, n].

    GDAL's no-data value becomes 0, or NaN in floats. For ``count`` see ``decode``.
    """
    pixels = read_rows(page, top, bottom)
    if page.nodata is not None and pixels.itemsize > 1:
        with np.errstate(over="ignore"):
            pixels[pixels == page.nodata] = np.nan if pixels.dtype.kind == "f" else 0
    if page.alpha and page.samples != count:
        pixels = np.delete(pixels, page.alpha, axis=2)
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore"):
            pixels = pixels.astype(np.float32)
    elif pixels.dtype != np.uint8:
        pixels = np.clip(pixels, 0, 65535).astype(np.uint16)
    return pixels


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image file, turned as its EXIF flag says; only its head is read."""
    with opened(path) as image:
        flag = image.orientation if isinstance(image, tiff.Page) else _orientation(image)
        height, width = image.height, image.width
    return (width, height) if flag >= 5 else (height, width)


def read_image(path: Path, bands: Bands = RGB) -> np.ndarray:
    """One image as the network sees it, uint8 [H, W, count], turned as its EXIF flag says.

    See ``decode`` for what is read, and ``to_bands`` for what becomes of it.
    """
    return to_bands(decode(path, count=bands.count).pixels, bands, path)


def read_mask(path: Path) -> RawMask:
    """One mask file as stored: no colour of a palette is looked up, no value is changed."""
    with opened(path) as image:
        if isinstance(image, tiff.Page):
            return RawMask(_mask_page(image, path), "index", None, "TIFF")
        format = image.format or ""
        if image.mode == "P":
            palette = image.getpalette("RGB")
            colors = np.array(palette, np.uint8).reshape(-1, 3)
            return RawMask(np.asarray(image), "palette", colors, format)
        if image.mode in ("1", "L"):
            return RawMask(np.asarray(image).astype(np.uint8), "index", None, format)
        if image.mode == "LA":
            return RawMask(np.asarray(image)[:, :, 0], "index", None, format)
        if image.mode.startswith("I"):
            return RawMask(np.asarray(image).astype(np.int32), "index", None, format)
        if image.mode in ("RGB", "RGBA"):
            rgb = np.asarray(image.convert("RGB")).astype(np.int32)
            return RawMask(rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2], "rgb", None, format)
        raise DataError(f"{path} has the colour mode {image.mode}; save masks as grey or RGB PNG")


def _mask_page(page: tiff.Page, path: Path) -> np.ndarray:
    """The values of a TIFF mask, uint8 or int32 [H, W]."""
    if page.bands > 1 or page.dtype.kind == "f":
        raise DataError(f"{path} has the colour mode {page.mode}; save masks as grey or RGB PNG")
    pixels = np.delete(read_page(page), page.alpha, axis=2)
    values = tiff.upright(pixels, page.orientation)[:, :, 0]
    if values.max() > MOST_VALUE:
        raise DataError(
            f"{path} holds the value {values.max()}, and masks have at most {MOST_VALUE}; "
            "number its classes from 0"
        )
    return values if values.dtype == np.uint8 else values.astype(np.int32)


def write_mask(path: Path, values: np.ndarray, palette: np.ndarray) -> None:
    """Write values uint8 [H, W] as a palette PNG with the colours palette uint8 [256, 3].

    Of repetitions it looks for runs alone, which is what the rows of a mask are made of.
    """
    image = Image.fromarray(values)
    image.putpalette(palette.tobytes())
    image.save(path, format="PNG", compress_type=zlib.Z_RLE)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write image uint8 [H, W, 3] in the format that the path's extension names."""
    Image.fromarray(image).save(path, quality=90)


def write_numbers(path: Path, numbers: np.ndarray) -> None:
    """Write numbers uint32 [H, W] as a deflated TIFF of 16 bits, of 32 where they need them."""
    few = not numbers.size or int(numbers.max()) <= np.iinfo(np.uint16).max
    image = Image.fromarray(numbers.astype(np.uint16 if few else np.int32))
    image.save(path, format="TIFF", compression="tiff_adobe_deflate")
