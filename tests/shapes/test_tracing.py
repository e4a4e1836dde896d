"""Rings along the edges of pixels, worked out by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maskwright.shapes.tracing import trace


def rings(parts):
    found = trace(np.array(parts, np.int32))
    pairs = zip(found.start, found.start[1:], strict=False)
    return [found.points[first:stop].tolist() for first, stop in pairs], found


def test_a_pixel_is_a_square_that_goes_clockwise_with_y_down():
    found, about = rings([[0, 0], [0, 1]])
    assert found == [[[1, 1], [2, 1], [2, 2], [1, 2]]]
    assert about.part.tolist() == [1]
    assert not about.node.any()


def test_straight_sides_have_no_points_between_their_ends():
    assert rings([[1, 1, 1]])[0] == [[[0, 0], [3, 0], [3, 1], [0, 1]]]


def test_a_hole_is_a_ring_of_its_own_that_goes_the_other_way():
    found, about = rings([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    assert found == [[[0, 0], [3, 0], [3, 3], [0, 3]], [[1, 1], [1, 2], [2, 2], [2, 1]]]
    assert about.part.tolist() == [1, 1]


def test_a_hole_at_a_corner_of_the_outside_meets_it_in_one_point_and_does_not_open():
    found, about = rings([[1, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert len(found) == 2
    assert [2, 2] in found[0]
    assert [2, 2] in found[1]
    assert about.points[about.node].tolist() == [[2, 2], [2, 2]]


def test_two_holes_at_a_corner_stay_two():
    found, _ = rings([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]])
    assert sorted(len(ring) for ring in found) == [4, 4, 4]


def test_where_three_regions_meet_there_is_a_node():
    _, about = rings([[1, 2], [0, 0]])
    assert sorted(set(map(tuple, about.points[about.node].tolist()))) == [(1, 0), (1, 1)]


def test_no_part_no_ring():
    found, about = rings([[0, 0], [0, 0]])
    assert (found, about.start.tolist()) == ([], [0])


@given(arrays(np.int32, (7, 8), elements=st.integers(0, 3)))
def test_the_area_between_a_parts_rings_is_that_of_its_pixels(values):
    from skimage.measure import label

    parts = label(values, connectivity=1)
    found, about = rings(parts)
    area = np.zeros(parts.max() + 1)
    for ring, part in zip(found, about.part, strict=True):
        (x, y), (to_x, to_y) = np.array(ring).T, np.roll(ring, -1, axis=0).T
        area[part] += (x * to_y - to_x * y).sum() / 2
        assert len(set(map(tuple, ring))) == len(ring)  # it never comes to a point twice
    np.testing.assert_array_equal(area[1:], np.bincount(parts.ravel())[1:])
