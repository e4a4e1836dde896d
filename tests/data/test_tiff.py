"""TIFF files of any bands, depth and layout, as others write them, and as nobody should."""

import contextlib
import io
import struct
import tracemalloc
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from maskwright.data import tiff
from maskwright.data.images import Bands, decode, read_image, read_mask
from maskwright.data.tiff import upright
from maskwright.errors import DataError

FIVE = np.random.default_rng(0).integers(65536, size=(37, 41, 5)).astype(np.uint16)
LAYOUTS = {
    "strips": {"rowsperstrip": 7},
    "planes": {"planarconfig": "separate"},
    "tiles": {"tile": (16, 32)},
    "tiles of planes": {"tile": (64, 16), "planarconfig": "separate"},
    "deflate": {"compression": "zlib", "rowsperstrip": 10},
    "deflated tiles with a predictor": {"compression": "zlib", "predictor": 2, "tile": (16, 48)},
    "deflated planes with a predictor": {
        "compression": "zlib",
        "predictor": 2,
        "planarconfig": "separate",
    },
    "big": {"bigtiff": True, "rowsperstrip": 9},
}


def written(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """A TIFF file of pixels [H, W, n] by another library; extra samples are unspecified."""
    bands = pixels.shape[2]
    if options.get("planarconfig") == "separate":
        pixels = pixels.transpose(2, 0, 1)
    if bands == 1:
        pixels = pixels[..., 0]
    else:
        options = {"planarconfig": "contig", "extrasamples": (0,) * (bands - 1)} | options
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack", "metadata": None} | options)
    return path


def crafted(path: Path, blocks: Sequence[bytes], **tags: object) -> Path:
    """A little-endian TIFF file of blocks as they are, and tags that may lie.

    Tags are t256=…; strips, their offsets and their lengths are right unless they are given.
    """
    offsets, content = [], b"II*\0" + bytes(4)
    for block in blocks:
        offsets.append(len(content))
        content += block + b"\0" * (len(block) % 2)
    entries = {273: tuple(offsets), 279: tuple(map(len, blocks))}
    entries |= {int(name[1:]): value for name, value in tags.items()}
    directory = struct.pack("<H", len(entries))
    for tag, value in sorted((tag, value) for tag, value in entries.items()):
        kind, packed = 4, b""
        if isinstance(value, str):
            kind, packed, count = 2, value.encode() + b"\0", len(value) + 1
        else:
            numbers = value if isinstance(value, tuple) else (value,)
            packed, count = struct.pack(f"<{len(numbers)}I", *numbers), len(numbers)
        if len(packed) > 4:
            packed, content = struct.pack("<I", len(content)), content + packed
        directory += struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0")
    start = struct.pack("<I", len(content))
    path.write_bytes(content[:4] + start + content[8:] + directory + bytes(4))
    return path


def described(pixels: np.ndarray, **tags: object) -> dict[str, object]:
    """The tags of pixels [H, W, n] in one uncompressed strip."""
    height, width, bands = pixels.shape
    formats = {"u": 1, "i": 2, "f": 3}
    basic = {
        "t256": width,
        "t257": height,
        "t258": (8 * pixels.itemsize,) * bands,
        "t259": 1,
        "t262": 1,
        "t277": bands,
        "t278": height,
        "t339": (formats[pixels.dtype.kind],) * bands,
    }
    return basic | tags


def packed(content: bytes, compression: str) -> tuple[bytes, int]:
    """Bytes compressed by libtiff, and the number of the compression."""
    file = io.BytesIO()
    row = Image.frombytes("L", (len(content), 1), content)
    row.save(file, "TIFF", compression=compression)
    with Image.open(file) as image:
        (start,), (length,) = image.tag_v2[273], image.tag_v2[279]
        return file.getvalue()[start : start + length], image.tag_v2[259]


# What is right


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "f8"])
def test_pixels_are_those_that_another_library_wrote(tmp_path, dtype, order, layout):
    if (layout == "big" and order == ">") or ("predictor" in layout and dtype[0] == "f"):
        return  # Pillow knows no big-endian BigTIFF; floats have a predictor of their own
    pixels = (FIVE // 256).astype(dtype)
    path = written(tmp_path / "a.tif", pixels, byteorder=order, **LAYOUTS[layout])
    decoded = decode(path)
    np.testing.assert_array_equal(decoded.pixels, pixels)
    expected = {"u1": np.uint8, "u2": np.uint16, "i4": np.uint16}.get(dtype, np.float32)
    assert decoded.pixels.dtype == expected
    assert (decoded.format, decoded.mode) == ("TIFF", f"5×{np.dtype(dtype).name}")
    assert (decoded.width, decoded.height, decoded.several) == (41, 37, False)


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 12])
def test_each_number_of_bands_is_read(tmp_path, bands):
    pixels = FIVE[..., :1].repeat(bands, axis=2) + np.arange(bands, dtype=np.uint16)
    path = written(tmp_path / "a.tif", pixels)
    np.testing.assert_array_equal(decode(path).pixels, pixels)


