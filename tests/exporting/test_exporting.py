"""A run exported to each format does what the run does, and what does not is refused."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

import maskwright as mw
from maskwright import exporting
from maskwright.artifacts import open_artifact
from maskwright.artifacts.parity import verify
from maskwright.artifacts.runtimes import Onnx
from maskwright.data.dataset import read_pair
from maskwright.engine import keras
from maskwright.errors import DataError, RunError, UsageError
from maskwright.exporting import FORMATS, certified, examples, export, graph, quantizing
from maskwright.exporting.card import scores as card_scores
from maskwright.prediction import predict
from maskwright.predictor import softmax

SETTINGS = {"train.epochs": 2, "view.size": 32, "model.filters": [4, 8], "model.encoder": "plain"}


@pytest.fixture(scope="module")
def runs(shapes, tmp_path_factory):
    """Small runs that have learnt next to nothing: one of whole images, one of windows."""
    root, made = tmp_path_factory.mktemp("runs"), {}
    for name, more in {
        "whole": {},
        "windows": {"view.fit": "window", "view.scale": 0.5, "train.epochs": 1},
        "mirrored": {"model.padding": "valid", "train.epochs": 1, "view.fit": "squash"},
    }.items():
        config = mw.recipe("default", {**SETTINGS, **more})
        made[name] = mw.train(shapes, out=root / name, config=config)
    return made


@pytest.fixture(scope="module")
def exported(runs):
    """The folders of the whole run's exports by format."""
    return {name: export(runs["whole"], name) for name in FORMATS}


