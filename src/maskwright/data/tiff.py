"""TIFF files that Pillow cannot read as they are: several bands, 16-bit colour, odd depths.

Here the tags, which Pillow parses, are understood; ``strips.py`` reads the pixels. Nothing that a
file says is believed: every size is checked before there is memory for it, and chains of pages
end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import IO

import numpy as np
from PIL import Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Tags

from maskwright.data.bands import MOST_BANDS
from maskwright.data.limits import PIXELS
from maskwright.errors import DataError

MAGIC = (b"II*\0", b"MM\0*", b"II+\0")  # little-endian, big-endian, little-endian BigTIFF
COLORS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}  # photometric -> samples of a colour
ALPHA = (1, 2, 999)  # ExtraSamples that are transparency; 999 is an old writer's
CMYK = 5  # photometric
REVERSED = 2  # fill order
NONE, JPEG = 1, (6, 7)
DEFLATE = (8, 32946)
THROUGH_LIBTIFF = (5, 32773, 34925, 50000)  # LZW, PackBits, LZMA, ZSTD
OTHERS = {2: "CCITT", 3: "CCITT", 4: "CCITT", 6: "JPEG", 7: "JPEG", 34712: "JPEG 2000",
          34887: "LERC", 50001: "WebP", 50002: "JPEG XL"}  # fmt: skip
PREDICTED = (*DEFLATE, 5, 34925, 50000)  # the compressions that a predictor may come before
LETTERS = {1: "u", 2: "i", 3: "f", 4: "u"}  # SampleFormat -> kind of number
SIZES = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}  # bits
MOST_AT_ONCE = 2**28  # bytes of a row of blocks, where a page is read by rows
THIN = 2**22  # bytes of a strip that is read by itself
MOST_PAGES = 100  # looked at in search of a second picture


@dataclass(frozen=True)
class Page:
    """The first picture of a TIFF file, as its tags describe it.

    ``samples`` are the numbers stored for a pixel, ``alpha`` those of them that are transparency.
    The pixels lie in blocks (tiles or strips) of ``block`` height × width, row by row, and, where
    ``planar``, sample by sample; ``places`` are offset and length of each in ``file``, in bytes.
    ``nodata`` is the value that means none, as GDAL says; ``several``: more pictures follow.
    """

    height: int
    width: int
    samples: int
    alpha: tuple[int, ...]
    dtype: np.dtype
    planar: bool
    block: tuple[int, int]
    places: tuple[tuple[int, int], ...]
    compression: int
    predictor: int
    orientation: int
    nodata: float | None
    several: bool
    file: IO[bytes]

    @property
    def bands(self) -> int:
        """Samples without transparency."""
        return self.samples - len(self.alpha)

    @property
    def mode(self) -> str:
        """Pillow's name of the mode where it has one, else such as ``5×uint16+alpha``."""
        plain = {"1×uint16": "I;16", "1×int32": "I", "1×float32": "F"}
        name = f"{self.bands}×{self.dtype.name}{'+alpha' * bool(self.alpha)}"
        return plain.get(name, name)


def foreign_page(file: IO[bytes], where: object) -> Page | None:
    """The page that an open file begins with, if it is a TIFF that Pillow does not read as it is.

    Raises DataError for what is not supported, and ValueError for nonsense.
    """
    tags = tags_of(file)
    return None if tags is None or _is_plain(tags) else _page_of(file, tags, where)


def page_by_rows(file: IO[bytes], where: object) -> Page | None:
    """The page that an open file begins with, of any size, if it is read a few rows at a time.

    That is one which lies upright in blocks of known compression; None for any other file.
    """
    tags = tags_of(file)
    if tags is None or _number(tags, 274, 1) != 1 or _number(tags, 266, 1) == REVERSED:
        return None
    if _number(tags, 259, NONE) not in (NONE, *DEFLATE, *THROUGH_LIBTIFF):
        return None
    if _is_plain(tags) and (_number(tags, 262, 0) not in (1, 2) or set(_numbers(tags, 258)) != {8}):
        return None
    page = _thin(_page_of(file, tags, where, limited=False))
    row_of_blocks = page.block[0] * page.width * page.samples * page.dtype.itemsize
    return page if row_of_blocks <= MOST_AT_ONCE else None


