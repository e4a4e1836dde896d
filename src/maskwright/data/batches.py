"""Training batches for Keras, made in worker threads: batch = f(seed, epoch, step)."""

from __future__ import annotations

import math

import numpy as np

from maskwright.config import Config
from maskwright.data.augment import augment
from maskwright.data.cache import Source
from maskwright.engine import keras
from maskwright.randomness import AUGMENT, ORDER, generator


class Batches(keras.utils.PyDataset):
    """Shuffled, augmented batches: image uint8 [B, S, S, C] and class uint8 [B, S, S].

    Every epoch holds every image once; the last batch is filled up from the front of the same
    order, so that all batches have one shape and an accelerator compiles once. ``epoch`` must be
    set before an epoch begins. Memory holds a few batches, whatever the number of images.
    """

    def __init__(self, source: Source, config: Config) -> None:
        workers = config.train.workers
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=workers + 2)
        self.source, self.config = source, config
        self.batch = min(config.train.batch, len(source))
        self.epoch = 0
        self.failure: Exception | None = None  # the engine hides what a worker thread raised
        self._order = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        return math.ceil(len(self.source) / self.batch)

    def order(self) -> np.ndarray:
        """The order of the images in this epoch, int64 [n]."""
        epoch, order = self._order
        if epoch != self.epoch:
            epoch = self.epoch
            order = generator(ORDER, self.config.seed, epoch).permutation(len(self.source))
            self._order = epoch, order
        return order

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        places = np.arange(step * self.batch, (step + 1) * self.batch) % len(self.source)
        size = self.config.view.size
        images = np.empty((self.batch, size, size, self.source.channels), np.uint8)
        masks = np.empty((self.batch, size, size), np.uint8)
        try:
            for index, image, mask in zip(self.order()[places], images, masks, strict=True):
                self.view(int(index), (image, mask))
        except Exception as error:
            self.failure = error
            raise
        return images, masks

    def view(
        self, index: int, out: tuple[np.ndarray, np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The augmented view of one image in this epoch, written into ``out`` if it is given."""
        stored = self.source.read(index)
        rng = generator(AUGMENT, self.config.seed, self.epoch, index)
        return augment(
            stored.image,
            stored.mask,
            rng,
            self.config.view,
            self.config.augment,
            of=(stored.height, stored.width),
            out=out,
        )
