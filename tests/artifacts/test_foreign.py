"""ONNX files from elsewhere, with their classes and what they take in a file beside them."""

import csv

import numpy as np
import onnx
import pytest
from commanding import call
from onnx import TensorProto, helper
from PIL import Image

import maskwright as mw
from maskwright.artifacts import open_artifact
from maskwright.artifacts.facts import KEY
from maskwright.errors import DataError, RunError, UsageError

CLASSES = """
[[classes]]
name = "dark"
[[classes]]
name = "light"
"""
ONE = "mean = [0.5, 0.5, 0.5]\nstd = [0.1, 0.1, 0.1]\n"


def write_model(path, *, last=False, real=True, end="logits", sides=("h", "w"), batch="b",
                half=False):  # fmt: skip
    """A file that says "light" where red is above the middle: "logits", "Softmax", or "Sigmoid" of
    one channel; its bands ``last`` or before; numbers ``real`` or uint8; of ``half`` the size."""
    axis = 3 if last else 1
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["real", "zero", "one", "axis"], ["red"]),
        helper.make_node("Sub", ["red", "middle"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["light"]),
    ]
    now = "light"
    if end != "Sigmoid":
        nodes += [
            helper.make_node("Sub", ["light", "light"], ["dark"]),
            helper.make_node("Concat", ["dark", "light"], ["both"], axis=axis),
        ]
        now = "both"
    if end == "Softmax":
        nodes.append(helper.make_node("Softmax", [now], ["chances"], axis=axis))
        now = "chances"
    if end == "Sigmoid":
        nodes.append(helper.make_node("Sigmoid", [now], ["chances"]))
        now = "chances"
    if half:
        nodes.append(helper.make_node("AveragePool", [now], ["small"], kernel_shape=[2, 2],
                                      strides=[2, 2]))  # fmt: skip
        now = "small"
    nodes.append(helper.make_node("Identity", [now], ["found"]))
    known = [helper.make_tensor(name, TensorProto.INT64, [1], [value])
             for name, value in {"zero": 0, "one": 1, "axis": axis}.items()]  # fmt: skip
    numbers = {"middle": 0 if real else 128, "steep": 5 if real else 1}
    known += [helper.make_tensor(k, TensorProto.FLOAT, [], [v]) for k, v in numbers.items()]
    shape = [batch, *sides, 3] if last else [batch, 3, *sides]
    kind = TensorProto.FLOAT if real else TensorProto.UINT8
    graph = helper.make_graph(
        nodes, "light", [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [None] * 4)], known,
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def write_classes(folder, text="", classes=CLASSES):
    path = folder / "dataset.toml"
    path.write_text(f"{classes}\n{text}")
    return path


def picture(height=40, width=60):
    """Dark on the left, light on the right, uint8 [H, W, 3]."""
    image = np.full((height, width, 3), 30, np.uint8)
    image[:, width // 2 :] = 220
    return image


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, f"[input]\nsize = 32\n{ONE}"),
        ({"last": True}, f"[input]\nsize = 32\nfit = 'squash'\n{ONE}"),
        ({"sides": (32, 32)}, f"[input]\n{ONE}"),
        ({"batch": 1}, f"[input]\nsize = 16\nfit = 'window'\n{ONE}"),
        ({"real": False, "sides": (32, 32), "last": True}, ""),
        ({"end": "Softmax"}, f"[input]\nsize = 32\n{ONE}"),
        ({"end": "Sigmoid"}, f"[input]\nsize = 32\n{ONE}"),
        ({"half": True}, f"[input]\nsize = 32\n{ONE}"),
    ],
    ids=str,
)
def test_it_is_used_as_an_export_is(tmp_path, form, told):
    path, classes = write_model(tmp_path / "theirs.onnx", **form), write_classes(tmp_path, told)
    artifact = open_artifact(path, classes=classes)
    assert artifact.table.names == ["dark", "light"]
    mask = artifact.predictor.mask(picture())
    assert mask.shape == (40, 60)
    assert mask[:, :27].max() == 0
    assert mask[:, 33:].min() == 1
    chances = artifact.predictor.probabilities(picture())
    np.testing.assert_allclose(chances.sum(axis=-1), 1, atol=1e-5)
    assert chances[20, 5, 0] > 0.99
    assert chances[20, 55, 1] > 0.99


