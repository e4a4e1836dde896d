"""(image, mask, rng) -> (image, mask): random changes, all the geometry in one resampling."""

from __future__ import annotations

import math

import cv2
import numpy as np

from maskwright.config import AugmentConfig, ViewConfig
from maskwright.data.view import moved, stored_matrix, view_matrix, warp_image, warp_mask

GREY = np.array([0.299, 0.587, 0.114])  # luma weights of ITU-R BT.601


def augment(
    image: np.ndarray,
    mask: np.ndarray,
    rng: np.random.Generator,
    view: ViewConfig,
    config: AugmentConfig,
    *,
    of: tuple[int, int] | None = None,
    side: int | None = None,
    margin: int = 0,
    out: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A training view of image uint8 [H, W, C] and mask uint8 [H, W].

    Returns uint8 [side, side, C] and uint8 [side, side]; a ``side`` below that of the view means a
    crop at a random place, by default it is the view's. The image, and not the mask, is larger by
    ``margin`` pixels on each of its sides. What lies outside the image is its reflection, and 255
    (ignore) in the mask. ``of`` is the height and width of the original where image and mask are
    smaller copies of it: the view is the same. ``out`` takes the results.
    """
    config = config.scaled
    height, width = of or mask.shape
    matrix = view_matrix(height, width, view.size, view.fit, view.scale)
    change = random_map(rng, view.size, config)
    matrix = change[:, :2] @ matrix
    matrix[:, 2] += change[:, 2]
    side = side or view.size
    if side < view.size or view.fit == "window":
        matrix[:, 2] = random_place(rng, matrix, height, width, side)
    bend, inner = None, None
    if config.elastic:
        bend = random_bend(rng, side + 2 * margin, config.elastic * view.size)
        inner = bend[margin : margin + side, margin : margin + side]
    matrix = stored_matrix(matrix, mask.shape, (height, width))
    image_out, mask_out = out or (None, None)
    seen = warp_image(image, moved(matrix, margin), side + 2 * margin, image_out, bend)
    return random_colors(seen, rng, config, seen), warp_mask(mask, matrix, side, mask_out, inner)


def random_map(rng: np.random.Generator, size: int, config: AugmentConfig) -> np.ndarray:
    """A random mirror, turn, zoom and shift about the centre of the view, float64 [2, 3]."""
    mirror = -1.0 if rng.random() < config.flip else 1.0
    angle = math.radians(rng.uniform(-config.rotate, config.rotate))
    zoom = _log_uniform(rng, config.zoom)
    shift_x, shift_y = (rng.uniform(-config.shift, config.shift, size=2) * size).tolist()
    cos, sin, centre = zoom * math.cos(angle), zoom * math.sin(angle), (size - 1) / 2
    return np.array(
        [
            [cos * mirror, -sin, centre * (1 - cos * mirror + sin) + shift_x],
            [sin * mirror, cos, centre * (1 - sin * mirror - cos) + shift_y],
        ]
    )


def random_bend(rng: np.random.Generator, side: int, spread: float) -> np.ndarray:
    """A smooth random displacement in x and y, float32 [side, side, 2], in pixels.

    On a grid of 3×3 it is normal with the standard deviation ``spread``, between them cubic, as in
    Ronneberger et al. 2015 (arXiv:1505.04597, section 3.1).
    """
    grid = rng.normal(0, spread, size=(3, 3, 2)).astype(np.float32)
    return cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)


def random_place(
    rng: np.random.Generator, matrix: np.ndarray, height: int, width: int, side: int
) -> np.ndarray:
    """The shift of a map that puts a random part of the image into a square, float64 [2].

    Every part that fits is as likely as any other; along an axis on which the image is shorter
    than the square, the image is in its middle. ``matrix`` [2, 3] takes the image of height ×
    width to where the square is ``side`` × ``side`` pixels.
    """
    length = np.array([width, height])
    margin = np.minimum(side / 2 / np.hypot(*matrix[:, :2]), length / 2)
    centre = rng.uniform(margin, length - margin)
    return side / 2 - 0.5 - matrix[:, :2] @ (centre - 0.5)


def random_colors(
    image: np.ndarray,
    rng: np.random.Generator,
    config: AugmentConfig,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Random brightness, contrast and, of three channels, saturation of image uint8 [H, W, C].

    The three are one affine map of each pixel. ``out`` may be the image itself.
    """
    brightness = rng.uniform(-config.brightness, config.brightness) * 255
    contrast = _log_uniform(rng, config.contrast)
    saturation = _log_uniform(rng, config.saturation)
    if brightness == 0 and contrast == 1 and saturation == 1:
        return image
    # Without saturation every value is mapped alike, whatever its channel.
    channels = 3 if image.shape[2] == 3 and saturation != 1 else 1
    mixed = saturation * np.eye(channels) + (1 - saturation) * GREY if channels == 3 else np.eye(1)
    pixels = image.reshape(len(image), -1, channels)
    sums = cv2.sumElems(pixels)[:channels]
    mean = (mixed @ sums).sum() / image.size
    shift = np.full(channels, brightness + mean * (1 - contrast))
    target = None if out is None else out.reshape(pixels.shape)
    changed = cv2.transform(pixels, np.column_stack([contrast * mixed, shift]), dst=target)
    return changed.reshape(image.shape)


def _log_uniform(rng: np.random.Generator, spread: float) -> float:
    """A factor between 1 / (1 + spread) and 1 + spread, as often above 1 as below."""
    return math.exp(rng.uniform(-1, 1) * math.log1p(spread))
