"""Which classes the masks of a set show: plain masks, rare and absent classes, equal masks."""

import numpy as np
import pytest
from made import byte_boxes, colored, entry, grey, palettes

from maskwright.data.audit.contents import background, class_flaws, presence, same_masks
from maskwright.data.images import RawMask
from maskwright.data.labels import IGNORE, ClassTable, Label


def table(*values: int, encoding: str = "index", ignore: tuple[int, ...] = ()) -> ClassTable:
    labels = tuple(Label(f"c{v}", "#000000", (v,)) for v in values)
    return ClassTable(encoding, labels, ignore)


def test_presence_counts_the_pixels_of_classes_and_of_ignored_values():
    values = np.array([[0, 1, 1, 2], [255, 255, 255, 7]], np.uint8)
    mask = grey(values)[0].mask
    assert presence(mask, table(0, 1, 2, ignore=(255,))) == {0: 1, 1: 2, 2: 1, IGNORE: 3}
    merged = ClassTable("index", (Label("a", "#000000", (0, 1)), Label("b", "#000000", (2, 7))))
    assert presence(mask, merged) == {0: 3, 1: 2}


def test_presence_counts_objects_beyond_the_values_that_were_kept():
    values = np.arange(1200, dtype=np.int32).reshape(30, 40)
    labels = (Label("ground", "#000000", (0,)), Label("object", "#000000", ()))
    counted = presence(grey(values)[0].mask, ClassTable("instances", labels))
    assert counted == {0: 1, 1: 1199}


def test_presence_looks_colours_up():
    rgb = np.array([[[255, 0, 0], [0, 0, 0]]], np.uint8)
    of_colors = table(0, 0xFF0000, encoding="rgb")
    assert presence(colored(rgb)[0].mask, of_colors) == {0: 1, 1: 1}
    (mask,) = palettes([np.array([[1, 1, 0]], np.uint8)], [[[255, 0, 0], [0, 0, 0]]])
    assert presence(mask.mask, of_colors) == {0: 2, 1: 1}


@pytest.mark.parametrize(
    ("names", "values", "index"),
    [
        (["thing", "Background"], [(0,), (1,)], 1),
        (["bg", "thing"], [(5,), (0,)], 0),
        (["sky", "road"], [(1,), (0, 2)], 1),
        (["sky", "road"], [(1,), (2,)], None),
    ],
)
def test_the_background_is_the_class_so_named_or_that_of_0(names, values, index):
    labels = tuple(Label(n, "#000000", v) for n, v in zip(names, values, strict=True))
    assert background(ClassTable("index", labels)) == index


def classes(
    *present: dict[int, int], count: int = 12, names: int = 3
) -> list[tuple[str, str, str]]:
    """(kind, file, detail) for masks of which the first show these pixels, the others all."""
    usual = dict.fromkeys(range(names), 1000)
    shown = [*present, *[usual] * (count - len(present))]
    flaws = class_flaws(
        grey(*[byte_boxes(0, 1, 2)] * count), shown, table(*range(names), ignore=(255,))
    )
    return [(flaw.kind, flaw.path.name, flaw.detail) for flaw in flaws]


def test_masks_of_one_class_are_told_and_those_of_background_apart():
    assert classes({0: 9}, {1: 9}, {IGNORE: 9}, {0: 9, IGNORE: 9}) == [
        ("empty-mask", "0.png", "all c0"),
        ("one-class", "1.png", "all c1"),
        ("ignored-mask", "2.png", "all pixels are ignored"),
        ("empty-mask", "3.png", "all c0"),
    ]


def test_a_mask_of_which_nothing_is_known_is_not_called_ignored():
    assert classes({}) == []


def test_a_class_that_no_mask_shows_is_absent():
    assert classes(*[{0: 5, 1: 5}] * 12) == [("absent-class", "c2", "no pixel in any mask")]


def test_a_class_in_one_or_two_masks_or_in_hardly_a_pixel_is_rare():
    rare = [{0: 500, 1: 500}] * 10
    assert classes(*rare) == [("rare-class", "10.png", "class c2: 2,000 pixels in 2 masks")]
    assert classes(*rare[:9]) == []
    faint = [{0: 10_000, 1: 10_000, 2: 1}] * 12
    assert classes(*faint) == [("rare-class", "0.png", "class c2: 12 pixels in 12 masks")]


def test_in_small_sets_no_class_is_called_rare():
    assert classes(*[{0: 500, 1: 500}] * 8, count=9) == []


# Masks that are there twice


def test_equal_masks_of_different_images_are_told_with_the_first():
    one, other = byte_boxes(0, 1), byte_boxes(1, 1)
    flaws = list(same_masks(grey(one, other, one, one), ["a", "b", "c", "a"]))
    assert [(flaw.kind, flaw.path.name, flaw.detail) for flaw in flaws] == [
        ("same-mask", "2.png", "the same as 0.png, of another image")
    ]


def test_plain_masks_are_the_same_without_a_mistake():
    empty = np.zeros((9, 9), np.uint8)
    assert list(same_masks(grey(empty, empty), ["a", "b"])) == []
    assert list(same_masks([], [])) == []


def test_masks_of_the_same_shapes_in_other_values_are_not_the_same():
    one = byte_boxes(0, 1)
    entries = [entry(RawMask(one, "index"), 0), entry(RawMask(2 * one, "index"), 1)]
    assert list(same_masks(entries, ["a", "b"])) == []
