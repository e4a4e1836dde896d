"""The encoders: sizes of their features, input scaling, and where weights come from."""

import hashlib
import inspect
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from maskwright.engine import keras
from maskwright.errors import DataError, UsageError
from maskwright.models import encoders
from maskwright.models.applications import APPLICATIONS, HALVED, IMAGE, MEAN_ONLY, STANDARD
from maskwright.models.encoders import ENCODERS, STRIDES, _padding, features_of, weight_file

CHANNELS = {
    "efficientnet_lite0": (16, 24, 40, 112, 320),
    "efficientnet_lite1": (16, 24, 40, 112, 320),
    "efficientnet_lite2": (16, 24, 48, 120, 352),
    "mobilenet_v2": (16, 24, 32, 96, 320),
    "mobilenet_v3_small": (16, 16, 24, 48, 96),
    "mobilenet_v3_large": (16, 24, 40, 112, 160),
    "efficientnet_v2_b0": (16, 32, 48, 112, 192),
    "efficientnet_v2_b1": (16, 32, 48, 112, 192),
    "efficientnet_v2_b2": (16, 32, 56, 120, 208),
    "efficientnet_v2_b3": (16, 40, 56, 136, 232),
    "efficientnet_v2_s": (24, 48, 64, 160, 256),
    "resnet50": (64, 256, 512, 1024, 2048),
    "resnet101": (64, 256, 512, 1024, 2048),
    "resnet50_v2": (64, 256, 512, 1024, 2048),
    "resnet101_v2": (64, 256, 512, 1024, 2048),
    "convnext_tiny": (3, 96, 192, 384, 768),
    "convnext_small": (3, 96, 192, 384, 768),
    "convnext_base": (3, 128, 256, 512, 1024),
    "densenet121": (64, 256, 512, 1024, 1024),
    "densenet169": (64, 256, 512, 1280, 1664),
    "densenet201": (64, 256, 512, 1792, 1920),
    "vgg16": (128, 256, 512, 512, 512),
    "vgg19": (128, 256, 512, 512, 512),
    "xception": (64, 128, 256, 728, 2048),
}
# One of each way to round sizes; the others differ in depth and width only.
RUN = ["mobilenet_v2", "mobilenet_v3_small", "efficientnet_v2_b0", "resnet50", "resnet50_v2"]
RUN += ["convnext_tiny", "densenet121", "vgg16", "xception"]


def up(n: int) -> list[int]:
    return [math.ceil(n / stride) for stride in STRIDES]


def images(*size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(1, *size, 3)).astype(np.float32)


def test_every_encoder_is_in_the_tests():
    assert set(ENCODERS) == set(CHANNELS)


@pytest.fixture
def undrawn(monkeypatch):
    """Weights begin as zeros: to draw them takes half the time where only sizes are looked at."""
    monkeypatch.setattr(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda _, shape, dtype=None: keras.ops.zeros(shape, dtype),
    )


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", CHANNELS)
def test_features_have_the_sizes_of_their_strides_rounded_up(name):
    maps = features_of(name, keras.Input((97, 131, 3)), "none")
    assert [x.shape for x in maps] == [
        (None, height, width, channels)
        for height, width, channels in zip(up(97), up(131), CHANNELS[name], strict=True)
    ]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", RUN)
def test_sizes_unknown_when_the_model_is_built_are_rounded_up_too(name):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, features_of(name, image, "none"))
    for height, width in ((33, 64), (1, 95)):
        maps = model(images(height, width), training=False)
        sizes = list(zip(up(height), up(width), strict=True))
        assert [tuple(x.shape[1:3]) for x in maps] == sizes


@pytest.mark.parametrize("size", [(64, None), (None, 64)])
def test_half_a_size_is_refused(size):
    with pytest.raises(
        UsageError, match=rf"MobileNetV2 needs height and width, or neither, got {size[0]} × "
    ):
        features_of("mobilenet_v2", keras.Input((*size, 3)), "none")


@pytest.mark.parametrize("floors", [2, 4, 8])
def test_padding_leaves_each_feature_what_is_cropped_again(floors):
    """A network that halves sizes, rounding up below stride ``floors`` and down from there."""
    for n in range(1, 200):
        for known in (n, None):
            pad = _padding(known, floors, divisible=False)
            size = n + pad
            for stride in STRIDES:
                size = math.ceil(size / 2) if stride < floors else size // 2
                assert size - pad // stride == math.ceil(n / stride), (n, stride)


