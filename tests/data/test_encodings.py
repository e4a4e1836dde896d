"""Laws of every mask encoding: values to classes, classes to values, and back again."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.data.images import RawMask, read_mask, write_mask
from maskwright.data.labels import (
    ENCODINGS,
    IGNORE,
    ClassTable,
    Label,
    default_color,
    from_dict,
    unpacked,
)

KIND = dict.fromkeys(ENCODINGS, "index") | {"palette": "palette", "rgb": "rgb"}


def labelled(groups: list[list[int]]) -> tuple[Label, ...]:
    return tuple(Label(f"c{k}", default_color(k), tuple(v)) for k, v in enumerate(groups))


@st.composite
def tables(draw, *, highest: int = 65535, most: int = 3) -> ClassTable:
    """A table of one of the encodings, with one to ``most`` values a class and some ignored."""
    encoding = draw(st.sampled_from(ENCODINGS))
    if encoding == "rgb":
        highest = 0xFFFFFF
    classes = draw(st.integers(2, 2 if encoding in ("binary", "instances") else 12))
    counts = draw(st.lists(st.integers(1, most), min_size=classes + 1, max_size=classes + 1))
    total = sum(counts)
    values = draw(st.lists(st.integers(0, highest), min_size=total, max_size=total, unique=True))
    groups = [[values.pop() for _ in range(count)] for count in counts]
    ignore = tuple(groups.pop()) if draw(st.booleans()) else ()
    groups = groups[:classes]
    if encoding == "instances":
        groups[1] = []
    return ClassTable(encoding, labelled(groups), ignore)


def classes_of(table: ClassTable) -> st.SearchStrategy[np.ndarray]:
    """Class indices uint8 [H, W] in a table, 255 only where the table can ignore."""
    choices = [*range(len(table)), *([IGNORE] if table.ignore else [])]
    size = st.tuples(st.integers(1, 4), st.integers(1, 4))
    flat = st.lists(st.sampled_from(choices), min_size=16, max_size=16)
    return st.builds(lambda s, f: np.resize(np.array(f, np.uint8), s), size, flat)


def values_for(table: ClassTable, index: int) -> list[int]:
    """Mask values that mean a class: of objects, two that nothing else has."""
    if index == IGNORE:
        return list(table.ignore)
    taken = {*table.ignore, *(v for label in table.labels for v in label.values)}
    return list(table.labels[index].values) or [n for n in range(1, 300) if n not in taken][:2]


def raw_of(table: ClassTable, values: object) -> RawMask:
    array = np.array(values)
    small = table.encoding != "rgb" and array.max() < 256
    return RawMask(array.astype(np.uint8 if small else np.int32), KIND[table.encoding])


def fits(table: ClassTable) -> bool:
    """Whether the first values of a table's classes, and one to ignore, can be in a uint8 file."""
    if table.encoding == "rgb":
        return True
    firsts = [label.values[0] for label in table.labels if label.values]
    return max(firsts) < 256 and (not table.ignore or min(table.ignore) < 256)


# From values to classes


@settings(deadline=None)
@given(st.data(), tables())
def test_decode_finds_the_class_of_every_value(data, table):
    classes = data.draw(classes_of(table))
    values = [[data.draw(st.sampled_from(values_for(table, k))) for k in row]
              for row in classes.tolist()]  # fmt: skip
    raw = raw_of(table, values)
    np.testing.assert_array_equal(table.decode(raw), classes)
    found, known = table.find(table.values_of(raw))
    np.testing.assert_array_equal(found, classes)
    assert known.all()


@settings(deadline=None)
@given(tables(), st.integers(0, 0xFFFFFF))
def test_find_knows_the_values_of_the_table_and_no_others(table, value):
    values = {v for label in table.labels for v in label.values} | set(table.ignore)
    known = table.find(np.array([value], np.int64))[1]
    assert known.tolist() == [value in values or table.encoding == "instances"]


@settings(deadline=None)
@given(tables(), st.lists(st.integers(0, 255), min_size=1))
def test_find_says_the_same_of_bytes_as_of_larger_numbers(table, values):
    small, large = (table.find(np.array(values, kind)) for kind in (np.uint8, np.int32))
    np.testing.assert_array_equal(small[1], large[1])
    np.testing.assert_array_equal(small[0][small[1]], large[0][large[1]])


# And back


@settings(deadline=None)
@given(st.data(), tables().filter(fits))
def test_what_encode_writes_decodes_to_the_same_classes(data, table):
    classes = data.draw(classes_of(table))
    encoded = table.encode(classes)
    assert encoded.dtype == np.uint8
    np.testing.assert_array_equal(table.decode(RawMask(encoded, "palette", table.palette)), classes)


@settings(deadline=None)
@given(st.data(), tables().filter(lambda table: not fits(table)))
def test_classes_whose_values_fit_no_byte_are_written_as_distinct_bytes(data, table):
    classes = data.draw(classes_of(table))
    encoded = table.encode(classes)
    for one in np.unique(classes):
        assert len(np.unique(encoded[classes == one])) == 1
    assert len(np.unique(encoded)) == len(np.unique(classes))


@settings(deadline=None)
@given(st.data(), tables(highest=255, most=1))
def test_masks_of_single_valued_tables_come_back_as_they_were(data, table):
    classes = data.draw(classes_of(table))
    values = np.array([[values_for(table, k)[0] for k in row] for row in classes.tolist()])
    back = table.encode(table.decode(raw_of(table, values)))
    if table.encoding == "rgb":
        colors = np.array([[unpacked(v) for v in row] for row in values.tolist()], np.uint8)
        np.testing.assert_array_equal(table.palette[back], colors)
    elif table.encoding == "instances":  # all objects become one
        np.testing.assert_array_equal(table.decode(raw_of(table, back)), classes)
    else:
        np.testing.assert_array_equal(back, values)


@settings(deadline=None, max_examples=40)
@given(st.data(), tables(highest=255))
def test_a_mask_file_round_trips_with_its_colours(tmp_path_factory, data, table):
    classes = data.draw(classes_of(table))
    path = Path(tmp_path_factory.getbasetemp()) / "mask.png"
    write_mask(path, table.encode(classes), table.palette)
    read = read_mask(path)
    np.testing.assert_array_equal(table.decode(read), classes)
    if table.encoding != "rgb":
        shown = classes != IGNORE
        assert read.palette is not None
        colors = read.palette[read.values][shown]
        np.testing.assert_array_equal(colors, table.colors[classes[shown]])


# As text


@settings(deadline=None)
@given(tables())
def test_a_table_survives_to_dict_and_from_dict(table):
    assert from_dict(table.to_dict(), "dataset.toml") == table


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_drawn(encoding):
    from hypothesis import find

    assert find(tables(), lambda table: table.encoding == encoding).encoding == encoding
