"""Outlines in pixels -> painted masks. A pixel belongs to an outline if its centre lies inside."""

from __future__ import annotations

import math

import numpy as np


def fill(mask: np.ndarray, corners: np.ndarray, value: int) -> None:
    """Paint the inside of a polygon, in place; a part that it goes round twice is outside.

    ``mask`` is uint8 [H, W]; ``corners`` float64 [n, 2] are (x, y) from the mask's upper left
    corner, in pixels, and may lie outside of it.

    >>> mask = np.zeros((2, 4), np.uint8)
    >>> fill(mask, np.array([[1, 0], [3, 0], [3, 2], [1, 2]]), 7)
    >>> mask
    array([[0, 7, 7, 0],
           [0, 7, 7, 0]], dtype=uint8)
    """
    height, width = mask.shape
    x, y = corners.T.astype(np.float64)
    to_x, to_y = np.roll(x, -1), np.roll(y, -1)
    first, stop = np.ceil(np.clip([y.min() - 0.5, y.max() - 0.5], 0, height)).astype(int)
    for row in range(first, stop):
        middle = row + 0.5
        cut = (y <= middle) != (to_y <= middle)
        slope = (middle - y[cut]) / (to_y[cut] - y[cut])
        crossings = np.sort(x[cut] + slope * (to_x[cut] - x[cut]))
        columns = np.ceil(np.clip(crossings - 0.5, 0, width)).astype(int)
        for start, end in columns.reshape(-1, 2):
            mask[row, start:end] = value


def rectangle(x: float, y: float, width: float, height: float, degrees: float) -> np.ndarray:
    """The corners float64 [4, 2] of a rectangle, turned clockwise about its upper left one."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    return _turned(corners, degrees) + np.array([x, y])


def ellipse(x: float, y: float, across: float, down: float, degrees: float) -> np.ndarray:
    """Points float64 [360, 2] on an ellipse about (x, y) with two radii, turned clockwise."""
    angles = np.radians(np.arange(360))
    points = np.stack([across * np.cos(angles), down * np.sin(angles)], axis=1)
    return _turned(points, degrees) + np.array([x, y])


def _turned(points: np.ndarray, degrees: float) -> np.ndarray:
    """Points turned clockwise about the origin, as seen with y downwards."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return points @ np.array([[cos, sin], [-sin, cos]])