@pytest.mark.parametrize(
    ("size", "floors", "divisible", "pad"),
    [
        (64, 2, False, 0),
        (65, 2, False, 31),
        (65, 2, True, 31),
        (None, 2, False, 31),
        (None, 4, False, 30),
        (None, 8, False, 28),
        (None, 2, True, 0),
        (65, 64, False, 0),
        (None, 64, False, 0),
    ],
)
def test_nothing_is_padded_without_need(size, floors, divisible, pad):
    assert _padding(size, floors, divisible) == pad


def test_a_promise_of_multiples_of_32_spares_the_padding():
    kinds = []
    for divisible in (False, True):
        image = keras.Input((None, None, 3))
        model = keras.Model(image, features_of("vgg16", image, "none", divisible=divisible))
        kinds.append({type(layer).__name__ for layer in model.layers})
        assert [x.shape[1] for x in model(images(64, 32))] == up(64)
    assert kinds[0] - kinds[1] == {"ZeroPadding2D", "Cropping2D"}


def test_convnext_has_the_scaled_image_in_the_place_of_stride_2():
    image = keras.Input((None, None, 3))
    halved = features_of("convnext_tiny", image, "none")[0]
    pixels = np.zeros((1, 4, 4, 3), np.float32)
    pixels[0, :2, :2] = 255
    found = np.asarray(keras.Model(image, halved)(pixels))[0]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(found[0, 0], (1 - mean) / deviation, rtol=1e-5)
    np.testing.assert_allclose(found[1, 1], -mean / deviation, rtol=1e-5)


def save_as_keras_does(model: keras.Model, path: Path) -> None:
    """A file like those that Keras publishes: arrays in groups by layer, in the layers' order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        file.attrs["keras_version"], file.attrs["backend"] = b"2.9.0", b"tensorflow"
        for layer in model.layers:
            weights = [*layer.trainable_weights, *layer.non_trainable_weights]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{n}".encode() for n in range(len(weights))]
            for n, weight in enumerate(weights):
                group[f"{n}"] = np.asarray(weight)


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "models"


def as_published_by_keras(monkeypatch, name: str) -> keras.Model:
    """Keras's own network of this name with random weights, which now count as published."""
    application = APPLICATIONS[name]
    model = getattr(keras.applications, application.function)(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    path = weight_file(application)
    save_as_keras_does(model, path)
    known = hashlib.md5(path.read_bytes()).hexdigest()
    use(monkeypatch, name, digest=known)
    return model


def use(monkeypatch, name: str, **changes: object) -> None:
    application = replace(APPLICATIONS[name], **changes)
    encoder = encoders.partial(encoders._application, application=application)
    monkeypatch.setitem(ENCODERS, name, encoder)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("mobilenet_v2", "mobilenet_v2"),
        ("mobilenet_v3_small", "mobilenet_v3"),
        ("densenet121", "densenet"),
        ("vgg16", "vgg16"),
    ],
)
def test_weights_and_scaling_give_what_keras_gives(monkeypatch, home, name, module):
    own = as_published_by_keras(monkeypatch, name)
    scaled = getattr(keras.applications, module).preprocess_input(images(64, 64))
    taps = [own.get_layer(tap).output for tap in APPLICATIONS[name].taps]
    expected = keras.Model(own.input, taps)(scaled, training=False)
    image = keras.Input((None, None, 3))
    # Layers before the encoder, with weights of their own, do not disturb.
    bands = keras.layers.Conv2D(3, 1, use_bias=False)
    model = keras.Model(image, features_of(name, bands(image), divisible=True))
    bands.set_weights([np.eye(3, dtype=np.float32)[None, None]])
    for x, reference in zip(model(images(64, 64), training=False), expected, strict=True):
        np.testing.assert_allclose(
            x, reference, rtol=1e-3, atol=1e-4 * float(np.abs(reference).max())
        )


def test_xception_sees_a_border_of_zeros_that_its_first_layers_eat():
    image = keras.Input((96, 96, 3))
    maps = features_of("xception", image, "none")
    model = keras.Model(image, maps)
    own = keras.applications.Xception(False, None, input_shape=(102, 102, 3))
    own.set_weights(model.get_weights())
    padded = np.pad(images(96, 96) / 127.5 - 1, ((0, 0), (2, 4), (2, 4), (0, 0)))
    expected = own(padded, training=False)
    found = model(images(96, 96), training=False)[-1]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_scaling_is_that_of_the_published_network(name):
    scaling = APPLICATIONS[name].scaling
    red, green, blue = np.float64([[255, 0, 0], [0, 255, 0], [0, 0, 255]])
    white = red + green + blue
    expected = {
        "resnet50": MEAN_ONLY,
        "resnet101": MEAN_ONLY,
        "vgg16": MEAN_ONLY,
        "vgg19": MEAN_ONLY,
        "efficientnet_v2_s": HALVED,
    }
    if name.startswith(("efficientnet_v2_b", "convnext", "densenet")):
        assert scaling == STANDARD
        np.testing.assert_allclose(
            white * scaling.scale + scaling.offset, [2.2489, 2.4286, 2.64], rtol=1e-4
        )
    elif name in expected:
        assert scaling == expected[name]
    else:
        assert (white * scaling.scale + scaling.offset).tolist() == [1, 1, 1]
        assert scaling.offset == -1


