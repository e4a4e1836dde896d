"""(image, mask, rng) -> (image, mask): random changes, all the geometry in one resampling."""

from __future__ import annotations

import math

import numpy as np

from maskwright.config import AugmentConfig, ViewConfig
from maskwright.data.view import view_matrix, warp_image, warp_mask

GREY = np.array([0.299, 0.587, 0.114], np.float32)  # luma weights of ITU-R BT.601


def augment(
    image: np.ndarray,
    mask: np.ndarray,
    rng: np.random.Generator,
    view: ViewConfig,
    config: AugmentConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """A training view of image uint8 [H, W, 3] and mask uint8 [H, W].

    Returns uint8 [size, size, 3] and uint8 [size, size]; what lies outside the image is its
    reflection, and 255 (ignore) in the mask.
    """
    height, width = mask.shape
    matrix = view_matrix(height, width, view.size, view.fit)
    matrix = random_map(rng, view.size, config) @ np.vstack([matrix, (0, 0, 1)])
    changed = random_colors(warp_image(image, matrix, view.size), rng, config)
    return changed, warp_mask(mask, matrix, view.size)


def random_map(rng: np.random.Generator, size: int, config: AugmentConfig) -> np.ndarray:
    """A random mirror, turn, zoom and shift about the centre of the view, float64 [2, 3]."""
    mirror = -1.0 if rng.random() < config.flip else 1.0
    angle = math.radians(rng.uniform(-config.rotate, config.rotate))
    zoom = _log_uniform(rng, config.zoom)
    shift = rng.uniform(-config.shift, config.shift, size=2) * size
    turn = np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    ) @ np.diag([zoom * mirror, zoom])
    centre = np.full(2, (size - 1) / 2)
    return np.column_stack([turn, centre + shift - turn @ centre])


def random_colors(image: np.ndarray, rng: np.random.Generator, config: AugmentConfig) -> np.ndarray:
    """Random brightness, contrast and saturation of image uint8 [H, W, 3]."""
    brightness = rng.uniform(-config.brightness, config.brightness) * 255
    contrast = _log_uniform(rng, config.contrast)
    saturation = _log_uniform(rng, config.saturation)
    if brightness == 0 and contrast == 1 and saturation == 1:
        return image
    pixels: np.ndarray = image.astype(np.float32)
    if saturation != 1:
        grey = (pixels @ GREY)[..., None]
        pixels = grey + (pixels - grey) * np.float32(saturation)
    mean = pixels.mean()
    pixels = (pixels - mean) * np.float32(contrast) + (mean + np.float32(brightness))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _log_uniform(rng: np.random.Generator, spread: float) -> float:
    """A factor between 1 / (1 + spread) and 1 + spread, as often above 1 as below."""
    return math.exp(rng.uniform(-1, 1) * math.log1p(spread))
