"""Masks to objects: which pixels belong together, what is measured, what is refused."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from scene import MASKS, SCENE, read

import maskwright as mw
from maskwright.data.labels import ClassTable, Label
from maskwright.errors import DataError, UsageError
from maskwright.shapes.objects import find_objects


def table(*names):
    labels = tuple(Label(name, "#000000", (k,)) for k, name in enumerate(names))
    return ClassTable("index", labels, (255,))


TABLE = table("background", "a", "b")
RIMMED = table("background", "cell", "Boundary")


def test_the_scene_is_three_objects_in_reading_order():
    objects = mw.find_objects(read(SCENE), TABLE, least=1)
    assert [(one.number, one.name, one.area) for one in objects] == [
        (1, "a", 16),
        (2, "b", 5),
        (3, "b", 1),
    ]
    assert len(objects) == 3
    assert objects.labels[1, 1:8].tolist() == [1, 1, 1, 1, 1, 0, 2]


def test_what_is_measured_worked_out_by_hand():
    mask = read("....\n.aa.\n.a..")
    sure = np.array([[0] * 4, [0, 0.5, 0.6, 0], [0, 1.0, 0, 0]], np.float32)
    (one,) = find_objects(mask, TABLE, sure, least=1)
    assert one.box == (1, 1, 2, 2)
    assert one.centroid == pytest.approx((1.5 + 1 / 3, 1.5 + 1 / 3))
    assert one.confidence == pytest.approx(0.7)
    assert one.at_border  # its last row is the image's
    assert (one.class_index, one.name, one.area) == (1, "a", 3)


def test_the_perimeter_of_a_disc_is_that_of_a_circle():
    y, x = np.mgrid[:81, :81] - 40
    (disc,) = find_objects((x * x + y * y <= 900).astype(np.uint8), TABLE)
    assert disc.perimeter == pytest.approx(2 * np.pi * 30, rel=0.01)
    assert not disc.at_border


@pytest.mark.parametrize("side", ["first row", "last row", "first column", "last column"])
def test_every_border_counts(side):
    mask = np.zeros((5, 6), np.uint8)
    mask[{"first row": 0, "last row": -1}.get(side, 2), {"first column": 0}.get(side, -1)] = 1
    if "row" in side:
        mask = np.roll(mask, 3, axis=1)
    (one,) = find_objects(mask, TABLE, least=1)
    assert one.at_border


def test_without_a_confidence_none_is_known():
    (one,) = find_objects(np.ones((1, 1), np.uint8), TABLE, least=1)
    assert (one.confidence, one.area, one.at_border) == (None, 1, True)


def test_specks_are_dropped_and_the_rest_is_numbered_anew():
    mask = read("a..aa..aaa")
    assert [one.box[0] for one in find_objects(mask, TABLE, least=2)] == [3, 7]
    assert [one.number for one in find_objects(mask, TABLE, least=2)] == [1, 2]
    assert len(find_objects(mask, TABLE)) == 0  # ten pixels are the least where nothing is said


def test_pixels_that_touch_at_a_corner_are_one_object_and_classes_are_apart():
    assert len(find_objects(read("a.\n.a"), TABLE, least=1)) == 1
    assert len(find_objects(read("ab"), TABLE, least=1)) == 2


def test_ground_and_open_pixels_are_no_objects():
    named = table("thing", "Background")
    assert [
        one.name for one in find_objects(np.array([[0, 1, 255]], np.uint8), named, least=1)
    ] == ["thing"]


@given(MASKS)
def test_every_pixel_that_is_no_ground_is_in_one_object_of_its_class(mask):
    for part in ("none", "watershed"):
        objects = find_objects(mask, TABLE, least=1, part=part)
        np.testing.assert_array_equal(objects.labels > 0, mask > 0)
        assert sum(one.area for one in objects) == np.count_nonzero(mask)
        for one in objects:
            assert (mask[objects.labels == one.number] == one.class_index).all()
            assert objects.pixels(one).sum() == one.area


def two_discs() -> np.ndarray:
    """Two discs of radius 12 whose centres are 20 pixels apart, as one component."""
    y, x = np.mgrid[:40, :60]
    near = [(x - c) ** 2 + (y - 20) ** 2 <= 144 for c in (20, 40)]
    return np.logical_or(*near).astype(np.uint8)


def test_the_watershed_parts_two_discs_in_the_middle_and_leaves_one_whole():
    whole, parted = (find_objects(two_discs(), TABLE, part=part) for part in (None, "watershed"))
    assert (len(whole), len(parted)) == (1, 2)
    left, right = (one.area for one in parted)
    assert left + right == whole.rows[0].area
    assert abs(left - right) <= 40  # no more than their waist of two columns
    assert len(find_objects(two_discs()[:, :21], TABLE, part="watershed")) == 1


def test_the_watershed_gives_a_pixel_at_a_corner_to_the_object_that_it_touches():
    mask = two_discs()
    mask[7, 19] = 1  # touches the upper left of the left disc at a corner
    mask[35:39, 50:59] = 1  # the last component
    left, right, last = find_objects(mask, TABLE, part="watershed", least=1)
    assert (left.box[1], last.area) == (7, 36)
    assert left.area + right.area == two_discs().sum() + 1


@pytest.mark.parametrize("part", ["watershed", "boundary"])
@pytest.mark.parametrize("seed", range(8))
def test_how_objects_are_parted_does_not_hang_on_others_far_away(seed, part):
    rng = np.random.default_rng(seed)
    noise = [cv2.GaussianBlur(rng.random((400, 60), np.float32), (0, 0), 4) for _ in range(3)]
    mask = np.argmax(noise, axis=0).astype(np.uint8)
    mask[200:264] = 0  # nothing comes from above to below
    below = mask[232:]
    there = find_objects(mask, RIMMED, least=1, part=part).labels[232:]
    alone = find_objects(below, RIMMED, least=1, part=part).labels
    np.testing.assert_array_equal(there > 0, alone > 0)
    pairs = np.unique(np.stack([there.ravel(), alone.ravel()]), axis=1)
    assert len(pairs.T) == len(np.unique(there)) == len(np.unique(alone))


def test_the_watershed_parts_each_class_alone():
    mask = two_discs()
    mask[:, 30:][mask[:, 30:] == 1] = 2
    objects = find_objects(mask, TABLE, part="watershed")
    assert [one.name for one in objects] == ["a", "b"]


def test_an_image_full_of_one_class_is_one_object_for_the_watershed():
    assert len(find_objects(np.ones((30, 40), np.uint8), TABLE, part="watershed")) == 1


def test_a_boundary_class_parts_objects_and_its_pixels_go_to_the_nearest():
    mask = read("aabbbaa..b")
    objects = find_objects(mask, RIMMED, least=1)
    assert objects.labels.tolist() == [[1, 1, 1, 1, 2, 2, 2, 0, 0, 0]] or (
        objects.labels.tolist() == [[1, 1, 1, 2, 2, 2, 2, 0, 0, 0]]
    )
    assert [one.name for one in objects] == ["cell", "cell"]


def test_an_object_that_begins_with_its_boundary_has_its_own_class():
    (one,) = find_objects(read("bbb\nbab\nbbb"), RIMMED, least=1)
    assert (one.name, one.area) == ("cell", 9)


def test_a_boundary_class_is_a_class_like_any_other_where_nothing_is_to_be_parted():
    names = [one.name for one in find_objects(read("aabaa"), RIMMED, least=1, part="none")]
    assert names == ["cell", "Boundary", "cell"]


def test_the_boundary_class_may_be_named():
    objects = find_objects(read("aabaa"), TABLE, least=1, boundary="b")
    assert [one.name for one in objects] == ["a", "a"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"part": "watershead"}, "not parted by watershead: did you mean watershed"),
        ({"part": "boundary"}, r"no class is called boundary, border, contour or outline; name"),
        ({"boundary": "rim"}, "no class called rim: choose from a, b, background"),
        ({"part": "none", "boundary": "b"}, "parted by none, not by the class b; ask for one"),
    ],
)
def test_a_way_that_is_none_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        find_objects(np.ones((2, 2), np.uint8), TABLE, **options)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.ones((2, 2), np.int64), r"must be uint8 \[height, width\], got int64 \(2, 2\); give"),
        (np.ones((2, 2, 1), np.uint8), r"got uint8 \(2, 2, 1\)"),
        (np.ones((0, 2), np.uint8), r"got uint8 \(0, 2\)"),
        (np.full((2, 2), 7, np.uint8), "holds class 7, but the class table has 0 to 2; decode it"),
    ],
)
def test_what_is_no_mask_is_refused(mask, words):
    with pytest.raises(DataError, match=words):
        find_objects(mask, TABLE)


def test_a_confidence_of_another_size_is_refused():
    with pytest.raises(DataError, match=r"confidence \(3, 2\) for a mask \(2, 2\); give each"):
        find_objects(np.ones((2, 2), np.uint8), TABLE, np.ones((3, 2), np.float32))


@pytest.mark.parametrize("package", ["skimage", "shapely"])
def test_a_missing_package_is_one_line_that_says_what_to_install(monkeypatch, package):
    def without(name):
        if name == package:
            raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", without)
    with pytest.raises(DataError, match=rf"needs {package}: pip install 'maskwright\[shapes\]'"):
        find_objects(read(SCENE), TABLE).polygons()
