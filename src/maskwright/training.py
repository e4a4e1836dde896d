"""train(data) -> Run: the whole story of a training on one page."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from maskwright.config import Config, TrainConfig
from maskwright.console import amount, duration, progress, say
from maskwright.data.batches import Batches
from maskwright.data.cache import open_source
from maskwright.data.dataset import Dataset, load_dataset
from maskwright.data.labels import IGNORE, ClassTable
from maskwright.data.listing import data_name
from maskwright.engine import keras
from maskwright.errors import MaskwrightError, UsageError, some
from maskwright.losses import Loss, parse_loss
from maskwright.models import build
from maskwright.recipes import recipe
from maskwright.runs import Run, create_run, free_folder, model_predictor
from maskwright.validate import validate

ops = keras.ops


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    config: Config | None = None,
    model: keras.Model | None = None,
) -> Run:
    """Train on a dataset and return the run folder that holds all of it.

    ``data`` is a folder, a CSV manifest or a dataset.toml; ``out`` the run folder to make;
    ``config`` comes from ``maskwright.recipe``. A ``model`` of your own must be a functional
    Keras model from uint8 [B, H, W, 3] to logits [B, H, W, classes].

    Raises DataError, RunError or UsageError before anything is written.
    """
    config = config or recipe("default")
    loss = parse_loss(config.train.loss)
    folder = free_folder(out, Path("runs") / f"{data_name(data)}-{config.recipe}")
    dataset = load_dataset(data, seed=config.seed, split=config.split)
    keras.utils.set_random_seed(config.seed)
    network = model or build(config.model, len(dataset.table), dataset.bands.count)
    check_model(network, dataset.table)
    run = create_run(folder, config, dataset)
    network.summary(print_fn=run.log, line_length=100)
    introduce(dataset, network, config, run)
    try:
        fit(network, dataset, config, run, loss)
    except KeyboardInterrupt:
        give_up(run)
        raise
    return run


def give_up(run: Run) -> None:
    """Say what an interrupted training leaves; where no epoch has ended, leave nothing."""
    if (run.path / "model.keras").is_file():
        say(f"the best epoch so far is kept; go on with: maskwright evaluate {run.path}")
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
    epochs = config.train.epochs_for(images["train"])
    groups = len({pair.group for pair in dataset.pairs} - {""})
    grouped = f" (of {amount(groups, 'group')})" if groups else ""
    say(
        f"{data_name(dataset.root)}: {images['train']} images to train on, {images['val']} to "
        f"choose the best epoch, {images['test']} for the test{grouped}; "
        f"{len(dataset.table)} classes: {some(dataset.table.names, 8)}"
    )
    say(
        f"{config.recipe}: {network.name} of {network.count_params():,} weights, "
        f"{config.view.size}×{config.view.size} pixels, {amount(epochs, 'epoch')}, into {run.path}"
    )


def fit(network: keras.Model, dataset: Dataset, config: Config, run: Run, loss: Loss) -> None:
    """Train ``network`` in place; the best epoch ends up in the run's model.keras."""
    pairs = dataset.of("train")
    zoom = config.augment.zoom
    source = open_source(pairs, dataset.table, config.view, zoom, dataset.bands)
    batches = Batches(source, config)
    epochs = config.train.epochs_for(len(pairs))
    # A second model over the same layers is compiled, so that the one that is saved stays free
    # of losses and optimisers and opens with plain Keras.
    trainer = keras.Model(network.input, network.output)
    trainer.compile(
        optimizer=optimizer(config.train, len(batches) * epochs),
        loss=loss,
        metrics=[pixel_accuracy],
    )
    story = Epochs(network, batches, dataset, config, epochs, run)
    try:
        with story.bar:
            trainer.fit(batches, epochs=epochs, callbacks=[story], verbose=0)
    except Exception:
        if batches.failure:
            raise batches.failure from None
        raise


def pixel_accuracy(classes: Any, logits: Any) -> Any:
    """Share of the pixels that count whose likeliest class is the true one, a scalar.

    classes uint8 [B, H, W], logits float32 [B, H, W, C].
    """
    counts = ops.cast(ops.not_equal(classes, IGNORE), "float32")
    likeliest = ops.cast(ops.argmax(logits, axis=-1), "int32")
    right = ops.cast(ops.equal(ops.cast(classes, "int32"), likeliest), "float32")
    return ops.sum(right * counts) / ops.maximum(ops.sum(counts), 1.0)


def optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    """The configured optimiser, its schedule laid over ``steps`` steps."""
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        warmup = max(1, steps // 20)
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=rate / 25,
            decay_steps=max(1, steps - warmup),
            warmup_target=rate,
            warmup_steps=warmup,
        )
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    return keras.optimizers.Adam(rate)


class Epochs(keras.callbacks.Callback):
    """What happens around an epoch: data order, progress bar, validation, best model, stopping."""

    def __init__(
        self,
        network: keras.Model,
        batches: Batches,
        dataset: Dataset,
        config: Config,
        epochs: int,
        run: Run,
    ) -> None:
        super().__init__()
        self.batches, self.config, self.run, self.network = batches, config.train, run, network
        self.epochs = epochs
        self.val = dataset.of("val")
        self.predictor = model_predictor(network, config, dataset.table, dataset.bands)
        self.bar = progress("images/s")
        self.task = self.bar.add_task("training", total=None, rate="", note="")
        self.best, self.best_epoch = -math.inf, 0
        self.begun = self.epoch_begun = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # The only place that is sure to come before this epoch's first batch is asked for.
        self.batches.epoch = epoch
        self.epoch_begun = time.perf_counter()
        total = len(self.batches) * self.epochs
        self.bar.update(self.task, description=f"epoch {epoch + 1}/{self.epochs}", total=total)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        seconds = time.perf_counter() - self.epoch_begun
        rate = (batch + 1) * self.batches.batch / seconds
        self.bar.update(self.task, advance=1, rate=f"{rate:.1f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        row = self.measure(epoch + 1, logs or {})
        if not math.isfinite(row["loss"]):
            raise MaskwrightError(
                f"the loss became {row['loss']} in epoch {epoch + 1}; the best model so far is "
                f"kept in {self.run.path}. Train again with a lower --set train.learning_rate"
            )
        gained = self.keep_best(epoch + 1, row)
        self.run.add_metrics(row)
        self.report(row, gained)
        waited = epoch + 1 - self.best_epoch
        if self.config.patience and waited >= self.config.patience:
            self.model.stop_training = True
            self.tell(f"stopped: no gain for {waited} epochs; epoch {self.best_epoch} is kept")

    def measure(self, epoch: int, logs: dict[str, float]) -> dict[str, float]:
        """One row of metrics.csv: validation at the images' own size."""
        scores, loss = validate(self.predictor, self.val)
        return {
            "epoch": epoch,
            "seconds": time.perf_counter() - self.begun,
            "learning_rate": float(ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "loss": logs["loss"],
            "pixel_accuracy": logs["pixel_accuracy"],
            "val_loss": loss,
            "val_pixel_accuracy": scores.pixel_accuracy,
            "val_mean_iou": scores.mean_iou,
        }

    def keep_best(self, epoch: int, row: dict[str, float]) -> bool:
        """Save the model if it is the best so far on validation."""
        value = -row["val_loss"] if self.config.monitor == "loss" else row["val_mean_iou"]
        if not value > self.best:
            return False
        self.best, self.best_epoch = value, epoch
        self.run.save_model(self.network)
        return True

    def report(self, row: dict[str, float], gained: bool) -> None:
        """Log the epoch; of many epochs only every twentieth and the gains are shown."""
        seconds = time.perf_counter() - self.epoch_begun
        text = (
            f"epoch {row['epoch']:3}/{self.epochs}  loss {row['loss']:.3f}  "
            f"val loss {row['val_loss']:.3f}  pixels right {row['val_pixel_accuracy']:.3f}  "
            f"mean IoU {row['val_mean_iou']:.3f}  {seconds:.0f} s{'  best' if gained else ''}"
        )
        shown = gained or row["epoch"] % max(1, self.epochs // 40) == 0
        self.tell(text) if shown else self.run.log(text)
        if row["epoch"] == 1 < self.epochs:
            self.tell(f"about {duration(seconds * (self.epochs - 1))} to go, or less")

    def tell(self, text: str) -> None:
        """Say it to people and to the log."""
        say(text)
        self.run.log(text)
