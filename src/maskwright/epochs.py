"""What happens around the steps of a training: rates, progress bar, validation, best model, end."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from typing import Any

import numpy as np

from maskwright.calibration import Calibration
from maskwright.checkpoint import Checkpoint, write_checkpoint
from maskwright.config import Config
from maskwright.console import duration
from maskwright.console import progress as progress_bar
from maskwright.data.batches import Batches
from maskwright.data.dataset import Dataset
from maskwright.engine import keras
from maskwright.errors import MaskwrightError, RunError, some
from maskwright.keras_predictor import model_predictor
from maskwright.measures.certainty import Counted
from maskwright.resuming import restore_weights, weights_of
from maskwright.runs import Run
from maskwright.schedule import Clock, Steps, rate_at
from maskwright.throughput import FIXED
from maskwright.tracking import Tracking
from maskwright.validate import validate

LOOKS = 40  # how often a training of many epochs is validated, about
SPENT = 0.05  # share of a time budget that validation may take, about
AFTER = 1.0  # seconds from the last validation to the end of the program: the report
LONGER = 1.2  # times the last validation, to be safe, is what the one at the end may take
TELLING = 0.1  # megapixels of a step, below which its fixed time hides what pixels cost
WARM = 8  # steps whose times say nothing yet
SAVE_EVERY = 60.0  # seconds between checkpoints within an epoch; one is due at the end of each, too
# In a checkpoint.
NUMBERS = ("epoch", "step", "steps", "part_number", "rate", "best_epoch", "next_look")
SAVING = 0.02  # share of the time that checkpoints may take


class Epochs:
    """Sets the rate, measures, keeps the best model, and says when a part of the training is over.

    Around the steps of one epoch, ``begin``, for each step ``before_step`` and ``after_step``, then
    ``catch_up`` and ``end`` are called in this order. Between two steps, ``checkpoint`` is all that
    another program needs to ``restore`` and go on as if it were this one.
    """

    def __init__(
        self,
        trainer: keras.Model,
        network: keras.Model,
        dataset: Dataset,
        config: Config,
        progress: Steps | Clock,
        run: Run,
        precision: str,
    ) -> None:
        self.trainer, self.network, self.config, self.run = trainer, network, config.train, run
        self.val, self.train = dataset.of("val"), dataset.of("train")
        self.predictor = model_predictor(network, config, dataset.table, dataset.bands)
        self.progress, self.precision = progress, precision
        self.of = "" if isinstance(progress, Clock) else f"/{progress.epochs}"
        self.bar = progress_bar("images/s", counted=False)
        self.task = self.bar.add_task("training", total=100, rate="", note="")
        self.best, self.best_epoch = -math.inf, 0
        self.begun = self.epoch_begun = time.perf_counter()
        self.epoch, self.step, self.steps, self.part_number = 0, 0, 0, 0
        self.until, self.over = 1.0, False
        self.rows: list[dict[str, float]] = []  # of metrics.csv
        self.saved, self.saving = self.begun, 0.0  # when the last checkpoint was, and what it took
        self.rate = 0.0  # of the last step
        self.pending: deque[tuple[int, Any, Any]] = deque()  # steps whose loss nobody looked at yet
        self.seen: list[tuple[float, float]] = []  # loss and pixels right of this epoch's steps
        self.next_look = 0.0  # the progress from which a validation is due
        self.batches: Batches
        self.tracking: Tracking | None = None
        self.stepped = math.nan  # when the last step began
        self.taken: list[float] = []  # seconds a megapixel of each step so far
        self.average = None
        if config.train.average:
            self.average = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
            self.average.set_model(trainer)
            self.average.set_params({"epochs": 0})  # none is the last, after which it would differ

    def step_seconds(self) -> float:
        """Seconds a megapixel beside the fixed ones, the median; 0 where there were hardly any."""
        return statistics.median(self.taken) if len(self.taken) > WARM else 0.0

    def part(self, number: int, batches: Batches, until: float) -> None:
        """Begin a part of the training, on these batches, until that progress."""
        self.part_number, self.batches, self.until = number, batches, until

    @property
    def part_over(self) -> bool:
        """Whether this part of the training is done."""
        return self.over or self.progress() >= self.until

    def begin(self) -> None:
        """Before the first step of an epoch, or of what is left of it."""
        self.epoch_begun, self.first = time.perf_counter(), self.step
        self.bar.update(self.task, description=f"epoch {self.epoch + 1}{self.of}")
        if self.average:
            self.average.on_epoch_begin(self.epoch)

    def before_step(self) -> float:
        """Before a step: the learning rate that belongs here."""
        self.rate = rate_at(self.progress(), self.config)
        self.stepped = time.perf_counter()
        return self.rate

    def after_step(self, loss: Any, right: Any, lag: int = 0) -> None:
        """After a step: its loss and share of pixels right, to be looked at ``lag`` steps later."""
        self.pending.append((self.step, loss, right))
        self.step += 1
        self.steps += 1
        self.catch_up(lag)
        now = time.perf_counter()
        megapixels = self.batches.batch * self.batches.side**2 / 1e6
        if megapixels >= TELLING:
            self.taken.append(max(0.0, now - self.stepped - FIXED) / megapixels)
        self.progress.step()
        rate = (self.step - self.first) * self.batches.batch / (now - self.epoch_begun)
        self.bar.update(self.task, completed=round(100 * self.progress()), rate=f"{rate:.1f}")

    def catch_up(self, lag: int = 0) -> None:
        """Look at the losses of all steps but the last few."""
        while len(self.pending) > lag:
            step, loss, right = self.pending.popleft()
            self.seen.append((float(loss), float(right)))
            self.check_loss(self.seen[-1][0], step)

    def check_loss(self, loss: float, step: int) -> None:
        """Stop where the loss is no number any more, and name the images of that step."""
        if math.isfinite(loss):
            return
        places = self.batches.places(self.epoch * len(self.batches) + step)
        images = [self.train[place].image.name for place in places]
        kept = (
            f"the best model so far, of epoch {self.best_epoch}, is kept in {self.run.path}"
            if self.best_epoch
            else "no epoch had ended, so no model is kept"
        )
        raise MaskwrightError(
            f"the loss became {loss} in epoch {self.epoch + 1} at the images {some(images, 16)}; "
            f"{kept}. Look at these images, or train again with a lower --set train.learning_rate"
        )

    def end(self) -> None:
        """After the last step of an epoch: validate, if that is due, and keep what is best."""
        self.epoch += 1
        self.over = self.progress() >= 1
        if self.average:
            self.average.on_epoch_end(self.epoch)
        if self.due():
            self.look()
        self.step, self.seen = 0, []

    def look(self) -> None:
        """Validate, and keep what is best."""
        begun = time.perf_counter()
        row, sample = self.measure()
        gained = self.keep_best(row, sample)
        if self.tracking:
            self.tracking.look(row, best=gained)
        self.next_look = self.progress() + self.gap(time.perf_counter() - begun)
        self.rows.append(row)
        self.run.write_metrics(self.rows)
        self.report(row, gained)
        waited = self.epoch - self.best_epoch
        if self.config.patience and waited >= self.config.patience:
            self.over = True
            self.run.tell(f"stopped: no gain for {waited} epochs; epoch {self.best_epoch} is kept")

    def due(self) -> bool:
        """Whether this epoch is to be validated: the last is, others as often as it pays."""
        return self.over or self.progress() >= self.next_look

    def gap(self, seconds: float) -> float:
        """The progress until the next validation, where one takes so long and is due at the end."""
        if not isinstance(self.progress, Clock):
            return 1 / LOOKS
        self.progress.reserve = AFTER + LONGER * seconds
        return max(1 / LOOKS, self.progress.share(seconds) / SPENT)

    def measure(self) -> tuple[dict[str, float], Counted]:
        """One row of metrics.csv: means over this epoch, and validation at the images' own size.

        And a sample of the pixels of the validation images.
        """
        loss, right = map(statistics.fmean, zip(*self.seen, strict=True))
        found, names = validate(self.predictor, self.val), self.predictor.table.names
        row = {
            "epoch": self.epoch,
            "seconds": time.perf_counter() - self.begun,
            "learning_rate": self.rate,
            "loss": loss,
            "pixel_accuracy": right,
            "val_loss": found.loss,
            "val_pixel_accuracy": found.scores.pixel_accuracy,
            "val_mean_iou": found.scores.mean_iou,
            "val_mean_dice": found.scores.mean_dice,
            **{f"val_iou {name}": iou for name, iou in zip(names, found.scores.iou, strict=True)},
        }
        return row, found.sample

    def keep_best(self, row: dict[str, float], sample: Counted) -> bool:
        """Save the model if it is the best so far on validation."""
        value = row[self.config.monitored[0]] * (-1 if self.config.monitor == "loss" else 1)
        if not value > self.best:
            return False
        self.best, self.best_epoch = value, self.epoch
        names = self.predictor.table.names
        self.run.save_model(self.network, Calibration.fit(sample, names))
        return True

    def report(self, row: dict[str, float], gained: bool) -> None:
        """Say how the epoch went, and after the first how long the rest will take."""
        seconds = time.perf_counter() - self.epoch_begun
        self.run.tell(
            f"epoch {self.epoch:3}{self.of}  loss {row['loss']:.3f}  "
            f"val loss {row['val_loss']:.3f}  pixels right {row['val_pixel_accuracy']:.3f}  "
            f"mean IoU {row['val_mean_iou']:.3f}  {seconds:.0f} s{'  best' if gained else ''}"
        )
        if self.epoch == 1 and not self.over:
            left = f"about {duration(self.progress.left_after(seconds))} to go, or less"
            seldom = self.next_look > 2 * self.progress()
            rarely = "; epochs are validated, and told here, only now and then" if seldom else ""
            self.run.tell(left + rarely)

    def checkpoint_due(self) -> bool:
        """Whether a checkpoint is to be written between these two steps."""
        since = time.perf_counter() - self.saved
        wanted = SAVE_EVERY if self.step else 0.0
        return self.steps > 0 and since >= max(wanted, self.saving / SAVING)

    def checkpoint(self) -> Checkpoint:
        """All that decides the rest of this training, where no step is under way."""
        state = {
            **{name: getattr(self, name) for name in NUMBERS},
            "best": self.best if math.isfinite(self.best) else None,
            "seconds": time.perf_counter() - self.begun,
            "progress": self.progress.state(),
            "precision": self.precision,
            "rows": self.rows,
        }
        arrays = {"seen": np.array(self.seen, np.float64).reshape(-1, 2)}
        return Checkpoint(self.steps, state, arrays | weights_of(self.trainer, self.network))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint was made.

        Raises RunError where it is of another network, or lacks something.
        """
        state, arrays = checkpoint.state, checkpoint.arrays
        restore_weights(self.trainer, self.network, arrays)
        try:
            for name in NUMBERS:
                setattr(self, name, state[name] + 0)  # no word
            self.best = -math.inf if state["best"] is None else state["best"] + 0
            self.begun = time.perf_counter() - state["seconds"]
            self.progress.restore(state["progress"])
            self.rows = [dict(row) for row in state["rows"]]
            self.seen = [(loss, right) for loss, right in arrays["seen"].tolist()]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"the checkpoint of {self.run.path} is of another version, or damaged "
                f"({type(error).__name__}: {error}); begin another run"
            ) from error
        self.run.write_metrics(self.rows)

    def save(self) -> None:
        """Write a checkpoint."""
        begun = time.perf_counter()
        self.run.guard()
        write_checkpoint(self.run.path, self.checkpoint())
        self.saved = time.perf_counter()
        self.saving = self.saved - begun
