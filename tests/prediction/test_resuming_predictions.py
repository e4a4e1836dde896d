"""Going on in a folder of predictions: what is done is passed over, nothing else is mixed in."""

import csv
import errno
import io
import json
import re
from contextlib import nullcontext
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from maskwright.config import ViewConfig
from maskwright.errors import RunError, UsageError, WriteError
from maskwright.lock import locked
from maskwright.prediction import LOCK, predict
from maskwright.prediction.record import NAME, VERSION


def rows(folder, name="predictions.csv"):
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def images(run):
    return [pair.image for pair in run.dataset.pairs[:4]]


def test_a_second_time_needs_to_be_asked_for(run, tmp_path, images):
    predict(run, images[0], out=tmp_path / "out")
    with pytest.raises(UsageError, match="out holds predictions already; add --resume to go on"):
        predict(run, images[1], out=tmp_path / "out")


def test_what_is_refused_is_refused_before_a_model_is_loaded(run, tmp_path, images, monkeypatch):
    predict(run, images[0], out=tmp_path / "out")
    monkeypatch.delitem(vars(run), "predictor")
    assert not (run.path / "model.keras").exists()  # so that loading it would be another error
    with pytest.raises(UsageError, match="holds predictions already"):
        predict(run, images[1], out=tmp_path / "out")


def test_two_at_a_time_in_a_folder_are_refused(run, tmp_path, images):
    out = tmp_path / "out"
    with (
        locked(out, LOCK),
        pytest.raises(RunError, match=r"out is in use by process \d+ on .*; wait"),
    ):
        predict(run, images[0], out=out, resume=True)
    (mask,) = predict(run, images[0], out=out, resume=True)
    assert sorted(path.name for path in out.iterdir()) == [
        ".predictions.jsonl", mask.name, "predictions.csv",
    ]  # fmt: skip


def test_a_file_of_ones_own_called_lock_is_left_alone(run, tmp_path, images):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "lock").write_text("mine")
    predict(run, images[0], out=tmp_path / "out")
    assert (tmp_path / "out" / "lock").read_text() == "mine"


def test_a_folder_that_another_process_has_taken_over_is_left_to_it(
    run, tmp_path, images, monkeypatch
):
    def lost():
        raise RunError("no longer ours")

    monkeypatch.setattr("maskwright.prediction.locked", lambda *_: nullcontext(lost))
    (tmp_path / "out").mkdir()
    with pytest.raises(RunError, match="no longer ours"):
        predict(run, images[0], out=tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_what_is_done_is_not_done_again(run, tmp_path, images, capsys):
    out = tmp_path / "out"
    predict(run, images[:2], out=out, objects=True, shapes=["coco"])
    dates = {name: (out / name).stat().st_mtime_ns for name in ("0.png", "1.png")}
    masks = predict(run, images, out=out, objects=True, shapes=["coco"], resume=True)
    assert [mask.name for mask in masks] == ["0.png", "1.png", "2.png", "3.png"]
    assert "done before: 2 of 4 images" in capsys.readouterr().err
    assert dates == {name: (out / name).stat().st_mtime_ns for name in dates}
    assert [row["image"] for row in rows(out)] == ["0.png", "1.png", "2.png", "3.png"]
    assert {row["image"] for row in rows(out, "objects.csv")} == {f"{k}.png" for k in range(4)}
    content = json.loads((out / "coco.json").read_text())
    assert len(content["images"]) == 4


def test_an_image_that_has_changed_is_predicted_again(run, tmp_path, images):
    out = tmp_path / "out"
    predict(run, images[:2], out=out)
    Image.new("RGB", (12, 10)).save(images[0])
    predict(run, images[:2], out=out, resume=True)
    assert not np.asarray(Image.open(out / "0.png")).any()
    assert rows(out)[0]["share of value_0"] == "1.0"


@pytest.mark.parametrize("gone", ["mask", "line", "half a line"])
def test_what_is_not_whole_is_done_again(run, tmp_path, images, gone):
    out = tmp_path / "out"
    predict(run, images[:2], out=out, confidence=True)
    lines = (out / NAME).read_text().splitlines(keepends=True)
    if gone == "mask":
        (out / "1.png").unlink()
    else:
        (out / NAME).write_text("".join(lines[:2]) + (lines[2][:40] if gone != "line" else ""))
    masks = predict(run, images[:2], out=out, confidence=True, resume=True)
    assert all(mask.exists() for mask in masks)
    assert [row["mask"] for row in rows(out)] == ["0.png", "1.png"]


def test_a_disk_that_is_full_at_the_start_takes_no_record_away(run, tmp_path, images, monkeypatch):
    out = tmp_path / "out"
    predict(run, images[:2], out=out)
    before = (out / NAME).read_bytes()

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("maskwright.files.to_disk", full)
        with pytest.raises(WriteError, match="No space left on device"):
            predict(run, images, out=out, resume=True)
    assert (out / NAME).read_bytes() == before


def test_without_predictions_it_begins(run, tmp_path, images):
    assert len(predict(run, images, out=tmp_path / "out", resume=True)) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"confidence": True}, "differ in files"),
        ({"thresholds": {"value_1": 0.4}}, "differ in decision"),
        ({"format": "tiff"}, "differ in format"),
    ],
)
def test_another_way_is_not_mixed_in(run, tmp_path, images, options, words):
    predict(run, images[0], out=tmp_path / "out")
    with pytest.raises(UsageError, match=f"{words} .*; go on with the same, or choose another --"):
        predict(run, images, out=tmp_path / "out", resume=True, **options)


