"""Sharing units out in parts: each part its share of every class, and none left without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence


def deal(classes: Sequence[Collection[int]], shares: Sequence[float]) -> list[int]:
    """The part of each unit, where ``classes`` says which classes each unit shows.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, 2011): the class with the fewest
    units left comes first. Each of its units goes to the part that still lacks most of that class,
    among equals to the part that lacks most units. So where no unit shows two classes, no part is
    a whole unit away from its share of any class.

    >>> deal([{0}, {0}, {1}, {0}, {0, 1}, {0}], shares=[0.5, 0.5])
    [0, 1, 0, 0, 1, 1]
    """
    sizes = Counter(kind for shown in classes for kind in shown)
    lacking = {kind: [share * size for share in shares] for kind, size in sizes.items()}
    room = [share * len(classes) for share in shares]
    parts = [-1] * len(classes)

    def give(unit: int, wish: Sequence[float]) -> None:
        part = max(range(len(shares)), key=lambda part: (wish[part], room[part]))
        parts[unit] = part
        room[part] -= 1
        for kind in classes[unit]:
            lacking[kind][part] -= 1
            sizes[kind] -= 1

    while kinds := [kind for kind, size in sizes.items() if size]:
        rarest = min(kinds, key=lambda kind: (sizes[kind], kind))
        for unit in [u for u, shown in enumerate(classes) if parts[u] < 0 and rarest in shown]:
            give(unit, lacking[rarest])
    for unit in [u for u, part in enumerate(parts) if part < 0]:
        give(unit, room)
    return parts


def filled(parts: Sequence[int], count: int, least: int = 1) -> list[int]:
    """The same parts, but one of fewer than ``least`` units takes the last ones of the largest.

    >>> filled([0, 0, 0, 2], count=3)
    [0, 0, 1, 2]
    """
    full = list(parts)
    for part in range(count):
        while full.count(part) < least:
            largest = max(range(count), key=full.count)
            full[len(full) - 1 - full[::-1].index(largest)] = part
    return full
