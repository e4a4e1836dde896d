"""Artifacts that are damaged, of another version or of somebody else are refused in words."""

import builtins
import contextlib
import hashlib
import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from maskwright.artifacts import Artifact, open_artifact, opened, parity, unchanged
from maskwright.artifacts.facts import CHANCES, KEY, VIEW, Facts, facts_from
from maskwright.artifacts.formats import check_format
from maskwright.artifacts.opening import behind
from maskwright.artifacts.parity import (
    REACH,
    Example,
    Limits,
    Parity,
    agreement,
    best_shift,
    compare,
    read_reference,
    verify,
    write_reference,
)
from maskwright.config import ViewConfig
from maskwright.data.bands import RGB
from maskwright.data.labels import ClassTable, Label
from maskwright.errors import DataError, RunError
from maskwright.exporting.formats import with_facts

TABLE = ClassTable("index", (Label("dark", "#000000", (0,)), Label("light", "#ffffff", (1,))))
MADE = {"version": "0.1.0", "run": "cells", "sha256": "0", "recipe": "default"}
VIEW_FACTS = {"size": 16, "fit": "pad", "scale": 1, "overlap": 0.25, "margin": 0}
FACTS = Facts(VIEW, ViewConfig(size=16), RGB, TABLE, 0, 1.0, False, None, MADE)


def write_model(path: Path, facts: str | None) -> Path:
    """An ONNX file that says "light" where red is above 128."""
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["real", "zero", "one", "three"], ["red"]),
        helper.make_node("Sub", ["red", "middle"], ["above"]),
        helper.make_node("Sub", ["above", "above"], ["nothing"]),
        helper.make_node("Concat", ["nothing", "above"], ["logits"], axis=3),
        helper.make_node("Softmax", ["logits"], ["probabilities"], name=CHANCES, axis=3),
    ]
    constants = {"zero": [0], "one": [1], "three": [3]}
    known = [helper.make_tensor(k, TensorProto.INT64, [1], v) for k, v in constants.items()]
    known.append(helper.make_tensor("middle", TensorProto.FLOAT, [], [128.5]))
    graph = helper.make_graph(
        nodes, "light",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["b", "h", "w", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["b", "h", "w", 2])],
        known,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if facts is not None:
        helper.set_model_props(model, {KEY: facts})
    onnx.save(model, path)
    return path


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model.onnx", FACTS.text())


def test_facts_read_back():
    assert facts_from(FACTS.text(), "here") == FACTS


@pytest.mark.parametrize(
    "change",
    [{"takes": "sound"}, {"view": {}}, {"view": {**VIEW_FACTS, "size": "big"}},
     {"table": {"classes": 3}}, {"temperature": "hot"}, {"bands": 4},
     {"calibration": {"temperature": 1}}, {"made": []}, {"temperature": 0}, {"temperature": 1e300},
     {"view": {**VIEW_FACTS, "size": -5}}, {"view": {**VIEW_FACTS, "fit": "nonsense"}},
     {"view": {**VIEW_FACTS, "scale": 0}}, {"view": {**VIEW_FACTS, "overlap": 1}},
     {"view": {**VIEW_FACTS, "margin": -3}}, {"view": {**VIEW_FACTS, "scale": float("nan")}}],
    ids=str,
)  # fmt: skip
def test_facts_that_are_damaged_are_named(change):
    text = json.dumps({**json.loads(FACTS.text()), **change})
    with pytest.raises(
        RunError, match=r"model\.onnx: what it says .* is damaged .*export it again"
    ):
        facts_from(text, "model.onnx")


@pytest.mark.parametrize("text", ["{", "[]", "null", "{}", '"x"', "[" * 200_000, " " * 5_000_000])
def test_facts_that_are_none_are_named(text):
    with pytest.raises(RunError, match="damaged"):
        facts_from(text, "model.onnx")


