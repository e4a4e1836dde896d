"""Image files to ``uint8`` arrays and back.

Files are recognised by their content, never by their extension: a GIF or an RGBA PNG named
``.jpg`` is read for what it is.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from maskwright.data import tiff
from maskwright.data.bands import RGB, Bands, to_bands
from maskwright.data.bands import bands_from_dict as bands_from_dict
from maskwright.data.bands import display as display
from maskwright.data.opening import opened
from maskwright.data.strips import read_page, read_rows
from maskwright.errors import DataError

EXTENSIONS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm"}
EXIF_ORIENTATION = 0x0112
MOST_VALUE = 2**31 - 1  # of a mask


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


def decode(path: Path, *, least: int = 0, count: int = 0) -> Decoded:
    """One image file as it is, the first frame or page of it.

    Grey has one band, colour (also CMYK and palette files) three, a TIFF file as many as it
    stores. Transparency is dropped, unless with it there are ``count`` bands: many programs call
    the fourth band of a drone image that. Integers of 32 bits are cut off at 16; a 16-bit colour
    PNG is read as 8 bits, its high bytes. With ``least``, a JPEG may be read at a half, a quarter
    or an eighth of its size, as long as both sides keep ``least`` pixels: that is faster.
    """
    with opened(path) as image:
        return decoded(image, least, count)


def decoded(image: Image.Image | tiff.Page, least: int, count: int) -> Decoded:
    """As ``decode``, of what is ``opened``."""
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
        return upright_size(image)


def upright_size(image: Image.Image | tiff.Page) -> tuple[int, int]:
    """Height and width of what is ``opened``, turned as its EXIF flag says."""
    flag = image.orientation if isinstance(image, tiff.Page) else _orientation(image)
    return (image.width, image.height) if flag >= 5 else (image.height, image.width)


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


def write_grey(path: Path, values: np.ndarray) -> None:
    """Write values uint8 [H, W] as a grey PNG, compressed as masks are: what changes little from
    pixel to pixel is as small so, in a quarter of the time."""
    Image.fromarray(values).save(path, format="PNG", compress_type=zlib.Z_RLE)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write image uint8 [H, W, 3] in the format that the path's extension names."""
    Image.fromarray(image).save(path, quality=90)


def write_numbers(path: Path, numbers: np.ndarray) -> None:
    """Write numbers uint32 [H, W] as a deflated TIFF of 16 bits, of 32 where they need them."""
    few = not numbers.size or int(numbers.max()) <= np.iinfo(np.uint16).max
    image = Image.fromarray(numbers.astype(np.uint16 if few else np.int32))
    image.save(path, format="TIFF", compression="tiff_adobe_deflate")
