"""The class table: from mask values to class indices and back, and what it refuses."""

import numpy as np
import pytest

from maskwright.data.images import RawMask
from maskwright.data.labels import (
    COLORS,
    IGNORE,
    MOST_CLASSES,
    ClassTable,
    Label,
    default_color,
    from_dict,
    grey_of,
    unpacked,
)
from maskwright.errors import DataError


def table_of(encoding: str, values: list[int], ignore: tuple[int, ...] = ()) -> ClassTable:
    labels = tuple(Label(f"c{k}", default_color(k), (v,)) for k, v in enumerate(values))
    return ClassTable(encoding, labels, ignore)


def raw(values: object, kind: str = "index") -> RawMask:
    array = np.array(values)
    small = kind != "rgb" and array.max() < 256
    return RawMask(array.astype(np.uint8 if small else np.int32), kind)


def test_pixels_that_are_ignored_are_encoded_as_a_value_that_no_class_has():
    classes = np.array([[0, IGNORE]], np.uint8)
    assert table_of("index", [0, 1]).encode(classes).tolist() == [[0, 255]]
    assert table_of("index", [0, 255]).encode(classes).tolist() == [[0, 254]]
    assert table_of("index", [0, 1], (7, 9)).encode(classes).tolist() == [[0, 7]]
    assert table_of("rgb", [0, 1], (7,)).encode(classes).tolist() == [[0, 255]]


def test_ignored_pixels_are_not_encoded_as_the_second_value_of_a_class():
    labels = (Label("a", "#000000", (0, 255)), Label("b", "#ffffff", (1, 254)))
    assert ClassTable("index", labels).encode(np.array([[IGNORE]], np.uint8)).tolist() == [[253]]


def test_a_table_that_takes_up_all_bytes_encodes_what_it_can():
    labels = (Label("a", "#000000", tuple(range(128))), Label("b", "#000000", (*range(128, 256),)))
    assert ClassTable("index", labels).encode(np.array([[0, 1]], np.uint8)).tolist() == [[0, 128]]


def test_a_class_without_values_is_encoded_by_index():
    labels = (Label("a", "#000000", (5,)), Label("b", "#000000", ()))
    assert ClassTable("index", labels).encode(np.array([[0, 1]], np.uint8)).tolist() == [[0, 1]]


# Objects that are numbered


def objects(background: tuple[int, ...] = (0,), ignore: tuple[int, ...] = ()) -> ClassTable:
    labels = (Label("background", COLORS[0], background), Label("object", COLORS[1], ()))
    return ClassTable("instances", labels, ignore)


def test_every_number_but_the_background_is_an_object():
    table = objects(ignore=(7,))
    assert table.decode(raw([[0, 1, 7, 70000]])).tolist() == [[0, 1, IGNORE, 1]]
    assert table.decode(raw([[0, 1, 7, 200]])).tolist() == [[0, 1, IGNORE, 1]]
    assert table.encode(np.array([[0, 1, IGNORE]], np.uint8)).tolist() == [[0, 1, 7]]


@pytest.mark.parametrize(
    ("table", "encoded"),
    [
        (objects((5,)), [5, 1]),
        (objects((1, 0)), [1, 2]),
        (objects(ignore=(1, 2)), [0, 3]),
        (objects((70000,)), [0, 1]),
    ],
)
def test_objects_are_encoded_as_a_number_that_means_nothing_else(table, encoded):
    assert table.encode(np.array([[0, 1]], np.uint8)).tolist() == [encoded]


@pytest.mark.parametrize(
    "values", [[(0,), (1,)], [(), ()], [(0,), (), ()]], ids=["listed", "no ground", "three"]
)
def test_a_table_of_objects_has_a_background_and_the_rest(values):
    labels = tuple(Label(f"c{k}", COLORS[k], v) for k, v in enumerate(values))
    with pytest.raises(
        DataError,
        match=r"of instances has two classes: the background with its values, and the objects with",
    ):
        ClassTable("instances", labels)


def test_from_dict_leaves_the_values_of_objects_out():
    table = from_dict({"encoding": "instances", "classes": [{}, {"name": "cell"}]}, "x")
    assert [label.values for label in table.labels] == [(0,), ()]


# Colours


def test_a_palette_file_means_its_colours_where_the_table_is_of_colours():
    table = table_of("rgb", [0x000000, 0xFF0000])
    palette = np.array([[255, 0, 0], [0, 0, 0]], np.uint8)
    mask = RawMask(np.array([[0, 1]], np.uint8), "palette", palette)
    assert table.values_of(mask).tolist() == [[0xFF0000, 0]]
    assert table.decode(mask).tolist() == [[1, 0]]


def test_a_number_beyond_the_palette_is_black():
    table = table_of("rgb", [0x000000, 0xFF0000])
    mask = RawMask(np.array([[0, 9]], np.uint8), "palette", np.array([[255, 0, 0]], np.uint8))
    assert table.decode(mask).tolist() == [[1, 0]]


def test_a_palette_file_means_its_numbers_where_the_table_is_of_numbers():
    palette = np.array([[255, 0, 0], [0, 0, 0]], np.uint8)
    mask = RawMask(np.array([[0, 1]], np.uint8), "palette", palette)
    assert table_of("index", [0, 1]).decode(mask).tolist() == [[0, 1]]


def test_the_palette_of_colours_holds_the_values_and_not_the_colours_shown():
    labels = (Label("a", "#ffffff", (0x102030, 0x405060)), Label("b", "#000000", (0xFF0000,)))
    palette = ClassTable("rgb", labels, (0x00FF00,)).palette
    assert palette[[0, 1, 255]].tolist() == [[16, 32, 48], [255, 0, 0], [0, 255, 0]]


def test_a_packed_colour_is_taken_apart():
    assert unpacked(0x010203) == (1, 2, 3)


@pytest.mark.parametrize(
    ("encoding", "names", "ground"),
    [
        ("index", ["Background", "thing"], [0]),
        ("index", ["value_0", "value_1"], []),
        ("binary", ["value_0", "value_1"], [0]),
        ("binary", ["grass", "sheep"], [0]),
        ("binary", ["cell", "background"], [1]),
        ("instances", ["tissue", "cell"], [0]),
    ],
)
def test_overlays_leave_the_background_untinted(encoding, names, ground):
    objects = encoding == "instances"
    labels = tuple(
        Label(name, COLORS[k], () if objects and k else (k,)) for k, name in enumerate(names)
    )
    assert ClassTable(encoding, labels).ground == ground


# What is refused


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
    with pytest.raises(DataError, match=f"needs 2 to 254 classes, not {count}; list those"):
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
    with pytest.raises(DataError, match=r"has the value \d twice; leave one out"):
        table_of("index", values, ignore)


def test_two_classes_of_one_name_are_refused():
    labels = (Label("cat", "#000000", (0,)), Label("cat", "#000000", (1,)))
    with pytest.raises(DataError, match="has the class name cat twice; leave one out"):
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
        ({"classes": [{"values": [2**31]}]}, "no mask file holds the value 2147483648; correct it"),
        ({"classes": [{"values": [10**30]}]}, "no mask file holds the value 1000"),
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
