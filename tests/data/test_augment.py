"""Random changes: image and mask move together, and chance is an argument."""

from dataclasses import replace

import numpy as np
import pytest

from maskwright.config import AugmentConfig, ViewConfig
from maskwright.data.augment import augment, random_bend, random_colors, random_map
from maskwright.data.cache import stored_size
from maskwright.data.labels import IGNORE
from maskwright.data.view import shrink, shrink_mask, view_matrix, warp_image, warp_mask

NONE = AugmentConfig(0, 0, 0, 0, 0, 0, 0)
GEOMETRY = AugmentConfig(brightness=0, contrast=0, saturation=0, rotate=40, zoom=0.5, shift=0.2)
VIEW = ViewConfig(size=48)


def blocks(seed: int = 0) -> np.ndarray:
    """A mask uint8 [40, 60] of blocks of the classes 0 to 3."""
    coarse = np.random.default_rng(seed).integers(4, size=(4, 6)).astype(np.uint8)
    return coarse.repeat(10, 0).repeat(10, 1)


def coloured(mask: np.ndarray) -> np.ndarray:
    """The mask as an image: class k is grey 60 k."""
    return (mask * 60)[..., None].repeat(3, axis=2)


def changed(seed: int, config: AugmentConfig, fit: str = "pad") -> tuple[np.ndarray, np.ndarray]:
    mask = blocks()
    rng = np.random.default_rng(seed)
    return augment(coloured(mask), mask, rng, ViewConfig(size=48, fit=fit), config)


@pytest.mark.parametrize("fit", ["pad", "squash"])
@pytest.mark.parametrize("seed", range(8))
def test_image_and_mask_move_together(seed, fit):
    image, mask = changed(seed, GEOMETRY, fit)
    known = mask != IGNORE
    assert known.mean() > 0.2
    # Bilinear against nearest: they differ by less than half a class except along the edges.
    agree = np.abs(image[..., 0].astype(int) - 60 * mask.astype(int))[known] < 30
    assert agree.mean() > 0.9


def test_a_mirror_mirrors_both():
    view = view_matrix(40, 60, 48, "pad")
    image, mask = changed(0, AugmentConfig(1, 0, 0, 0, 0, 0, 0))
    np.testing.assert_array_equal(mask, warp_mask(blocks(), view, 48)[:, ::-1])
    plain = warp_image(coloured(blocks()), view, 48)[:, ::-1]
    assert np.abs(image.astype(int) - plain).max() <= 4  # OpenCV's steps of 1/32 pixel


def test_a_shift_moves_and_leaves_what_comes_in_to_be_ignored():
    config = AugmentConfig(0, 0, 0, 0.25, 0, 0, 0)
    shifts = [random_map(np.random.default_rng(seed), 48, config) for seed in range(200)]
    moved = np.array([m[:, 2] for m in shifts])
    assert np.abs(moved).max() <= 12
    assert np.abs(moved).max() > 11
    np.testing.assert_allclose([m[:, :2] for m in shifts], np.broadcast_to(np.eye(2), (200, 2, 2)))
    assert (changed(1, config, "squash")[1] == IGNORE).any()


def test_a_map_turns_and_zooms_about_the_centre_within_its_bounds():
    config = AugmentConfig(flip=0.5, rotate=30, zoom=0.5, shift=0)
    centre, zooms, mirrored = np.array([23.5, 23.5, 1]), [], []
    for seed in range(200):
        matrix = random_map(np.random.default_rng(seed), 48, config)
        np.testing.assert_allclose(matrix @ centre, centre[:2])
        determinant = np.linalg.det(matrix[:, :2])
        zooms.append(np.sqrt(abs(determinant)))
        mirrored.append(determinant < 0)
        assert abs(matrix[1, 0]) <= zooms[-1] * np.sin(np.radians(30)) + 1e-9
    assert 1 / 1.5 <= min(zooms) < 0.75
    assert 1.35 < max(zooms) <= 1.5
    assert 60 < sum(mirrored) < 140


