"""Masks that number their objects: trained with rims, by which objects that touch are parted."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

import maskwright as mw
from maskwright.artifacts import open_artifact
from maskwright.data.rims import apart
from maskwright.engine import keras
from maskwright.errors import UsageError
from maskwright.models import build
from maskwright.prediction import predict
from maskwright.runs import load
from maskwright.settings import change
from maskwright.training import train

SETTINGS = {
    "train.epochs": 2, "train.learning_rate": 1e-2, "view.size": 64, "view.fit": "window",
    "model.filters": [4, 8], "model.encoder": "plain", "train.rim": 2.0,
}  # fmt: skip
TABLE = """encoding = "instances"
[[classes]]
name = "background"
[[classes]]
name = "object"
"""


def discs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An image uint8 [64, 64, 3] of pairs of discs that touch, and their numbers [64, 64]."""
    numbers = np.zeros((64, 64), np.uint16)
    for place in range(4):
        y, x = 16 + 32 * (place // 2), 8 + 32 * (place % 2)
        for side in (0, 1):
            own = np.zeros((64, 64), np.uint8)
            cv2.circle(own, (x + 14 * side, y + int(rng.integers(-2, 3))), 7, 1, -1)
            numbers[(own > 0) & (numbers == 0)] = 300 + 2 * place + side
    depth = np.zeros((64, 64), np.float32)
    for number in np.unique(numbers[numbers > 0]):
        own = (numbers == number).astype(np.uint8)
        depth = np.maximum(depth, cv2.distanceTransform(own, cv2.DIST_L2, 5))
    grey = np.where(numbers > 0, 90 + 18 * depth, 20) + rng.normal(0, 3, (64, 64))
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2), numbers


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve such images, by folders 8 to train on, 2 to validate, 2 to test."""
    root, rng = tmp_path_factory.mktemp("discs"), np.random.default_rng(0)
    for number, split in enumerate(["train"] * 8 + ["val"] * 2 + ["test"] * 2):
        image, numbers = discs(rng)
        for kind, pixels in (("images", image), ("instances", numbers)):
            (root / split / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / split / kind / f"{number}.png")
    (root / "dataset.toml").write_text(TABLE)
    return root


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A run of three classes that has learnt next to nothing."""
    config = mw.recipe("default", SETTINGS)
    return train(data, out=tmp_path_factory.mktemp("runs") / "run", config=config)


def knowing(run):
    """The run, with a network in place of its own that reads classes off the grey of the discs."""
    seen = keras.Input((None, None, 3))
    grey = keras.ops.cast(seen[..., 0], "float32")
    rim = 8 * keras.ops.where(grey < 60, -1.0, keras.ops.where(grey < 135, 1.0, -0.5))
    inside = keras.ops.where(grey < 135, -8.0, 8.0)
    model = keras.Model(seen, keras.ops.stack([keras.ops.zeros_like(grey), inside, rim], axis=-1))
    found = replace(run)
    vars(found)["model"] = model
    return found


def test_a_run_learns_a_class_more_and_says_so(run):
    assert run.model.output.shape[-1] == 3
    assert run.table.names == ["background", "object"]
    assert "and the rims of objects, 2 pixels wide, to part those that touch" in (
        run.path / "log.txt"
    ).read_text("utf-8")


def test_masks_and_probabilities_stay_those_of_the_table(run):
    image = run.predictor.read(run.dataset.pairs[0].image)
    two, three = run.predictor.probabilities(image), run.parter.probabilities(image)
    assert (two.shape[-1], three.shape[-1]) == (2, 3)
    np.testing.assert_allclose(apart(three, 2)[0], two, atol=1e-5)


