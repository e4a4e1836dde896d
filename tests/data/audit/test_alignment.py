"""Flipped, turned and shifted masks are found; where nothing can be told, nothing is said."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from maskwright.data.audit.alignment import (
    LEAST_PAIRS,
    PLACES,
    SIDE,
    Fit,
    fit_all,
    misplaced,
    shifted,
    small_image,
    small_mask,
)

FLIPS = list(PLACES)[1:4]  # those that keep width and height
Change = Callable[[np.ndarray], np.ndarray]


def same(mask: np.ndarray) -> np.ndarray:
    return mask


def ellipse(shape: tuple[int, int], place: Sequence[float], radii: Sequence[float]) -> np.ndarray:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return ((y - place[0]) / radii[0]) ** 2 + ((x - place[1]) / radii[1]) ** 2 < 1


def scene(seed: int, shape: tuple[int, int] = (96, 96)) -> tuple[np.ndarray, np.ndarray]:
    """An image uint8 [H, W, 3] of two ellipses on a ground, in noise, and its mask."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    size = np.array(shape)
    for value in (1, 2):
        place, radii = size * rng.uniform(0.2, 0.8, 2), size * rng.uniform(0.1, 0.2, 2)
        mask[ellipse(shape, place, radii)] = value
    colors = rng.integers(0, 256, (3, 3))[mask]
    return np.clip(colors + rng.normal(0, 12, colors.shape), 0, 255).astype(np.uint8), mask


def fit(image: np.ndarray, mask: np.ndarray) -> Fit | None:
    return fit_all([image], [mask])[0]


def fits(
    count: int, change: Change = same, only: int | None = None, shape: tuple[int, int] = (96, 96)
) -> list[Fit | None]:
    """The fits of so many scenes, of which all masks, or that of one, are changed."""
    found = []
    for n in range(count):
        image, mask = scene(n, shape)
        changed = change(mask) if only in (None, n) else mask
        found.append(fit(small_image(image), small_mask(changed)))
    return found


