"""The network of Keras's own example on the Oxford pets, written anew from its description.

A U-Net of separable convolutions with residual shortcuts in the manner of Xception, from random
weights, 160×160 pixels squashed, batch 32, Adam 1e-4.
"""

from __future__ import annotations

import keras
import keras_loop
import pets
from keras import layers

SIZE, BATCH = 160, 32


def twice(x: keras.KerasTensor, kind: type[layers.Layer], filters: int) -> keras.KerasTensor:
    """ReLU, 3×3 convolution and batch normalisation, two times."""
    for _ in range(2):
        x = layers.Activation("relu")(x)
        x = kind(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
    return x


def network() -> keras.Model:
    """Down to a sixteenth of the size and up again, with a 1×1 shortcut around each level."""
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(32, 3, strides=2, padding="same")(layers.Rescaling(1 / 255)(image))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for filters in (64, 128, 256):
        shortcut = layers.Conv2D(filters, 1, strides=2, padding="same")(x)
        x = twice(x, layers.SeparableConv2D, filters)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x) + shortcut
    for filters in (256, 128, 64, 32):
        shortcut = layers.Conv2D(filters, 1, padding="same")(layers.UpSampling2D(2)(x))
        x = twice(x, layers.Conv2DTranspose, filters)
        x = layers.UpSampling2D(2)(x) + shortcut
    return keras.Model(image, layers.Conv2D(3, 3, activation="softmax", padding="same")(x))


def main() -> None:
    options = pets.arguments()
    keras.utils.set_random_seed(0)
    images, masks = pets.all_of(options.data, "trainval", SIZE)
    model = network()
    model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")

    def score() -> tuple[float, float]:
        return pets.score(options.data, model.predict_on_batch, SIZE)

    watch = pets.Watch("Keras example", options.seconds, score)
    keras_loop.fit(model, images, masks, BATCH, watch)


if __name__ == "__main__":
    main()
