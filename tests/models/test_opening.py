"""Model files open as what they are, and hostile ones are refused before they do any harm."""

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from maskwright.config import ModelConfig
from maskwright.errors import RunError
from maskwright.models import build, opening
from maskwright.models.opening import NETWORK, WEIGHTS, filled, open_model, open_own

PLAIN = ModelConfig(filters=(4, 8))


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    build(PLAIN, 2).save(path)
    return path


@pytest.fixture
def model(saved, tmp_path) -> Path:
    """A model file to do anything with."""
    return shutil.copy(saved, tmp_path / "model.keras")


def own() -> keras.Model:
    """A network that somebody brings along, of several kinds of layers."""
    image = keras.Input((None, None, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(
        4, 3, padding="same", activation="relu", kernel_regularizer="l2", name="first"
    )(x)
    y = keras.layers.SeparableConv2D(4, 3, padding="same", depthwise_initializer="he_normal")(x)
    x = keras.layers.Add()([keras.ops.relu(x), y])
    return keras.Model(image, keras.layers.Conv2D(2, 1)(x))


def opened(path: Path, *, mine: bool = False, config: ModelConfig = PLAIN) -> keras.Model:
    return open_own(path) if mine else open_model(path, config, 2, 3)


def same(first: keras.Model, second: keras.Model) -> None:
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "config",
    [
        PLAIN,
        ModelConfig(filters=(4, 8), normalization="none", padding="valid", dropout=0.5),
        ModelConfig(encoder="efficientnet_lite0", decoder="fpn", width=8),
        ModelConfig(encoder="mobilenet_v2", weights="none", decoder="unet_plus_plus"),
    ],
)
def test_a_network_of_ours_is_built_from_its_configuration(tmp_path, monkeypatch, config):
    saved = build(config, 2)
    saved.save(tmp_path / "model.keras")
    monkeypatch.setattr(keras.saving, "load_model", None)  # never asked
    same(opened(tmp_path / "model.keras", config=config), saved)


@pytest.mark.parametrize("decoder", ["unet", "unet_plus_plus", "fpn", "deeplabv3_plus"])
def test_a_wide_network_is_not_taken_for_a_bomb(tmp_path, decoder):
    config = ModelConfig(encoder="efficientnet_lite0", weights="none", decoder=decoder, width=128)
    build(config, 2).save(tmp_path / "model.keras")
    opened(tmp_path / "model.keras", config=config)


def test_a_network_of_ones_own_opens_as_it_is(tmp_path):
    saved = own()
    saved.save(tmp_path / "model.keras")
    model = opened(tmp_path / "model.keras", mine=True)
    same(model, saved)
    image = np.full((1, 8, 8, 3), 77, np.uint8)
    np.testing.assert_array_equal(model.predict_on_batch(image), saved.predict_on_batch(image))


def test_a_network_that_was_compiled_or_slices_opens_too(tmp_path):
    saved = own()
    inner = saved.output[:, 1:-1, ..., :]
    saved = keras.Model(saved.input, inner)
    saved.compile("adam", "mse")
    saved.save(tmp_path / "model.keras")
    same(opened(tmp_path / "model.keras", mine=True), saved)


@keras.saving.register_keras_serializable("tests")
class Mine(keras.layers.Layer):
    """A layer that Keras does not have."""

    def build(self, shape) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale


def test_a_network_with_layers_of_ones_own_is_filled_where_it_is_given(tmp_path):
    image = keras.Input((None, None, 3))
    saved, again = (keras.Model(image, Mine()(keras.layers.Conv2D(2, 1)(image))) for _ in "12")
    saved.save(tmp_path / "model.keras")
    words = r"its Mine of .* is not one of Keras's layers\); if it is yours, give it, as in maskw"
    with pytest.raises(RunError, match=words):
        opened(tmp_path / "model.keras", mine=True)
    same(filled(tmp_path / "model.keras", again), saved)


def changed(path: Path, **members: bytes | None) -> Path:
    """The archive with some members replaced, added, or (None) taken out."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content |= members
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            if data is not None:
                archive.writestr(name, data)
    return path


def changed_weights(path: Path, change: Callable[[h5py.File], None]) -> Path:
    """The archive after something was done to its weights."""
    with zipfile.ZipFile(path) as archive:
        stream = io.BytesIO(archive.read(WEIGHTS))
    with h5py.File(stream, "a") as file:
        change(file)
    return changed(path, **{WEIGHTS: stream.getvalue()})


def first(file: h5py.File) -> tuple[h5py.Group, str]:
    """The group and the name of the largest array."""
    name, _ = max(opening.arrays(file), key=lambda each: each[1].size)
    return file[name.rpartition("/")[0]], name.rpartition("/")[2]


def external_link(file: h5py.File) -> None:
    group, name = first(file)
    del group[name]
    group[name] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(file: h5py.File) -> None:
    group, name = first(file)
    del group[name]
    group[name] = h5py.SoftLink("/somewhere")


def external_array(file: h5py.File) -> None:
    group, name = first(file)
    shape, dtype = group[name].shape, group[name].dtype
    del group[name]
    group.create_dataset(name, shape, dtype, external=[("/etc/passwd", 0, 100_000)])


def virtual_array(file: h5py.File) -> None:
    group, name = first(file)
    layout = h5py.VirtualLayout(group[name].shape, group[name].dtype)
    layout[0] = h5py.VirtualSource("/tmp/other.h5", "x", shape=layout.shape[1:])
    del group[name]
    group.create_virtual_dataset(name, layout)


def compressed(file: h5py.File) -> None:
    group, name = first(file)
    del group[name]
    group.create_dataset(name, (2**20, 2**18), "f4", compression="gzip")  # a terabyte of nothing


def claimed(file: h5py.File) -> None:
    group, name = first(file)
    del group[name]
    group.create_dataset(name, (2**20, 2**18), "f4")  # as large, never written


def words(file: h5py.File) -> None:
    group, name = first(file)
    del group[name]
    group[name] = "import os"


def circle(file: h5py.File) -> None:
    file["layers/again"] = file["/"]


def twice(file: h5py.File) -> None:
    group, name = first(file)
    group["again"] = group[name]


def long_name(file: h5py.File) -> None:
    file.create_group("x" * 5000)


def many(file: h5py.File) -> None:
    for number in range(1000):
        file.create_group(f"x{number}")


def nothing(file: h5py.File) -> None:
    for name in list(file):
        del file[name]


WRONG_WEIGHTS = {
    external_link: "is a link to somewhere else",
    soft_link: "is a link to somewhere else",
    external_array: "is not stored in the file as it is",
    virtual_array: "is not stored in the file as it is",
    compressed: "is not stored in the file as it is",
    claimed: "claims to be larger than the file",
    words: "holds object, no numbers",
    circle: "is in it more than once",
    twice: "is in it more than once",
    long_name: "a name in it is too long",
    many: "more than 1,000 groups and arrays",
    nothing: "it holds no weights",
}


@pytest.mark.parametrize(("change", "said"), WRONG_WEIGHTS.items(), ids=lambda x: str(x)[:20])
@pytest.mark.parametrize("mine", [False, True])
def test_weights_that_lead_elsewhere_or_lie_are_refused(model, monkeypatch, change, said, mine):
    monkeypatch.setattr(opening, "MOST_OBJECTS", 1000)
    changed_weights(model, change)
    with pytest.raises(RunError, match=rf"model\.keras cannot be opened \(.*{said}.*train again"):
        opened(model, mine=mine)


@pytest.mark.parametrize("mine", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(model, value, mine):
    def spoil(file: h5py.File) -> None:
        group, name = first(file)
        group[name][...] = value

    changed_weights(model, spoil)
    with pytest.raises(RunError, match="holds weights that are no finite numbers: train again"):
        opened(model, mine=mine)


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


ARCHIVES = {
    "a path that leads out": ({"../../evil.py": b"x"}, r"it holds '\.\./\.\./evil\.py'"),
    "an absolute path": ({"/etc/cron.d/x": b"x"}, "it holds '/etc/cron.d/x'"),
    "a pickle beside it": ({"data.pkl": pickle.dumps(Evil())}, "it holds 'data.pkl'"),
    "a pickle for weights": ({WEIGHTS: pickle.dumps(Evil())}, "signature not found"),
    "no weights": ({WEIGHTS: None}, "There is no item named"),
}


@pytest.mark.parametrize(("members", "said"), ARCHIVES.values(), ids=ARCHIVES)
@pytest.mark.parametrize("mine", [False, True])
def test_archives_with_other_things_in_them_are_refused(model, members, said, mine):
    changed(model, **members)
    with pytest.raises(RunError, match=rf"cannot be opened \(.*{said}"):
        opened(model, mine=mine)


@pytest.mark.parametrize("mine", [False, True])
def test_an_archive_that_unpacks_to_much_more_is_refused(model, mine):
    with zipfile.ZipFile(model, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", b" " * 100_000_000)
    with pytest.raises(RunError, match=r"metadata.json claims to be larger than the file"):
        opened(model, mine=mine)


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps(Evil()), b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(model, content):
    model.write_bytes(content)
    with pytest.raises(RunError, match=r"cannot be opened .File is not a zip file"):
        opened(model)


def rewired(path: Path, change: Callable[[dict], None]) -> Path:
    """A model of somebody's own whose network was tampered with."""
    own().save(path)
    with zipfile.ZipFile(path) as archive:
        network = json.loads(archive.read(NETWORK))
    change(network)
    return changed(path, **{NETWORK: json.dumps(network).encode()})


def layer(network: dict, name: str = "first") -> dict:
    return next(one for one in network["config"]["layers"] if one["name"] == name)


def lambda_layer(network: dict) -> None:
    code = {"class_name": "__lambda__", "config": {"value": "4wEAAAAA"}}
    layer(network).update(class_name="Lambda", config={"name": "first", "function": code})


def foreign_class(network: dict) -> None:
    layer(network).update(class_name="Popen", module="subprocess")


def keras_function(network: dict) -> None:
    layer(network).update(class_name="get_file", module="keras.utils")


def function(network: dict) -> None:
    call = {"class_name": "function", "config": "system", "module": "os"}
    layer(network)["config"]["activation"] = call


def saved_model(network: dict) -> None:
    layer(network).update(class_name="TFSMLayer", config={"filepath": "/tmp/evil"})


def huge(network: dict) -> None:
    layer(network)["config"]["filters"] = 2**38


def huge_without_shape(network: dict) -> None:
    """Each kernel by itself is small, until one gets what the other gives."""
    for one in network["config"]["layers"]:
        one.pop("build_config", None)
        if "filters" in one["config"]:
            one["config"].update(filters=50_000, kernel_size=[1, 1])


def huge_input(network: dict) -> None:
    network["config"]["layers"][0]["config"]["batch_shape"] = [None, None, None, 2**40]


def flattened(network: dict) -> None:
    network["config"]["layers"][0]["config"]["batch_shape"] = [None, 4096, 4096, 3]
    flat = {"class_name": "Flatten", "module": "keras.layers", "config": {"name": "flat"}}
    network["config"]["layers"].append({**flat, "name": "flat"})


LAYERS = {
    lambda_layer: "its Lambda can run code",
    foreign_class: "its Popen of subprocess is not one of Keras's layers",
    keras_function: "its get_file of keras.utils is not one of Keras's layers",
    function: "its function can run code",
    saved_model: "its TFSMLayer can run code",
    huge: "its layers would be far larger than the weights in the file",
    huge_without_shape: "its layers would be far larger than the weights in the file",
    huge_input: "its layers would be far larger than the weights in the file",
    flattened: "its layers would be far larger than the weights in the file",
}


@pytest.mark.parametrize(("change", "said"), LAYERS.items(), ids=lambda x: str(x)[:20])
def test_a_network_that_could_run_code_or_fill_the_memory_is_refused(tmp_path, change, said):
    path = rewired(tmp_path / "model.keras", change)
    with pytest.raises(RunError, match=rf"cannot be opened \({said}\)"):
        opened(path, mine=True)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (ModelConfig(filters=(4, 2**30)), "model.filters = 1073741824 would need more than the"),
        (
            ModelConfig(encoder="mobilenet_v2", width=4096),
            "model.width = 4096 would need more than",
        ),
        (ModelConfig(filters=(4, 16)), "cannot be opened"),
    ],
)
def test_a_configuration_of_another_network_is_refused(model, config, said):
    with pytest.raises(RunError, match=said):
        opened(model, config=config)
