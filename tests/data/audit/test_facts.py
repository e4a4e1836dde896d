"""One look at a pair of files: what is seen of them, and a flaw where one cannot be read."""

from pathlib import Path

import numpy as np
import pytest
from made import byte_boxes, image
from PIL import Image

from maskwright.data.audit.alignment import small_mask
from maskwright.data.audit.facts import (
    MOST_KEPT,
    ImageFacts,
    MaskFacts,
    PairFacts,
    flaw_of,
    look,
    look_at,
    mask_facts,
    same_shape,
    value_counts,
)
from maskwright.data.counting import EXACT
from maskwright.data.dataset import level_in
from maskwright.data.findings import Flaw
from maskwright.data.images import Bands, RawMask
from maskwright.data.kinds import KINDS
from maskwright.data.pairing import Pair
from maskwright.errors import DataError

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)


@pytest.fixture
def pair(tmp_path, save) -> Pair:
    """A noisy image of 60×40 pixels and its mask."""
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:50] = 1
    return Pair(save(tmp_path / "a.png", NOISE), save(tmp_path / "m.png", mask))


def seen(pair: Pair) -> PairFacts:
    return look_at([pair])[0]


def facts_of(values: object, kind: str = "index") -> MaskFacts:
    return mask_facts(RawMask(np.array(values), kind), small_mask(np.array(values)))


# Images


def test_an_image_is_seen_as_it_is(pair):
    image = seen(pair).image
    assert isinstance(image, ImageFacts)
    assert (image.format, image.mode, image.bands, image.depth) == ("PNG", "RGB", 3, 8)
    assert (image.width, image.height, image.orientation) == (60, 40, 1)
    assert (image.several, image.plain, image.range) == (False, False, ())
    assert len(image.thumbnail) == 32 * 32


def test_the_digest_is_that_of_the_bytes(pair, tmp_path, save):
    copy = tmp_path / "b.png"
    copy.write_bytes(pair.image.read_bytes())
    other = save(tmp_path / "c.png", NOISE, compress_level=1)
    digests = [seen(Pair(path, pair.mask)).image.digest for path in (pair.image, copy, other)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("side", [1, 7, 300])
@pytest.mark.parametrize("spot", [False, True])
def test_an_image_of_one_colour_is_plain_and_one_pixel_ends_that(pair, save, side, spot):
    pixels = np.full((side, side, 3), 90, np.uint8)
    if spot and side > 1:
        pixels[-1, -1] = 91
    save(pair.image, pixels)
    assert seen(pair).image.plain == (not spot or side == 1)


def test_the_range_of_deep_images_leaves_out_the_extremes(pair, save):
    pixels = np.full((100, 100), 500, np.uint16)
    pixels[:50], pixels[0, 0], pixels[1, 1] = 1000, 0, 60000
    image = seen(Pair(save(pair.image, pixels), pair.mask)).image
    assert (image.depth, image.bands) == (16, 1)
    ((low, high),) = image.range
    assert 490 < low <= 500
    assert 1000 <= high < 1100


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 0.0, 1e30])
def test_an_image_of_one_number_only_is_plain_whatever_it_is(pair, number):
    tifffile = pytest.importorskip("tifffile")
    path = pair.image.with_suffix(".tif")
    tifffile.imwrite(path, np.full((20, 30), number, np.float32))
    image = seen(Pair(path, pair.mask)).image
    assert isinstance(image, ImageFacts)
    assert image.plain
    assert np.isfinite(image.range).all()


def test_numbers_that_are_none_do_not_spoil_the_range(pair):
    tifffile = pytest.importorskip("tifffile")
    pixels = np.linspace(2, 3, 600, dtype=np.float32).reshape(20, 30)
    pixels[0, :5] = np.nan
    path = pair.image.with_suffix(".tif")
    tifffile.imwrite(path, pixels)
    image = seen(Pair(path, pair.mask)).image
    assert not image.plain
    np.testing.assert_allclose(image.range, [(2, 3)], atol=0.02)


def test_an_image_that_its_flag_turns_is_seen_upright(tmp_path, pair):
    flag = Image.Exif()
    flag[0x0112] = 6
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", exif=flag)
    image = seen(Pair(tmp_path / "a.jpg", pair.mask)).image
    assert (image.width, image.height, image.orientation) == (40, 60, 6)


# Masks


def test_a_mask_is_counted_with_the_most_frequent_values_first():
    mask = facts_of([[0, 7, 7], [7, 0, 3]])
    assert (mask.values, mask.counts) == ((7, 0, 3), (3, 2, 1))
    assert (mask.width, mask.height, mask.distinct) == (3, 2, 3)
    assert mask.edges == pytest.approx(3 / 6)


def test_of_very_many_values_the_most_frequent_are_kept():
    values = np.arange(700, dtype=np.int32).repeat(2).reshape(20, 70)
    values[0, :10] = 699
    mask = facts_of(values)
    assert mask.distinct == 695
    assert len(mask.values) == MOST_KEPT
    assert mask.values[0] == 699


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1)])
def test_masks_may_be_a_pixel_wide(shape):
    mask = facts_of(np.zeros(shape, np.uint8))
    assert (mask.distinct, mask.edges, mask.touching) == (1, 0.0, 0.0)


def test_borders_touch_where_they_lie_between_two_objects():
    apart, close = np.zeros((48, 48), np.uint8), np.zeros((48, 48), np.uint8)
    apart[10:20, 5:15], apart[10:20, 30:40] = 1, 2
    close[:, :24], close[:, 24:] = 1, 2
    assert facts_of(apart).touching == 0
    assert facts_of(close).touching == 1


