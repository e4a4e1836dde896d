"""The usual loop of a Keras peer: ``fit`` on arrays in memory until the time is up."""

from __future__ import annotations

import keras
import numpy as np
import pets


def fit(
    model: keras.Model, images: np.ndarray, masks: np.ndarray, batch: int, watch: pets.Watch
) -> None:
    """Train a compiled model on uint8 [n, S, S, 3] and [n, S, S] for as long as the watch says."""

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, number: int, logs: dict[str, float] | None = None) -> None:
            if not watch.step(batch):
                self.model.stop_training = True

    model.fit(images, masks, batch_size=batch, epochs=10**6, callbacks=[Stop()], verbose=0)
