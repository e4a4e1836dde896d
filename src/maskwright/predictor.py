"""Images of any size to class probabilities and masks of the same size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import cv2
import numpy as np

from maskwright.config import ViewConfig
from maskwright.data.images import RGB, Bands, read_image
from maskwright.data.labels import ClassTable
from maskwright.data.planes import planes_of
from maskwright.data.rasters import Held, Raster
from maskwright.data.threads import map_ahead
from maskwright.errors import DataError
from maskwright.views import Cut, Rows, Views, views_of

Item = TypeVar("Item")
BATCH = 8  # squares predicted at once
SMALL, SEVERAL = 4, 3  # the same, and batches side by side, of TensorFlow on a processor


@dataclass
class Pending(Generic[Item]):
    """An item and its views; none where its image cannot be read. ``broken``: no more of it."""

    item: Item
    views: Views | None = None
    broken: bool = False


Next = tuple[Pending[Item], "np.ndarray | DataError"]  # a square uint8 [S, S, C], or what is wrong


@dataclass(frozen=True)
class Predictor:
    """Whatever turns views into logits, with what it needs to know about images and classes.

    ``logits`` takes uint8 [B, S, S, C] in 0–255 and gives float32 [B, S, S, classes]; ``bands``
    says how many C are, and how image files become them. With a ``margin`` what it takes is larger
    than what it gives by so many pixels on each side. Logits are divided by the ``temperature``.
    What is ``fixed`` takes squares of the view's size alone, and any number of them; what is not
    may have to compile for each number. ``batch`` squares are predicted at once, and ``abreast``
    batches side by side, by calls of ``logits`` from as many threads.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    view: ViewConfig
    table: ClassTable
    bands: Bands = RGB
    margin: int = 0
    temperature: float = 1.0
    fixed: bool = False
    batch: int = BATCH
    abreast: int = 1

    def read(self, path: str | Path) -> np.ndarray:
        """An image file as the network sees it, uint8 [H, W, C]."""
        return read_image(Path(path), self.bands)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Class probabilities float32 [H, W, classes] of image uint8 [H, W, C]."""
        count = self.bands.count
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != count:
            raise DataError(
                f"an image must be uint8 [height, width, {count}], got {image.dtype} "
                f"{image.shape}; convert it, or name the file and let it be read"
            )
        return next(iter(self.predict_all([image], lambda same: same)))[1]

    def mask(self, image: np.ndarray | str | Path) -> np.ndarray:
        """Class indices uint8 [H, W] of image uint8 [H, W, C] or an image file."""
        pixels = image if isinstance(image, np.ndarray) else self.read(image)
        return most_likely(self.probabilities(pixels))

    def predict_all(
        self,
        items: Iterable[Item],
        read: Callable[[Item], np.ndarray],
        unreadable: list[DataError] | None = None,
    ) -> Iterator[tuple[Item, np.ndarray]]:
        """Each item with its probabilities, in order; ``read`` gives the image uint8 [H, W, C].

        Images are read ahead in threads and predicted in batches; a bounded number is in memory.
        Where a list ``unreadable`` is given, items whose image raises DataError are passed over
        and the errors collected in it.
        """
        parts: list[np.ndarray] = []
        for item, rows in self.by_rows(items, lambda item: Held(read(item))):
            if isinstance(rows, DataError):
                if unreadable is None:
                    raise rows
                unreadable.append(rows)
                parts = []
                continue
            parts.append(rows.probabilities)
            if rows.end == rows.height:
                yield item, parts[0] if len(parts) == 1 else np.concatenate(parts)
                parts = []

    def by_rows(
        self, items: Iterable[Item], read: Callable[[Item], Raster]
    ) -> Iterator[tuple[Item, Rows | DataError]]:
        """Each item with its next finished rows, all in order.

        Where an image cannot be read, or breaks off, the error stands in place of its rows or of
        the rest of them.
        """

        def prepare(item: Item) -> tuple[Item, Views | DataError]:
            try:
                return item, views_of(read(item), self.view, self.margin)
            except DataError as error:
                return item, error

        nexts = squares_of(cuts_of(map_ahead(prepare, items, ahead=2 * BATCH)))
        # Threads predict the next batches while rows are put together of the last one.
        batches, count = batched(nexts, self.batch), self.abreast
        for batch, logits in map_ahead(self._logits_of, batches, count, ahead=count + 1):
            scores = map(self._scores, logits)
            for one, square in batch:
                if isinstance(square, DataError):
                    yield one.item, square
                elif one.views:
                    for rows in one.views.put(next(scores)):
                        yield one.item, rows

    def logits_of_all(self, squares: np.ndarray) -> np.ndarray:
        """The logits of squares uint8 [n, S, S, C], asked for as those of images are."""
        parts = [squares[k : k + self.batch] for k in range(0, len(squares), self.batch)]
        return np.concatenate(list(map_ahead(self.logits, parts, self.abreast)))

    def _logits_of(self, job: tuple[bool, list[Next[Item]]]) -> tuple[list[Next[Item]], np.ndarray]:
        """A batch and the logits float32 [B, S, S, classes] of its squares.

        Where it matters every batch but the first one is filled up, so that an engine compiles for
        one shape.
        """
        first, batch = job
        squares = [square for _, square in batch if isinstance(square, np.ndarray)]
        if not squares:
            return batch, np.zeros((0, 1, 1, 1), np.float32)
        seen = np.stack(squares)
        if not (first or self.fixed):
            seen = np.pad(seen, ((0, self.batch - len(squares)), (0, 0), (0, 0), (0, 0)))
        return batch, self.logits(seen)

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities [S, S, classes] of the logits of a square."""
        return softmax(logits, self.temperature)


