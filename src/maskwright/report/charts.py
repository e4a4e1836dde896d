"""Inline SVG from plain coordinates. Colours are CSS classes, so that they follow the scheme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

# The drawing in its own units, about CSS pixels: the plot lies between these edges.
WIDTH, HEIGHT = 320, 230
LEFT, RIGHT, TOP, BOTTOM = 42, 306, 36, 190
DOTTED, MARKED = 20, 5  # up to so many points each one gets a small dot, or a large one
STRIP = 256  # lower edge of the bars below a diagram of reliability
RAREST = 0.0005  # share of the pixels that a point there rests on


@dataclass(frozen=True)
class Axis:
    """The straight map from values low–high to coordinates start–end.

    >>> Axis(0, 10, 100, 200)(2.5)
    125.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers, evenly apart, from at or below ``low`` to at or above ``high``.

    >>> ticks(0.61, 0.69)
    [0.6, 0.62, 0.64, 0.66, 0.68, 0.7]
    >>> ticks(3, 3)
    [3.0, 4.0]
    """
    rough = (high - low) / (most - 1) or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return [round(n * step, 10) for n in range(first, last + 1)]


def labels(marks: Sequence[float]) -> list[str]:
    """Tick labels with as many decimals as the longest needs.

    >>> labels([0.5, 0.75, 1.0])
    ['0.50', '0.75', '1.00']
    """
    decimals = max(len(f"{mark:g}".partition(".")[2]) for mark in marks)
    return [f"{mark:.{decimals}f}" for mark in marks]


def chart(
    title: str, epochs: Sequence[int], curves: Mapping[str, Sequence[float]], best: int | None
) -> Markup:
    """Curves over epochs, as one SVG.

    ``curves`` maps "training" and "validation" to a value an epoch. The best epoch gets a line, a
    dot on the validation curve and a label.
    """
    known = {
        name: [(n, v) for n, v in zip(epochs, values, strict=True) if math.isfinite(v)]
        for name, values in curves.items()
    }
    values = [v for points in known.values() for _, v in points] or [0.0]
    marks = ticks(min(values), max(values))
    room = 0.5 if len(epochs) == 1 else 0.0
    x = Axis(epochs[0] - room, epochs[-1] + room, LEFT, RIGHT)
    y = Axis(marks[0], marks[-1], BOTTOM, TOP)
    parts = [
        *_rows(marks, y),
        *_columns(epochs, x),
        *(_curve(name, points, x, y) for name, points in known.items()),
        *_legend({name: name for name in known}),
        *(_best(n, v, x, y) for n, v in known.get("validation", []) if n == best),
    ]
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, _told(title, known, best), Markup("").join(parts))


def _told(title: str, known: Mapping[str, Sequence[tuple[int, float]]], best: int | None) -> str:
    """The chart in words, for those who do not see it."""
    told = [
        f"{name} from {points[0][1]:.3f} in epoch {points[0][0]} "
        f"to {points[-1][1]:.3f} in epoch {points[-1][0]}"
        for name, points in known.items()
        if points
    ]
    told += [f"best epoch {best}: {v:.3f}" for n, v in known.get("validation", []) if n == best]
    return f"{title} over the epochs: {'; '.join(told) or 'no values'}."


def _text(x: float, y: float, anchor: str, text: str, kind: str = "tick") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, text
    )


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)


def _rows(marks: Sequence[float], y: Axis) -> Iterable[Markup]:
    """Horizontal grid lines with their labels."""
    for mark, label in zip(marks, labels(marks), strict=True):
        yield _line("grid", LEFT, y(mark), RIGHT, y(mark))
        yield _text(LEFT - 6, y(mark) + 4, "end", label)


def _columns(epochs: Sequence[int], x: Axis) -> Iterable[Markup]:
    """Tick marks at whole epochs, and the name of the axis."""
    wanted = ticks(epochs[0], epochs[-1]) if len(epochs) > 1 else epochs
    for mark in wanted:
        if mark == int(mark) and epochs[0] <= mark <= epochs[-1]:
            yield _line("axis", x(mark), BOTTOM, x(mark), BOTTOM + 4)
            yield _text(x(mark), BOTTOM + 17, "middle", str(int(mark)))
    yield _line("axis", LEFT, BOTTOM, RIGHT, BOTTOM)
    yield _text((LEFT + RIGHT) / 2, BOTTOM + 35, "middle", "epoch")


def _curve(name: str, points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> Markup:
    places = [(x(n), y(v)) for n, v in points]
    line = Markup('<polyline class="curve {}" points="{}"/>').format(
        name, " ".join(f"{a},{b}" for a, b in places)
    )
    radius = 3 if len(places) <= MARKED else 2
    dots = places if len(places) <= DOTTED else []
    return line + Markup("").join(_dot(f"point {name}", a, b, radius) for a, b in dots)


def _dot(kind: str, x: float, y: float, radius: float) -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(kind, x, y, radius)


def _legend(names: Mapping[str, str]) -> Iterable[Markup]:
    """The curves of these classes of style, and what each is called."""
    for number, (kind, name) in enumerate(names.items()):
        start = LEFT + 100 * number
        yield _line(f"curve {kind}", start, 14, start + 24, 14)
        yield _text(start + 30, 18, "start", name, "name")


def _best(epoch: int, value: float, x: Axis, y: Axis) -> Markup:
    """A line, a dot, and a label at the end of the line that is farther from the dot."""
    left = x(epoch) > (LEFT + RIGHT) / 2
    height = BOTTOM - 7 if y(value) < (TOP + BOTTOM) / 2 else TOP + 11
    place = x(epoch) + (-6 if left else 6)
    return (
        _line("best", x(epoch), TOP, x(epoch), BOTTOM)
        + _dot("dot", x(epoch), y(value), 4)
        + _text(
            place, height, "end" if left else "start", f"best, epoch {epoch}: {value:.3f}", "note"
        )
    )


def bar(share: float | None, color: str = "", between: Sequence[float] | None = None) -> Markup:
    """A small bar, ``share`` in 0–1 of the width that it is given; the number stands beside it.

    ``color`` is "#rrggbb"; without one the bar has the accent colour of the page. An interval is a
    thin line on it.
    """
    low, high = (100 * end for end in between) if between else (0, 0)
    return Markup(
        '<svg class="bar" width="100%" height="8" aria-hidden="true">'
        '<rect class="track" width="100%" height="8"/>'
        '<rect class="fill" width="{:.2f}%" height="8"{}/>{}</svg>'
    ).format(
        100 * (share or 0),
        Markup(' fill="{}"').format(color) if color else "",
        Markup('<rect class="whisker" x="{:.2f}%" y="3" width="{:.2f}%" height="2"/>').format(
            low, high - low
        )
        if between
        else "",
    )


def swatch(color: str) -> Markup:
    """A square of the colour "#rrggbb" with a border, for legends; the name stands beside it."""
    return Markup(
        '<svg class="swatch" width="14" height="14" aria-hidden="true">'
        '<rect x="0.5" y="0.5" width="13" height="13" rx="2" fill="{}"/></svg>'
    ).format(color)


Bins = Sequence[Sequence[float | None]]  # mean confidence, share right, share of the pixels


def reliability(after: Bins, before: Bins = ()) -> Markup:
    """How often a model is right (upwards) that is so sure (to the right), as one SVG.

    ``before`` are the bins without calibration, where there was one. Below stand the shares of the
    pixels. Bins of hardly any pixel are left out.
    """
    curves = {name: _filled(bins) for name, bins in (("after", after), ("before", before)) if bins}
    known = [value for points in curves.values() for point in points for value in point[:2]]
    marks = ticks(min(known, default=0), 1)
    x, y = Axis(marks[0], marks[-1], LEFT, RIGHT), Axis(marks[0], marks[-1], BOTTOM, TOP)
    names = {"after": "calibrated" if before else "the model", "before": "before calibration"}
    parts = [
        *_rows(marks, y),
        *(_text(x(m), BOTTOM + 14, "middle", t) for m, t in zip(marks, labels(marks), strict=True)),
        _line("best", LEFT, BOTTOM, RIGHT, TOP),
        *(_curve(name, [p[:2] for p in points], x, y) for name, points in curves.items()),
        *_legend({name: names[name] for name in curves}),
        *_heights(curves["after"], x),
        _text((LEFT + RIGHT) / 2, STRIP + 16, "middle", "how sure (bars: share of the pixels)"),
    ]
    told = "; ".join(f"{sure:.2f} sure, {right:.2f} right" for sure, right, _ in curves["after"])
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(
        WIDTH,
        STRIP + 22,
        f"Share of the pixels that are right by how sure the model is: {told or 'no values'}.",
        Markup("").join(parts),
    )


def _filled(bins: Bins) -> list[tuple[float, float, float]]:
    return [
        (sure, right, share)
        for sure, right, share in bins
        if sure is not None and right is not None and share is not None and share >= RAREST
    ]


def _heights(points: Sequence[tuple[float, float, float]], x: Axis) -> Iterable[Markup]:
    """A bar of at most 40 units for the share of the pixels at each point."""
    most = max((share for *_, share in points), default=1)
    for sure, _, share in points:
        height = round(max(1, 40 * share / most), 1)
        yield Markup('<rect class="share" x="{}" y="{}" width="8" height="{}"/>').format(
            round(x(sure) - 4, 1), round(STRIP - height, 1), height
        )
