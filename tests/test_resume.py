"""A training that was stopped, in whatever way, goes on as if it had not been."""

import shutil
import subprocess
import sys
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image
from stopping import SMALL, DiedError, config, left, stop_at

import maskwright as mw
from maskwright.checkpoint import latest_checkpoint, read_checkpoint, write_checkpoint
from maskwright.errors import RunError, UsageError
from maskwright.resuming import last_begun


@pytest.fixture(scope="module")
def whole(shapes) -> mw.Run:
    """The training that was never stopped."""
    return mw.train(shapes, out=shapes.parent / "whole", config=config())


@pytest.mark.parametrize(
    ("where", "step"), [("before_step", n) for n in (0, 1, 5, 8)] + [("begin", 0), ("begin", 3)]
)
def test_it_ends_in_the_same_weights_rows_and_files(
    shapes, whole, tmp_path, monkeypatch, every_step, where, step
):
    """An epoch has three steps; begin is where one is complete, and validated."""
    with monkeypatch.context() as dying:
        stop_at(dying, where, step)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config())
    run = mw.train(shapes, out=tmp_path / "run", resume=True)
    assert left(run) == left(whole)


def test_a_checkpoint_at_each_step_changes_nothing(shapes, whole, tmp_path, every_step):
    assert left(mw.train(shapes, out=tmp_path / "run", config=config())) == left(whole)


def test_early_stopping_goes_on_waiting(shapes, tmp_path, monkeypatch, every_step):
    still = {"train_patience": 3, "train_learning_rate": 1e-9, "train_epochs": 9}
    whole = mw.train(shapes, out=tmp_path / "whole", config=config(**still))
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 9)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config(**still))
    run = mw.train(shapes, out=tmp_path / "run", resume=True)
    assert len(run.metrics()) < 9
    assert left(run) == left(whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"train_first_size": 16, "train_optimizer": "sgd"},
        {"train_accumulate": 2, "train_optimizer": "muon", "train_schedule": "constant"},
    ],
    ids=["two sizes", "accumulated"],
)
def test_so_it_does_with_other_trainings(shapes, tmp_path, monkeypatch, every_step, changes):
    """The first of two sizes is seen until step 4.5, so its second epoch ends early, after 5."""
    whole = mw.train(shapes, out=tmp_path / "whole", config=config(**changes))
    for step in (4, 5):
        out = tmp_path / f"run-{step}"
        with monkeypatch.context() as dying:
            stop_at(dying, "before_step", step)
            with pytest.raises(DiedError):
                mw.train(shapes, out=out, config=config(**changes))
        assert left(mw.train(shapes, out=out, resume=True)) == left(whole), step


def test_the_data_may_be_named_by_another_path(shapes, whole, tmp_path, monkeypatch, every_step):
    monkeypatch.chdir(shapes.parent)
    (tmp_path / "link").symlink_to(shapes)
    for number, data in enumerate(("shapes", tmp_path / "link")):
        out = tmp_path / f"run-{number}"
        with monkeypatch.context() as dying:
            stop_at(dying, "before_step", 3)
            with pytest.raises(DiedError):
                mw.train(data, out=out, config=config())
        assert left(mw.train(data, out=out, resume=True)) == left(whole)


def test_a_model_of_ones_own_goes_on_where_it_is_given(shapes, tmp_path, monkeypatch, every_step):
    def mine() -> keras.Model:
        keras.utils.set_random_seed(3)
        return mw.unet(5, filters=(4, 8), dropout=0.5)

    whole = mw.train(shapes, out=tmp_path / "whole", config=config(), model=mine())
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 4)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config(), model=mine())
    words = r"was begun with a model of your own; give it again, as in maskwright\.train\("
    with pytest.raises(RunError, match=words):
        mw.train(shapes, out=tmp_path / "run", resume=True)
    run = mw.train(shapes, out=tmp_path / "run", model=mine(), resume=True)
    assert left(run) == left(whole)
    again = mw.load(tmp_path / "run")
    assert [w.tobytes() for w in again.model.get_weights()] == left(whole)["weights"]


@pytest.mark.parametrize("pair", [1, 2])
def test_torn_checkpoints_go_back_to_what_was_whole(
    shapes, whole, tmp_path, monkeypatch, capsys, every_step, pair
):
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 7)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config())
    both = sorted((tmp_path / "run" / "checkpoint").iterdir())
    for torn in both[2 - pair :]:
        torn.write_bytes(torn.read_bytes()[:-1000])
    with monkeypatch.context() as dying:  # and once more, before the step of the torn ones
        stop_at(dying, "before_step", 8 - 4 * (pair == 2))
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", resume=True)
    assert latest_checkpoint(tmp_path / "run").step == 8 - 4 * (pair == 2)
    assert left(mw.train(shapes, out=tmp_path / "run", resume=True)) == left(whole)
    assert "00000007.npz is torn" in capsys.readouterr().err.replace("\n", "")


def test_settings_may_be_left_out_or_must_agree(shapes, tmp_path, monkeypatch, capsys, every_step):
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 3)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config())
    with pytest.raises(
        UsageError, match=r"train.epochs = 9 is given, but .*run was begun with 3; leave it out"
    ):
        mw.train(shapes, out=tmp_path / "run", settings={"train.epochs": 9}, resume=True)
    with pytest.raises(UsageError, match=r"train.batch = 2 is given, but .*run was begun with 4"):
        mw.train(shapes, out=tmp_path / "run", settings={"train.batch": 2}, resume=True)
    with pytest.raises(
        UsageError, match="holds a training that has not ended; go on with it by ad"
    ):
        mw.train(shapes, out=tmp_path / "run", config=config())
    settings = {"train.epochs": 3, "train.batch": 8}  # which may have been made smaller
    run = mw.train(shapes, out=tmp_path / "run", settings=settings, resume=True)
    assert run.about["finished"]
    assert "batches stay of 4" in capsys.readouterr().err


