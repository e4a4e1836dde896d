"""Contour measures against answers worked out by hand, brute force, laws, and MONAI."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from maskwright.data.labels import IGNORE
from maskwright.measures.surfaces import (
    boundary_iou,
    boundary_overlap,
    mean_of,
    surface_counts,
    surface_dice,
)

CLASSES = 3
TOLERANCES = st.sampled_from([0, 1, math.sqrt(2), 2, math.sqrt(5), 4])


def law(*arguments):
    return lambda test: settings(deadline=None)(given(*arguments)(test))  # machines may be busy


@st.composite
def pairs(draw, ignore=True):
    """Two masks of one shape, of up to 21×21 pixels, in blocks of 1 to 3 pixels."""
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    classes = st.sampled_from([0, 1, 2])
    truth = draw(hnp.arrays(np.uint8, shape, elements=classes | st.just(IGNORE if ignore else 0)))
    predicted = draw(hnp.arrays(np.uint8, shape, elements=classes))
    block = np.ones(draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), np.uint8)
    return np.kron(truth, block), np.kron(predicted, block)


def mask(*rows: str) -> np.ndarray:
    """Rows of digits, with a dot for a pixel to be ignored."""
    return np.array([[IGNORE if c == "." else int(c) for c in row] for row in rows], np.uint8)


def discs(*places: tuple[int, int, int]) -> np.ndarray:
    """A mask [40, 56] of discs (row, column, radius) of class 1."""
    row, column = np.mgrid[:40, :56]
    inside = [(row - y) ** 2 + (column - x) ** 2 <= r * r for y, x, r in places]
    return np.any(inside, axis=0).astype(np.uint8)


def counted(truth: np.ndarray, predicted: np.ndarray, tolerance: float = 0) -> list[np.ndarray]:
    """What both functions count in one image."""
    counts = boundary_overlap(truth, predicted, CLASSES)
    return [counts, *surface_counts(truth, predicted, CLASSES, tolerance)]


def slow_overlap(truth: np.ndarray, predicted: np.ndarray) -> list[tuple[int, int]]:
    """By class, and by the authors' recipe: d erosions, then the mask without what is left."""
    times = max(round(0.02 * np.sqrt(truth.shape[0] ** 2 + truth.shape[1] ** 2)), 1)
    known, result = truth != IGNORE, []
    for k in range(CLASSES):
        regions = []
        for side in (truth, predicted):
            left = (side == k) | ~known  # an ignored pixel eats nothing away
            for _ in range(times):  # 3×3, the outside is False
                left = np.lib.stride_tricks.sliding_window_view(np.pad(left, 1), (3, 3))
                left = left.all(axis=(2, 3))
            regions.append((side == k) & known & ~left)
        result.append(((regions[0] & regions[1]).sum(), (regions[0] | regions[1]).sum()))
    return result


def test_boundary_regions_by_hand():
    # Diagonal of 5×6: 7.8, so d = 1. Of the square's 3×3 pixels only the middle one has its eight
    # neighbours in the square: 8 pixels of boundary. The prediction lacks the square's last
    # column; its 3×2 pixels are all boundary. Both: the first column (3) and the ends of the second
    # (2), but not its middle. Either: 8 + 6 - 5 = 9.
    truth = mask("000000", "011100", "011100", "011100", "000000")
    predicted = mask("000000", "011000", "011000", "011000", "000000")
    assert boundary_overlap(truth, predicted, 2)[1].tolist() == [5, 9]
    # All 21 background pixels of the truth are at the border or beside the square. The predicted
    # ones are 24, of which the three in column 4 are two columns from the square and one from the
    # border: 21 are boundary. Both: 18. Either: 21 + 21 - 18 = 24.
    assert boundary_overlap(truth, predicted, 2)[0].tolist() == [18, 24]


def test_the_border_of_the_image_is_boundary_of_a_class_that_fills_it():
    full = np.zeros((4, 6), np.uint8)  # all but the 2×4 pixels in the middle
    assert boundary_overlap(full, full, 2).tolist() == [[16, 16], [0, 0]]
    full = np.zeros((75, 100), np.uint8)  # diagonal 125: of 2.5 Python, and the authors, make 2
    assert boundary_overlap(full, full, 1)[0, 0] == 75 * 100 - 71 * 96


def test_an_edge_towards_ignored_pixels_is_no_boundary():
    # Rows 0 and 2 are at the border. In the middle row column 3 touches an ignored pixel, no zero.
    truth = mask("1111.000", "1111.000", "1111.000")
    assert boundary_overlap(truth, truth, 2).tolist() == [[3 + 3 + 1, 7], [4 + 4 + 1, 9]]


