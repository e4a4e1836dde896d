"""From an image of any size to the square that the network sees, and back.

A view is one affine map, so that everything geometric (scale, padding, augmentation) costs one
resampling. Matrices are float64 [2, 3] and take (x, y) of a pixel's centre in the image to the
view, in OpenCV's convention: the centre of the first pixel is (0, 0).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from maskwright.data.labels import IGNORE

CLOSE = 1e-6  # pixels, of an edge that is between two pixels
LARGEST = 2  # times an image, of the frame that is resized to get it
LONGEST = 32_767  # pixels a side, from which on OpenCV's remap refuses an image

cv2.setNumThreads(1)  # the parallel work is done by whole images


def view_matrix(height: int, width: int, size: int, fit: str, scale: float = 1.0) -> np.ndarray:
    """The map from an image of height × width to the centre of a view of size × size.

    ``fit`` "pad" scales both axes alike, "squash" makes each axis fill the view, and "window"
    shows as much of the image as there is room for when it is scaled by ``scale``. With "pad" there
    are whole pixels of the image on both sides of its shorter axis, where their number is odd one
    more behind it than before it, so that the view is a frame of the image, resized.

    >>> view_matrix(100, 200, 50, "pad")
    array([[ 0.25 ,  0.   , -0.375],
           [ 0.   ,  0.25 , 12.125]])
    """
    scale_x, scale_y = size / width, size / height
    if fit == "pad":
        scale_x = scale_y = min(scale_x, scale_y)
    elif fit == "window":
        scale_x = scale_y = scale
    # Centres map to centres: (x + 0.5 - width / 2) * scale + size / 2 - 0.5.
    odd = (height - width) % 2 / 2 if fit == "pad" else 0
    shift_x = (0.5 - width / 2 - odd * (width < height)) * scale_x + size / 2 - 0.5
    shift_y = (0.5 - height / 2 - odd * (height < width)) * scale_y + size / 2 - 0.5
    return np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]], np.float64)


class Frame(NamedTuple):
    """Rows and columns of an image, from the first to the one after the last; some beyond it."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Its height and width."""
        return self.bottom - self.top, self.right - self.left

    def holds(self, height: int, width: int) -> bool:
        """Whether an image of that size lies in it, and fills a good part of it."""
        around = min(-self.top, self.bottom - height, -self.left, self.right - width)
        return around >= 0 and math.prod(self.shape) <= LARGEST * height * width

    def of(self, image: np.ndarray) -> np.ndarray:
        """What it holds of image uint8 [H, W, C], beyond it its reflection."""
        height, width = image.shape[:2]
        above, below = max(0, -self.top), max(0, self.bottom - height)
        before, behind = max(0, -self.left), max(0, self.right - width)
        if above or below or before or behind:
            kind = cv2.BORDER_REFLECT_101
            image = cv2.copyMakeBorder(image, above, below, before, behind, kind)
        rows = slice(self.top + above, self.bottom + above)
        return image[rows, self.left + before : self.right + before]


def frame_of(matrix: np.ndarray, height: int, width: int) -> Frame | None:
    """What a view of height × width shows, where it begins and ends between two pixels of the
    image, not turned and not mirrored: then it is that frame, resized, which is several times as
    fast as an affine map.

    >>> frame_of(view_matrix(100, 200, 50, "pad"), 50, 50)
    Frame(top=-50, bottom=150, left=0, right=200)
    """
    (a, b, x), (c, d, y) = matrix.tolist()
    if b or c or min(a, d) <= 0:
        return None
    top, left = 0.5 - (y + 0.5) / d, 0.5 - (x + 0.5) / a
    edges = np.array([top, top + height / d, left, left + width / a])
    whole = np.rint(edges)
    return Frame(*whole.astype(int).tolist()) if np.abs(edges - whole).max() < CLOSE else None


def moved(matrix: np.ndarray, pixels: int) -> np.ndarray:
    """The map to the same view with so many pixels more on each of its sides."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] + pixels])


def stored_matrix(matrix: np.ndarray, stored: tuple[int, ...], of: tuple[int, int]) -> np.ndarray:
    """The map to the same view from a smaller copy of the image; both sizes are (height, width)."""
    if stored[:2] == of:
        return matrix
    return matrix @ _scale_about_corner(of[1] / stored[1], of[0] / stored[0])


def warp_image(
    image: np.ndarray,
    matrix: np.ndarray,
    size: int,
    out: np.ndarray | None = None,
    bend: np.ndarray | None = None,
) -> np.ndarray:
    """The view uint8 [size, size, C] of image uint8 [H, W, C]; outside it is reflected.

    Where the map shrinks an axis by two or more, whole blocks of pixels are averaged first, so
    that fine texture does not turn into noise. The view is written into ``out`` if it is given.
    With a ``bend`` float32 [size, size, 2] each pixel of the view shows what without it lies so
    many pixels (x, y) from there.
    """
    height, width, channels = image.shape
    scale = np.hypot(matrix[0, :2], matrix[1, :2])  # of the image's x and y axis
    across, down = (max(1, int(1 / length)) for length in scale)
    if across >= 2 or down >= 2:
        image = shrink(image, max(1, round(height / down)), max(1, round(width / across)))
        matrix = stored_matrix(matrix, image.shape, (height, width))
    if bend is not None:
        image, places = _needed(image, _bent(matrix, bend))
        view = cv2.remap(
            image, *places, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REFLECT_101
        )
        return view.reshape(size, size, channels)
    frame = frame_of(matrix, size, size)
    if frame and min(frame.shape) >= size:  # enlarged, it is mirrored within half a pixel as well
        view = np.empty((size, size, channels), np.uint8) if out is None else out
        view[:] = _resized(frame.of(image), size)
        return view
    image, matrix = _framed(image, matrix, size)
    view = cv2.warpAffine(
        image,
        matrix,
        (size, size),
        dst=out,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return view.reshape(size, size, channels)


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    """Image uint8 [H, W, C] as [size, size, C], linearly, rounded to whole numbers.

    OpenCV's way with 8 bits ends a grey level too low at every eighth pixel; with 16 it is right,
    and as fast.
    """
    if image.shape[:2] != (size, size):
        image = cv2.resize(image.astype(np.uint16), (size, size), interpolation=cv2.INTER_LINEAR)
    return image.reshape(size, size, -1)


def _bent(matrix: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where in the image each pixel of a bent view lies: x and y, float32 [size, size] both."""
    across = np.arange(len(bend), dtype=np.float32)
    x, y = across + bend[..., 0], across[:, None] + bend[..., 1]
    (a, b, left), (c, d, top) = cv2.invertAffineTransform(matrix).astype(np.float32)
    return a * x + b * y + left, c * x + d * y + top


