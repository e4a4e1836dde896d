"""int8: weights and activations of an OpenVINO model in 8 bits, where the masks bear it.

NNCF looks at real images for the range of each activation. Where mean IoU falls by more than is
allowed it gives layers their floats back, those first that cost the masks most.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.artifacts import Artifact
from maskwright.artifacts.facts import IMAGE, KEY, Facts
from maskwright.artifacts.parity import Example, predicted
from maskwright.artifacts.runtimes import Found, by_name
from maskwright.console import quiet, say
from maskwright.data.dataset import Dataset
from maskwright.data.images import read_image, read_mask
from maskwright.data.ingest.extras import import_needed
from maskwright.data.pairing import Pair
from maskwright.data.rasters import Held
from maskwright.measures.confusion import Scores, confusion
from maskwright.views import views_of

IMAGES = 64  # of the training, by which ranges are found, and
# Operations before and behind the network, which alone has names of more parts than one.
AROUND = r"^[A-Za-z][A-Za-z0-9]*(_\d+)?$"
OF_EACH = 5  # of these those that have the most of a class


def calibrating(dataset: Dataset) -> list[Pair]:
    """Training images that show each class: some spread over all, and those with most of each."""
    pairs = list(dataset.of("train"))
    step = max(1, len(pairs) // IMAGES)
    chosen = pairs[::step][:IMAGES]
    table = dataset.table
    shares = []
    for pair in pairs[:: max(1, len(pairs) // (4 * IMAGES))]:
        mask = table.decode(read_mask(pair.mask), pair.mask)
        counts = np.bincount(mask.ravel(), minlength=256)[: len(table)]
        shares.append((pair, counts / max(1, mask.size)))
    for k in range(len(table)):
        most = sorted(shares, key=lambda one: -one[1][k])[:OF_EACH]
        chosen += [pair for pair, share in most if share[k] and pair not in chosen]
    return chosen


def inputs_of(images: Iterable[np.ndarray], facts: Facts) -> list[np.ndarray]:
    """What a graph takes of images uint8 [H, W, C]: each, or its squares, uint8 [1, H, W, C]."""
    if facts.takes == IMAGE:
        return [image[None] for image in images]
    squares: list[np.ndarray] = []
    for image in images:
        cuts = views_of(Held(image), facts.view, facts.margin).cuts()
        squares += [square[None] for cut in cuts for square in cut()]
    return squares[:: max(1, len(squares) // (3 * IMAGES))]


def quantized(
    path: Path, facts: Facts, dataset: Dataset, examples: Sequence[Example], most_loss: float
) -> None:
    """Write over an OpenVINO model with itself in int8, mean IoU lower by ``most_loss`` at most.

    ``examples`` are the images whose truth it is measured by; images of the training give ranges.
    """
    openvino = import_needed("openvino", "openvino", "exporting to OpenVINO")
    with quiet():
        nncf = import_needed("nncf", "int8", "exporting in int8")
    model = openvino.Core().read_model(path)
    images = (read_image(pair.image, facts.bands) for pair in calibrating(dataset))
    ranges = nncf.Dataset(inputs_of(images, facts))
    nncf.set_log_level(logging.ERROR)
    say(
        f"int8: ranges from {ranges.get_length()} inputs, then layer by layer what the masks bear …"
    )
    with quiet(), redirect_stdout(sys.stderr):
        made = nncf.quantize_with_accuracy_control(
            model,
            calibration_dataset=ranges,
            validation_dataset=nncf.Dataset(list(examples)),
            validation_fn=scoring(facts),
            max_drop=most_loss,
            drop_type=nncf.DropType.ABSOLUTE,
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(patterns=[AROUND], validate=False),
            subset_size=3 * IMAGES,
        )
    made.set_rt_info(facts.text(), [KEY])
    part = path.with_name(f"int8-{path.name}")
    openvino.save_model(made, part, compress_to_fp16=False)
    del model
    part.with_suffix(".bin").replace(path.with_suffix(".bin"))
    part.replace(path)


def scoring(facts: Facts) -> Callable[[Any, Iterable[Example]], float]:
    """Mean IoU of a compiled model on examples."""

    def score(model: Any, examples: Iterable[Example]) -> float:
        class Compiled:
            facts: str | None = None

            def __call__(self, pixels: np.ndarray) -> Found:
                return by_name(model, pixels)

        artifact = Artifact(Path(), facts, Compiled())
        classes = len(facts.table)
        sums = np.zeros((classes, classes), np.int64)
        for one in examples:
            sums += confusion(one.truth, predicted(artifact, one.image)[0], classes)
        return float(Scores.of(sums).mean_iou)

    return score
