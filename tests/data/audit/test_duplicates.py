"""The same picture twice is found, however it was copied; different pictures are not."""

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from made import jpeg

from maskwright.data.audit.alignment import PLACES, small_image
from maskwright.data.audit.duplicates import (
    BLOCK,
    LEAST_CONTRAST,
    SIDE,
    alike,
    clusters,
    details_of,
    same_details,
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


def found(images: Sequence[np.ndarray | None]) -> list[list[int]]:
    """The clusters of images; None stands for one that can no longer be read."""
    seen = [np.zeros((9, 9, 3), np.uint8) if one is None else one for one in images]
    digests = [hashlib.sha256(one.tobytes()).hexdigest() + str(one.shape) for one in seen]
    thumbnails = [thumbnail(small_image(one)) for one in seen]
    return clusters(digests, thumbnails, lambda index: images[index])


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
    for n in range(6):
        grain = np.random.default_rng(n).normal(0, 12, (30, 40, 3)).astype(np.float32)
        images.append(np.clip(sky + cv2.resize(grain, (160, 120)), 0, 255).astype(np.uint8))
    thumbnails = [thumbnail(small_image(one)) for one in images]
    assert len(list(alike(thumbnails))) == 15
    assert found(images) == []


def test_equal_files_are_found_without_a_look_at_them():
    def never(index: int) -> np.ndarray:
        raise AssertionError(index)

    plain, other = bytes(SIDE * SIDE), thumbnail(small_image(picture(0)))
    digests, thumbnails = ["a", "b", "a", "c", "a", "c"], [plain, plain, plain, other, plain, other]
    assert clusters(digests, thumbnails, never) == [[0, 2, 4], [3, 5]]


def test_images_of_one_colour_are_not_alike():
    images = [np.full((40, 40, 3), grey, np.uint8) for grey in (0, 90, 91, 255)]
    assert found(images) == []


def test_where_the_thumbnails_have_no_contrast_nothing_is_alike():
    faint = np.full((2, SIDE * SIDE), 90, np.uint8)
    faint[:, 0] += int(LEAST_CONTRAST * SIDE) - 1
    assert list(alike([row.tobytes() for row in faint])) == []
    faint[:, 0] += 3
    assert list(alike([row.tobytes() for row in faint])) == [(0, 1)]


def test_no_image_and_one_image_are_no_duplicates():
    assert clusters([], [], lambda index: None) == []
    assert list(alike([])) == []
    assert found([picture(0)]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3)])
def test_images_may_be_a_pixel_wide(shape):
    tiny = [np.random.default_rng(n).integers(0, 256, (*shape, 3)).astype(np.uint8) for n in (0, 1)]
    assert {0, 2} <= set(found([tiny[0], tiny[1], tiny[0]])[0])
    assert same_details(details_of(tiny[0]), details_of(tiny[0])) == (
        shape != (1, 1)
    )  # one pixel has no details


def test_one_that_can_no_longer_be_read_is_not_taken_for_a_copy():
    images = [picture(0), picture(1), COPIES["encoded"](picture(0))]
    digests = ["a", "b", "c"]
    thumbnails = [thumbnail(small_image(one)) for one in images]
    assert clusters(digests, thumbnails, lambda index: None) == []
    assert clusters(digests, thumbnails, lambda index: images[index]) == [[0, 2]]


def test_copies_of_copies_are_one_cluster_with_the_first_in_front():
    first = picture(5)
    images = [picture(0), first, COPIES["mirrored"](first), picture(1), COPIES["smaller"](first),
              COPIES["brighter"](COPIES["mirrored"](first)), picture(0)]  # fmt: skip
    assert found(images) == [[0, 6], [1, 2, 4, 5]]


def test_pairs_are_found_across_blocks_and_once_each():
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(0, 256, (BLOCK + 40, SIDE * SIDE)).astype(np.uint8)
    thumbnails[BLOCK + 3] = thumbnails[7]
    thumbnails[BLOCK + 30] = thumbnails[BLOCK + 20]
    thumbnails[5] = thumbnails[2].reshape(SIDE, SIDE)[::-1].ravel()
    pairs = sorted(alike([row.tobytes() for row in thumbnails]))
    assert pairs == [(2, 5), (7, BLOCK + 3), (BLOCK + 20, BLOCK + 30)]


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_a_thumbnail_is_grey_and_has_256_bytes(bands):
    image = np.full((30, 40, bands), 77, np.uint8)
    assert thumbnail(image) == bytes([77] * 256)
