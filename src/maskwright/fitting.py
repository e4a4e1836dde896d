"""Fitting a network to batches: to the memory there is, part by part, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import numpy as np

from maskwright.checkpoint import Checkpoint, forget_checkpoints
from maskwright.config import Config
from maskwright.console import amount, duration
from maskwright.data.batches import Batches
from maskwright.data.cache import Source, open_source
from maskwright.data.dataset import Dataset
from maskwright.data.rims import OBJECT, rims_of
from maskwright.engine import keras
from maskwright.epochs import Epochs
from maskwright.errors import MaskwrightError, UsageError
from maskwright.interrupts import Interrupts
from maskwright.losses import balanced, parse_loss
from maskwright.memory import fitting, step_bytes
from maskwright.models import freeze_encoder, without_mirror
from maskwright.optimizers import optimizer
from maskwright.precision import precision_for
from maskwright.recording import discard_run
from maskwright.runs import Run
from maskwright.schedule import Clock, Steps
from maskwright.settings import change
from maskwright.stepping import Stepper, stepper
from maskwright.trackers import forget_tracking
from maskwright.tracking import tracked

RESERVE, RESERVE_IMAGE = 5.0, 0.05  # seconds, and an image, that a first validation may take


def fit(
    network: keras.Model, dataset: Dataset, run: Run, begun: float, saved: Checkpoint | None
) -> float:
    """Train ``network`` in place; the best epoch ends up in the run's model.keras.

    Where a batch is too large for the memory, training begins again with half of it. Returns the
    seconds that a step took a megapixel, 0 where too few large steps were made to say.
    """
    pairs, config = dataset.of("train"), run.config
    rims, zoom = rims_of(dataset.table, config), config.augment.scaled.zoom
    source = open_source(pairs, dataset.table, config.view, zoom, dataset.bands, rims)
    if config.model.pretrained and not config.train.encoder_rate:
        freeze_encoder(network)
    untrained = network.get_weights()
    if not saved:
        config = within_memory(network, Batches(source, config), config, run)
    while True:
        try:
            return fit_batches(network, source, dataset, config, run, begun, saved)
        except Exception as error:
            if not out_of_memory(error):
                raise
            batch = config.train.batch // 2
            if saved or not batch:
                reason = no_longer(config) if saved else too_large(config)
                raise MaskwrightError(reason) from error
        run.tell(f"a batch of {config.train.batch} does not fit into the memory: trying {batch}")
        forget_checkpoints(run.path)  # before the batch changes: they count its steps
        forget_tracking(run.path)
        run.write_metrics([])
        config = rewritten(config, batch, run)
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


def no_longer(config: Config) -> str:
    """What to do where a training that goes on has less memory than before."""
    batch = config.train.batch
    return (
        f"a step of {amount(batch, 'image')} does not fit into the memory, which is less than when "
        "this training was begun, or goes to other programs; free some and go on, or begin another "
        f"with --batch {max(1, batch // 2)}"
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
    saved: Checkpoint | None,
) -> float:
    """Train ``network`` on one size of batch, part by part; the seconds a megapixel, as ``fit``."""
    weights = balanced(dataset.pixels["train"].tolist(), config.train.balance)
    if weights and rims_of(dataset.table, config):
        weights = [*weights, weights[OBJECT]]
    inner, margin = without_mirror(network)
    trainer = compiled(inner, config)
    precision = precision_for(config.train.precision)
    if saved:
        precision = str(saved.state.get("precision", precision))
    if precision != "float32":
        run.tell(f"layers compute in {precision}, weights are float32")
    steps = stepper(trainer, parse_loss(config.train.loss, weights), precision)
    epochs = config.train.epochs_for(len(source))
    progress: Steps | Clock = Steps(len(Batches(source, config)), epochs)
    if config.train.minutes:
        reserve = RESERVE + RESERVE_IMAGE * len(dataset.of("val"))
        progress = Clock(begun + 60 * config.train.minutes, reserve)
    story = Epochs(trainer, network, dataset, config, progress, run, precision)
    if saved:
        story.restore(saved)
        run.tell(f"{run.path} goes on in epoch {story.epoch + 1}, {progress():.0%} done")
    telling = tracked(run, network, dataset, story.predictor, story.rows)
    with telling as tracking, story.bar, Interrupts() as interrupts:
        if tracking:
            story.tracking, story.predictor = tracking, tracking.predictor
        for number, (size, until) in enumerate(parts(config)):
            if number < story.part_number:
                continue
            batches = Batches(source, config, size, margin)
            story.part(number, batches, until)
            with closing(batches.ahead(story.epoch * len(batches) + story.step)) as ahead:
                while story.step or not story.part_over:
                    fit_epoch(steps, story, ahead, interrupts)
    if not story.epoch:
        discard_run(run)
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
    steps: Stepper,
    story: Epochs,
    ahead: Iterator[tuple[np.ndarray, np.ndarray]],
    interrupts: Interrupts,
) -> None:
    """Train for an epoch on batches made ahead, or until this part of the training is over.

    It goes on with an epoch that was begun, and ends within one, saved, where it is interrupted.
    """
    story.begin()
    steps.begin()
    for images, truth in islice(ahead, len(story.batches) - story.step):
        keep(steps, story)
        rate = story.before_step()
        story.after_step(*steps.step(images, truth, rate), steps.lag)
        if story.part_over or interrupts.caught:
            break
    story.catch_up()
    steps.sync()
    if interrupts.caught and not story.part_over:
        story.save()
        interrupts.end()
    story.end()


def keep(steps: Stepper, story: Epochs) -> None:
    """Between two steps, write a checkpoint if one is due."""
    if story.checkpoint_due():
        story.catch_up()
        steps.sync()
        story.save()
        steps.begin()


def parts(config: Config) -> list[tuple[int, float]]:
    """The parts of a training: the side of their views, and the progress at which they end.

    >>> parts(change(Config(), {"train.first_size": 128, "train.first_share": 0.4}))
    [(128, 0.4), (256, 1.0)]
    """
    whole = (config.view.size, 1.0)
    first = (config.train.first_size, config.train.first_share)
    return [first, whole] if config.train.first_size else [whole]
