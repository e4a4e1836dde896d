"""Painted outlines, against answers by hand and the law that neighbours share no pixel."""

import numpy as np
import pytest

from maskwright.data.ingest.outlines import ellipse, fill, rectangle


def painted(corners, height: int = 6, width: int = 8) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    fill(mask, np.array(corners, np.float64), 1)
    return mask


def test_a_triangle_holds_the_pixels_whose_centres_lie_inside():
    assert painted([(0, 0), (4, 0), (0, 4)], 4, 5).tolist() == [
        [1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_hollow_part_of_an_outline_stays_unpainted():
    arms = [(0, 0), (5, 0), (5, 3), (4, 3), (4, 1), (1, 1), (1, 3), (0, 3)]
    assert painted(arms, 3, 5).tolist() == [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1]]


def test_an_outline_that_crosses_itself_is_even_and_odd():
    bow = [(0, 0), (4, 4), (4, 0), (0, 4)]
    assert painted(bow, 4, 4).tolist() == [
        [0, 0, 0, 1],
        [1, 0, 1, 1],
        [1, 0, 1, 1],
        [0, 0, 0, 1],
    ]


@pytest.mark.parametrize("far", [0, 10, 1e9])
def test_what_lies_outside_of_the_image_is_cut_off(far):
    outline = [(-far, -far), (8 + far, -far), (8 + far, 6 + far), (-far, 6 + far)]
    assert painted(outline).all()
    assert not painted([(-far - 5, 0), (-far - 1, 0), (-far - 1, 6)]).any()
    assert not painted([(0, 6 + far), (8, 6 + far), (8, 9 + far)]).any()


def test_polygons_that_share_an_edge_share_no_pixel_and_leave_none_out():
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, y = rng.uniform(1, 7), rng.uniform(1, 5)
        whole = [(0, 0), (8, 0), (8, 6), (0, 6)]
        parts = [[whole[k], whole[(k + 1) % 4], (x, y)] for k in range(4)]
        assert (sum(painted(part).astype(int) for part in parts) == 1).all()


def test_a_rectangle_turns_clockwise_about_its_upper_left_corner():
    assert painted(rectangle(1, 2, 3, 1, 0)).nonzero()[0].tolist() == [2, 2, 2]
    assert rectangle(200, 100, 300, 100, 90).round(6).tolist() == [
        [200, 100],
        [200, 400],
        [100, 400],
        [100, 100],
    ]


def test_an_ellipse_lies_about_its_centre_and_turns():
    lying = painted(ellipse(50, 40, 30, 10, 0), 80, 100)
    assert np.isclose(lying.sum(), np.pi * 300, rtol=0.01)
    rows, columns = lying.nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 49, 20, 79)
    standing = painted(ellipse(50, 40, 10, 30, 0), 80, 100)
    assert np.array_equal(painted(ellipse(50, 40, 30, 10, 90), 80, 100), standing)
    falling = painted(ellipse(50, 40, 30, 10, 45), 80, 100)
    assert falling[50, 60]
    assert not falling[30, 60]