def _thin(page: Page) -> Page:
    """The page with what is stored as it is, in high strips, described as strips of fewer rows."""
    row = page.width * page.dtype.itemsize * (1 if page.planar else page.samples)
    height, rows = page.block[0], max(1, THIN // row)
    if page.compression != NONE or page.block[1] != page.width or height <= rows:
        return page
    if height < page.height:  # a strip need not end where a thin one does
        rows = math.gcd(height, rows)
    places = []
    for number, (offset, length) in enumerate(page.places):
        lying = min(height, page.height - number % math.ceil(page.height / height) * height)
        for top in range(0, lying, rows):
            end = min(length, (top + rows) * row)
            places.append((offset + top * row, max(0, end - top * row)))
    return replace(page, block=(rows, page.width), places=tuple(places))


def tags_of(file: IO[bytes]) -> Tags | None:
    """The tags of the first picture of an open file; None where it is no TIFF."""
    file.seek(0)
    head = file.read(8)
    if head[:4] not in MAGIC:
        return None
    tags = Tags(head + file.read(8) if head[2] == 43 else head)
    file.seek(tags.next)
    tags.load(file)
    return tags


def _is_plain(tags: Tags) -> bool:
    """Whether Pillow reads the picture as it is: grey or a palette of up to 12 bits, 8-bit colour.

    So are those left to Pillow that it alone may know: old JPEG inside, bits in reverse order.
    """
    photometric = _number(tags, 262, 0)
    bits, kinds = set(_numbers(tags, 258, (1,))), set(_numbers(tags, 339, (1,)))
    if _number(tags, 266, 1) == REVERSED or (_number(tags, 259, NONE) in JPEG and 277 not in tags):
        return True
    if kinds != {1} or _number(tags, 277, 1) - len(_alpha(tags)) != COLORS.get(photometric):
        return False
    return bits == {8} or bits <= {1, 2, 4, 12} or (bits == {16} and photometric == CMYK)


def _alpha(tags: Tags) -> tuple[int, ...]:
    """Which samples are transparency; those of no declared meaning are bands."""
    samples, extra = _number(tags, 277, 1), _numbers(tags, 338, ())
    return tuple(
        place
        for place, meaning in enumerate(extra, start=samples - len(extra))
        if meaning in ALPHA and place > 0
    )


def has_holes(tags: Tags, bands: int) -> bool:
    """Whether pixels may hold no data, by a value that means none or by transparency that is not
    read as one of so many bands."""
    transparent = bool(_alpha(tags)) and _number(tags, 277, 1) != bands
    return transparent or _nodata(tags) is not None


def has_more(file: IO[bytes]) -> bool:
    """Whether a second picture follows; overviews and transparency masks are none."""
    tags = tags_of(file)
    seen: set[int] = set()
    while tags and 0 < tags.next < 2**63 and tags.next not in seen and len(seen) < MOST_PAGES:
        seen.add(tags.next)
        file.seek(tags.next)
        tags.load(file)
        kind = tags.get(254, 0)
        if not isinstance(kind, int) or not kind & 0b101:
            return True
    return False


def _page_of(file: IO[bytes], tags: Tags, where: object, limited: bool = True) -> Page:
    height, width = _number(tags, 257), _number(tags, 256)
    samples, alpha = _number(tags, 277, 1), _alpha(tags)
    if min(height, width, samples) < 1:
        raise ValueError(f"{width}×{height} pixels of {samples} samples")
    if samples - len(alpha) > MOST_BANDS:
        raise DataError(
            f"{where} has {samples - len(alpha)} bands, and at most {MOST_BANDS} are read; "
            "save those that you need",
            "unreadable",
        )
    page = Page(
        height=height,
        width=width,
        samples=samples,
        alpha=alpha,
        dtype=_dtype(tags, where),
        planar=_number(tags, 284, 1) == 2 and samples > 1,
        block=_block(tags, height, width),
        places=_places(tags),
        compression=_known_compression(tags, where),
        predictor=_number(tags, 317, 1),
        orientation=flag if (flag := _number(tags, 274, 1)) in range(1, 9) else 1,
        nodata=_nodata(tags),
        file=file,
        several=has_more(file),
    )
    if limited:
        _refuse_size(page, where)
    _refuse_gaps(page)
    return page


def _dtype(tags: Tags, where: object) -> np.dtype:
    """How one sample is stored."""
    bits, kinds = set(_numbers(tags, 258, (1,))), set(_numbers(tags, 339, (1,)))
    letter = LETTERS.get(min(kinds), "") if len(kinds) == 1 else ""
    size = min(bits)
    if len(bits) > 1 or size not in SIZES.get(letter, ()):
        raise DataError(
            f"{where} stores bands of {'/'.join(map(str, sorted(bits)))} bits in a way that is "
            "not read; save it with 8, 16 or 32 bits for each band",
            "unreadable",
        )
    order = "<" if tags.prefix == b"II" else ">"
    return np.dtype(f"{order}{letter}{size // 8}")


def _block(tags: Tags, height: int, width: int) -> tuple[int, int]:
    if 322 in tags:
        block = _number(tags, 323), _number(tags, 322)
    else:
        block = min(height, _number(tags, 278, height)), width
    if min(block) < 1:
        raise ValueError(f"blocks of {block[1]}×{block[0]} pixels")
    return block


def _places(tags: Tags) -> tuple[tuple[int, int], ...]:
    offsets, lengths = (324, 325) if 322 in tags else (273, 279)
    return tuple(zip(_numbers(tags, offsets), _numbers(tags, lengths), strict=True))


def _known_compression(tags: Tags, where: object) -> int:
    compression = _number(tags, 259, NONE)
    if compression not in (NONE, *DEFLATE, *THROUGH_LIBTIFF):
        raise DataError(
            f"{where} is compressed as {OTHERS.get(compression, compression)}, which is not read "
            "for several bands; save it with deflate, LZW or no compression",
            "unreadable",
        )
    return compression


def _nodata(tags: Tags) -> float | None:
    """The value that GDAL's tag says means no data."""
    try:
        return float(str(tags.get(42113, "")).strip("\0 "))
    except ValueError:
        return None


def _refuse_size(page: Page, where: object) -> None:
    """No more pixels than Pillow's limit, nor more bytes than those as RGB would take."""
    most = Image.MAX_IMAGE_PIXELS or math.inf
    if page.height * page.width > most:
        raise Image.DecompressionBombError
    rows, columns = math.ceil(page.height / page.block[0]), math.ceil(page.width / page.block[1])
    stored = rows * columns * page.samples * math.prod(page.block) * page.dtype.itemsize
    if stored > 3 * most:
        raise DataError(
            f"{where} unpacks to {stored:,} bytes, and at most {3 * most:,} are read; cut it into "
            f"smaller images, or set {PIXELS} higher if you trust it",
            "too-large",
        )


def _refuse_gaps(page: Page) -> None:
    """No fewer strips or tiles than the picture needs."""
    rows, columns = math.ceil(page.height / page.block[0]), math.ceil(page.width / page.block[1])
    needed = rows * columns * (page.samples if page.planar else 1)
    if len(page.places) < needed:
        raise ValueError(f"{len(page.places)} of {needed} strips or tiles")


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels [H, W, n] turned and mirrored as an EXIF orientation flag says; 1 is upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _numbers(tags: Tags, tag: int, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """The whole numbers of a tag; without a default the tag must be there."""
    value = tags.get(tag, default)
    values = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(number, int) and number >= 0 for number in values):
        raise ValueError(f"tag {tag} ({TiffTags.lookup(tag).name}) is {value!r:.50}")
    return values


def _number(tags: Tags, tag: int, default: int | None = None) -> int:
    numbers = _numbers(tags, tag, None if default is None else (default,))
    if not numbers:
        raise ValueError(f"tag {tag} ({TiffTags.lookup(tag).name}) is empty")
    return numbers[0]
