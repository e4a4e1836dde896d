"""The class that a training on numbered objects adds: the rim of each object.

Where masks number their objects (encoding instances), objects that touch have nothing between them
but the number. So the network learns three classes, background, the inside of objects and their
rims: between two that touch lie two rims, and what is left of the insides hangs together no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from maskwright.config import Config, ViewConfig
from maskwright.data.labels import ClassTable
from maskwright.data.planes import of_planes, planes_of
from maskwright.data.view import view_matrix

OBJECT, RIM = 1, 2  # class indices; 0 is the background
DEEPEST = 0.5  # share of an object's depth that its rim takes at the most, so that an inside stays


@dataclass(frozen=True)
class Rims:
    """Rims of objects, ``width`` pixels wide in the ``view``."""

    view: ViewConfig
    width: float

    def drawn(self, classes: np.ndarray, values: np.ndarray) -> np.ndarray:
        """As ``with_rims``, in a mask uint8 [H, W] of an image's own size."""
        return with_rims(classes, values, self.in_mask(*classes.shape))

    def in_mask(self, height: int, width: int) -> float:
        """How wide they are in a mask of height × width, in its pixels; one at the least.

        >>> Rims(ViewConfig(size=50, fit="pad"), 2).in_mask(100, 200)
        8.0
        """
        view = self.view
        across, down = view_matrix(height, width, view.size, view.fit, view.scale).diagonal()
        return max(1.0, self.width / math.sqrt(across * down))


def rims_of(table: ClassTable, config: Config) -> Rims | None:
    """The rims that a training learns: where objects are numbered, and a width above 0 is set."""
    wanted = table.encoding == "instances" and config.train.rim > 0
    return Rims(config.view, config.train.rim) if wanted else None


def channels(table: ClassTable, config: Config) -> int:
    """How many classes a network learns: those of the table, and rims.

    >>> from maskwright.data.labels import Label
    >>> labels = Label("background", "#000000", (0,)), Label("cell", "#ffffff", ())
    >>> channels(ClassTable("instances", labels), Config())
    3
    """
    return len(table) + (rims_of(table, config) is not None)


def with_rims(classes: np.ndarray, values: np.ndarray, width: float) -> np.ndarray:
    """Classes uint8 [H, W] with 2 on the rims of objects, which are 1 and numbered by ``values``.

    ``values`` integer [H, W], any number an object; ``width`` in pixels of the mask. What is 255
    (ignore) stays so.

    >>> classes = np.ones((1, 7), np.uint8)
    >>> with_rims(classes, np.array([[7, 7, 7, 7, 300, 300, 300]]), 1.0)
    array([[1, 1, 1, 2, 2, 1, 1]], dtype=uint8)
    """
    rows, columns = np.nonzero(classes == OBJECT)
    _, numbers = np.unique(values[rows, columns], return_inverse=True)
    objects = np.zeros(classes.shape, np.int32)
    objects[rows, columns] = numbers.reshape(-1) + 1
    result = classes.copy()
    for number, box in enumerate(boxes(objects, rows, columns), 1):
        own = objects[box] == number
        depth = cv2.distanceTransform(own.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        result[box][own & (depth <= min(width, DEEPEST * depth.max()))] = RIM
    return result


def boxes(objects: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> list[tuple[slice, slice]]:
    """The boxes of the objects 1 to n in int32 [H, W], with a pixel around them where there is one.

    ``rows`` and ``columns``, int [pixels], are where the objects' pixels lie.
    """
    if not len(rows):
        return []
    order = np.argsort(objects[rows, columns], kind="stable")
    first = np.flatnonzero(np.diff(objects[rows, columns][order], prepend=0))
    ends = [
        (np.minimum.reduceat(line[order], first), np.maximum.reduceat(line[order], first))
        for line in (rows, columns)
    ]
    low, high = np.array(ends).transpose(1, 2, 0)  # [n, 2] both
    pairs = zip(np.maximum(low - 1, 0).tolist(), (high + 2).tolist(), strict=True)
    return [(slice(top, bottom), slice(left, right)) for (top, left), (bottom, right) in pairs]


def merged(logits: np.ndarray) -> np.ndarray:
    """Logits float32 [..., 2] of ground and objects from [..., 3], ground, insides and rims.

    Probabilities of insides and rims add up to those of objects.
    """
    ground, inside, rim = planes_of(logits)
    return of_planes([ground, log_sum(inside, rim)])


def log_sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """log(exp(one) + exp(other)) float32 [...] of logits, to 1e-6; five times np.logaddexp's speed.

    >>> log_sum(np.float32([0, 500]), np.float32([0, -500])).round(3).tolist()
    [0.6930000185966492, 500.0]
    """
    high = np.maximum(one, other)
    less = np.asarray(np.minimum(one, other) - high)
    np.exp(less, out=less)
    less += 1
    np.log(less, out=less)
    return np.add(high, less, out=less)


def tempering(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Logits float32 [..., 3] to be divided by the temperature as those of ``merged`` are.

    The probabilities of objects are the same then, and insides and rims keep their shares of it.

    >>> logits = np.float32([0, 1, 2])
    >>> (merged(tempering(logits, 1.5) / 1.5) - merged(logits) / 1.5).round(5) + 0
    array([0., 0.], dtype=float32)
    """
    ground, *parts = planes_of(logits)
    whole, heat = log_sum(*parts), np.float32(temperature)
    return of_planes([ground, *(whole + heat * (part - whole) for part in parts)])


def apart(probabilities: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Probabilities float32 [H, W, classes] and those of insides [H, W], None where none are there.

    ``probabilities`` are float32 [H, W, classes], or have one more class, rims, which here count as
    objects again.

    >>> apart(np.float32([[[0.5, 0.25, 0.25]]]), 2)
    (array([[[0.5, 0.5]]], dtype=float32), array([[0.25]], dtype=float32))
    """
    if probabilities.shape[-1] == classes:
        return probabilities, None
    ground, inside, rim = planes_of(probabilities)
    return of_planes([ground, inside + rim]), inside
