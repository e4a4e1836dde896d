"""The tutorial's network and training, corrected so that they run: 256×256, batch 16, Adam 1e-3.

As in the tutorial: no augmentation, images / 255, all of them in memory. Corrected: the official
split, trimap values 1 to 3 as classes 0 to 2, no ReLU in front of the softmax.
"""

from __future__ import annotations

import keras
import keras_loop
import numpy as np
import pets

from maskwright.models.unet import unet

SIZE, BATCH = 256, 16


def main() -> None:
    options = pets.arguments()
    keras.utils.set_random_seed(0)
    images, masks = pets.all_of(options.data, "trainval", SIZE)
    model = unet(classes=3)
    model.compile(
        keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )

    def predict(views: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(keras.ops.softmax(model.predict_on_batch(views)))

    watch = pets.Watch("tutorial", options.seconds, lambda: pets.score(options.data, predict, SIZE))
    keras_loop.fit(model, images, masks, BATCH, watch)


if __name__ == "__main__":
    main()
