"""Masks that say their classes by colour: RGB files, and palette files that disagree."""

import numpy as np
import pytest
from made import (
    BLACK,
    BLUE,
    GREEN,
    RED,
    boxes,
    byte_boxes,
    colored,
    grey,
    jpegs,
    named,
    palettes,
    shown,
    values,
)  # fmt: skip

from maskwright.data.audit.encoding import understand
from maskwright.data.labels import ClassTable, Label


def test_colours_become_classes_of_that_colour():
    found = understand(colored(*(shown(n, 1, 3) for n in range(6))))
    assert found.table.encoding == "rgb"
    assert found.table.names == ["#000000", "#0000ff", "#ff0000"]
    assert [label.color for label in found.table.labels] == found.table.names
    assert found.evidence == "3 colours"
    assert found.flaws == []


@pytest.mark.parametrize("empty", [1, 4, 10])
def test_empty_masks_in_a_set_of_colours_fit_it(empty):
    masks = [shown(n, 1) if n >= empty else shown(n) for n in range(12)]
    found = understand(colored(*masks))
    assert found.table.names == ["#000000", "#ff0000"]
    assert found.flaws == []


def test_a_colour_in_one_mask_only_is_a_class():
    masks = [shown(n, 1) for n in range(9)]
    found = understand(colored(*masks, shown(9, 2, 3)))
    assert len(found.table) == 4
    assert found.flaws == []


def test_several_colours_in_one_mask_only_are_classes_where_no_smear_explains_them():
    colors = np.random.default_rng(0).integers(0, 256, (12, 3)).astype(np.uint8)
    masks = [shown(n, 1, 2, colors=colors) for n in range(5)]
    found = understand(colored(*masks, shown(5, 3, 4, 5, 6, colors=colors)))
    assert len(found.table) == 7
    assert found.flaws == []


def test_colours_between_those_of_a_mask_are_a_smear():
    masks = [shown(n, 1) for n in range(9)]
    smeared = shown(9, 1).copy()
    smeared[20:22, 20] = [[64, 0, 0], [128, 0, 0]]
    smeared[22:24, 20] = [[192, 0, 0], [96, 0, 0]]
    found = understand(colored(*masks, smeared))
    assert found.table.names == ["#000000", "#ff0000"]
    assert named(found) == [("mask-damaged", "9.png")]


@pytest.mark.parametrize("quality", [30, 60, 75, 90])
def test_colours_that_are_all_jpeg_show_their_classes(quality):
    found = understand(jpegs(*(shown(n, 1, 2, side=160) for n in range(8)), quality=quality))
    assert len(found.table) == 3
    assert {kind for kind, _ in named(found)} == {"mask-damaged"}
    for label, true in zip(found.table.labels, (BLACK, GREEN, RED), strict=True):
        seen = np.array(list(bytes.fromhex(label.color[1:])), int)
        assert np.abs(seen - true).max() <= 8


def test_a_jpeg_among_colours_is_named_alone():
    masks = [shown(n, 1, 2) for n in range(8)]
    found = understand([*colored(*masks), *jpegs(shown(8, 1, 2, side=160))])
    assert len(found.table) == 3
    assert named(found) == [("mask-damaged", "0.png")]


def test_colours_among_numbers_are_named_and_numbers_among_colours():
    numbers, colors = [byte_boxes(n, 1) for n in range(8)], [shown(n, 1) for n in range(8)]
    found = understand(grey(*numbers) + colored(*colors[:2]))
    assert found.table.encoding == "index"
    assert named(found) == [("mask-kind", "0.png"), ("mask-kind", "1.png")]
    assert found.flaws[0].detail == "a colour mask, the others are of another kind"
    found = understand(grey(*numbers[:2]) + colored(*colors))
    assert found.table.encoding == "rgb"
    assert named(found) == [("mask-kind", "0.png"), ("mask-kind", "1.png")]
    assert found.flaws[0].detail == "a grey mask, the others are of another kind"


def test_palettes_that_disagree_mean_their_colours():
    """Programs that pick a palette for each file give a class another number in each."""
    colors, masks, tables = np.array([BLACK, RED, GREEN, BLUE]), [], []
    for n in range(8):
        order = np.random.default_rng(n).permutation(4)
        masks.append(np.argsort(order)[boxes(n, 1, 2, 3)].astype(np.uint8))
        tables.append(colors[order])
    found = understand(palettes(masks, tables))
    assert found.table.names == ["#000000", "#0000ff", "#00ff00", "#ff0000"]
    assert found.flaws == []


def test_palettes_of_random_colours_mean_their_numbers():
    tables = np.random.default_rng(0).integers(0, 256, (8, 3, 3))
    found = understand(palettes([byte_boxes(n, 1, 2) for n in range(8)], tables))
    assert (found.table.encoding, values(found)) == ("palette", [0, 1, 2])


# Judged by a given table


def test_one_colour_is_named_as_a_colour():
    found = understand(colored(np.full((9, 9, 3), RED)))
    assert found.flaws[0].detail == "1 mask with the one value #ff0000"


def test_colours_that_a_given_table_lacks_are_named_as_colours():
    labels = (Label("a", "#000000", (0,)), Label("b", "#ff0000", (0xFF0000,)))
    found = understand(colored(shown(0, 1, 2)), ClassTable("rgb", labels))
    assert found.flaws[0].detail == (
        "holds colour #00ff00, which the class table does not have (#000000, #ff0000)"
    )


def test_palette_files_fit_a_given_table_of_colours():
    labels = (Label("a", "#000000", (0,)), Label("b", "#ff0000", (0xFF0000,)))
    masks = palettes([byte_boxes(0, 1)] * 2, [[BLACK, RED], [RED, BLACK]])
    assert understand(masks, ClassTable("rgb", labels)).flaws == []