@law(pairs())
def test_boundary_overlap_is_that_of_the_authors_recipe(pair):
    np.testing.assert_array_equal(boundary_overlap(*pair, CLASSES), slow_overlap(*pair))


@pytest.mark.parametrize("last", [2, IGNORE])
@pytest.mark.parametrize("size", [(9, 11), (14, 12)])  # in blocks of 11 pixels: d = 3 and 4
def test_so_it_is_where_it_is_several_pixels_wide(size, last):
    rng, block = np.random.default_rng(size), np.ones((11, 11), np.uint8)
    truth = np.kron(rng.choice(np.array([0, 0, 1, 2, last], np.uint8), size), block)
    predicted = np.kron(rng.integers(0, 3, size, np.uint8), block)[::-1]
    pair = truth[3:, 5:], predicted[3:, 5:]
    np.testing.assert_array_equal(boundary_overlap(*pair, CLASSES), slow_overlap(*pair))


def contours(mask: np.ndarray) -> dict[int, list[tuple[int, int]]]:
    """Contour pixels of each class, looked for one by one."""
    found: dict[int, list[tuple[int, int]]] = {k: [] for k in range(CLASSES)}
    wide = np.pad(mask, 1, constant_values=IGNORE)
    for (y, x), own in np.ndenumerate(mask):
        around = {wide[y, x + 1], wide[y + 2, x + 1], wide[y + 1, x], wide[y + 1, x + 2]}
        if own != IGNORE and around - {own, IGNORE}:
            found[own].append((y, x))
    return found


def slow_counts(truth: np.ndarray, predicted: np.ndarray, tolerance: float):
    """near, contour_f1 and hausdorff of each class, from all pairs of contour pixels."""
    predicted = np.where(truth == IGNORE, IGNORE, predicted)
    there, here = contours(truth), contours(predicted)
    diagonal = math.sqrt(truth.shape[0] ** 2 + truth.shape[1] ** 2)
    for k in range(CLASSES):
        away = [min((math.dist(a, b) for b in there[k]), default=math.inf) for a in here[k]]
        back = [min((math.dist(a, b) for b in here[k]), default=math.inf) for a in there[k]]
        near = [n for d in (away, back) for n in (sum(v <= tolerance for v in d), len(d))]
        if not back and (truth == IGNORE).any() and (truth == k).any() and (predicted == k).any():
            yield [0] * 4, [0, 0], [0, 0]
        elif away and back:
            precision, recall = (np.mean([v < 0.0075 * diagonal for v in d]) for d in (away, back))
            f1 = 2 * precision * recall / max(precision + recall, 1e-9)
            yield near, [f1, 1], [max(np.quantile(away, 0.95), np.quantile(back, 0.95)), 1]
        elif away or back or (truth == k).any() != (predicted == k).any():
            yield near, [0, 1], [diagonal, 1]
        else:
            yield near, [0, 0], [0, 0]


@law(pairs(), TOLERANCES)
def test_surface_counts_are_those_of_all_pairs(pair, tolerance):
    found = surface_counts(*pair, CLASSES, tolerance)
    near, f1, hausdorff = zip(*slow_counts(*pair, tolerance), strict=True)
    np.testing.assert_array_equal(found.near, near)
    np.testing.assert_allclose(found.contour_f1, f1, rtol=1e-12)
    np.testing.assert_allclose(found.hausdorff, hausdorff, rtol=1e-12)


def test_one_pixel_three_columns_off():
    truth, predicted = mask("00000", "01000", "00000"), mask("00000", "00001", "00000")
    found = surface_counts(truth, predicted, 2, tolerance=2)
    assert (found.near[1].tolist(), found.hausdorff[1].tolist()) == ([0, 1, 0, 1], [3, 1])
    assert found.contour_f1[1].tolist() == [0, 1]  # tolerance: 0.0075 · 5.8 = 0.04 pixels
    assert surface_counts(truth, predicted, 2, tolerance=3).near[1].tolist() == [1, 1, 1, 1]


