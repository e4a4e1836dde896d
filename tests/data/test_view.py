"""One affine map from an image to its view and back, measured in pixels."""

import cv2
import numpy as np
import pytest

from maskwright.data.labels import IGNORE
from maskwright.data.view import (
    Frame,
    frame_of,
    moved,
    restore,
    shrink,
    shrink_mask,
    stored_matrix,
    view_matrix,
    warp_image,
    warp_mask,
)

FITS = ["pad", "squash"]
SIZES = [(30, 50), (64, 64), (97, 41), (128, 200), (333, 210)]


def smooth(height: int, width: int, seed: int) -> np.ndarray:
    """A picture without fine detail, uint8 [H, W, 3], so that it survives being shrunk."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(2 * np.pi * (a * x + b * y + c)) for a, b, c in rng.uniform(-2, 2, (5, 3))]
    grey = np.clip(128 + 22 * np.sum(waves, axis=0), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def best_shift(a: np.ndarray, b: np.ndarray, reach: int = 3) -> tuple[int, int]:
    """By how many pixels b must be moved down and right to be most like a."""
    inner = a[reach:-reach, reach:-reach]
    errors = {
        (dy, dx): np.square(inner - np.roll(b, (dy, dx), (0, 1))[reach:-reach, reach:-reach]).mean()
        for dy in range(-reach, reach + 1)
        for dx in range(-reach, reach + 1)
    }
    return min(errors, key=errors.__getitem__)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_corners_of_the_image_meet_the_view(height, width, fit):
    """In pixel edges: the longer side fills the view, the shorter one lies in the middle of it.

    There are whole pixels before and behind it, behind it perhaps one more.
    """
    matrix = view_matrix(height, width, 48, fit)
    corners = matrix @ np.array([[-0.5, width - 0.5], [-0.5, height - 0.5], [1, 1]]) + 0.5
    if fit == "squash":
        np.testing.assert_allclose(corners, [[0, 48], [0, 48]], atol=1e-9)
    else:
        assert matrix[0, 0] == matrix[1, 1]
        around = np.stack([corners[:, 0], 48 - corners[:, 1]]) / matrix[0, 0]
        np.testing.assert_allclose(around, np.rint(around), atol=1e-9)
        before, behind = np.rint(around)
        assert min(before) == 0
        assert set(behind - before) <= {0, 1}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_restore_undoes_warp_without_a_shift(height, width, fit):
    image = smooth(height, width, height)
    matrix = view_matrix(height, width, 64, fit)
    back = restore(warp_image(image, matrix, 64).astype(np.float32), matrix, height, width)
    assert back.shape == image.shape
    assert best_shift(image[..., 0].astype(float), back[..., 0]) == (0, 0)
    inner = np.abs(back - image)[8:-8, 8:-8]
    assert inner.mean() < 4


def test_restore_of_the_view_of_a_mask_finds_its_edges():
    mask = np.zeros((90, 60), np.uint8)
    mask[30:60, 15:45] = 1
    matrix = view_matrix(90, 60, 180, "pad")
    view = np.eye(2, dtype=np.float32)[np.minimum(warp_mask(mask, matrix, 180), 1)]
    np.testing.assert_array_equal(restore(view, matrix, 90, 60).argmax(axis=-1), mask)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), [*SIZES, (61, 40), (40, 61), (375, 500), (48, 500)])
def test_a_resized_frame_is_the_affine_map(height, width, fit):
    """Both ways, as OpenCV's own map has them; which way was taken is seen by the frame."""
    matrix = view_matrix(height, width, 48, fit)
    frame = frame_of(matrix, 48, 48)
    assert frame
    image = np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)
    if max(frame.shape) < 96:  # no blocks are averaged
        plain = cv2.warpAffine(image, matrix, (48, 48), borderMode=cv2.BORDER_REFLECT_101)
        assert np.abs(warp_image(image, matrix, 48).astype(int) - plain).max() <= 2
    scores = np.random.default_rng(1).random((48, 48, 2), np.float32)
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    for k in range(2):
        plane = cv2.warpAffine(scores[..., k], matrix, (width, height), None, flags, border)
        np.testing.assert_allclose(restore(scores, matrix, height, width)[..., k], plane, atol=4e-3)


def test_what_is_turned_or_cuts_a_pixel_has_no_frame():
    matrix = view_matrix(60, 90, 30, "pad")
    assert frame_of(moved(matrix, 1), 32, 32) == (-18, 78, -3, 93)
    assert frame_of(moved(matrix, 0.4), 30, 30) is None
    assert frame_of(matrix * [[1, 1, 1], [1, -1, 1]], 30, 30) is None
    assert frame_of(matrix + np.array([[0, 0.1, 0], [0, 0, 0]]), 30, 30) is None


