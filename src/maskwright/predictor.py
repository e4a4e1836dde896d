"""Images of any size to class probabilities and masks of the same size."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from maskwright.config import ViewConfig
from maskwright.data.images import RGB, Bands, read_image
from maskwright.data.labels import ClassTable
from maskwright.data.threads import map_ahead
from maskwright.data.view import restore, view_matrix, warp_image
from maskwright.errors import DataError

Item = TypeVar("Item")
BATCH = 8  # images predicted at once


@dataclass(frozen=True)
class Prepared(Generic[Item]):
    """An item, its view uint8 [S, S, C], the matrix of the view and the image's size in pixels."""

    item: Item
    view: np.ndarray
    matrix: np.ndarray
    height: int
    width: int


@dataclass(frozen=True)
class Predictor:
    """Whatever turns views into logits, with what it needs to know about images and classes.

    ``logits`` takes uint8 [B, S, S, C] in 0–255 and gives float32 [B, S, S, classes]; ``bands``
    says how many C are, and how image files become them.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    view: ViewConfig
    table: ClassTable
    bands: Bands = RGB

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

        def prepare(item: Item) -> Prepared[Item] | DataError:
            try:
                image = read(item)
            except DataError as error:
                return error
            height, width = image.shape[:2]
            matrix = view_matrix(height, width, self.view.size, self.view.fit)
            view = warp_image(image, matrix, self.view.size)
            return Prepared(item, view, matrix, height, width)

        ready = readable(map_ahead(prepare, items, ahead=2 * BATCH), unreadable)
        for batch in batched(ready, BATCH):
            logits = self.logits(np.stack([one.view for one in batch]))
            for one, scores in zip(batch, logits, strict=True):
                yield one.item, restore(softmax(scores), one.matrix, one.height, one.width)


def readable(
    prepared: Iterable[Prepared[Item] | DataError], unreadable: list[DataError] | None
) -> Iterator[Prepared[Item]]:
    """What could be read; errors are raised, or collected where there is a list for them."""
    for one in prepared:
        if not isinstance(one, DataError):
            yield one
        elif unreadable is None:
            raise one
        else:
            unreadable.append(one)


def batched(items: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Tuples of ``size`` items, the last may be shorter (as in itertools from Python 3.12 on)."""
    source = iter(items)
    while batch := tuple(itertools.islice(source, size)):
        yield batch


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis, float32, of logits float32."""
    exponent = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponent / exponent.sum(axis=-1, keepdims=True)


def most_likely(probabilities: np.ndarray) -> np.ndarray:
    """Class indices uint8 [H, W] of probabilities float32 [H, W, classes]."""
    return probabilities.argmax(axis=-1).astype(np.uint8)