def moved(mask: np.ndarray) -> np.ndarray:
    """The mask a tenth of its height too low and a tenth of its width too far to the left."""
    height, width = mask.shape
    return np.roll(mask, (height // 10, -width // 10), axis=(0, 1))


SHAPES = [(96, 96), (60, 200), (200, 60)]


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_said_of_masks_that_fit(shape):
    assert misplaced(fits(20, shape=shape)) == {}
    assert shifted(fits(20, shape=shape)) == {}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("place", FLIPS)
def test_one_flipped_mask_is_found_and_its_place_named(shape, place):
    assert misplaced(fits(20, PLACES[place], only=3, shape=shape)) == {3: place}


@pytest.mark.parametrize("place", [place for place in PLACES if place not in FLIPS][1:])
def test_a_turned_mask_of_a_square_image_is_found(place):
    turned = fits(20, PLACES[place], only=3)
    back = {"turned by 90° clockwise": "turned by 90° anticlockwise",
            "turned by 90° anticlockwise": "turned by 90° clockwise"}  # fmt: skip
    assert misplaced(turned) == {3: back.get(place, place)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("place", FLIPS)
def test_a_set_that_is_flipped_as_a_whole_is_found(shape, place):
    wrong = misplaced(fits(20, PLACES[place], shape=shape))
    assert set(wrong.values()) == {place}
    assert len(wrong) >= 18


@pytest.mark.parametrize("shape", SHAPES)
def test_one_shifted_mask_is_found_with_how_far_it_is_off(shape):
    wrong = fits(20, moved, only=3, shape=shape)
    assert misplaced(wrong) == {}
    ((index, (x, y)),) = shifted(wrong).items()
    assert index == 3
    assert (x, y) == pytest.approx((-0.1, 0.1), abs=0.03)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_set_that_is_shifted_as_a_whole_is_found(shape):
    wrong = shifted(fits(20, moved, shape=shape))
    assert len(wrong) >= 18
    assert np.mean(list(wrong.values()), axis=0) == pytest.approx((-0.1, 0.1), abs=0.03)


def test_of_a_few_pairs_nothing_can_be_told():
    few = fits(LEAST_PAIRS - 1, PLACES[FLIPS[0]])
    assert misplaced(few) == shifted(fits(LEAST_PAIRS - 1, moved)) == {}
    assert misplaced([]) == shifted([]) == {}
    assert misplaced([None] * 50) == shifted([None] * 50) == {}


def test_pairs_without_a_fit_do_not_count_and_keep_their_place():
    wrong = [None, *fits(20, PLACES[FLIPS[0]], only=3)]
    assert misplaced(wrong) == {4: FLIPS[0]}
    assert shifted([None, *fits(20, moved, only=3)]).keys() == {4}


# Sets in which nothing is wrong, though it may look so


def on_noise(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Masks that have nothing to do with their image."""
    return rng.integers(0, 256, (48, 48, 3)).astype(np.uint8), scene(int(rng.integers(999)))[1]


def on_one_color(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    image = np.full((96, 96, 3), rng.integers(256), np.uint8)
    return image, scene(int(rng.integers(999)))[1]


def hardly_seen(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Objects that differ little from a ground full of clutter."""
    clutter = cv2.resize(rng.integers(0, 256, (12, 12, 3)).astype(np.uint8), (96, 96),
                         interpolation=cv2.INTER_CUBIC)  # fmt: skip
    mask = ellipse((96, 96), rng.uniform(25, 70, 2), rng.uniform(8, 20, 2))
    image = clutter + mask[..., None] * rng.uniform(-60, 60)
    return np.clip(image, 0, 255).astype(np.uint8), mask.astype(np.uint8)


def in_the_centre(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An object that is nearly its own mirror image."""
    mask = ellipse((96, 96), rng.normal(48, 2, 2), rng.uniform(15, 35, 2)).astype(np.uint8)
    colors = rng.integers(0, 256, (2, 3))[mask]
    return np.clip(colors + rng.normal(0, 40, colors.shape), 0, 255).astype(np.uint8), mask


def in_a_pattern(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Objects in rows, as solar panels, whose edges fit again one object farther."""
    y, x = (np.mgrid[:96, :96] + rng.integers(0, 20, (2, 1, 1))) % rng.integers(8, 20)
    mask = ((y < 6) & (x < 6)).astype(np.uint8)
    image = np.array([40, 190])[mask][..., None] + rng.normal(0, 20, (96, 96, 3))
    return np.clip(image, 0, 255).astype(np.uint8), mask


@pytest.mark.parametrize("draw", [on_noise, on_one_color, hardly_seen, in_the_centre, in_a_pattern])
@pytest.mark.parametrize("count", [LEAST_PAIRS, 40, 300])
def test_nothing_is_said_of_sets_that_show_nothing_clearly(draw, count):
    rng = np.random.default_rng(count)
    drawn = [draw(rng) for _ in range(count)]
    found = [fit(small_image(image), small_mask(mask)) for image, mask in drawn]
    assert misplaced(found) == {}
    assert shifted(found) == {}


# What is measured


@pytest.mark.parametrize("value", [0, 1])
def test_a_plain_mask_has_no_fit(value):
    image = scene(0)[0]
    assert fit(small_image(image), np.full((SIDE, SIDE), value, np.uint8)) is None


def test_a_mask_with_edges_at_its_rim_alone_has_no_fit():
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:2] = 1
    assert fit(small_image(scene(0)[0]), mask) is None


def test_a_mask_that_changes_at_every_pixel_has_no_fit():
    mask = (np.indices((SIDE, SIDE)).sum(axis=0) % 2).astype(np.uint8)
    assert fit(small_image(scene(0)[0]), mask) is None


def test_an_image_of_one_colour_fits_equally_in_every_place():
    found = fit(np.full((SIDE, SIDE, 3), 90, np.uint8), small_mask(scene(0)[1]))
    assert found is not None
    assert found.scores.tolist() == [0] * 8
    assert (found.gain, found.unshifted, found.explained) == (0, 0, (0, 0))


def test_many_pairs_at_once_are_measured_as_one_alone():
    scenes = [scene(n) for n in range(9)]
    images = [small_image(image) for image, _ in scenes]
    masks = [small_mask(mask) for _, mask in scenes]
    masks[2] = masks[2].astype(np.int32) * 100_000
    masks[4] = np.zeros_like(masks[4])
    masks[6] = np.arange(SIDE * SIDE, dtype=np.int32).reshape(SIDE, SIDE) // 200
    together = fit_all(images, masks)
    assert together[4] is None
    for one, image, mask in zip(together, images, masks, strict=True):
        alone = fit(image, mask)
        assert (one is None) == (alone is None)
        if one and alone:
            np.testing.assert_allclose(one.scores, alone.scores, atol=1e-5)
            assert one.shift == alone.shift
            assert one.explained == pytest.approx(alone.explained, abs=1e-5)


def test_the_scores_of_a_placed_mask_are_those_of_the_mask_in_that_place():
    image, mask = scene(0)
    image, mask = small_image(image), small_mask(mask)
    plain = fit(image, mask)
    assert plain is not None
    for index, place in enumerate(PLACES.values()):
        placed = fit(image, np.ascontiguousarray(place(mask)))
        assert placed is not None
        assert placed.scores[0] == pytest.approx(plain.scores[index], abs=0.12)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_of_many_values_the_lowest_and_the_rest_are_measured(dtype):
    image, mask = scene(0)
    many = mask.astype(dtype)
    many[mask > 0] = np.arange(1, 1 + (mask > 0).sum()) % 200 // 20 + 1
    found = fit(small_image(image), small_mask(many))
    assert found is not None
    assert found.scores[0] > 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (3, 200), (48, 48), (500, 333)])
def test_small_copies_have_one_size_whatever_that_of_the_file(shape):
    image = np.zeros((*shape, 3), np.uint8)
    mask = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    assert small_image(image).shape == (SIDE, SIDE, 3)
    assert small_image(image[..., 0]).shape == (SIDE, SIDE, 1)
    small = small_mask(mask)
    assert small.shape == (SIDE, SIDE)
    assert set(small.ravel()) <= set(mask.ravel())
    assert small.dtype == mask.dtype
