"""What layers compute in: chosen by measurement, and put back afterwards."""

import pytest

from maskwright import precision
from maskwright.engine import keras
from maskwright.models.unet import unet
from maskwright.precision import computing_in, precision_for, product_seconds, rough_layers


@pytest.mark.parametrize("setting", ["float32", "bfloat16"])
def test_what_was_set_is_done(setting):
    assert precision_for(setting) == setting


def test_a_processor_computes_in_float32(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    monkeypatch.setattr(precision, "product_seconds", lambda dtype: 1 / len(dtype))
    assert precision_for("auto") == "float32"


@pytest.mark.parametrize(("faster", "chosen"), [(4.0, "bfloat16"), (1.2, "float32")])
def test_a_gpu_computes_in_what_is_measured_to_be_faster(monkeypatch, faster, chosen):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    seconds = {"float32": faster, "bfloat16": 1.0}
    monkeypatch.setattr(precision, "product_seconds", seconds.get)
    assert precision_for("auto") == chosen


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_product_takes_some_time(dtype):
    assert 0 < product_seconds(dtype, side=64, times=2) < 10


def test_layers_are_rough_inside_and_exact_afterwards_even_after_an_error():
    model = unet(2, filters=(4, 8), normalization="batch")

    def policies() -> list[str]:
        return [layer.dtype_policy.name for layer in model.layers]

    before = policies()
    inside: list[str] = []

    def fail() -> None:
        with computing_in(model, "bfloat16"):
            inside.extend(policies())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert policies() == before
    kinds = {
        type(layer).__name__
        for layer, a, b in zip(model.layers, before, inside, strict=True)
        if a != b
    }
    assert kinds >= {"Conv2D", "BatchNormalization", "Conv2DTranspose", "Concatenate"}
    names = {layer.name for layer in rough_layers(model)}
    assert not {"image", "scale", "logits"} & names


def test_layers_that_were_given_a_precision_keep_it():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, dtype="float64")(image)
    x = keras.layers.Conv2D(4, 3, name="plain")(x)
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(x))
    assert [layer.name for layer in rough_layers(model)] == ["plain"]


def test_layers_of_a_model_inside_a_model_are_found():
    inner = keras.Sequential([keras.layers.Conv2D(4, 3, name="within")])
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 1, name="last")(inner(image)))
    assert [layer.name for layer in rough_layers(model)] == ["within"]