@pytest.mark.parametrize(
    "compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate", "zstd", "lzma"]
)
@pytest.mark.parametrize("predictor", [1, 2])
def test_compressed_strips_are_unpacked_whatever_their_bands(tmp_path, compression, predictor):
    if predictor == 2 and compression == "packbits":
        return
    stored = FIVE.copy()
    if predictor == 2:
        stored[:, 1:] -= FIVE[:, :-1]
    strips = [packed(stored[top : top + 20].tobytes(), compression) for top in (0, 20)]
    tags = described(FIVE, t259=strips[0][1], t278=20, t317=predictor)
    path = crafted(tmp_path / "a.tif", [strip for strip, _ in strips], **tags)
    np.testing.assert_array_equal(decode(path).pixels, FIVE)


def test_the_predictor_of_floats_is_undone(tmp_path):
    pixels = np.linspace(-3, 1e9, 6 * 7 * 2, dtype=np.float32).reshape(6, 7, 2)
    most_significant_first = pixels.astype(">f4").view(np.uint8).reshape(6, 14, 4)
    planes = most_significant_first.transpose(0, 2, 1).reshape(6, 28, 2).copy()
    planes[:, 1:] -= planes[:, :-1].copy()
    tags = described(pixels, t259=8, t317=3)
    path = crafted(tmp_path / "a.tif", [zlib.compress(planes.tobytes())], **tags)
    np.testing.assert_array_equal(decode(path).pixels, pixels)


