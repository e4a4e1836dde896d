"""A trained model as a file that gives the same masks wherever it runs, and the proof that it does.

Nothing is left of an export that does not agree with the run.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from maskwright.artifacts import Artifact, open_artifact
from maskwright.artifacts.facts import VIEW, Facts
from maskwright.artifacts.parity import (
    FILE,
    Example,
    Limits,
    Parity,
    compare,
    limits_of,
    predicted,
    write_reference,
)
from maskwright.console import print_trade, say, track
from maskwright.data.dataset import read_pair
from maskwright.data.ingest.extras import import_needed
from maskwright.environment import installed_version
from maskwright.errors import RunError, UsageError, WriteError, nearest
from maskwright.exporting.card import card
from maskwright.exporting.formats import FORMATS
from maskwright.files import whole_folder, write_text
from maskwright.runs import Run, load

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = 16  # images that an export is compared on, at their own size, and
CUT = 4  # of these with a row and some columns cut off, so that sides are odd
LARGEST = 2048  # pixels a side of an example; what is beyond is cut off
MOST_LOSS = 0.005  # of mean IoU, that int8 may cost
KEPT = 6  # of the examples are kept beside the artifact


def export(
    run: Run | str | Path,
    format: str,
    *,
    int8: bool = False,
    most_loss: float = MOST_LOSS,
    out: str | Path | None = None,
) -> Path:
    """Write a run's model as "onnx", "openvino", "litert" or "saved_model", with its certificate.

    What a run sees whole takes uint8 [B, H, W, C] of any size (LiteRT: views), and gives ``mask``
    uint8 [B, H, W], class indices, ``confidence`` float32 [B, H, W] in 0–1 and ``probabilities``
    float32 [B, H, W, classes]; what a run sees through windows takes and gives one of them.

    ``int8``, for OpenVINO: 8 bits a weight and activation, but for layers that would cost more than
    ``most_loss`` of mean IoU on the validation images.

    The folder ``out``, by default RUN/exports/FORMAT (or FORMAT-int8), gets the model,
    model-card.md, parity.json, and reference.npz, by which ``verify`` compares again. Returns it.

    Raises UsageError where the format is none or ``out`` is there, DataError where a package is
    missing, RunError where the artifact does not agree with the run; then nothing is left of it.
    """
    run = run if isinstance(run, Run) else load(run)
    if format not in FORMATS:
        raise UsageError(f"no format of models called {format}: {nearest(format, FORMATS)}")
    if int8 and format != "openvino":
        raise UsageError(f"int8 is made for openvino, not for {format}; choose that, or no int8")
    name = f"{format}-int8" if int8 else format
    if int8:
        import_needed("nncf", "int8", "exporting in int8")  # not only when the rest is done
    folder = Path(out) if out is not None else run.path / "exports" / name
    if folder.exists():
        raise UsageError(f"{folder} already exists; remove it, or choose another --out")
    try:
        with whole_folder(folder) as part:
            artifact = written(run, format, part)
            examples = list(track(examples_of(run), "comparing", EXAMPLES + CUT, "images/s"))
            parity = certified(artifact, examples, limits_of(artifact))
            if int8:
                artifact, parity = in_eight_bits(run, artifact, examples, parity, most_loss)
            write_reference(part / FILE, chosen(examples))
            write_text(part / "parity.json", json.dumps(parity.to_dict(), indent=2) + "\n")
            write_text(part / "model-card.md", card(run, artifact, parity))
    except OSError as error:
        raise WriteError.of(folder, error) from error
    say(f"{name}: {parity.in_words()}")
    return folder


def written(run: Run, format: str, folder: Path) -> Artifact:
    """The artifact in a folder, opened by its own runtime."""
    name, write, takes = FORMATS[format]
    from maskwright.exporting.graph import graph_of

    facts = facts_of(run, VIEW if run.config.view.fit == "window" else takes)
    write(graph_of(run.model, facts), facts.text(), folder / name)
    return open_artifact(folder / name)


def facts_of(run: Run, takes: str) -> Facts:
    """What an artifact of this run knows of itself."""
    one = run.predictor
    return Facts(
        takes=takes,
        view=run.config.view,
        bands=one.bands,
        table=run.table,
        margin=one.margin,
        temperature=one.temperature,
        rims=run.rims,
        calibration=run.calibration,
        made={
            "version": installed_version("maskwright"), "run": run.path.name, "sha256": run.digest,
            "recipe": run.config.recipe,
        },
    )  # fmt: skip


def examples_of(run: Run) -> Iterator[Example]:
    """Validation images, then those of the training, and some of them again with odd sides.

    None of the test: what int8 costs is weighed by these, and the test is not for choosing.
    """
    pairs = [pair for split in ("val", "train") for pair in run.dataset.of(split)]
    for place, pair in enumerate(islice(pairs, EXAMPLES)):
        image, raw = read_pair(pair, run.dataset.bands)
        truth = run.table.decode(raw, pair.mask)
        yield example(run, image[:LARGEST, :LARGEST], truth[:LARGEST, :LARGEST])
        if place < CUT:
            height, width = (min(LARGEST, side) for side in truth.shape)
            bottom, right = odd(height - 1 - place), odd(width - width // (5 + place))
            yield example(run, image[:bottom, :right], truth[:bottom, :right])


def odd(side: int) -> int:
    """The odd number of pixels at or below a side; one at the least.

    >>> odd(8), odd(7), odd(0)
    (7, 7, 1)
    """
    return max(1, side - (side + 1) % 2)


def example(run: Run, image: np.ndarray, truth: np.ndarray) -> Example:
    """An image uint8 [H, W, C] and its truth uint8 [H, W], with what the run says of it."""
    image = np.ascontiguousarray(image)
    chances = run.predictor.probabilities(image)
    return Example(image, chances.argmax(axis=-1).astype(np.uint8), chances.max(axis=-1), truth)


def chosen(examples: list[Example]) -> list[Example]:
    """A few of the examples, spread over all."""
    step = max(1, len(examples) // KEPT)
    return examples[::step][:KEPT]


def in_eight_bits(
    run: Run, artifact: Artifact, examples: list[Example], before: Parity, most_loss: float
) -> tuple[Artifact, Parity]:
    """An OpenVINO artifact in int8, and how it compares with the run; says what it was worth."""
    from maskwright.exporting.quantizing import quantized

    path, seconds, size = artifact.path, speed(artifact, examples), megabytes(artifact.path)
    facts = replace(artifact.facts, made={**artifact.facts.made, "int8": f"{most_loss:g}"})
    del artifact
    quantized(path, facts, run.dataset, examples, most_loss)
    made = open_artifact(path)
    after = certified(made, examples, limits_of(made))
    rows = [
        ("float32", before.mean_iou, before.equal, seconds, size),
        ("int8", after.mean_iou, after.equal, speed(made, examples), megabytes(path)),
    ]
    print_trade(rows)
    return made, after


def speed(artifact: Artifact, examples: list[Example]) -> float:
    """Seconds that an artifact takes for one of the examples, the median of nine."""
    image = examples[0].image
    taken = []
    for _ in range(10):
        begun = time.perf_counter()
        predicted(artifact, image)
        taken.append(time.perf_counter() - begun)
    return median(taken[1:])


def megabytes(path: Path) -> float:
    """The size of an OpenVINO model."""
    return sum(one.stat().st_size for one in (path, path.with_suffix(".bin"))) / 1e6


def certified(artifact: Artifact, examples: list[Example], limits: Limits) -> Parity:
    """How an artifact compares; RunError where it does not do what its run does."""
    parity = compare(artifact, examples)
    if wrong := parity.wrong(limits):
        raise RunError(
            f"the exported model is not the run's: {'; '.join(wrong)} ({len(examples)} images). "
            "Nothing was kept of it; try another format, and tell us"
        )
    return parity
