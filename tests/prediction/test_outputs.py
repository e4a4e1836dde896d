"""Rows of one image brought by several threads: in order, and never waited for in vain."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from maskwright.data.rasters import Held
from maskwright.deciding import Decision
from maskwright.prediction.inputs import Picture
from maskwright.prediction.outputs import Extra, Output
from maskwright.views import Rows


@pytest.fixture
def output(tmp_path, table):
    image = Held(np.zeros((6, 4, 3), np.uint8))
    picture = Picture("a.png", "a", None, lambda bands: image, None)
    return Output(picture, image, tmp_path, table, Extra())


def rows(top: int) -> Rows:
    """Two rows of six, of class 1 where ``top`` is 2."""
    scores = np.zeros((2, 4, 2), np.float32)
    scores[..., int(top == 2)] = 1
    return Rows(top, 6, scores)


def test_rows_that_overtake_others_wait_for_them(output, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        found = []
        for top in (4, 2, 0):
            found.append(pool.submit(output.put, rows(top), Decision()))
            time.sleep(0.02)
        lines = [one.result(timeout=10) for one in found]
    assert lines[1:] == [None, None]
    assert lines[0]["mask"] == "a.png"
    mask = np.asarray(Image.open(tmp_path / "a.png"))
    assert mask[:, 0].tolist() == [0, 0, 1, 1, 0, 0]


def test_an_image_that_breaks_off_keeps_rows_that_are_still_to_be_put(output, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        kept = pool.submit(output.break_off, 2)
        time.sleep(0.02)
        output.put(rows(0), Decision())
        assert kept.result(timeout=10) == tmp_path / "a-partial.png"
    mask = np.asarray(Image.open(tmp_path / "a-partial.png"))
    assert mask[:, 0].tolist() == [0, 0, 255, 255, 255, 255]


def test_where_rows_cannot_be_decided_nobody_waits_for_them(output):
    def fails(probabilities):
        raise MemoryError

    later = threading.Thread(target=output.put, args=(rows(2), Decision()), daemon=True)
    later.start()
    with pytest.raises(MemoryError):
        output.put(rows(0), fails)
    later.join(timeout=10)
    assert not later.is_alive()
