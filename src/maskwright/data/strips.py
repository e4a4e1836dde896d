"""The strips and tiles of a TIFF file, unpacked and put together.

Pillow undoes LZW and its like, one strip or tile at a time; byte order, predictors, planes and
tiles are put in order here. No more is read or unpacked than the pixels need.
"""

from __future__ import annotations

import io
import itertools
import math
import struct
import zlib

import numpy as np
from PIL import Image

from maskwright.data.tiff import DEFLATE, NONE, PREDICTED, Page


def read_page(page: Page) -> np.ndarray:
    """The samples as stored, in the machine's byte order, [H, W, samples]; not turned.

    Blocks that GDAL left out of a sparse file are 0.
    """
    return read_rows(page, 0, page.height)


def read_rows(page: Page, top: int, bottom: int) -> np.ndarray:
    """The rows of ``read_page`` from top on, before bottom; only their blocks are unpacked."""
    height, width = page.block
    down, across = math.ceil(page.height / height), math.ceil(page.width / width)
    first, end = top // height, math.ceil(bottom / height)
    shape = (min(page.height, end * height) - first * height, page.width, page.samples)
    pixels = np.zeros(shape, page.dtype.newbyteorder("="))
    for plane in range(page.samples if page.planar else 1):
        chosen = slice(plane, plane + 1) if page.planar else slice(None)
        for row, column in itertools.product(range(first, end), range(across)):
            offset, length = page.places[(plane * down + row) * across + column]
            if offset or length:
                y, x = (row - first) * height, column * width
                target = pixels[y : y + height, x : x + width, chosen]
                # Tiles are whole also beyond the edge; the last strip ends with the image.
                rows = len(target) if width == page.width else height
                block = _read_block(page, offset, length, rows)
                target[...] = block[: target.shape[0], : target.shape[1]]
    return pixels[top - first * height : bottom - first * height]


def _read_block(page: Page, offset: int, length: int, rows: int) -> np.ndarray:
    """One strip or tile, [rows, width of the block, samples]."""
    shape = (rows, page.block[1], 1 if page.planar else page.samples)
    size = math.prod(shape) * page.dtype.itemsize
    page.file.seek(offset)
    stored = page.file.read(min(length, 2 * size + 4096))  # what is longer cannot be right
    unpacked = _unpack(stored, page.compression, rows, size // rows)
    if len(unpacked) < size:
        raise ValueError(f"{len(unpacked)} of {size} bytes of a strip or tile")
    values = np.frombuffer(unpacked, page.dtype, math.prod(shape)).reshape(shape)
    if page.compression in PREDICTED and page.predictor != 1:
        return _undo_predictor(values, page.predictor)
    return values


def _unpack(stored: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """At most ``rows * row_bytes`` bytes."""
    if compression == NONE:
        return stored
    if compression in DEFLATE:
        return zlib.decompressobj().decompress(stored, rows * row_bytes)
    return _through_libtiff(stored, compression, rows, row_bytes)


def _through_libtiff(stored: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """Unpacked by Pillow's libtiff, which is shown the block as a grey 8-bit picture of one strip.

    The compression knows nothing of bands and depth, so the bytes come out the same.
    """
    if rows * row_bytes > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError
    entries = {256: row_bytes, 257: rows, 258: 8, 259: compression, 262: 1, 273: 8, 277: 1}
    entries |= {278: rows, 279: len(stored)}
    padded = stored + b"\0" * (len(stored) % 2)
    content = struct.pack("<2sHI", b"II", 42, 8 + len(padded)) + padded
    content += struct.pack("<H", len(entries))
    content += b"".join(struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in entries)
    with Image.open(io.BytesIO(content + bytes(4)), formats=["TIFF"]) as image:
        return image.tobytes()


def _undo_predictor(values: np.ndarray, predictor: int) -> np.ndarray:
    """Samples from their differences to the left neighbour, [rows, columns, samples]."""
    if predictor == 2:
        whole = np.dtype(f"u{values.itemsize}")
        differences = values.view(whole.newbyteorder(values.dtype.byteorder))
        return np.cumsum(differences, axis=1, dtype=whole).view(values.dtype.newbyteorder("="))
    if predictor == 3 and values.dtype.kind == "f":
        # All first (most significant) bytes of a row, then all second ones; differences of bytes.
        rows, columns, samples = values.shape
        raw = values.view(np.uint8).reshape(rows, -1, samples)
        planes = np.cumsum(raw, axis=1, dtype=np.uint8).reshape(rows, values.itemsize, -1)
        joined = np.ascontiguousarray(planes.transpose(0, 2, 1))
        return joined.view(values.dtype.newbyteorder(">")).reshape(rows, columns, samples)
    raise ValueError(f"predictor {predictor} on {values.dtype.name}")
