"""Sharing out by classes, against counts worked out by hand and one law."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from maskwright.data.strata import deal, filled

SHARES = [(0.8, 0.1, 0.1), (0.5, 0.5), (0.9, 0.1), (0.25, 0.25, 0.25, 0.25), (0.34, 0.33, 0.33)]


@given(st.lists(st.integers(0, 5), max_size=60), st.sampled_from(SHARES))
def test_where_a_unit_shows_one_class_no_part_is_a_whole_unit_off(classes, shares):
    parts = deal([{kind} for kind in classes], shares)
    found = Counter(zip(classes, parts, strict=True))
    for kind, size in Counter(classes).items():
        assert all(abs(found[kind, p] - share * size) < 1 + 1e-9 for p, share in enumerate(shares))


def test_a_rare_class_is_shared_before_those_that_are_in_every_image():
    classes = [{0, 1, 2} if n % 5 == 0 else {0, 1} if n % 2 else {0} for n in range(40)]
    parts = deal(classes, [0.5, 0.25, 0.25])
    counts = Counter(
        (kind, part) for unit, part in zip(classes, parts, strict=True) for kind in unit
    )
    assert [counts[2, part] for part in range(3)] == [4, 2, 2]
    assert [counts[1, part] for part in range(3)] == [12, 6, 6]
    assert [counts[0, part] for part in range(3)] == [20, 10, 10]


def test_where_parts_lack_a_class_alike_the_unit_goes_where_there_is_room():
    parts = deal([{n // 5} for n in range(100)], [0.8, 0.1, 0.1])
    assert Counter(parts) == {0: 80, 1: 10, 2: 10}


def test_units_that_show_nothing_fill_the_room_that_is_left():
    assert Counter(deal([set()] * 10, [0.8, 0.1, 0.1])) == {0: 8, 1: 1, 2: 1}
    assert Counter(deal([{0}, {0}, set(), set()], [0.5, 0.5])) == {0: 2, 1: 2}


@given(st.lists(st.integers(0, 4), min_size=10, max_size=30), st.integers(1, 2))
def test_filling_leaves_no_part_short_and_moves_no_more_than_it_must(parts, least):
    full = filled(parts, 5, least)
    assert min(full.count(part) for part in range(5)) >= least
    short = sum(max(0, least - parts.count(part)) for part in range(5))
    assert sum(a != b for a, b in zip(parts, full, strict=True)) == short
