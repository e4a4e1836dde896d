"""Mask values: what kind they are, where they pile up, and to which class they may snap."""

import numpy as np
import pytest
from made import boxes, byte_boxes, colored, entry, grey, jpeg, jpegs, palettes

from maskwright.data.audit.values import (
    LEAST_GAP,
    as_table_sees,
    colors_of,
    common_values,
    distance,
    is_grey,
    is_photograph,
    mixed,
    numbers_of,
    palettes_disagree,
    peaks,
    piles,
    snap,
    table_of_colors,
)
from maskwright.data.images import RawMask
from maskwright.data.labels import ClassTable, Label

FLAT = np.array([[0, 7], [7, 7]], np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)


def table(*values: int, encoding: str = "index", ignore: tuple[int, ...] = ()) -> ClassTable:
    labels = tuple(Label(f"c{v}", f"#{v & 0xFFFFFF:06x}", (v,)) for v in values)
    return ClassTable(encoding, labels, ignore)


# What kind of values


def test_numbers_are_grey_and_colours_only_where_their_channels_are_equal():
    (number,) = grey(FLAT)
    same, other = colored(np.stack([FLAT] * 3, axis=-1), NOISE)
    (palette,) = palettes([FLAT], [[[1, 2, 3]] * 8])
    assert [is_grey(one.mask) for one in (number, same, other, palette)] == [
        True,
        True,
        False,
        True,
    ]