def test_probabilities_stay_what_they_are(tmp_path):
    classes = write_classes(tmp_path, f"[input]\nsize = 32\n{ONE}")
    grey = np.full((32, 32, 3), 140, np.uint8)
    chance = 1 / (1 + np.exp(-5 * (140 / 255 - 0.5) / 0.1))
    for end in ("logits", "Softmax", "Sigmoid"):
        path = write_model(tmp_path / f"{end}.onnx", end=end)
        found = open_artifact(path, classes=classes).predictor.probabilities(grey)
        np.testing.assert_allclose(found[..., 1], chance, atol=1e-5)


@pytest.mark.parametrize(
    ("form", "told", "says"),
    [
        ({}, f"[input]\n{ONE}", r"theirs\.onnx leaves the size of its images open: write .*size"),
        ({}, "[input]\nsize = 32", r"float \[b, 3, h, w\], and .*toml does not say how pixels"),
        ({"sides": (32, 48)}, f"[input]\n{ONE}", r"takes images of 32 × 48 pixels, and only"),
        ({"sides": (32, 32)}, f"[input]\nsize = 64\n{ONE}", r"32 pixels a side, and \[input\]"),
        ({"real": False}, f"[input]\nsize = 32\n{ONE}", r"uint8 .* nothing is scaled before"),
        ({}, f"[input]\nsize = 32\n{ONE}\n[bands]\ncount = 1", r"cannot be seen where its 1"),
        ({}, f"[input]\nsize = 32\n{ONE}\n[[classes]]\nname = 'third'",
         r"gives \[1, 2, 32, 32\] for a square of 32 pixels, and none of it has the 3 classes of"),
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_go_together_is_told(tmp_path, form, told, says):
    path = write_model(tmp_path / "theirs.onnx", **form)
    with pytest.raises(RunError, match=says):
        open_artifact(path, classes=write_classes(tmp_path, told))


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("input = 3", r"dataset\.toml: input = 3 must be a table"),
        ("[input]\nsise = 3", r"unknown key sise in \[input\]: did you mean size"),
        ("[input]\nsize = 0.5", r"\[input\] size = 0\.5 must be a whole number"),
        ("[input]\nfit = 'crop'", r"\[input\] fit = 'crop': "),
        ("[input]\nsize = 32\nmean = [0.5]\nstd = [1]", r"\[input\] mean = \[0\.5\] is not"),
        ("[input]\nsize = 32\nmean = [0, 0, 0]\nstd = [1, 1, 0]", r"std = \[1, 1, 0\] is not"),
        ("[input", r"dataset\.toml cannot be read as TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_beside_it_is_told(tmp_path, told, says):
    path, classes = write_model(tmp_path / "theirs.onnx"), tmp_path / "dataset.toml"
    classes.write_text(f"{told}\n{CLASSES}")
    with pytest.raises(DataError, match=says):
        open_artifact(path, classes=classes)


def test_a_file_of_classes_that_is_not_there_is_named(tmp_path):
    path = write_model(tmp_path / "theirs.onnx")
    with pytest.raises(DataError, match=r"nowhere\.toml cannot be read: No such file.*check the"):
        open_artifact(path, classes=tmp_path / "nowhere.toml")


def test_classes_are_told_of_no_run(tmp_path):
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(UsageError, match="is a run, which knows its classes; leave those out"):
        open_artifact(tmp_path, classes=tmp_path / "dataset.toml")


def test_classes_are_told_of_no_other_file(tmp_path):
    (tmp_path / "a.tflite").write_bytes(b"")
    with pytest.raises(UsageError, match=r"a\.tflite is not one whose classes can be told"):
        open_artifact(tmp_path / "a.tflite", classes=tmp_path / "dataset.toml")


def test_an_export_of_ours_is_told_no_classes(tmp_path):
    model = onnx.load(write_model(tmp_path / "ours.onnx"))
    helper.set_model_props(model, {KEY: "{}"})
    onnx.save(model, tmp_path / "ours.onnx")
    with pytest.raises(UsageError, match="exports carry their own; leave them out"):
        open_artifact(tmp_path / "ours.onnx", classes=write_classes(tmp_path))


def test_a_size_that_it_cannot_take_is_told(tmp_path):
    """Something in it is made for 16 pixels, though it leaves its size open."""
    path = write_model(tmp_path / "theirs.onnx")
    model = onnx.load(path)
    grid = np.zeros((1, 2, 16, 16), np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(grid, "grid"))
    model.graph.node[-1].output[0] = "almost"
    model.graph.node.append(helper.make_node("Add", ["almost", "grid"], ["found"]))
    onnx.save(model, path)
    classes = write_classes(tmp_path, f"[input]\nsize = 30\n{ONE}")
    with pytest.raises(RunError, match=r"theirs\.onnx fails at a square of 30 pixels: write the"):
        open_artifact(path, classes=classes)
    classes = write_classes(tmp_path, f"[input]\nsize = 16\n{ONE}")
    assert open_artifact(path, classes=classes).predictor.mask(picture()).max() == 1


def test_a_file_of_more_inputs_is_refused(tmp_path):
    model = onnx.load(write_model(tmp_path / "theirs.onnx"))
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    onnx.save(model, tmp_path / "theirs.onnx")
    with pytest.raises(RunError, match=r"takes float \[b, 3, h, w\], float \[1\], and one batch"):
        open_artifact(tmp_path / "theirs.onnx", classes=write_classes(tmp_path))


def test_it_predicts_and_is_scored_by_the_commands(tmp_path, capsys, monkeypatch):
    path = write_model(tmp_path / "theirs.onnx")
    classes = write_classes(tmp_path, f"[input]\nsize = 32\n{ONE}")
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    for number in range(3):
        image = picture(40 + number, 60)
        Image.fromarray(image).save(tmp_path / "data" / "images" / f"{number}.png")
        truth = (image[..., 0] > 128).astype(np.uint8)
        Image.fromarray(truth).save(tmp_path / "data" / "masks" / f"{number}.png")
    result = mw.evaluate(open_artifact(path, classes=classes), tmp_path / "data")
    assert result["mean_iou"] > 0.95
    assert result["trained_on"] is None
    assert (tmp_path / "evaluation" / "data-all.json").is_file()
    words = "evaluate", path, tmp_path / "data", "--classes", classes
    code, _, told = call(capsys, monkeypatch, *words)
    assert code == 0
    assert "nobody here knows what it was trained on" in " ".join(told.split())
    words = "predict", path, tmp_path / "data" / "images", "--out", tmp_path / "masks"
    code, _, told = call(capsys, monkeypatch, *words)
    assert code == 1
    assert "by --classes dataset.toml" in " ".join(told.split())
    code, _, told = call(capsys, monkeypatch, *words, "--classes", classes)
    assert code == 0
    with (tmp_path / "masks" / "predictions.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


def test_a_dataset_may_say_what_a_network_takes(tmp_path):
    """One file may tell of both."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for number in range(2):
            pixels = picture(32, 32) if kind == "images" else picture(32, 32)[..., 0] // 200
            Image.fromarray(pixels).save(tmp_path / kind / f"{number}.png")
    classes = write_classes(tmp_path, f"[input]\nsize = 32\n{ONE}")
    artifact = open_artifact(write_model(tmp_path / "theirs.onnx"), classes=classes)
    assert mw.evaluate(artifact, tmp_path)["mean_iou"] > 0.95


def test_an_export_away_from_its_run_is_scored_on_other_data_alone(tmp_path):
    path = write_model(tmp_path / "theirs.onnx")
    artifact = open_artifact(path, classes=write_classes(tmp_path, f"[input]\nsize = 32\n{ONE}"))
    with pytest.raises(RunError, match=r"score it on other data: maskwright evaluate \S+ DATA"):
        mw.evaluate(artifact)
