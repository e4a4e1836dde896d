"""train(data) -> Run: the whole story of a training on one page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.checkpoint import (
    Checkpoint,
    forget_checkpoints,
    has_checkpoint,
    latest_checkpoint,
)
from maskwright.config import Config, flatten
from maskwright.console import amount, duration, say
from maskwright.data.dataset import Dataset, load_dataset
from maskwright.data.labels import ClassTable
from maskwright.data.listing import data_name
from maskwright.data.rims import channels, rims_of
from maskwright.engine import keras
from maskwright.errors import UsageError, WriteError, nearest, some
from maskwright.files import write_text
from maskwright.fitting import fit
from maskwright.lock import locked
from maskwright.losses import parse_loss
from maskwright.models import build, check_names
from maskwright.planning import Plan, plan_for
from maskwright.recipes import recipe
from maskwright.recording import (
    create_run,
    discard_run,
    free_folder,
    remove_left_over,
    run_name,
)
from maskwright.resuming import (
    TRACK,
    again,
    check_data,
    check_model_given,
    check_settings,
    last_begun,
)
from maskwright.runs import Run
from maskwright.settings import change
from maskwright.throughput import remember
from maskwright.trackers import require_tracker

SLOWER = 0.7  # of the views that were planned, below which the plan's reasons do not hold


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    config: Config | None = None,
    model: keras.Model | None = None,
    minutes: float | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    begun: float | None = None,
) -> Run:
    """Train on a dataset and return the run folder that holds all of it.

    ``data`` is a folder, a CSV manifest or a dataset.toml; ``out`` the run folder to make.
    What is trained says ``config``, from ``maskwright.recipe``; or ``minutes`` and a plan for that
    time, which keeps the dotted ``settings``; or else the recipe "default". The time counts from
    ``begun``, seconds of ``time.perf_counter``, by default from now. A ``model`` of your own must
    be a functional Keras model from uint8 [B, H, W, 3] to logits [B, H, W, classes].

    With ``resume`` a training that was stopped, in any way, goes on as it was begun, in ``out`` or
    the last of its name; what else is given must agree with it, but for ``train.track``. Where
    there is none, it is begun.

    Raises DataError, RunError or UsageError before anything is written, and WriteError where the
    disk refuses; what was saved before stays whole.
    """
    begun = time.perf_counter() if begun is None else begun
    given = {**(settings or {}), **({"train.minutes": minutes} if minutes else {})}
    if config and given:
        raise UsageError(f"config and {some(given)} are both given; put the settings into config")
    wanted = config or recipe("default", given)
    parse_loss(wanted.train.loss)
    check_names(wanted.model)
    otherwise = run_name(data, wanted.recipe)
    old = last_begun(out, otherwise) if resume else None
    asked = flatten(config) if config else given
    if old and not old.about["finished"]:
        check_settings(old, asked)
    track = asked.get(TRACK, (old.config if old else wanted).train.track)
    require_tracker(track)
    folder = old.path if old else free_folder(out, otherwise)
    with locked(folder) as guard:
        if old and old.about["finished"]:
            forget_checkpoints(folder)
            say(
                f"{folder} is finished: there is nothing to go on with; for a longer training "
                "choose another --out"
            )
            return old
        if old:
            check_model_given(old, given=model is not None)
            if track != old.config.train.track:
                old.write_config(change(old.config, {TRACK: track}))
        else:
            free_folder(folder, otherwise)  # still, now that it is ours
        remove_left_over(folder)
        planned = given if minutes and model is None and not old else None
        run = Run(folder, network=model, guard=guard)
        train_into(run, data, old.config if old else wanted, planned, begun)
    return Run(folder, network=model)


def train_into(
    run: Run, data: str | Path, config: Config, planned: Mapping[str, Any] | None, begun: float
) -> None:
    """Train into a folder that is locked, from its newest checkpoint where it has one."""
    own_model = run.network is not None
    dataset = load_dataset(data, seed=config.seed, split=config.split)
    check_monitor(config.train.monitor, dataset)
    saved = latest_checkpoint(run.path)
    forget_checkpoints(run.path, after=saved.step if saved else -1)
    plan, network = None, run.network
    if planned:
        left = 60 * planned["train.minutes"] - (time.perf_counter() - begun)
        plan, network = plan_for(dataset, planned, left)
        config = plan.config
    keras.utils.set_random_seed(config.seed)
    if network is None:
        classes = channels(dataset.table, config)
        network = build(config.model, classes, dataset.bands.count)
    check_model(network, dataset.table, config)
    with going_on(run.path, again(data, run.path, own_model=own_model)):
        if saved:
            check_data(run, dataset)
            run.forget_scores()
        else:
            begin(run.path, dataset, network, config, plan, own_model=own_model)
        finish(run, network, dataset, saved, begun)
        if plan:
            say_if_behind(run, plan, len(dataset.of("train")))


@contextmanager
def going_on(folder: Path, typed: str) -> Iterator[None]:
    """Where a training does not reach its end, say how it goes on; leave nothing of nothing."""
    try:
        yield
    except WriteError as error:
        raise WriteError(f"{error}; then go on with: {typed}") from error
    except (KeyboardInterrupt, SystemExit):
        with suppress(WriteError):
            give_up(Run(folder), typed)
        raise


def begin(
    folder: Path,
    dataset: Dataset,
    network: keras.Model,
    config: Config,
    plan: Plan | None,
    *,
    own_model: bool,
) -> None:
    """Write down what will be trained, and the plan where it follows one.

    ``folder`` is locked, and empty but for what an earlier begin may have left.
    """
    text = plan.to_markdown() if plan else ""
    run = create_run(folder, config, dataset, plan=text, own_model=own_model)
    if plan:
        run.tell(f"what is trained, and why: {run.path / 'plan.md'}")
    network.summary(print_fn=run.log, line_length=100)
    introduce(dataset, network, config, run)


def finish(
    run: Run,
    network: keras.Model,
    dataset: Dataset,
    saved: Checkpoint | None,
    begun: float,
) -> None:
    """Train to the end, and say so."""
    rate = fit(network, dataset, run, begun, saved)
    run.tell(f"trained in {duration(time.perf_counter() - begun)}: {run.path / 'model.keras'}")
    own_model = run.about["own_model"]
    run.write_about(finished=True, own_model=own_model)
    forget_checkpoints(run.path)
    if rate and not own_model:
        remember(run.config.model, rate)


def say_if_behind(run: Run, plan: Plan, images: int) -> None:
    """Say so where far less was shown than planned; of windows an epoch shows one an image."""
    shown = int(run.metrics()[-1]["epoch"]) * images
    if run.config.view.fit != "window" and shown < SLOWER * plan.views:
        told = (
            f"about {shown:,} views were shown where the plan had reckoned with {plan.views:,}: "
            "other work was in the way, or this machine is slower than it was taken for, so its "
            "reasons hold less"
        )
        run.tell(told)
        noted = replace(plan, facts=(*plan.facts, f"afterwards: {told}"))
        write_text(run.path / "plan.md", noted.to_markdown())


def give_up(run: Run, typed: str) -> None:
    """Say how an interrupted training goes on; where nothing was saved, leave nothing."""
    if has_checkpoint(run.path):
        say(f"interrupted, and nothing is lost; go on with: {typed}")
    elif not (run.path / "model.keras").is_file():
        discard_run(run)
        say(f"nothing had been learnt: what was begun in {run.path} is removed again")


def check_model(network: keras.Model, table: ClassTable, config: Config) -> None:
    """Refuse a model that cannot be trained on these classes."""
    if not getattr(network, "inputs", None) or not isinstance(network.output, keras.KerasTensor):
        raise UsageError("the model must be functional, with one input and one output tensor")
    given, needed = network.output.shape[-1], channels(table, config)
    if given != needed:
        and_rims = " and the rims of objects" if needed > len(table) else ""
        or_none = ", or set train.rim=0" if needed > len(table) else ""
        raise UsageError(
            f"the model gives {given} channels, but the data has {len(table)} classes "
            f"({', '.join(table.names)}){and_rims}; give its last layer {needed}{or_none}"
        )


def check_monitor(monitor: str, dataset: Dataset) -> None:
    """Refuse to choose the best epoch by what cannot tell."""
    if not dataset.pixels["val"].any():
        raise UsageError(
            "no validation image has a pixel that counts, all are to be ignored, so no epoch can "
            "be the best; look at their masks, or split again, as with --seed 1"
        )
    name, names = monitor.removeprefix("iou "), dataset.table.names
    if name == monitor:
        return
    if name not in names:
        raise UsageError(f"train.monitor = {monitor!r}: no class {name}; {nearest(name, names)}")
    if not dataset.pixels["val"][names.index(name)]:
        raise UsageError(
            f"train.monitor = {monitor!r}: no validation image has a pixel of {name}; choose "
            "mean_iou, or split again, as with --set split.by=stratified"
        )


def introduce(dataset: Dataset, network: keras.Model, config: Config, run: Run) -> None:
    """Say in two lines what is about to be trained on what."""
    images = dataset.counts()
    if config.view.fit != "window" and config.train.batch > images["train"]:
        run.tell(
            f"a batch of {config.train.batch:,} is more than there are images to train on: a step "
            f"is an epoch, of {images['train']}"
        )
    rims = ""
    if rims_of(dataset.table, config):
        rims = (
            f", and the rims of objects, {config.train.rim:g} pixels wide, to part those that touch"
        )
    length = amount(config.train.epochs_for(images["train"]), "epoch")
    if config.train.minutes:
        length = f"done {duration(60 * config.train.minutes)} after the start"
    groups = len({pair.group for pair in dataset.pairs} - {""})
    grouped = f" (of {amount(groups, 'group')})" if groups else ""
    run.tell(
        f"{data_name(dataset.root)}: {amount(images['train'], 'image')} to train on, "
        f"{images['val']} to choose the best epoch, {images['test']} for the test{grouped}; "
        f"{len(dataset.table)} classes: {some(dataset.table.names, 8)}{rims}"
    )
    run.tell(
        f"{config.recipe}: {network.name} of {network.count_params():,} weights, "
        f"{config.view.size}×{config.view.size} pixels, {length}, into {run.path}"
    )