def photo(height, width, seed=0):
    """A smooth picture uint8 [H, W, 3]."""
    noise = np.random.default_rng(seed).integers(256, size=(height, width, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (5, 5), 1.5).reshape(height, width, 3)


@pytest.mark.parametrize("format", FORMATS)
def test_an_artifact_gives_the_masks_of_its_run(runs, exported, format):
    run, artifact = runs["whole"], open_artifact(exported[format])
    assert artifact.table == run.table
    assert artifact.usual == run.usual == mw.load_dataset(run.dataset.root).usual
    assert artifact.calibration == run.calibration
    for shape in ((97, 61), (64, 64), (31, 200), (1, 1)):
        image = photo(*shape)
        mine, theirs = (one.predictor.probabilities(image) for one in (run, artifact))
        np.testing.assert_allclose(theirs, mine, atol=2e-3)
    parity = json.loads((exported[format] / "parity.json").read_text())
    assert parity["images"] >= 8
    assert parity["shift"] == [0, 0]
    assert parity["equal"] >= 0.999
    assert any(int(size.split("×")[0]) % 2 and int(size.split("×")[1]) % 2
               for size in parity["sizes"])  # fmt: skip
    assert verify(exported[format]).images >= 4


@pytest.mark.parametrize("format", ["onnx", "openvino", "saved_model"])
@pytest.mark.parametrize("shape", [(100, 75), (33, 32), (300, 41), (1, 90), (5, 4)])
def test_the_graph_takes_images_of_any_size_as_they_are(runs, exported, format, shape):
    artifact, image = open_artifact(exported[format]), photo(*shape, seed=1)
    found = artifact.runtime(np.stack([image, image[::-1]]))
    assert found["mask"].dtype == np.uint8
    assert found["mask"].shape == found["confidence"].shape == (2, *shape)
    mine = runs["whole"].predictor.probabilities(image)
    np.testing.assert_allclose(found["probabilities"][0], mine, atol=0.02)
    np.testing.assert_array_equal(found["mask"], found["probabilities"].argmax(axis=-1))
    np.testing.assert_allclose(found["confidence"], found["probabilities"].max(axis=-1), atol=1e-6)


@pytest.mark.parametrize("format", FORMATS)
def test_squares_are_the_same_alone_and_in_batches(runs, exported, format):
    """A batch may be predicted in parts, and the calls after it use the same memory."""
    artifact = open_artifact(exported[format])
    squares = np.stack([photo(32, 32, seed) for seed in range(9)])
    predict = artifact.predictor.logits
    alone = np.concatenate([predict(one[None]) for one in squares])
    wanted = softmax(runs["whole"].predictor.logits(squares))
    np.testing.assert_allclose(softmax(alone), wanted, atol=2e-3)
    for count in (2, 3, 8, 9):
        found = predict(squares[:count])
        predict(squares[::-1])
        np.testing.assert_allclose(found, alone[:count], atol=1e-4)
    many = np.concatenate([squares] * 5)  # by as many threads as the runtime likes
    found = artifact.predictor.logits_of_all(many)
    np.testing.assert_allclose(found, np.concatenate([alone] * 5), atol=1e-4)


@pytest.mark.parametrize(("name", "format"), [("windows", "onnx"), ("mirrored", "openvino")])
def test_runs_of_windows_and_those_that_mirror_their_border(runs, name, format, tmp_path):
    artifact = open_artifact(export(runs[name], format, out=tmp_path / "made"))
    image = photo(90, 130)
    mine, theirs = (one.predictor.probabilities(image) for one in (runs[name], artifact))
    np.testing.assert_allclose(theirs, mine, atol=0.02)
    card = (tmp_path / "made" / "model-card.md").read_text("utf-8")
    assert ("cut the image, made 0.5 times as large" in card) == (name == "windows")
    assert "`inside`" not in card


SABOTAGE = {
    "shifted": lambda view: view[:, :, [0, *range(31)]],
    "channels": lambda view: view[..., ::-1],
    "scaling": lambda view: view / 255,
}


@pytest.mark.parametrize("how", SABOTAGE)
def test_a_graph_that_was_altered_is_refused(runs, how, monkeypatch, tmp_path):
    import tensorflow as tf

    change = {
        "shifted": lambda view: tf.roll(view, 1, axis=2),
        "channels": lambda view: tf.reverse(view, [3]),
        "scaling": lambda view: view / 255,
    }[how]
    right = graph.view_of
    monkeypatch.setattr(graph, "view_of", lambda *given: change(right(*given)))
    run = knowing(runs["whole"])
    with pytest.raises(RunError, match=r"the exported model is not the run's: .*Nothing was kept"):
        export(run, "onnx", out=tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_masks_that_are_shifted_are_said_to_be(runs, monkeypatch, tmp_path):
    import tensorflow as tf

    right = graph.outputs

    def shifted(logits, facts, image):
        found = right(logits, facts, image)
        return found | {"mask": tf.roll(found["mask"], (2, -1), (1, 2))}

    monkeypatch.setattr(graph, "outputs", shifted)
    with pytest.raises(RunError, match="shifted, by 2 pixels down and -1 to the right"):
        export(knowing(runs["whole"]), "onnx", out=tmp_path / "made")


def knowing(run):
    """The run with a network of its own that tells classes by colour, and so minds every change."""
    seen = keras.Input((None, None, 3))
    red, green, blue = (keras.ops.cast(seen[..., k], "float32") for k in range(3))
    classes = len(run.table)
    logits = [0.2 * (red - blue), 0.2 * (green - 128), *[0.1 * (blue - 100)] * (classes - 2)]
    model = keras.Model(seen, keras.ops.stack(logits, axis=-1))
    found = replace(run)
    vars(found)["model"] = model
    return found


def test_predicting_with_an_artifact_needs_no_keras(runs, exported, tmp_path):
    image = runs["whole"].dataset.of("test")[0].image
    code = (
        "import sys; from maskwright.cli import main; sys.argv[1:] = sys.argv[1:]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)"
    )
    words = ["predict", str(exported["onnx"]), str(image), "--out", str(tmp_path / "masks")]
    subprocess.run([sys.executable, "-c", code, *words], check=True, env=os.environ)
    (mask,) = predict(runs["whole"], image, out=tmp_path / "own")
    there = tmp_path / "masks" / mask.name
    assert np.mean(np.array(Image.open(mask)) == np.array(Image.open(there))) >= 0.999


def test_artifacts_of_a_run_on_jax_and_on_tensorflow_agree(runs, exported, tmp_path):
    """Exports are made on TensorFlow whatever is asked for; the network on JAX does the same."""
    run, image = runs["whole"], photo(60, 80)
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    words = ["export", str(run.path), "--format", "onnx", "--out", str(tmp_path / "made")]
    command = [sys.executable, "-m", "maskwright", *words]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    code = (
        "import sys, keras, numpy, maskwright as mw; assert keras.config.backend() == 'jax'; "
        "pixels = numpy.load(sys.argv[2]); "
        "numpy.save(sys.argv[3], mw.load(sys.argv[1]).predictor.probabilities(pixels))"
    )
    np.save(tmp_path / "image.npy", image)
    paths = [str(run.path), str(tmp_path / "image.npy"), str(tmp_path / "on_jax.npy")]
    subprocess.run([sys.executable, "-c", code, *paths], check=True, env=environment)
    first, second = (
        open_artifact(folder).predictor.probabilities(image)
        for folder in (exported["onnx"], tmp_path / "made")
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(np.load(tmp_path / "on_jax.npy"), first, atol=1e-4)


def test_an_artifact_is_scored_on_the_data_of_its_run(runs, exported):
    run = runs["whole"]
    own, by_artifact = mw.evaluate(run), mw.evaluate(exported["onnx"])
    assert by_artifact["mean_iou"] == pytest.approx(own["mean_iou"], abs=1e-3)
    assert by_artifact["calibration_error"] == pytest.approx(own["calibration_error"], abs=1e-3)
    assert (exported["onnx"] / "evaluation" / "test.json").is_file()
    compared = mw.compare(run, exported["onnx"])
    assert compared["second"].endswith("exports/onnx")
    with pytest.raises(UsageError, match="exports/onnx is compared with itself"):
        mw.compare(exported["onnx"], exported["onnx"])


def test_an_artifact_away_from_its_run_predicts_but_is_not_scored(exported, tmp_path):
    for one in exported["onnx"].iterdir():
        if one.is_file():
            (tmp_path / one.name).write_bytes(one.read_bytes())
    assert open_artifact(tmp_path).predictor.mask(photo(40, 50)).shape == (40, 50)
    with pytest.raises(RunError, match=r"scored on the data of the run .* put its folder back"):
        mw.evaluate(tmp_path)


def test_an_artifact_away_from_its_run_is_scored_on_other_data(runs, exported, tmp_path):
    for one in exported["onnx"].iterdir():
        if one.is_file():
            (tmp_path / one.name).write_bytes(one.read_bytes())
    data = runs["whole"].dataset.root
    by_run, alone = (mw.evaluate(one, data, split="all") for one in (runs["whole"], tmp_path))
    assert alone["mean_iou"] == pytest.approx(by_run["mean_iou"], abs=1e-3)
    assert alone["calibration_error"] == pytest.approx(by_run["calibration_error"], abs=1e-3)
    assert alone["trained_on"] is alone["test_uses"] is None
    assert (tmp_path / "evaluation" / f"{alone['name']}.csv").is_file()


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_pixels_that_a_file_cannot_take_are_refused(exported, format):
    artifact = open_artifact(exported[format])
    sizes = "height, width" if format == "onnx" else "32, 32"
    with pytest.raises(DataError, match=rf"takes uint8 \[batch, {sizes}, 3\], got float64 \[1, 40"):
        artifact.outputs(np.zeros((1, 40, 50, 3)))
    with pytest.raises(
        DataError, match=r"got uint8 \[1, 40, 50, 4\]; its predictor takes images of"
    ):
        artifact.outputs(np.zeros((1, 40, 50, 4), np.uint8))


def test_rims_are_part_of_objects_and_told_apart():
    import tensorflow as tf

    from maskwright.artifacts.facts import VIEW, Facts
    from maskwright.config import ViewConfig
    from maskwright.data.bands import RGB
    from maskwright.data.labels import ClassTable, Label
    from maskwright.data.rims import apart, tempering
    from maskwright.predictor import softmax

    labels = Label("background", "#000000", (0,)), Label("cell", "#ffffff", ())
    table = ClassTable("instances", labels)
    facts = Facts(VIEW, ViewConfig(size=8), RGB, table, 0, 1.7, True, None, {})
    logits = np.random.default_rng(0).normal(0, 2, (1, 8, 8, 3)).astype(np.float32)
    found = {k: v.numpy() for k, v in graph.outputs(tf.constant(logits), facts, None).items()}
    chances, inside = apart(softmax(tempering(logits, 1.7) / np.float32(1.7)), 2)
    np.testing.assert_allclose(found["probabilities"], chances, atol=1e-5)
    np.testing.assert_allclose(found["inside"], inside, atol=1e-5)


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (
            ("images", 99, False),
            "7 test images, all pixels at their own size; in brackets where 95 %",
        ),
        (
            ("groups", 4, True),
            "7 test images of 4 groups, all pixels at their own size; in brackets",
        ),
        (("groups", 4, True), "would lie, too narrow for want of more groups."),
        (
            ("groups", 1, True),
            "7 test images of 1 group, all pixels at their own size; how much the",
        ),
    ],
)
def test_a_card_says_what_its_intervals_are_worth(tmp_path, drawn, words):
    found = {
        "images": 7, "split": "test", "mean_iou": 0.5, "mean_boundary_iou": None, "classes": [],
        "intervals": {"mean_iou": [0.4, 0.6] if drawn[1] > 1 else None},
        "interval": dict(zip(("of", "count", "few"), drawn, strict=True)),
    }  # fmt: skip
    text = card_scores(SimpleNamespace(path=tmp_path, evaluation=lambda _: found))
    assert words in text
    assert ("| all | 0.500 (0.400 to 0.600) | – |" in text) == (drawn[1] > 1)


@pytest.mark.parametrize(
    ("name", "format"),
    [*(("whole", format) for format in FORMATS), ("windows", "onnx"), ("mirrored", "litert")],
)
def test_what_the_card_says_of_calling_it_works(
    runs, exported, name, format, tmp_path, monkeypatch
):
    if name == "whole":
        folder = exported[format]
    else:
        folder = export(runs[name], format, out=tmp_path / "made")
    card = (folder / "model-card.md").read_text("utf-8")
    for k, label in enumerate(runs[name].table.labels):
        assert f"| {k} | {runs[name].table.stored[k]} | {label.name} | {label.color} |" in card
    code = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    image = cv2.GaussianBlur(photo(48, 83), (0, 0), 4)
    Image.fromarray(image).save("photo.png")
    file = FORMATS[format][0]
    code = code.replace(f'"{file}"', f'"{folder / file}"').replace("photo.jpg", "photo.png")
    exec(code, {})
    mask = np.array(Image.open("mask.png"))
    assert mask.shape == (48, 83)
    assert np.mean(mask == open_artifact(folder).predictor.mask(image)) > 0.98


MAIN = """
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>
{headers}
int main() {{
    std::ifstream file("pixels.bin", std::ios::binary);
    std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {{}});
    auto *pixels = reinterpret_cast<uint8_t *>(bytes.data());
    size_t height = {height}, width = {width};
    {lines}
    std::ofstream("mask.bin", std::ios::binary)
        .write(reinterpret_cast<const char *>(mask), height * width);
}}
"""
LIBRARIES = {  # those whose packages for Python bring what C++ needs
    "openvino": ("include", "libs", "libopenvino.so*"),
    "saved_model": ("include", ".", "libtensorflow_*.so.2"),
}


@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")
@pytest.mark.parametrize("format", LIBRARIES)
def test_what_the_card_says_of_calling_it_from_cpp_compiles_and_works(
    exported, format, tmp_path, monkeypatch
):
    folder, (headers, place, libraries) = exported[format], LIBRARIES[format]
    package = "openvino" if format == "openvino" else "tensorflow"
    root = Path(importlib.util.find_spec(package).origin).parent
    monkeypatch.chdir(tmp_path)
    image = photo(48, 83)
    Path("pixels.bin").write_bytes(image.tobytes())
    card = (folder / "model-card.md").read_text("utf-8")
    lines = card.split("```cpp\n")[1].split("```")[0]
    file = FORMATS[format][0]
    assert f'"{file}"' in lines
    lines = lines.replace(f'"{file}"', f'"{folder / file}"')
    known = "\n".join(f"#include {one}" for one in re.findall(r"`#include (<\S+>)`", card))
    Path("main.cpp").write_text(MAIN.format(headers=known, height=48, width=83, lines=lines))
    subprocess.run(
        ["g++", "-std=c++17", "-w", f"-I{root / headers}", "-DEIGEN_MAX_ALIGN_BYTES=64",
         "main.cpp", "-Wl,--no-as-needed", f"-Wl,-rpath,{root / place}",
         *map(str, (root / place).glob(libraries)), "-o", "main"], check=True
    )  # fmt: skip
    subprocess.run(["./main"], check=True, capture_output=True)
    mask = np.fromfile("mask.bin", np.uint8).reshape(48, 83)
    wanted = open_artifact(folder).runtime(image[None])["mask"][0]
    np.testing.assert_array_equal(mask, wanted)


def test_the_card_names_what_is_in_the_file(exported):
    """Where C++ needs what no package for Python brings."""
    card = (exported["litert"] / "model-card.md").read_text("utf-8")
    interpreter = open_artifact(exported["litert"]).runtime.interpreter
    ((name, known),) = interpreter.get_signature_list().items()
    assert f'GetSignatureRunner("{name}")' in card
    assert re.findall(r'_tensor\("(\w+)"\)', card) == ["image", "mask"]
    assert known["inputs"] == ["image"]
    assert "mask" in known["outputs"]
    card = (exported["onnx"] / "model-card.md").read_text("utf-8")
    session = open_artifact(exported["onnx"]).runtime.whole
    assert [one.name for one in session.get_inputs()] == ["image"]
    assert 'inputs[] = {"image"}, *outputs[] = {"mask", "confidence"};' in card
    assert {"mask", "confidence"} <= {one.name for one in session.get_outputs()}


def test_wrong_wishes_are_refused_at_once(runs, exported, monkeypatch, tmp_path):
    run = runs["whole"]
    with pytest.raises(UsageError, match="no format of models called onx: did you mean onnx"):
        export(run, "onx")
    with pytest.raises(UsageError, match=r"called openvino-int8: that is openvino with int8 \("):
        export(run, "openvino-int8")
    with pytest.raises(UsageError, match=r"exports/onnx already exists; remove it, or choose"):
        export(run, "onnx")
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(UsageError, match="runs on jax here, and exports are made on TensorFlow"):
        export(run, "onnx", out=tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["openvino", "litert"])
def test_int8_is_kept_where_the_masks_bear_it(runs, format, tmp_path, capsys, monkeypatch):
    run = layered(runs["whole"])
    drawn = {"of": "images", "count": 7, "few": True}
    scored = {"images": 7, "split": "test", "classes": [], "interval": drawn}
    monkeypatch.setattr(sys.modules["maskwright.exporting.card"], "scores_of", lambda _: scored)
    folder = export(run, format, int8=True, most_loss=0.2, out=tmp_path / "made")
    told = capsys.readouterr().err
    assert told.startswith(f"writing {format}-int8, from {run.path} …\n")
    assert "network, ms" in told
    assert "int8 in all layers" in told
    artifact = open_artifact(folder)
    card = (folder / "model-card.md").read_text("utf-8")
    assert "exported in 8 bits (int8) by Maskwright" in card
    assert "These are the scores of the run, in float32." in card
    assert ("In 8 bits small roundings count" in card) == (format == "openvino")
    assert ("`model.bin`, which must lie beside `model.xml`" in card) == (format == "openvino")
    assert artifact.facts.made["int8"] == "0.2"
    assert is_in_eight_bits(artifact)
    assert verify(folder).loss <= 0.2
    assert artifact.predictor.mask(photo(40, 50)).shape == (40, 50)


def is_in_eight_bits(artifact):
    if artifact.path.suffix == ".xml":
        return "FakeQuantize" in artifact.path.read_text("utf-8")
    kinds = {str(one["dtype"]) for one in artifact.runtime.interpreter.get_tensor_details()}
    return any("int8'" in kind and "uint8" not in kind for kind in kinds)


def count_of_floats(artifact):
    """How many values in a LiteRT file are in float; of OpenVINO nobody asks."""
    if artifact.path.suffix == ".xml":
        return 0
    details = artifact.runtime.interpreter.get_tensor_details()
    return sum(one["dtype"] == np.float32 for one in details)


def layered(run):
    """The run with a network of its own of three convolutions, which tells classes by colour."""
    keras.utils.set_random_seed(0)
    seen = keras.Input((None, None, 3))
    values = keras.layers.Rescaling(1 / 128, offset=-1)(seen)
    for _ in range(2):
        values = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(values)
    made = keras.layers.Conv2D(
        len(run.table), 1, kernel_initializer=keras.initializers.RandomNormal(stddev=3)
    )(values)
    found = replace(run)
    vars(found)["model"] = keras.Model(seen, made)
    return found


@pytest.mark.parametrize("format", ["openvino", "litert"])
def test_layers_get_their_floats_back_where_int8_costs_too_much(
    runs, format, monkeypatch, tmp_path, capsys
):
    """The masks of the run are taken as the truth, and those of int8 in all layers spoilt."""
    compared = quantizing.compare_all
    found, floats = [], []

    def strict(artifact, shown):
        found.append(compared(artifact, shown))
        floats.append(count_of_floats(artifact))
        return [replace(one, loss=0.01 if len(found) == 1 else 0.0) for one in found[-1]]

    monkeypatch.setattr(quantizing, "compare_all", strict)
    run = layered(runs["whole"])
    folder = export(run, format, int8=True, most_loss=0.005, out=tmp_path / "made")
    told = capsys.readouterr().err
    assert "int8 in all layers costs 0.0100 of mean IoU, and 0.005 is the most" in told
    # NNCF measures by itself, and finds nothing to give back.
    assert f"\n int8 {'in all layers' if format == 'openvino' else 'but for 2 layers'}  " in told
    assert [len(one) for one in found] == 2 * [2 if format == "openvino" else 1]
    if format == "litert":
        assert floats[-1] > floats[0]
    assert verify(folder).loss <= 0.005


def test_int8_that_costs_too_much_is_refused(runs, monkeypatch, tmp_path):
    shown = list(examples.examples_of(runs["whole"]))
    artifact = open_artifact(export(runs["whole"], "openvino", out=tmp_path / "made"))
    monkeypatch.setitem(artifact.facts.made, "int8", "0.005")
    wrong = [one._replace(mask=1 - one.mask.clip(0, 1)) for one in shown]
    with pytest.raises(RunError, match=r"have the run's class, and 95\.0% must"):
        certified(artifact, wrong)


def test_int8_that_costs_too_much_in_every_way_is_refused(runs, monkeypatch, tmp_path):
    compared = quantizing.compare_all
    costs = iter([0.02, 0.009, *[0.03] * 9])
    monkeypatch.setattr(
        quantizing,
        "compare_all",
        lambda *given: [replace(one, loss=next(costs)) for one in compared(*given)],
    )
    with pytest.raises(
        RunError,
        match=r"int8 costs 0\.0090 of mean IoU at the least \(but for 2 layers\), and 0\.005 is "
        r"the most: allow more by --most-loss, or export without --int8",
    ):
        export(layered(runs["whole"]), "litert", int8=True, out=tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_is_not_the_files_own_is_refused(runs, monkeypatch, tmp_path):
    """The file by itself is right, and what predict takes out of it is not."""
    folder = export(runs["whole"], "onnx", out=tmp_path / "made")
    right = Onnx.logits
    monkeypatch.setattr(Onnx, "logits", lambda self, squares: right(self, squares)[:, ::-1])
    with pytest.raises(RunError, match=r"model\.onnx is not what was exported: .*have the run's"):
        verify(folder)
    with pytest.raises(RunError, match="the exported model is not the run's"):
        export(runs["whole"], "onnx", out=tmp_path / "again")


def test_int8_is_kept_where_no_truth_tells_what_it_costs(runs, monkeypatch, tmp_path):
    compared = quantizing.compare_all
    monkeypatch.setattr(
        quantizing,
        "compare_all",
        lambda *given: [replace(one, loss=float("nan")) for one in compared(*given)],
    )
    folder = export(layered(runs["whole"]), "litert", int8=True, most_loss=1, out=tmp_path / "made")
    assert is_in_eight_bits(open_artifact(folder))


def test_int8_is_of_openvino_and_litert(runs):
    with pytest.raises(UsageError, match=r"int8 is made for openvino and litert.* not for onnx"):
        export(runs["whole"], "onnx", int8=True)


def test_images_that_give_ranges_show_every_class(runs):
    from maskwright.exporting.quantizing import calibrating

    dataset = runs["whole"].dataset
    pairs = calibrating(dataset)
    assert len({pair.image for pair in pairs}) == len(pairs)
    assert {pair.split for pair in pairs} == {"train"}


def test_ranges_hold_for_colours_that_no_training_image_has(runs):
    from maskwright.exporting.quantizing import squares_of

    run = runs["whole"]
    squares = squares_of(run.dataset, exporting.facts_of(run, "image"))
    flat = {tuple(square[0, 0]) for square in squares if (square == square[0, 0]).all()}
    assert {(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 255)} <= flat


def test_a_saved_model_that_is_damaged_is_named(tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"nothing of the kind")
    with pytest.raises(RunError, match=r"saved_model cannot be opened: it is damaged, or no model"):
        open_artifact(tmp_path)


def test_int8_without_nncf_is_refused_before_anything_is_made(runs, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(
        DataError, match=r"exporting in int8 needs nncf: pip install 'maskwright\[int8\]'"
    ):
        export(runs["whole"], "openvino", int8=True, out=tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_no_export_is_compared_on_test_images(runs, monkeypatch):
    read = []
    real = read_pair

    def noting(pair, bands):
        read.append(pair.split)
        return real(pair, bands)

    monkeypatch.setattr(examples, "read_pair", noting)
    found = list(examples.examples_of(runs["whole"]))
    assert len(found) == len(read) + examples.CUT
    assert set(read) == {"val", "train"}
    assert read == sorted(read, reverse=True)  # the validation first
