"""Where things lie that can be made again."""

from pathlib import Path

import platformdirs

from maskwright.data.home import cache_home


def test_the_environment_variable_names_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    assert cache_home() == tmp_path / "cache"
    assert not cache_home().exists()


def test_a_relative_cache_and_a_home_become_absolute(monkeypatch):
    monkeypatch.setenv("MASKWRIGHT_CACHE", "cache")
    assert cache_home() == Path.cwd() / "cache"
    monkeypatch.setenv("MASKWRIGHT_CACHE", "~/cache")
    assert cache_home() == Path.home() / "cache"


def test_without_the_variable_it_is_the_cache_of_the_user(monkeypatch):
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("MASKWRIGHT_CACHE", raising=False)
        else:
            monkeypatch.setenv("MASKWRIGHT_CACHE", value)
        assert cache_home() == platformdirs.user_cache_path("maskwright")