@pytest.mark.parametrize("name", APPLICATIONS)
def test_files_have_the_names_and_checksums_that_keras_knows(name):
    """Against the source of the installed Keras, which alone knows them without a network."""
    application = APPLICATIONS[name]
    folder = Path(inspect.getfile(keras.applications.VGG16)).parent
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    assert f"{application.file.split('/')[0]}/" in source
    assert application.digest in source
    assert len(application.digest) in ((0,) if name == "mobilenet_v2" else (32, 64))


def test_a_missing_file_is_named_with_its_address_and_place(home):
    image = keras.Input((None, None, 3))
    with pytest.raises(UsageError) as caught:
        features_of("resnet50", image)
    name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert str(caught.value) == (
        f"the ImageNet weights of ResNet50 are not in {home / name}: fetch "
        f"https://storage.googleapis.com/tensorflow/keras-applications/resnet/{name} to there, "
        "or choose --encoder-weights none"
    )


def test_without_keras_home_the_file_lies_below_the_users_home(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    file = weight_file(APPLICATIONS["vgg19"])
    assert file.parent == tmp_path / ".keras" / "models"


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "convnext_tiny"])
def test_a_file_of_another_checksum_is_refused(home, name):
    path = weight_file(APPLICATIONS[name])
    path.parent.mkdir()
    path.write_bytes(b"half a file")
    image = keras.Input((None, None, 3))
    with pytest.raises(DataError, match=r"h5 is not the file that Keras publishes: fetch https"):
        features_of(name, image)


def test_a_file_that_is_none_is_refused_where_no_checksum_is_published(home):
    path = weight_file(APPLICATIONS["mobilenet_v2"])
    path.parent.mkdir()
    path.write_bytes(b"half a file")
    with pytest.raises(DataError, match=r"does not hold the weights of MobileNetV2: fetch https"):
        features_of("mobilenet_v2", keras.Input((None, None, 3)))


def test_weights_of_another_network_are_refused(monkeypatch, home):
    path = weight_file(APPLICATIONS["mobilenet_v2"])
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    save_as_keras_does(other, path)
    with pytest.raises(DataError, match=r"does not hold the weights of MobileNetV2: fetch https"):
        features_of("mobilenet_v2", keras.Input((None, None, 3)))


def test_unknown_encoders_and_weights_are_named_with_the_nearest():
    image = keras.Input((None, None, 3))
    with pytest.raises(UsageError, match=r"unknown encoder resnet5: did you mean resnet50\?"):
        features_of("resnet5", image)
    with pytest.raises(UsageError, match=r"encoder weights image: did you mean imagenet\?"):
        features_of("resnet50", image, "image")


def test_other_bands_than_three_are_refused():
    with pytest.raises(
        UsageError, match=r"encoder vgg16 sees 3 bands, red, green and blue, got 5; bring"
    ):
        features_of("vgg16", keras.Input((None, None, 5)), "none")


def test_a_saved_network_opens_with_plain_keras(tmp_path):
    """ConvNeXt has layers of its own, padding and cropping."""
    image = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(image, features_of("convnext_tiny", image, "none")[:3])
    model.save(tmp_path / "model.keras")
    pixels = images(40, 33).astype(np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    code = (
        "import os, sys; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'; import keras, numpy as np; "
        "model = keras.models.load_model('model.keras', compile=False); "
        "np.savez('found.npz', *map(np.asarray, model(np.load('pixels.npy')))); "
        "assert 'maskwright' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    with np.load(tmp_path / "found.npz") as found:
        for x, again in zip(model(pixels), found.values(), strict=True):
            np.testing.assert_allclose(x, again, rtol=1e-4, atol=1e-5)


def test_only_convnext_lacks_a_layer_of_stride_2():
    assert {name.split("_")[0] for name, a in APPLICATIONS.items() if IMAGE in a.taps} == {
        "convnext"
    }
