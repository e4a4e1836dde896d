"""What happens around the steps of a training: rates, progress bar, validation, best model, end."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from typing import Any

from maskwright.config import Config
from maskwright.console import duration
from maskwright.console import progress as progress_bar
from maskwright.data.batches import Batches
from maskwright.data.dataset import Dataset
from maskwright.engine import keras
from maskwright.errors import MaskwrightError, some
from maskwright.runs import Run, model_predictor
from maskwright.schedule import Clock, Steps, rate_at
from maskwright.throughput import FIXED
from maskwright.validate import validate

LOOKS = 40  # how often a training of many epochs is validated, about
SPENT = 0.05  # share of a time budget that validation may take, about
AFTER = 1.0  # seconds from the last validation to the end of the program: the report
LONGER = 1.2  # times the last validation, to be safe, is what the one at the end may take
TELLING = 0.1  # megapixels of a step, below which its fixed time hides what pixels cost
WARM = 8  # steps whose times say nothing yet


class Epochs:
    """Sets the rate, measures, keeps the best model, and says when a part of the training is over.

    Around the steps of one epoch, ``begin``, for each step ``before_step`` and ``after_step``, then
    ``catch_up`` and ``end`` are called in this order.
    """

    def __init__(
        self,
        trainer: keras.Model,
        network: keras.Model,
        dataset: Dataset,
        config: Config,
        progress: Steps | Clock,
        run: Run,
    ) -> None:
        self.network, self.config, self.run = network, config.train, run
        self.val, self.train = dataset.of("val"), dataset.of("train")
        self.predictor = model_predictor(network, config, dataset.table, dataset.bands)
        self.progress = progress
        self.of = "" if isinstance(progress, Clock) else f"/{progress.epochs}"
        self.bar = progress_bar("images/s")
        self.task = self.bar.add_task("training", total=100, rate="", note="")
        self.best, self.best_epoch = -math.inf, 0
        self.begun = self.epoch_begun = time.perf_counter()
        self.epoch, self.step, self.until, self.over = 0, 0, 1.0, False
        self.rate = 0.0  # of the last step
        self.pending: deque[tuple[int, Any, Any]] = deque()  # steps whose loss nobody looked at yet
        self.seen: list[tuple[float, float]] = []  # loss and pixels right of this epoch's steps
        self.next_look = 0.0  # the progress from which a validation is due
        self.batches: Batches
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

    def part(self, batches: Batches, until: float) -> None:
        """Begin a part of the training, on these batches, until that progress."""
        self.batches, self.until = batches, until

    @property
    def part_over(self) -> bool:
        """Whether this part of the training is done."""
        return self.over or self.progress() >= self.until

    def begin(self) -> None:
        """Before the first step of an epoch."""
        self.step = 0
        self.epoch_begun = time.perf_counter()
        self.bar.update(self.task, description=f"epoch {self.epoch + 1}{self.of}")
        self.seen = []
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
        self.catch_up(lag)
        now = time.perf_counter()
        megapixels = self.batches.batch * self.batches.side**2 / 1e6
        if megapixels >= TELLING:
            self.taken.append(max(0.0, now - self.stepped - FIXED) / megapixels)
        self.progress.step()
        rate = self.step * self.batches.batch / (now - self.epoch_begun)
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
        if not self.due():
            return
        begun = time.perf_counter()
        row = self.measure()
        gained = self.keep_best(row)
        self.next_look = self.progress() + self.gap(time.perf_counter() - begun)
        self.run.add_metrics(row)
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

    def measure(self) -> dict[str, float]:
        """One row of metrics.csv: means over this epoch, and validation at the images' own size."""
        loss, right = map(statistics.fmean, zip(*self.seen, strict=True))
        scores, val_loss = validate(self.predictor, self.val)
        return {
            "epoch": self.epoch,
            "seconds": time.perf_counter() - self.begun,
            "learning_rate": self.rate,
            "loss": loss,
            "pixel_accuracy": right,
            "val_loss": val_loss,
            "val_pixel_accuracy": scores.pixel_accuracy,
            "val_mean_iou": scores.mean_iou,
        }

    def keep_best(self, row: dict[str, float]) -> bool:
        """Save the model if it is the best so far on validation."""
        value = -row["val_loss"] if self.config.monitor == "loss" else row["val_mean_iou"]
        if not value > self.best:
            return False
        self.best, self.best_epoch = value, self.epoch
        self.run.save_model(self.network)
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
