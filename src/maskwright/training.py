"""train(data) -> Run: the whole story of a training on one page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.config import Config
from maskwright.console import amount, duration, say
from maskwright.data.batches import Batches
from maskwright.data.cache import Source, open_source
from maskwright.data.dataset import Dataset, load_dataset
from maskwright.data.labels import ClassTable
from maskwright.data.listing import data_name
from maskwright.engine import keras
from maskwright.epochs import Epochs
from maskwright.errors import MaskwrightError, UsageError, some
from maskwright.losses import balanced, parse_loss
from maskwright.memory import fitting, step_bytes
from maskwright.models import build, freeze_encoder, without_mirror
from maskwright.optimizers import optimizer
from maskwright.planning import plan_for
from maskwright.precision import precision_for
from maskwright.recipes import recipe
from maskwright.runs import Run, create_run, free_folder
from maskwright.schedule import Clock, Steps
from maskwright.settings import change
from maskwright.stepping import Stepper, stepper
from maskwright.throughput import remember

RESERVE, RESERVE_IMAGE = 5.0, 0.05  # seconds, and an image, that a first validation may take


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    config: Config | None = None,
    model: keras.Model | None = None,
    minutes: float | None = None,
    settings: Mapping[str, Any] | None = None,
    begun: float | None = None,
) -> Run:
    """Train on a dataset and return the run folder that holds all of it.

    ``data`` is a folder, a CSV manifest or a dataset.toml; ``out`` the run folder to make.
    What is trained says ``config``, from ``maskwright.recipe``; or ``minutes`` and a plan for that
    time, which keeps the dotted ``settings``; or else the recipe "default". The time counts from
    ``begun``, seconds of ``time.perf_counter``, by default from now. A ``model`` of your own must
    be a functional Keras model from uint8 [B, H, W, 3] to logits [B, H, W, classes].

    Raises DataError, RunError or UsageError before anything is written.
    """
    begun = time.perf_counter() if begun is None else begun
    given = {**(settings or {}), **({"train.minutes": minutes} if minutes else {})}
    if config and given:
        raise UsageError(f"config and {some(given)} are both given; put the settings into config")
    wanted = config or recipe("default", given)
    parse_loss(wanted.train.loss)
    folder = free_folder(out, Path("runs") / f"{data_name(data)}-{wanted.recipe}")
    dataset = load_dataset(data, seed=wanted.seed, split=wanted.split)
    keras.utils.set_random_seed(wanted.seed)
    network = model or build(wanted.model, len(dataset.table), dataset.bands.count)
    check_model(network, dataset.table)
    plan = None
    if minutes and not model:
        plan = plan_for(dataset, given, 60 * minutes - (time.perf_counter() - begun), network)
        wanted = plan.config
    run = create_run(folder, wanted, dataset)
    if plan:
        run.write_plan(plan.to_markdown())
        run.tell(f"what is trained, and why: {run.path / 'plan.md'}")
    network.summary(print_fn=run.log, line_length=100)
    introduce(dataset, network, wanted, run)
    try:
        rate = fit(network, dataset, wanted, run, begun)
    except KeyboardInterrupt:
        give_up(run)
        raise
    if rate and not model:
        remember(wanted.model, rate)
    return run


def give_up(run: Run) -> None:
    """Say what an interrupted training leaves; where no epoch has ended, leave nothing."""
    if (run.path / "model.keras").is_file():
        run.tell(
            "interrupted; the best epoch so far is kept; go on with: maskwright evaluate "
            f"{run.path}"
        )
    else:
        run.discard()
        say(f"no epoch had ended: what was begun in {run.path} is removed again")


def check_model(network: keras.Model, table: ClassTable) -> None:
    """Refuse a model that cannot be trained on these classes."""
    if not getattr(network, "inputs", None) or not isinstance(network.output, keras.KerasTensor):
        raise UsageError("the model must be functional, with one input and one output tensor")
    channels = network.output.shape[-1]
    if channels != len(table):
        raise UsageError(
            f"the model gives {channels} channels, but the data has {len(table)} classes "
            f"({', '.join(table.names)}); give its last layer {len(table)}"
        )


def introduce(dataset: Dataset, network: keras.Model, config: Config, run: Run) -> None:
    """Say in two lines what is about to be trained on what."""
    images = dataset.counts()
    if config.view.fit != "window" and config.train.batch > images["train"]:
        run.tell(
            f"a batch of {config.train.batch:,} is more than there are images to train on: a step "
            f"is an epoch, of {images['train']}"
        )
    length = amount(config.train.epochs_for(images["train"]), "epoch")
    if config.train.minutes:
        length = f"done {duration(60 * config.train.minutes)} after the start"
    groups = len({pair.group for pair in dataset.pairs} - {""})
    grouped = f" (of {amount(groups, 'group')})" if groups else ""
    run.tell(
        f"{data_name(dataset.root)}: {images['train']} images to train on, {images['val']} to "
        f"choose the best epoch, {images['test']} for the test{grouped}; "
        f"{len(dataset.table)} classes: {some(dataset.table.names, 8)}"
    )
    run.tell(
        f"{config.recipe}: {network.name} of {network.count_params():,} weights, "
        f"{config.view.size}×{config.view.size} pixels, {length}, into {run.path}"
    )


def fit(network: keras.Model, dataset: Dataset, config: Config, run: Run, begun: float) -> float:
    """Train ``network`` in place; the best epoch ends up in the run's model.keras.

    Where a batch is too large for the memory, training begins again with half of it. Returns the
    seconds that a step took a megapixel, 0 where too few large steps were made to say.
    """
    pairs = dataset.of("train")
    source = open_source(pairs, dataset.table, config.view, config.augment.zoom, dataset.bands)
    if config.model.pretrained and not config.train.encoder_rate:
        freeze_encoder(network)
    untrained = network.get_weights()
    config = within_memory(network, Batches(source, config), config, run)
    while True:
        try:
            return fit_batches(network, source, dataset, config, run, begun)
        except Exception as error:
            if not out_of_memory(error):
                raise
            batch = config.train.batch // 2
            if not batch:
                raise MaskwrightError(too_large(config)) from error
        run.tell(f"a batch of {config.train.batch} does not fit into the memory: trying {batch}")
        config = rewritten(config, batch, run)
        run.forget_metrics()
        network.set_weights(untrained)


def within_memory(network: keras.Model, batches: Batches, config: Config, run: Run) -> Config:
    """The configuration with as large a batch as the memory that is free should hold."""
    side, wanted = batches.side, batches.batch
    batch = fitting(network, side, wanted)
    if batch == wanted:
        return config
    takes = step_bytes(network, side, wanted) / 1e9
    run.tell(
        f"a step of {wanted} images would take about {takes:.1f} GB of memory, more than is free: "
        f"training on batches of {batch}"
    )
    return rewritten(config, batch, run)


def rewritten(config: Config, batch: int, run: Run) -> Config:
    """The configuration with another batch, in the run folder too."""
    config = change(config, {"train.batch": batch})
    run.write_config(config)
    return config


def too_large(config: Config) -> str:
    """What to do where one image is too much."""
    size, stride = config.view.size, config.model.stride
    half = max(stride, size // 2 // stride * stride)
    return (
        f"not even one image of {size}×{size} pixels fits into the memory; train on smaller "
        f"views, as with --size {half} (view.size)"
    )


def out_of_memory(error: BaseException) -> bool:
    """Whether an engine says by this error that a batch is too large.

    >>> out_of_memory(MemoryError()), out_of_memory(ValueError("shapes differ"))
    (True, False)
    """
    names = (MemoryError.__name__, "ResourceExhaustedError", "OutOfMemoryError")
    return type(error).__name__ in names or "RESOURCE_EXHAUSTED" in str(error)


def fit_batches(
    network: keras.Model,
    source: Source,
    dataset: Dataset,
    config: Config,
    run: Run,
    begun: float,
) -> float:
    """Train ``network`` on one size of batch, part by part; the seconds a megapixel, as ``fit``."""
    weights = balanced(dataset.pixels["train"].tolist(), config.train.balance)
    inner, margin = without_mirror(network)
    trainer = compiled(inner, config)
    precision = precision_for(config.train.precision)
    if precision != "float32":
        run.tell(f"layers compute in {precision}, weights are float32")
    steps = stepper(trainer, parse_loss(config.train.loss, weights), precision)
    epochs = config.train.epochs_for(len(source))
    progress: Steps | Clock = Steps(len(Batches(source, config)), epochs)
    if config.train.minutes:
        reserve = RESERVE + RESERVE_IMAGE * len(dataset.of("val"))
        progress = Clock(begun + 60 * config.train.minutes, reserve)
    story = Epochs(trainer, network, dataset, config, progress, run)
    with story.bar:
        for size, until in parts(config):
            batches = Batches(source, config, size, margin)
            story.part(batches, until)
            ahead = batches.ahead(story.epoch * len(batches))
            while not story.part_over:
                fit_epoch(steps, story, ahead)
    if not story.epoch:
        run.discard()
        raise UsageError(
            f"--time: {duration(60 * config.train.minutes)} were over before the first step of the "
            "training; give it more time"
        )
    return story.step_seconds()


def compiled(network: keras.Model, config: Config) -> keras.Model:
    """A model over the same layers that has an optimiser.

    It is a second one, so that the one that is saved stays free of it and opens with plain Keras.
    All variables are made here: those made in its first step would let TensorFlow trace that step
    twice, which takes ten seconds more.
    """
    trainer = keras.Model(network.input, network.output)
    chosen = optimizer(config.train, pretrained=config.model.pretrained)
    chosen.build(trainer.trainable_variables)
    trainer.compile(chosen)
    return trainer


def fit_epoch(
    steps: Stepper, story: Epochs, ahead: Iterator[tuple[np.ndarray, np.ndarray]]
) -> None:
    """Train for an epoch on batches made ahead, or until this part of the training is over."""
    story.begin()
    steps.begin()
    for images, truth in islice(ahead, len(story.batches)):
        rate = story.before_step()
        story.after_step(*steps.step(images, truth, rate), steps.lag)
        if story.part_over:
            break
    story.catch_up()
    steps.sync()
    story.end()


def parts(config: Config) -> list[tuple[int, float]]:
    """The parts of a training: the side of their views, and the progress at which they end.

    >>> parts(change(Config(), {"train.first_size": 128, "train.first_share": 0.4}))
    [(128, 0.4), (256, 1.0)]
    """
    whole = (config.view.size, 1.0)
    first = (config.train.first_size, config.train.first_share)
    return [first, whole] if config.train.first_size else [whole]
