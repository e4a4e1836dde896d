"""The largest image files that are read, asked before anything is decoded.

MASKWRIGHT_MAX_PIXELS and MASKWRIGHT_MAX_BYTES in the environment set other limits, for those who
trust their files: a small file can claim to be an image that fills the memory.
"""

from __future__ import annotations

import os

from PIL import Image

from maskwright.errors import UsageError

PIXELS, BYTES = "MASKWRIGHT_MAX_PIXELS", "MASKWRIGHT_MAX_BYTES"
MOST_BYTES = 2_000_000_000  # of a file


def limit(name: str, otherwise: int | None) -> int | None:
    """The limit that the environment sets by this name, else ``otherwise``.

    Raises UsageError where it is no whole number above 0.
    """
    text = os.environ.get(name)
    if text is None:
        return otherwise
    digits = text.strip().replace("_", "")
    if not digits.isdecimal() or not int(digits[:18]) > 0:
        raise UsageError(f"{name} = {text!r} must be a whole number above 0, as 500000000")
    return int(digits)


def set_limits() -> int:
    """Let Pillow know the limit of pixels, where one is set; the largest file in bytes."""
    Image.MAX_IMAGE_PIXELS = limit(PIXELS, Image.MAX_IMAGE_PIXELS)
    return limit(BYTES, MOST_BYTES) or MOST_BYTES