def test_what_touches_is_parted_and_counted(run, tmp_path):
    run = knowing(run)
    images = [pair.image for pair in run.dataset.of("test")]
    predict(run, images, out=tmp_path / "out", objects=True)
    predict(run, images, out=tmp_path / "plain", objects=True, part="none")
    counts = {}
    for name in ("out", "plain"):
        with (tmp_path / name / "predictions.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        counts[name] = [int(row["objects"]) for row in rows]
        assert not [key for key in rows[0] if "rim" in key or "boundary" in key]
    assert counts == {"out": [8, 8], "plain": [4, 4]}
    objects = run.objects(images[0])
    assert len(objects) == 8
    assert all(0.5 < one.confidence <= 1 for one in objects)
    assert len(run.objects(images[0], part="none")) == 4
    masks = [np.array(Image.open(tmp_path / name / images[0].with_suffix(".png").name))
             for name in counts]  # fmt: skip
    np.testing.assert_array_equal(*masks)
    assert len(np.unique(masks[0])) == 2


def test_what_is_scored_is_parted_alike(run):
    knows = knowing(run)
    whole = replace(knows)
    vars(whole).update(parter=knows.predictor)
    by_rims, plain = (mw.evaluate(one) for one in (knows, whole))
    assert by_rims["panoptic_quality"] > plain["panoptic_quality"] + 0.5
    assert by_rims["average_precision_50"] > 0.9
    assert (by_rims["objects"], plain["objects"]) == (
        {"true": 16, "predicted": 16, "dropped": 0}, {"true": 16, "predicted": 8, "dropped": 0},
    )  # fmt: skip
    with (run.path / "evaluation" / "test.csv").open(newline="") as file:
        assert [(row["objects"], row["objects predicted"]) for row in csv.DictReader(file)] == [
            ("8", "4"), ("8", "4"),
        ]  # fmt: skip
    page = mw.write_report(whole).read_text(encoding="utf-8")
    assert "they hold 16, and 8 were predicted" in page
    place = run.path / "evaluation" / "test.json"
    told = json.loads(place.read_text("utf-8"))
    place.write_text(json.dumps(told | {"objects": {"true": 16, "predicted": 8, "dropped": 1}}))
    page = mw.write_report(whole).read_text(encoding="utf-8")
    assert "1 predicted piece of fewer than 10 pixels is none" in page
    for counts in ({"objects": {"true": 16, "predicted": 8}}, {}):  # of versions before
        kept = {key: value for key, value in told.items() if key not in ("objects", "least_area")}
        place.write_text(json.dumps(kept | counts))
        page = mw.write_report(whole).read_text(encoding="utf-8")
        assert ("they hold 16, and 8 were predicted" in page) == bool(counts)
        assert "of fewer than" not in page
    assert "Objects predicted" in page


def test_without_rims_two_classes_are_learnt_as_before(data, tmp_path):
    config = mw.recipe("default", {**SETTINGS, "train.rim": 0, "train.epochs": 1})
    run = train(data, out=tmp_path / "run", config=config)
    assert run.model.output.shape[-1] == 2
    assert run.parter is run.predictor
    assert "the rims of objects" not in (run.path / "log.txt").read_text("utf-8")


def test_a_run_from_before_there_were_rims_has_none(run, tmp_path):
    text = (run.path / "config.toml").read_text("utf-8")
    for name in ("dataset.toml", "split.csv", "data.json"):
        (tmp_path / name).write_bytes((run.path / name).read_bytes())
    (tmp_path / "config.toml").write_text(text.replace("rim = 2.0\n", ""), "utf-8")
    assert load(tmp_path).config.train.rim == 0
    assert load(run.path).config == change(load(tmp_path).config, {"train.rim": 2.0})


def test_a_model_of_ones_own_needs_a_channel_for_rims(data, tmp_path):
    config = mw.recipe("default", SETTINGS)
    model = build(config.model, 2)
    with pytest.raises(
        UsageError,
        match=r"2 channels, but the data has 2 classes \(background, object\) and the rims of "
        r"objects; give its last layer 3, or set train.rim=0$",
    ):
        train(data, out=tmp_path / "run", config=config, model=model)


def test_classes_weigh_alike_inside_and_on_rims(data, tmp_path):
    settings = {**SETTINGS, "train.balance": 0.5, "train.border": 1.0, "train.epochs": 1}
    assert train(data, out=tmp_path / "run", config=mw.recipe("default", settings)).metrics()


@pytest.mark.parametrize("format", ["onnx", "openvino", "litert", "saved_model"])
def test_an_export_knows_rims_as_its_run_does(run, format, tmp_path):
    assert abs(run.predictor.temperature - 1) > 0.05  # else it would not matter here
    artifact = open_artifact(mw.export(run, format, out=tmp_path / "made"))
    image = run.predictor.read(run.dataset.pairs[0].image)
    for own, its in ((run.predictor, artifact.predictor), (run.parter, artifact.parter)):
        np.testing.assert_allclose(its.probabilities(image), own.probabilities(image), atol=1e-4)
    card = (tmp_path / "made" / "model-card.md").read_text("utf-8")
    call = f"`maskwright predict {artifact.path.name} IMAGES --out masks --objects`"
    assert f"{call} parts by it what touches" in card
    assert "cut the image into squares of 64 pixels" in card  # at its own scale, so not enlarged
