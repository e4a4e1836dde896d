"""An ONNX file that somebody else made, with its classes and what it takes in a file beside it.

That is a ``dataset.toml``, with a table more:

    [input]
    size = 256                      # pixels a side, where the file leaves that open
    fit = "pad"                     # or "squash", "window"
    mean = [0.485, 0.456, 0.406]    # of values of 0 to 1; where the file takes numbers of float32
    std = [0.229, 0.224, 0.225]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from maskwright.artifacts.facts import VIEW, Facts
from maskwright.artifacts.runtimes import LEAST, Found, onnx_model, onnx_session
from maskwright.config import CHOICES, ViewConfig
from maskwright.data.bands import Bands, bands_from_dict
from maskwright.data.labels import from_dict
from maskwright.errors import DataError, RunError, nearest
from maskwright.predictor import BATCH, softmax
from maskwright.texts import read_toml

PASSED = {"Transpose", "Identity", "Cast", "Resize", "Squeeze", "Reshape"}  # on the way to the end
DEFAULT_FIT = "pad"
HOW = (
    "under [input] write mean and std, a number a band, of values of 0 to 1, as its training had "
    "them (of ImageNet: mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225]; for 0 to 1 "
    "itself: mean = [0, 0, 0], std = [1, 1, 1])"
)


@dataclass(frozen=True)
class Scaling:
    """Pixels in 0–1, less ``mean``, by ``std``, a number a band; none of both: uint8 as it is."""

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def of(self, squares: np.ndarray) -> np.ndarray:
        """Squares uint8 [B, S, S, C] as a network takes them, scaled float32 [B, S, S, C].

        >>> Scaling((0.5,), (0.25,)).of(np.full((1, 1, 1, 1), 255, np.uint8)).item()
        2.0
        """
        if not self.std:
            return squares
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        scaled: np.ndarray = (squares.astype(np.float32) / 255 - mean) / std
        return scaled


class Foreign:
    """Such a file as a Runtime; ``classes`` is what lies beside it.

    Raises RunError or DataError where the two do not go together.
    """

    batch, abreast = BATCH, 1

    def __init__(self, path: Path, classes: Path) -> None:
        described = described_in(classes)
        table = from_dict(described, classes)
        bands = bands_from_dict(described.get("bands", {}), classes)
        given = input_of(described, classes)
        self.path, self.classes = path, len(table)
        self.session = onnx_session(path)
        one, *others = self.session.get_inputs()
        if others or len(one.shape) != 4 or one.type not in ("tensor(uint8)", "tensor(float)"):
            raise RunError(
                f"{path} takes {shown(self.session.get_inputs())}, and one batch of images is what "
                "can be given: uint8 or float32, [batch, bands, height, width] or the bands last"
            )
        self.name, self.single = one.name, one.shape[0] == 1
        self.axis = axis_of(one.shape, bands.count, f"{path} takes {shown([one])}")
        side = side_of([n for k, n in enumerate(one.shape) if k not in (0, self.axis)], given, path)
        view = ViewConfig(side, given.get("fit", DEFAULT_FIT))
        self.scaling = scaling_of(one.type, given, bands, f"{path} takes {shown([one])}", classes)
        made = {"version": "elsewhere", "run": path.stem, "sha256": "", "recipe": ""}
        self.facts = Facts(VIEW, view, bands, table, 0, 1.0, False, None, made)
        self.place, self.out_axis = self.output(classes)
        self.is_probability = ends_in_probabilities(path, self.session.get_outputs()[self.place])

    def output(self, classes: Path) -> tuple[int, int]:
        """Which output has the classes, and along which axis; found out by asking it once."""
        side, count = self.facts.size, self.facts.bands.count
        try:
            found = self.run(np.zeros((1, side, side, count), np.uint8))
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            raise RunError(
                f"{self.path} fails at a square of {side} pixels: write the size it was trained "
                f"on into {classes}, under [input] ({said})"
            ) from None
        wanted = {self.classes, 1} if self.classes == 2 else {self.classes}
        for place, one in enumerate(found):
            axes = [k for k in (1, 3) if one.ndim == 4 and one.shape[k] in wanted]
            if len(axes) == 1:
                return place, axes[0]
        shapes = ", ".join(str(list(one.shape)) for one in found)
        raise RunError(
            f"{self.path} gives {shapes} for a square of {side} pixels, and none of it has the "
            f"{self.classes} classes of {classes} as [1, classes, height, width] or with the "
            "classes last; list as many as it has, and export logits or probabilities, not masks"
        )

    def run(self, squares: np.ndarray) -> list[np.ndarray]:
        """All outputs for squares uint8 [B, S, S, C]."""
        scaled = self.scaling.of(squares)
        if self.axis == 1:
            scaled = np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
        parts = [scaled[k : k + 1] for k in range(len(scaled))] if self.single else [scaled]
        several = [self.session.run(None, {self.name: part}) for part in parts]
        return [np.concatenate(outputs) for outputs in zip(*several, strict=True)]

    def logits(self, squares: np.ndarray) -> np.ndarray:
        found = np.moveaxis(self.run(squares)[self.place], self.out_axis, -1).astype(np.float32)
        if found.shape[-1] < self.classes:  # one channel of two classes says how much it is thing
            found = np.concatenate([1 - found if self.is_probability else 0 * found, found], -1)
        if self.is_probability:
            found = np.log(np.maximum(found, LEAST))
        side = self.facts.size
        if found.shape[1:3] == (side, side):
            return found
        return np.stack([cv2.resize(one, (side, side)) for one in found])

    def __call__(self, pixels: np.ndarray) -> Found:
        chances = softmax(self.logits(pixels))
        return {
            "mask": chances.argmax(axis=-1).astype(np.uint8),
            "confidence": chances.max(axis=-1),
            "probabilities": chances,
        }


def described_in(path: Path) -> dict[str, Any]:
    """What the file of the classes says."""
    try:
        return read_toml(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check the path") from None
    except ValueError as error:
        raise DataError(f"{path} cannot be read as TOML: {error}") from None


def input_of(described: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """The checked table [input]."""
    table = described.get("input", {})
    known = ("size", "fit", "mean", "std")
    if not isinstance(table, Mapping):
        raise DataError(f"{where}: input = {table!r} must be a table, as in [input] size = 256")
    if unknown := sorted(set(table) - set(known)):
        raise DataError(
            f"{where}: unknown key {unknown[0]} in [input]: {nearest(unknown[0], known)}"
        )
    size, fit = table.get("size", 1), table.get("fit", DEFAULT_FIT)
    if type(size) is not int or size < 1:
        raise DataError(f"{where}: [input] size = {size!r} must be a whole number of pixels")
    if fit not in CHOICES["view.fit"]:
        raise DataError(f"{where}: [input] fit = {fit!r}: {nearest(str(fit), CHOICES['view.fit'])}")
    return dict(table)


def shown(ends: Sequence[Any]) -> str:
    """Inputs or outputs of a session, for people: float [batch, 3, 256, 256]."""
    return ", ".join(
        f"{one.type[7:-1]} [{', '.join(str(n) if n else '?' for n in one.shape)}]" for one in ends
    )


def axis_of(shape: Sequence[Any], count: int, what: str) -> int:
    """Along which axis the bands lie, 1 or 3."""
    axes = [k for k in (1, 3) if shape[k] == count]
    if len(axes) != 1:
        raise RunError(
            f"{what}: it cannot be seen where its {count} bands are; it must have {count} as its "
            "second or its last number, or another count under [bands] in the file of the classes"
        )
    return axes[0]


def side_of(sides: Sequence[Any], given: Mapping[str, Any], path: Path) -> int:
    """Pixels a side of the squares that a file takes."""
    fixed = {n for n in sides if isinstance(n, int)}
    size = given.get("size")
    if len(fixed) > 1:
        raise RunError(
            f"{path} takes images of {' × '.join(map(str, sides))} pixels, and only squares are "
            "cut out of images; export it with equal sides, or with open ones"
        )
    if not fixed and size is None:
        raise RunError(
            f"{path} leaves the size of its images open: write the one it was trained on into the "
            "file of the classes, under [input], as size = 256"
        )
    if fixed and size not in (None, *fixed):
        raise RunError(
            f"{path} takes images of {min(fixed)} pixels a side, and [input] says size = {size}; "
            "leave that out"
        )
    return min(fixed) if fixed else int(size or 0)


def scaling_of(
    kind: str, given: Mapping[str, Any], bands: Bands, what: str, classes: Path
) -> Scaling:
    """How pixels become what a file takes."""
    mean, std = given.get("mean"), given.get("std")
    if kind == "tensor(uint8)" and mean is std is None:
        return Scaling()
    if kind == "tensor(uint8)":
        raise RunError(f"{what}, so that nothing is scaled before; leave mean and std out")
    if mean is None or std is None:
        raise RunError(f"{what}, and {classes} does not say how pixels are scaled: {HOW}")
    for name, numbers in (("mean", mean), ("std", std)):
        if not is_numbers(numbers, bands.count) or (name == "std" and min(numbers) <= 0):
            raise DataError(f"{classes}: [input] {name} = {numbers!r} is not right; {HOW}")
    return Scaling(tuple(map(float, mean)), tuple(map(float, std)))


def is_numbers(value: Any, count: int) -> bool:
    """Whether it is a list of so many numbers."""
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    )


def ends_in_probabilities(path: Path, output: Any) -> bool:
    """Whether an output comes of a softmax or sigmoid; else it is logits."""
    makers = {name: node for node in onnx_model(path).graph.node for name in node.output}
    node = makers.get(output.name)
    while node is not None and node.op_type in PASSED:
        node = makers.get(node.input[0])
    return node is not None and node.op_type in ("Softmax", "Sigmoid")
