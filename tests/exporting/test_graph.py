"""The way into the view and back, as plain operations, is that of OpenCV."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from maskwright.artifacts.facts import IMAGE, Facts
from maskwright.config import ViewConfig
from maskwright.data.bands import RGB
from maskwright.data.labels import ClassTable, Label
from maskwright.data.view import moved, restore, view_matrix, warp_image
from maskwright.exporting.graph import between, outputs, places_in_view, shown_of, turned, view_of

TABLE = ClassTable("index", (Label("a", "#000000", (0,)), Label("b", "#ffffff", (1,))))
SIZES = [(1, 1), (1, 700), (7, 5), (64, 64), (96, 128), (127, 129), (128, 64), (200, 333),
         (491, 77), (640, 640), (1500, 190)]  # fmt: skip


def facts(fit: str, margin: int = 0, size: int = 64) -> Facts:
    view = ViewConfig(size=size, fit=fit)
    return Facts(IMAGE, view, RGB, TABLE, margin, 1.0, False, None, {})


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("fit", ["pad", "squash"])
@pytest.mark.parametrize("margin", [0, 5])
def test_a_view_is_that_of_opencv_within_a_grey_level(size, fit, margin):
    noise = np.random.default_rng(0).integers(256, size=(*size, 3)).astype(np.uint8)
    image = cv2.GaussianBlur(noise, (3, 3), 1).reshape(*size, 3)
    matrix = moved(view_matrix(*size, 64, fit), margin)
    wanted = warp_image(image, matrix, 64 + 2 * margin).astype(np.float32)
    found = view_of(tf.constant(image[None]), facts(fit, margin)).numpy()[0]
    assert np.abs(found - wanted).max() <= 1
    assert np.mean(found != wanted) < 0.02


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("fit", ["pad", "squash"])
def test_the_way_back_is_that_of_opencv(size, fit):
    scores = np.random.default_rng(1).random((64, 64, 3), np.float32)
    wanted = restore(scores, view_matrix(*size, 64, fit), *size)
    planes = tf.constant(scores.transpose(2, 0, 1)[None])
    for side, shown in zip(size, shown_of(size, facts(fit)), strict=True):
        planes = turned(between(planes, places_in_view(side, shown, 64), 64))
    np.testing.assert_allclose(planes.numpy()[0].transpose(1, 2, 0), wanted, atol=2e-3)


def test_of_equal_classes_the_first_is_the_mask():
    found = outputs(tf.zeros((1, 8, 8, 2)), facts("pad", size=8), None)
    assert not found["mask"].numpy().any()
    np.testing.assert_allclose(found["confidence"].numpy(), 0.5)