@pytest.mark.parametrize("fit", ["pad", "squash"])
def test_no_augmentation_is_the_plain_view(fit):
    matrix = view_matrix(40, 60, 48, fit)
    for seed in range(3):
        image, mask = changed(seed, NONE, fit)
        np.testing.assert_array_equal(image, warp_image(coloured(blocks()), matrix, 48))
        np.testing.assert_array_equal(mask, warp_mask(blocks(), matrix, 48))


def test_chance_is_an_argument():
    first, again, other = (changed(seed, AugmentConfig()) for seed in (1, 1, 2))
    for part in (0, 1):
        np.testing.assert_array_equal(first[part], again[part])
        assert (first[part] != other[part]).any()


def test_the_arrays_that_are_given_are_left_alone():
    mask = blocks()
    image = coloured(mask)
    augment(image, mask, np.random.default_rng(0), VIEW, AugmentConfig())
    np.testing.assert_array_equal(mask, blocks())
    np.testing.assert_array_equal(image, coloured(blocks()))


def test_shapes_and_types_are_those_of_a_view():
    image, mask = changed(0, AugmentConfig())
    assert (image.shape, image.dtype) == ((48, 48, 3), np.uint8)
    assert (mask.shape, mask.dtype) == ((48, 48), np.uint8)


def scene(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image uint8 [H, W, 3] and a mask of four classes with round outlines."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(2 * np.pi * (a * x + b * y + c)) for a, b, c in rng.uniform(-2, 2, (9, 3))]
    image = np.stack([128 + 40 * sum(waves[k : k + 3]) for k in (0, 3, 6)], axis=-1)
    mask = (waves[0] > 0) + 2 * (waves[3] > 0)
    return np.clip(image, 0, 255).astype(np.uint8), mask.astype(np.uint8)


@pytest.mark.parametrize("fit", ["pad", "squash"])
@pytest.mark.parametrize(("height", "width"), [(375, 500), (900, 700), (250, 900)])
def test_a_smaller_copy_gives_the_view_of_the_original(height, width, fit):
    view, config = ViewConfig(fit=fit), AugmentConfig()
    image, mask = scene(height, width, height)
    size = stored_size(height, width, view, config.zoom)
    small = shrink(image, *size), shrink_mask(mask, *size)
    assert small[1].size < mask.size
    for seed in range(6):
        wanted = augment(image, mask, np.random.default_rng(seed), view, config)
        seen = augment(*small, np.random.default_rng(seed), view, config, of=(height, width))
        assert np.abs(seen[0].astype(int) - wanted[0]).mean() < 1.5
        assert (seen[1] == wanted[1]).mean() > 0.99


def test_the_results_are_written_where_they_are_wanted():
    image, mask = scene(60, 80, 0)
    for config in (AugmentConfig(), NONE):
        wanted = augment(image, mask, np.random.default_rng(0), VIEW, config)
        images, masks = np.zeros((3, 48, 48, 3), np.uint8), np.zeros((3, 48, 48), np.uint8)
        out = images[1], masks[1]
        seen = augment(image, mask, np.random.default_rng(0), VIEW, config, out=out)
        for array, part, result in zip((images, masks), wanted, seen, strict=True):
            np.testing.assert_array_equal(array[1], part)
            assert np.shares_memory(array, result)
            assert not array[[0, 2]].any()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 12])
def test_any_number_of_channels_is_seen_alike(channels):
    image, mask = scene(60, 80, 0)
    many = np.repeat(image[..., :1], channels, axis=2)
    config = AugmentConfig(saturation=0)
    out = np.empty((48, 48, channels), np.uint8), np.empty((48, 48), np.uint8)
    seen, _ = augment(many, mask, np.random.default_rng(3), VIEW, config, out=out)
    alone, _ = augment(image[..., :1].copy(), mask, np.random.default_rng(3), VIEW, config)
    assert seen.shape == (48, 48, channels)
    assert np.shares_memory(seen, out[0])
    assert np.abs(seen.astype(int) - alone).max() <= 2  # OpenCV's steps of 1/32 pixel


