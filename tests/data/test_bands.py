"""Any depth and number of bands to uint8, worked out by hand, and what is refused."""

import tomllib

import numpy as np
import pytest
import tomli_w

from maskwright.data.bands import RGB, Bands, bands_from_dict, display, to_bands
from maskwright.errors import DataError

GREY16 = np.array([[[0], [257], [32768], [65535]]], np.uint16)


def shaped(values: list[float], dtype: type, bands: int = 1) -> np.ndarray:
    """One row of pixels [1, n, bands], equal in all bands."""
    return np.array(values, dtype)[None, :, None].repeat(bands, axis=2)


def test_8_bits_without_a_range_are_not_even_copied():
    for count in (1, 3, 5):
        pixels = np.zeros((2, 2, count), np.uint8)
        assert to_bands(pixels, Bands(count), "x") is pixels


def test_16_bits_without_a_range_are_divided_by_257():
    assert to_bands(GREY16, Bands(1), "x")[0, :, 0].tolist() == [0, 1, 127, 255]


def test_a_range_becomes_0_to_255_and_what_lies_outside_is_cut_off():
    pixels = shaped([0, 100, 150, 200, 300], np.uint16)
    scaled = to_bands(pixels, Bands(1, (100,), (200,)), "x")
    assert scaled[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert scaled.dtype == np.uint8


def test_each_band_has_its_own_range():
    pixels = shaped([0, 50, 100, 200], np.uint16, bands=2)
    scaled = to_bands(pixels, Bands(2, (0, 100), (100, 200)), "x")
    assert scaled[0].tolist() == [[0, 0], [128, 0], [255, 0], [255, 255]]


def test_8_bits_under_a_range_count_as_16():
    bands = Bands(1, (257 * 10,), (257 * 20,))
    eight = to_bands(shaped([0, 10, 15, 20], np.uint8), bands, "x")
    sixteen = to_bands(shaped([0, 2570, 3855, 5140], np.uint16), bands, "x")
    assert eight[0, :, 0].tolist() == [0, 0, 128, 255]
    np.testing.assert_array_equal(eight, sixteen)


def test_floats_without_a_number_in_them_become_0():
    values = [-1e38, 0.25, 0.5, 1e38, np.nan, np.inf, -np.inf]
    scaled = to_bands(shaped(values, np.float32), Bands(1, (0,), (0.5,)), "x")
    assert scaled[0, :, 0].tolist() == [0, 128, 255, 255, 0, 0, 0]


def test_ranges_as_wide_or_as_narrow_as_floats_go_do_not_overflow():
    wide = to_bands(shaped([-3e38, 0, 3e38], np.float32), Bands(1, (-3e38,), (3e38,)), "x")
    assert wide[0, :, 0].tolist() == [0, 128, 255]
    narrow = to_bands(shaped([1e4, 1e4 + 1], np.float32), Bands(1, (1e4,), (1e4 + 1e-6,)), "x")
    assert narrow[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "bands", [RGB, Bands(3, (0,) * 3, (9,) * 3), Bands(3, (0, 0, 5), (9,) * 3)]
)
def test_grey_is_repeated_where_three_bands_are_wanted(dtype, bands):
    if dtype == np.float32 and not bands.low:
        return
    grey = shaped([0, 3, 7], dtype)
    expected = to_bands(grey.repeat(3, axis=2), bands, "x")
    np.testing.assert_array_equal(to_bands(grey, bands, "x"), expected)


@pytest.mark.parametrize(
    ("found", "wanted", "words"),
    [
        (5, 3, r"x\.tif has 5 bands, but 3 are expected; use images of the same bands"),
        (1, 5, r"x\.tif has 1 band, but 5 are expected"),
        (3, 1, r"x\.tif has 3 bands, but 1 is expected; .*correct \[bands\] count in its dat"),
    ],
)
def test_another_number_of_bands_is_refused(found, wanted, words):
    with pytest.raises(DataError, match=words) as caught:
        to_bands(np.zeros((1, 1, found), np.uint8), Bands(wanted), "x.tif")
    assert caught.value.kind == "bands"


def test_floats_need_a_range():
    with pytest.raises(
        DataError, match=r"x\.tif holds floating-point pixels of no known range; give \[bands\] low"
    ) as caught:
        to_bands(np.zeros((1, 1, 3), np.float32), RGB, "x.tif")
    assert caught.value.kind == "float"


@pytest.mark.parametrize("bands", [RGB, Bands(5), Bands(2, (0, -1.5), (4095, 2))])
def test_bands_read_back_from_toml(bands):
    described = tomllib.loads(tomli_w.dumps({"bands": bands.to_dict()}))
    assert bands_from_dict(described["bands"], "dataset.toml") == bands


def test_an_empty_table_is_rgb():
    assert bands_from_dict({}, "dataset.toml") == RGB


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"count": 0}, r"count must be from 1 to 12, got 0"),
        ({"count": 13}, r"count must be from 1 to 12, got 13"),
        ({"count": "five"}, r"count = 'five' must be a whole number"),
        ({"count": True}, r"count = True must be a whole number"),
        ({"low": [0, 0, 0]}, r"high is missing; give both low and high, or neither"),
        ({"high": [1, 1, 1]}, r"low is missing; give both low and high, or neither"),
        ({"count": 1, "low": [0, 0], "high": [9]}, r"low has 2 numbers for 1 band; give one a b"),
        ({"count": 2, "low": [0, 0], "high": [9]}, r"high has 1 number for 2 bands; give one a b"),
        ({"count": 1, "low": [5], "high": [5]}, r"low 5 and high 5 of band 1 are no range; give"),
        ({"count": 1, "low": [0], "high": [float("inf")]}, r"low 0 and high inf of band 1 are no"),
        ({"low": 0}, r"low = 0 must be a list of numbers, one a band"),
        ({"high": ["a"]}, r"high = \['a'\] must be a list of numbers"),
        ({"cuont": 3}, r"unknown key cuont in \[bands\]: did you mean count\?"),
        (3, r"bands = 3 must be a table, as in \[bands\] count = 5"),
    ],
)
def test_bands_that_cannot_be_are_refused_by_name(table, words):
    with pytest.raises(DataError, match=f"^here.toml: .*{words}"):
        bands_from_dict(table, "here.toml")


def test_bands_made_in_python_are_checked_too():
    with pytest.raises(DataError, match=r"^bands: high is missing"):
        Bands(3, low=(1, 2, 3))


def test_people_are_shown_rgb():
    five = np.arange(2 * 2 * 5, dtype=np.uint8).reshape(2, 2, 5)
    rgb = five[..., :3]
    assert display(rgb) is rgb
    np.testing.assert_array_equal(display(five), rgb)
    np.testing.assert_array_equal(display(five[..., :1]), five[..., :1].repeat(3, axis=2))
    two = display(five[..., :2])
    np.testing.assert_array_equal(two[..., :2], five[..., :2])
    assert (two[..., 2] == 0).all()
