"""Work ahead in threads, in order and within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int = 2, ahead: int = 8
) -> Generator[Result, None, None]:
    """``map`` in threads: results in order, at most ``ahead`` of them waiting in memory.

    An exception of ``function`` is raised where its result would have come. Closed early, it does
    not wait for the work in hand: it may be the garbage collector that closes it, in the middle of
    a thread's start, where waiting for another thread would never end.

    >>> list(map_ahead(lambda x: x * x, range(5)))
    [0, 1, 4, 9, 16]
    """
    pool, wait = ThreadPoolExecutor(workers), True
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
