"""Masks made visible: overlays with outlines, for predictions, evaluation and the report."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from maskwright.data.images import display
from maskwright.data.labels import IGNORE, ClassTable

THICKEST = 3  # pixels, of an outline


def overlay(
    image: np.ndarray,
    mask: np.ndarray,
    table: ClassTable,
    parts: np.ndarray | None = None,
    strength: float = 0.45,
) -> np.ndarray:
    """The image uint8 [H, W, C] with each class of mask uint8 [H, W] tinted and outlined, RGB.

    Of several bands the first three are shown (see ``display``). Ignored pixels (255) and the
    classes of ``table.ground`` stay as they are, so that what lies on dark or pale ground stays
    visible. Outlines are one pixel wide in images of up to 600 pixels and grow with them to three,
    so that of small objects in large images there is more to see than outlines; those of
    ``parts`` int32 [H, W], numbered objects, are drawn as well, so that touching ones are seen.
    """
    colors, bare = np.zeros((1, 256, 3), np.uint8), np.zeros(256, np.uint8)
    colors[0, : len(table)] = table.colors
    bare[[IGNORE, *table.ground]] = 1
    # By OpenCV it takes a sixth of the time of NumPy's indices.
    tint = cv2.LUT(cv2.merge([mask] * 3), colors)
    image = np.ascontiguousarray(display(image))
    mixed = cv2.addWeighted(image, 1 - strength, tint, strength, 0)
    thickness = min(THICKEST, max(1, round(max(mask.shape) / 600)))
    edges = boundaries(mask, thickness)
    if parts is not None:
        edges |= boundaries(parts.astype(np.float32), thickness)
    cv2.copyTo(tint, edges.view(np.uint8), mixed)
    cv2.copyTo(image, cv2.LUT(mask, bare), mixed)
    return mixed


def boundaries(mask: np.ndarray, thickness: int = 1) -> np.ndarray:
    """Where a pixel of mask uint8 or float32 [H, W] differs from a neighbour, bool [H, W]."""
    kernel = np.ones((2 * thickness + 1, 2 * thickness + 1), np.uint8)
    return cv2.erode(mask, kernel) != cv2.dilate(mask, kernel)


def fit_within(image: np.ndarray, side: int) -> np.ndarray:
    """The image uint8 [H, W, 3] shrunk so that its longer side has at most ``side`` pixels.

    >>> fit_within(np.zeros((100, 400, 3), np.uint8), 200).shape
    (50, 200, 3)
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def side_by_side(parts: Sequence[np.ndarray], gap: int = 4) -> np.ndarray:
    """Pictures uint8 [H, W, 3] of one height in a row, with a white gap between them.

    >>> side_by_side([np.zeros((5, 7, 3), np.uint8)] * 3).shape
    (5, 29, 3)
    """
    white = np.full((parts[0].shape[0], gap, 3), 255, np.uint8)
    return np.hstack([piece for part in parts for piece in (white, part)][1:])
