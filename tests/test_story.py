"""The main job from end to end, small: folder -> run -> scores -> masks, and what was left behind.

One training on generated shapes serves most of these tests.
"""

import csv
import itertools
import json
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import maskwright as mw
from maskwright.config import ViewConfig
from maskwright.data.samples import write_samples
from maskwright.errors import DataError, MaskwrightError, RunError, UsageError
from maskwright.predictor import softmax

SMALL = {
    "train.epochs": 2,
    "train.batch": 4,
    "view.size": 32,
    "model.filters": [4, 8],
    "train.learning_rate": 0.01,
}
# For what the network's form has nothing to do with: a third as long to trace.
ONE_BLOCK = SMALL | {"model.filters": [4]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("story") / "shapes"
    write_samples(folder, count=20, size=40)
    return folder


@pytest.fixture(scope="module")
def run(data: Path) -> mw.Run:
    return mw.train(data, out=data.parent / "run", config=mw.recipe("scratch", SMALL))


@pytest.fixture(scope="module")
def scores(run: mw.Run) -> dict:
    return mw.evaluate(run)


def test_the_run_folder_holds_what_the_contract_says(run, scores):
    names = {path.name for path in run.path.iterdir()}
    assert names >= {
        "config.toml",
        "dataset.toml",
        "split.csv",
        "metrics.csv",
        "model.keras",
        "calibration.json",
        "evaluation",
        "environment.json",
        "log.txt",
    }
    assert not [name for name in names if "part" in name]


def test_config_toml_is_complete_and_reproduces_the_configuration(run):
    config = tomllib.loads((run.path / "config.toml").read_text())
    assert config["train"]["epochs"] == 2
    assert mw.load(run.path).config == mw.recipe("scratch", SMALL)


def test_metrics_csv_has_a_row_an_epoch(run):
    rows = run.metrics()
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(0 <= row["val_mean_iou"] <= 1 and row["val_loss"] > 0 for row in rows)
    assert all(row["val_mean_dice"] >= row["val_mean_iou"] for row in rows)
    assert "val_iou disc" in rows[0]


def test_the_log_holds_the_model_summary(run):
    log = (run.path / "log.txt").read_text()
    assert "Total params" in log
    assert "epoch   2/2" in log


def test_split_csv_keeps_about_a_tenth_for_val_and_test(run):
    with (run.path / "split.csv").open() as file:
        splits = [row["split"] for row in csv.DictReader(file)]
    assert [splits.count(name) for name in ("train", "val", "test")] == [12, 2, 6]


def test_evaluation_holds_at_least_what_the_contract_says(run, scores):
    assert json.loads((run.path / "evaluation" / "test.json").read_text()) == scores
    assert scores.keys() >= {"images", "pixel_accuracy", "mean_iou", "mean_dice", "classes"}
    assert scores["images"] == 6
    row = scores["classes"][0]
    assert row.keys() >= {"name", "iou", "dice", "precision", "recall", "pixels"}
    sizes = [Image.open(pair.image).size for pair in run.dataset.of("test")]
    assert sum(c["pixels"] for c in scores["classes"]) == sum(w * h for w, h in sizes)


def test_evaluation_equals_predict_and_compare_by_hand(run, scores):
    right = pixels = 0
    for pair in run.dataset.of("test"):
        truth = np.asarray(Image.open(pair.mask))
        right += int((run.predict(pair.image) == truth).sum())
        pixels += truth.size
    assert scores["pixel_accuracy"] == pytest.approx(right / pixels, abs=1e-6)


def test_evaluating_other_data_scores_all_of_it(run, data, scores):
    other = mw.evaluate(run, data)
    assert (other["split"], other["images"]) == ("all", 20)
    assert (run.path / "evaluation" / "shapes-all.csv").is_file()


def test_a_loaded_run_predicts_the_same(run):
    image = run.dataset.of("test")[0].image
    assert (mw.load(run.path).predict(image) == run.predict(image)).all()


def test_predicted_masks_are_palette_files_of_the_images_own_size(run, data, tmp_path):
    images = sorted((data / "images").glob("*.jpg"))[:9]
    written = mw.predict(run, images, out=tmp_path / "masks", overlay=True, probabilities=True)
    assert [path.stem for path in written] == [path.stem for path in images]
    for image, path in zip(images, written, strict=True):
        mask = Image.open(path)
        assert (mask.mode, mask.size) == ("P", Image.open(image).size)
        values = np.asarray(mask)
        assert (run.table.decode(mw_raw(path), path) == run.predict(image)).all()
        colors = np.array(mask.getpalette()).reshape(-1, 3)
        assert (colors[values[0, 0]] == run.table.colors[run.predict(image)[0, 0]]).all()
    stored = np.load(tmp_path / "masks" / f"{images[0].stem}-probabilities.npz")
    assert stored["probabilities"].shape == (*run.predict(images[0]).shape, 5)
    assert stored["classes"].tolist() == run.table.names
    assert (tmp_path / "masks" / f"{images[0].stem}-overlay.jpg").is_file()


def mw_raw(path):
    from maskwright.data.images import read_mask

    return read_mask(path)


def test_predict_passes_over_a_bad_file_and_names_it(run, data, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("shape_0000.jpg", "shape_0001.jpg"):
        (photos / name).write_bytes((data / "images" / name).read_bytes())
    (photos / "broken.jpg").write_text("no image")
    with pytest.raises(DataError, match=r"broken\.jpg is not an image.*Written: 2 masks to"):
        mw.predict(run, photos, out=tmp_path / "masks")
    assert len(list((tmp_path / "masks").glob("*.png"))) == 2


def test_predict_never_writes_over_a_file(run, data, tmp_path):
    before = (data / "masks" / "shape_0000.png").read_bytes()
    with pytest.raises(UsageError, match=r"shape_0000\.png already exists; choose another --out"):
        mw.predict(run, data / "images" / "shape_0000.jpg", out=data / "masks")
    assert (data / "masks" / "shape_0000.png").read_bytes() == before


def test_model_keras_is_a_plain_keras_model(run):
    model = keras.saving.load_model(run.path / "model.keras", safe_mode=True)
    assert not model.compiled
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    logits = model.predict_on_batch(np.zeros((1, 64, 32, 3), np.uint8))
    assert logits.shape == (1, 64, 32, 5)


def test_the_same_seed_gives_the_same_weights(data, tmp_path):
    config = mw.recipe("scratch", SMALL | {"train.epochs": 1, "model.dropout": 0.5})
    first, second = (mw.train(data, out=tmp_path / n, config=config) for n in ("a", "b"))
    for one, other in zip(first.model.weights, second.model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("average", [0.0, 0.9999])
def test_the_average_of_the_weights_is_what_is_validated_and_kept(data, tmp_path, average):
    """An average that keeps 0.9999 of itself a step hardly leaves the weights of the first step."""
    config = mw.recipe("scratch", {**ONE_BLOCK, "train.average": average, "train.epochs": 3})
    run = mw.train(data, out=tmp_path / "run", config=config)
    keras.utils.set_random_seed(config.seed)
    begun = mw.unet(5, filters=(4,), normalization="batch").get_layer("logits").get_weights()[0]
    moved = np.abs(run.model.get_layer("logits").get_weights()[0] - begun).max()
    assert (moved < 0.002) == bool(average)  # the first of the warm-up's steps is 0.0004


def test_early_stopping_keeps_the_best_epoch(data, tmp_path):
    changes = SMALL | {"train.epochs": 9, "train.patience": 1, "train.learning_rate": 1e-9}
    changes |= {"train.schedule": "constant", "model.normalization": "none"}
    run = mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", changes))
    rows = run.metrics()
    assert len(rows) < 9
    assert rows[-1]["val_mean_iou"] <= max(row["val_mean_iou"] for row in rows)
    assert "stopped: no gain for 1 epochs" in (run.path / "log.txt").read_text()


def test_a_model_of_ones_own_needs_no_registration(data, tmp_path):
    image = keras.Input((None, None, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(image)
    mine = keras.Model(image, keras.layers.Conv2D(5, 3, padding="same")(x))
    run = mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK), model=mine)
    assert run.model.count_params() == mine.count_params()


def test_a_model_with_the_wrong_channels_is_refused_before_anything_is_written(data, tmp_path):
    with pytest.raises(UsageError, match=r"gives 3 channels, but the data has 5 classes .*disc"):
        mw.train(data, out=tmp_path / "run", model=mw.unet(classes=3, filters=(4, 8)))
    assert not (tmp_path / "run").exists()


def test_a_subclassed_model_is_refused(data, tmp_path):
    class Mine(keras.Model):
        pass

    with pytest.raises(UsageError, match="must be functional, with one input and one output"):
        mw.train(data, out=tmp_path / "run", model=Mine())


@pytest.mark.parametrize("classes", [2, 20])
def test_two_classes_work_as_well_as_twenty(classes, tmp_path):
    rng = np.random.default_rng(classes)
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for n in range(6):
        mask = rng.integers(classes, size=(5, 4)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
        mask.flat[:classes] = np.arange(classes)
        image = np.stack([mask * (250 // classes)] * 3, axis=-1)
        Image.fromarray(image).save(tmp_path / "data" / "images" / f"{n}.png")
        Image.fromarray(mask).save(tmp_path / "data" / "masks" / f"{n}.png")
    config = mw.recipe("tutorial", SMALL)
    run = mw.train(tmp_path / "data", out=tmp_path / "run", config=config)
    assert len(mw.evaluate(run)["classes"]) == classes


def test_a_run_without_a_finished_epoch_says_so(run, tmp_path):
    for name in ("config.toml", "dataset.toml", "split.csv", "data.json"):
        (tmp_path / name).write_bytes((run.path / name).read_bytes())
    with pytest.raises(RunError, match=r"model\.keras is missing: no epoch of this training ended"):
        mw.load(tmp_path).predict(run.dataset.pairs[0].image)


def test_a_file_that_breaks_during_training_is_named(data, tmp_path, monkeypatch):
    """The engine wraps what a worker thread raises; people must see what it was."""
    from maskwright import training

    copy = tmp_path / "data"
    for path in data.rglob("*.*"):
        target = copy / path.relative_to(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    create = training.create_run

    def break_a_file(folder, config, dataset, **options):
        dataset.of("train")[0].image.write_bytes(b"")
        return create(folder, config, dataset, **options)

    monkeypatch.setattr(training, "create_run", break_a_file)
    with pytest.raises(DataError, match=r"shape_\d+\.jpg is empty \(0 bytes\)"):
        mw.train(copy, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK))


def test_a_loss_that_is_not_finite_stops_the_training_and_names_the_images(
    data, tmp_path, monkeypatch
):
    from maskwright import fitting

    def broken(classes, logits):
        return keras.ops.sum(logits) * float("nan")

    monkeypatch.setattr(fitting, "parse_loss", lambda text, weights=None: broken)
    message = (
        r"loss became nan in epoch 1 at the images (shape_\d+\.jpg, ){3}shape_\d+\.jpg; "
        r"no epoch had ended, so no model is kept\. .*lower --set train\.learning_rate"
    )
    with pytest.raises(mw.MaskwrightError, match=message):
        mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK))


def test_a_loss_that_turns_bad_later_keeps_the_best_model(data, tmp_path, monkeypatch):
    from maskwright import epochs

    check = epochs.Epochs.check_loss

    def turned(story, loss, step):
        check(story, float("inf") if story.epoch == 1 else loss, step)

    monkeypatch.setattr(epochs.Epochs, "check_loss", turned)
    with pytest.raises(mw.MaskwrightError, match=r"became inf in epoch 2 .* of epoch 1, is kept"):
        mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK))
    assert mw.evaluate(mw.load(tmp_path / "run"))["images"] == 6


def test_a_batch_that_does_not_fit_is_halved_until_it_does(data, tmp_path, monkeypatch, capsys):
    from maskwright.data.batches import Batches

    get = Batches.__getitem__

    def limited(batches, step):
        if batches.batch > 2:
            raise MemoryError
        return get(batches, step)

    monkeypatch.setattr(Batches, "__getitem__", limited)
    run = mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK))
    said = capsys.readouterr().err
    assert "a batch of 4 does not fit into the memory: trying 2" in said
    assert run.config.train.batch == 2
    assert [row["epoch"] for row in run.metrics()] == [1, 2]


def test_a_batch_of_more_images_than_there_are_is_remarked(data, tmp_path, capsys):
    config = mw.recipe("scratch", {**ONE_BLOCK, "train.batch": 4096, "train.epochs": 1})
    mw.train(data, out=tmp_path / "run", config=config)
    assert (
        "a batch of 4,096 is more than there are images to train on: a step is an epoch, of 12"
        in " ".join(capsys.readouterr().err.split())
    )


def test_a_batch_that_would_not_fit_is_made_smaller_before_it_begins(
    data, tmp_path, monkeypatch, capsys
):
    from maskwright import memory

    monkeypatch.setattr(memory, "free_bytes", lambda: 1e6)
    run = mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", SMALL))
    said = capsys.readouterr().err
    assert re.search(r"a step of 4 images would take about 0\.\d GB of memory, more than is", said)
    assert f"training on batches of {run.config.train.batch}\n" in said
    assert run.config.train.batch < 4


def test_a_training_that_begins_again_forgets_the_epochs_before(data, tmp_path, monkeypatch):
    from maskwright.data.batches import Batches

    get = Batches.__getitem__

    def limited(batches, number):
        if batches.batch > 2 and number >= len(batches):
            raise MemoryError
        return get(batches, number)

    monkeypatch.setattr(Batches, "__getitem__", limited)
    run = mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK))
    assert [row["epoch"] for row in run.metrics()] == [1, 2]