def test_facts_of_a_version_to_come_name_it():
    text = json.dumps({**json.loads(FACTS.text()), "format": 3, "made": {"version": "3.1"}})
    with pytest.raises(RunError, match=r"of format 3, .* reads 2; install the version .*, 3\.1"):
        facts_from(text, "model.onnx")


def test_an_artifact_predicts(model):
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 255
    mask = opened(model).predictor.mask(image)
    assert mask.shape == (20, 30)
    assert mask[:, :14].max() == 0
    assert mask[:, 16:].min() == 1


def test_the_folder_of_an_export_stands_for_its_model(model):
    assert open_artifact(model.parent).path == model


def test_a_model_from_elsewhere_is_said_to_be(tmp_path):
    write_model(tmp_path / "theirs.onnx", None)
    with pytest.raises(
        RunError, match=r"theirs\.onnx was not exported by Maskwright: it says noth"
    ):
        open_artifact(tmp_path / "theirs.onnx")


@pytest.mark.parametrize("name", ["cut.onnx", "cut.xml", "cut.tflite"])
def test_a_damaged_file_is_named(model, tmp_path, name, capfd):
    (tmp_path / name).write_bytes(model.read_bytes()[:200])
    (tmp_path / "cut.bin").touch()
    with pytest.raises(RunError, match=rf"{name} cannot be opened: it is damaged, or no model"):
        open_artifact(tmp_path / name)
    assert capfd.readouterr() == ("", "")  # no runtime has its own say


def test_a_model_without_its_weights_is_told_so(tmp_path):
    (tmp_path / "model.xml").write_text("<net/>")
    told = r"model\.bin is missing, which holds the weights of model\.xml: take both along"
    with pytest.raises(RunError, match=told):
        open_artifact(tmp_path / "model.xml")


def test_a_file_without_a_suffix_is_no_model(tmp_path):
    (tmp_path / "notes").write_text("nothing")
    with pytest.raises(RunError, match=r"notes is no exported model: name a \.onnx"):
        open_artifact(tmp_path / "notes")
    with pytest.raises(RunError, match=r"notes is a file, and no exported model, which ends in"):
        opened(tmp_path / "notes")


def test_tensorflow_that_is_missing_is_named(tmp_path, monkeypatch):
    (tmp_path / "model.2").mkdir()
    (tmp_path / "model.2" / "saved_model.pb").write_bytes(b"")

    def refuse(wanted):
        raise ImportError(wanted)

    monkeypatch.setattr("importlib.import_module", refuse)
    with pytest.raises(DataError, match=r"opening model\.2 needs tensorflow: pip install tensorf"):
        open_artifact(tmp_path / "model.2")


def test_what_nobody_measured_is_none_in_json():
    known = Parity(1, ["9×9"], 1.0, 0.0, (0, 0), float("nan"), float("nan")).to_dict()
    assert known["mean_iou"] is known["loss"] is None
    assert known["equal"] == 1


def test_what_is_no_model_is_named(tmp_path):
    with pytest.raises(RunError, match=r"nowhere is no exported model: name a \.onnx"):
        open_artifact(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("a.onnx", "onnxruntime", "onnx"), ("a.xml", "openvino", "openvino"),
     ("a.tflite", "ai_edge_litert", "litert")],
)  # fmt: skip
def test_a_runtime_that_is_missing_names_its_extra(tmp_path, monkeypatch, name, package, extra):
    (tmp_path / name).write_bytes(b"")
    real = builtins.__import__
    monkeypatch.setattr(
        "importlib.import_module",
        lambda wanted, *rest: (_ for _ in ()).throw(ImportError(wanted)),
    )
    with pytest.raises(
        DataError, match=rf"opening {name} needs {package}: pip install 'maskwright\[{extra}\]'"
    ):
        open_artifact(tmp_path / name)
    assert builtins.__import__ is real


