"""Polygons and run-length codes of COCO, against masks by hand and against its own library."""

from contextlib import suppress

import numpy as np
import pytest
from pycocotools import mask as cocomask

from maskwright.data.ingest.runs import decompressed, paint, runs_of
from maskwright.errors import DataError


def painted(segmentation, height: int, width: int) -> np.ndarray:
    column = np.zeros(height * width, np.uint8)
    paint(column, runs_of(segmentation, height, width, "it"), 1)
    return column.reshape(width, height).T


def test_a_rectangle_is_painted_as_it_stands():
    assert painted([[1, 1, 4, 1, 4, 3, 1, 3]], 4, 6).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_several_polygons_are_one_object():
    parts = [[0, 0, 1, 0, 1, 2, 0, 2], [2, 0, 3, 0, 3, 1, 2, 1]]
    assert painted(parts, 2, 4).tolist() == [[1, 0, 1, 0], [1, 0, 0, 0]]


def test_runs_count_down_the_columns_and_begin_outside():
    mask = [[0, 1, 1], [1, 1, 0]]
    assert painted({"size": [2, 3], "counts": [1, 4, 1]}, 2, 3).tolist() == mask
    code = {"size": [2, 3], "counts": "141"}
    assert painted(code, 2, 3).tolist() == mask


def test_codes_and_polygons_are_as_the_library_of_coco_has_them():
    rng = np.random.default_rng(5)
    for _ in range(300):
        height, width = rng.integers(1, 50, 2).tolist()
        mask = (rng.random((height, width)) < rng.random()).astype(np.uint8)
        code = cocomask.encode(np.asfortranarray(mask))
        text = {"size": [height, width], "counts": code["counts"].decode()}
        assert np.array_equal(painted(text, height, width), mask)
        polygon = (rng.normal(0.5, 0.4, (5, 2)) * (width, height)).ravel().tolist()
        theirs = cocomask.decode(cocomask.frPyObjects([polygon], height, width))[:, :, 0]
        assert np.array_equal(painted([polygon], height, width), theirs)


@pytest.mark.parametrize("far", [1, 100, 1e6, 1e300])
def test_polygons_that_reach_outside_are_cut_off(far):
    assert (
        painted([[-far, -far, 2, -far, 2, 9 + far, -far, 9 + far]], 3, 4).tolist()
        == [[1, 1, 0, 0]] * 3
    )
    assert not painted([[-far - 9, 0, -far - 5, 0, -far - 5, 3]], 3, 4).any()
    assert painted([[-far, -far, 9 + far, -far, 9 + far, 9 + far, -far, 9 + far]], 3, 4).all()


def test_a_far_corner_pulls_no_edge_aside():
    near, far = [0, 0, 60, 60, 0, 60], [0, 0, 6e5, 6e5, 0, 6e5]
    assert np.array_equal(painted([near], 60, 60), painted([far], 60, 60))


@pytest.mark.parametrize(
    "polygon",
    [
        [0, 0, 1, 1],
        [0, 0, 1, 1, 2],
        [0, 0, 1, 1, float("nan"), 2],
        [0, 0, 1, 1, None, 2],
        [0, 0, 1, 1, {}, 2],
        [0, 0, 1, 1, 10**400, 2],
        [[0, 0], [1, 1], [2, 0]],
        "abcdef",
        None,
        5,
    ],
)
def test_what_is_no_polygon_is_named(polygon):
    with pytest.raises(
        DataError,
        match=r"a\.json: annotation 7 has a polygon that is no list of x, y, x, y, … of three "
        "corners or more; redraw or delete it",
    ):
        runs_of([polygon], 4, 4, "a.json: annotation 7")


@pytest.mark.parametrize("segmentation", [None, [], {}, {"counts": [16]}, 5, "text"])
def test_an_annotation_without_a_segmentation_is_named(segmentation):
    with pytest.raises(
        DataError, match="it has no segmentation, only a box at most; draw polygons or masks, or"
    ):
        runs_of(segmentation, 4, 4, "it")


def test_a_code_of_another_size_is_named():
    with pytest.raises(
        DataError,
        match=r"it is a mask of the size \[4, 3\], but its image has \[3, 4\] \(height, width\)",
    ):
        runs_of({"size": [4, 3], "counts": [12]}, 3, 4, "it")


@pytest.mark.parametrize(
    "counts", [[3, 3], [], [5, 20], [-3, 15], [2**62, 2**62, 2**62, 2**62, 12], "0", "33", "3n0"]
)
def test_a_code_that_makes_other_pixels_is_named(counts):
    with pytest.raises(
        DataError,
        match="it has a run-length code that does not make 3 × 4 pixels; export it again",
    ):
        runs_of({"size": [3, 4], "counts": counts}, 3, 4, "it")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([2.5, 9.5], "is no list of whole numbers"),
        (12, "is no list of whole numbers"),
        (None, "is no list of whole numbers"),
        ([True, 11], "is no list of whole numbers"),
        ("", "is broken off, or holds characters that none has"),
        ("o", "is broken off, or holds"),
        ("!", "is broken off, or holds"),
        ("é", "holds characters that none has"),
        ("o" * 20 + "0", "holds a number that no image has"),
        ([2**70], "too large"),
    ],
)
def test_a_code_that_cannot_be_read_is_named(counts, words):
    with pytest.raises(
        DataError, match=rf"it has a run-length code that .*{words}.*; export it again"
    ):
        runs_of({"size": [3, 4], "counts": counts}, 3, 4, "it")


def test_no_text_whatever_does_more_than_raise():
    rng = np.random.default_rng(0)
    for _ in range(3000):
        low, high = ((48, 112), (0, 300))[int(rng.integers(2))]
        text = "".join(map(chr, rng.integers(low, high, rng.integers(12))))
        with suppress(DataError):
            assert runs_of({"size": [5, 7], "counts": text}, 5, 7, "it").sum() == 35


def test_the_words_of_a_value_error_say_what_is_wrong():
    with pytest.raises(ValueError, match="holds characters that none has"):
        decompressed("°")
