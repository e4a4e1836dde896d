"""Planted errors come first; which images are looked at; and what is refused."""

import csv
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from maskwright.data.labels import Label
from maskwright.errors import DataError, RunError, UsageError, WriteError
from maskwright.evaluation.chosen import count_test_uses
from maskwright.suspicion import suspects
from maskwright.suspicion.suspect import GAP, LINE, SIDE


def names(rows) -> list[str]:
    return [row["image"] for row in rows]


def called(pair) -> str:
    return f"images/{pair.image.name}"


@pytest.fixture
def halves():
    """The split of thirty images: 10 train, 10 val, 10 test."""
    return {f"{n:02}": ("train", "val", "test")[n // 10] for n in range(30)}


@pytest.fixture
def run(make_run, halves):
    return make_run(splits=halves)


def test_right_masks_are_not_suspect(run, capsys, tmp_path):
    assert suspects(run, out=tmp_path / "out") == []
    assert "None of 10 validation masks is disputed" in capsys.readouterr().err
    assert (tmp_path / "out/suspects.csv").read_text().startswith("rank,image,mask,score,area")


def test_planted_errors_rank_first(run, change):
    val = run.dataset.of("val")
    change(val[2], np.zeros_like)  # an object left out
    change(val[4], lambda mask: np.roll(mask, 3, axis=0))  # shifted: two strips
    change(val[6], lambda mask: np.where(np.indices(mask.shape).max(axis=0) < 6, 1, mask))  # added
    change(val[8], lambda mask: np.maximum(mask, np.roll(mask, 1, axis=1)))  # a rim
    rows = suspects(run)
    assert names(rows)[0] == called(val[2])
    assert set(names(rows)) == {called(val[k]) for k in (2, 4, 6)}
    assert [row["rank"] for row in rows] == [1, 2, 3]
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    first = rows[0]
    assert (first["given"], first["predicted"]) == ("value_0", "value_1")
    assert first["mask"] == f"masks/{val[2].mask.name}"
    assert first["regions"][0]["area"] == first["area"]
    truth = np.asarray(Image.open(val[2].image))[..., 0] > 115
    rows_of, columns = (np.flatnonzero(truth.any(axis=axis)) for axis in (1, 0))
    assert (first["y"], first["x"]) == (rows_of[0], columns[0])
    assert (first["height"], first["width"]) == (np.ptp(rows_of) + 1, np.ptp(columns) + 1)


def test_at_most_so_many_are_listed(run, change):
    for pair in run.dataset.of("val")[:5]:
        change(pair, np.zeros_like)
    every = suspects(run)
    assert names(suspects(run, count=2)) == names(every)[:2]
    assert len(every) == 5


def test_images_that_were_trained_on_are_looked_at_only_when_asked(run, change, capsys):
    for split in ("train", "test"):
        change(run.dataset.of(split)[0], np.zeros_like)
    assert suspects(run) == []
    assert names(suspects(run, split="train")) == [called(run.dataset.of("train")[0])]
    assert "a model agrees with what it has learnt" in capsys.readouterr().err
    assert names(suspects(run, split="test")) == [called(run.dataset.of("test")[0])]
    assert "the test becomes easier for this model" in capsys.readouterr().err


def test_each_of_several_runs_looks_at_what_it_was_not_trained_on(make_run, change):
    parts = [{f"{n:02}": "test" if n % 3 == fold else "train" if n % 3 == (fold + 1) % 3 else "val"
              for n in range(30)} for fold in range(3)]  # fmt: skip
    seen: list[list[int]] = [[], [], []]
    runs = []
    for fold, splits in enumerate(parts):
        one = make_run(f"fold-{fold}", splits)
        plain, sight = one.predictor.read, seen[fold]

        def read(path, plain=plain, sight=sight):
            sight.append(int(path.stem))
            return plain(path)

        vars(one)["predictor"] = SpiedUpon(one.predictor, read)
        runs.append(one)
    pair = runs[0].dataset.pairs[7]
    change(pair, np.zeros_like)
    (row,) = suspects(runs)
    assert (row["image"], row["runs"]) == (called(pair), 2)
    for fold, splits in enumerate(parts):
        assert sorted(seen[fold]) == [n for n in range(30) if splits[f"{n:02}"] != "train"]


class SpiedUpon:
    """A predictor whose ``read`` is another one."""

    def __init__(self, plain, read):
        self.plain, self.read = plain, read
        self.predict_all = plain.predict_all


def test_test_images_of_all_runs_stay_sealed(make_run, halves, change):
    turned = {n: {"train": "val", "val": "train"}.get(s, s) for n, s in halves.items()}
    runs = [make_run("a", halves), make_run("b", turned)]
    change(runs[0].dataset.of("test")[0], np.zeros_like)
    change(runs[0].dataset.of("train")[0], np.zeros_like)
    assert names(suspects(runs)) == [called(runs[0].dataset.of("train")[0])]
    assert len(suspects(runs, split="test")) == 1


def test_what_several_runs_say_is_averaged(make_run, halves, change):
    def dark(views):  # never sees anything
        return np.broadcast_to(np.array([9.0, -9.0], np.float32), (*views.shape[:3], 2))

    runs = [make_run("a", halves), make_run("b", halves, logits=dark)]
    change(runs[0].dataset.of("val")[0], np.zeros_like)
    assert len(suspects(runs[0])) == 1
    assert len(suspects(runs[1])) == 9  # all but the mask without an object
    assert suspects(runs) == []  # half each: neither is sure


def test_the_folder_holds_all_that_is_said(run, change, tmp_path):
    val = run.dataset.of("val")
    for pair in val[:3]:
        change(pair, np.zeros_like)
    rows = suspects(run, out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cvat.xml", "label-studio.json", "label-studio.xml", "pictures", "suspects.csv",
        "suspects.html"]  # fmt: skip
    with (tmp_path / "out/suspects.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [{key: str(row[key]) for key in found[0]} for row in rows] == found
    assert list(found[0]) == [
        "rank", "image", "mask", "score", "area", "given", "predicted", "x", "y", "width",
        "height"]  # fmt: skip
    pictures = sorted((tmp_path / "out/pictures").iterdir())
    assert [path.name[:3] for path in pictures] == ["001", "002", "003"]
    with Image.open(pictures[0]) as picture:
        assert picture.size == (4 * 48 + 3 * GAP, 48)


def test_large_images_are_shown_small(make_run, halves, tmp_path):
    run = make_run(splits=halves)
    pair = run.dataset.of("val")[0]
    grey = np.zeros((700, 400, 3), np.uint8)
    grey[200:500, 100:300] = 200
    Image.fromarray(grey).save(pair.image)
    Image.fromarray(np.zeros((700, 400), np.uint8)).save(pair.mask)
    suspects(run, out=tmp_path / "out")
    (path,) = (tmp_path / "out/pictures").iterdir()
    with Image.open(path) as picture:
        width = round(400 * SIDE / 700)
        assert picture.size == (4 * width + 3 * GAP, SIDE)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    last = pixels[:, -width:]
    marked = np.abs(last - np.array(LINE)).sum(axis=-1) < 120
    down, across = np.argwhere(marked).min(axis=0), np.argwhere(marked).max(axis=0)
    scale = SIDE / 700
    np.testing.assert_allclose([*down, *across], np.array([200, 100, 500, 300]) * scale, atol=12)
    assert not marked[100:200, 60:110].any()


def test_an_out_that_holds_something_is_refused(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="out is not empty; choose another, or remove it"):
        suspects(run, out=tmp_path / "out")
    with pytest.raises(UsageError, match=r"mine\.txt is a file; name a folder"):
        suspects(run, out=tmp_path / "out/mine.txt")
    (tmp_path / "empty").mkdir()
    suspects(run, out=tmp_path / "empty")
    assert (tmp_path / "empty/suspects.html").is_file()


def test_nothing_is_left_where_the_disk_refuses(run, tmp_path, monkeypatch):
    def refuse(path, text):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("maskwright.suspicion.write_text", refuse)
    with pytest.raises(
        WriteError, match=r"out cannot be written \(No space left on device\); free"
    ):
        suspects(run, out=tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_runs_that_do_not_go_together_are_refused(run, make_run, halves, data, tmp_path):
    with pytest.raises(UsageError, match="no run to look with; name one, or the runs of all folds"):
        suspects([])
    with pytest.raises(UsageError, match="run is named twice; name each run once"):
        suspects([run, run])
    other = make_run("classes", halves)
    table = other.table
    labels = (table.labels[0], Label("cell", "#ffffff", table.labels[1].values))
    vars(other)["dataset"] = replace(other.dataset, table=replace(table, labels=labels))
    with pytest.raises(DataError, match=r"the classes differ: .*value_1 in .*cell in .*same data"):
        suspects([run, other])
    elsewhere = shutil.copytree(data, tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"is of .*my set, .* of .*elsewhere, other images or othe"):
        suspects([run, make_run("elsewhere-run", halves, root=elsewhere)])


def test_other_masks_of_the_same_images_are_other_data(run, make_run, halves, tmp_path, data):
    other = make_run("masks", halves)
    shutil.copytree(data / "masks", tmp_path / "better")
    pairs = [replace(p, mask=tmp_path / "better" / p.mask.name) for p in other.dataset.pairs]
    vars(other)["dataset"] = replace(other.dataset, pairs=tuple(pairs))
    with pytest.raises(DataError, match="other images or other masks; name runs on the same data"):
        suspects([run, other])


def test_splits_that_are_not_there_are_named(run, make_run):
    with pytest.raises(UsageError, match="no split called vla: did you mean val"):
        suspects(run, split="vla")
    trained = make_run("all", {f"{n:02}": "train" for n in range(30)})
    with pytest.raises(DataError, match="my set has no validation images to look at; try another"):
        suspects(trained)
    with pytest.raises(UsageError, match=r"count = 0 is outside 1 to 1,000; choose within"):
        suspects(run, count=0)


def test_data_that_are_gone_are_named_and_looked_for_where_they_are_now(
    run, data, change, tmp_path
):
    change(run.dataset.of("val")[2], np.zeros_like)
    moved = data.rename(data.parent / "moved")
    gone = (
        r"data of .*run are gone from .*my set; put them back there, or name their new place: --dat"
    )
    with pytest.raises(RunError, match=gone):
        suspects(run)
    rows = suspects(run, moved, out=tmp_path / "out")
    assert names(rows) == [called(run.dataset.of("val")[2])]
    page = (tmp_path / "out" / "suspects.html").read_text()
    assert f"--data {moved.as_posix()} --out suspects-again" in re.sub("<.+?>", "", page)
    next((moved / "images").iterdir()).unlink()
    with pytest.raises(
        DataError, match=r"moved does not hold all images of .*run, which lay in .*my set; name the"
    ):
        suspects(run, moved)


def test_data_may_be_named_where_they_have_always_been(run, data):
    assert suspects(run, data) == []


def test_a_look_at_the_test_images_is_a_use_of_them(run, make_run, halves, capsys):
    suspects(run)
    assert count_test_uses(run) == 0
    suspects(run, split="test")
    assert count_test_uses(run) == 1
    other = make_run("other", halves)
    suspects([run, other], split="test")
    assert (count_test_uses(run), count_test_uses(other)) == (2, 1)
    assert "test images used for the 2nd time: choose by validation" in capsys.readouterr().err
    rows = (run.path / "evaluation" / "test-uses.csv").read_text().splitlines()
    assert [row.partition(",")[2] for row in rows[1:]] == ["test (suspects)"] * 2


def test_a_mask_of_another_size_is_named(run):
    pair = run.dataset.of("val")[3]
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(pair.mask)
    with pytest.raises(DataError, match=r"png is 30×20 pixels, its image .* 48×48; give both the"):
        suspects(run)