def example(seed: int = 0) -> Example:
    """A picture of blobs with what the model above says of it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(256, size=(7, 7, 3)).astype(np.uint8)
    image = np.kron(coarse, np.ones((5, 5, 1), np.uint8))
    light = (image[..., 0] > 128).astype(np.uint8)
    chance = 1 / (1 + np.exp(-np.abs(image[..., 0].astype(np.float32) - 128.5)))
    return Example(image, light, chance, light)


def test_a_model_that_agrees_is_verified(tmp_path, model):
    write_model(model, FACTS.text().replace('"size": 16', '"size": 35'))
    examples = [example(0), example(1)]
    write_reference(tmp_path / "reference.npz", examples)
    assert verify(model).equal == 1
    examples[1] = examples[1]._replace(mask=1 - examples[1].mask)
    write_reference(tmp_path / "reference.npz", examples)
    with pytest.raises(RunError, match=r"is not what was exported: .*50\.000% of the pixels"):
        verify(model)


def test_references_read_back_and_damaged_ones_are_named(tmp_path):
    path = tmp_path / "reference.npz"
    with pytest.raises(RunError, match=r"reference\.npz is missing, by which an artifact is verif"):
        read_reference(path)
    write_reference(path, [example()])
    (read,) = read_reference(path)
    for mine, theirs in zip(example(), read, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=0.5 / 255)
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    with pytest.raises(RunError, match="is damaged"):
        read_reference(path)
    for place in range(
        30, len(whole), 7
    ):  # each in its turn: zlib, NumPy and zipfile say their own
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with contextlib.suppress(RunError):
            read_reference(path)


def test_a_reference_that_would_swell_up_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "MOST", 100)
    write_reference(tmp_path / "reference.npz", [example()])
    with pytest.raises(RunError, match=r"is damaged \(it holds [\d,]+ bytes, and 100 are"):
        read_reference(tmp_path / "reference.npz")


def test_a_shift_is_found_and_told():
    mask = (np.random.default_rng(0).random((40, 50)) > 0.5).astype(np.uint8)
    for down, right in ((0, 0), (1, 0), (0, -2), (3, 3)):
        near = agreement(np.roll(mask, (down, right), (0, 1)), mask)
        assert best_shift(near) == (-down, -right)
    assert not agreement(mask[: 2 * REACH], mask[: 2 * REACH]).any()  # too small to be shifted


def test_what_is_beyond_the_limits_is_said_in_words():
    fine = Parity(3, ["9×9"], 0.9995, 0.01, (0, 0), 0.8, 0.0001)
    assert fine.wrong(Limits()) == []
    bad = Parity(3, ["9×9"], 0.95, 0.2, (-1, 2), 0.7, 0.1)
    assert bad.wrong(Limits()) == [
        "its masks are shifted, by 1 pixels down and -2 to the right",
        "95.000% of the pixels have the run's class, and 99.9% must",
        "a probability differs by 0.200, and 0.1 is the most",
        "mean IoU is 0.1000 below the run's, and 0.001 is the most",
    ]


def test_probabilities_that_are_no_numbers_are_not_passed_over(model, monkeypatch):
    artifact = open_artifact(model)
    monkeypatch.setattr(
        parity, "predicted", lambda one, image, by: (example().mask, 0 * example().mask / np.nan)
    )
    found = compare(artifact, [example()])
    assert found.equal == 1
    assert found.wrong(Limits()) == ["probabilities are no numbers (NaN)"]
    assert found.wrong(Limits(largest=1.0))


def test_the_checksum_is_of_all_files(tmp_path):
    path = tmp_path / "model.xml"
    for name in ("model.xml", "model.bin"):
        (tmp_path / name).write_bytes(b"some")
    before = Artifact(path, None).digest
    path.write_bytes(b"else")
    assert Artifact(path, None).digest != before
    folder = tmp_path / "saved_model"
    (folder / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index"):
        (folder / name).write_bytes(b"some")
    before = Artifact(folder, None).digest
    (folder / "saved_model.pb").write_bytes(b"else")
    assert Artifact(folder, None).digest != before
    single = tmp_path / "model.onnx"
    single.write_bytes(b"some")
    assert Artifact(single, None).digest == hashlib.sha256(b"some").hexdigest()


@pytest.mark.parametrize("place", range(0, 400, 9))
def test_what_follows_a_litert_model_may_be_damaged(tmp_path, place):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"model")
    with_facts(path, FACTS.text())
    content = path.read_bytes()
    assert behind(content, path) == {KEY: FACTS.text()}
    place = 5 + place % (len(content) - 5)
    damaged = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
    with contextlib.suppress(RunError):
        assert behind(damaged, path) in ({}, {KEY: FACTS.text()})


def test_an_artifact_of_views_is_compared_by_way_of_the_predictor(tmp_path):
    path = write_model(tmp_path / "model.onnx", FACTS.text().replace('"size": 16', '"size": 35'))
    found = compare(open_artifact(path), [example()])
    assert found.equal == 1
    assert found.shift == (0, 0)


def test_a_file_that_changed_since_it_was_exported_is_refused(tmp_path, model):
    told = {"file_sha256": open_artifact(model).digest}
    (tmp_path / "parity.json").write_text(json.dumps(told))
    assert open_artifact(model).path == model
    write_model(model, FACTS.text().replace('"size": 16', '"size": 24'))
    with pytest.raises(RunError, match=r"model\.onnx is not the file that was exported: its check"):
        open_artifact(model)
    (tmp_path / "parity.json").write_text("{")
    assert open_artifact(model).path == model  # a damaged certificate says nothing


def test_a_folder_of_exports_names_them(tmp_path):
    for name in ("onnx", "litert"):
        (tmp_path / "exports" / name).mkdir(parents=True)
        (tmp_path / "exports" / name / "parity.json").write_text("{}")
    told = r"holds exports: name one of them, .*/exports/litert, .*/exports/onnx"
    for place in (tmp_path / "exports", tmp_path):  # the second is a run's folder
        for look in (opened, open_artifact):
            with pytest.raises(RunError, match=told):
                look(place)


def test_of_a_model_in_two_files_either_may_have_changed(tmp_path):
    (tmp_path / "parity.json").write_text('{"file_sha256": "a"}')
    told = r"model\.xml, or its model\.bin, is not the file that was exported: its checksum"
    with pytest.raises(RunError, match=told):
        unchanged(SimpleNamespace(path=tmp_path / "model.xml", digest="b"))


def test_an_xml_without_weights_is_no_model_in_a_folder(tmp_path):
    (tmp_path / "photo.xml").write_text("<annotation/>")
    with pytest.raises(RunError, match="is no run folder: it has no config"):
        opened(tmp_path)


def test_a_model_of_another_name_in_a_folder_is_named(tmp_path, model):
    model.rename(tmp_path / "pets.onnx")
    told = r"is no run folder, but holds a model: name .*pets\.onnx"
    with pytest.raises(RunError, match=told):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("format", "int8", "package", "extra"),
    [("onnx", False, "tf2onnx", "onnx"), ("openvino", False, "openvino", "openvino"),
     ("openvino", True, "nncf", "int8"), ("litert", True, "ai_edge_litert", "litert")],
)  # fmt: skip
def test_what_an_export_needs_is_asked_for_before_anything(
    monkeypatch, format, int8, package, extra
):
    check_format(format, int8=int8)
    real = importlib.import_module
    monkeypatch.setattr(
        "importlib.import_module",
        lambda name: (_ for _ in ()).throw(ImportError()) if name == package else real(name),
    )
    with pytest.raises(
        DataError, match=rf"exporting .* needs {package}: pip install 'maskwright\[{extra}\]'"
    ):
        check_format(format, int8=int8)