def test_hausdorff_leaves_five_percent_out_on_each_side():
    # Class 1 is the upper row of 41 pixels, all contour. The prediction also has the pixel below
    # the last, in whose stead it is contour: of the 41 distances one is 1, the rest 0, and the
    # 95th percentile is the one at place 0.95 · 40 = 38 of 0 to 40. Back, one is 1 as well.
    truth, predicted = np.zeros((2, 4, 41), np.uint8)
    truth[0] = predicted[0] = predicted[1, 40] = 1
    assert surface_counts(truth, predicted, 2, 0).hausdorff[1].tolist() == [0, 1]
    # With two more pixels below: 43 distances, at places 40, 41 and 42 1, 2 and 3. The percentile
    # is at place 0.95 · 42 = 39.9, that is 0.9 of the way from the 0 at place 39 to the 1 at 40.
    predicted[2:, 40] = 1
    assert surface_counts(truth, predicted, 2, 0).hausdorff[1, 0] == pytest.approx(0.9)


def test_boundary_f1_wants_less_than_its_tolerance_and_surface_dice_no_more():
    # 240×320 has the diagonal 400 and 0.75 % of it is 3: an edge 3 columns off is not within it.
    truth = np.zeros((240, 320), np.uint8)
    truth[:, 80:200] = 1
    for columns, share in ((2, 1), (3, 0.5)):  # of two edges the right one is right
        predicted = np.zeros_like(truth)
        predicted[:, 80 + columns : 200] = 1
        found = surface_counts(truth, predicted, 2, 3)
        assert found.contour_f1.tolist() == [[share, 1], [share, 1]]
        assert surface_dice(found.near).tolist() == [1, 1]


