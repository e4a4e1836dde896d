"""Runs on images of 48×48 pixels whose bright parts are class 1, some with wrong masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from maskwright.config import ViewConfig
from maskwright.data.dataset import load_dataset
from maskwright.recording import create_run
from maskwright.runs import Run

COUNT = 30


@pytest.fixture
def data(tmp_path, save):
    """Thirty pairs, a bright box on a dark ground; the masks are right."""
    root = tmp_path / "my set"
    for number in range(COUNT):
        rng = np.random.default_rng(number)
        mask = np.zeros((48, 48), np.uint8)
        y, x, height, width = rng.integers(8, 20, 4)
        mask[y : y + height, x : x + width] = 1
        blocks = np.kron(rng.integers(-40, 41, (12, 12)), np.ones((4, 4), int))
        grey = (60 + 120 * mask + blocks).astype(np.uint8)
        save(root / "images" / f"{number:02}.png", np.stack([grey] * 3, axis=-1))
        save(root / "masks" / f"{number:02}.png", mask)
    return root


@pytest.fixture
def make_run(tmp_path, data, config, threshold) -> Callable[..., Run]:
    """A run on the data that sees pixels as they are, with other splits where they are given."""

    def make(name: str = "run", splits: dict[str, str] | None = None, root=data, logits=None):
        dataset = load_dataset(root)
        if splits:
            pairs = tuple(replace(p, split=splits[p.image.stem]) for p in dataset.pairs)
            dataset = replace(dataset, pairs=pairs)
        made = create_run(tmp_path / name, config, dataset)
        predictor = replace(threshold(dataset.table), view=ViewConfig(size=48))
        vars(made)["predictor"] = replace(predictor, logits=logits) if logits else predictor
        return made

    return make


@pytest.fixture
def change(data) -> Callable[..., None]:
    """Change the mask of a pair by a function of its values uint8 [H, W]."""

    def write(pair, function: Callable[[np.ndarray], np.ndarray]) -> None:
        values = np.asarray(Image.open(pair.mask))
        Image.fromarray(function(values).astype(np.uint8)).save(pair.mask)

    return write
