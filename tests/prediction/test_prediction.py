"""Which images are meant, where their masks go, and what is refused before anything is written."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskwright.calibration import LEVELS, Calibration
from maskwright.data.images import Bands
from maskwright.errors import DataError, UsageError
from maskwright.prediction import check_place, plan_outputs, predict
from maskwright.prediction.inputs import find_images
from maskwright.prediction.outputs import Extra
from maskwright.prediction.record import Record


def touch(*paths: Path) -> list[Path]:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return list(paths)


def test_importing_it_does_not_import_an_engine():
    code = "import sys, maskwright.prediction; print({'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_folder_gives_its_images_sorted_and_nothing_else(tmp_path):
    b, a = touch(tmp_path / "b.JPG", tmp_path / "a.png")
    touch(tmp_path / "notes.txt", tmp_path / "._a.png", tmp_path / "inner" / "c.png")
    assert find_images(tmp_path) == [a, b]


def test_files_folders_and_globs_add_up_without_doubles(tmp_path):
    a, b, c = touch(tmp_path / "a.png", tmp_path / "b.png", tmp_path / "in" / "c.png")
    assert find_images([str(b), tmp_path, f"{tmp_path}/**/*.png"]) == [b, a, c]


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path):
    (odd,) = touch(tmp_path / "cat[1].png")
    assert find_images(odd) == [odd]


@pytest.mark.parametrize("name", ["none.png", "*.tif", "."])
def test_a_name_without_images_is_an_error(tmp_path, name):
    with pytest.raises(DataError, match="no image there; name a file, a folder of images or a gl"):
        find_images(tmp_path / name)


def test_a_name_that_is_not_there_is_told_with_the_one_most_like_it(tmp_path):
    touch(tmp_path / "new-images" / "a.png")
    with pytest.raises(
        DataError, match=r"new-image: no image there; did you mean .*/new-images\?$"
    ):
        find_images(tmp_path / "new-image")


def test_of_a_dataset_the_folder_of_its_images_is_named(tmp_path):
    touch(tmp_path / "cells" / "images" / "a.png", tmp_path / "cells" / "masks" / "a.png")
    with pytest.raises(DataError, match=r"cells: no image there; did you mean .*cells/images\?$"):
        find_images(tmp_path / "cells")
    (tmp_path / "cells" / "images" / "a.png").unlink()
    with pytest.raises(DataError, match="no image there; name a file"):
        find_images(tmp_path / "cells")


def test_no_name_at_all_is_an_error():
    with pytest.raises(UsageError, match="no image to predict; name files, folders of images"):
        find_images([])


def test_two_images_for_one_mask_are_refused(tmp_path):
    images = [Path("x/a.jpg"), Path("b.jpg"), Path("y/a.png")]
    with pytest.raises(
        UsageError, match=r"x/a\.jpg, y/a\.png would all become a\.png; predict each into an --out"
    ):
        plan_outputs(images, Record(tmp_path, {}), Extra())


def test_out_must_not_be_a_file(tmp_path):
    (file,) = touch(tmp_path / "out")
    with pytest.raises(UsageError, match=r"--out .*out is a file; name a folder"):
        check_place(file, [])


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("run.json", "the folder of a run"),
        ("config.toml", "the folder of a run"),
        ("dataset.toml", "a dataset"),
        ("images/a.png", "a dataset"),
        ("train/images/a.png", "a dataset"),
    ],
)
def test_out_must_not_be_a_run_or_a_dataset(tmp_path, file, what):
    place = tmp_path / "cells"
    touch(place / file, place / file.replace("images", "masks"))
    told = rf"--out .*cells is {what}; name a folder for the masks alone, such as cells-masks$"
    with pytest.raises(UsageError, match=told):
        check_place(place, [])
    check_place(place / "new", [place])


@pytest.mark.parametrize("given", ["other/../new", "new/*.jpg"])
def test_out_must_not_be_a_folder_of_the_images(tmp_path, given):
    touch(tmp_path / "new" / "a.jpg")
    (tmp_path / "other").mkdir()
    told = r"--out .*new is the folder of the images, where masks would be taken for images the n"
    with pytest.raises(UsageError, match=told + r"ext time; .* alone, such as new-masks$"):
        check_place(tmp_path / "new", [tmp_path / "b.jpg", str(tmp_path / given)])
    check_place(tmp_path / "new", [tmp_path / "new" / "a.jpg"])  # a photo by its name, as asked


def test_out_may_be_a_folder_of_other_masks(tmp_path):
    touch(tmp_path / "a.png", tmp_path / "a-overlay.jpg", tmp_path / "objects" / "a.json")
    plan_outputs([Path("b.png")], Record(tmp_path, {}), Extra(overlay=True))


@pytest.mark.parametrize(
    "taken", ["a.png", "a.tif", "a-overlay.jpg", "a-probabilities.npz", "predictions.csv"]
)
def test_nothing_that_exists_is_written_over(tmp_path, taken):
    touch(tmp_path / taken)
    with pytest.raises(UsageError, match=rf"{taken} already exists; choose another --out, or rem"):
        plan_outputs(
            [Path("a.png"), Path("b.png")],
            Record(tmp_path, {}),
            Extra(overlay=True, probabilities=True),
        )


def test_the_folder_of_the_images_is_none_for_their_masks(tmp_path):
    images = touch(tmp_path / "new" / "a.png", tmp_path / "new" / "b.png")
    (tmp_path / "other").mkdir()
    told = r"--out .*new is the folder of the images, and .*a\.png would be written over; name a "
    with pytest.raises(UsageError, match=told + "folder for the masks alone, such as new-masks"):
        plan_outputs(images, Record(tmp_path / "other" / ".." / "new", {}), Extra())


def test_names_that_differ_in_case_are_the_same_only_where_the_system_says_so(tmp_path):
    touch(tmp_path / "Cat.png")
    if (tmp_path / "cat.png").exists():
        with pytest.raises(UsageError, match=r"cat\.png already exists"):
            plan_outputs([Path("cat.jpg")], Record(tmp_path, {}), Extra())
    else:
        plan_outputs([Path("cat.jpg")], Record(tmp_path, {}), Extra())


def test_the_error_counts_the_other_files_that_exist(tmp_path):
    touch(tmp_path / "a.png", tmp_path / "b.png")
    with pytest.raises(UsageError, match=r"a\.png already exists \(and 1 more\)"):
        plan_outputs([Path("a.png"), Path("b.png")], Record(tmp_path, {}), Extra())


def test_extra_files_are_no_obstacle_where_they_are_not_asked_for(tmp_path):
    touch(tmp_path / "a-overlay.jpg")
    plan_outputs([Path("a.png")], Record(tmp_path, {}), Extra(probabilities=True))


def test_predict_writes_masks_overlays_and_probabilities(run, tmp_path):
    image = run.dataset.pairs[0].image
    (mask,) = predict(run, image, out=tmp_path / "out", overlay=True, probabilities=True)
    with Image.open(mask) as opened:
        assert opened.mode == "P"
        np.testing.assert_array_equal(np.asarray(opened)[[0, 9]], [[0] * 12, [1] * 12])
    kept = np.load(tmp_path / "out" / "0-probabilities.npz")
    assert kept["probabilities"].shape == (10, 12, 2)
    assert kept["classes"].tolist() == ["value_0", "value_1"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "0.png",
        "0-overlay.jpg",
        "0-probabilities.npz",
        "predictions.csv",
        ".predictions.jsonl",
    }


def test_predict_notices_masks_of_one_class_alone(run, tmp_path, capsys):
    black = tmp_path / "black.png"
    Image.new("RGB", (12, 10)).save(black)
    predict(run, [black, run.dataset.pairs[0].image], out=tmp_path / "out")
    assert "1 of 2 masks hold one class alone (value_0); if that is wrong, the images may" in (
        " ".join(capsys.readouterr().err.split())
    )


def test_predict_reads_and_shows_images_of_five_bands(run, tmp_path):
    pixels = np.full((10, 12, 5), 30, np.uint16)
    pixels[5:] = 200
    path = tmp_path / "tile.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
    bands = Bands(5, (0.0,) * 5, (255.0,) * 5)
    vars(run)["predictor"] = replace(run.predictor, bands=bands)
    (mask,) = predict(run, path, out=tmp_path / "out", overlay=True)
    with Image.open(mask) as opened:
        np.testing.assert_array_equal(np.asarray(opened)[[0, 9]], [[0] * 12, [1] * 12])
    with Image.open(tmp_path / "out" / "tile-overlay.jpg") as opened:
        assert (opened.mode, opened.size) == ("RGB", (12, 10))


def test_predict_passes_over_images_of_other_bands(run, tmp_path):
    grey = tmp_path / "tile.png"
    Image.new("RGB", (4, 4)).save(grey)
    vars(run)["predictor"] = replace(run.predictor, bands=Bands(5))
    with pytest.raises(DataError, match=r"the first: .*tile\.png has 3 bands, but 5 are expec"):
        predict(run, grey, out=tmp_path / "out")


def test_predict_passes_over_unreadable_images_and_names_them_at_the_end(run, tmp_path, capsys):
    folder = run.dataset.root / "images"
    touch(folder / "3.png")
    (folder / "3.png").write_bytes(b"")
    (folder / "5.png").write_text("hello")
    with pytest.raises(
        DataError,
        match=r"^2 of 10 images could not be read, the first: .*3\.png is empty .*"
        r"Written: 8 masks to .*out$",
    ):
        predict(run, folder, out=tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.png"))) == 8
    named = [line for line in capsys.readouterr().err.splitlines() if "passed over: " in line]
    assert [Path(line.split()[2]).name for line in named] == ["3.png", "5.png"]


def test_predict_leaves_no_empty_folder_where_nothing_could_be_read(run, tmp_path):
    image = run.dataset.pairs[0].image
    image.write_bytes(b"")
    with pytest.raises(DataError, match=r"is empty \(0 bytes\).*\. Written: 0 masks$"):
        predict(run, image, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_confidence_is_a_grey_picture(run, tmp_path):
    predict(run, run.dataset.pairs[0].image, out=tmp_path / "out", confidence=True)
    (path,) = (tmp_path / "out").glob("*-confidence.png")
    grey = np.asarray(Image.open(path))
    assert grey.shape == (10, 12)
    sure = run.predictor.probabilities(run.predictor.read(run.dataset.pairs[0].image)).max(axis=-1)
    np.testing.assert_array_equal(grey, np.rint(255 * sure))


def test_a_threshold_finds_more_of_a_class(run, tmp_path):
    image = run.dataset.pairs[0].image
    vars(run)["predictor"] = replace(run.predictor, temperature=30.0)  # so that it doubts
    (plain,) = predict(run, image, out=tmp_path / "plain")
    name = run.table.names[1]
    (more,) = predict(run, image, out=tmp_path / "more", thresholds={name: 0.3})
    counts = [(np.asarray(Image.open(path)) == 1).sum() for path in (plain, more)]
    assert counts[0] < counts[1]


def test_what_is_unsure_is_left_open_and_said(run, tmp_path, capsys):
    count = len(LEVELS)
    levels = {name: [0.5] * count for name in run.table.names}
    vars(run)["calibration"] = Calibration(1.0, 9, 0.1, 0.1, levels, [1.1] * count)
    (path,) = predict(run, run.dataset.pairs[0].image, out=tmp_path / "out", abstain=0.9)
    value = int(run.table.stored[255])
    assert (np.asarray(Image.open(path)) == value).all()
    assert "100.0% of the pixels are left open" in capsys.readouterr().err


def test_what_cannot_be_decided_is_said_before_anything_is_written(run, tmp_path):
    with pytest.raises(UsageError, match=r"without its calibration"):
        predict(run, run.dataset.pairs[0].image, out=tmp_path / "out", abstain=0.9)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["x/clip.avi", "y/clip.avi"], r"x/clip\.avi, y/clip\.avi would all become clip-000000\.p"),
        (["clip.avi", "clip.mp4"], r"would all become clip-000000\.png; predict each into an"),
        (["a.png", "a-confidence.png"], r"would all become a-confidence\.png; predict each into"),
        (["clip.avi", "clip-000004.png"], r"clip-000004\.png has the name of a frame of the video"),
    ],
)
def test_files_that_would_be_written_over_each_other_are_refused(tmp_path, names, message):
    extra = Extra(confidence=True)
    with pytest.raises(UsageError, match=message):
        plan_outputs([Path(name) for name in names], Record(tmp_path, {}), extra)
    plan_outputs([Path(name) for name in names[:1]], Record(tmp_path, {}), extra)
