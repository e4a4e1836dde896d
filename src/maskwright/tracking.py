"""A training tells a tracker how it goes: settings, a row an epoch, pictures of what it predicts.

It does so in a thread of its own. Where the tracker fails or hangs, that is said once, and the
training goes on without it.
"""

from __future__ import annotations

import re
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from maskwright.config import flatten
from maskwright.data.dataset import Dataset
from maskwright.data.images import display, read_mask
from maskwright.data.listing import data_name
from maskwright.data.pairing import Pair
from maskwright.errors import DataError, WriteError
from maskwright.pictures import fit_within, overlay, side_by_side
from maskwright.predictor import Item, Predictor, most_likely
from maskwright.runs import Run
from maskwright.trackers import TRACKERS, Tracker

if TYPE_CHECKING:
    from maskwright.engine import keras

SIDE = 320  # pixels, the longer side of each of a picture's three parts
PATIENCE = 30.0  # seconds that a tracker may still take when the training has ended


@dataclass(frozen=True)
class Watched(Predictor):
    """A predictor that keeps the latest masks uint8 [H, W] of some pairs that it meets."""

    masks: dict[Pair, np.ndarray | None] = field(default_factory=dict)

    def predict_all(
        self,
        items: Iterable[Item],
        read: Callable[[Item], np.ndarray],
        unreadable: list[DataError] | None = None,
    ) -> Iterator[tuple[Item, np.ndarray]]:
        """As that of Predictor."""
        for item, probabilities in super().predict_all(items, read, unreadable):
            if isinstance(item, Pair) and item in self.masks:
                self.masks[item] = most_likely(probabilities)
            yield item, probabilities


class Tracking:
    """Tells a tracker of a run, until that fails for the first time.

    Where validation predicts with ``predictor``, what is shown of it costs no further prediction.
    """

    def __init__(
        self, run: Run, tracker: Tracker, predictor: Predictor, pairs: Sequence[Pair]
    ) -> None:
        self.run, self.tracker = run, tracker
        shown = [pairs[place] for place in chosen(len(pairs))]
        self.predictor = Watched(**vars(predictor), masks=dict.fromkeys(shown))
        self.there: set[int] = set()  # epochs that are not to be told
        self.over = False
        self.jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.worker = threading.Thread(target=self.work, name="tracking", daemon=True)

    @property
    def called(self) -> str:
        """The tracker, and where it keeps what it is told."""
        return f"{type(self.tracker).__name__} ({without_password(self.tracker.place)})"

    def work(self) -> None:
        """What the thread does: one job after another, until there is none or one fails."""
        try:
            while job := self.jobs.get():
                job()
        except Exception as error:  # whatever libraries, servers and disks find wrong
            self.give_up(reason_of(error))

    def give_up(self, reason: str) -> None:
        """Tell no more, and say why."""
        if not self.over:
            self.over = True
            with suppress(WriteError):  # of the log, which the training will find out by itself
                self.run.tell(f"{self.called}: {reason}; the training goes on without it")

    def begin(self, facts: Mapping[str, Any], rows: Sequence[Mapping[str, float]]) -> None:
        """Tell what is trained, and of the rows so far those that the tracker does not have."""
        self.worker.start()
        epoch = int(rows[-1]["epoch"]) if rows else 0
        self.jobs.put(partial(self.open, facts, epoch))
        for row in rows:
            self.jobs.put(partial(self.tell, time.time(), dict(row), {}))

    def look(self, row: Mapping[str, float], *, best: bool) -> None:
        """Tell how a validation went, with pictures where it is of the best model so far."""
        if self.over:
            return
        try:
            pictures = draw(self.predictor) if best else {}
            self.jobs.put(partial(self.tell, time.time(), dict(row), pictures))
        except Exception as error:  # no picture is worth a training
            self.give_up(reason_of(error))

    def end(self, status: str) -> None:
        """Tell how the training ended, and wait until all is told, but not for long."""
        self.jobs.put(partial(self.tracker.end, status))
        self.jobs.put(None)
        self.worker.join(PATIENCE)
        if self.worker.is_alive():
            self.give_up(f"no answer for {PATIENCE:.0f} s")

    def open(self, facts: Mapping[str, Any], epoch: int) -> None:
        """A job: begin, or go on after that epoch."""
        self.there = self.tracker.begin(facts, epoch)
        self.run.tell(f"tracked by {self.called}")

    def tell(
        self, now: float, row: Mapping[str, float], pictures: Mapping[str, np.ndarray]
    ) -> None:
        """A job: a row of metrics.csv of an epoch that ended now, and its pictures."""
        epoch = int(row["epoch"])
        if epoch not in self.there:
            self.tracker.row(epoch, now, {key: row[key] for key in row if key != "epoch"})
            self.tracker.pictures(epoch, now, pictures)


@contextmanager
def tracked(
    run: Run,
    network: keras.Model,
    dataset: Dataset,
    predictor: Predictor,
    rows: Sequence[Mapping[str, float]],
) -> Iterator[Tracking | None]:
    """While it is entered, a training is told to the tracker of its settings, if there is one.

    ``rows`` are those of metrics.csv, so far and to come.
    """
    name = run.config.train.track
    if name not in TRACKERS:
        yield None
        return
    tracking = Tracking(run, TRACKERS[name](run), predictor, dataset.of("val"))
    tracking.begin(facts_of(run, network, dataset), rows)
    status = "FAILED"
    try:
        yield tracking
        status = "FINISHED" if rows else status
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        tracking.end(status)


def facts_of(run: Run, network: keras.Model, dataset: Dataset) -> dict[str, Any]:
    """What is trained on what: the network, the data, and all settings by their keys."""
    return {
        "model": network.name,
        "weights": network.count_params(),
        "data": data_name(dataset.root),
        "data_digest": run.data["digest"],
        **flatten(run.config),
    }


def chosen(count: int) -> list[int]:
    """The first, the middle and the last place of so many.

    >>> chosen(9), chosen(2), chosen(1), chosen(0)
    ([0, 4, 8], [0, 1], [0], [])
    """
    return sorted({0, count // 2, count - 1} & set(range(count)))


def draw(watched: Watched) -> dict[str, np.ndarray]:
    """Image, truth and prediction beside each other, uint8 [h, w, 3], by a name for each pair."""
    pictures, table = {}, watched.table
    for number, (pair, mask) in enumerate(watched.masks.items(), 1):
        if mask is not None:
            image = watched.read(pair.image)
            truth = table.decode(read_mask(pair.mask), pair.mask)
            parts = [display(image), *(overlay(image, one, table) for one in (truth, mask))]
            name = re.sub(r"[^\w. -]", "_", f"{number} {pair.image.stem}", flags=re.ASCII)
            pictures[f"val/{name}"] = side_by_side([fit_within(part, SIDE) for part in parts])
    return pictures


def reason_of(error: BaseException) -> str:
    """The root of an error on one line, not too long, without a password; no bare key that failed.

    >>> reason_of(OSError(111, "Connection refused"))
    '[Errno 111] Connection refused'
    """
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    root = [one for one in chain if one is error or not isinstance(one, LookupError)][-1]
    text = textwrap.shorten(without_password(str(root)), 200, placeholder=" …")
    return text or type(root).__name__


def without_password(text: str) -> str:
    """The text with addresses that do not say who asks.

    >>> without_password("https://me:secret@example.org/x")
    'https://example.org/x'
    """
    return re.sub(r"//[^/\s]*@", "//", text)