def test_a_missed_class_has_the_worst_score_and_an_invented_one_too():
    truth, predicted = mask("0011", "0000", "0000"), mask("0000", "0000", "2000")
    found = surface_counts(truth, predicted, 4, 1)
    assert found.missed.tolist() == [[0, 0], [1, 0], [0, 1], [0, 0]]
    assert found.hausdorff[1:].tolist() == [[5, 1], [5, 1], [0, 0]]  # 3×4 pixels
    assert found.contour_f1[1:].tolist() == [[0, 1], [0, 1], [0, 0]]
    assert found.near[1:].tolist() == [[0, 0, 0, 2], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert boundary_iou(boundary_overlap(truth, predicted, 4))[1:3].tolist() == [0, 0]


def test_a_class_that_fills_the_image_has_no_score_if_found_and_the_worst_if_missed():
    full, other = np.ones((3, 4), np.uint8), np.zeros((3, 4), np.uint8)
    found = surface_counts(full, full, 2, 1)
    assert not any(part.any() for part in found)
    assert np.isnan([surface_dice(found.near)[1], mean_of(found.hausdorff)[1]]).all()
    missed = surface_counts(full, other, 2, 1)  # no contour on either side, but the class is gone
    assert missed.hausdorff.tolist() == [[5, 1], [5, 1]]
    assert missed.contour_f1.tolist() == [[0, 1], [0, 1]]
    assert missed.missed.tolist() == [[0, 1], [1, 0]]
    other[0] = 1  # now it is on both sides, with a contour on one
    halved = surface_counts(full, other, 2, 1)
    assert [part[1].tolist() for part in halved] == [[0, 4, 0, 0], [0, 1], [5, 1], [0, 0]]


def test_ignored_pixels_count_nowhere_whatever_is_predicted_there():
    overlap, near, _, _, missed = counted(mask("00..", "00.."), mask("0012", "0012"))
    assert overlap.tolist() == [[4, 4], [0, 0], [0, 0]]
    assert not near.any() | missed.any()  # the edge at column 2 is one towards ignored pixels
    nothing = counted(mask("...", "..."), mask("012", "012"))
    assert not any(part.any() for part in nothing)
    assert np.isnan(boundary_iou(nothing[0])).all()


def objects(count: int) -> np.ndarray:
    """The first of five squares of class 1, of 36, 25, 16, 9 and 1 pixels, in 30×60."""
    result = np.zeros((30, 60), np.uint8)
    for place, side in list(enumerate([6, 5, 4, 3, 1]))[:count]:
        result[10 : 10 + side, 3 + 11 * place : 3 + 11 * place + side] = 1
    return result


def test_a_prediction_that_misses_more_is_never_better_and_always_has_a_score():
    truth, rows = objects(5), []
    for count in (5, 4, 3, 2, 1, 0):
        found = surface_counts(truth, objects(count), 2, 2)
        iou = boundary_iou(boundary_overlap(truth, objects(count), 2))[1]
        means = mean_of(found.contour_f1)[1], -mean_of(found.hausdorff)[1]
        rows.append([iou, surface_dice(found.near)[1], *means])
    assert (rows[0], rows[-1]) == ([1, 1, 1, 0], [0, 0, 0, -math.hypot(30, 60)])
    steps = [[1, 1, 1, 0], *[[1] * 4] * 4]  # the object of one pixel is not 5 % of all
    assert (np.diff(rows, axis=0) < 0).tolist() == steps


def test_images_without_any_hit_worsen_the_means_of_a_set():
    truth, means = objects(2), []
    for missed in range(6):  # of five images
        images = [np.roll(objects(2), 2, axis=1)] * (5 - missed) + [objects(0)] * missed
        sums = sum(surface_counts(truth, image, 2, 2).hausdorff for image in images)
        assert sums[1, 1] == 5
        means.append(mean_of(sums)[1])
    assert means[0] == 2
    assert np.all(np.diff(means) > 10)


@law(pairs())
def test_a_perfect_prediction_scores_one_or_has_no_score(pair):
    overlap, near, f1, hausdorff, missed = counted(pair[0], pair[0])
    for score in (boundary_iou(overlap), surface_dice(near), mean_of(f1)):
        assert (np.isnan(score) | (score == 1)).all()
    assert not hausdorff[:, 0].any()
    assert not missed.any()


@law(pairs(ignore=False), TOLERANCES)
def test_truth_and_prediction_may_be_swapped(pair, tolerance):
    overlap, near, f1, hausdorff, missed = counted(*pair[::-1], tolerance)
    swapped = overlap, near[:, [2, 3, 0, 1]], f1, hausdorff, missed[:, ::-1]
    for one, other in zip(counted(*pair, tolerance), swapped, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@law(pairs(), TOLERANCES, st.sampled_from([np.fliplr, np.flipud, np.transpose]))
def test_a_mirrored_image_scores_the_same(pair, tolerance, mirror):
    mirrored = counted(*map(mirror, pair), tolerance)
    for one, other in zip(counted(*pair, tolerance), mirrored, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_scores_are_formed_of_sums_with_any_leading_axes():
    boundary = np.array([[[1, 4], [0, 0]], [[3, 4], [2, 2]]])
    np.testing.assert_array_equal(boundary_iou(boundary), [[0.25, np.nan], [0.75, 1]])
    np.testing.assert_array_equal(boundary_iou(boundary.sum(axis=0)), [0.5, 1])
    near = np.array([[[1, 2, 0, 2], [0, 0, 0, 0]], [[6, 8, 7, 8], [0, 0, 1, 2]]])
    np.testing.assert_array_equal(surface_dice(near), [[0.25, np.nan], [13 / 16, 0.5]])
    np.testing.assert_array_equal(surface_dice(near.sum(axis=0)), [14 / 20, 0.5])
    np.testing.assert_array_equal(mean_of(np.array([[[3.0, 2]], [[0, 0]]])), [[1.5], [np.nan]])


@pytest.mark.parametrize("measure", [boundary_overlap, partial(surface_counts, tolerance=1)])
def test_masks_of_two_shapes_are_refused(measure):
    with pytest.raises(ValueError, match=r"truth \(2, 3\) and predicted \(3, 2\) differ in shape"):
        measure(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)


def test_monai_gives_the_same_inside_the_image():
    # Where a class touches the image's border MONAI has a contour there, and we have none.
    truth = discs((12, 14, 7), (26, 38, 6), (14, 40, 4))
    predicted = discs((13, 16, 6), (27, 38, 6), (30, 12, 3))
    found = [surface_counts(truth, predicted, 2, tolerance) for tolerance in (0, 1, 2)]
    # MONAI 1.6.1 gives these: HD95 (percentile=95), and surface Dice at 0, 1 and 2 pixels.
    assert mean_of(found[0].hausdorff)[1] == pytest.approx(13.00192, abs=1e-5)
    dice = [surface_dice(one.near)[1] for one in found]
    assert dice == pytest.approx([0.166667, 0.571429, 0.678571], abs=1e-6)


def test_a_contour_that_ignored_pixels_hide_has_no_score_unless_its_class_is_missed():
    truth = np.zeros((9, 9), np.uint8)
    truth[2:7, 2:7], truth[3:6, 3:6] = 255, 1  # a band around an object, as in Pascal VOC
    guess = np.zeros((9, 9), np.uint8)
    guess[3:6, 3:6], guess[0, 0] = 1, 1  # found, and a pixel too many
    found = surface_counts(truth, guess, 2, 1.0)
    assert not any(part.any() for part in found)
    missed = surface_counts(truth, np.zeros_like(guess), 2, 1.0)
    assert missed.hausdorff[1].tolist() == pytest.approx([math.hypot(9, 9), 1])
    assert missed.contour_f1[1].tolist() == [0, 1]
