"""Image files as people really have them, and each way in which one can be broken."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.data import images
from maskwright.data.images import (
    Bands,
    decode,
    is_image_name,
    read_image,
    read_mask,
    write_image,
    write_mask,
)
from maskwright.errors import DataError

RGB = np.random.default_rng(0).integers(256, size=(6, 9, 3)).astype(np.uint8)
GREY = RGB[..., 0]


def stored(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def packed(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1])


# Images


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm"])
def test_what_is_written_reads_back(tmp_path, name):
    write_image(tmp_path / name, RGB)
    read = read_image(tmp_path / name)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, RGB)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_lossy_formats_read_back_nearly(tmp_path, name):
    smooth = np.full((16, 16, 3), (200, 120, 40), np.uint8)
    write_image(tmp_path / name, smooth)
    assert np.abs(read_image(tmp_path / name).astype(int) - smooth).max() < 8


def test_a_gif_named_jpg_is_read_for_what_it_is(tmp_path):
    two = Image.fromarray(GREY).convert("P")
    path = stored(tmp_path / "a.jpg", two, format="GIF", save_all=True, append_images=[two])
    np.testing.assert_array_equal(read_image(path), np.repeat(GREY[..., None], 3, axis=2))


def test_an_rgba_png_named_jpg_loses_only_its_alpha(tmp_path):
    alpha = np.arange(54, dtype=np.uint8).reshape(6, 9, 1)
    image = Image.fromarray(np.concatenate([RGB, alpha], axis=2))
    np.testing.assert_array_equal(read_image(stored(tmp_path / "a.jpg", image, format="PNG")), RGB)


def test_a_palette_file_is_read_as_its_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60])
    path = stored(tmp_path / "a.jpg", image, format="PNG", transparency=0)
    assert read_image(path).tolist() == [[[10, 20, 30], [40, 50, 60]]]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_divided_by_257_whatever_it_holds(tmp_path, name):
    values = np.array([[0, 257, 32768, 65535]], np.uint16)
    read = read_image(stored(tmp_path / name, Image.fromarray(values)))
    assert read[..., 0].tolist() == [[0, 1, 127, 255]]
    assert read.shape == (1, 4, 3)


def test_32_bit_grey_is_cut_at_16_bits(tmp_path):
    values = np.array([[-5, 257, 70000]], np.int32)
    read = read_image(stored(tmp_path / "a.tif", Image.fromarray(values)))
    assert read[..., 0].tolist() == [[0, 1, 255]]


def test_1_bit_grey_with_alpha_and_cmyk_become_rgb(tmp_path):
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert read_image(stored(tmp_path / "1.png", bits)).tolist() == [[[0] * 3, [255] * 3]]
    grey = Image.fromarray(GREY).convert("LA")
    assert (read_image(stored(tmp_path / "la.png", grey)) == GREY[..., None]).all()
    cmyk = Image.new("CMYK", (2, 2), (0, 255, 255, 0))
    red = read_image(stored(tmp_path / "cmyk.jpg", cmyk))
    assert red[0, 0, 0] > 200 > 60 > red[0, 0, 1]


def sideways(path: Path, image: Image.Image) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    return stored(path, image, exif=exif)


def test_an_image_is_turned_as_its_exif_orientation_says(tmp_path):
    path = sideways(tmp_path / "a.png", Image.fromarray(RGB))
    np.testing.assert_array_equal(read_image(path), np.rot90(RGB, -1))


def test_a_16_bit_image_is_turned_too(tmp_path):
    path = sideways(tmp_path / "a.png", Image.fromarray(GREY.astype(np.uint16) * 257))
    np.testing.assert_array_equal(read_image(path)[..., 0], np.rot90(GREY, -1))


@pytest.mark.parametrize(
    ("name", "image"),
    [("a.JPG", True), ("a.tiff", True), ("a.mat", False), ("._a.png", False), ("png", False)],
)
def test_names_of_images(name, image):
    assert is_image_name(Path(name)) is image


# Files as they are


@pytest.mark.parametrize(
    ("mode", "name", "bands"),
    [
        ("1", "a.png", 1),
        ("L", "a.jpg", 1),
        ("LA", "a.png", 1),
        ("P", "a.gif", 3),
        ("RGB", "a.webp", 3),
        ("RGBA", "a.png", 3),
        ("CMYK", "a.jpg", 3),
        ("CMYK", "a.tif", 3),
        ("YCbCr", "a.tif", 3),
    ],
)
def test_grey_has_one_band_and_colour_three(tmp_path, mode, name, bands):
    decoded = decode(stored(tmp_path / name, Image.fromarray(RGB).convert(mode)))
    assert decoded.pixels.shape == (6, 9, bands)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.mode == mode
    assert (decoded.width, decoded.height) == (9, 6)
    assert (decoded.orientation, decoded.several) == (1, False)


@pytest.mark.parametrize(
    ("name", "format"), [("a.jpg", "JPEG"), ("a.bmp", "BMP"), ("a.ppm", "PPM"), ("a.tif", "TIFF")]
)
def test_the_format_is_that_of_the_content(tmp_path, name, format):
    Image.fromarray(RGB).save(tmp_path / name)
    named_otherwise = (tmp_path / name).rename(tmp_path / "b.png")
    assert decode(named_otherwise).format == format
    assert read_mask(named_otherwise).format == format


@pytest.mark.parametrize(
    ("name", "dtype", "mode"),
    [
        ("a.png", np.uint16, "I;16"),
        ("a.tif", np.uint16, "I;16"),
        ("a.tif", np.int32, "I"),
        ("a.tif", np.float32, "F"),
    ],
)
def test_grey_of_more_than_8_bits_keeps_its_values(tmp_path, name, dtype, mode):
    values = np.array([[0, 257, 60000]], dtype)
    decoded = decode(stored(tmp_path / name, Image.fromarray(values)))
    assert decoded.mode == mode
    assert decoded.pixels.dtype == (np.float32 if mode == "F" else np.uint16)
    assert decoded.pixels[0, :, 0].tolist() == [0, 257, 60000]


@pytest.mark.parametrize(("mode", "count"), [("LA", 2), ("RGBA", 4)])
def test_transparency_is_kept_where_so_many_bands_are_wanted(tmp_path, mode, count):
    alpha = Image.fromarray(GREY)
    image = Image.fromarray(RGB).convert(mode[:-1])
    image.putalpha(alpha)
    path = stored(tmp_path / "a.png", image)
    assert decode(path).pixels.shape[2] == count - 1
    read = read_image(path, Bands(count))
    np.testing.assert_array_equal(read[..., -1], GREY)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_animations_and_pages_are_several_and_the_first_is_read(tmp_path, name):
    first, second = Image.new("RGB", (9, 6), "red"), Image.new("RGB", (9, 6), "blue")
    path = stored(tmp_path / name, first, save_all=True, append_images=[second])
    assert decode(path).several
    assert decode(path).pixels[0, 0].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert not decode(stored(path, first)).several


def test_the_preview_of_a_camera_makes_no_second_picture(tmp_path):
    image = Image.fromarray(RGB)
    path = stored(tmp_path / "a.jpg", image, format="MPO", save_all=True, append_images=[image])
    assert (decode(path).format, decode(path).several) == ("JPEG", False)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_the_orientation_is_that_stored_and_the_size_that_of_the_upright_image(tmp_path, name):
    decoded = decode(sideways(tmp_path / name, Image.fromarray(RGB)))
    assert decoded.orientation == 6
    assert (decoded.width, decoded.height) == (6, 9)
    assert decoded.pixels.shape == (9, 6, 3)


def test_an_orientation_that_does_not_exist_counts_as_none(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 0
    path = stored(tmp_path / "a.png", Image.fromarray(RGB), exif=exif)
    assert decode(path).orientation == 1
    np.testing.assert_array_equal(decode(path).pixels, RGB)


@pytest.mark.parametrize(
    ("least", "height", "width"), [(0, 400, 600), (90, 100, 150), (401, 400, 600)]
)
def test_a_jpeg_may_be_read_smaller_but_not_below_what_is_asked(tmp_path, least, height, width):
    large = Image.fromarray(RGB).resize((600, 400))
    decoded = decode(stored(tmp_path / "a.jpg", large), least=least)
    assert decoded.pixels.shape == (height, width, 3)
    assert (decoded.width, decoded.height) == (600, 400)
    turned = decode(sideways(tmp_path / "b.jpg", large), least=least)
    assert turned.pixels.shape == (width, height, 3)
    assert (turned.width, turned.height) == (400, 600)


def test_a_png_is_never_read_smaller(tmp_path):
    large = Image.fromarray(RGB).resize((600, 400))
    path = stored(tmp_path / "a.png", large)
    assert decode(path, least=16).pixels.shape == (400, 600, 3)


def test_an_image_is_read_as_the_bands_that_are_wanted(tmp_path):
    values = np.array([[0, 1000, 2000]], np.uint16)
    path = stored(tmp_path / "a.png", Image.fromarray(values))
    assert read_image(path, Bands(1)).tolist() == [[[0], [3], [7]]]
    assert read_image(path, Bands(1, (0,), (2000,))).tolist() == [[[0], [128], [255]]]
    assert read_image(path, Bands(3, (0,) * 3, (2000,) * 3))[0, :, 2].tolist() == [0, 128, 255]


def test_another_number_of_bands_than_wanted_names_the_file(tmp_path):
    path = stored(tmp_path / "a.png", Image.fromarray(RGB))
    with pytest.raises(DataError, match=r"a\.png has 3 bands, but 5 are expected"):
        read_image(path, Bands(5))


# Masks


def test_a_palette_mask_keeps_its_values_and_its_colours(tmp_path):
    values = np.array([[0, 7], [255, 3]], np.uint8)
    palette = np.arange(768, dtype=np.int64).reshape(256, 3).astype(np.uint8)
    write_mask(tmp_path / "m.png", values, palette)
    read = read_mask(tmp_path / "m.png")
    assert read.kind == "palette"
    np.testing.assert_array_equal(read.values, values)
    np.testing.assert_array_equal(read.palette, palette)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_mask_keeps_its_values(tmp_path, mode):
    read = read_mask(stored(tmp_path / "m.png", Image.fromarray(GREY).convert(mode)))
    assert (read.kind, read.values.dtype, read.palette) == ("index", np.uint8, None)
    np.testing.assert_array_equal(read.values, GREY)


def test_a_1_bit_mask_holds_0_and_1(tmp_path):
    image = Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert("1")
    read = read_mask(stored(tmp_path / "m.png", image))
    assert (read.kind, read.values.tolist()) == ("index", [[0, 1, 1]])


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_a_mask_of_more_than_8_bits_keeps_its_values(tmp_path, dtype):
    values = np.array([[0, 300, 60000]], dtype)
    read = read_mask(stored(tmp_path / "m.tif", Image.fromarray(values)))
    assert (read.kind, read.values.dtype) == ("index", np.int32)
    assert read.values.tolist() == [[0, 300, 60000]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_colour_mask_has_its_colours_packed(tmp_path, mode):
    read = read_mask(stored(tmp_path / "m.png", Image.fromarray(RGB).convert(mode)))
    assert (read.kind, read.values.dtype) == ("rgb", np.int32)
    np.testing.assert_array_equal(read.values, packed(RGB))


@pytest.mark.parametrize(("mode", "name"), [("CMYK", "m.tif"), ("F", "m.tif")])
def test_a_mask_of_another_mode_is_refused(tmp_path, mode, name):
    path = stored(tmp_path / name, Image.new(mode, (2, 2)))
    with pytest.raises(DataError, match=rf"m\.tif has the colour mode {mode}; save masks as grey"):
        read_mask(path)


# Broken files


@pytest.fixture(params=[read_image, read_mask])
def read(request):
    return request.param


def test_a_file_that_is_not_there_is_named(tmp_path, read):
    with pytest.raises(DataError, match=r"none\.png: no such file; check the name or take it out"):
        read(tmp_path / "none.png")


def test_a_folder_is_no_image(tmp_path, read):
    with pytest.raises(DataError, match="is a folder, not an image; name a file"):
        read(tmp_path)


def test_an_empty_file_is_called_empty(tmp_path, read):
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match=r"a\.png is empty \(0 bytes\); replace it or take it out"):
        read(tmp_path / "a.png")


def test_a_text_file_is_no_image(tmp_path, read):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(
        DataError, match=r"a\.png is not an image that can be read \(PNG, JPEG, .*GIF"
    ):
        read(tmp_path / "a.png")


@pytest.mark.parametrize(("suffix", "share"), [("jpg", 0.6), ("png", 0.5), ("tif", 0.5)])
def test_a_truncated_file_cannot_be_decoded(tmp_path, read, suffix, share):
    path = stored(tmp_path / f"a.{suffix}", Image.fromarray(RGB.repeat(8, 0).repeat(8, 1)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=rf"a\.{suffix} cannot be decoded \(.+\); replace it or ta"):
        read(path)


def test_floating_point_pixels_are_refused(tmp_path):
    path = stored(tmp_path / "a.tif", Image.fromarray(np.zeros((2, 2), np.float32)))
    with pytest.raises(DataError, match=r"a\.tif holds floating-point pixels of no known range"):
        read_image(path)


@pytest.mark.parametrize("limit", [20, 53])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_beyond_pillows_limit_is_refused(tmp_path, monkeypatch, read, limit):
    """Pillow refuses twice its limit (40 < 54), and below that only warns (53 < 54)."""
    path = stored(tmp_path / "a.png", Image.fromarray(RGB))
    monkeypatch.setattr(images.Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError, match=rf"a\.png has more than {limit} pixels; cut it into small"):
        read(path)


@pytest.mark.parametrize("limit", [54, None])
def test_an_image_at_pillows_limit_or_without_one_is_read(tmp_path, monkeypatch, limit):
    path = stored(tmp_path / "a.png", Image.fromarray(RGB))
    monkeypatch.setattr(images.Image, "MAX_IMAGE_PIXELS", limit)
    np.testing.assert_array_equal(read_image(path), RGB)


def test_a_warning_about_the_size_made_an_error_is_a_data_error(tmp_path, monkeypatch):
    path = stored(tmp_path / "a.png", Image.fromarray(RGB))
    monkeypatch.setattr(images.Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images.Image, "open", raise_warning)
        with pytest.raises(DataError, match="has more than 50 pixels"):
            read_image(path)


def raise_warning(*_: object, **__: object) -> None:
    raise Image.DecompressionBombWarning


def test_a_file_that_may_not_be_read_is_not_called_broken(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"x\.png may not be read by you; change its permissions"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "MemoryError"),
        (OverflowError("too\n large"), "too large"),
        (KeyError("x"), "'x'"),
        (IndexError("out"), "out"),
    ],
)
def test_whatever_goes_wrong_in_a_file_is_told_in_one_line(tmp_path, monkeypatch, error, reason):
    def fail(*_, **__):
        raise error

    path = stored(tmp_path / "a.png", Image.fromarray(RGB))
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(DataError, match=rf"a\.png cannot be decoded \({reason}\); replace") as e:
        read_image(path)
    assert e.value.kind == "truncated"


@pytest.mark.parametrize(
    ("content", "kind"), [(b"", "empty-file"), (b"hello", "unreadable"), (None, "missing")]
)
def test_errors_say_their_kind(tmp_path, read, content, kind):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.kind == kind