def test_a_frame_beyond_the_border_holds_the_reflection_of_the_whole_image():
    image = np.arange(10, dtype=np.uint8).reshape(1, 10, 1)
    seen = Frame(0, 3, 7, 16).of(image)
    assert seen.tolist() == [[7, 8, 9, 8, 7, 6, 5, 4, 3]] * 3
    assert Frame(-1, 1, -3, 2).of(image).tolist() == [[3, 2, 1, 0, 1]] * 2


def test_a_frame_far_larger_than_the_image_is_not_made():
    narrow = frame_of(view_matrix(10, 1000, 48, "pad"), 48, 48)
    assert narrow == (-495, 505, 0, 1000)
    assert not narrow.holds(10, 1000)
    assert frame_of(view_matrix(500, 1000, 48, "pad"), 48, 48).holds(500, 1000)
    assert not Frame(0, 8, 0, 8).holds(9, 8)


@pytest.mark.parametrize("channels", range(1, 11))
def test_restore_gives_a_channel_the_same_whatever_is_beside_it(channels):
    scores = np.random.default_rng(0).random((16, 16, channels), np.float32)
    matrix = view_matrix(20, 31, 16, "pad")
    whole = restore(scores, matrix, 20, 31)
    assert whole.shape == (20, 31, channels)
    for k in range(channels):
        np.testing.assert_array_equal(
            whole[..., k : k + 1], restore(scores[..., k : k + 1], matrix, 20, 31)
        )


def test_an_image_of_the_views_size_is_left_alone():
    image = np.random.default_rng(0).integers(256, size=(32, 32, 3)).astype(np.uint8)
    matrix = view_matrix(32, 32, 32, "pad")
    np.testing.assert_array_equal(warp_image(image, matrix, 32), image)
    np.testing.assert_array_equal(warp_mask(image[..., 0], matrix, 32), image[..., 0])


def test_pad_keeps_the_aspect_and_squash_does_not():
    image = np.zeros((60, 120, 3), np.uint8)
    image[20:40, 50:70] = 255  # a square; with "pad" its reflections lie beyond the rows 15 to 45
    for fit, width, height in (("pad", 10, 10), ("squash", 10, 20)):
        seen = warp_image(image, view_matrix(60, 120, 60, fit), 60)[15:45, :, 0] > 127
        assert (seen.any(axis=0).sum(), seen.any(axis=1).sum()) == (width, height)


def test_pad_reflects_the_image_and_ignores_the_mask_beyond_it():
    image = np.repeat(np.arange(16, dtype=np.uint8)[:, None], 32, axis=1)[..., None].repeat(3, 2)
    matrix = view_matrix(16, 32, 32, "pad")
    view = warp_image(image, matrix, 32)[:, 5, 0]
    assert view.tolist() == [*range(8, 0, -1), *range(16), *range(14, 6, -1)]
    seen = warp_mask(np.zeros((16, 32), np.uint8), matrix, 32)
    assert (seen[:8] == IGNORE).all()
    assert (seen[8:24] == 0).all()
    assert (seen[24:] == IGNORE).all()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), [(600, 600), (450, 613), (900, 150), (64, 640)])
def test_a_fine_checkerboard_becomes_grey_when_it_is_shrunk_a_lot(height, width, fit):
    board = (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)
    view = warp_image(board[..., None].repeat(3, 2), view_matrix(height, width, 64, fit), 64)
    assert np.abs(view.astype(int) - 127).max() < 14


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_images_of_a_pixel_or_a_line_have_a_view(size):
    matrix = view_matrix(*size, 32, "pad")
    assert (warp_image(np.full((*size, 3), 7, np.uint8), matrix, 32) == 7).all()
    assert restore(np.ones((32, 32, 2), np.float32), matrix, *size).shape == (*size, 2)