def test_colour_of_16_bits_keeps_them(tmp_path):
    path = written(tmp_path / "a.tif", FIVE[..., :3], photometric="rgb", extrasamples=())
    assert decode(path).mode == "3×uint16"
    np.testing.assert_array_equal(decode(path).pixels, FIVE[..., :3])
    np.testing.assert_array_equal(read_image(path), FIVE[..., :3] // 257)


def test_a_fourth_band_that_is_not_said_to_be_transparency_is_a_band(tmp_path):
    pixels = FIVE[..., :4].astype(np.uint8)
    path = written(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=(0,))
    np.testing.assert_array_equal(decode(path).pixels, pixels)
    silent = crafted(tmp_path / "b.tif", [pixels.tobytes()], **described(pixels, t262=2))
    np.testing.assert_array_equal(decode(silent).pixels, pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [1, 3])
def test_transparency_is_dropped_unless_so_many_bands_are_wanted(tmp_path, dtype, bands):
    pixels = FIVE[..., : bands + 1].astype(dtype)
    photometric = "rgb" if bands == 3 else "minisblack"
    path = written(tmp_path / "a.tif", pixels, photometric=photometric, extrasamples=(2,))
    np.testing.assert_array_equal(decode(path).pixels, pixels[..., :bands])
    np.testing.assert_array_equal(decode(path, count=bands + 1).pixels, pixels)


def test_transparency_after_five_bands_is_dropped(tmp_path):
    six = np.concatenate([FIVE, FIVE[..., :1]], axis=2)
    path = written(tmp_path / "a.tif", six, extrasamples=(0, 0, 0, 0, 2))
    assert decode(path).mode == "5×uint16+alpha"
    np.testing.assert_array_equal(decode(path).pixels, FIVE)


def test_integers_are_cut_off_at_16_bits(tmp_path):
    pixels = np.array([[[-7, 70_000], [12, 65_536]]], np.int32)
    assert decode(written(tmp_path / "a.tif", pixels)).pixels.tolist() == [
        [[0, 65535], [12, 65535]]
    ]


@pytest.mark.parametrize(
    ("dtype", "nodata", "becomes"),
    [(np.uint16, "65535", 0), (np.float32, "-9999", np.nan), (np.float32, "1e999", 7)],
)
def test_pixels_without_data_become_0_or_nan(tmp_path, dtype, nodata, becomes):
    value = 7 if becomes == 7 else float(nodata)
    pixels = np.array([[[3, value], [value, 5]]]).astype(dtype)
    tags = described(pixels, t42113=f"{nodata} ")
    read = decode(crafted(tmp_path / "a.tif", [pixels.tobytes()], **tags)).pixels
    np.testing.assert_array_equal(read, [[[3, becomes], [becomes, 5]]])


@pytest.mark.parametrize("nodata", ["none", "nan"])
def test_no_data_that_no_pixel_equals_changes_nothing(tmp_path, nodata):
    tags = described(FIVE, t42113=nodata)
    path = crafted(tmp_path / "a.tif", [FIVE.tobytes()], **tags)
    np.testing.assert_array_equal(decode(path).pixels, FIVE)


def test_blocks_that_a_sparse_file_leaves_out_are_0(tmp_path):
    tags = described(FIVE, t278=20, t273=(8, 0), t279=(20 * 41 * 10, 0))
    pixels = decode(crafted(tmp_path / "a.tif", [FIVE[:20].tobytes()], **tags)).pixels
    np.testing.assert_array_equal(pixels[:20], FIVE[:20])
    assert (pixels[20:] == 0).all()


@pytest.mark.parametrize("flag", range(1, 9))
def test_pixels_are_turned_as_pillow_turns_them(tmp_path, flag):
    rgb = FIVE[..., :3].astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = flag
    Image.fromarray(rgb).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        turned = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(upright(rgb, flag), turned)
    path = crafted(tmp_path / "a.tif", [FIVE.tobytes()], **described(FIVE, t274=flag))
    decoded = decode(path)
    np.testing.assert_array_equal(decoded.pixels[..., :3].astype(np.uint8), turned)
    assert (decoded.height, decoded.width) == turned.shape[:2]
    assert decoded.orientation == flag


@pytest.mark.parametrize("bands", [3, 5])
@pytest.mark.parametrize(("kind", "several"), [(0, True), (1, False), (4, False)])
def test_overviews_are_no_second_picture(tmp_path, bands, kind, several):
    pixels = FIVE[..., :bands].astype(np.uint8)
    second = pixels[..., 0] > 100 if kind == 4 else pixels[::2, ::2, 0]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        extra = (0,) * (bands - 3)
        writer.write(pixels, photometric="rgb", metadata=None, extrasamples=extra)
        writer.write(second, photometric="minisblack", metadata=None, subfiletype=kind)
    decoded = decode(tmp_path / "a.tif")
    assert decoded.several is several
    assert decoded.pixels.shape == (37, 41, bands)


# Masks


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_mask_keeps_its_values(tmp_path, dtype, order):
    values = (FIVE[..., :1] % 200).astype(dtype)
    path = written(tmp_path / "m.tif", values, byteorder=order, tile=(16, 16), compression="zlib")
    read = read_mask(path)
    assert (read.kind, read.format) == ("index", "TIFF")
    assert read.values.dtype == (np.uint8 if dtype == "u1" else np.int32)
    np.testing.assert_array_equal(read.values, values[..., 0])


def test_the_transparency_of_a_mask_is_dropped(tmp_path):
    path = written(tmp_path / "m.tif", FIVE[..., :2], extrasamples=(2,))
    np.testing.assert_array_equal(read_mask(path).values, FIVE[..., 0])


def test_a_mask_of_several_bands_is_refused(tmp_path):
    path = written(tmp_path / "m.tif", FIVE)
    with pytest.raises(DataError, match=r"m\.tif has the colour mode 5×uint16; save masks as grey"):
        read_mask(path)


def test_a_mask_of_values_that_are_too_large_is_refused(tmp_path):
    path = written(tmp_path / "m.tif", np.full((2, 2, 1), 2**31, np.uint32))
    with pytest.raises(
        DataError, match=r"holds the value 2147483648, and masks have at most 2147483647; number"
    ):
        read_mask(path)


# What is not supported


def test_more_bands_than_twelve_are_refused(tmp_path):
    path = written(tmp_path / "a.tif", np.zeros((2, 2, 13), np.uint8))
    with pytest.raises(
        DataError, match=r"a\.tif has 13 bands, and at most 12 are read; save those that you need"
    ) as caught:
        decode(path)
    assert caught.value.kind == "unreadable"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"t258": (12,) * 5}, "stores bands of 12 bits in a way that is not read; save it with 8"),
        ({"t258": (8, 8, 8, 8, 16)}, "stores bands of 8/16 bits in a way"),
        ({"t339": (3,) * 5, "t258": (8,) * 5}, "stores bands of 8 bits in a way"),
        ({"t339": (1, 1, 1, 1, 3)}, "stores bands of 16 bits in a way"),
        ({"t339": (6,) * 5}, "stores bands of 16 bits in a way"),
        ({"t259": 34712}, "is compressed as JPEG 2000, which is not read for several bands; save"),
        ({"t259": 7}, "is compressed as JPEG, which is not read"),
        ({"t259": 12345}, "is compressed as 12345, which is not read"),
    ],
)
def test_what_is_not_supported_is_called_by_its_name(tmp_path, tags, words):
    path = crafted(tmp_path / "a.tif", [FIVE.tobytes()], **described(FIVE, **tags))
    with pytest.raises(DataError, match=words) as caught:
        decode(path)
    assert caught.value.kind == "unreadable"


