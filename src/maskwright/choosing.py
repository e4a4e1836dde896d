"""What a plan chooses, each with its reason: network, view and learning rate.

The numbers behind the choices were measured, see benchmarks/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwright.config import Config
from maskwright.console import amount
from maskwright.fingerprint import Fingerprint
from maskwright.throughput import Rate

THICK = 5.0  # pixels, thickness that the thinnest class should have in the view
WIDE = 25.0  # the same in the image, from which on objects are told apart in whole views as well
MOST_WHOLE = 640  # pixels, side of the largest view of a whole image
SIDES = (192, 224, 256, 320, 384, 448, 512, 640)  # of views, pixels
MANY_STEPS = 550  # from which on the usual learning rate is best; see choose_rate
MANY_TIMES = 50  # that each place of the images is seen, from which on it is changed more, and
LARGER = "efficientnet_lite2"  # is worth what it costs,
LARGER_COSTS = 1.6  # times EfficientNet-Lite0 (measured: 1.4 predicting, 1.8 training)
ENOUGH_VIEWS = 2500  # views of 256 pixels from which they are better than smaller ones; see enough


@dataclass(frozen=True)
class Choice:
    """A setting that the plan chose, and why, in a sentence."""

    key: str
    value: Any
    reason: str

    @property
    def shown(self) -> str:
        """The value as people read it."""
        return self.value if isinstance(self.value, str) else f"{self.value:g}"


def choose_network(config: Config, times: float, lacking: str) -> list[Choice]:
    """The encoder, where its weights are pretrained.

    ``times`` is how often each place of the images would be seen by the larger one in the time
    there is, ``lacking`` what brings its weights where they are not at hand.

    Of 60 pets the larger one, which saw each 67 times, had mean IoU 0.755 and 0.763 (two seeds),
    the smaller one 0.744 and 0.731, as often, and 0.739 and 0.763 at about equal cost. In five
    minutes for 210 pets, 24 times each, it was not ahead.
    """
    if not config.model.pretrained:
        return []
    why = (
        "pretrained on ImageNet; with the larger EfficientNet-Lite2 a training would show each "
        f"place of the images about {times:,.0f} times, and where that was {MANY_TIMES} or more it "
        "was a little ahead in trials"
    )
    if times >= MANY_TIMES and not lacking:
        return [Choice("model.encoder", LARGER, why)]
    if times >= MANY_TIMES:
        why += f", but its weights are not installed: {lacking}"
    return [Choice("model.encoder", config.model.encoder, why)]


def choose_decoder(config: Config) -> list[Choice]:
    """The decoder on a named encoder.

    Mean IoU at equal minutes of U-Net, U-Net++, FPN and DeepLabV3+, one run each: pets 2 minutes
    0.764, 0.761, 0.763, 0.766; nuclei 2 minutes 0.893, 0.896, 0.876, 0.901; membranes 1 minute
    0.765, 0.762, 0.744, 0.750. Another seed moves these by 0.01.
    """
    if config.model.encoder == "plain":
        return []
    why = (
        "of U-Net, U-Net++, FPN and DeepLabV3+ at equal minutes it was the best on thin membranes, "
        "by up to 0.02 of mean IoU, and elsewhere within 0.01 of the best, which is chance"
    )
    return [Choice("model.decoder", "unet", why)]


def choose_rate(config: Config, steps: int) -> Choice:
    """The highest learning rate, for so many steps in all.

    Few steps must be larger. In a minute, on the membranes, 65 steps had mean IoU 0.70, 0.74, 0.76
    with the recipe's rate and two and four times it; on the pets, some 270 steps had 0.712, 0.724
    with it and twice it. In five minutes it is best as it is.
    """
    if not config.model.pretrained:
        why = "random weights take a higher rate than pretrained ones"
        return Choice("train.learning_rate", 2e-3, why)
    times = min(4.0, max(1.0, MANY_STEPS / max(1, steps)))
    value = float(f"{times * config.train.learning_rate:.1e}")
    why = f"there is time for {amount(steps, 'step')}, "
    why += "and few steps must be larger ones" if times > 1 else "enough for the recipe's own"
    return Choice("train.learning_rate", value, why)


def choose_view(
    seen: Fingerprint,
    rate: Rate,
    seconds: float,
    config: Config,
    given: Mapping[str, Any],
    *,
    rims: bool = False,
) -> list[Choice]:
    """Whole images or windows, how large, and what part of them a step sees.

    What is ``given`` of these is chosen too, as it was given. ``rims``: whether objects are learnt
    with their rims, for which each must be large enough to have an inside.
    """
    name, thick = seen.thinnest()
    # What a view must measure for the thinnest class to have THICK pixels in four of five images.
    known = np.isfinite(thick)
    needed = THICK * seen.longer[known] / thick[known] if known.any() else np.array([192.0])
    side = float(np.quantile(needed, 0.8))
    stride = max(32, config.model.stride)
    fit = given.get("view.fit", "window" if side > MOST_WHOLE else "pad")
    if fit == "window":
        return _windows(
            f"a view of the whole would need {side:.0f} pixels for {name} to be {THICK:g} pixels "
            "thick", seen, stride,
        )  # fmt: skip
    if seen.on_map and "view.fit" not in given:
        return _windows(
            "these lie on a map, and what is cut into windows may be a map of any size, not only a "
            "tile", seen, stride,
        )  # fmt: skip
    small = known.any() and float(np.quantile(thick[known], 0.2)) < WIDE
    if rims and small and "view.fit" not in given:
        return _windows(
            "so that small objects that touch are told apart; on nuclei of 7 to 29 pixels four "
            "minutes of windows had panoptic quality 0.64, of whole images 0.58", seen, stride,
        )  # fmt: skip
    largest = float(np.quantile(seen.longer, 0.9))
    sides = [s for s in SIDES if s >= side and s < largest * 1.25 and s % stride == 0]
    possible = sides or [_round_up(min(side, MOST_WHOLE), stride)]
    if "view.size" in given:
        possible = [config.view.size]
    part_of = {s: max(stride, round(0.75 * s / stride) * stride) for s in possible}
    views_of = {s: int(seconds / rate.image(part_of[s], config.train.batch)) for s in possible}
    pretrained = config.model.pretrained
    affordable = [s for s in possible if views_of[s] >= enough(s, pretrained=pretrained)]
    size = affordable[-1] if affordable else possible[0]
    why = (
        f"pixels a side of the view, which shows the whole image: from {side:.0f} on {name}, the "
        f"thinnest class, is {THICK:g} pixels thick or more in it"
    )
    why += (
        f"; of {', '.join(map(str, possible))} the largest for which there is time: a view this "
        f"large pays from {enough(size, pretrained=pretrained):,} views on, of all images "
        f"together, and there is time for {views_of[size]:,}"
        if affordable
        else f"; no larger one, as there is time for {views_of[size]:,} views, of all images "
        "together"
    )
    return [
        Choice("view.fit", "pad", "whole images, their aspect ratio kept"),
        Choice("view.size", size, why),
        Choice(
            "augment.crop",
            round(part_of[size] / size, 3),
            f"of each view a training step sees a square of {part_of[size]} pixels a side at a "
            "random place in the image, which costs less; prediction sees the whole view",
        ),
    ]


def choose_changes(seen: Fingerprint, config: Config, views: int) -> list[Choice]:
    """Larger random changes, and more decay, where the same is seen so often that it is learnt.

    Sixty pets, each seen 67 times, had mean IoU 0.734 and 0.726 (two seeds), with both 0.744 and
    0.731, and a validation loss of 0.31 and 0.29 in place of 0.33 and 0.35. Membranes were as good
    either way.
    """
    times = views / places(seen, config)
    if times < MANY_TIMES or not config.model.pretrained:
        return []
    why = f"as each place of the images is seen about {times:,.0f} times, and would be learnt by "
    why += "heart; twice the random changes in place, size and colour"
    return [
        Choice("augment.strength", 2.0, why),
        Choice("train.weight_decay", 0.1, "for the same reason: large weights cost more"),
    ]


def places(seen: Fingerprint, config: Config) -> float:
    """How many views the training images have: one each, or as many windows as cover them."""
    if config.view.fit != "window":
        return seen.images
    covered = (seen.sizes * config.view.scale / config.view.size).clip(min=1).prod(axis=1)
    return seen.images * float(covered.mean())


def enough(size: int, *, pretrained: bool = True) -> int:
    """How many views of this side must be shown for them to be better than smaller ones.

    In trials on the pets 3,000 views of 256 pixels were as good as the 2,200 of 320 that the same
    time allows, 8,000 as good as 4,500 of 352: larger views need more of them, about by the square
    of their side. From random weights twice as many are asked for: there ten minutes at 384 pixels
    were worse than five at 256.

    >>> enough(256), enough(512), enough(256, pretrained=False)
    (2500, 10000, 5000)
    """
    return round(ENOUGH_VIEWS * (size / 256) ** 2) * (1 if pretrained else 2)


def _windows(why: str, seen: Fingerprint, stride: int) -> list[Choice]:
    """Windows at the images' own scale."""
    shorter = float(np.median(seen.sizes.min(axis=1)))
    size = _round_up(min(256.0, max(64.0, shorter)), stride)
    return [
        Choice("view.fit", "window", f"windows at the images' own scale: {why}"),
        Choice("view.size", size, "large enough to show what surrounds a pixel, quick to compute"),
        Choice("augment.crop", 1.0, "a step sees whole windows, as prediction does"),
        Choice("augment.rotate", 180.0, "what is seen through windows has no upright, as a rule"),
    ]


def _round_up(side: float, stride: int) -> int:
    """The next multiple of the stride.

    >>> _round_up(200.5, stride=32)
    224
    """
    return int(-(-side // stride) * stride)
