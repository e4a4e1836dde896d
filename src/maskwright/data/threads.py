"""Work ahead in threads, in order and within bounds."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
WORKERS = max(2, min(8, os.cpu_count() or 1))  # threads, more of which wait for Python's lock


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int = 0, ahead: int = 8
) -> Generator[Result, None, None]:
    """``map`` in threads: results in order, at most ``ahead`` of them waiting in memory.

    ``workers`` is how many threads, 0 for as many as there are cores, up to eight.

    An exception of ``function`` is raised where its result would have come. Closed early, it does
    not wait for the work in hand: it may be the garbage collector that closes it, in the middle of
    a thread's start, where waiting for another thread would never end.

    >>> list(map_ahead(lambda x: x * x, range(5)))
    [0, 1, 4, 9, 16]
    """
    pool, wait = ThreadPoolExecutor(workers or WORKERS), True
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except GeneratorExit:
        wait = False
        raise
    finally:
        pool.shutdown(wait, cancel_futures=True)
