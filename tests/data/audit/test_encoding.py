"""The class table that masks themselves show, judged by their majority; nothing raises."""

import numpy as np
import pytest
from made import (
    BLACK,
    BLUE,
    RED,
    boxes,
    byte_boxes,
    colored,
    entry,
    grey,
    jpegs,
    named,
    palettes,
    values,
)  # fmt: skip

from maskwright.data.audit.encoding import LOW, infer, understand
from maskwright.data.audit.values import MOST_INFERRED
from maskwright.data.images import RawMask
from maskwright.data.labels import ClassTable, Label, default_color

# Numbers


def test_values_of_all_masks_become_classes_in_rising_order():
    table = infer(grey(byte_boxes(0, 3, 1), byte_boxes(1, 2))).table
    assert table.names == ["value_0", "value_1", "value_2", "value_3"]
    assert [label.values for label in table.labels] == [(0,), (1,), (2,), (3,)]
    assert [label.color for label in table.labels] == [default_color(k) for k in range(4)]
    assert (table.encoding, table.ignore) == ("index", ())


@pytest.mark.parametrize("count", [1, 2, 4, 5, 30])
def test_zero_and_255_are_two_classes(count):
    found = understand(grey(*(byte_boxes(n, 255) for n in range(count))))
    assert found.table.encoding == "binary"
    assert values(found) == [0, 255]
    assert found.evidence == "two values, 0 and 255"
    assert found.flaws == []


def test_one_based_values_are_said_to_be_so():
    found = understand(grey(*(byte_boxes(n, 2, 3, ground=1) for n in range(6))))
    assert values(found) == [1, 2, 3]
    assert found.evidence == "grey values 1, 2, 3 (1-based)"


@pytest.mark.parametrize("number", [255, 256, 65535, 70000, -1])
def test_numbers_may_be_of_any_size(number):
    found = understand(grey(*(boxes(n, number, 9) for n in range(6))))
    assert values(found) == sorted([0, 9, number][: 2 if number == 255 else 3])
    assert found.flaws == []


def test_grey_values_saved_as_rgb_are_grey_values():
    masks = [np.stack([byte_boxes(n, 255)] * 3, axis=-1) for n in range(6)]
    found = understand(colored(*masks))
    assert found.table.encoding == "binary"
    assert found.flaws == []


def test_a_palette_gives_the_colours():
    colors = [[1, 2, 3], [16, 255, 0]]
    found = infer(palettes([byte_boxes(n, 1, 2) for n in range(3)], [colors] * 3))
    assert found.table.encoding == "palette"
    assert [label.color for label in found.table.labels] == ["#010203", "#10ff00", default_color(2)]
    assert found.evidence == "palette values 0, 1, 2"


def test_a_negative_value_has_no_colour_in_a_palette():
    masks = [entry(RawMask(boxes(n, -1), "index", np.zeros((4, 3), np.uint8)), n) for n in range(3)]
    assert [(k.name, k.color) for k in infer(masks).table.labels] == [
        ("value_-1", default_color(0)),
        ("value_0", "#000000"),
    ]


def test_grey_and_palette_masks_go_together():
    masks = [byte_boxes(n, 1, 2) for n in range(6)]
    found = understand(grey(*masks) + palettes(masks[:2], [[BLACK, RED, BLUE]] * 2))
    assert (found.table.encoding, values(found)) == ("index", [0, 1, 2])
    assert found.flaws == []


# 255: a class, or to be ignored


@pytest.mark.parametrize("classes", [(1,), (1, 2), (8, 15), (LOW - 1,), tuple(range(1, 21))])
def test_255_beside_small_values_is_ignored_as_in_pascal_voc(classes):
    found = understand(grey(*(byte_boxes(n, *classes, 255, side=96) for n in range(6))))
    assert values(found) == [0, *classes]
    assert found.table.ignore == (255,)
    assert found.evidence.endswith(", ignoring 255")
    assert found.flaws == []


@pytest.mark.parametrize("classes", [(128,), (LOW,), (64, 128, 192)])
def test_255_beside_values_all_over_the_range_is_a_class(classes):
    found = understand(grey(*(byte_boxes(n, *classes, 255) for n in range(6))))
    assert values(found) == [0, *classes, 255]
    assert found.table.ignore == ()


def test_a_set_like_voc_with_rare_classes_is_not_taken_for_smeared():
    """Each of 20 classes is in few masks of 60, some in one only; every mask has borders of 255."""
    rng = np.random.default_rng(0)
    masks = []
    for n in range(60):
        classes = rng.choice(19, size=rng.integers(1, 4), replace=False) + 1
        masks.append(byte_boxes(n, *classes.tolist(), 255))
    masks[7] = byte_boxes(7, 20, 255)
    found = understand(grey(*masks))
    assert values(found) == list(range(21))
    assert found.table.ignore == (255,)
    assert found.flaws == []


def test_a_handful_of_masks_each_with_a_class_of_its_own_is_understood():
    found = understand(grey(*(byte_boxes(n, n + 1, 255) for n in range(5))))
    assert values(found) == [0, 1, 2, 3, 4, 5]
    assert found.table.ignore == (255,)
    assert found.flaws == []