@pytest.mark.parametrize("own", [False, True])
def test_what_a_step_takes_is_remembered_but_not_of_a_model_of_ones_own(
    data, tmp_path, monkeypatch, own
):
    from maskwright import epochs, training

    remembered = []
    monkeypatch.setattr(epochs, "TELLING", 0.0)
    monkeypatch.setattr(epochs, "WARM", 0)
    monkeypatch.setattr(epochs, "FIXED", 0.0)
    monkeypatch.setattr(training, "remember", lambda model, seconds: remembered.append(seconds))
    mine = mw.unet(5, filters=(4,)) if own else None
    mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK), model=mine)
    assert len(remembered) == (not own)
    assert all(seconds > 0 for seconds in remembered)


def test_a_batch_of_one_that_does_not_fit_is_an_error(data, tmp_path, monkeypatch):
    from maskwright.data.batches import Batches

    def full(batches, step):
        raise MemoryError("nothing left")

    monkeypatch.setattr(Batches, "__getitem__", full)
    with pytest.raises(MaskwrightError, match=r"not even one image of 32×32 pixels .*view\.size"):
        mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK))


def test_a_time_budget_ends_with_the_schedule_done(data, tmp_path, monkeypatch):
    """On a clock that goes on by half a second whenever somebody looks at it."""
    from maskwright import fitting
    from maskwright.schedule import Clock

    ticks = itertools.count(step=0.5)
    monkeypatch.setattr(
        fitting, "Clock", lambda end, reserve: Clock(60, reserve, lambda: next(ticks))
    )
    changes = {**ONE_BLOCK, "train.minutes": 1.0, "train.epochs": 0, "train.average": 0.9}
    run = mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", changes))
    rows = run.metrics()
    assert rows[-1]["learning_rate"] < 0.01 * run.config.train.learning_rate
    assert 1 < len(rows) <= rows[-1]["epoch"]
    assert "done 1 min 0 s after the start" in (run.path / "log.txt").read_text()


