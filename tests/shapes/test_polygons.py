"""Masks to polygons and back: laws for any mask, answers by hand for small ones."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scene import MASKS, rasterised, read

from maskwright.data.labels import ClassTable, Label
from maskwright.errors import UsageError
from maskwright.shapes.objects import TOLERANCE, find_objects
from maskwright.shapes.outlines import polygons

TABLE = ClassTable("index", tuple(Label(n, "#000000", (k,)) for k, n in
                                  enumerate(("background", "a", "b"))))  # fmt: skip


def found(mask, **options):
    return find_objects(mask, TABLE, least=1, **options)


@given(MASKS, st.sampled_from([0, 0.1, TOLERANCE, 0.35]))
def test_rasterising_gives_the_mask_back(mask, tolerance):
    objects = found(mask)
    shapes = objects.polygons(tolerance)
    np.testing.assert_array_equal(rasterised(shapes, mask.shape), objects.labels)
    assert shapely.is_valid(shapes).all()


@given(MASKS)
def test_polygons_to_mask_to_polygons(mask):
    first = found(mask).polygons()
    again = polygons(rasterised(first, mask.shape), TOLERANCE)
    assert [one.wkt for one in first] == [one.wkt for one in again]


@given(MASKS, st.sampled_from([0, TOLERANCE, 1.5]), st.booleans())
def test_a_mask_shifted_by_a_pixel_shifts_every_shape_by_a_pixel(mask, tolerance, down):
    pad = ((1, 1), (1, 1))
    there = np.pad(mask, pad)
    moved = np.roll(there, 1, axis=0 if down else 1)
    first, second = found(there), found(moved)
    shift = (0, 1) if down else (1, 0)
    expected = shapely.transform(np.array(first.polygons(tolerance)), lambda p: p + shift)
    assert [s.wkt for s in expected] == [s.wkt for s in second.polygons(tolerance)]


@given(MASKS)
def test_at_tolerance_0_areas_are_the_pixels(mask):
    objects = found(mask)
    areas = [shape.area for shape in objects.polygons(0)]
    assert areas == [one.area for one in objects]


@given(MASKS, st.sampled_from([0.5, 1, 2, 5]))
def test_any_tolerance_gives_valid_polygons_that_keep_to_it(mask, tolerance):
    objects = found(mask)
    exact, simple = objects.polygons(0), objects.polygons(tolerance)
    assert shapely.is_valid(simple).all()
    for before, after in zip(exact, simple, strict=True):
        # a corner that is cut is 0.354 from the cut
        assert shapely.hausdorff_distance(before.boundary, after.boundary) < tolerance + 0.36
        wrong = before.symmetric_difference(after).area
        assert wrong <= before.length * (tolerance + 0.36)


@given(MASKS)
def test_neighbours_share_their_border_without_gaps_or_overlaps(mask):
    shapes = np.array(found(np.maximum(mask, 1)).polygons(), dtype=object)
    assert shapely.union_all(shapes).area == pytest.approx(shapely.area(shapes).sum())
    pieces = [piece for shape in shapes for piece in shapely.get_parts(shape)]
    assert shapely.coverage_is_valid(np.array(pieces))


def test_a_slanting_line_becomes_straight_and_a_right_angle_stays():
    stairs = np.tril(np.ones((6, 6), np.uint8))
    (shape,) = found(stairs).polygons()
    assert shape.wkt == "POLYGON ((0 0, 0.5 0, 6 5.5, 6 6, 0 6, 0 0))"


def test_a_square_keeps_its_corners_and_a_hole_is_one():
    (shape,) = found(np.pad(np.ones((3, 3), np.uint8), 1)).polygons()
    assert shape.wkt == "POLYGON ((1 1, 4 1, 4 4, 1 4, 1 1))"
    ring = read("aaaa\na..a\naaaa")
    (shape,) = found(ring).polygons()
    assert shape.wkt == "POLYGON ((0 0, 4 0, 4 3, 0 3, 0 0), (1 1, 1 2, 3 2, 3 1, 1 1))"


def test_pieces_that_meet_at_a_corner_are_one_multipolygon():
    (shape,) = found(read("a.\n.a")).polygons()
    assert shape.geom_type == "MultiPolygon"
    assert shape.is_valid
    assert [piece.area for piece in shape.geoms] == [1, 1]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3)])
def test_an_object_may_fill_the_image(size):
    (shape,) = found(np.ones(size, np.uint8)).polygons()
    assert shape.bounds == (0, 0, size[1], size[0])
    assert shape.area == size[0] * size[1]


@pytest.mark.parametrize("tolerance", [0, 1, 1000])
def test_an_object_never_vanishes(tolerance):
    shapes = found(read("a.bb\n..bb\na..b")).polygons(tolerance)
    assert len(shapes) == 3
    assert all(shape.area > 0 for shape in shapes)


def test_nothing_has_no_polygons():
    assert found(np.zeros((4, 4), np.uint8)).polygons() == []


def test_a_tolerance_below_0_is_refused():
    with pytest.raises(UsageError, match="a tolerance is 0 pixels or more, not -1"):
        found(np.ones((2, 2), np.uint8)).polygons(-1)
