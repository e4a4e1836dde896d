"""A network of a known encoder and a light decoder, for transfer from ImageNet."""

from __future__ import annotations

from maskwright.engine import keras
from maskwright.errors import UsageError, nearest
from maskwright.models.blocks import MOMENTUM, layers, upsample
from maskwright.models.decoders import DECODERS
from maskwright.models.encoders import features_of

ENCODER = "encoder/"  # what the paths of the encoder's weights begin with


def encoder_decoder(
    classes: int,
    *,
    encoder: str,
    weights: str = "imagenet",
    decoder: str = "unet",
    width: int = 16,
    dropout: float = 0.2,
    statistics: str = "frozen",
    channels: int = 3,
) -> keras.Model:
    """A network from image uint8 [B, H, W, channels] in 0–255 to logits float32 [B, H, W, classes].

    H and W must be multiples of 32. ``encoder`` and ``decoder`` are names in ENCODERS and DECODERS,
    ``weights`` "imagenet" or "none"; ``width`` the decoder's channels at its finest level and
    ``dropout`` the share of its values dropped before the logits. Images of other bands than three
    first go through a 1×1 convolution to three, which begins as their mean.

    With ``statistics`` "frozen" a pretrained encoder's batch normalisations stay the affine maps
    that its weights came with, else ("trained") they learn and follow the batches.

    Raises UsageError for unknown names and for weights that are not at hand.
    """
    check_decoder(decoder)
    image = keras.Input((None, None, channels), dtype="uint8", name="image")
    x = layers.Rescaling(1.0, name="float")(image)
    if channels != 3:
        mean = keras.initializers.Constant(1 / channels)
        x = layers.Conv2D(3, 1, kernel_initializer=mean, name="three_bands")(x)
    with keras.name_scope(ENCODER.rstrip("/")):
        features = features_of(encoder, x, weights, divisible=True)
    frozen = weights == "imagenet" and statistics == "frozen"
    set_statistics(keras.Model(x, features), frozen=frozen)
    x, stride = DECODERS[decoder](features, width)
    x = layers.Dropout(dropout)(x) if dropout else x
    logits = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, upsample(logits, stride), name=f"{decoder}-{encoder}")


def check_decoder(name: str) -> None:
    """Raise UsageError for a decoder that there is not."""
    if name not in DECODERS:
        raise UsageError(f"model.decoder = {name}: {nearest(name, DECODERS)}")


def set_statistics(encoder: keras.Model, *, frozen: bool) -> None:
    """Freeze the batch normalisations of an encoder, or let them follow the batches quickly.

    Frozen they are maps with constants, which the compiler joins with the convolutions: on a CPU a
    training step takes about half the time.
    """
    for layer in encoder.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable, layer.momentum = not frozen, MOMENTUM


def freeze_encoder(network: keras.Model) -> None:
    """Keep the encoder of a network as it is, and the time that its gradients would take."""
    for layer in network.layers:
        if any(weight.path.startswith(ENCODER) for weight in layer.weights):
            layer.trainable = False