def cuts_of(
    ready: Iterable[tuple[Item, Views | DataError]],
) -> Iterator[tuple[Pending[Item], Cut]]:
    """What gives the squares of all images, one part after another; or raises what is wrong."""
    for item, views in ready:
        if isinstance(views, DataError):
            yield Pending(item), partial(refuse, views)
        else:
            one = Pending(item, views)
            for cut in views.cuts():
                yield one, cut


def refuse(error: DataError) -> NoReturn:
    raise error


def squares_of(ready: Iterable[tuple[Pending[Item], Cut]]) -> Iterator[Next[Item]]:
    """The squares of all images one after another, each with what it belongs to.

    They are cut ahead in threads. Where an image breaks off, the error is the last of it.
    """

    def squares(job: tuple[Pending[Item], Cut]) -> tuple[Pending[Item], Sequence[Any]]:
        one, cut = job
        try:
            return one, () if one.broken else cut()
        except DataError as error:
            return one, [error]

    for one, found in map_ahead(squares, ready, 2, ahead=3):
        for square in () if one.broken else found:
            one.broken = isinstance(square, DataError)
            yield one, square


def batched(nexts: Iterable[Next[Item]], most: int) -> Iterator[tuple[bool, list[Next[Item]]]]:
    """Lists with ``most`` squares each, the last one with those that are left; and whether it is
    the first list."""
    batch: list[Next[Item]] = []
    first, count = True, 0
    for one in nexts:
        batch.append(one)
        count += isinstance(one[1], np.ndarray)
        if count == most:
            yield first, batch
            batch, count, first = [], 0, False
    if batch:
        yield first, batch


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities over the last axis, float32, of logits float32 divided by the temperature.

    In memory they lie a class a plane.

    >>> softmax(np.log(np.float32([1, 9])), temperature=2.0).round(6).tolist()
    [0.25, 0.75]
    """
    if not logits.size:
        return logits
    planes = planes_of(logits)
    highest = reduce(np.maximum, planes)
    scores = np.empty((len(planes), *highest.shape), np.float32)
    for k, plane in enumerate(planes):
        np.subtract(plane, highest, out=scores[k, ...])
    if temperature != 1:
        scores /= np.float32(temperature)
    np.exp(scores, out=scores)
    scores /= reduce(np.add, scores)
    return np.moveaxis(scores, 0, -1)


def certainty(mask: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The probability float32 [H, W] of the class that each pixel of mask uint8 [H, W] has.

    ``probabilities`` are float32 [H, W, classes]; of open pixels it is any.
    """
    known = np.minimum(mask, probabilities.shape[-1] - 1)
    return np.take_along_axis(probabilities, known[..., None], axis=-1)[..., 0]


def most_likely(probabilities: np.ndarray) -> np.ndarray:
    """Class indices uint8 [H, W] of probabilities float32 [H, W, classes]; of equals the first.

    Six times as fast as ``argmax`` where classes are few.
    """
    best, *others = planes_of(np.asarray(probabilities, np.float32))
    mask: np.ndarray = np.zeros(best.shape, np.uint8)
    for index, plane in enumerate(others, 1):
        better: np.ndarray = cv2.compare(plane, best, cv2.CMP_GT)  # 255 where it is
        better &= np.uint8(index)
        np.maximum(mask, better, out=mask)
        if index < len(others):
            best = cv2.max(best, plane)
    return mask