def test_a_mask_with_several_classes_of_its_own_is_understood():
    classes = [(2, 7, 15, 9), (1,), (3,), (15,), (15, 3), (3,)]
    found = understand(grey(*(byte_boxes(n, *k) for n, k in enumerate(classes))))
    assert values(found) == [0, 1, 2, 3, 7, 9, 15]
    assert found.flaws == []


def test_masks_of_ignored_pixels_alone_change_nothing():
    masks = [byte_boxes(n, 1, 255) for n in range(6)] + [np.full((48, 48), 255, np.uint8)] * 2
    found = understand(grey(*masks))
    assert values(found) == [0, 1]
    assert found.flaws == []


def test_masks_of_0_and_1_among_those_of_0_and_255_are_named():
    full, ones = [byte_boxes(n, 255) for n in range(7)], [byte_boxes(n, 1) for n in range(3)]
    found = understand(grey(*full, *ones))
    assert values(found) == [0, 255]
    assert named(found) == [("mask-scale", f"{n}.png") for n in (7, 8, 9)]
    assert found.flaws[0].detail == "says 1 where the others say 255"
    found = understand(grey(*full[:2], *ones))
    assert values(found) == [0, 1]
    assert named(found) == [("mask-scale", f"{n}.png") for n in (0, 1)]
    assert found.flaws[0].detail == "says 255 where the others say 1"


# What is no class table


@pytest.mark.parametrize("number", [0, 7, 255])
def test_masks_of_one_value_show_no_classes(number):
    found = understand(grey(*[np.full((9, 9), number, np.uint8)] * 3))
    assert found.table is None
    assert named(found) == [("one-value", "0.png")]
    assert found.flaws[0].detail == f"3 masks with the one value {number}"


def test_a_mask_of_one_pixel_is_one_value():
    assert named(understand(grey(np.zeros((1, 1), np.uint8)))) == [("one-value", "0.png")]


def test_as_many_values_as_are_taken_for_classes_pass_and_one_more_does_not():
    def columns(count: int) -> np.ndarray:
        return np.repeat(np.arange(count, dtype=np.int32)[None], 60, axis=0)

    many = understand(grey(*[columns(MOST_INFERRED)] * 3))
    assert len(many.table) == MOST_INFERRED
    more = understand(grey(columns(5), columns(MOST_INFERRED + 1)))
    assert more.table is None
    assert named(more) == [("no-classes", "1.png")]
    assert more.flaws[0].detail.startswith("65 different values, 65 in the set: a photograph, or a")


def test_numbers_of_which_none_is_in_two_masks_are_told_as_many():
    blocks = [np.arange(16).reshape(4, 4).repeat(8, 0).repeat(8, 1) + 16 * n for n in range(6)]
    found = understand(grey(*(one.astype(np.int32) for one in blocks)))
    assert named(found) == [("no-classes", "0.png")]
    assert "96 in the set" in found.flaws[0].detail


def test_photographs_are_no_masks():
    noise = [np.random.default_rng(n).integers(0, 256, (64, 64)).astype(np.uint8) for n in range(3)]
    found = understand(grey(*noise))
    assert found.table is None
    assert named(found) == [("mask-copy", f"{n}.png") for n in range(3)]
    assert found.flaws[0].detail == "256 values, and a new one at nearly every pixel"
    found = understand(grey(*(byte_boxes(n, 255) for n in range(5)), noise[0]))
    assert values(found) == [0, 255]
    assert named(found) == [("mask-copy", "5.png")]


# Masks that are judged by a given table


def test_a_given_table_is_taken_and_the_masks_are_judged_by_it():
    labels = (Label("ground", "#000000", (0,)), Label("thing", "#ffffff", (1,)))
    found = understand(grey(byte_boxes(0, 1), byte_boxes(1, 1, 7)), ClassTable("index", labels))
    assert found.table.labels is labels
    assert found.evidence == "grey values 0, 1, as the data says"
    assert named(found) == [("outside-table", "1.png")]
    assert found.flaws[0].detail == "holds value 7, which the class table does not have (0, 1)"
    assert found.flaws[0].image.name == "1.png"


def test_in_between_values_are_told_with_their_share():
    masks = [byte_boxes(n, 255) for n in range(9)]
    smeared = byte_boxes(9, 255)
    smeared[20, 10:34] = np.arange(24) * 10 + 5
    found = understand(grey(*masks, smeared))
    assert values(found) == [0, 255]
    assert named(found) == [("mask-damaged", "9.png")]
    assert found.flaws[0].detail.startswith("values between those of the classes: 5, 15, 25 and 21")
    assert found.flaws[0].detail.endswith(" (1.0 % of the pixels)")


@pytest.mark.parametrize("quality", [30, 50, 75, 95])
def test_masks_that_are_all_jpeg_show_their_two_values(quality):
    found = understand(jpegs(*(byte_boxes(n, 255) for n in range(8)), quality=quality))
    assert values(found) == [0, 255]
    assert {kind for kind, _ in named(found)} <= {"mask-damaged"}
