"""The configuration and its recipes: every value has a range or choices, and others are refused."""

import dataclasses
import re

import pytest

from maskwright.config import (
    CHOICES,
    MONITORS,
    RANGES,
    AugmentConfig,
    Config,
    ModelConfig,
    SplitConfig,
    TrainConfig,
    ViewConfig,
    flatten,
)
from maskwright.errors import UsageError
from maskwright.recipes import RECIPES, recipe
from maskwright.settings import change


def test_every_choice_and_range_is_of_a_setting_that_exists():
    assert set(CHOICES) | set(RANGES) <= set(flatten(Config()))


def test_every_number_has_a_range():
    numbers = {k for k, v in flatten(Config()).items() if type(v) in (int, float)}
    assert numbers == set(RANGES)


def test_a_config_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("key", CHOICES)
def test_a_word_outside_the_choices_is_named_with_the_choices(key):
    with pytest.raises(UsageError, match=rf"^{key} = 'zzz': choose from {', '.join(CHOICES[key])}"):
        change(Config(), {key: "zzz"})


@pytest.mark.parametrize("monitor", [*MONITORS, "iou cell", "iou two words"])
def test_what_may_pick_the_best_epoch(monitor):
    assert TrainConfig(monitor=monitor).monitored[0] == f"val_{monitor}"
    assert Config(train=TrainConfig(monitor=monitor)).train.monitor == monitor


@pytest.mark.parametrize("monitor", ["mean_iuo", "iou", "iou ", ""])
def test_what_may_not_pick_the_best_epoch(monitor):
    with pytest.raises(UsageError, match=r"train\.monitor = '.*': .*or write iou and the name of"):
        Config(train=TrainConfig(monitor=monitor))


def test_a_misspelled_choice_gets_a_hint():
    with pytest.raises(UsageError, match=r"view\.fit = 'squahs': did you mean squash\?"):
        Config(view=ViewConfig(fit="squahs"))


@pytest.mark.parametrize("key", RANGES)
def test_both_ends_of_a_range_pass_and_values_beyond_are_refused(key):
    low, high = RANGES[key]
    kind = type(flatten(Config())[key])
    others = {"model.filters": [8], "view.size": 16, "split.folds": 100}
    base = change(Config(), {name: value for name, value in others.items() if name != key})
    for value in (low, high):
        assert flatten(change(base, {key: kind(value)}))[key] == value
    for value in (kind(low - 1), kind(high + 1)):
        with pytest.raises(UsageError, match=rf"^{key} = .* is outside {low} to {high}; choose"):
            change(base, {key: value})


def test_nan_is_outside_every_range():
    with pytest.raises(UsageError, match=r"train\.learning_rate = nan is outside"):
        Config(train=TrainConfig(learning_rate=float("nan")))


@pytest.mark.parametrize("filters", [(), (8, 0), (-1,)])
def test_filters_must_be_positive_and_not_empty(filters):
    with pytest.raises(UsageError, match=r"model\.filters = \[.*\] needs one positive number"):
        Config(model=ModelConfig(filters=filters))


def test_size_must_suit_the_levels_and_the_error_offers_one_that_does():
    with pytest.raises(UsageError, match=r"view\.size = 250 must be a multiple of 16 .*try 256"):
        change(Config(), {"view.size": 250})
    with pytest.raises(UsageError, match=r"view\.size = 100 must be a multiple of 512 .*try 512"):
        change(Config(), {"view.size": 100, "model.filters": [2] * 10})
    with pytest.raises(UsageError, match=r"multiple of 32 for the encoder mobilenet_v2; try 224"):
        change(Config(), {"view.size": 216, "model.encoder": "mobilenet_v2"})


def test_border_weights_need_a_loss_that_goes_by_pixels():
    words = "train.border = 10 weighs pixels, which train.loss = 'dice' does not; add cross_entropy"
    with pytest.raises(UsageError, match=words):
        change(Config(), {"train.border": 10.0, "train.loss": "dice"})
    assert change(Config(), {"train.border": 10.0, "train.loss": "dice + focal"}).train.border == 10


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (SplitConfig(val=0.8, test=0.2), "val + split.test = 1 leaves nothing for train; stay b"),
        (SplitConfig(folds=1), "folds = 1 leaves nothing for train; choose 0 for none, else 2 to"),
        (SplitConfig(folds=5, fold=5), "fold = 5 must be below split.folds = 5; count from 0"),
        (SplitConfig(fold=1), "fold = 1 must be below split.folds = 0; count from 0"),
        (
            SplitConfig(group="(.+_"),
            "group = '(.+_' is no regular expression (missing ), unterminated subpattern at "
            r"position 0); write one such as (.+)_\d+",
        ),
    ],
)
def test_a_split_that_cannot_be_is_refused(split, words):
    with pytest.raises(UsageError, match=f"^{re.escape(f'split.{words}')}"):
        Config(split=split)


def test_recipes_are_called_what_they_say():
    assert all(name == config.recipe for name, config in RECIPES.items())
    assert recipe() == RECIPES["default"]


def test_recipe_applies_changes_and_leaves_the_recipe_alone():
    assert recipe("tutorial", {"train.epochs": 3}).train.epochs == 3
    assert RECIPES["tutorial"].train.epochs != 3


def test_the_tutorial_is_the_tutorial():
    tutorial = recipe("tutorial")
    assert tutorial.model.filters == (32, 64, 128, 256, 512)
    assert tutorial.model.normalization == "none"
    assert tutorial.augment == AugmentConfig(0, 0, 0, 0, 0, 0, 0, crop=1)


def test_an_unknown_recipe_is_named_with_the_nearest():
    with pytest.raises(UsageError, match=r"no recipe called tutorail: did you mean tutorial\?"):
        recipe("tutorail")
