"""A network as a function of squares: halves of a batch side by side, whatever their size."""

import numpy as np
import pytest

from maskwright import engine
from maskwright.models.logits import of_any_size
from maskwright.models.unet import unet

SQUARES = np.random.default_rng(0).integers(256, size=(24, 16, 16, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def network():
    return unet(2, filters=(4, 8))


@pytest.fixture
def asked(network, monkeypatch):
    """How many squares Keras was asked for at a time."""
    counts: list[int] = []
    plain = network.predict_on_batch

    def predict(views):
        counts.append(len(views))
        return plain(views)

    monkeypatch.setattr(network, "predict_on_batch", predict)
    return counts


@pytest.mark.parametrize(
    ("count", "parts"), [(1, [1]), (5, [5]), (8, [4, 4]), (12, [12]), (16, [8, 8])]
)
def test_whole_batches_go_in_halves_and_are_the_same(network, asked, count, parts):
    logits = of_any_size(network)
    for squares in (SQUARES[:count], SQUARES[-count:]):
        found = logits(squares)
        np.testing.assert_allclose(found, network(squares), atol=1e-5)
        assert found.shape == (count, 16, 16, 2)
    assert asked == 2 * parts


def test_an_accelerator_gets_a_batch_as_it_is(network, asked, monkeypatch):
    monkeypatch.setattr(engine, "accelerated", lambda: True)
    of_any_size(network)(SQUARES[:8])
    assert asked == [8]


def test_each_size_has_a_network_of_its_own(network):
    logits = of_any_size(network)
    for side in (16, 8, 12, 16):
        squares = SQUARES[:8, :side, :side]
        np.testing.assert_allclose(logits(squares), network(squares), atol=1e-5)
