"""What happens around the steps of a training: rates, progress bar, validation, best model, end."""

from __future__ import annotations

import math
import statistics
import time

from maskwright.config import Config
from maskwright.console import duration
from maskwright.console import progress as progress_bar
from maskwright.data.batches import Batches
from maskwright.data.dataset import Dataset
from maskwright.engine import keras
from maskwright.errors import MaskwrightError, some
from maskwright.runs import Run, model_predictor
from maskwright.schedule import Clock, Steps, rate_at
from maskwright.validate import validate

ops = keras.ops

RATES = 500  # how often in a training the learning rate is set anew, at most
LOOKS = 40  # how often a training of many epochs is validated, about
SPENT = 0.05  # share of a time budget that validation may take, about
AFTER = 1.0  # seconds from the last validation to the end of the program: the report
LONGER = 1.2  # times the last validation, to be safe, is what the one at the end may take
WARM = 8  # steps whose times say nothing yet
CHECKED = 16  # steps between two looks at the loss where a look makes the device wait


class Epochs(keras.callbacks.Callback):
    """Sets the rate, measures, keeps the best model, and ends a part of the training in time."""

    def __init__(
        self,
        network: keras.Model,
        dataset: Dataset,
        config: Config,
        epochs: int,
        progress: Steps | Clock,
        run: Run,
    ) -> None:
        super().__init__()
        self.network, self.config, self.run, self.epochs = network, config.train, run, epochs
        self.val, self.train = dataset.of("val"), dataset.of("train")
        self.predictor = model_predictor(network, config, dataset.table, dataset.bands)
        self.progress = progress
        self.bar = progress_bar("images/s")
        self.task = self.bar.add_task("training", total=None, rate="", note="")
        self.best, self.best_epoch = -math.inf, 0
        self.begun = self.epoch_begun = time.perf_counter()
        self.epoch, self.until, self.over = 0, 1.0, False
        self.rated = -math.inf  # the progress at which the rate was last set
        self.next_look = 0.0  # the progress from which a validation is due
        self.batches: Batches
        self.stepped = math.nan  # when the last step began
        self.taken: list[float] = []  # seconds a megapixel of each step so far

    def step_seconds(self) -> float:
        """Seconds that a step takes a megapixel, the median; 0 where there were hardly any."""
        return statistics.median(self.taken) if len(self.taken) > WARM else 0.0

    def part(self, batches: Batches, until: float) -> None:
        """Begin a part of the training, on these batches, until that progress."""
        self.batches, self.until = batches, until

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # The only place that is sure to come before this epoch's first batch is asked for.
        self.batches.epoch = epoch
        self.epoch_begun = time.perf_counter()
        of = "" if isinstance(self.progress, Clock) else f"/{self.epochs}"
        self.bar.update(self.task, description=f"epoch {epoch + 1}{of}", total=100)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.stepped = time.perf_counter()
        now = self.progress()
        if now - self.rated < 1 / RATES:
            return
        if keras.config.backend() == "jax":
            self.model.jax_state_sync()  # during an epoch JAX's state lives outside the variables
        self.model.optimizer.learning_rate = rate_at(now, self.config)
        self.rated = now

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.progress.step()
        now = time.perf_counter()
        self.taken.append((now - self.stepped) / (self.batches.batch * self.batches.side**2 / 1e6))
        every = 1 if keras.config.backend() == "tensorflow" else CHECKED
        if (batch + 1) % every == 0:
            self.check_loss(float((logs or {})["loss"]), batch, every)
        seconds = now - self.epoch_begun
        rate = (batch + 1) * self.batches.batch / seconds
        done = self.progress()
        self.bar.update(self.task, completed=round(100 * done), rate=f"{rate:.1f}")
        if done >= self.until:
            self.model.stop_training = True

    def check_loss(self, loss: float, step: int, every: int) -> None:
        """Stop where the loss is no number any more, and name the images of those steps."""
        if math.isfinite(loss):
            return
        steps = range(max(0, step + 1 - every), step + 1)
        images = [self.train[i].image.name for s in steps for i in self.batches.places(s)]
        kept = (
            f"the best model so far, of epoch {self.best_epoch}, is kept in {self.run.path}"
            if self.best_epoch
            else "no epoch had ended, so no model is kept"
        )
        raise MaskwrightError(
            f"the loss became {loss} in epoch {self.batches.epoch + 1} at the images "
            f"{some(images, 16)}; {kept}. Look at these images, or train again with a lower "
            "--set train.learning_rate"
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch + 1
        self.over = self.progress() >= 1
        if not self.due():
            return
        begun = time.perf_counter()
        row = self.measure(epoch + 1, logs or {})
        gained = self.keep_best(epoch + 1, row)
        self.next_look = self.progress() + self.gap(time.perf_counter() - begun)
        self.run.add_metrics(row)
        self.report(row, gained)
        waited = epoch + 1 - self.best_epoch
        if self.config.patience and waited >= self.config.patience:
            self.model.stop_training = self.over = True
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
        """Say how the epoch went, and after the first how long the rest will take."""
        seconds = time.perf_counter() - self.epoch_begun
        of = "" if isinstance(self.progress, Clock) else f"/{self.epochs}"
        self.run.tell(
            f"epoch {row['epoch']:3}{of}  loss {row['loss']:.3f}  "
            f"val loss {row['val_loss']:.3f}  pixels right {row['val_pixel_accuracy']:.3f}  "
            f"mean IoU {row['val_mean_iou']:.3f}  {seconds:.0f} s{'  best' if gained else ''}"
        )
        if row["epoch"] == 1 and not self.over:
            left = (
                self.progress.left
                if isinstance(self.progress, Clock)
                else seconds * (self.epochs - 1)
            )
            self.run.tell(f"about {duration(left)} to go, or less")
