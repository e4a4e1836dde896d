"""Which engine is chosen, and that importing it greets nobody."""

import os
import sys

import pytest

from maskwright import engine
from maskwright.errors import MaskwrightError, UsageError


@pytest.fixture
def packages(monkeypatch):
    """Pretend that only these packages are installed."""
    monkeypatch.delenv("KERAS_BACKEND")

    def only(*names: str) -> None:
        monkeypatch.setattr(engine, "installed", names.__contains__)

    return only


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (["tensorflow", "jax", "torch"], "tensorflow"),
        (["tensorflow", "jax", "jax_cuda13_plugin"], "jax"),
        (["jax", "torch"], "jax"),
        (["torch"], "torch"),
    ],
)
def test_the_engine_follows_from_what_is_installed(packages, there, chosen):
    packages(*there)
    assert engine.choose() == chosen


def test_the_environment_decides_where_it_says_something(packages, monkeypatch):
    packages("tensorflow", "torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert engine.choose() == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert engine.choose() == "tensorflow"


def test_an_engine_that_is_not_there_is_named_with_those_that_are(packages, monkeypatch):
    packages("tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    message = r"torch is not installed \(pip install 'maskwright\[torch\]'\); there is tensorflow"
    with pytest.raises(UsageError, match=message):
        engine.choose()


def test_without_any_engine_the_error_says_what_to_install(packages):
    packages()
    with pytest.raises(
        MaskwrightError, match="no engine for Keras is installed; run: pip install t"
    ):
        engine.choose()


def test_installed_looks_without_importing():
    assert engine.installed("keras")
    assert not engine.installed("no_such_package_here")


def test_quiet_swallows_what_is_written_to_the_descriptor_and_lets_errors_through(capfd):
    def greet() -> None:
        with engine.quiet():
            os.write(2, b"greetings from C++")
            raise ImportError("broken")

    with pytest.raises(ImportError, match="broken"):
        greet()
    print("after", file=sys.stderr)
    assert capfd.readouterr().err == "after\n"


def test_an_engine_that_is_none_is_named(packages, monkeypatch):
    packages("tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "tensorfow")
    with pytest.raises(UsageError, match="KERAS_BACKEND=tensorfow: did you mean tensorflow"):
        engine.choose()
