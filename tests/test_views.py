"""Squares cut from an image, and the image put together of them again, by rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright import views
from maskwright.config import ViewConfig
from maskwright.data.rasters import Held
from maskwright.data.view import warp_image
from maskwright.views import views_of


def there_and_back(image: np.ndarray, view: ViewConfig, margin: int = 0) -> np.ndarray:
    """What comes back where the network gives the pixels it sees, without the margin."""
    cutting, parts, end = views_of(Held(image), view, margin), [], 0
    side = view.size + 2 * margin
    for cut in cutting.cuts():
        for square in cut():
            assert square.shape == (side, side, image.shape[2])
            inner = square[margin : side - margin, margin : side - margin]
            for rows in cutting.put(inner.astype(np.float32)):
                assert (rows.top, rows.height) == (end, len(image))
                parts.append(rows.probabilities)
                end = rows.end
    return np.concatenate(parts)


sides = st.integers(1, 70)


@given(sides, sides, st.integers(2, 24), st.floats(0, 0.9), st.integers(0, 9), st.integers(0, 99))
def test_windows_of_any_image_give_it_back(height, width, size, overlap, margin, seed):
    image = np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)
    found = there_and_back(image, ViewConfig(size, "window", 1.0, overlap), margin)
    np.testing.assert_allclose(found, image, atol=1e-3)


def waves(height: int, width: int) -> np.ndarray:
    """An image uint8 [height, width, 3] without fine detail."""
    y, x = np.mgrid[:height, :width]
    image = 120 + 60 * np.sin(x / 19) + 60 * np.cos(y / 17)
    return np.rint(image[..., None] + [0, 5, 10]).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.3, 0.5, 0.71, 1.7, 2.0])
@pytest.mark.parametrize("size", [(97, 131), (40, 300), (9, 12)])
def test_windows_of_a_scaled_copy_come_back_in_place(scale, size):
    image = waves(*size)
    found = there_and_back(image, ViewConfig(16, "window", scale), margin=2)
    assert found.shape == image.shape
    assert np.abs(found - image).max() < 10  # at the border half a pixel of the copy is unknown
    assert abs((found - image).mean()) < 0.6  # no shift


@pytest.mark.parametrize("scale", [0.3, 0.5, 0.71, 1.0, 1.7])
def test_tiles_show_what_one_large_view_shows(scale):
    image = np.random.default_rng(0).integers(256, size=(120, 150, 3), dtype=np.uint8)
    grain = max(1, int(1 / scale))
    image = image[: 120 // grain * grain, : 150 // grain * grain]
    cutting = views.Windows(Held(image), ViewConfig(16, "window", scale))
    large = warp_image(image, cutting.matrix, 400)
    for top, cut in zip(cutting.grid.tops, cutting.cuts(), strict=True):
        for left, tile in zip(cutting.grid.lefts, cut(), strict=True):
            seen = large[top : top + 16, left : left + 16].astype(int)
            inside = seen[: cutting.grid.height - top, : cutting.grid.width - left]
            assert np.abs(tile[: inside.shape[0], : inside.shape[1]] - inside).max() <= 1


@pytest.mark.parametrize("fit", ["pad", "squash", "window"])
@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_rows_do_not_depend_on_how_many_are_given_at_a_time(fit, scale, monkeypatch):
    image = waves(90, 70)
    view = ViewConfig(32, fit, scale)
    whole = there_and_back(image, view)
    for limit in ("views.WHOLE", "views.AT_ONCE", "tiling.AT_ONCE"):
        monkeypatch.setattr(f"maskwright.{limit}", 70 * 3 * 7)
    np.testing.assert_allclose(there_and_back(image, view), whole, atol=0.2)


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 3)])
@pytest.mark.parametrize("fit", ["pad", "squash", "window"])
@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_the_smallest_and_the_thinnest(size, fit, scale):
    image = np.full((*size, 3), 77, np.uint8)
    found = there_and_back(image, ViewConfig(16, fit, scale), margin=3)
    np.testing.assert_allclose(found, image, atol=1e-3)


def test_beyond_the_border_the_image_is_mirrored():
    image = np.array([[[10], [20], [30]]], np.uint8)
    cutting = views_of(Held(image), ViewConfig(6, "window"))
    ((tile,),) = [cut() for cut in cutting.cuts()]
    assert tile[0, :, 0].tolist() == [10, 20, 30, 20, 10, 20]
    assert (tile == tile[0]).all()


@settings(max_examples=30)
@given(st.integers(30, 90), st.integers(30, 90), st.integers(0, 99))
def test_an_image_shifted_by_a_pixel_gives_what_is_shifted_by_a_pixel(height, width, seed):
    image = np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)
    view = ViewConfig(16, "window")
    moved = there_and_back(np.roll(image, 1, axis=1), view)
    np.testing.assert_allclose(moved[:, 1:], there_and_back(image, view)[:, :-1], atol=1e-3)
