"""Images on a map: those that show the same ground, and masks that lie elsewhere than theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from maskwright.data.audit.facts import ImageFacts, MaskFacts, PairFacts
from maskwright.data.findings import Flaw
from maskwright.data.maps import Spot
from maskwright.data.pairing import Pair
from maskwright.data.splits import connected, relative

SHARED = 0.02  # of the smaller one's area, from which on two images show the same
OFF = 1.5  # pixels by which a mask may lie off its image


def overlapping(spots: Sequence[Spot | None]) -> Iterator[tuple[int, int]]:
    """The indices of each two images that show the same ground.

    >>> field = [Spot("32632", (x, 0.0, x + 10, 10.0), 0.1) for x in (0.0, 5.0, 10.0)]
    >>> list(overlapping([*field, Spot("32633", (0.0, 0.0, 10.0, 10.0), 0.1), None]))
    [(0, 1), (1, 2)]
    """
    by_map: dict[str, list[int]] = defaultdict(list)
    for index, spot in enumerate(spots):
        if spot:
            by_map[spot.crs].append(index)
    for indices in by_map.values():
        boxes = np.array([spot.box for index in indices if (spot := spots[index])])
        order = np.argsort(boxes[:, 0], kind="stable")
        west, south, east, north = boxes[order].T
        area = (east - west) * (north - south)
        ends = np.searchsorted(west, east)
        for k, end in enumerate(ends):
            others = slice(k + 1, end)
            across = np.minimum(east[others], east[k]) - west[others]
            down = np.minimum(north[others], north[k]) - np.maximum(south[others], south[k])
            least = SHARED * np.minimum(area[others], area[k])
            for step in np.flatnonzero((down > 0) & (across * down > least)).tolist():
                first, second = sorted((indices[order[k]], indices[order[k + 1 + step]]))
                yield first, second


def on_one_ground(links: Sequence[tuple[int, int]], count: int) -> list[list[int]]:
    """The indices, of so many, of images that hang together by what they show, largest ones aside:
    where most do, all would have to be in one split."""
    tops = connected(count, links)
    sets: dict[int, list[int]] = defaultdict(list)
    for index in sorted({index for link in links for index in link}):
        sets[tops[index]].append(index)
    return [found for found in sets.values() if 2 * len(found) <= count]


def ground_flaws(
    pairs: Sequence[Pair], links: Sequence[tuple[int, int]], root: Path
) -> Iterator[Flaw]:
    """Images that show ground which an image of another split shows too, once for each."""
    others: dict[int, list[int]] = defaultdict(list)
    for one, other in links:
        if pairs[one].split and pairs[other].split and pairs[one].split != pairs[other].split:
            others[one].append(other)
            others[other].append(one)
    for index, found in sorted(others.items()):
        pair = pairs[index]
        if pair.split != "train":
            shown = min(found, key=lambda other: (pairs[other].split != "train", other))
            name = f"{relative(pairs[shown].image, root)} in {pairs[shown].split}"
            told = f"in {pair.split}, shows ground of {name}"
            yield Flaw("ground-leak", pair.image, told, pair.image, pairs[shown].image)


def place_flaws(pairs: Sequence[Pair], looked: Sequence[PairFacts]) -> Iterator[Flaw]:
    """Masks that lie elsewhere on the map than their images."""
    for pair, facts in zip(pairs, looked, strict=True):
        if not (isinstance(facts.image, ImageFacts) and isinstance(facts.mask, MaskFacts)):
            continue
        image, mask = facts.image.spot, facts.mask.spot
        if not image or not mask:
            continue
        if image.crs != mask.crs:
            told = f"lies on another map ({mask.crs}) than its image ({image.crs})"
            yield Flaw("off-map", pair.mask, told, pair.image)
        else:
            off = max(abs(a - b) for a, b in zip(image.box, mask.box, strict=True))
            if off > OFF * image.side:
                told = f"lies {off:.4g} off its image on the map, {off / image.side:.0f} pixels"
                yield Flaw("off-map", pair.mask, told, pair.image)
