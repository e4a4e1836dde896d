"""Rates: remembered for a machine and a network, measured where nothing is remembered."""

from dataclasses import replace

import pytest

from maskwright import throughput
from maskwright.config import ModelConfig
from maskwright.throughput import Rate, key_of, probe, rate_of, remember, remembered

SMALL = ModelConfig(filters=(2, 4))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path))
    return tmp_path


def test_an_image_costs_by_its_pixels_and_its_part_of_the_step():
    rate = Rate(2.0, "measured")
    assert rate.image(side=1000, batch=1) == 2 + throughput.FIXED
    assert rate.image(side=500, batch=8) == 0.5 + throughput.FIXED / 8


def test_what_was_remembered_is_the_rate_and_says_so():
    remember(SMALL, 0.5)
    rate = rate_of(SMALL)
    assert rate.seconds == 0.5
    assert "this network was last trained here" in rate.source


def test_what_was_not_is_measured(monkeypatch):
    monkeypatch.setattr(throughput, "probe", lambda model: 0.25)
    rate = rate_of(SMALL)
    assert rate.seconds == throughput.STEP * 0.25
    assert "timed just now" in rate.source


def test_where_there_is_no_time_to_measure_it_is_assumed(monkeypatch):
    monkeypatch.setattr(throughput, "probe", lambda model: pytest.fail("measured"))
    rate = rate_of(SMALL, measure=False)
    assert rate.seconds == throughput.ASSUMED
    assert "not measured" in rate.source
    remember(SMALL, 0.5)
    assert rate_of(SMALL, measure=False).seconds == 0.5


def test_a_measurement_is_a_time():
    assert 0 < probe(SMALL) < 60


@pytest.mark.parametrize(
    "other",
    [
        ModelConfig(filters=(2, 8)),
        ModelConfig(filters=(2, 4), normalization="none"),
        ModelConfig(encoder="efficientnet_lite0"),
        ModelConfig(encoder="efficientnet_lite0", width=32),
        ModelConfig(encoder="efficientnet_lite0", statistics="trained"),
    ],
)
def test_what_costs_other_time_has_a_key_of_its_own(other):
    assert key_of(other) != key_of(SMALL)


def test_dropout_costs_no_time_but_training_statistics_does():
    named = ModelConfig(encoder="efficientnet_lite0")
    assert key_of(replace(named, dropout=0.5)) == key_of(named)
    assert key_of(replace(named, weights="none")) != key_of(named)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": "x"}', '{"a": -1}', '{"a": 1e9}'])
def test_a_damaged_memory_is_none(cache, text):
    (cache / "throughput.json").write_text(text)
    assert remembered() == {}
    remember(SMALL, 0.5)
    assert list(remembered().values()) == [0.5]


def test_a_cache_that_cannot_be_written_is_no_error(cache, monkeypatch):
    (cache / "file").write_text("")
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(cache / "file"))
    remember(SMALL, 0.5)
    assert remembered() == {}