def test_strength_widens_all_ranges_but_the_crop_and_the_bend():
    twice = AugmentConfig(flip=0.5, rotate=10, zoom=0.1, shift=0.05, brightness=0.1, contrast=0.1,
                          saturation=0.1, elastic=0.02, crop=0.75, strength=2)  # fmt: skip
    same = AugmentConfig(flip=0.5, rotate=20, zoom=0.2, shift=0.1, brightness=0.2, contrast=0.2,
                         saturation=0.2, elastic=0.02, crop=0.75)  # fmt: skip
    for seed in range(5):
        for one, other in zip(changed(seed, twice), changed(seed, same), strict=True):
            np.testing.assert_array_equal(one, other)


def slow_colors(image: np.ndarray, rng: np.random.Generator, config: AugmentConfig) -> np.ndarray:
    """Brightness, contrast and saturation one after another in float64."""
    brightness = rng.uniform(-config.brightness, config.brightness) * 255
    contrast = np.exp(rng.uniform(-1, 1) * np.log(1 + config.contrast))
    saturation = np.exp(rng.uniform(-1, 1) * np.log(1 + config.saturation))
    pixels = image.astype(float)
    if image.shape[2] == 3:
        grey = (pixels @ [0.299, 0.587, 0.114])[..., None]
        pixels = grey + (pixels - grey) * saturation
    mean = pixels.mean()
    return np.clip((pixels - mean) * contrast + mean + brightness, 0, 255)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 12])
@pytest.mark.parametrize(
    "config",
    [
        AugmentConfig(),
        replace(NONE, brightness=1),
        replace(NONE, contrast=4),
        replace(NONE, saturation=4),
        replace(NONE, brightness=1, contrast=4, saturation=4),
    ],
)
def test_colours_are_those_of_the_slow_way_rounded(channels, config):
    for seed in range(20):
        image = np.random.default_rng(seed).integers(256, size=(19, 23, channels)).astype(np.uint8)
        wanted = slow_colors(image, np.random.default_rng(seed), config)
        seen = random_colors(image, np.random.default_rng(seed), config)
        assert seen.dtype == np.uint8
        assert np.abs(seen - wanted).max() < 1
        into = image.copy()
        random_colors(into, np.random.default_rng(seed), config, out=into)
        if channels == 3 or config.brightness or config.contrast:
            np.testing.assert_array_equal(into, seen)


def colours(seed: int, image: np.ndarray, **config: float) -> np.ndarray:
    return random_colors(image, np.random.default_rng(seed), replace(NONE, **config))


def test_brightness_moves_all_pixels_alike_within_its_bound():
    image = np.full((4, 4, 3), 128, np.uint8)
    levels = [int(colours(seed, image, brightness=0.2)[0, 0, 0]) for seed in range(100)]
    assert 77 <= min(levels) < 90
    assert 166 < max(levels) <= 179


def test_contrast_keeps_the_mean():
    image = np.array([[[100] * 3, [140] * 3]], np.uint8)
    for seed in range(10):
        low, high = colours(seed, image, contrast=0.5)[0, :, 0].astype(int)
        assert abs(low + high - 240) <= 2
        assert 40 / 1.5 - 1 <= high - low <= 60


def test_saturation_leaves_grey_alone_and_moves_colours_about_their_luma():
    grey = np.full((4, 4, 3), 77, np.uint8)
    assert np.abs(colours(0, grey, saturation=0.5).astype(int) - 77).max() <= 1
    red = np.array([[[200, 50, 50]]], np.uint8)
    spread = [np.ptp(colours(seed, red, saturation=0.5).astype(int)) for seed in range(50)]
    assert 98 <= min(spread) < 115
    assert 200 < max(spread) <= 226


def test_colours_are_cut_at_black_and_white():
    image = np.array([[[0] * 3, [255] * 3]], np.uint8)
    for seed in range(20):
        low, high = colours(seed, image, contrast=4)[0, :, 0]
        assert low < high


def test_without_a_change_of_colour_the_image_comes_back_itself():
    image = np.zeros((2, 2, 3), np.uint8)
    assert colours(0, image) is image


