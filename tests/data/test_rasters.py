"""Images read by rows: the same pixels as when they are read whole."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskwright.data import rasters
from maskwright.data.bands import Bands
from maskwright.data.images import read_image
from maskwright.data.rasters import Held, Late, Paged, open_raster
from maskwright.errors import DataError

LAYOUTS = {
    "one strip": {},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "deflated strips": {"rowsperstrip": 9, "compression": "zlib", "predictor": True},
    "deflated tiles": {"tile": (32, 16), "compression": "zlib"},
    "planes": {"planarconfig": "separate", "rowsperstrip": 6},
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True, "tile": (16, 16)},
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Read by rows what would be held otherwise, and in thin strips."""
    monkeypatch.setattr(rasters, "SMALL", 100)
    monkeypatch.setattr("maskwright.data.tiff.THIN", 1000)


def noise(dtype: type, count: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(np.iinfo(dtype).max, size=(61, 47, count), dtype=dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_those_of_the_whole_image(tmp_path, layout, dtype):
    options = dict(LAYOUTS[layout])
    pixels = noise(dtype)
    if options.get("planarconfig") == "separate":
        pixels = pixels.transpose(2, 0, 1)
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, pixels, photometric="rgb", **options)
    raster = open_raster(file)
    assert isinstance(raster, Paged)
    assert (raster.height, raster.width) == (61, 47)
    whole = read_image(file)
    for top, bottom in [(0, 61), (0, 1), (60, 61), (5, 23), (16, 32), (31, 33)]:
        np.testing.assert_array_equal(raster.rows(top, bottom), whole[top:bottom])


def test_bands_are_scaled_and_transparency_is_dropped(tmp_path):
    bands = Bands(2, (0.0, 10.0), (4000.0, 60000.0))
    file = tmp_path / "a.tif"
    pixels = noise(np.uint16)
    tifffile.imwrite(
        file, pixels, photometric="minisblack", planarconfig="contig", extrasamples=(0, 2)
    )
    raster = open_raster(file, bands)
    assert isinstance(raster, Paged)
    np.testing.assert_array_equal(raster.rows(10, 20), read_image(file, bands)[10:20])


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_grey_is_repeated_and_what_pillow_alone_knows_is_left_to_it(tmp_path, photometric):
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, noise(np.uint8)[..., 0], photometric=photometric)
    raster = open_raster(file)
    assert isinstance(raster, Paged if photometric == "minisblack" else Late)
    np.testing.assert_array_equal(raster.rows(3, 9), read_image(file)[3:9])


def test_a_turned_photo_is_known_upright_before_it_is_decoded(tmp_path, monkeypatch):
    file = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(np.uint8)).save(file, exif=exif)
    raster = open_raster(file)
    assert isinstance(raster, Late)
    assert (raster.height, raster.width) == (47, 61)
    np.testing.assert_array_equal(raster.rows(0, 47), read_image(file))
    monkeypatch.undo()
    assert isinstance(open_raster(file), Held)


def test_a_limit_holds_for_what_is_decoded_whole_only(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    tifffile.imwrite(tmp_path / "a.tif", noise(np.uint8), photometric="rgb")
    assert open_raster(tmp_path / "a.tif").rows(0, 9).shape == (9, 47, 3)
    Image.fromarray(noise(np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png has more than 2,000 pixels; cut it into smaller"):
        open_raster(tmp_path / "a.png")


def test_a_file_that_breaks_off_gives_the_rows_before(tmp_path):
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, noise(np.uint8), photometric="rgb", rowsperstrip=8)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) - 30 * 47 * 3])
    raster = open_raster(file)
    assert raster.rows(0, 16).shape == (16, 47, 3)
    with pytest.raises(DataError, match=r"a\.tif cannot be decoded \(.* bytes of a strip or tile"):
        raster.rows(40, 56)


def test_rows_of_one_block_too_large_are_not_read_by_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("maskwright.data.tiff.MOST_AT_ONCE", 1000)
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, noise(np.uint8), photometric="rgb", compression="zlib")
    assert isinstance(open_raster(file), Late)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"nothing at all"])
def test_what_is_no_image_is_said_to_be_none(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tif .*; replace it or take it out"):
        open_raster(tmp_path / "a.tif")