def test_a_photograph_has_many_values_and_no_areas():
    assert is_photograph(grey(NOISE[..., 0])[0].mask)
    assert is_photograph(colored(NOISE)[0].mask)
    assert is_photograph(jpegs(NOISE)[0].mask)
    assert not is_photograph(grey(byte_boxes(0, 1, 2))[0].mask)
    assert not is_photograph(grey(NOISE[..., 0] // 128)[0].mask)  # busy, of two values
    areas = np.arange(900, dtype=np.int32).reshape(30, 30).repeat(5, 0).repeat(5, 1)
    assert not is_photograph(grey(areas)[0].mask)  # many values, in areas


def test_numbers_of_grey_colours_are_their_grey_values():
    assert numbers_of(grey(FLAT)[0].mask) == {7: 3, 0: 1}
    assert numbers_of(colored(np.stack([FLAT] * 3, axis=-1))[0].mask) == {7: 3, 0: 1}


def test_colours_of_palette_files_are_looked_up_and_black_beyond_the_palette():
    (mask,) = palettes([FLAT], [[[255, 0, 0]] * 8])
    assert colors_of(mask.mask) == {0xFF0000: 4}
    (mask,) = palettes([FLAT], [[[255, 0, 0]]])
    assert colors_of(mask.mask) == {0: 3, 0xFF0000: 1}


def test_a_table_sees_numbers_or_colours():
    (mask,) = palettes([FLAT], [[[255, 0, 0]] * 8])
    assert as_table_sees(mask.mask, table(0, 7)) == {7: 3, 0: 1}
    assert as_table_sees(mask.mask, table(0, 0xFF0000, encoding="rgb")) == {0xFF0000: 4}


def test_the_same_classes_can_be_told_by_their_colours():
    changed = table_of_colors(table(0x102030, 5))
    assert changed.encoding == "rgb"
    assert [label.values for label in changed.labels] == [(0x102030,), (5,)]
    assert changed.names == table(0x102030, 5).names


# Palettes


@pytest.mark.parametrize(
    ("colors", "disagree"),
    [
        ([[[0, 0, 0], [255, 0, 0]]] * 4, False),
        ([[[0, 0, 0], [255, 0, 0]]] * 2 + [[[255, 0, 0], [0, 0, 0]]] * 2, True),
        ([[[0, 0, 0], [255, 0, 0]]] * 2 + [[[0, 0, 0], [240, 9, 0]]] * 2, False),
        ([[[0, 0, 0], [60 * n, 0, 99]] for n in range(4)], False),
    ],
    ids=["equal", "swapped", "nearly equal", "each its own"],
)
def test_palettes_disagree_where_a_number_has_several_colours_that_come_again(colors, disagree):
    masks = palettes([byte_boxes(n, 1) for n in range(4)], colors)
    assert palettes_disagree([one.mask for one in masks]) == disagree


def test_palettes_that_differ_only_in_colours_that_no_pixel_has_agree():
    colors = [[[0, 0, 0], [255, 0, 0], [n * 80, 0, 0]] for n in (0, 1, 0, 1)]
    masks = palettes([byte_boxes(n, 1) for n in range(4)], colors)
    assert not palettes_disagree([one.mask for one in masks])


def test_grey_files_have_no_palette_to_disagree_with():
    masks = palettes([FLAT] * 2, [[[0, 0, 0]] * 8, [[255, 0, 0]] * 8]) + grey(FLAT)
    assert not palettes_disagree([one.mask for one in masks])
    assert not palettes_disagree([])


# Where they pile up


def test_peaks_lie_apart_and_are_not_too_low():
    assert peaks({0: 100, 5: 90, 30: 50}, reach=12, rgb=False) == [0, 30]
    assert peaks({0: 1000, 100: 4}, reach=12, rgb=False) == [0]
    assert peaks({0xFF0000: 9, 0xF00505: 8, 0x0000FF: 7}, reach=40, rgb=True) == [0xFF0000, 0xFF]


def test_piles_are_the_peaks_where_these_explain_the_pixels():
    assert piles([{0: 60, 1: 5, 254: 5}, {255: 50, 0: 20}], reach=12, rgb=False) == [0, 255]
    stripes = dict.fromkeys(range(0, 250, 5), 10)
    assert piles([stripes], reach=12, rgb=False) == sorted(stripes)


def test_piles_of_colours_count_those_that_lie_near():
    red, near = 0xFF0000, 0xFA0500
    assert piles([{red: 50, near: 40, 0: 10}], reach=40, rgb=True) == [0, red]
    spread = {red: 30, **{0x300000 + n * 0x000300: 1 for n in range(80)}}
    assert piles([spread], reach=40, rgb=True) == sorted(spread)


def test_distances_of_colours_are_those_of_the_channel_that_differs_most():
    assert distance(0x100000, 0x00FF00, rgb=True) == 255
    assert distance(0x100000, 0x00FF00, rgb=False) == 0x100000 - 0xFF00


def test_a_mixture_lies_between_two_colours():
    known = [0x000000, 0xFF0000, 0x0000FF]
    assert mixed([0x800000, 0x7F0081, 0x400003], known).all()
    assert not mixed([0x00FF00, 0xFFFFFF, 0x000000], known).any()
    assert mixed([], known).tolist() == []
    assert mixed([0x800000], [0]).tolist() == [False]
    assert mixed([0x8C2000], known, slack=40).tolist() == [True]


# Which values are classes


def test_values_in_two_masks_are_classes_and_dozens_in_one_are_not():
    seen = [{0: 900, 255: 100}] * 6
    smear = {0: 800, 255: 100, **dict.fromkeys(range(20, 60), 2)}
    assert common_values([*seen, smear], rgb=False) == [0, 255]


@pytest.mark.parametrize(
    ("rare", "taken"),
    [
        ({1: 10}, True),  # next to a class: how a class would be numbered
        ({128: 10}, False),  # half-way and few: how a border is smeared
        ({128: 100}, True),  # half-way and many
        ({1: 10, 2: 10}, True),
        ({1: 10, 2: 10, 3: 10}, False),
    ],
)
def test_one_or_two_values_of_one_mask_are_classes_unless_they_look_like_a_smear(rare, taken):
    seen = [{0: 900, 255: 100}] * 6
    found = common_values([*seen, {0: 900, 255: 100, **rare}], rgb=False)
    assert found == ([0, *rare, 255] if taken else [0, 255])


def test_among_neighbouring_numbers_more_values_of_one_mask_are_classes():
    seen = [{0: 900, 1: 100, 2: 50}] * 6
    assert len(common_values([*seen, {0: 9, **dict.fromkeys(range(3, 11), 9)}], rgb=False)) == 11
    assert len(common_values([*seen, {0: 9, **dict.fromkeys(range(3, 12), 9)}], rgb=False)) == 3


def test_in_a_small_set_every_value_is_a_class():
    seen = [{0: 9, n + 1: 9, n + 5: 9, n + 9: 9} for n in range(4)]
    assert len(common_values(seen, rgb=False)) == 13


def test_where_no_value_is_in_two_masks_all_are_told():
    seen = [dict.fromkeys(range(100 * n, 100 * n + 30), 9) for n in range(6)]
    assert len(common_values(seen, rgb=False)) == 180


# To which class they snap


def test_values_between_two_classes_snap_to_the_nearer_one():
    smear = {0: 900, 255: 800, 3: 9, 60: 9, 127: 9, 128: 9, 200: 9, 250: 9}
    assert snap(smear, table(0, 255)) == {3: 0, 60: 0, 127: -1, 128: -1, 200: 255, 250: 255}


def test_values_may_snap_to_what_is_ignored():
    smear = {0: 900, 100: 800, 255: 50, 250: 9, 240: 9, 97: 9}
    snapped = snap(smear, table(0, 100, ignore=(255,)))
    assert snapped == {250: 255, 240: 255, 97: 100}


def test_nothing_is_to_snap_where_all_is_known():
    assert snap({0: 9, 255: 9}, table(0, 255)) == {}


@pytest.mark.parametrize(
    ("pixels", "known"),
    [
        ({0: 900, 1: 90, 2: 9, 3: 9, 4: 9}, table(0, 1)),  # classes close together
        ({0: 600, 255: 20, **dict.fromkeys(range(20, 70), 7)}, table(0, 255)),  # too many pixels
        ({0: 900, 255: 90, 1: 9}, table(0, 255)),  # another way to write the class
        ({0: 900, 255: 90, 254: 9, 1: 9}, table(0, 255)),
        ({0: 900, 255: 90, 128: 90}, table(0, 255)),  # a class that the table lacks
        ({0: 500, 255: 90, 128: 90, 64: 60, 192: 60}, table(0, 255)),  # several
        ({0: 9, 50: 1, 60: 1, 70: 1}, ClassTable("instances", (*table(0, 1).labels[:1],
                                                               Label("o", "#000000", ())))),
    ],
)  # fmt: skip
def test_values_do_not_snap_where_that_is_not_safe(pixels, known):
    assert snap(pixels, known) is None


@pytest.mark.parametrize("quality", [20, 50, 70, 85, 95])
def test_in_a_jpeg_values_next_to_a_class_are_that_class(quality):
    """As at quality 70, where an area of 255 comes out as 254."""
    mask = np.zeros((120, 160), np.uint8)
    mask[10:110, 20:150] = 255
    found, counts = np.unique(jpeg(np.dstack([mask] * 3), quality)[..., 0], return_counts=True)
    pixels = dict(zip(found.tolist(), counts.tolist(), strict=True))
    snapped = snap(pixels, table(0, 255), jpeg=True)
    assert snapped is not None
    assert all(to in (-1, 0 if value < 128 else 255) for value, to in snapped.items())


def test_a_jpeg_does_not_snap_values_that_may_be_a_class():
    assert snap({0: 900, 254: 90, 128: 90}, table(0, 255), jpeg=True) is None
    smear = dict.fromkeys(range(20, 70), 9)
    assert snap({0: 500, 254: 90, **smear}, table(0, 255), jpeg=True) is None


def test_one_value_half_way_on_few_pixels_is_a_smear():
    assert snap({0: 900, 255: 90, 64: 9}, table(0, 255)) == {64: 0}


def test_mixtures_of_colours_snap_and_other_colours_do_not():
    known = table(0x000000, 0xFF0000, encoding="rgb")
    smear = {0: 900, 0xFF0000: 90, 0x400000: 3, 0x808080: 0, 0xC00000: 3, 0x800000: 3}
    del smear[0x808080]
    assert snap(smear, known) == {0x400000: 0, 0xC00000: 0xFF0000, 0x800000: -1}
    others = {0: 900, 0xFF0000: 90, 0x00FF00: 3, 0x0000FF: 3, 0xFFFF00: 3}
    assert snap(others, known) is None


def test_snapping_leaves_only_known_values():
    rng = np.random.default_rng(0)
    known = table(0, 100, 255)
    for _ in range(50):
        rare = rng.choice(256, size=rng.integers(3, 60), replace=False).tolist()
        snapped = snap({**dict.fromkeys(rare, 1), 0: 500, 100: 300, 255: 200}, known)
        if snapped is not None:
            assert set(snapped) == set(rare) - {0, 100, 255}
            assert set(snapped.values()) <= {0, 100, 255, -1}


def test_classes_must_lie_apart_for_values_to_snap():
    smear = {0: 900, 3: 9, 6: 9, 9: 9}
    assert snap({**smear, LEAST_GAP: 90}, table(0, LEAST_GAP)) is not None
    assert snap({**smear, LEAST_GAP - 1: 90}, table(0, LEAST_GAP - 1)) is None


def test_masks_of_16_bits_are_counted_as_any():
    raw = RawMask(boxes(0, 40000, 1000), "index", None, "PNG")
    assert set(numbers_of(entry(raw).mask)) == {0, 1000, 40000}
