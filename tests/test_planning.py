"""Plans: what is chosen for which data, machine and time, and what is refused."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import maskwright as mw
from maskwright import memory, planning
from maskwright.choosing import choose_changes, choose_rate, choose_view
from maskwright.data.dataset import Dataset
from maskwright.errors import UsageError
from maskwright.fingerprint import Fingerprint
from maskwright.planning import Plan, plan, plan_for
from maskwright.recipes import recipe
from maskwright.report.planned import read_plan
from maskwright.throughput import Rate
from maskwright.training import say_if_behind

RATE = Rate(1.0, "set by the test")  # seconds a megapixel: 37 ms for 192×192


@pytest.fixture(autouse=True)
def rate(monkeypatch):
    monkeypatch.setattr(planning, "rate_of", lambda model, measure: RATE)


def seen(longer: int, thick: float, images: int = 100, shorter: int | None = None) -> Fingerprint:
    """Images of one size, with a background and one class of this thickness."""
    return Fingerprint(
        images=images,
        names=("ground", "thing"),
        sizes=np.array([[shorter or longer, longer]] * 10),
        shares=np.array([0.75, 0.25]),
        thickness=np.array([[100.0, thick]] * 10),
    )


def planned(dataset, given: dict, left: float) -> Plan:
    return plan_for(dataset, given, left)[0]


def chosen(
    data: Fingerprint, seconds: float, given: dict | None = None, *, rims: bool = False
) -> dict[str, object]:
    choices = choose_view(data, RATE, seconds, recipe("default", given), given or {}, rims=rims)
    assert all(len(choice.reason) > 15 for choice in choices)
    return {choice.key: choice.value for choice in choices}


def test_a_plan_says_why_it_takes_its_decoder(dataset):
    made = planned(dataset, {"train.minutes": 5.0}, 290)
    (choice,) = [one for one in made.choices if one.key == "model.decoder"]
    assert (choice.value, made.config.model.decoder) == ("unet", "unet")
    assert "the best on thin membranes" in choice.reason
    for given, decoder in (({"model.decoder": "fpn"}, "fpn"), ({"model.encoder": "plain"}, "unet")):
        made = planned(dataset, {"train.minutes": 5.0, **given}, 290)
        assert "model.decoder" not in {one.key for one in made.choices}
        assert made.config.model.decoder == decoder


def test_thick_classes_are_seen_in_whole_images():
    assert chosen(seen(longer=500, thick=30), seconds=200)["view.fit"] == "pad"


def test_thin_classes_of_large_images_are_seen_through_windows():
    values = chosen(seen(longer=4000, thick=12), seconds=200)
    assert values == {
        "view.fit": "window",
        "view.size": 256,
        "augment.crop": 1.0,
        "augment.rotate": 180.0,
    }


def test_small_objects_whose_rims_are_learnt_are_seen_through_windows():
    small, large = seen(longer=300, thick=10), seen(longer=300, thick=40)
    assert chosen(small, 200)["view.fit"] == "pad"
    assert chosen(small, 200, rims=True)["view.fit"] == "window"
    assert chosen(large, 200, rims=True)["view.fit"] == "pad"
    nothing = replace(small, thickness=np.full((10, 2), np.nan))
    assert chosen(nothing, 200, rims=True)["view.fit"] == "pad"
    assert chosen(small, 200, {"view.fit": "pad"}, rims=True)["view.fit"] == "pad"


def test_tiles_of_a_map_are_seen_through_windows_so_that_whole_maps_can_be_predicted():
    tiles = replace(seen(longer=512, thick=40), on_map=True)
    choices = {one.key: one for one in choose_view(tiles, RATE, 200, recipe("default", {}), {})}
    assert choices["view.fit"].value == "window"
    assert "may be a map of any size, not only a tile" in choices["view.fit"].reason
    assert chosen(tiles, 200, {"view.fit": "pad"})["view.fit"] == "pad"
    assert not seen(longer=512, thick=40).on_map


def test_windows_are_no_larger_than_the_images():
    assert chosen(seen(longer=2000, thick=5, shorter=100), 200)["view.size"] == 128


def test_more_time_is_a_larger_view_up_to_the_images_own_size():
    sizes = [chosen(seen(500, 30), seconds)["view.size"] for seconds in (20, 120, 400, 900, 9000)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 192
    assert sizes[-1] == 512  # 640 would only blow the images up


def test_the_view_is_never_so_small_that_the_thinnest_class_is_lost():
    """7 pixels thick in 512: 366 pixels are needed for 5, and 384 is the next size."""
    assert chosen(seen(512, 7), seconds=5)["view.size"] == 384


def test_a_step_sees_three_quarters_of_the_view():
    values = chosen(seen(500, 30), seconds=200)
    assert values["view.size"] * values["augment.crop"] % 32 == 0
    assert 0.6 < values["augment.crop"] <= 0.8


def test_images_whose_masks_have_no_edges_get_a_plan_too():
    values = chosen(seen(300, float("nan")), seconds=100)
    assert values["view.fit"] == "pad"


def test_settings_that_were_given_are_kept(dataset):
    made = planned(dataset, {"train.minutes": 5.0, "view.size": 64, "model.width": 8}, 290)
    assert made.config.view.size == 64
    assert made.config.model.width == 8
    assert made.config.train.minutes == 5
    assert "view.size" not in {choice.key for choice in made.choices}


def test_random_weights_get_a_rate_that_suits_them(dataset):
    for given in ({"model.weights": "none"}, {"model.encoder": "plain"}):
        made = planned(dataset, {"train.minutes": 5.0, **given}, 290)
        assert made.config.train.learning_rate == 2e-3
        assert "model.encoder" not in {choice.key for choice in made.choices}
    assert planned(dataset, {"train.minutes": 5.0}, 290).config.train.learning_rate == 1e-3


@pytest.mark.parametrize(("steps", "rate"), [(10, 4e-3), (275, 2e-3), (550, 1e-3), (9999, 1e-3)])
def test_few_steps_are_larger(steps, rate):
    chosen = choose_rate(recipe("default"), steps)
    assert chosen.value == rate
    assert f"there is time for {steps:,} steps, " in chosen.reason
    assert ("few steps must be larger" in chosen.reason) == (rate > 1e-3)


@pytest.mark.parametrize(
    ("views", "settings", "changed"),
    [
        (4_999, {}, False),
        (5_000, {}, True),
        (9_999, {"model.weights": "none"}, False),  # those learn nothing by heart so soon
        (5_000, {"view.fit": "window", "view.size": 256}, False),  # of which 16 cover an image
        (80_000, {"view.fit": "window", "view.size": 256}, True),
        (80_000, {"view.fit": "window", "view.size": 256, "view.scale": 1.5}, False),
    ],
)
def test_images_that_are_seen_often_are_changed_more(views, settings, changed):
    data = seen(longer=1024, thick=30, images=100)
    choices = choose_changes(data, recipe("default", settings), views)
    values = {choice.key: choice.value for choice in choices}
    assert values == ({"augment.strength": 2.0, "train.weight_decay": 0.1} if changed else {})
    assert (
        not changed or "is seen about 50 times, and would be learnt by heart" in choices[0].reason
    )


def test_few_images_and_much_time_get_the_larger_encoder(dataset, monkeypatch):
    made = planned(dataset, {"train.minutes": 5.0}, 290)
    reason = next(one.reason for one in made.choices if one.key == "model.encoder")
    assert made.config.model.encoder == "efficientnet_lite2"
    assert re.search(
        r"Lite2 .* each place of the images about [\d,]+ times, and where that was 50 or", reason
    )
    assert any("set by the test, times 1.6" in fact for fact in made.facts)

    class Many(Dataset):
        def of(self, split):
            return super().of(split) * 1000

    many = Many(**vars(dataset))
    made, network = plan_for(many, {"train.minutes": 5.0}, 290)
    assert made.config.model.encoder == "efficientnet_lite0"
    assert "lite0" in network.name
    monkeypatch.setattr(planning, "weights_at_hand", lambda name: "pip install it")
    made, network = plan_for(dataset, {"train.minutes": 5.0}, 290)
    reason = next(one.reason for one in made.choices if one.key == "model.encoder")
    assert reason.endswith(
        "was a little ahead in trials, but its weights are not installed: pip install it"
    )
    assert made.config.model.encoder == "efficientnet_lite0"
    kept = planned(dataset, {"train.minutes": 5.0, "model.encoder": "efficientnet_lite1"}, 290)
    assert kept.config.model.encoder == "efficientnet_lite1"


def test_changes_that_were_given_are_kept(dataset):
    made = planned(dataset, {"train.minutes": 5.0, "augment.strength": 0.5}, 290)
    assert made.config.augment.strength == 0.5
    assert made.config.train.weight_decay == 0.1  # six images are seen thousands of times
    assert "augment.strength" not in {choice.key for choice in made.choices}


def test_a_plan_is_written_down_in_words(dataset):
    made = planned(dataset, {"train.minutes": 5.0}, 290)
    text = made.to_markdown()
    assert "6 images to train on, longer side 12 pixels" in text
    assert "value_0 50.0 %, value_1 50.0 % of the pixels" in text
    for choice in made.choices:
        assert f"| `{choice.key}` |" in text
        assert choice.reason in text
    assert json.loads(json.dumps(made.to_dict()))["views"] == made.views > 0


def test_a_time_in_which_nothing_can_be_learnt_is_refused(dataset):
    message = (
        r"10 s is too short for 6 images at \d+ pixels: after reading and compiling there is time "
        r"for 0 views of them, and 60 are the least; try --time (\d+)s or longer"
    )
    with pytest.raises(UsageError, match=message) as refused:
        planned(dataset, {"train.minutes": 1 / 6}, 10)
    better = int(re.search(message, str(refused.value))[1]) / 60
    assert planned(dataset, {"train.minutes": better}, 60 * better).views >= 60


def test_ten_seconds_for_thousands_of_large_images_are_refused():
    data = seen(longer=2048, thick=40, images=4000)
    config = recipe("default", {"train.minutes": 1 / 6})
    with pytest.raises(UsageError, match=r"10 s is too short for 4,000 images at .* try --time"):
        planning.refuse_impossible(data, config, RATE, seconds=-150, views=-4000)


def test_a_plan_from_python(dataset):
    made = plan(dataset.root, minutes=5)
    assert isinstance(made, mw.Plan)
    assert made.config.recipe == "default"
    assert mw.plan is plan


@pytest.mark.parametrize("thick", [30, 3])
def test_a_network_of_many_levels_gets_views_that_they_divide(thick):
    """Eight levels halve seven times: 128 must divide what the network sees."""
    config = recipe("scratch", {"model.filters": [2] * 8, "view.size": 128})
    for seconds in (5, 300, 9000):
        choices = choose_view(seen(900, thick), RATE, seconds, config, {})
        values = {choice.key: choice.value for choice in choices}
        assert values["view.size"] % 128 == 0
        assert values["view.size"] * values["augment.crop"] % 128 < 0.5


def test_random_weights_are_shown_smaller_views_in_the_same_time():
    """By hand: of 256 pixels, 192 seen, 140 s show 140 / (0.0075 + 0.0369) = 3,153 views."""
    sizes = {}
    for weights in ("imagenet", "none"):
        config = recipe("default", {"model.weights": weights})
        values = {c.key: c.value for c in choose_view(seen(500, 30), RATE, 140, config, {})}
        sizes[weights] = values["view.size"]
    assert sizes == {"imagenet": 256, "none": 224}


def test_a_batch_that_would_not_fit_is_planned_smaller_and_said_to_be(dataset, monkeypatch):
    given = {"train.minutes": 5.0, "train.batch": 64}
    made = planned(dataset, given, 290)
    assert made.config.train.batch == 64
    assert any(
        re.fullmatch(r"memory: a step of 64 images takes about \d+\.\d GB of the .*", fact)
        for fact in made.facts
    )
    monkeypatch.setattr(memory, "free_bytes", lambda: 5e7)
    smaller = planned(dataset, given, 290)
    assert smaller.config.train.batch < 64
    (reason,) = [c.reason for c in smaller.choices if c.key == "train.batch"]
    assert "fit into the memory that is free" in reason


@pytest.mark.parametrize("size", [192, 512])
def test_the_part_that_a_step_sees_is_one_of_the_view_that_was_given(size):
    values = chosen(seen(500, 30), 9000, {"view.size": size})
    assert values["view.size"] == size
    part = size * values["augment.crop"]
    assert part == pytest.approx(32 * round(part / 32), abs=0.3)
    assert 0.6 < values["augment.crop"] <= 0.8


def test_windows_or_whole_images_that_were_given_are_what_is_planned():
    assert chosen(seen(500, 30), 200, {"view.fit": "window"})["augment.crop"] == 1
    whole = chosen(seen(4000, 12), 200, {"view.fit": "pad"})
    assert whole["view.size"] == 640


@pytest.mark.parametrize(
    ("epochs", "fit", "said"), [(6, "pad", True), (7, "pad", False), (1, "window", False)]
)
def test_a_training_that_showed_far_less_than_planned_says_so(capsys, tmp_path, epochs, fit, said):
    class Trained:
        config = recipe("default", {"view.fit": fit})
        path = tmp_path

        def metrics(self):
            return [{"epoch": 1.0}, {"epoch": float(epochs)}]

        def tell(self, text):
            print(text)

    made = Plan("cells", recipe("default"), (), (), views=1_000)
    say_if_behind(Trained(), made, images=100)
    told = capsys.readouterr().out
    assert (
        told.startswith("about 600 views were shown where the plan had reckoned with 1,000") == said
    )
    assert bool(told) == said
    if said:
        noted = read_plan(tmp_path / "plan.md")
        assert noted.facts[-1] == f"afterwards: {told.strip()}"
        assert noted.text == ""
