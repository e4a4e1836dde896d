"""The objects of an image whose rows come one after another, as in the whole of it.

A window of rows is looked at. What ends well above its last row is told apart as it would be in the
whole image, so it is done; the rows from above the first object that goes on stay in the window,
and the next ones come to it. So the memory is that of the tallest object, not of the image.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from maskwright.data.ingest.extras import import_needed
from maskwright.data.labels import IGNORE, ClassTable
from maskwright.shapes.objects import Object, Objects, first_pixels, measured, numbered, parting

FEW = 2**22  # pixels of new rows below which a window is not looked at yet
BYTES = 70  # of memory that a pixel of the window takes at the most (watershed; else 45 to 52)


@dataclass(frozen=True)
class Found:
    """What has come of a look: objects, of which none is found again, and the numbers int32 [n, W]
    of all objects in the next n rows, which no later look changes."""

    objects: tuple[Objects, ...]
    numbers: np.ndarray


class Search:
    """The objects of one image of height × width pixels, see ``find_objects``, ``of`` some classes.

    A window holds up to about ``most`` pixels. What is too tall for it is cut where it ends, and
    ``cut`` counts how often.
    """

    def __init__(
        self,
        table: ClassTable,
        height: int,
        width: int,
        *,
        least: int,
        part: str | None,
        boundary: str | None,
        rims: bool,
        most: float,
        of: Collection[int],
    ) -> None:
        import_needed("skimage", "shapes", "finding objects")
        self.table, self.height, self.width, self.least = table, height, width, least
        self.part, self.rim = parting(table, part, boundary, rims=rims)
        self.without = [k for k in range(len(table)) if k not in of] + [IGNORE]
        self.most, self.few = most / width, FEW / width  # rows
        self.rows: list[tuple[np.ndarray, ...]] = []  # mask, confidence, insides: the window
        self.top = self.end = self.looked = 0  # of the image: where the window begins, ends, ended
        self.done = np.zeros((0, width), bool)  # the pixels of what is found, above self.looked
        self.numbers = np.zeros((0, width), np.int32)
        self.count = self.cut = 0

    def put(
        self, mask: np.ndarray, confidence: np.ndarray, inside: np.ndarray | None
    ) -> Found | None:
        """Take the next rows: mask uint8 [n, W], confidence and inside float32 [n, W]; what has
        come of them, None for nothing yet. With the image's last row nothing is left."""
        self.rows.append((mask, confidence) if inside is None else (mask, confidence, inside))
        self.end += len(mask)
        new, kept = self.end - self.looked, self.looked - self.top
        full = self.end - self.top >= self.most
        if self.end < self.height and not full and new < max(self.few, kept):
            return None
        self.rows = [tuple(np.concatenate(one) for one in zip(*self.rows, strict=True))]
        return self._look(full)

    def _look(self, full: bool) -> Found:
        from maskwright.shapes.parting import REACH, pieces

        new = self.end - self.looked
        self.done = np.pad(self.done, ((0, new), (0, 0)))
        self.numbers = np.pad(self.numbers, ((0, new), (0, 0)))
        self.looked = self.end
        rows = self.end - self.top
        whole = pieces(self.rows[0][0], self.without, self.part)
        wanted = np.ones(int(whole.max()) + 1, bool)
        wanted[whole[self.done]] = wanted[0] = False
        if self.end == self.height:
            return self._found([self._take(whole, wanted, rows)], rows)
        unfinished = np.zeros_like(wanted)
        unfinished[whole[max(0, rows - REACH) :]] = True
        unfinished &= wanted
        first = first_pixels(whole) // self.width
        taken = [self._take(whole, wanted & ~unfinished, rows)]
        start = self._start(first[unfinished], rows, REACH)
        if full and start < rows // 2:
            tall = unfinished & (first < rows // 2 + REACH)
            start = max(rows // 2, self._start(first[unfinished & ~tall], rows, REACH))
            taken.append(self._take(whole, tall, start))
            self.cut += sum(one.box[1] + one.box[3] == self.top + start for one in taken[-1])
        return self._found(taken, start)

    def _start(self, first: np.ndarray, rows: int, reach: int) -> int:
        """The row from which on the window is kept, for pieces that begin in the rows ``first``."""
        start = int(first.min(initial=rows)) - reach
        # An even row of the image: OpenCV numbers components by pairs of rows.
        return max(0, start - (self.top + start) % 2)

    def _take(self, whole: np.ndarray, wanted: np.ndarray, rows: int) -> Objects:
        """The objects of the wanted pieces, in the first rows of the window."""
        from maskwright.shapes.parting import told_apart

        mask, confidence, *insides = (one[:rows] for one in self.rows[0])
        own = wanted[whole[:rows]]
        self.done[:rows] |= own
        inside = insides[0] if insides else None
        labels = told_apart(mask, self.without, self.part, self.rim, inside)
        labels, dropped = numbered(labels, self.least, own)
        ours = np.where(own, labels, 0)
        found = tuple(
            self._placed(one) for one in measured(ours, mask, self.rim, self.table, confidence)
        )
        self.numbers[:rows] += np.where(ours > 0, ours + self.count, 0)
        before, self.count = self.count, self.count + len(found)
        return Objects(labels, found, dropped, self.top, before)

    def _placed(self, one: Object) -> Object:
        """An object of the window, as one of the image."""
        (x, y, width, height), (center, middle) = one.box, one.centroid
        return replace(
            one,
            number=one.number + self.count,
            box=(x, y + self.top, width, height),
            centroid=(center, middle + self.top),
        )

    def _found(self, taken: Sequence[Objects], start: int) -> Found:
        """What a look has found; the window from now on begins at its row ``start``."""
        found = Found(tuple(taken), self.numbers[:start])
        self.rows = [tuple(one[start:].copy() for one in self.rows[0])]  # so that the rest is freed
        self.done, self.numbers = self.done[start:].copy(), self.numbers[start:].copy()
        self.top += start
        return found
