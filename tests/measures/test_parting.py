"""Objects parted where the probability of being inside of one has a valley."""

import numpy as np

from maskwright.measures.objects import components
from maskwright.measures.parting import LEAST, parted, split, spread


def two_hills(valley: float) -> np.ndarray:
    """The probability of being inside, float32 [20, 41]: two plateaus and a valley at column 20."""
    inside = np.full((20, 41), 0.9, np.float32)
    inside[:, 18:23] = valley
    return inside


def test_two_hills_are_two_objects_and_every_pixel_is_in_one():
    objects = np.ones((20, 41), bool)
    found = parted(objects, two_hills(0.1))
    assert found.max() == 2
    assert (found > 0).all()
    assert len(np.unique(found[:, :20])) == len(np.unique(found[:, 21:])) == 1


def test_a_valley_that_nowhere_falls_below_a_half_parts_as_well():
    assert parted(np.ones((20, 41), bool), two_hills(0.65)).max() == 2
    assert parted(np.ones((20, 41), bool), two_hills(0.9)).max() == 1


def test_a_small_hill_is_noise():
    inside = np.full((20, 41), 0.15, np.float32)
    inside[2:18, 2:18] = 0.9
    inside[9:11, 30:32] = 0.9
    assert parted(np.ones((20, 41), bool), inside).max() == 1
    inside[6:15, 28:37] = 0.9
    assert parted(np.ones((20, 41), bool), inside).max() == 2


def test_objects_without_an_inside_stay():
    objects = np.zeros((9, 9), bool)
    objects[1:3, 1:3] = objects[6:8, 6:8] = True
    np.testing.assert_array_equal(
        parted(objects, np.zeros((9, 9), np.float32)), components(objects)
    )
    nothing = parted(np.zeros((9, 9), bool), np.ones((9, 9), np.float32))
    assert nothing.dtype == np.int32
    assert not nothing.any()


def test_many_objects_in_a_row():
    inside = np.tile(np.repeat(np.float32([0.9, 0.1]), [7, 3]), 300)[None].repeat(9, 0)
    found = parted(np.ones(inside.shape, bool), inside)
    assert sorted(np.unique(found)) == list(range(1, 301))


def test_only_large_pieces_part_and_a_seed_with_one_stays_whole():
    seeds = np.ones((3, 30), np.int32)
    pieces = np.zeros((3, 30), np.int32)
    pieces[:, :10], pieces[:, 12:20], pieces[:, 25:27] = 1, 2, 3
    assert LEAST == 20
    assert np.unique(split(seeds, pieces)).tolist() == [0, 2, 3]
    pieces[pieces == 2] = 0
    np.testing.assert_array_equal(split(seeds, pieces), seeds)


def test_seeds_grow_only_over_what_they_lead_to():
    seeds = np.array([[1, 0, 0, 0, 2, 0]], np.int32)
    objects = np.array([[1, 1, 0, 0, 1, 1]], bool)
    assert spread(seeds, objects).tolist() == [[1, 1, 0, 0, 2, 2]]
