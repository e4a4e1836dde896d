"""Training batches for Keras, decoded in worker threads: batch = f(seed, epoch, step)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from maskwright.config import Config
from maskwright.data.augment import augment
from maskwright.data.dataset import read_pair
from maskwright.data.folders import Pair
from maskwright.data.labels import ClassTable
from maskwright.engine import keras
from maskwright.randomness import AUGMENT, ORDER, generator


class Batches(keras.utils.PyDataset):
    """Shuffled, augmented batches: image uint8 [B, S, S, 3] and class uint8 [B, S, S].

    Every epoch holds every image once; the last batch is filled up from the front of the same
    order, so that all batches have one shape and an accelerator compiles once. ``epoch`` must be
    set before an epoch begins. Memory holds a few batches, whatever the number of images.
    """

    def __init__(self, pairs: Sequence[Pair], table: ClassTable, config: Config) -> None:
        workers = config.train.workers
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=workers + 2)
        self.pairs, self.table, self.config = pairs, table, config
        self.batch = min(config.train.batch, len(pairs))
        self.epoch = 0
        self.failure: Exception | None = None  # the engine hides what a worker thread raised

    def __len__(self) -> int:
        return math.ceil(len(self.pairs) / self.batch)

    def order(self) -> np.ndarray:
        """The order of the images in this epoch, int64 [n]."""
        return generator(ORDER, self.config.seed, self.epoch).permutation(len(self.pairs))

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        places = np.arange(step * self.batch, (step + 1) * self.batch) % len(self.pairs)
        try:
            views = [self.view(index) for index in self.order()[places]]
        except Exception as error:
            self.failure = error
            raise
        images, masks = zip(*views, strict=True)
        return np.stack(images), np.stack(masks)

    def view(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The augmented view of one image in this epoch."""
        pair = self.pairs[index]
        image, raw = read_pair(pair)
        rng = generator(AUGMENT, self.config.seed, self.epoch, int(index))
        mask = self.table.decode(raw, pair.mask)
        return augment(image, mask, rng, self.config.view, self.config.augment)
