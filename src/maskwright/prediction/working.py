"""Images in, files out: reading, predicting and writing at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from maskwright.console import amount, say, track
from maskwright.data.rasters import Raster
from maskwright.data.threads import map_ahead
from maskwright.data.usual import Usual, Watched
from maskwright.deciding import Decision
from maskwright.errors import DataError, MaskwrightError
from maskwright.prediction.inputs import Picture, count_of, pictures
from maskwright.prediction.outputs import Extra, Output
from maskwright.prediction.record import Record
from maskwright.predictor import Predictor
from maskwright.views import Rows


class Work:
    """The images of a folder of predictions, as far as they are done.

    ``guard`` is called before a file is written: it raises where the folder is no longer ours.
    ``usual`` is what the images are like that the model was trained on.
    ``asked`` are their stems in order, ``done`` those that are written, or were before;
    ``unreadable`` what is wrong with the others.
    """

    def __init__(
        self,
        predictor: Predictor,
        record: Record,
        decide: Decision,
        extra: Extra,
        guard: Callable[[], None],
        usual: Usual | None,
    ) -> None:
        self.predictor, self.record, self.decide, self.extra = predictor, record, decide, extra
        self.guard = guard
        self.usual = usual.for_windows() if usual and predictor.view.fit == "window" else usual
        self.outputs: dict[Picture, Output] = {}
        self.asked: list[str] = []
        self.done: set[str] = set()
        self.before = 0
        self.unreadable: list[DataError] = []

    def go(self, paths: Sequence[Path]) -> None:
        """Predict all images, or as many as there are until something ends it."""
        total = sum(map(count_of, paths))
        try:
            for _ in track(
                map_ahead(self.write, self.jobs(paths)), "predicting", total, size=float
            ):
                pass
        except (KeyboardInterrupt, MemoryError, MaskwrightError):
            if self.done:
                say(
                    f"{len(self.done)} of {amount(total, 'mask')} are whole in {self.record.out}; "
                    "the same command with --resume goes on"
                )
            for picture, output in self.outputs.items():
                if output.done:
                    say(
                        f"{picture.name} was {output.done / output.raster.height:.0%} done; it "
                        "will begin anew"
                    )
            raise
        finally:
            for output in self.outputs.values():
                output.drop()
        if self.before:
            say(f"done before: {self.before} of {amount(total, 'image')}")

    def jobs(self, paths: Sequence[Path]) -> Iterator[tuple[Picture, Rows | DataError, int]]:
        """What has come of the images, in order, and the row of the image at which it begins."""
        end = 0
        for picture, rows in self.predictor.by_rows(self.wanted(paths), self.read):
            if isinstance(rows, DataError):
                yield picture, rows, end
                end = 0
            else:
                yield picture, rows, rows.top
                end = rows.end % rows.height

    def wanted(self, paths: Sequence[Path]) -> Iterator[Picture]:
        """The images that are not yet done."""
        for picture in pictures(paths):
            self.asked.append(picture.stem)
            if self.record.has(picture):
                self.done.add(picture.stem)
                self.before += 1
            else:
                yield picture

    def read(self, picture: Picture) -> Raster:
        """An image, and a place for what becomes of it."""
        bands, table = self.predictor.bands, self.predictor.table
        raster, out = Watched(picture.open(bands)), self.record.out
        self.outputs[picture] = Output(
            picture, raster, out, table, self.extra, bands.count, self.usual
        )
        return raster

    def write(self, job: tuple[Picture, Rows | DataError, int]) -> float:
        """Write what has come of an image: the share of it that it was."""
        picture, rows, first = job
        if isinstance(rows, DataError):
            self.give_up(picture, rows, first)
            return 1
        self.guard()
        part = (rows.end - rows.top) / rows.height
        if picture not in self.outputs:  # given up at an earlier row
            return part
        try:
            line = self.outputs[picture].put(rows, self.decide)
        except DataError as error:  # what holds no data is read as rows are written
            self.give_up(picture, error, first)
            return part
        if line is not None:
            self.record.add(picture, line)
            self.done.add(picture.stem)
            del self.outputs[picture]
        return part

    def give_up(self, picture: Picture, error: DataError, row: int) -> None:
        """Keep what there is of an image that cannot be read from this row on."""
        output = self.outputs.get(picture)
        kept = output.break_off(row) if output else None
        self.outputs.pop(picture, None)
        if output and kept:
            error = DataError(
                f"{error}; {output.done:,} of its {output.raster.height:,} rows are in {kept}"
            )
        self.unreadable.append(error)
