"""A network as a function of squares, whatever their size, of any thread."""

import numpy as np
import pytest

from maskwright import engine
from maskwright.data.threads import map_ahead
from maskwright.models.logits import of_any_size
from maskwright.models.unet import unet

SQUARES = np.random.default_rng(0).integers(256, size=(24, 16, 16, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def network():
    return unet(2, filters=(4, 8))


def test_threads_that_begin_at_once_share_what_the_first_call_makes(network, monkeypatch):
    made, plain = [], engine.keras.Model

    def making(*ends):
        made.append(ends)
        return plain(*ends)

    monkeypatch.setattr(engine.keras, "Model", making)
    logits = of_any_size(network)
    parts = [SQUARES[:4], *(SQUARES[k : k + 4, :8, :8] for k in range(0, 24, 4))]
    for squares, found in zip(parts, map_ahead(logits, parts, workers=7), strict=True):
        np.testing.assert_allclose(found, network(squares), atol=1e-5)
    assert len(made) == 1


def test_each_size_has_a_network_of_its_own(network):
    logits = of_any_size(network)
    for side in (16, 8, 12, 16):
        squares = SQUARES[:8, :side, :side]
        np.testing.assert_allclose(logits(squares), network(squares), atol=1e-5)