@pytest.mark.parametrize("fit", ["pad", "squash"])
def test_a_crop_lies_anywhere_in_the_image_and_nowhere_beside_it(fit):
    mask = np.arange(40 * 60).reshape(40, 60) % 251
    seen = set()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        image, part = augment(coloured(mask.astype(np.uint8)), mask.astype(np.uint8), rng,
                              ViewConfig(size=48, fit=fit), NONE, side=16)  # fmt: skip
        assert image.shape == (16, 16, 3)
        assert part.shape == (16, 16)
        assert (part != IGNORE).all()
        seen |= {int(value) for value in part.ravel()}
    assert seen == set(range(251))


def test_a_crop_larger_than_the_image_has_it_in_its_middle():
    _, part = augment(coloured(blocks()), blocks(), np.random.default_rng(0),
                      ViewConfig(size=48), NONE, side=40)  # fmt: skip
    known = part != IGNORE  # the image is 48×32 pixels in its view
    assert known.any(axis=1).sum() == 32
    assert known[4:36].all()


def test_a_crop_shows_the_view_at_its_own_scale():
    """Of a turned, zoomed view, too: the same pixels, only fewer of them."""
    image = coloured(blocks())
    turned = replace(NONE, rotate=90, zoom=0.3)
    whole, _ = augment(image, blocks(), np.random.default_rng(5), VIEW, turned)
    part, _ = augment(image, blocks(), np.random.default_rng(5), VIEW, turned, side=16)
    best = min(
        np.abs(whole[y : y + 16, x : x + 16].astype(int) - part).mean()
        for y in range(33)
        for x in range(33)
    )
    assert best < 6  # of 180; the places differ by fractions of a pixel


def test_a_bend_moves_image_and_mask_together_and_only_a_little():
    elastic = AugmentConfig(0, 0, 0, 0, 0, 0, 0, elastic=0.05)
    differ = []
    for seed in range(8):
        image, mask = changed(seed, elastic, "squash")
        known = mask != IGNORE
        agree = np.abs(image[..., 0].astype(int) - 60 * mask.astype(int))[known] < 30
        assert agree.mean() > 0.9
        differ.append((mask != changed(seed, NONE, "squash")[1]).mean())
    assert 0.02 < np.mean(differ) < 0.6


def test_a_bend_has_the_spread_that_was_asked_for():
    bends = np.stack([random_bend(np.random.default_rng(seed), 30, 7.0) for seed in range(400)])
    assert bends.shape == (400, 30, 30, 2)
    assert bends.dtype == np.float32
    on_grid = bends[:, 4:26:10, 4:26:10]  # all but half a pixel from the nine points
    assert 6.3 < on_grid.std() < 7.3
    steps = np.abs(np.diff(bends, axis=1))
    assert steps.std() < 1  # smooth: from one pixel to the next far below the spread


def test_a_bend_that_is_the_same_everywhere_is_a_shift():
    image, mask = scene(40, 60, 0)
    matrix = view_matrix(40, 60, 48, "pad")
    bend = np.broadcast_to(np.float32([5, -3]), (48, 48, 2))
    shifted = matrix + np.array([[0, 0, -5], [0, 0, 3]])
    bent, moved_there = warp_image(image, matrix, 48, bend=bend), warp_image(image, shifted, 48)
    assert np.abs(bent.astype(int) - moved_there).max() <= 3  # OpenCV's steps of 1/32 pixel
    same = warp_mask(mask, matrix, 48, bend=bend) == warp_mask(mask, shifted, 48)
    assert same.mean() > 0.99


@pytest.mark.parametrize("elastic", [0, 0.05])
@pytest.mark.parametrize("side", [48, 32])
def test_a_margin_shows_more_of_the_image_around_the_same_view(side, elastic):
    config = replace(GEOMETRY, elastic=elastic)
    image, mask = scene(90, 120, 1)

    def seen(margin: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(3)
        return augment(image, mask, rng, VIEW, config, side=side, margin=margin)

    (narrow, truth), (wide, same_truth) = seen(0), seen(10)
    assert wide.shape == (side + 20, side + 20, 3)
    assert same_truth.shape == truth.shape == (side, side)
    if not elastic:  # a bend spans what is seen, so it is another with a margin
        np.testing.assert_array_equal(truth, same_truth)
        apart = np.abs(wide[10:-10, 10:-10].astype(int) - narrow)
        assert apart.max() <= 4  # OpenCV's steps of 1/32 pixel
