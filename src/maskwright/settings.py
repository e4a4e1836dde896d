"""Dotted settings such as ``{"train.epochs": 5}``: from words, and TOML in and out.

Unknown keys and wrong types are errors that name the nearest right key.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
import types
import typing
from pathlib import Path
from typing import Any

import tomli_w

from maskwright.config import Config, flatten
from maskwright.errors import UsageError, nearest
from maskwright.texts import read_toml


def change(config: Config, changes: dict[str, Any]) -> Config:
    """A copy of ``config`` with dotted keys changed.

    >>> change(Config(), {"train.epochs": 3}).train.epochs
    3
    >>> change(Config(), {"train.epoch": 3})
    Traceback (most recent call last):
    maskwright.errors.UsageError: unknown setting train.epoch: did you mean train.epochs?
    """
    kinds = _kinds(Config)
    for key in changes:
        if key not in kinds:
            raise UsageError(f"unknown setting {key}: {nearest(key, kinds)}")
    typed = {key: _typed(key, value, kinds[key]) for key, value in changes.items()}
    return _build(Config, flatten(config) | typed, "")


def meanings() -> dict[str, str]:
    """What every setting is, by its dotted name, in the words that stand beside it in config.py.

    >>> meanings()["view.size"], list(meanings())[:2]
    ('pixels, side of the square', ['split.by', 'split.group'])
    """
    told: dict[str, str] = {}
    for part in dataclasses.fields(Config):
        kind = part.default_factory
        if isinstance(kind, type):
            key = ""
            for line in inspect.getsource(kind).splitlines():
                if begun := re.match(r"    (\w+): .+? = .+?  # (.+)", line):
                    key = f"{part.name}.{begun[1]}"
                    told[key] = begun[2]
                elif key and (more := re.match(r"    # (.+)", line)):
                    told[key] += f" {more[1]}"
                else:
                    key = ""
    return told


def parse_setting(text: str) -> tuple[str, Any]:
    """``"train.epochs=3"`` as key and value, the value read as TOML, else as a word.

    >>> parse_setting("model.filters=[8, 16]")
    ('model.filters', [8, 16])
    >>> parse_setting("view.fit=squash")
    ('view.fit', 'squash')
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text}: write key=value, as in --set train.epochs=5")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return key.strip(), value.strip()


def parse_minutes(text: str) -> float:
    """A time such as "90s", "10m" or "1.5h" in minutes; a bare number means minutes.

    >>> parse_minutes("90s"), parse_minutes("10m"), parse_minutes("2h"), parse_minutes("5")
    (1.5, 10.0, 120.0, 5.0)
    """
    unit = "(s|sec|seconds?|m|min|minutes?|h|hours?|)"
    found = re.fullmatch(rf"(\d+\.?\d*) *{unit}", text.strip())
    minutes = float(found[1]) * {"s": 1 / 60, "m": 1, "": 1, "h": 60}[found[2][:1]] if found else 0
    if not minutes > 0:
        raise UsageError(f"--time {text}: write a time above 0, such as 90s, 10m or 2h")
    return minutes


def read_config(path: Path) -> dict[str, Any]:
    """The dotted settings in a TOML file, for ``change``."""
    try:
        return _dotted(read_toml(path))
    except FileNotFoundError:
        raise UsageError(f"no such configuration file: {path}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name a TOML file") from None
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None


def to_toml(config: Config) -> str:
    """The whole configuration as TOML; ``read_config`` and ``change`` bring it back."""
    return tomli_w.dumps(dataclasses.asdict(config))


def _dotted(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in table.items():
        values |= (
            _dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return values


def _kinds(cls: type, prefix: str = "") -> dict[str, Any]:
    """Dotted keys and their declared types."""
    kinds: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(cls).items():
        kinds |= (
            _kinds(kind, f"{prefix}{name}.")  # type: ignore[arg-type]
            if dataclasses.is_dataclass(kind)
            else {prefix + name: kind}
        )
    return kinds


def _typed(key: str, value: Any, kind: Any) -> Any:
    """``value`` as ``kind``, or an error that names the key and what it needs."""
    if isinstance(kind, types.GenericAlias) and isinstance(value, list | tuple):
        return tuple(_typed(key, item, kind.__args__[0]) for item in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        names = {
            int: "a whole number",
            float: "a number",
            str: "a word",
            bool: "true or false",
        }
        raise UsageError(f"{key} = {value!r} must be {names.get(kind, 'a list of whole numbers')}")
    return value


def _build(cls: Any, values: dict[str, Any], prefix: str) -> Any:
    hints = typing.get_type_hints(cls)
    return cls(
        **{
            name: _build(kind, values, f"{prefix}{name}.")
            if dataclasses.is_dataclass(kind)
            else values[prefix + name]
            for name, kind in hints.items()
        }
    )