def test_data_that_changed_are_refused(shapes, tmp_path, monkeypatch, every_step):
    copy = shutil.copytree(shapes, tmp_path / "shapes")
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 3)
        with pytest.raises(DiedError):
            mw.train(copy, out=tmp_path / "run", config=config())
    mask = next((copy / "masks").iterdir())
    Image.fromarray(np.zeros_like(np.asarray(Image.open(mask)))).save(mask)
    words = "the images, masks or classes in .*shapes are not those with which .*run was begun; put"
    with pytest.raises(RunError, match=words):
        mw.train(copy, out=tmp_path / "run", resume=True)


def test_scores_of_the_model_so_far_are_not_taken_for_those_of_the_end(
    shapes, tmp_path, monkeypatch, capsys, every_step
):
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 5)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config())
    mw.evaluate(tmp_path / "run")
    run = mw.train(shapes, out=tmp_path / "run", resume=True)
    assert run.evaluation() is None
    said = capsys.readouterr().err.replace("\n", " ")
    assert "test.json was of the model so far: evaluate again at the end" in said


def test_what_is_finished_stays_as_it_is(shapes, whole, capsys):
    before = left(whole)
    mw.train(shapes, out=whole.path, resume=True)
    assert left(whole) == before
    assert "is finished: there is nothing to go on with" in capsys.readouterr().err
    mw.train(shapes, out=whole.path, resume=True, minutes=5)  # with what it does not need
    assert left(whole) == before
    said = " ".join(capsys.readouterr().err.split())
    assert "nothing to go on with; for a longer training choose another --out" in said


def test_where_there_is_nothing_to_go_on_with_it_begins(shapes, whole, tmp_path):
    assert left(mw.train(shapes, out=tmp_path / "run", config=config(), resume=True)) == left(whole)


def test_without_a_place_the_last_of_its_name_goes_on(tmp_path):
    assert last_begun(None, tmp_path / "cells") is None
    for name in ("cells", "cells-2", "cells-3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").touch()
    assert last_begun(None, tmp_path / "cells").path.name == "cells-3"
    assert last_begun(tmp_path / "cells-2", tmp_path / "cells").path.name == "cells-2"


def test_a_time_budget_counts_on_where_it_was(shapes, tmp_path, monkeypatch, every_step):
    """Half of it was used; what was used then is in the state, the time in between is not."""
    timed = config(train_minutes=0.2)
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 30)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=timed)
    progress = latest_checkpoint(tmp_path / "run").state["progress"]
    assert progress["used"] + progress["left"] < 12
    state = read_checkpoint(tmp_path / "run" / "checkpoint" / "00000029.npz")
    late = {**state.state, "progress": {"used": 50.0, "left": 7.0, "reserve": 5.0}}
    write_checkpoint(tmp_path / "run", replace(state, step=30, state=late))
    begun = time.perf_counter()
    run = mw.train(shapes, out=tmp_path / "run", resume=True)
    assert time.perf_counter() - begun < 20
    assert run.metrics()[-1]["learning_rate"] < 1e-5


def test_a_checkpoint_of_another_network_is_refused(shapes, tmp_path, monkeypatch, every_step):
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 2)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config())
    settings = tmp_path / "run" / "config.toml"
    settings.write_text(settings.read_text().replace("    4,", "    16,"))
    assert mw.load(tmp_path / "run").config.model.filters == (16,)
    with pytest.raises(RunError, match=r"the checkpoint has \(.*\) where .* needs \(.*\)"):
        mw.train(shapes, out=tmp_path / "run", resume=True)


@pytest.mark.parametrize("lacks", ["epoch", "best", "rows", "progress"])
def test_a_checkpoint_that_lacks_something_is_refused(
    shapes, tmp_path, monkeypatch, every_step, lacks
):
    with monkeypatch.context() as dying:
        stop_at(dying, "before_step", 2)
        with pytest.raises(DiedError):
            mw.train(shapes, out=tmp_path / "run", config=config())
    saved = latest_checkpoint(tmp_path / "run")
    state = {key: value for key, value in saved.state.items() if key != lacks}
    write_checkpoint(tmp_path / "run", replace(saved, state=state))
    with pytest.raises(RunError, match=f"another version, or damaged .KeyError: '{lacks}'.; begin"):
        mw.train(shapes, out=tmp_path / "run", resume=True)


ON_JAX = """
import sys
import numpy as np
import maskwright as mw
from maskwright import epochs
shapes, out = sys.argv[1:]
epochs.Epochs.checkpoint_due = lambda story: story.steps > 0
SMALL = {small}
whole = mw.train(shapes, out=out + "/whole", config=mw.recipe("scratch", SMALL))
before = epochs.Epochs.before_step
def dying(story):
    if story.steps == 5:
        raise ZeroDivisionError
    return before(story)
epochs.Epochs.before_step = dying
try:
    mw.train(shapes, out=out + "/run", config=mw.recipe("scratch", SMALL))
except ZeroDivisionError:
    epochs.Epochs.before_step = before
run = mw.train(shapes, out=out + "/run", resume=True)
for one, other in zip(run.model.get_weights(), whole.model.get_weights(), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
assert len(run.metrics()) == len(whole.metrics())
"""


def test_on_jax_it_ends_in_the_same_weights_within_rounding(shapes, tmp_path, on_jax):
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX.format(small=SMALL), str(shapes), str(tmp_path)],
        env=on_jax,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