def test_equal_masks_have_one_signature():
    one, same, moved = byte_boxes(0, 1, 2), byte_boxes(0, 1, 2), np.roll(byte_boxes(0, 1, 2), 3)
    other = one.copy()
    other[one == 2] = 3
    signatures = [facts_of(values).signature for values in (one, same, moved, other)]
    assert signatures[0] == signatures[1]
    assert len(set(signatures)) == 3


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_values_are_counted_as_numpy_counts_them(dtype):
    for seed, top in enumerate((1, 2, 4, 9, 256)):
        values = np.random.default_rng(seed).integers(0, top, (37, 53)).astype(dtype)
        for seen in (values, values.T, values[::-1, ::3], np.rot90(values)):
            found, counts = value_counts(seen, small_mask(seen))
            expected = np.unique(seen, return_counts=True)
            np.testing.assert_array_equal(found, expected[0])
            np.testing.assert_array_equal(counts, expected[1])


def test_values_that_small_copies_miss_are_counted():
    values = np.zeros((500, 500), np.uint8)
    values[3, 4] = 9
    assert [part.tolist() for part in value_counts(values, small_mask(values))] == [
        [0, 9],
        [249999, 1],
    ]


def test_huge_masks_are_counted_to_the_pixel():
    values = np.tile(np.arange(6, dtype=np.uint8), (1, EXACT // 5))
    values[0, 5 * (EXACT // 6) :] = 0
    found, counts = value_counts(values, small_mask(values))
    assert counts.sum() == values.size
    assert counts[found == 0] == np.count_nonzero(values == 0)


# Pairs


def test_a_pair_is_measured_where_its_shapes_agree(pair, save):
    assert seen(pair).fit is not None
    save(pair.mask, np.asarray(Image.open(pair.mask))[::2, ::2])
    assert seen(pair).fit is not None
    save(pair.mask, np.asarray(Image.open(pair.mask))[:8])
    assert seen(pair).fit is None


@pytest.mark.parametrize(
    ("size", "other", "same"),
    [
        ((500, 333), (500, 333), True),
        ((500, 333), (250, 166), True),
        ((500, 333), (250, 170), False),
        ((500, 333), (333, 500), False),
        ((1, 1), (1, 1), True),
        ((100, 100), (1, 100), False),
    ],
)
def test_shapes_agree_up_to_a_pixel(size, other, same):
    assert same_shape(size, other) == same
    assert same_shape(other, size) == same


# What cannot be read


def broken_empty(path: Path) -> None:
    path.write_bytes(b"")


def broken_text(path: Path) -> None:
    path.write_text("hello")


def broken_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def broken_gone(path: Path) -> None:
    path.unlink()


def broken_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def broken_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("which", ["image", "mask"])
@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        (broken_empty, "empty-file", "empty (0 bytes)"),
        (broken_text, "unreadable", "not an image that can be read (PNG, JPEG, "),
        (broken_half, "truncated", "cannot be decoded ("),
        (broken_gone, "missing", "no such file"),
        (broken_loop, "missing", "Too many levels of symbolic links"),
        (broken_folder, "missing", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_a_flaw(pair, which, damage, kind, words):
    path = getattr(pair, which)
    damage(path)
    facts = seen(pair)
    flaw = getattr(facts, which)
    assert isinstance(flaw, Flaw)
    assert (flaw.kind, flaw.path, flaw.image) == (kind, path, pair.image)
    assert flaw.detail.startswith(words)
    assert "; " not in flaw.detail
    assert facts.fit is None


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (FileNotFoundError(2, "No such file"), "missing", "no such file"),
        (PermissionError(13, "Permission denied"), "forbidden", "may not be read by you"),
        (OSError(5, "Input/output error"), "missing", "Input/output error"),
        (OSError("strange"), "missing", "strange"),
        (DataError("set/a.png: has a quirk; mend it", "truncated"), "truncated", "has a quirk"),
        (DataError("set/a.png has a quirk; mend it"), "unreadable", "has a quirk"),
    ],
)
def test_what_reading_raises_becomes_a_flaw_of_the_file(error, kind, detail):
    flaw = flaw_of(error, Path("set/a.png"), None)
    assert (flaw.kind, flaw.detail) == (kind, detail)
    assert kind in KINDS


@pytest.mark.parametrize("count", [0, 1, 3, 70])
def test_every_pair_is_seen_in_its_place(pair, save, count):
    pairs = [Pair(pair.image, pair.mask.with_stem(f"m{n}")) for n in range(count)]
    for n, one in enumerate(pairs):
        if n != 5:  # whose mask is missing
            save(one.mask, np.full((4 + n, 6), 1, np.uint8))
    heights = [
        mask.height if isinstance(mask := facts.mask, MaskFacts) else 9 for facts in look(pairs)
    ]
    assert heights == [4 + n for n in range(count)]


def test_one_bad_file_leaves_the_other_seen(pair):
    broken_empty(pair.image)
    assert isinstance(seen(pair).mask, MaskFacts)


@pytest.mark.parametrize(
    ("changes", "bands", "level"),
    [
        ({"level": (10.4, 20.6, 30.0)}, Bands(), [10, 21, 30]),
        ({"level": (51.0,), "bands": 1}, Bands(), [51, 51, 51]),
        ({"level": (2048.0,), "depth": 16}, Bands(1, (0.0,), (4095.0,)), [128]),
        ({"level": (0.25,), "depth": 32}, Bands(1, (0.0,), (1.0,)), [64]),
        ({"level": (1.0, 2.0, 3.0)}, Bands(4), []),  # the fourth was taken for transparency
    ],
)
def test_the_level_of_an_image_is_what_the_network_sees(changes, bands, level):
    assert level_in(image(**changes), bands).tolist() == level
