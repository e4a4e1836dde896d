"""How large image files may be, and who may say otherwise."""

import pytest
from PIL import Image

from maskwright.data import limits, opening
from maskwright.data.images import read_image
from maskwright.data.limits import BYTES, MOST_BYTES, PIXELS, limit, set_limits
from maskwright.errors import DataError, UsageError


def test_the_environment_sets_limits(monkeypatch):
    monkeypatch.setattr(limits.Image, "MAX_IMAGE_PIXELS", 7)
    assert set_limits() == MOST_BYTES
    assert Image.MAX_IMAGE_PIXELS == 7
    monkeypatch.setenv(PIXELS, "500_000_000")
    monkeypatch.setenv(BYTES, "10")
    assert set_limits() == 10
    assert Image.MAX_IMAGE_PIXELS == 500_000_000


@pytest.mark.parametrize("text", ["", "0", "-1", "1e9", "many"])
def test_a_limit_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv(PIXELS, text)
    with pytest.raises(UsageError, match=f"MASKWRIGHT_MAX_PIXELS = '{text}' must be a whole num"):
        limit(PIXELS, None)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    monkeypatch.setattr(opening, "MOST_FILE", 20)
    words = (
        r"a\.png has \d+ bytes, and at most 20 are read; cut it .* set MASKWRIGHT_MAX_BYTES higher"
    )
    with pytest.raises(DataError, match=words) as caught:
        read_image(path)
    assert caught.value.kind == "too-large"
    monkeypatch.setattr(opening, "MOST_FILE", 2000)
    assert read_image(path).shape == (4, 4, 3)