def test_squashing_an_elongated_image_averages_the_long_axis_alone():
    stripes = np.zeros((40, 1000, 3), np.uint8)
    stripes[np.arange(40) % 4 < 2] = 255
    view = warp_image(stripes, view_matrix(40, 1000, 64, "squash"), 64)
    assert np.ptp(view[:, 32, 0]) > 200  # rows are enlarged: their stripes stay
    fine = np.zeros((40, 1000, 3), np.uint8)
    fine[:, np.arange(1000) % 4 < 2] = 255
    view = warp_image(fine, view_matrix(40, 1000, 64, "squash"), 64)
    assert np.ptp(view[32, 4:-4, 0]) < 64  # columns are shrunk: theirs turn grey


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_smaller_copy_has_the_view_of_the_image_without_a_shift(height, width, fit):
    image = smooth(height, width, height)
    half = shrink(image, height // 2, width // 2)
    matrix = view_matrix(height, width, 64, fit)
    seen = warp_image(half, stored_matrix(matrix, half.shape, (height, width)), 64)
    wanted = warp_image(image, matrix, 64)
    assert best_shift(wanted[..., 0].astype(float), seen[..., 0].astype(float)) == (0, 0)
    assert np.abs(seen.astype(int) - wanted).mean() < 3


def test_the_map_from_a_copy_of_the_same_size_is_the_map_itself():
    matrix = view_matrix(30, 50, 64, "pad")
    assert stored_matrix(matrix, (30, 50, 3), (30, 50)) is matrix


@pytest.mark.parametrize("channels", range(1, 13))
def test_a_channel_is_shrunk_the_same_whatever_is_beside_it(channels):
    image = np.random.default_rng(0).integers(256, size=(31, 47, channels)).astype(np.uint8)
    whole = shrink(image, 13, 20)
    assert whole.shape == (13, 20, channels)
    for k in range(channels):
        np.testing.assert_array_equal(whole[..., k : k + 1], shrink(image[..., k : k + 1], 13, 20))


@pytest.mark.parametrize("channels", range(1, 13))
def test_views_have_as_many_channels_as_the_image(channels):
    image = np.repeat(smooth(200, 150, 1)[..., :1], channels, axis=2)
    for size in (16, 180):  # with blocks averaged and without
        matrix = view_matrix(200, 150, size, "squash")
        out = np.zeros((size, size, channels), np.uint8)
        view = warp_image(image, matrix, size, out)
        assert view.shape == out.shape
        assert np.shares_memory(view, out)
        alone = warp_image(image[..., :1].copy(), matrix, size)
        assert np.abs(view.astype(int) - alone).max() <= 2  # OpenCV's steps of 1/32 pixel


def test_a_shrunk_mask_keeps_the_class_at_each_new_centre():
    mask = np.array([[0, 1, 2, 3, 4, 5]] * 3, np.uint8)
    np.testing.assert_array_equal(shrink_mask(mask, 1, 2), [[1, 4]])
    assert shrink_mask(mask, 3, 6) is mask


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (30, 50), (64, 64), (200, 90)])
def test_what_lies_outside_is_the_reflection_as_opencv_has_it_however_far(size):
    image, seen = smooth(200, 200, 0)[: size[0], : size[1]], 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        matrix = view_matrix(*size, 48, FITS[seed % 2])
        turn = rng.uniform(-1.5, 1.5, (2, 2)) + np.diag(rng.choice([-1, 1], 2) * 2)
        matrix = np.column_stack([turn @ matrix[:, :2], matrix[:, 2] + rng.uniform(-150, 150, 2)])
        plain = cv2.warpAffine(image, matrix, (48, 48), borderMode=cv2.BORDER_REFLECT_101)
        if np.hypot(matrix[0, :2], matrix[1, :2]).min() > 0.5:  # no blocks are averaged
            seen += 1
            assert np.abs(warp_image(image, matrix, 48).astype(int) - plain).max() <= 2
    assert seen > 5


@pytest.mark.parametrize("at", [-9.3, 500.2, 40_000 - 20.7])
def test_long_images_are_bent_as_their_parts_are(at):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (48, 40_000, 3), np.uint8)
    mask = rng.integers(0, 3, (48, 40_000)).astype(np.uint8)
    bend = rng.normal(0, 2, (32, 32, 2)).astype(np.float32)
    start = int(np.clip(at - 100, 0, 40_000 - 300))
    part = np.s_[:, start : start + 300]
    whole = np.array([[1.0, 0, -at], [0, 1, -8.25]])
    same = np.array([[1.0, 0, start - at], [0, 1, -8.25]])
    seen = warp_image(image, whole, 32, bend=bend).astype(int)
    assert np.abs(seen - warp_image(image[part], same, 32, bend=bend)).max() <= 2  # float32 places
    equal = warp_mask(mask, whole, 32, bend=bend) == warp_mask(mask[part], same, 32, bend=bend)
    assert equal.mean() > 0.99
