"""Tiles: they cover the image, and stitching them gives it back."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.tiling import Grid, Stitching, fade, starts


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


def stitched(grid: Grid, tiles: list[np.ndarray]) -> np.ndarray:
    """The image that tiles give, checked to come in order and without gaps."""
    stitching, parts, end = Stitching(grid), [], 0
    for tile in tiles:
        for top, rows in stitching.put(tile):
            assert top == end
            parts.append(rows)
            end += len(rows)
    return np.concatenate(parts)


@given(grids(), st.integers(0, 99))
def test_stitching_what_was_cut_gives_the_image(grid, seed):
    shape = (max(grid.height, grid.tile), max(grid.width, grid.tile), 2)
    image = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    tiles = [
        image[y : y + grid.tile, x : x + grid.tile]
        for y, x in itertools.product(grid.tops, grid.lefts)
    ]
    found = stitched(grid, tiles)
    np.testing.assert_allclose(found, image[: grid.height, : grid.width], atol=1e-5)


def test_where_tiles_disagree_the_nearer_one_weighs_more():
    """Two tiles of 0 and 1 that share four pixels: by hand, from the squared sines."""
    grid = Grid(1, 12, 8, 4)
    tiles = [np.full((8, 8, 1), value, np.float32) for value in (0, 1)]
    line = np.sin(np.pi * (np.arange(8) + 0.5) / 8) ** 2
    wanted = [line[x] / (line[x] + line[x + 4]) for x in range(4)]
    found = stitched(grid, tiles)[0, :, 0]
    np.testing.assert_allclose(found, [0] * 4 + wanted + [1] * 4, atol=1e-6)
    assert (np.diff(found) >= 0).all()


def test_weights_are_above_zero_to_the_very_edge():
    assert fade(256).min() > 0
    assert fade(1).tolist() == [1.0]