@pytest.mark.parametrize(("looks", "validated"), [(1, [1, 3]), (9, [1, 2, 3])])
def test_epochs_that_are_not_validated_are_announced(data, tmp_path, monkeypatch, looks, validated):
    from maskwright import epochs

    monkeypatch.setattr(epochs, "LOOKS", looks)
    config = mw.recipe("scratch", {**ONE_BLOCK, "train.epochs": 3})
    run = mw.train(data, out=tmp_path / "run", config=config)
    assert [row["epoch"] for row in run.metrics()] == validated
    words = "to go, or less; epochs are validated, and told here, only now and then"
    assert (words in (run.path / "log.txt").read_text()) == (looks == 1)


def test_a_time_that_is_over_before_the_first_step_is_an_error_and_leaves_nothing(data, tmp_path):
    config = mw.recipe("scratch", {**ONE_BLOCK, "train.minutes": 0.01})
    with pytest.raises(UsageError, match=r"--time: 1 s were over before the first step .* more"):
        mw.train(data, out=tmp_path / "run", config=config)
    assert not (tmp_path / "run").exists()


def test_a_training_by_the_minute_follows_a_plan_and_keeps_what_was_set(
    data, tmp_path, monkeypatch
):
    from maskwright import fitting
    from maskwright.schedule import Clock

    ticks = itertools.count()
    monkeypatch.setattr(
        fitting, "Clock", lambda end, reserve: Clock(60, reserve, lambda: next(ticks))
    )
    small = {"model.encoder": "plain", "model.filters": [4, 8], "train.batch": 4}
    run = mw.train(data, out=tmp_path / "run", minutes=5, settings=small)
    assert run.config.train.minutes == 5
    assert run.config.model.filters == (4, 8)
    plan = (run.path / "plan.md").read_text()
    assert "12 images to train on" in plan
    assert f"| `view.size` | {run.config.view.size} |" in plan
    assert "`model.encoder`" not in plan  # it was given
    assert mw.evaluate(run)["images"] == 6


