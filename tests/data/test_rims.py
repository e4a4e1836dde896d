"""The class that numbered objects add: where it lies, and how it is taken back."""

import numpy as np
import pytest

from maskwright.config import Config, ViewConfig
from maskwright.data.cache import Files, fingerprint, open_source
from maskwright.data.labels import ClassTable, Label
from maskwright.data.pairing import Pair
from maskwright.data.rims import Rims, apart, channels, merged, rims_of, tempering, with_rims
from maskwright.predictor import softmax
from maskwright.settings import change

LABELS = (Label("background", "#000000", (0,)), Label("cell", "#ff0000", ()))
CELLS = ClassTable("instances", LABELS, ignore=(9,))
PLAIN = ClassTable("index", (LABELS[0], Label("cell", "#ff0000", (1,))))


def rims(numbers, width=1.0, ignored=()) -> list:
    """The classes with rims of these object numbers, 0 the background."""
    values = np.array(numbers)
    classes = np.where(np.isin(values, ignored), 255, values > 0).astype(np.uint8)
    return with_rims(classes, values, width).tolist()


def test_a_rim_runs_along_the_inside_of_an_object():
    block = np.zeros((7, 7), int)
    block[1:6, 1:6] = 4
    found = np.array(rims(block))
    assert (found[1:6, 1:6] == 2).sum() == 16
    assert (found[2:5, 2:5] == 1).all()
    assert not found[block == 0].any()


def test_objects_that_touch_have_two_rims_between_them():
    assert rims([[1, 1, 1, 2, 2, 2]] * 5)[2] == [1, 1, 2, 2, 1, 1]
    wide = [[1] * 8 + [2] * 8] * 9
    assert rims(wide, width=3)[4] == [1] * 5 + [2] * 6 + [1] * 5


def test_a_rim_leaves_an_inside_to_the_smallest():
    assert rims([[0, 0, 0], [0, 7, 0], [0, 0, 0]], width=5) == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    dot = np.zeros((5, 5), int)
    dot[1:4, 1:4] = 1
    assert np.array(rims(dot, width=5))[1:4, 1:4].tolist() == [[2, 2, 2], [2, 1, 2], [2, 2, 2]]


def test_the_border_of_the_image_is_no_rim():
    assert rims([[3, 3, 3, 0]] * 4)[0] == [1, 1, 2, 0]
    assert rims([[3] * 4] * 4) == [[1] * 4] * 4


def test_an_ignored_pixel_stays_so_and_ends_an_object():
    assert rims([[1, 1, 1, 9, 2, 2, 2]] * 3, ignored=[9])[1] == [1, 1, 2, 255, 2, 1, 1]


def test_numbers_may_be_any_and_many():
    numbers = np.kron(np.arange(1, 401).reshape(20, 20) * 1000, np.ones((4, 4), int))
    found = np.array(rims(numbers))
    assert (found == 2).sum() > 400
    assert all((found[numbers == n] == 1).any() for n in np.unique(numbers))
    np.testing.assert_array_equal(found, rims(-numbers - 1 + 2 * numbers + 1))


def test_pieces_of_one_number_are_one_object_and_no_object_is_none():
    assert rims([[5, 5, 5, 0, 5, 5, 5]] * 3)[1] == [1, 1, 2, 0, 2, 1, 1]
    assert rims([[0, 0], [0, 0]]) == [[0, 0], [0, 0]]


def test_a_rim_is_as_wide_in_the_view_whatever_the_size_of_the_image():
    whole = Rims(ViewConfig(size=100, fit="pad"), 2)
    assert whole.in_mask(400, 200) == pytest.approx(8)
    assert whole.in_mask(20, 20) == 1  # not below a pixel of the mask
    assert Rims(ViewConfig(fit="window", scale=0.5), 2).in_mask(90, 70) == pytest.approx(4)


def test_rims_are_learnt_where_objects_are_numbered_and_not_switched_off():
    none = change(Config(), {"train.rim": 0})
    assert rims_of(CELLS, Config()) == Rims(Config().view, Config().train.rim)
    assert rims_of(CELLS, none) is rims_of(PLAIN, Config()) is None
    assert [channels(*both) for both in ((CELLS, Config()), (CELLS, none), (PLAIN, Config()))] == [
        3, 2, 2,
    ]  # fmt: skip


def test_the_cache_holds_them_and_is_another_for_another_width(tmp_path, save, monkeypatch):
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    numbers = np.kron(np.array([[300, 301], [0, 301]]), np.ones((8, 8))).astype(np.uint16)
    image = save(tmp_path / "image.png", np.zeros((16, 16, 3), np.uint8))
    pairs, view = [Pair(image, save(tmp_path / "mask.png", numbers), "train")], ViewConfig(size=16)
    keys = {
        fingerprint(Files(pairs, CELLS, rims=rims), view, 0)
        for rims in (None, Rims(view, 1), Rims(view, 2))
    }
    assert len(keys) == 3
    mask = open_source(pairs, CELLS, view, 0, rims=Rims(view, 1)).read(0).mask
    assert mask[3].tolist() == [1] * 7 + [2, 2] + [1] * 7
    assert set(np.unique(open_source(pairs, CELLS, view, 0).read(0).mask)) == {0, 1}


def test_rims_are_objects_again_and_tempered_alike():
    logits = np.random.default_rng(0).normal(0, 3, (5, 4, 3)).astype(np.float32)
    whole, inside = apart(softmax(logits), 2)
    np.testing.assert_allclose(whole, softmax(merged(logits)), atol=1e-6)
    np.testing.assert_allclose(inside, softmax(logits)[..., 1], atol=1e-6)
    warm, warm_inside = apart(softmax(tempering(logits, 1.7) / 1.7), 2)
    np.testing.assert_allclose(warm, softmax(merged(logits) / 1.7), atol=1e-5)
    np.testing.assert_allclose(warm_inside / warm[..., 1], inside / whole[..., 1], atol=1e-5)


def test_without_rims_there_is_nothing_to_take_apart():
    scores = np.zeros((2, 3, 2), np.float32)
    assert apart(scores, 2) == (scores, None)
