"""The table of costs says of every encoder what counting says."""

import pytest

from maskwright.models.costs import COSTS, count
from maskwright.models.encoders import ENCODERS

# One of each family; the others were counted by the same function and differ in size only.
COUNTED = ["efficientnet_lite0", "mobilenet_v3_small", "efficientnet_v2_b0", "resnet50_v2"]
COUNTED += ["convnext_tiny", "densenet121", "vgg16", "xception"]


def test_every_encoder_has_its_costs():
    assert list(COSTS) == list(ENCODERS)


@pytest.mark.parametrize("name", COUNTED)
def test_the_costs_are_those_that_are_counted(name):
    assert count(name) == COSTS[name]


def test_a_network_known_from_its_paper():
    """ResNet-50 has 3.8e9 multiply-adds at 224×224 (He et al. 2016, table 1); its classifier has
    2,049,000 of its 25.6 million parameters. Keras's stem at 256×256 rounds its sizes up."""
    cost = COSTS["resnet50"]
    assert cost.billions * (224 / 256) ** 2 == pytest.approx(3.8, rel=0.03)
    assert cost.parameters == pytest.approx(25.6e6 - 2_049_000, rel=0.01)
