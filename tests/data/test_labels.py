"""The class table: from mask values to class indices and back, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.data.images import RawMask, read_mask, write_mask
from maskwright.data.labels import (
    COLORS,
    ENCODINGS,
    IGNORE,
    MOST_CLASSES,
    ClassTable,
    Label,
    default_color,
    from_dict,
    grey_of,
)
from maskwright.errors import DataError

KIND = {"index": "index", "binary": "index", "palette": "palette", "rgb": "rgb"}


def table_of(encoding: str, values: list[int], ignore: tuple[int, ...] = ()) -> ClassTable:
    labels = tuple(Label(f"c{k}", default_color(k), (v,)) for k, v in enumerate(values))
    return ClassTable(encoding, labels, ignore)


def raw(values: object, kind: str = "index") -> RawMask:
    array = np.array(values)
    small = kind != "rgb" and array.max() < 256
    return RawMask(array.astype(np.uint8 if small else np.int32), kind)


@st.composite
def tables(draw):
    """A table of one of the encodings, with one to three values a class and some ignored."""
    encoding = draw(st.sampled_from(ENCODINGS))
    highest = 0xFFFFFF if encoding == "rgb" else draw(st.sampled_from([255, 65535]))
    most = 2 if encoding == "binary" else 12
    groups = draw(
        st.lists(st.integers(0, highest), min_size=4, max_size=3 * most, unique=True).map(
            lambda v: [v[n::most] for n in range(min(most, len(v)))]
        )
    )
    ignore = tuple(groups.pop()) if len(groups) > 2 and draw(st.booleans()) else ()
    labels = [Label(f"c{k}", default_color(k), tuple(v)) for k, v in enumerate(groups)]
    return ClassTable(encoding, tuple(labels), ignore)


@st.composite
def tables_with_classes(draw):
    """A table and class indices uint8 [H, W] in it, 255 only where the table can ignore."""
    table = draw(tables())
    choices = [*range(len(table)), *([IGNORE] if table.ignore else [])]
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    flat = draw(st.lists(st.sampled_from(choices), min_size=16, max_size=16))
    return table, np.resize(np.array(flat, np.uint8), size)


@settings(deadline=None, max_examples=60)
@given(tables_with_classes(), st.randoms(use_true_random=False))
def test_decode_finds_the_class_of_every_value(pair, random):
    table, classes = pair
    values = [[random.choice(of(table, int(k))) for k in row] for row in classes]
    np.testing.assert_array_equal(table.decode(raw(values, KIND[table.encoding])), classes)


def of(table: ClassTable, index: int) -> tuple[int, ...]:
    return table.ignore if index == IGNORE else table.labels[index].values


@settings(deadline=None, max_examples=60)
@given(tables_with_classes())
def test_what_encode_writes_decodes_to_the_same_classes(pair):
    """With the table itself where its values fit a byte, else with one of plain indices."""
    table, classes = pair
    fits = table.encoding != "rgb" and all(label.values[0] < 256 for label in table.labels)
    if not fits or not any(v < 256 for v in table.ignore):
        classes = np.where(classes == IGNORE, 0, classes).astype(np.uint8)
    back = table if fits else table_of("index", list(range(len(table))))
    encoded = table.encode(classes)
    assert encoded.dtype == np.uint8
    np.testing.assert_array_equal(back.decode(RawMask(encoded, "palette")), classes)


@settings(deadline=None, max_examples=60)
@given(tables())
def test_a_table_survives_to_dict_and_from_dict(table):
    assert from_dict(table.to_dict(), "dataset.toml") == table


@pytest.mark.parametrize("encoding", ["index", "palette", "binary"])
def test_a_mask_file_round_trips_with_its_colours(tmp_path, encoding):
    table = table_of(encoding, [0, 255] if encoding == "binary" else [3, 1])
    classes = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    write_mask(tmp_path / "m.png", table.encode(classes), table.palette)
    read = read_mask(tmp_path / "m.png")
    np.testing.assert_array_equal(table.decode(read), classes)
    np.testing.assert_array_equal(read.palette[read.values], table.colors[classes])


def test_pixels_that_are_ignored_are_encoded_as_a_value_that_no_class_has():
    classes = np.array([[0, IGNORE]], np.uint8)
    assert table_of("index", [0, 1]).encode(classes).tolist() == [[0, 255]]
    assert table_of("index", [0, 255]).encode(classes).tolist() == [[0, 254]]
    assert table_of("index", [0, 1], (7, 9)).encode(classes).tolist() == [[0, 7]]
    assert table_of("rgb", [0, 1], (7,)).encode(classes).tolist() == [[0, 255]]


def test_a_class_without_values_is_encoded_by_index():
    labels = (Label("a", "#000000", (5,)), Label("b", "#000000", ()))
    assert ClassTable("index", labels).encode(np.array([[0, 1]], np.uint8)).tolist() == [[0, 1]]


def test_unknown_values_are_named_with_the_file_and_the_known_ones():
    with pytest.raises(
        DataError,
        match=r"^m\.png holds value 3, 4, 5 and 1 more, which the class table does not have "
        r"\(0, 1\); add it to a class in dataset\.toml, or to its ignore list$",
    ):
        table_of("index", [0, 1]).decode(raw([[0, 3, 4, 5, 6]]), "m.png")


def test_unknown_values_of_16_bits_are_named():
    with pytest.raises(DataError, match="mask holds value 70000, which"):
        table_of("index", [0, 1000]).decode(raw([[0, 70000, 1000]]))


def test_unknown_colours_are_named_as_colours():
    with pytest.raises(DataError, match=r"holds colour #00ff00, which .* \(#000000, #ff0000\)"):
        table_of("rgb", [0, 0xFF0000]).decode(raw([[0, 0x00FF00]], "rgb"))


def test_a_grey_mask_for_a_table_of_colours_is_refused():
    with pytest.raises(
        DataError, match=r"m\.png is of the kind index, but the class table is of c"
    ):
        table_of("rgb", [0, 1]).decode(raw([[0]]), "m.png")


def test_grey_values_saved_as_rgb_are_read_as_grey():
    assert table_of("index", [0, 7]).decode(raw([[0, 0x070707]], "rgb")).tolist() == [[0, 1]]


def test_a_colour_mask_for_a_table_of_grey_values_is_refused():
    with pytest.raises(DataError, match=r"m\.png is a colour mask, but the class table is of grey"):
        grey_of(np.array([[0x070807]]), "m.png")


def test_an_unknown_encoding_is_named_with_the_nearest():
    with pytest.raises(DataError, match=r"unknown mask encoding indx: did you mean index\?"):
        table_of("indx", [0, 1])
    with pytest.raises(DataError, match="unknown mask encoding 3: choose from binary, index"):
        from_dict({"encoding": 3, "classes": [{}, {}]}, "dataset.toml")


@pytest.mark.parametrize("count", [0, 1, MOST_CLASSES + 1])
def test_too_few_or_too_many_classes_are_refused(count):
    with pytest.raises(DataError, match=f"needs 2 to 254 classes, not {count}$"):
        table_of("index", list(range(count)))


def test_the_most_classes_there_can_be_work():
    table = table_of("index", list(range(MOST_CLASSES)), (255,))
    everything = np.array([[*range(MOST_CLASSES), IGNORE]], np.uint8)
    np.testing.assert_array_equal(
        table.decode(RawMask(table.encode(everything), "index")), everything
    )


def test_a_table_without_any_value_is_refused():
    with pytest.raises(DataError, match="no class of the class table has a mask value; give each"):
        ClassTable("index", (Label("a", "#000000", ()), Label("b", "#000000", ())))


@pytest.mark.parametrize(("values", "ignore"), [([1, 1], ()), ([1, 2], (2,)), ([1, 2], (7, 7))])
def test_a_value_in_two_places_is_refused(values, ignore):
    with pytest.raises(DataError, match=r"has the value \d twice; each may occur once"):
        table_of("index", values, ignore)


def test_two_classes_of_one_name_are_refused():
    labels = (Label("cat", "#000000", (0,)), Label("cat", "#000000", (1,)))
    with pytest.raises(DataError, match="has the class name cat twice; each may occur once"):
        ClassTable("index", labels)


def test_from_dict_fills_in_what_is_left_out():
    table = from_dict({"classes": [{"name": "ground"}, {}]}, "dataset.toml")
    assert table.encoding == "index"
    assert table.labels == (Label("ground", COLORS[0], (0,)), Label("class_1", COLORS[1], (1,)))


def test_from_dict_takes_colours_as_values():
    classes = [{"values": ["#FF0000", 5]}, {"values": ["#00ff00"], "color": "#ABCDEF"}]
    table = from_dict({"encoding": "rgb", "classes": classes, "ignore": ["#ffffff"]}, "x")
    assert table.labels[0].values == (0xFF0000, 5)
    assert table.labels[1].color == "#abcdef"
    assert table.ignore == (0xFFFFFF,)


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"classes": [{"colour": "#ffffff"}]}, "unknown key colour in a class; use name, values"),
        ({"classes": [{"color": "red"}]}, "colour 'red' is not of the form #rrggbb, such as"),
        ({"classes": [{"color": "#12345g"}]}, "colour '#12345g' is not of the form"),
        ({"classes": [{"values": ["x"]}]}, "colour 'x' is not of the form"),
        ({"classes": [{"values": 3}]}, r"mask values 3 must be a list, as in \[3\]"),
        ({"classes": [{}, {}], "ignore": 255}, r"mask values 255 must be a list, as in \[255\]"),
        ({"classes": ["cat", "dog"]}, r"write each class as a \[\[classes\]\] with name, values"),
        ({"classes": {"cat": 1}}, r"write each class as a \[\[classes\]\]"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(described, words):
    with pytest.raises(DataError, match=f"^dataset.toml: {words}"):
        from_dict(described, "dataset.toml")


def test_default_colours_are_distinct_and_well_formed():
    colors = [default_color(k) for k in range(40)]
    assert len(set(colors)) == 40
    from_dict({"classes": [{"color": color, "values": [k]} for k, color in enumerate(colors)]}, "")


def test_an_rgb_class_without_values_means_its_own_color():
    entries = [{"name": "a", "color": "#ff0000"}, {"name": "b", "color": "#00ff00"}]
    table = from_dict({"encoding": "rgb", "classes": entries}, "dataset.toml")
    assert [label.values for label in table.labels] == [(0xFF0000,), (0x00FF00,)]