def test_a_configuration_and_minutes_contradict_each_other(data):
    with pytest.raises(UsageError, match=r"config and train\.minutes are both given; put the set"):
        mw.train(data, config=mw.recipe("scratch"), minutes=5)


def test_a_training_in_two_sizes_changes_over_in_its_middle(data, tmp_path, monkeypatch):
    from maskwright.data.batches import Batches

    sides = []
    get = Batches.__getitem__
    monkeypatch.setattr(
        Batches, "__getitem__", lambda b, step: (sides.append(b.side), get(b, step))[1]
    )
    changes = {**SMALL, "train.epochs": 4, "train.first_size": 16, "train.first_share": 0.5}
    run = mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", changes))
    assert sides == sorted(sides)
    assert set(sides) == {16, 32}
    assert 5 <= sides.count(16) <= 5 + 6  # half of 12 steps, and what waited in the queue
    assert run.metrics()[-1]["learning_rate"] < 1e-3


def test_the_original_network_trains_on_tiles_and_its_model_is_plain_keras(data, tmp_path):
    small = {"view.size": 24, "model.filters": [4, 8], "train.epochs": 2}
    run = mw.train(data, out=tmp_path / "run", config=mw.recipe("original", small))
    assert mw.evaluate(run)["images"] == 6
    image = np.random.default_rng(0).integers(256, size=(24, 24, 3)).astype(np.uint8)
    plain = keras.saving.load_model(run.path / "model.keras")
    logits = plain.predict_on_batch(image[None])
    assert logits.shape == (1, 24, 24, 5)
    # Whole, without tiles, the border of an image is mirrored as the model does it by itself.
    whole = replace(run.predictor, view=ViewConfig(size=24, fit="squash"))
    calibrated = softmax(logits[0] / run.calibration.temperature)
    np.testing.assert_allclose(whole.probabilities(image), calibrated, atol=1e-4)


