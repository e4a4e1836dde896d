"""What predict writes of objects: which files, what they hold, and what is refused beforehand."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scene import KINDS

from maskwright.cli import cli
from maskwright.data.images import write_numbers
from maskwright.data.labels import ClassTable, Label
from maskwright.errors import DataError, UsageError
from maskwright.prediction import predict, say_what_was_found
from maskwright.predictor import certainty
from maskwright.shapes.writing import FORMATS, finding


@pytest.fixture
def run(run, threshold):
    """A run of background and things, 60 pixels each in every image."""
    names = ("background", "thing")
    table = ClassTable("index", tuple(Label(n, "#0072b2", (k,)) for k, n in enumerate(names)))
    vars(run)["dataset"] = replace(run.dataset, table=table)
    vars(run)["predictor"] = threshold(table)
    return run


def files(folder):
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_objects_are_two_tables_of_all_images(run, tmp_path):
    images = [pair.image for pair in run.dataset.pairs[:2]]
    predict(run, images, out=tmp_path / "out", objects=True)
    assert files(tmp_path / "out") == {
        "0.png", "0-objects.tif", "1.png", "1-objects.tif", "objects.csv", "predictions.csv",
    }  # fmt: skip
    objects, pictures = (
        rows(tmp_path / "out" / f"{name}.csv") for name in ("objects", "predictions")
    )
    assert [(row["image"], row["number"], row["area"]) for row in objects] == [
        ("0.png", "1", "60"), ("1.png", "1", "60"),
    ]  # fmt: skip
    assert [row["objects"] for row in pictures] == ["1", "1"]
    assert pictures[0]["share of thing"] == "0.5"
    assert 0.99 < float(objects[0]["confidence"]) <= 1


def test_numbers_in_an_image_are_those_of_the_table(run, tmp_path):
    predict(run, run.dataset.pairs[0].image, out=tmp_path / "out", objects=True)
    (row,) = rows(tmp_path / "out" / "objects.csv")
    numbers = np.array(Image.open(tmp_path / "out" / "0-objects.tif"))
    assert numbers.dtype == np.uint16
    assert np.unique(numbers).tolist() == [0, int(row["number"])]
    assert (numbers > 0).sum() == int(row["area"])
    np.testing.assert_array_equal(numbers > 0, np.array(Image.open(tmp_path / "out" / "0.png")) > 0)


def test_many_objects_are_numbered_in_32_bits(tmp_path):
    numbers = np.arange(70_000, dtype=np.uint32).reshape(100, 700)
    write_numbers(tmp_path / "many.tif", numbers)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "many.tif")), numbers)


def test_every_format_is_written(run, tmp_path):
    image = run.dataset.pairs[0].image
    predict(run, image, out=tmp_path / "out", shapes=FORMATS, overlay=True)
    assert files(tmp_path / "out") == {
        "0.png", "0-overlay.jpg", "0.geojson", "0.svg", "coco.json", "cvat.xml",
        "label-studio.json", "label-studio.xml", "predictions.csv",
    }  # fmt: skip
    content = json.loads((tmp_path / "out" / "0.geojson").read_text())
    corners = content["features"][0]["geometry"]["coordinates"]
    assert corners == [[[0, 5], [12, 5], [12, 10], [0, 10], [0, 5]]]
    svg = (tmp_path / "out" / "0.svg").read_text()
    assert 'href="../data/images/0.png"' in svg


def test_images_without_objects_are_in_the_files_too(run, tmp_path):
    predict(run, run.dataset.pairs[0].image, out=tmp_path / "out", shapes=["coco"], objects=True,
            least=61)  # fmt: skip
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert (len(content["images"]), content["annotations"]) == (1, [])
    assert rows(tmp_path / "out" / "objects.csv") == []
    assert rows(tmp_path / "out" / "predictions.csv")[0]["objects"] == "0"


def test_an_image_that_cannot_be_read_is_in_no_file(run, tmp_path):
    images = [pair.image for pair in run.dataset.pairs[:2]]
    images[0].write_bytes(b"")
    with pytest.raises(DataError, match="1 of 2 images could not be read"):
        predict(run, images, out=tmp_path / "out", shapes=["coco"])
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["1.png"]


@pytest.mark.parametrize("name", ["0.geojson", "coco.json", "objects.csv", "label-studio.xml"])
def test_no_file_of_shapes_is_written_over(run, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).touch()
    with pytest.raises(UsageError, match=f"{name} already exists; choose another --out"):
        predict(run, run.dataset.pairs[0].image, out=tmp_path / "out", shapes=FORMATS, objects=True)
    assert files(tmp_path / "out") == {name}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shapes": ["geojsn"]}, "no format called geojsn: did you mean geojson"),
        ({"shapes": "svgg"}, "no format called svgg: did you mean svg"),
        ({"part": "watershed"}, "part is about objects; ask for objects or shapes as well"),
        ({"least": 3}, "least is about objects"),
        ({"of": ["value_1"]}, "of is about objects"),
        ({"objects": True, "of": ["thong"]}, r"thong is no class: did you mean thing\?"),
        ({"objects": True, "part": "boundary"}, "no class is called boundary"),
        ({"objects": True, "tolerance": -1.0}, "a tolerance is 0 pixels or more, not -1"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(run, tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        predict(run, run.dataset.pairs[0].image, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("package", ["skimage", "shapely"])
def test_a_missing_package_is_said_before_anything_is_predicted(monkeypatch, package):
    def without(name):
        if name == package:
            raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", without)
    with pytest.raises(DataError, match=rf"needs {package}: pip install 'maskwright\[shapes\]'"):
        finding(KINDS, shapes=["svg"])


def test_open_pixels_are_in_no_object():
    wanted = finding(KINDS, objects=True, least=1)
    sheet = wanted.sheet("a.png", None, (1, 2), Path)
    sheet.put(np.array([[255, 1]], np.uint8), np.full((1, 2), 0.5, np.float32))
    (row,) = sheet.write()["objects"]
    assert (row["area"], row["confidence"]) == (1, "0.5000")


def test_the_confidence_is_that_of_the_class_that_was_decided():
    scores = np.array([[[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]]], np.float32)
    sure = certainty(np.array([[1, 255]], np.uint8), scores)
    np.testing.assert_allclose(sure, [[0.2, 0.1]])  # of open pixels any


def test_overlays_outline_objects_that_touch():
    from maskwright.pictures import overlay

    mask, image = np.ones((9, 20), np.uint8), np.zeros((9, 20, 3), np.uint8)
    parts = np.ones((9, 20), np.int32)
    parts[:, 10:] = 2
    plain, parted = overlay(image, mask, KINDS), overlay(image, mask, KINDS, parts)
    assert (plain[4] == plain[4, 0]).all()
    assert (parted[4, 9:11] == KINDS.colors[1]).all()
    np.testing.assert_array_equal(parted[4, :8], plain[4, :8])


def test_the_command_takes_formats_with_commas_or_again_and_again(run, tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr("maskwright.prediction.predict", lambda *_, **o: asked.update(o) or [])
    words = ["predict", str(run.path), "x.png", "--out", str(tmp_path / "out"), "--objects"]
    words += ["--shapes", "geojson, coco", "--shapes", "svg", "--least-area", "7"]
    words += ["--part", "watershed", "--tolerance", "1", "--of", "weed, crop"]
    cli.main(words, standalone_mode=False)
    assert asked["shapes"] == ["geojson", "coco", "svg"]
    assert (asked["least"], asked["part"], asked["tolerance"]) == (7, "watershed", 1)
    assert asked["objects"] is True
    assert asked["of"] == ["weed", "crop"]


def test_a_table_with_a_boundary_parts_by_it_without_being_asked():
    labels = tuple(Label(n, "#000000", (k,)) for k, n in enumerate(("background", "pet", "border")))
    wanted = finding(ClassTable("index", labels), objects=True, least=1)
    mask = np.array([[1, 2, 2, 1, 0]], np.uint8)
    sheet = wanted.sheet("a.png", None, (1, 5), Path)
    numbers = sheet.put(mask, np.full((1, 5), 0.5, np.float32))
    assert numbers.tolist() == [[1, 1, 2, 2, 0]]
    assert sheet.counted() == {
        "objects": 2, "objects of pet": 2, "objects of border": 0, "pieces too small": 0,
    }  # fmt: skip


def test_objects_of_some_classes_alone_are_found_where_that_is_asked_for():
    names = ("bg", "weed", "crop", "tree")
    table = ClassTable("index", tuple(Label(n, "#000000", (k,)) for k, n in enumerate(names)))
    mask = np.array([[1, 1, 2, 3, 0, 1, 2]], np.uint8)
    found = {}
    for of in (("weed",), ("tree", "weed"), ()):
        wanted = finding(table, objects=True, least=1, of=of)
        sheet = wanted.sheet("a.png", None, mask.shape, Path)
        numbers = sheet.put(mask, np.full(mask.shape, 0.5, np.float32))
        found[of] = numbers.tolist(), sheet.counted()
    assert found["weed",] == ([[1, 1, 0, 0, 0, 2, 0]], {"objects": 2, "pieces too small": 0})
    assert found["tree", "weed"] == (
        [[1, 1, 0, 2, 0, 3, 0]],
        {"objects": 3, "objects of weed": 2, "objects of tree": 1, "pieces too small": 0},
    )
    assert found[()][1]["objects"] == 5
    with pytest.raises(UsageError, match="bg is ground, which has no objects"):
        finding(table, objects=True, of=["bg"])


def test_what_was_found_and_written_is_said(run, tmp_path, capsys):
    images = [pair.image for pair in run.dataset.pairs[:2]]
    predict(run, images, out=tmp_path / "out", objects=True, shapes=["svg"], overlay=True)
    told = capsys.readouterr().err
    assert "2 objects in 2 images" in told
    beside = "beside each mask: …-overlay.jpg, …-objects.tif, ….svg; of all images: "
    assert beside + "predictions.csv, objects.csv" in told


def test_several_classes_are_counted_each(capsys):
    row = {"objects": 3, "objects of cell": 1, "objects of pet": 2, "objects of dog": 0}
    names = ["ground", "cell", "pet", "dog"]
    say_what_was_found([row | {"pieces too small": 0}] * 2, names, least=10)
    told = capsys.readouterr().err
    assert "6 objects (2 cell, 4 pet) in 2 images" in told
    assert "fewer" not in told


def test_pieces_too_small_are_counted_and_said(capsys):
    labels = tuple(Label(n, "#000000", (k,)) for k, n in enumerate(("background", "pet")))
    wanted = finding(ClassTable("index", labels), objects=True, least=3)
    mask = np.array([[1, 1, 1, 0, 1], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]], np.uint8)
    sheet = wanted.sheet("a.png", None, mask.shape, Path)
    sheet.put(mask, np.full(mask.shape, 0.5, np.float32))
    assert sheet.counted() == {"objects": 1, "pieces too small": 2}
    say_what_was_found([sheet.counted()], ["background", "pet"], least=3)
    told = " ".join(capsys.readouterr().err.split())
    assert "1 object in 1 image" in told
    assert "2 pieces of fewer than 3 pixels counted as no object: --least-area sets" in told
