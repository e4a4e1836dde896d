"""Tiles: they cover the image, and stitching them gives it back."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.tiling import Grid, fade, starts


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    tile = draw(st.integers(1, 24))
    side = st.integers(1, 70)
    return Grid(draw(side), draw(side), tile, draw(st.integers(0, tile - 1)))


@given(st.integers(1, 200), st.integers(1, 40), st.data())
def test_tiles_cover_every_pixel_and_overlap_enough(length, tile, data):
    overlap = data.draw(st.integers(0, tile - 1))
    first = starts(length, tile, overlap)
    assert first[0] == 0
    assert first[-1] + tile == max(length, tile)
    assert all(b - a <= tile - overlap for a, b in itertools.pairwise(first))
    assert first == sorted(set(first))


@pytest.mark.parametrize("overlap", [-1, 16, 20])
def test_an_overlap_out_of_range_names_limit_value_and_fix(overlap):
    with pytest.raises(ValueError, match=rf"in \[0, 16\), got {overlap}; try 4"):
        starts(100, tile=16, overlap=overlap)


@given(grids(), st.integers(0, 99))
def test_stitching_what_was_cut_gives_the_image(grid, seed):
    image = np.random.default_rng(seed).normal(size=(grid.height, grid.width, 2))
    tiles = grid.cut(image.astype(np.float32))
    assert {tile.shape for tile in tiles} == {(grid.tile, grid.tile, 2)}
    np.testing.assert_allclose(grid.stitch(tiles), image, atol=1e-5)


def test_where_tiles_disagree_the_nearer_one_weighs_more():
    """Two tiles of 0 and 1 that share four pixels: by hand, from the squared sines."""
    grid = Grid(1, 12, 8, 4)
    tiles = [np.full((8, 8, 1), value, np.float32) for value in (0, 1)]
    line = np.sin(np.pi * (np.arange(8) + 0.5) / 8) ** 2
    wanted = [line[x] / (line[x] + line[x + 4]) for x in range(4)]
    stitched = grid.stitch(tiles)[0, :, 0]
    np.testing.assert_allclose(stitched, [0] * 4 + wanted + [1] * 4, atol=1e-6)
    assert (np.diff(stitched) >= 0).all()


def test_beyond_the_border_the_image_is_mirrored():
    (tile,) = Grid(1, 3, 6, 0).cut(np.array([[[1], [2], [3]]]))
    assert tile[0, :, 0].tolist() == [1, 2, 3, 3, 2, 1]
    assert (tile == tile[0]).all()


def test_weights_are_above_zero_to_the_very_edge():
    assert fade(256).min() > 0
    assert fade(1).tolist() == [[[1.0]]]


@given(grids(), st.integers(0, 12), st.integers(0, 99))
def test_with_a_margin_each_tile_shows_what_lies_around_it(grid, margin, seed):
    image = np.random.default_rng(seed).normal(size=(grid.height, grid.width, 1))
    image = image.astype(np.float32)
    tiles = grid.cut(image, margin)
    side = grid.tile + 2 * margin
    assert {tile.shape for tile in tiles} == {(side, side, 1)}
    inner = [tile[margin : side - margin, margin : side - margin] for tile in tiles]
    np.testing.assert_allclose(grid.stitch(inner), image, atol=1e-5)
    if margin and grid.height >= grid.tile + margin:  # below the first tile lies the image itself
        below = tiles[0][margin + grid.tile :, margin, 0]
        np.testing.assert_array_equal(below, image[grid.tile : grid.tile + margin, 0, 0])
