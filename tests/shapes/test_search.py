"""Objects of an image whose rows come bit by bit are those of the whole of it."""

import math

import cv2
import numpy as np
import pytest
import shapely

from maskwright.data.labels import ClassTable, Label
from maskwright.shapes import search as searching
from maskwright.shapes.objects import Objects, find_objects
from maskwright.shapes.search import Search
from maskwright.shapes.writing import classes_with_objects

NAMES = ("background", "a", "b", "boundary")
TABLE = ClassTable("index", tuple(Label(n, "#e69f00", (k,)) for k, n in enumerate(NAMES)), (255,))
WAYS = ("none", "watershed", "boundary", "rims")


@pytest.fixture(autouse=True)
def by_few_rows(monkeypatch):
    """A look at as few rows as can be."""
    monkeypatch.setattr(searching, "FEW", 1)


def smooth(rng: np.random.Generator, size: tuple[int, int], sigma: float) -> np.ndarray:
    """Noise float32 [H, W] of grains of about this size, in 0–1."""
    noise = cv2.GaussianBlur(rng.random(size, np.float32), (0, 0), sigma)
    return (noise - noise.min()) / (np.ptp(noise) + 1e-6)


def scene(seed: int, size: tuple[int, int] | None = None) -> tuple[np.ndarray, ...]:
    """A mask with objects of all sizes, some of whose classes touch, its confidence and insides."""
    rng = np.random.default_rng(seed)
    size = size or (int(rng.integers(1, 700)), int(rng.integers(1, 90)))
    sigma = rng.uniform(1, 9)
    classes = np.argmax([smooth(rng, size, sigma) for _ in range(4)], axis=0).astype(np.uint8)
    classes[smooth(rng, size, 3 * sigma) < rng.uniform(0, 0.5)] = 0
    classes[rng.random(size) < 0.01] = 255
    return classes, rng.random(size, np.float32), smooth(rng, size, 2)


def searched(
    mask: np.ndarray, sure: np.ndarray, inside: np.ndarray | None, *, step: int, **options
) -> tuple[list[Objects], np.ndarray, Search]:
    """The objects by parts, the numbers of all pixels, and the search, of so many rows a step."""
    search = Search(
        TABLE, *mask.shape, boundary=None, rims=inside is not None,
        of=classes_with_objects(TABLE, ()), **options,
    )  # fmt: skip
    parts, numbers = [], []
    for top in range(0, len(mask), step):
        rows = slice(top, top + step)
        found = search.put(mask[rows], sure[rows], None if inside is None else inside[rows])
        if found:
            parts += found.objects
            numbers.append(found.numbers)
    return parts, np.concatenate(numbers), search


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(12))
def test_objects_by_parts_are_those_of_the_whole(seed, way):
    mask, sure, inside = scene(seed)
    inside, part = (inside, None) if way == "rims" else (None, way)
    least = 1 + seed % 3 * 15
    whole = find_objects(mask, TABLE, sure, least=least, part=part, inside=inside)
    parts, numbers, _ = searched(
        mask, sure, inside, step=1 + 7 * seed, part=part, least=least, most=math.inf
    )
    found = [one for objects in parts for one in objects]
    assert [one.number for one in found] == [*range(1, len(whole) + 1)]
    assert sum(objects.dropped for objects in parts) == whole.dropped
    assert numbers.shape == mask.shape
    first = {number: place for place, number in reversed([*enumerate(numbers.ravel())]) if number}
    same = {number: int(whole.labels.ravel()[place]) for number, place in first.items()}
    to = np.array([0, *(same[number] for number in range(1, len(whole) + 1))])
    np.testing.assert_array_equal(to[numbers], whole.labels)
    for one in found:
        other = whole.rows[same[one.number] - 1]
        for key in ("class_index", "area", "box", "at_border"):
            assert getattr(one, key) == getattr(other, key)
        exact = [*one.centroid, one.perimeter, one.confidence]
        known = [*other.centroid, other.perimeter, other.confidence]
        np.testing.assert_allclose(exact, known, rtol=1e-5)
    if least == 1:  # else outlines may have a point more, where they touch what is dropped later
        polygons = [shape for objects in parts for shape in objects.polygons()]
        expected = np.array(whole.polygons(), dtype=object)[[same[one.number] - 1 for one in found]]
        assert shapely.equals_exact(shapely.normalize(polygons), shapely.normalize(expected)).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_window_holds_no_more_than_the_tallest_object_asks_for(way):
    size = (3000, 40)
    mask = np.zeros(size, np.uint8)
    for top in range(5, 2950, 30):  # objects of 20 rows
        mask[top : top + 20, 4:30] = 1
    inside = np.full(size, 0.9, np.float32) if way == "rims" else None
    part = None if way == "rims" else way
    sure = np.ones(size, np.float32)
    parts, _, search = searched(mask, sure, inside, step=10, part=part, least=1, most=math.inf)
    assert max(len(objects.labels) for objects in parts) <= 2 * (64 + 64 + 30)
    assert (search.count, search.cut) == (len(range(5, 2950, 30)), 0)


def test_what_is_too_tall_is_cut_and_the_rest_stays_whole():
    size = (2000, 60)
    mask, sure = np.zeros(size, np.uint8), np.ones(size, np.float32)
    mask[:, 3:10] = 2  # from the top to the bottom
    for top in range(5, 1900, 30):
        mask[top : top + 20, 20:50] = 1
    parts, numbers, search = searched(
        mask, sure, None, step=16, part="none", least=10, most=400 * 60
    )
    found = [one for objects in parts for one in objects]
    assert max(len(objects.labels) for objects in parts) < 400 + 16
    assert all(one.area == 600 for one in found if one.name == "a")
    assert sum(one.name == "a" for one in found) == len(range(5, 1900, 30))
    pieces = [one for one in found if one.name == "b"]
    assert search.cut == len(pieces) - 1 > 0
    assert sum(one.area for one in pieces) == 7 * 2000
    assert all(one.at_border for one in pieces)
    np.testing.assert_array_equal(numbers > 0, mask > 0)
    for one, shape in zip(found, [s for o in parts for s in o.polygons()], strict=True):
        x, y, width, height = one.box
        assert shape.bounds == (x, y, x + width, y + height)


def test_even_an_image_of_one_class_comes_to_an_end():
    mask, sure, _ = scene(0, (700, 30))
    mask[:] = 1
    parts, numbers, search = searched(mask, sure, None, step=3, part="none", least=1, most=20 * 30)
    assert (numbers > 0).all()
    assert search.count == search.cut + 1 == len([one for objects in parts for one in objects])
