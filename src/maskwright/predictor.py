"""Images of any size to class probabilities and masks of the same size."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from maskwright.config import ViewConfig
from maskwright.data.images import RGB, Bands, read_image
from maskwright.data.labels import ClassTable
from maskwright.data.threads import map_ahead
from maskwright.data.view import moved, resize, resize_scores, restore, view_matrix, warp_image
from maskwright.errors import DataError
from maskwright.tiling import Grid

Item = TypeVar("Item")
BATCH = 8  # images predicted at once


class Views(Protocol):
    """An image as the squares that a network sees, and the way back from their scores."""

    @property
    def squares(self) -> Sequence[np.ndarray]:
        """One or more uint8 [S, S, C]."""

    def join(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Class probabilities float32 [H, W, classes] of the image from those of its squares."""


@dataclass(frozen=True)
class Whole:
    """An image of height × width as one square uint8 [S, S, C], and the map to it."""

    square: np.ndarray
    matrix: np.ndarray
    height: int
    width: int

    @classmethod
    def of(cls, image: np.ndarray, view: ViewConfig, margin: int = 0) -> Whole:
        """An image uint8 [H, W, C] fitted into the view, of which more is seen by the margin."""
        height, width = image.shape[:2]
        matrix = view_matrix(height, width, view.size, view.fit)
        square = warp_image(image, moved(matrix, margin), view.size + 2 * margin)
        return cls(square, matrix, height, width)

    @property
    def squares(self) -> Sequence[np.ndarray]:
        return (self.square,)

    def join(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        return restore(scores[0], self.matrix, self.height, self.width)


@dataclass(frozen=True)
class Windows:
    """An image of height × width as overlapping tiles uint8 [S, S, C] of a scaled copy."""

    squares: Sequence[np.ndarray]
    grid: Grid
    height: int
    width: int

    @classmethod
    def of(cls, image: np.ndarray, view: ViewConfig, margin: int = 0) -> Windows:
        """An image uint8 [H, W, C] cut as the view says, each tile larger by the margin."""
        height, width = image.shape[:2]
        down, across = (max(1, round(side * view.scale)) for side in (height, width))
        grid = Grid(down, across, view.size, int(view.size * view.overlap))
        scaled = image if view.scale == 1 else resize(image, down, across)
        return cls(grid.cut(scaled, margin), grid, height, width)

    def join(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        return resize_scores(self.grid.stitch(scores), self.height, self.width)


@dataclass
class Pending(Generic[Item]):
    """An item, its views, and the scores float32 [S, S, classes] of those predicted so far."""

    item: Item
    views: Views
    scores: list[np.ndarray] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether every square has its scores."""
        return len(self.scores) == len(self.views.squares)


@dataclass(frozen=True)
class Predictor:
    """Whatever turns views into logits, with what it needs to know about images and classes.

    ``logits`` takes uint8 [B, S, S, C] in 0–255 and gives float32 [B, S, S, classes]; ``bands``
    says how many C are, and how image files become them. With a ``margin`` what it takes is larger
    than what it gives by so many pixels on each side. Logits are divided by the ``temperature``.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    view: ViewConfig
    table: ClassTable
    bands: Bands = RGB
    margin: int = 0
    temperature: float = 1.0

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

        views = Windows.of if self.view.fit == "window" else Whole.of

        def prepare(item: Item) -> Pending[Item] | DataError:
            try:
                image = read(item)
            except DataError as error:
                return error
            return Pending(item, views(image, self.view, self.margin))

        ready = readable(map_ahead(prepare, items, ahead=2 * BATCH), unreadable)
        several = False  # whether a batch has been predicted already
        for batch in batched(squares_of(ready), BATCH):
            seen = np.stack([square for _, square in batch])
            if several:  # the last one is filled up, so that an engine compiles for one shape
                seen = np.pad(seen, ((0, BATCH - len(batch)), (0, 0), (0, 0), (0, 0)))
            logits, several = self.logits(seen)[: len(batch)], True
            for (one, _), scores in zip(batch, logits, strict=True):
                one.scores.append(softmax(scores / np.float32(self.temperature)))
                if one.whole:
                    yield one.item, one.views.join(one.scores)


def squares_of(ready: Iterable[Pending[Item]]) -> Iterator[tuple[Pending[Item], np.ndarray]]:
    """The squares of all images one after another, each with what it belongs to."""
    for one in ready:
        for square in one.views.squares:
            yield one, square


def readable(
    prepared: Iterable[Pending[Item] | DataError], unreadable: list[DataError] | None
) -> Iterator[Pending[Item]]:
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