# Hostile files


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"t273": (10_000_000,)}, r"0 of 15170 bytes of a strip or tile"),
        ({"t273": (4_000_000_000,)}, r"0 of 15170 bytes of a strip or tile"),
        ({"t279": (100,)}, r"100 of 15170 bytes of a strip or tile"),
        ({"t278": 10}, r"1 of 4 strips or tiles"),
        ({"t284": 2}, r"1 of 5 strips or tiles"),
        ({"t273": (8, 8)}, r"zip\(\) argument 2 is shorter"),
        ({"t256": 0}, r"0×37 pixels of 5 samples"),
        ({"t278": 0}, r"blocks of 41×0 pixels"),
        ({"t322": 0, "t323": 16}, r"blocks of 0×16 pixels"),
        ({"t322": 16, "t323": 16}, r"tag 324 \(TileOffsets\) is None"),
        ({"t257": "many"}, r"tag 257 \(ImageLength\) is 'many'"),
        ({"t259": 8}, r"Error -3 while decompressing"),
        ({"t259": 5}, r"decoder error"),
        ({"t259": 8, "t317": 2}, r"Error -3 while decompressing"),
    ],
)
def test_tags_that_lie_are_told(tmp_path, tags, words):
    path = crafted(tmp_path / "a.tif", [FIVE.tobytes()], **described(FIVE, **tags))
    with pytest.raises(DataError, match=rf"a\.tif cannot be decoded \(.*{words}.*\); replace") as e:
        decode(path)
    assert e.value.kind == "truncated"
    assert "\n" not in str(e.value)


