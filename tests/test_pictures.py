"""Overlays: what is tinted, what is outlined, what stays."""

import numpy as np
import pytest

from maskwright.data.images import display
from maskwright.data.labels import ClassTable, Label
from maskwright.pictures import boundaries, fit_within, overlay, side_by_side

RED, BLUE = Label("red", "#c80000", (0,)), Label("blue", "#0000c8", (1,))
TABLE = ClassTable("index", (RED, BLUE))
COLORS = TABLE.colors


def halves() -> np.ndarray:
    mask = np.zeros((8, 10), np.uint8)
    mask[:, 5:] = 1
    return mask


def test_boundaries_are_both_sides_of_an_edge_and_never_the_frame():
    edges = boundaries(halves())
    assert edges[:, 4:6].all()
    assert edges.sum() == 16


def test_a_thicker_boundary_reaches_further():
    assert boundaries(halves(), thickness=2)[0].tolist() == [False] * 3 + [True] * 4 + [False] * 3


def test_overlay_tints_inside_and_outlines_in_full_colour():
    image = np.full((8, 10, 3), 100, np.uint8)
    drawn = overlay(image, halves(), TABLE)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert drawn[0, 0].tolist() == [145, 55, 55]  # 0.55 × 100 + 0.45 × 200, and 0.55 × 100
    assert drawn[0, 4].tolist() == [200, 0, 0]
    assert drawn[0, 5].tolist() == [0, 0, 200]
    assert (image == 100).all()


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_of_several_bands_the_first_three_are_shown(bands):
    image = np.random.default_rng(0).integers(256, size=(8, 10, bands)).astype(np.uint8)
    drawn = overlay(image, halves(), TABLE)
    np.testing.assert_array_equal(drawn, overlay(display(image), halves(), TABLE))
    assert drawn.shape == (8, 10, 3)


def test_ignored_pixels_stay_as_they_are():
    image = np.random.default_rng(0).integers(256, size=(8, 10, 3)).astype(np.uint8)
    mask = halves()
    mask[2:6, 2:8] = 255
    drawn = overlay(image, mask, TABLE)
    np.testing.assert_array_equal(drawn[2:6, 2:8], image[2:6, 2:8])


def test_overlay_with_strength_one_is_the_mask_in_colour():
    image = np.full((8, 10, 3), 100, np.uint8)
    np.testing.assert_array_equal(overlay(image, halves(), TABLE, strength=1), COLORS[halves()])


@pytest.mark.parametrize(
    ("shape", "side", "fitted"),
    [((10, 40), 20, (5, 20)), ((40, 10), 20, (20, 5)), ((1, 50), 10, (1, 10)), ((8, 8), 8, (8, 8))],
)
def test_fit_within_keeps_the_aspect_and_at_least_a_pixel(shape, side, fitted):
    assert fit_within(np.zeros((*shape, 3), np.uint8), side).shape == (*fitted, 3)


def test_fit_within_never_enlarges():
    image = np.zeros((4, 6, 3), np.uint8)
    assert fit_within(image, 100) is image


@pytest.mark.parametrize(("encoding", "name"), [("index", "Background"), ("binary", "value_0")])
def test_the_ground_is_neither_tinted_nor_outlined(encoding, name):
    image = np.full((8, 10, 3), 100, np.uint8)
    table = ClassTable(encoding, (Label(name, "#c80000", (0,)), BLUE))
    drawn = overlay(image, halves(), table)
    assert (drawn[:, :5] == 100).all()
    assert drawn[0, 5].tolist() == [0, 0, 200]


def test_a_class_called_by_its_value_is_no_ground_in_an_index_table():
    assert ClassTable("index", (Label("value_0", "#c80000", (0,)), BLUE)).ground == []


def test_pictures_side_by_side_have_white_between_them_only():
    row = side_by_side([np.full((2, 3, 3), value, np.uint8) for value in (10, 20)], gap=1)
    assert row[:, :, 0].tolist() == [[10, 10, 10, 255, 20, 20, 20]] * 2


def test_in_a_large_image_small_objects_are_more_than_their_outlines(table):
    mask = np.zeros((2400, 2400), np.uint8)
    mask[100:120, 100:120] = 1
    seen = overlay(np.zeros((2400, 2400, 3), np.uint8), mask, table)
    tinted = seen[100:120, 100:120].sum(axis=-1)
    assert tinted[10, 10] < tinted[0, 0]  # tinted inside, outlined at the edge