@pytest.mark.parametrize("version", [1, None])
def test_lines_of_another_version_are_not_mixed_in(run, tmp_path, images, version):
    predict(run, images[0], out=tmp_path / "out")
    path = tmp_path / "out" / NAME
    made, *lines = path.read_text("utf-8").splitlines()
    made = {**json.loads(made), "version": version}
    if version is None:
        del made["version"]
    path.write_text("\n".join([json.dumps(made), *lines, ""]), "utf-8")
    words = rf"differ in version \({version or 'none'} there, {VERSION} here\)"
    with pytest.raises(UsageError, match=words):
        predict(run, images, out=tmp_path / "out", resume=True)


def test_another_model_is_not_mixed_in(run, tmp_path, images):
    (run.path / "model.keras").write_bytes(b"one")
    predict(run, images[0], out=tmp_path / "out")
    (run.path / "model.keras").write_bytes(b"two")
    with pytest.raises(UsageError, match="holds predictions that differ in model"):
        predict(run, images, out=tmp_path / "out", resume=True)


def test_an_image_of_the_same_name_from_elsewhere_takes_the_place_of_none(run, tmp_path, images):
    out, other = tmp_path / "out", tmp_path / "other" / "0.png"
    predict(run, images[0], out=out)
    other.parent.mkdir()
    Image.new("RGB", (5, 5)).save(other)
    with pytest.raises(UsageError, match=r"other/0\.png would become what .*0\.png is there"):
        predict(run, other, out=out, resume=True)


def test_ctrl_c_says_how_to_go_on(run, tmp_path, images, monkeypatch, capsys):
    from maskwright.prediction.working import Work

    true = Work.write

    def write(self, job):
        if job[0].stem == "2":
            raise KeyboardInterrupt
        return true(self, job)

    monkeypatch.setattr(Work, "write", write)
    with pytest.raises(KeyboardInterrupt):
        predict(run, images, out=tmp_path / "out")
    said = " ".join(capsys.readouterr().err.split())
    assert "of 4 masks are whole in" in said
    monkeypatch.undo()
    assert len(predict(run, images, out=tmp_path / "out", resume=True)) == 4
    assert not list((tmp_path / "out").glob(".*part*"))


def test_ctrl_c_within_an_image_says_that_it_begins_anew(run, tmp_path, monkeypatch, capsys):
    from maskwright.prediction.outputs import Output

    vars(run)["predictor"] = replace(run.predictor, view=ViewConfig(32, "window"))
    monkeypatch.setattr("maskwright.tiling.AT_ONCE", 2**12)
    Image.new("RGB", (150, 200)).save(tmp_path / "a.png")
    true = Output.put

    def put(self, rows, decide):
        if rows.top > 60:
            raise KeyboardInterrupt
        return true(self, rows, decide)

    monkeypatch.setattr(Output, "put", put)
    with pytest.raises(KeyboardInterrupt):
        predict(run, tmp_path / "a.png", out=tmp_path / "out")
    assert re.search(r"a\.png was \d\d% done; it will begin anew", capsys.readouterr().err)


def write_film(path, level):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48))
    for _ in range(2):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()


def test_a_video_that_has_changed_is_predicted_again(run, tmp_path, capsys):
    film, out = tmp_path / "clip.avi", tmp_path / "out"
    write_film(film, 0)
    predict(run, film, out=out)
    predict(run, film, out=out, resume=True)
    assert "done before: 2 of 2 images" in capsys.readouterr().err
    write_film(film, 250)
    predict(run, film, out=out, resume=True)
    assert "done before" not in capsys.readouterr().err
    assert np.asarray(Image.open(out / "clip-000001.png")).all()


def test_a_video_of_the_same_name_from_elsewhere_takes_the_place_of_none(run, tmp_path):
    (tmp_path / "other").mkdir()
    for path in (tmp_path / "clip.avi", tmp_path / "other" / "clip.avi"):
        write_film(path, 0)
    predict(run, tmp_path / "clip.avi", out=tmp_path / "out")
    with pytest.raises(UsageError, match=r"other/clip\.avi would become what .* is there already"):
        predict(run, tmp_path / "other" / "clip.avi", out=tmp_path / "out", resume=True)


def test_standard_input_is_read_again(run, tmp_path, images, monkeypatch):
    for level in (0, 250):
        content = io.BytesIO()
        Image.new("RGB", (12, 10), (level,) * 3).save(content, "PNG")
        content.seek(0)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
        predict(run, "-", out=tmp_path / "out", resume=True)
    assert np.asarray(Image.open(tmp_path / "out" / "stdin.png")).all()


@pytest.mark.parametrize(
    "line", ["{", "[1]", '{"stem": "a"}', '{"stem": []}', "null", "[" * 100_000]
)
def test_a_damaged_record_is_named(run, tmp_path, images, line):
    predict(run, images[0], out=tmp_path / "out")
    with (tmp_path / "out" / NAME).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(
        UsageError, match=r"\.predictions\.jsonl is damaged \(.*choose another --out"
    ):
        predict(run, images, out=tmp_path / "out", resume=True)
