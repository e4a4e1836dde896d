"""Standard input and videos as images to predict, and images that are odd."""

import io
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from maskwright.data.bands import Bands
from maskwright.errors import DataError
from maskwright.prediction import predict
from maskwright.prediction.inputs import count_of, find_images, pictures


def give(monkeypatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def test_standard_input_is_an_image(run, tmp_path, monkeypatch):
    give(monkeypatch, run.dataset.pairs[0].image.read_bytes())
    (mask,) = predict(run, "-", out=tmp_path / "out", shapes=["svg"])
    assert mask.name == "stdin.png"
    np.testing.assert_array_equal(np.asarray(Image.open(mask))[[0, 9]], [[0] * 12, [1] * 12])
    assert "<image" not in (tmp_path / "out" / "stdin.svg").read_text()  # there is none to link


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"abc", "is not an image")])
def test_what_is_wrong_with_standard_input_is_said_of_it(
    run, tmp_path, monkeypatch, content, words
):
    give(monkeypatch, content)
    with pytest.raises(DataError, match=f"the first: standard input {words}"):
        predict(run, "-", out=tmp_path / "out")


@pytest.fixture
def film(tmp_path):
    """Five frames of 64 × 48 pixels, from dark to bright."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48))
    for level in range(5):
        writer.write(np.full((48, 64, 3), 60 * level, np.uint8))
    writer.release()
    return path


def test_a_video_gives_a_mask_a_frame(run, tmp_path, film):
    assert count_of(film) == 5
    masks = predict(run, film, out=tmp_path / "out", overlay=True)
    assert [mask.name for mask in masks] == [f"clip-{n:06d}.png" for n in range(5)]
    levels = [np.asarray(Image.open(mask)).mean() for mask in masks]
    assert levels == [0, 0, 1, 1, 1]
    assert np.asarray(Image.open(masks[0])).shape == (48, 64)
    assert len(list((tmp_path / "out").glob("*-overlay.jpg"))) == 5
    again = predict(run, film, out=tmp_path / "out", overlay=True, resume=True)
    assert again == masks


def test_colours_of_a_video_are_red_green_and_blue(tmp_path):
    path = tmp_path / "red.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48))
    writer.write(np.full((48, 64, 3), (0, 0, 250), np.uint8))  # OpenCV's order
    writer.release()
    (picture,) = pictures([path])
    red, green, blue = picture.open(Bands()).rows(0, 48)[20, 20]
    assert (red > 200, green < 50, blue < 50) == (True, True, True)


def test_what_is_no_video_is_passed_over(run, tmp_path):
    (tmp_path / "clip.mp4").write_text("no film")
    images = [tmp_path / "clip.mp4", run.dataset.pairs[0].image]
    with pytest.raises(DataError, match=r"clip\.mp4 is not a video that can be read; convert it"):
        predict(run, images, out=tmp_path / "out")
    assert (tmp_path / "out" / "0.png").exists()


def test_videos_are_found_by_name_only(tmp_path, film):
    Image.new("RGB", (5, 5)).save(tmp_path / "a.png")
    assert find_images(tmp_path) == [tmp_path / "a.png"]
    assert find_images([film]) == [film]


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (3, 2)])
@pytest.mark.parametrize("fit", ["pad", "squash", "window"])
def test_the_smallest_and_the_thinnest_images_have_masks_of_their_size(run, tmp_path, size, fit):
    from dataclasses import replace

    from maskwright.config import ViewConfig

    vars(run)["predictor"] = replace(run.predictor, view=ViewConfig(32, fit))
    path = tmp_path / "a.png"
    Image.fromarray(np.full((*size, 3), 200, np.uint8)).save(path)
    (mask,) = predict(run, path, out=tmp_path / "out", overlay=True, objects=True)
    found = np.asarray(Image.open(mask))
    assert found.shape == size
    assert (found == 1).all()


def test_grey_and_16_bits_are_read_as_in_training(run, tmp_path):
    Image.fromarray(np.full((9, 9), 200, np.uint8)).save(tmp_path / "grey.png")
    Image.fromarray(np.full((9, 9), 200 * 257, np.uint16)).save(tmp_path / "deep.png")
    for mask in predict(run, [tmp_path / "grey.png", tmp_path / "deep.png"], out=tmp_path / "out"):
        assert (np.asarray(Image.open(mask)) == 1).all()


def test_floats_need_a_range_and_nan_is_the_least_of_it(run, tmp_path):
    from dataclasses import replace

    pixels = np.full((9, 9), 0.9, np.float32)
    pixels[:, :4] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with pytest.raises(DataError, match="holds floating-point pixels of no known range"):
        predict(run, tmp_path / "a.tif", out=tmp_path / "out")
    ranged = Bands(3, (0.0,) * 3, (1.0,) * 3)
    vars(run)["predictor"] = replace(run.predictor, bands=ranged)
    (mask,) = predict(run, tmp_path / "a.tif", out=tmp_path / "more")
    assert np.asarray(Image.open(mask))[4].tolist()[:3] == [0, 0, 0]
    assert np.asarray(Image.open(mask))[4].tolist()[-3:] == [1, 1, 1]


def test_an_image_without_bands_is_refused(run, tmp_path):
    content = bytearray(tifffile_bytes(np.zeros((4, 4), np.uint8)))
    place = content.index((277).to_bytes(2, "little"))
    content[place + 8 : place + 10] = (0).to_bytes(2, "little")
    (tmp_path / "a.tif").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"a\.tif cannot be decoded"):
        predict(run, tmp_path / "a.tif", out=tmp_path / "out")


def tifffile_bytes(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="minisblack")
    return file.getvalue()
