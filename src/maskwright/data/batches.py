"""Training batches, made in worker threads: batch = f(seed, number)."""

from __future__ import annotations

import math
import os
from collections.abc import Generator
from dataclasses import replace
from itertools import count

import numpy as np

from maskwright.config import Config, ViewConfig
from maskwright.data.augment import augment
from maskwright.data.borders import border_weights
from maskwright.data.cache import Source
from maskwright.data.threads import map_ahead
from maskwright.randomness import AUGMENT, ORDER, generator


class Batches:
    """Shuffled, augmented batches: image uint8 [B, S, S, C] and class uint8 [B, S, S].

    They are numbered through a whole training: ``batches[n]`` is step ``n % len(batches)`` of epoch
    ``n // len(batches)``. Every epoch holds every image once, or, where windows are cut out of
    them, as often as it has room for a window; the last batch is filled up from the front of the
    same order, so that all batches have one shape and an accelerator compiles once. ``size`` is the
    side of the views where that is not the configuration's. Memory holds a few batches, whatever
    the number of images.

    With a ``margin`` images show so many pixels more on each side. Where pixels at borders weigh
    more (train.border), truth is float32 [B, S, S, 2]: the class, and that further weight.
    """

    def __init__(
        self, source: Source, config: Config, size: int | None = None, margin: int = 0
    ) -> None:
        self.source, self.config, self.margin = source, config, margin
        self.view_config = replace(config.view, size=size or config.view.size)
        self.side = config.side(self.view_config.size)
        self.slots = slots(source, self.view_config)
        self.batch = min(config.train.batch, len(self.slots))
        self._order = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        """Steps an epoch."""
        return math.ceil(len(self.slots) / self.batch)

    def order(self, epoch: int) -> np.ndarray:
        """The order of the slots in an epoch, int64 [n]."""
        known, order = self._order
        if known != epoch:
            order = generator(ORDER, self.config.seed, epoch).permutation(len(self.slots))
            self._order = epoch, order
        return order

    def places(self, number: int) -> list[int]:
        """The places in the source of the images of one batch."""
        return self.slots[self.turns(number)].tolist()

    def turns(self, number: int) -> np.ndarray:
        """The slots of one batch, int64 [batch]."""
        epoch, step = divmod(number, len(self))
        turns = np.arange(step * self.batch, (step + 1) * self.batch) % len(self.slots)
        return self.order(epoch)[turns]

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        side, seen = self.side, self.side + 2 * self.margin
        images = np.empty((self.batch, seen, seen, self.source.channels), np.uint8)
        masks = np.empty((self.batch, side, side), np.uint8)
        epoch = number // len(self)
        for slot, image, mask in zip(self.turns(number).tolist(), images, masks, strict=True):
            self.view(epoch, slot, (image, mask))
        train = self.config.train
        if not train.border:
            return images, masks
        more = [train.border * border_weights(mask, train.border_sigma) for mask in masks]
        return images, np.stack([masks.astype(np.float32), np.stack(more)], axis=-1)

    def ahead(self, first: int = 0) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        """All batches from that number on, without end; a few are made before they are asked for.

        An epoch that ends makes no pause: the first batches of the next are in the making.
        """
        workers = self.config.train.workers or os.cpu_count() or 2
        return map_ahead(self.__getitem__, count(first), workers, ahead=workers + 1)

    def view(
        self, epoch: int, slot: int, out: tuple[np.ndarray, np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The augmented view of one slot in an epoch, written into ``out`` if it is given."""
        stored = self.source.read(int(self.slots[slot]))
        rng = generator(AUGMENT, self.config.seed, epoch, slot)
        return augment(
            stored.image,
            stored.mask,
            rng,
            self.view_config,
            self.config.augment,
            of=(stored.height, stored.width),
            side=self.side,
            margin=self.margin,
            out=out,
        )


def slots(source: Source, view: ViewConfig) -> np.ndarray:
    """The place in the source of each view of an epoch, int64 [n]."""
    everyone = np.arange(len(source))
    if view.fit != "window":
        return everyone
    areas = np.array([math.prod(source.size(index)) for index in everyone.tolist()])
    fitting = np.round(areas * view.scale**2 / view.size**2).astype(np.int64)
    return everyone.repeat(np.maximum(1, fitting))