def test_a_predictor_of_floats_before_integers_is_told(tmp_path):
    tags = described(FIVE, t259=8, t317=3)
    path = crafted(tmp_path / "a.tif", [zlib.compress(FIVE.tobytes())], **tags)
    with pytest.raises(DataError, match=r"cannot be decoded \(predictor 3 on uint16\)"):
        decode(path)


def test_an_empty_tag_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "_numbers", lambda *_: ())
    path = crafted(tmp_path / "a.tif", [FIVE.tobytes()], **described(FIVE))
    with pytest.raises(DataError, match=r"tag 262 \(PhotometricInterpretation\) is empty"):
        decode(path)


def test_a_picture_of_100000_by_100000_is_refused_before_there_is_memory_for_it(tmp_path):
    tags = described(FIVE, t256=100_000, t257=100_000, t278=100_000)
    path = crafted(tmp_path / "a.tif", [FIVE.tobytes()], **tags)
    with pytest.raises(DataError, match=r"a\.tif has more than [\d,]+ pixels; cut it into") as e:
        decode(path)
    assert e.value.kind == "too-large"


@pytest.mark.parametrize(
    "tags",
    [
        {"t256": 8000, "t257": 8000, "t278": 8000},
        {"t322": 8000, "t323": 8000, "t324": 8, "t325": 15170},
    ],
)
def test_bands_count_as_memory(tmp_path, tags):
    path = crafted(tmp_path / "a.tif", [FIVE.tobytes()], **described(FIVE, **tags))
    with pytest.raises(
        DataError,
        match=r"a\.tif unpacks to 640,000,000 bytes, and at most 268,435,455 are read; cu",
    ) as caught:
        decode(path)
    assert caught.value.kind == "too-large"


def test_a_strip_beyond_pillows_limit_is_not_shown_to_libtiff(tmp_path, monkeypatch):
    strip, number = packed(FIVE.tobytes(), "tiff_lzw")
    path = crafted(tmp_path / "a.tif", [strip], **described(FIVE, t259=number))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15_169)
    with pytest.raises(DataError, match=r"a\.tif has more than 15,169 pixels"):
        decode(path)


def test_a_strip_unpacks_to_no_more_than_its_pixels(tmp_path):
    bomb = zlib.compress(bytes(50_000_000))
    path = crafted(tmp_path / "a.tif", [bomb], **described(FIVE, t259=8))
    tracemalloc.start()
    pixels = decode(path).pixels
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (pixels == 0).all()
    assert peak < 2_000_000


def test_no_more_of_a_file_is_read_than_a_strip_can_need(tmp_path):
    path = crafted(tmp_path / "a.tif", [FIVE.tobytes() + bytes(10_000_000)], **described(FIVE))
    tracemalloc.start()
    np.testing.assert_array_equal(decode(path).pixels, FIVE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("bands", [3, 5])
def test_a_chain_of_pages_that_runs_in_a_circle_ends(tmp_path, bands):
    pixels = FIVE[..., :bands].astype(np.uint8)
    tags = described(pixels, t262=2, t254=1, **({"t338": (0, 0)} if bands == 5 else {}))
    path = crafted(tmp_path / "a.tif", [pixels.tobytes()], **tags)
    content = path.read_bytes()
    path.write_bytes(content[:-4] + content[4:8])  # the next page is this one
    decoded = decode(path)
    assert decoded.several is False
    np.testing.assert_array_equal(decoded.pixels, pixels)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_anywhere_a_file_is_read_or_named(tmp_path, layout):
    rng = np.random.default_rng(len(layout))
    path = written(tmp_path / "a.tif", FIVE, **LAYOUTS[layout])
    whole = path.read_bytes()
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(min(len(whole), 500), size=3):
            damaged[place] = rng.choice([0, 1, 2, 8, 127, 255])
        path.write_bytes(damaged[: rng.integers(len(damaged)) if rng.random() < 0.3 else None])
        for read in (decode, read_mask, lambda path: read_image(path, Bands(5))):
            with contextlib.suppress(DataError):
                read(path)