def _needed(
    image: np.ndarray, places: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The part of an image that these places look at, and the places in it, where it is too long
    for OpenCV's ``remap``; what lies outside of the image is still reflected at its border."""
    if max(image.shape[:2]) < LONGEST:
        return image, places
    spans = []
    for length, at in zip(image.shape[1::-1], places, strict=True):
        low, high = math.floor(at.min()), math.ceil(at.max())
        beyond = max(0, -low, high - length + 1)  # as far inside lies its reflection
        start = max(0, min(low, length - 1 - beyond) - 1)
        spans.append((start, min(length, max(high, beyond) + 2)))
    (left, right), (top, bottom) = spans
    return image[top:bottom, left:right], (places[0] - left, places[1] - top)


def _framed(image: np.ndarray, matrix: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The image with so much of its reflection around it that the view lies inside, and its map.

    OpenCV looks up what lies outside pixel by pixel; this makes a view a quarter faster.
    """
    height, width = image.shape[:2]
    (a, b, x), (c, d, y) = matrix.tolist()
    area, half = a * d - b * c, (size - 1) / 2
    # Where the middle of the view lies in the image, and how far from there its corners lie.
    x, y = (d * (half - x) - b * (half - y)) / area, (a * (half - y) - c * (half - x)) / area
    reach_x, reach_y = (abs(d) + abs(b)) * half / abs(area), (abs(a) + abs(c)) * half / abs(area)
    left, top = max(0, math.ceil(reach_x - x)), max(0, math.ceil(reach_y - y))
    right = max(0, math.ceil(x + reach_x) - width + 1)
    bottom = max(0, math.ceil(y + reach_y) - height + 1)
    if not (left or top or right or bottom):
        return image, matrix
    framed = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REFLECT_101)
    return framed, np.column_stack([matrix[:, :2], matrix[:, 2] - matrix[:, :2] @ (left, top)])


def shrink(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Image uint8 [H, W, C] averaged down to [height, width, C], four channels at a time."""
    if image.shape[:2] == (height, width):
        return image
    channels = image.shape[2]
    if channels > 4:
        parts = np.split(image, range(4, channels, 4), axis=2)
        return np.concatenate([shrink(part, height, width) for part in parts], axis=2)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return small.reshape(height, width, channels)


def shrink_mask(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Class indices uint8 [H, W], of which those nearest to the new pixels are kept."""
    if mask.shape == (height, width):
        return mask
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def _scale_about_corner(scale_x: float, scale_y: float) -> np.ndarray:
    """[3, 3] from pixel centres of a smaller image to those of the image, corner on corner."""
    return np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2], [0, 0, 1]])


def warp_mask(
    mask: np.ndarray,
    matrix: np.ndarray,
    size: int,
    out: np.ndarray | None = None,
    bend: np.ndarray | None = None,
) -> np.ndarray:
    """The view uint8 [size, size] of class indices uint8 [H, W]; outside it is 255, ignore.

    It is written into ``out`` if that is given, and bent as that of ``warp_image``.
    """
    if bend is not None:
        mask, places = _needed(mask, _bent(matrix, bend))
        return cv2.remap(mask, *places, cv2.INTER_NEAREST, dst=out, borderValue=(IGNORE,))
    return cv2.warpAffine(
        mask,
        matrix,
        (size, size),
        dst=out,
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(IGNORE,),
    )


def restore(scores: np.ndarray, matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scores float32 [size, size, classes] of a view, back at the image's own height and width.

    The way back of ``warp_image`` with the same matrix: float32 [height, width, classes], in memory
    a class a plane.
    """
    parts = [np.ascontiguousarray(scores[..., k], np.float32) for k in range(scores.shape[2])]
    planes = np.empty((len(parts), height, width), np.float32)
    frame = frame_of(matrix, *scores.shape[:2])
    if frame and frame.holds(height, width):
        whole = np.empty(frame.shape, np.float32)  # one for all planes, so that it stays in a cache
        inner = whole[-frame.top :, -frame.left :][:height, :width]
        for part, plane in zip(parts, planes, strict=True):
            cv2.resize(part, whole.shape[::-1], dst=whole, interpolation=cv2.INTER_LINEAR)
            plane[:] = inner
        return np.moveaxis(planes, 0, -1)
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    for part, plane in zip(parts, planes, strict=True):
        cv2.warpAffine(part, matrix, (width, height), plane, flags, border)
    return np.moveaxis(planes, 0, -1)
