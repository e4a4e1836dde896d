"""The generated demo set: discs, squares and triangles on a cluttered ground.

The outline tells the class, the texture hints at it (discs are mostly mottled, squares striped,
triangles checked), the colour tells nothing; lines, blobs, bars and ripples belong to the
background. As in the Oxford pets' trimaps, a band along every outline is a class of its own.
Image ``i`` is a function of (seed, i, size): a larger set begins with the images of a smaller one.
"""

from __future__ import annotations

import colorsys
import shutil
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maskwright.console import track
from maskwright.errors import DataError, UsageError
from maskwright.randomness import SAMPLES, generator

CLASSES = {
    "background": "#1f2430",
    "disc": "#f2a541",
    "square": "#3fb6a8",
    "triangle": "#d9527e",
    "boundary": "#e9edf5",
}
DISC, SQUARE, TRIANGLE, BOUNDARY = 1, 2, 3, 4

TYPICAL = 0.85  # share of the objects that wear the texture of their class
SMALLEST = 32  # pixels; below it the shapes cannot be told apart
CORNERS = {DISC: 48, SQUARE: 4, TRIANGLE: 3}
REACH = {DISC: 1.0, SQUARE: 1.25, TRIANGLE: 1.5}  # circumradius that gives about the same area


def write_samples(folder: Path, *, count: int = 200, size: int = 160, seed: int = 0) -> None:
    """Write ``count`` images and masks into ``folder``, in the layout ``pairs``.

    Each side of an image is between 0.7 and 1.4 times ``size`` pixels long. Everything is drawn in
    a folder beside ``folder`` and moved when it is whole; ``dataset.toml`` comes last.
    """
    folder = folder.resolve()
    _check(folder, count, size, seed)
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        _write(part, count, size, seed)
        folder.mkdir(exist_ok=True)
        for child in sorted(part.iterdir(), reverse=True):
            shutil.move(child, folder)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sample(seed: int, index: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The image uint8 [H, W, 3] and the mask uint8 [H, W] number ``index`` of a set.

    >>> image, mask = sample(seed=0, index=3, size=64)
    >>> image.shape[:2] == mask.shape and 44 <= min(mask.shape) and max(mask.shape) <= 90
    True
    """
    rng = generator(SAMPLES, seed, index)
    height, width = np.rint(size * rng.uniform(0.7, 1.4, size=2)).astype(int)
    return draw(rng, int(height), int(width))


def draw(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """One image uint8 [H, W, 3], RGB, and its mask uint8 [H, W] with the values 0 to 4.

    >>> _, mask = draw(np.random.default_rng(0), height=48, width=64)
    >>> mask.shape, mask.dtype, bool(mask.max() <= BOUNDARY)
    ((48, 64), dtype('uint8'), True)
    """
    scene = _ground(rng, height, width)
    for _ in range(rng.integers(2, 6)):
        scene = _add_clutter(rng, scene)
    mask = np.zeros((height, width), np.uint8)
    for kind in rng.integers(DISC, TRIANGLE + 1, size=rng.integers(1, 5)):
        cover = _fill(_placed(rng, _outline(rng, int(kind)), height, width), height, width)
        scene = _add_object(rng, scene, cover, int(kind))
        mask = _label(mask, cover > 0.5, int(kind))
    grain = rng.uniform(1, 7) * rng.standard_normal(scene.shape, dtype=np.float32)
    image = np.clip(scene + grain, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image.transpose(1, 2, 0)), mask


def _check(folder: Path, count: int, size: int, seed: int) -> None:
    """Raise when the folder is in use or a number is out of its range."""
    if count < 1:
        raise UsageError(f"count must be at least 1, got {count}; 200 makes a small set.")
    if size < SMALLEST:
        raise UsageError(f"size must be at least {SMALLEST} pixels, got {size}; try 160.")
    if seed < 0:
        raise UsageError(f"seed must be 0 or more, got {seed}; try {-seed}.")
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder}: the folder is not empty; choose another or empty it first.")


def _write(folder: Path, count: int, size: int, seed: int) -> None:
    """Draw the whole set into a new folder."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in track(range(count), "drawing", count):
        image, mask = sample(seed, index, size)
        Image.fromarray(image).save(folder / "images" / f"shape_{index:04d}.jpg", quality=92)
        picture = Image.fromarray(mask)
        picture.putpalette(b"".join(bytes.fromhex(colour[1:]) for colour in CLASSES.values()))
        picture.save(folder / "masks" / f"shape_{index:04d}.png")
    (folder / "dataset.toml").write_text(_table(), encoding="utf-8")


def _table() -> str:
    """The class table as the text of ``dataset.toml``."""
    head = 'layout = "pairs"\nencoding = "index"\n'
    return head + "".join(
        f'\n[[classes]]\nname = "{name}"\nvalues = [{value}]\ncolor = "{colour}"\n'
        for value, (name, colour) in enumerate(CLASSES.items())
    )


# Painting: a scene is float32 [3, H, W], 0 to 255; a cover or texture is float32 [H, W], 0 to 1


def _ground(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A scene with nothing in it: two quiet colours mixed by a slope and smooth noise."""
    slope = _wave(rng, height, width, period=rng.uniform(2.5, 4) * max(height, width))
    mix = 0.45 * slope + 0.35 * _noise(rng, height, width, 4) + 0.2 * _noise(rng, height, width, 16)
    if rng.random() < 0.4:
        mix = mix + rng.uniform(0.05, 0.2) * (_texture(rng, height, width) - 0.5)
    return _mixed(mix, _colour(rng, 0.6), _colour(rng, 0.6))


def _add_clutter(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """The scene with one more thing in it that belongs to no class."""
    height, width = scene.shape[1:]
    kind = rng.integers(4)
    if kind == 0:
        cover = _line(rng, height, width)
    elif kind == 1:
        cover = _blob(rng, height, width)
    else:
        shape = _bar(rng) if kind == 2 else _ripple(rng)
        cover = _fill(_placed(rng, shape, height, width), height, width)
    paint = _colour(rng, 0.6)[:, None, None]
    return _over(scene, paint, cover * rng.uniform(0.3, 0.7))


def _add_object(
    rng: np.random.Generator, scene: np.ndarray, cover: np.ndarray, kind: int
) -> np.ndarray:
    """The scene with a textured object where ``cover`` is 1, and a soft shadow behind it."""
    height, width = cover.shape
    behind = (scene * cover).sum(axis=(1, 2)) / max(float(cover.sum()), 1.0)
    colours = sorted((_colour(rng, 1.0) for _ in range(4)), key=lambda c: np.abs(c - behind).sum())
    usual = kind - DISC if rng.random() < TYPICAL else None
    texture = rng.uniform(0.4, 0.8) * _texture(rng, height, width, usual)
    soft = 3 + min(height, width) // 16
    shadow = cv2.blur(cover, (soft, soft))
    scene = scene * (1 - rng.uniform(0.1, 0.5) * shadow)
    return _over(scene, _mixed(texture, colours[-1], colours[-2]), cover)


def _label(mask: np.ndarray, inside: np.ndarray, kind: int) -> np.ndarray:
    """The mask uint8 [H, W] with one more object on top: ``inside`` bool [H, W], banded."""
    reach = max(1, round(min(mask.shape) / 80))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    mask = np.where(cv2.dilate(inside.astype(np.uint8), kernel), np.uint8(BOUNDARY), mask)
    return np.where(cv2.erode(inside.astype(np.uint8), kernel), np.uint8(kind), mask)


def _over(scene: np.ndarray, paint: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """``paint`` float32 [3, H, W] or [3, 1, 1] laid over the scene where ``cover`` says."""
    return scene + (paint - scene) * cover


def _mixed(mix: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A scene between two colours float32 [3]: all ``first`` where mix is 0, ``second`` at 1."""
    return first[:, None, None] + (second - first)[:, None, None] * mix


def _colour(rng: np.random.Generator, saturation: float) -> np.ndarray:
    """A random colour float32 [3], 0 to 255, at most so saturated (0 to 1)."""
    hue, strength, value = rng.random(), rng.uniform(0, saturation), rng.uniform(0.2, 1)
    return np.array(colorsys.hsv_to_rgb(hue, strength, value), np.float32) * 255


def _texture(
    rng: np.random.Generator, height: int, width: int, kind: int | None = None
) -> np.ndarray:
    """Noise (kind 0), stripes (1) or a checkerboard (2) at a random angle and period."""
    period = rng.uniform(0.06, 0.16) * min(height, width)
    kind = int(rng.integers(3)) if kind is None else kind
    if kind == 0:
        return _noise(rng, height, width, cells=int(rng.integers(8, 24)))
    if kind == 1:
        return _wave(rng, height, width, period, sharp=3.0)
    return _checker(rng, height, width, period)


def _noise(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """Smooth noise with about so many hills along a side."""
    grid = rng.random((cells, cells), dtype=np.float32)
    return np.clip(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _wave(
    rng: np.random.Generator,
    height: int,
    width: int,
    period: float,
    *,
    angle: float | None = None,
    sharp: float = 1.0,
) -> np.ndarray:
    """Stripes so many pixels apart; ``sharp`` above 1 makes their edges steeper."""
    angle = rng.uniform(0, 2 * np.pi) if angle is None else angle
    across = np.arange(width, dtype=np.float32) * np.float32(2 * np.pi * np.cos(angle) / period)
    down = np.arange(height, dtype=np.float32) * np.float32(2 * np.pi * np.sin(angle) / period)
    phase = np.float32(rng.uniform(0, 2 * np.pi))
    wave = np.sin(across[None, :] + down[:, None] + phase)
    return np.clip(0.5 + 0.5 * sharp * wave, 0, 1)


def _checker(rng: np.random.Generator, height: int, width: int, period: float) -> np.ndarray:
    """A checkerboard: two waves at a right angle, multiplied."""
    angle = rng.uniform(0, np.pi)
    first = _wave(rng, height, width, 2 * period, angle=angle)
    second = _wave(rng, height, width, 2 * period, angle=angle + np.pi / 2)
    return np.clip(0.5 + 8 * (first - 0.5) * (second - 0.5), 0, 1)


# Outlines: corners float64 [N, 2] as (x, y), about 1 unit from the origin


def _outline(rng: np.random.Generator, kind: int) -> np.ndarray:
    """A disc, a square or a triangle, turned and a little squeezed."""
    angles = rng.uniform(0, 2 * np.pi) + np.arange(CORNERS[kind]) * 2 * np.pi / CORNERS[kind]
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * REACH[kind]
    return _turned(rng, corners * (1, rng.uniform(0.85, 1)))


def _bar(rng: np.random.Generator) -> np.ndarray:
    """A long thin rectangle, which is not a square."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    return _turned(rng, corners * (rng.uniform(1, 2.5), rng.uniform(0.1, 0.25)))


def _ripple(rng: np.random.Generator) -> np.ndarray:
    """A round patch with three to six lobes, which is not a disc."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = 0.8 + rng.uniform(0.2, 0.4) * np.sin(rng.integers(3, 7) * angles)
    return _turned(rng, np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius[:, None])


def _turned(rng: np.random.Generator, corners: np.ndarray) -> np.ndarray:
    """The corners turned by a random angle about the origin."""
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    return corners @ np.array([(cos, sin), (-sin, cos)])


def _placed(rng: np.random.Generator, corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """The corners in pixels: a random size, and a place that may reach over the edge."""
    radius = rng.uniform(0.15, 0.32) * min(height, width)
    return corners * radius + rng.uniform(0.08, 0.92, size=2) * (width, height)


def _fill(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """The cover of a polygon given in pixels, smooth along its edge."""
    canvas = np.zeros((height, width), np.uint8)
    fixed = np.rint(corners * 16).astype(np.int32)  # sixteenths of a pixel: shift=4
    cv2.fillPoly(canvas, [fixed], 255, lineType=cv2.LINE_AA, shift=4)
    return canvas.astype(np.float32) / 255


def _line(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """The cover of a straight line between two random points."""
    canvas = np.zeros((height, width), np.uint8)
    first, last = (rng.uniform(-0.1, 1.1, size=(2, 2)) * (width, height)).astype(int).tolist()
    thickness = int(rng.integers(1, 2 + min(height, width) // 40))
    cv2.line(canvas, first, last, 255, thickness, lineType=cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


def _blob(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """The cover of a round spot that fades outwards and has no edge."""
    radius = rng.uniform(0.15, 0.45) * min(height, width)
    column, row = rng.uniform(0, 1, size=2) * (width, height)
    across = ((np.arange(width) - column) / radius) ** 2
    down = ((np.arange(height) - row) / radius) ** 2
    return np.maximum(1 - across[None, :] - down[:, None], 0).astype(np.float32) ** 2
