"""Settings: each wrong one is named with its nearest right one; TOML brings all of them back."""

import pytest

from maskwright.config import Config
from maskwright.errors import UsageError
from maskwright.recipes import RECIPES, recipe
from maskwright.settings import change, parse_minutes, parse_setting, read_config, to_toml


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("train.epochs", 2.5, "2.5 must be a whole number"),
        ("train.epochs", True, "True must be a whole number"),
        ("train.learning_rate", "fast", "'fast' must be a number"),
        ("view.fit", 3, "3 must be a word"),
        ("model.filters", 3, "3 must be a list of whole numbers"),
        ("model.filters", [8, "x"], "'x' must be a whole number"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(key, value, words):
    with pytest.raises(UsageError, match=f"^{key} = {words}$"):
        change(Config(), {key: value})


def test_an_unknown_setting_is_named_with_the_nearest():
    with pytest.raises(UsageError, match=r"unknown setting trian\.epochs: did you mean train\.ep"):
        change(Config(), {"trian.epochs": 3})


def test_change_leaves_the_rest_and_takes_whole_numbers_for_numbers():
    changed = change(Config(), {"augment.rotate": 90, "model.filters": [4, 8]})
    assert changed.augment.rotate == 90.0
    assert isinstance(changed.augment.rotate, float)
    assert changed.model.filters == (4, 8)
    assert changed.train == Config().train


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("train.epochs=3", ("train.epochs", 3)),
        (" seed = 7 ", ("seed", 7)),
        ("augment.zoom=0.5", ("augment.zoom", 0.5)),
        ("view.fit=squash", ("view.fit", "squash")),
        ('view.fit="squash"', ("view.fit", "squash")),
        ("model.filters=[8, 16]", ("model.filters", [8, 16])),
        ("recipe=a=b", ("recipe", "a=b")),
        ("view.fit=", ("view.fit", "")),
    ],
)
def test_settings_are_read_as_toml_or_as_a_word(text, setting):
    assert parse_setting(text) == setting


@pytest.mark.parametrize("text", ["train.epochs", "=3", " =3", ""])
def test_a_setting_without_key_or_value_says_how_to_write_it(text):
    with pytest.raises(UsageError, match=r"write key=value, as in --set train\.epochs=5"):
        parse_setting(text)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_toml(tmp_path, name):
    path = tmp_path / "config.toml"
    path.write_text(to_toml(recipe(name)), encoding="utf-8")
    assert change(Config(), read_config(path)) == recipe(name)


def test_reading_a_missing_file_names_it(tmp_path):
    with pytest.raises(UsageError, match=r"no such configuration file: .*none\.toml"):
        read_config(tmp_path / "none.toml")


def test_reading_a_folder_names_it(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: Is a directory; name a TOML file"):
        read_config(tmp_path)


@pytest.mark.parametrize("content", [b"epochs = = 3", b"\xff\xfe"])
def test_reading_what_is_no_toml_says_so(tmp_path, content):
    (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"c\.toml is not valid TOML: "):
        read_config(tmp_path / "c.toml")


@pytest.mark.parametrize("text", ["soon", "0m", "-5m", "10x", "", "1e3m", "5ours", "10in"])
def test_a_time_that_is_none_says_how_to_write_one(text):
    with pytest.raises(UsageError, match=r"--time .*: write a time above 0, such as 90s"):
        parse_minutes(text)
