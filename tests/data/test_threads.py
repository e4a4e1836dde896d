"""Work ahead in threads: in order, within bounds, and done when it is left early."""

import threading
import time
from collections.abc import Callable

import pytest

from maskwright.data.threads import WORKERS, map_ahead


def test_results_come_in_order_though_early_ones_take_longer():
    def slow(n: int) -> int:
        time.sleep(0.02 if n % 4 == 0 else 0)
        return n * n

    assert list(map_ahead(slow, range(20), workers=4)) == [n * n for n in range(20)]


def test_nothing_gives_nothing():
    assert list(map_ahead(str, [])) == []


def test_fewer_items_than_are_worked_ahead():
    assert list(map_ahead(str, range(3), ahead=8)) == ["0", "1", "2"]


def test_work_is_done_in_other_threads():
    names = set(map_ahead(lambda _: threading.get_ident(), range(4)))
    assert threading.get_ident() not in names


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_more_than_so_many_items_are_taken_ahead(ahead):
    taken: list[int] = []

    def items():
        for n in range(20):
            taken.append(n)
            yield n

    for done, _ in enumerate(map_ahead(str, items(), ahead=ahead)):
        assert len(taken) <= done + ahead


@pytest.mark.parametrize(("asked", "count"), [(0, WORKERS), (5, 5)])
def test_so_many_work_at_once(asked, count):
    gate = threading.Barrier(count, timeout=10)
    assert all(n >= 0 for n in map_ahead(lambda _: gate.wait(), range(count), asked))


def test_an_exception_comes_where_its_result_would_have():
    results = map_ahead(lambda n: 6 // (3 - n), range(8))
    assert [next(results) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_exception_of_the_items_comes_through():
    def items():
        yield 1
        raise OSError("the list ends here")

    with pytest.raises(OSError, match="the list ends here"):
        list(map_ahead(str, items()))


def test_closing_early_ends_the_work_and_its_threads():
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        time.sleep(0.01)
        return n

    before = threading.active_count()
    results = map_ahead(work, range(1000), ahead=50)
    next(results)
    results.close()
    assert len(begun) < 50
    until(lambda: threading.active_count() == before)
    assert len(begun) < 50


def test_closing_early_does_not_wait_for_the_work_in_hand():
    """The garbage collector may close it while other threads cannot go on: that must not hang."""
    before, go_on = threading.active_count(), threading.Event()
    results = map_ahead(lambda n: n and go_on.wait(60), range(1000))
    assert next(results) == 0
    results.close()
    assert threading.active_count() > before
    go_on.set()
    until(lambda: threading.active_count() == before)


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds, for a minute at most."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
