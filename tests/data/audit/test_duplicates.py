"""The same picture twice is found, however it was copied; different pictures are not."""

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from made import jpeg

from maskwright.data.audit import duplicates
from maskwright.data.audit.alignment import PLACES, small_image
from maskwright.data.audit.duplicates import (
    ALIKE,
    FEW,
    LEAST_CONTRAST,
    ORDERS,
    SIDE,
    Alike,
    Sets,
    _alike,
    _units,
    clusters,
    thumbnail,
)


def picture(seed: int, height: int = 120, width: int = 160) -> np.ndarray:
    """Soft blotches with fine grain, as photographs have, uint8 [H, W, 3]."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (5, 6, 3)).astype(np.uint8)
    fine = rng.integers(-25, 26, (height // 4, width // 4, 3)).astype(np.float32)
    soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(soft + grain, 0, 255).astype(np.uint8)


def seen(images: Sequence[np.ndarray]) -> Alike:
    """What is alike among images, of which equal ones are equal files."""
    digests = [hashlib.sha256(one.tobytes()).hexdigest() + str(one.shape) for one in images]
    return clusters(digests, [thumbnail(small_image(one)) for one in images])


def found(images: Sequence[np.ndarray]) -> list[list[int]]:
    alike = seen(images)
    assert not alike.scene
    return alike.groups


def brighter(image: np.ndarray) -> np.ndarray:
    return np.clip(image.astype(int) * 1.15 + 12, 0, 255).astype(np.uint8)


def smaller(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)


def grey(image: np.ndarray) -> np.ndarray:
    return np.repeat(image.mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)


COPIES = {
    "encoded": lambda image: jpeg(image, 40),
    "smaller": smaller,
    "brighter": brighter,
    "grey": grey,
    "mirrored": lambda image: image[:, ::-1].copy(),
    "all of these": lambda image: jpeg(brighter(smaller(image[:, ::-1].copy())), 60),
    "noisy": lambda image: np.clip(
        image + np.random.default_rng(9).normal(0, 6, image.shape), 0, 255
    ).astype(np.uint8),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_found(how):
    images = [picture(n) for n in range(8)]
    images.append(np.ascontiguousarray(COPIES[how](images[3])))
    assert found(images) == [[3, 8]]


@pytest.mark.parametrize("place", list(PLACES)[1:])
def test_a_flipped_or_turned_copy_is_found(place):
    images = [picture(n, 120, 120) for n in range(4)]
    images.append(np.dstack([PLACES[place](images[1][..., band]) for band in range(3)]))
    assert found(images) == [[1, 4]]


def test_different_pictures_are_not_alike():
    assert found([picture(n) for n in range(60)]) == []


def test_pictures_that_are_alike_in_the_large_differ_in_detail():
    """As photographs of sky over ground, or two frames of one microscope."""
    sky = np.linspace(230, 40, 120)[:, None, None]
    images = []
    for n in range(12):
        grain = np.random.default_rng(n).normal(0, 12, (30, 40, 3)).astype(np.float32)
        images.append(np.clip(sky + cv2.resize(grain, (160, 120)), 0, 255).astype(np.uint8))
    units = _units([thumbnail(small_image(one)) for one in images])
    assert (units @ units.T).min() > ALIKE
    assert found(images) == []


def watched(count: int) -> list[np.ndarray]:
    """Images of one scene with a disc that is each time elsewhere."""
    images = []
    for n in range(count):
        image = picture(0)
        place = (20 + 30 * (n % 5), 15 + 30 * (n // 5))
        cv2.circle(image, place, 12, (255 * (image[place[1], place[0]] < 128)).tolist(), -1)
        images.append(image)
    return images


def test_images_of_a_fixed_camera_are_no_duplicates_where_objects_are_seen():
    images = [*watched(20), picture(1), picture(2)]
    assert found(images) == []
    assert found([*images, jpeg(images[7], 60), jpeg(images[21], 60)]) == [[7, 22], [21, 23]]


def test_a_copy_with_a_watermark_is_found():
    images = [picture(n) for n in range(20)]
    images.append(images[4].copy())
    cv2.putText(images[-1], "Mine", (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (180, 180, 180), 1)
    assert found(images) == [[4, 20]]


def test_of_a_scene_in_which_nothing_is_seen_to_move_only_equal_files_are_copies():
    images = [picture(0) for _ in range(20)]
    for n, image in enumerate(images):
        image[n, n] ^= 1
    images += [picture(1), images[3], picture(2)]
    assert seen(images) == Alike([[3, 21]], list(range(20)))


def test_few_images_that_are_alike_are_a_cluster_whatever_the_set():
    images = [picture(0) for _ in range(FEW)]
    for n, image in enumerate(images):
        image[n, n] ^= 1
    assert found(images) == [list(range(FEW))]


def test_equal_files_are_found_whatever_they_show():
    plain, other = bytes(SIDE * SIDE), thumbnail(small_image(picture(0)))
    digests, thumbnails = ["a", "b", "a", "c", "a", "c"], [plain, plain, plain, other, plain, other]
    assert clusters(digests, thumbnails).groups == [[0, 2, 4], [3, 5]]


@pytest.mark.parametrize("count", [500, 3000])
def test_all_that_are_alike_in_some_place_are_found_in_any_block(count, monkeypatch):
    """Beside a comparison of all with all, without the orbits."""
    monkeypatch.setattr(duplicates, "BLOCK", 256)
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (count, 4, 4)).astype(np.uint8)
    for n in range(20):
        one, other = rng.integers(0, count, 2)
        small[one] = list(PLACES.values())[n % 8](small[other])
    noise = rng.integers(-9, 9, (count, SIDE, SIDE))
    large = np.stack(
        [cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for one in small]
    )
    units = _units([one.tobytes() for one in np.clip(large + noise, 0, 255).astype(np.uint8)])
    blocks = [slice(start, start + 256) for start in range(0, count, 256)]
    seen = set()
    for n, rows in enumerate(blocks):
        for columns in blocks[n:]:
            i, j, place = _alike(units, rows, columns)
            turned = units[j[:, None], ORDERS[place]]
            assert (np.einsum("ij,ij->i", units[i], turned) >= ALIKE - 1e-5).all()
            seen |= set(zip(i.tolist(), j.tolist(), strict=True))
    best = np.maximum.reduce([units @ units[:, order].T for order in ORDERS])
    expected = {(i, j) for i, j in np.argwhere(best >= ALIKE).tolist() if i < j}
    assert seen == expected
    assert len(expected) >= 15


def test_sets_are_joined_whatever_the_order():
    rng = np.random.default_rng(0)
    for count, edges in ((10, 4), (500, 300), (9000, 8000)):
        ones, others = rng.integers(0, count, (2, edges))
        sets = Sets(count)
        sets.join(ones, others)
        expected = list(range(count))
        changed = True
        while changed:  # the lowest spreads along the edges
            before = list(expected)
            for a, b in zip(ones.tolist(), others.tolist(), strict=True):
                expected[a] = expected[b] = min(expected[a], expected[b])
            changed = before != expected
        assert sets.leaders.tolist() == expected


def test_images_of_one_colour_are_not_alike():
    images = [np.full((40, 40, 3), grey, np.uint8) for grey in (0, 90, 91, 255)]
    assert found(images) == []


def test_where_the_thumbnails_have_no_contrast_nothing_is_alike():
    faint = np.full((2, SIDE, SIDE), 90, np.uint8)
    faint[:, :2, :2] += int(LEAST_CONTRAST * 16) - 1
    assert not _units([one.tobytes() for one in faint]).any()
    faint[:, :2, :2] += 3
    np.testing.assert_allclose(np.linalg.norm(_units([one.tobytes() for one in faint]), axis=1), 1)
    assert clusters(["a", "b"], [one.tobytes() for one in faint]).groups == [[0, 1]]


def test_no_image_and_one_image_are_no_duplicates():
    assert clusters([], []) == Alike([], [])
    assert found([picture(0)]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3)])
def test_images_may_be_a_pixel_wide(shape):
    tiny = [np.random.default_rng(n).integers(0, 256, (*shape, 3)).astype(np.uint8) for n in (0, 1)]
    assert {0, 2} <= set(found([tiny[0], tiny[1], tiny[0]])[0])