def test_a_sum_of_losses_trains(data, tmp_path):
    config = mw.recipe("scratch", {**SMALL, "train.loss": "cross_entropy + 0.5*dice"})
    rows = mw.train(data, out=tmp_path / "run", config=config).metrics()
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_an_unknown_loss_is_refused_before_anything_is_written(data, tmp_path):
    config = mw.recipe("scratch", {**ONE_BLOCK, "train.loss": "cross_entropi"})
    with pytest.raises(mw.UsageError, match=r"unknown loss cross_entropi .* mean cross_entropy\?"):
        mw.train(data, out=tmp_path / "run", config=config)
    assert not (tmp_path / "run").exists()


JAX_STORY = """
import sys
import maskwright as mw
small = {"train.epochs": 2, "train.batch": 4, "view.size": 32, "model.filters": [4, 8]}
run = mw.train(sys.argv[1], out=sys.argv[2], config=mw.recipe("scratch", small))
assert mw.evaluate(run)["images"] == 6
assert run.metrics()[1]["loss"] < run.metrics()[0]["loss"]
"""


def test_the_same_job_runs_on_jax(data, tmp_path, on_jax):
    pytest.importorskip("jax", reason="the extra maskwright[jax] is not installed")
    done = subprocess.run(
        [sys.executable, "-c", JAX_STORY, str(data), str(tmp_path / "run")],
        env=on_jax | {"MASKWRIGHT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["engine"] == "jax"


JAX_SCORES = """
import json, sys
import maskwright as mw
print(json.dumps(mw.evaluate(sys.argv[1])))
"""


def numbers(found: object, name: str = "") -> dict[str, float | None]:
    """Every number in nested lists and dicts, by its path."""
    if isinstance(found, dict | list):
        items = found.items() if isinstance(found, dict) else enumerate(found)
        return {k: v for key, one in items for k, v in numbers(one, f"{name}.{key}").items()}
    return {name: found} if found is None or isinstance(found, float) else {}


def test_a_run_scores_the_same_on_jax(run, scores, tmp_path, on_jax):
    """To the third decimal, all of the table: scores, intervals, calibration."""
    pytest.importorskip("jax", reason="the extra maskwright[jax] is not installed")
    copy = shutil.copytree(run.path, tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-c", JAX_SCORES, str(copy)],
        env=on_jax,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ours, other = numbers(scores), numbers(json.loads(done.stdout))
    assert len(ours) > 200
    for found in (ours, other):
        found.pop(".seconds")
    assert ours.keys() == other.keys()
    for name, value in ours.items():
        if value is None:
            assert other[name] is None, name
        else:
            assert other[name] == pytest.approx(value, abs=1e-3), name


@pytest.mark.parametrize("monitor", ["loss", "pixel_accuracy", "iou disc"])
def test_what_is_monitored_picks_the_best_epoch(data, tmp_path, monkeypatch, monitor):
    from maskwright.runs import Run

    saved = []
    save = Run.save_model

    def saving(self, *what):
        saved.append(True)
        return save(self, *what)

    monkeypatch.setattr(Run, "save_model", saving)
    config = mw.recipe("scratch", {**ONE_BLOCK, "train.epochs": 4, "train.monitor": monitor})
    run = mw.train(data, out=tmp_path / "run", config=config)
    values = [row[f"val_{monitor}"] * (-1 if monitor == "loss" else 1) for row in run.metrics()]
    best = [value > max(values[:k], default=-np.inf) for k, value in enumerate(values)]
    assert sum(best) == len(saved)


def test_a_class_that_cannot_pick_the_best_epoch_is_refused(data, tmp_path):
    config = mw.recipe("scratch", {**ONE_BLOCK, "train.monitor": "iou dics"})
    with pytest.raises(mw.UsageError, match=r"no class dics; did you mean disc\?"):
        mw.train(data, out=tmp_path / "run", config=config)
    assert not (tmp_path / "run").exists()


def test_validation_of_which_nothing_counts_is_refused(tmp_path, write_pairs):
    folder = write_pairs(tmp_path / "data", 10)
    masks = {path.stem: path for path in (folder / "masks").iterdir()}
    blank = np.full((10, 12), 255, np.uint8)
    for name in ("8", "9"):
        Image.fromarray(blank).save(masks[name])
    splits = {name: "val" if name in "89" else "train" for name in masks}
    rows = [f"images/{name}.png,masks/{name}.png,{split}" for name, split in splits.items()]
    (folder / "list.csv").write_text("\n".join(["image,mask,split", *rows]))
    (folder / "dataset.toml").write_text(
        'manifest = "list.csv"\nignore = [255]\n'
        "[[classes]]\nvalues = [0]\n[[classes]]\nvalues = [1]"
    )
    with pytest.raises(
        mw.UsageError, match=r"no validation image has a pixel that counts, all are"
    ):
        mw.train(folder, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("ended", [0, 1])
def test_an_interrupt_keeps_the_best_epoch_or_leaves_nothing(
    data, tmp_path, monkeypatch, capsys, ended
):
    from maskwright import epochs

    begin = epochs.Epochs.begin

    def interrupt(story):
        begin(story)
        if story.epoch == ended:
            raise KeyboardInterrupt

    monkeypatch.setattr(epochs.Epochs, "begin", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mw.train(data, out=tmp_path / "run", config=mw.recipe("scratch", ONE_BLOCK))
    assert (tmp_path / "run").exists() == bool(ended)
    if ended:
        assert mw.evaluate(mw.load(tmp_path / "run"))["images"] == 6
        said = capsys.readouterr().err.replace("\n", " ")
        assert "run has not ended: this is its best epoch so far" in said


def test_scores_of_images_trained_on_are_said_to_flatter(run, data, capsys):
    assert mw.evaluate(run, data)["trained_on"] == 12
    assert "12 of these 20 images were trained on" in capsys.readouterr().err
