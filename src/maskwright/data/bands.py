"""From stored pixels of any depth and number of bands to the uint8 bands that a network sees."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from maskwright.errors import DataError, nearest

MOST_BANDS = 12
FULL = 65535  # the largest value of 16 bits; 255 × 257


@dataclass(frozen=True)
class Bands:
    """How the stored pixels of image files become uint8 [H, W, count].

    ``low`` and ``high``, one number a band, are the stored values that become 0 and 255; what lies
    outside is cut off. They are empty for 8-bit files, which are taken as they are, and for 16-bit
    files that are to be divided by 257. Where they are given, 8-bit files count as 16-bit ones:
    their values are multiplied by 257 first.
    """

    count: int = 3
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_BANDS:
            raise DataError(f"bands: count must be from 1 to {MOST_BANDS}, got {self.count}")
        if bool(self.low) != bool(self.high):
            lacking = "high" if self.low else "low"
            raise DataError(f"bands: {lacking} is missing; give both low and high, or neither")
        for name, numbers in (("low", self.low), ("high", self.high)):
            if len(numbers) not in (0, self.count):
                raise DataError(
                    f"bands: {name} has {_amount(len(numbers), 'number')} for "
                    f"{_amount(self.count, 'band')}; give one a band"
                )
        for band, (low, high) in enumerate(zip(self.low, self.high, strict=True), start=1):
            if not (low < high and math.isfinite(low) and math.isfinite(high)):
                raise DataError(
                    f"bands: low {low:g} and high {high:g} of band {band} are no range; "
                    "give numbers of which low is the smaller"
                )

    def to_dict(self) -> dict[str, Any]:
        """The bands as they stand in dataset.toml, under [bands].

        >>> Bands(1, (0.0,), (4095.0,)).to_dict()
        {'count': 1, 'low': [0.0], 'high': [4095.0]}
        """
        limits = {"low": list(self.low), "high": list(self.high)} if self.low else {}
        return {"count": self.count, **limits}


RGB = Bands()


def bands_from_dict(table: Mapping[str, Any], where: object) -> Bands:
    """The bands of the table [bands] in the parsed ``dataset.toml`` called ``where``."""
    if not isinstance(table, Mapping):
        raise DataError(f"{where}: bands = {table!r} must be a table, as in [bands] count = 5")
    known = {"count", "low", "high"}
    if unknown := sorted(set(table) - known):
        raise DataError(
            f"{where}: unknown key {unknown[0]} in [bands]: {nearest(unknown[0], known)}"
        )
    count = table.get("count", RGB.count)
    if type(count) is not int:
        raise DataError(f"{where}: bands: count = {count!r} must be a whole number")
    low, high = (_limits(table.get(name, []), name, where) for name in ("low", "high"))
    try:
        return Bands(count, low, high)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _limits(numbers: object, name: str, where: object) -> tuple[float, ...]:
    if not isinstance(numbers, list) or not all(type(n) in (int, float) for n in numbers):
        raise DataError(
            f"{where}: bands: {name} = {numbers!r} must be a list of numbers, one a band"
        )
    return tuple(float(number) for number in numbers)


def to_bands(pixels: np.ndarray, bands: Bands, where: object) -> np.ndarray:
    """uint8 [H, W, count] of pixels uint8, uint16 or float32 [H, W, n] as stored.

    Grey is repeated where three bands are wanted. 16 bits without a range are divided by 257,
    whatever they hold, so that the same value means the same in every file. NaN and infinity
    become 0.

    >>> twelve_bits = np.array([[[0], [2048], [4095]]], np.uint16)
    >>> to_bands(twelve_bits, Bands(1, (0,), (4095,)), "x.tif")[0, :, 0]
    array([  0, 128, 255], dtype=uint8)
    """
    found, wanted = pixels.shape[2], bands.count
    if found == 1 and wanted == 3 and len(set(zip(bands.low, bands.high, strict=True))) <= 1:
        grey = to_bands(pixels, Bands(1, bands.low[:1], bands.high[:1]), where)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if found != wanted and not (found == 1 and wanted == 3):
        raise DataError(
            f"{where} has {_amount(found, 'band')}, but {wanted} {'is' if wanted == 1 else 'are'} "
            "expected; use images of the same bands as the dataset, or correct [bands] count in "
            "its dataset.toml",
            "bands",
        )
    if pixels.dtype == np.uint8 and not bands.low:
        return pixels
    if pixels.dtype == np.float32 and not bands.low:
        raise DataError(
            f"{where} holds floating-point pixels of no known range; give [bands] low and high in "
            "dataset.toml, or save it with 8 or 16 bits",
            "float",
        )
    scaled = np.empty((*pixels.shape[:2], wanted), np.uint8)
    for band in range(wanted):
        limits = (bands.low[band], bands.high[band]) if bands.low else ()
        scaled[..., band] = _scale(pixels[..., band % found], *limits)
    return scaled


def _scale(values: np.ndarray, *limits: float) -> np.ndarray:
    """One band as uint8 [H, W], of values uint8, uint16 or float32 [H, W]."""
    if values.dtype == np.float32:
        low, high = limits
        inside = np.clip(np.where(np.isfinite(values), values, low), low, high, dtype=np.float64)
        return np.rint((inside - low) / (high - low) * 255).astype(np.uint8)
    table = _lookup(*limits)
    return np.take(table[::257] if values.dtype == np.uint8 else table, values)


@lru_cache(maxsize=64)
def _lookup(*limits: float) -> np.ndarray:
    """What each 16-bit value becomes, uint8 [65536]."""
    values = np.arange(FULL + 1)
    if not limits:
        return (values // 257).astype(np.uint8)
    return _scale(values.astype(np.float32), *limits)


def display(pixels: np.ndarray) -> np.ndarray:
    """What people are shown of pixels uint8 [H, W, C]: RGB uint8 [H, W, 3].

    One band is repeated; of several the first three are red, green and blue, and of two blue is 0.
    """
    found = pixels.shape[2]
    if found == 3:
        return pixels
    if found == 1:
        return np.repeat(pixels, 3, axis=2)
    shown = np.zeros((*pixels.shape[:2], 3), np.uint8)
    shown[..., : min(found, 3)] = pixels[..., :3]
    return shown


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
