"""A trained model as a file that gives the same masks wherever it runs, and the proof that it does.

Nothing is left of an export that does not agree with the run.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from maskwright.artifacts import CERTIFICATE, Artifact, open_artifact
from maskwright.artifacts.facts import VIEW, Facts
from maskwright.artifacts.formats import check_format, folder_for, name_of
from maskwright.artifacts.parity import (
    FILE,
    Example,
    Parity,
    compare_all,
    limits_of,
    write_reference,
    wrong_in_any,
)
from maskwright.console import say, track
from maskwright.environment import installed_version
from maskwright.errors import RunError, WriteError
from maskwright.exporting.card import card
from maskwright.exporting.examples import CUT, EXAMPLES, chosen, examples_of
from maskwright.exporting.formats import FORMATS
from maskwright.exporting.graph import Graph, graph_of
from maskwright.exporting.quantizing import in_eight_bits
from maskwright.files import whole_folder, write_text
from maskwright.runs import Run, load

MOST_LOSS = 0.005  # of mean IoU, that int8 may cost


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

    ``int8``, for "openvino" and "litert": 8 bits a weight and activation, but for layers that would
    cost more than ``most_loss`` of mean IoU on the validation images.

    The folder ``out``, by default RUN/exports/FORMAT (or FORMAT-int8), gets the model,
    model-card.md, parity.json, and reference.npz, by which ``verify`` compares again. Returns it.

    Raises UsageError where the format is none or ``out`` is there, DataError where a package is
    missing, RunError where the artifact does not agree with the run; then nothing is left of it.
    """
    run = run if isinstance(run, Run) else load(run)
    check_format(format, int8=int8)
    folder = folder_for(run.path, format, Path(out) if out is not None else None, int8=int8)
    name = name_of(format, int8=int8)
    try:
        with whole_folder(folder) as part:
            say(f"writing {name}, from {run.path} …")
            artifact, graph = written(run, format, part)
            examples = list(track(examples_of(run), "comparing", EXAMPLES + CUT, "images/s"))
            parity = certified(artifact, examples)
            if int8:
                artifact = in_eight_bits(
                    format, graph, run.dataset, artifact, examples, parity, most_loss
                )
                parity = certified(artifact, examples)
            write_reference(part / FILE, chosen(examples))
            write_text(part / CERTIFICATE, certificate(artifact, parity))
            write_text(part / "model-card.md", card(run, artifact, parity))
    except OSError as error:
        raise WriteError.of(folder, error) from error
    say(f"{name}: {parity.in_words()}")
    return folder


def written(run: Run, format: str, folder: Path) -> tuple[Artifact, Graph]:
    """The artifact in a folder, opened by its own runtime, and the graph that it was made of."""
    name, write, takes = FORMATS[format]
    facts = facts_of(run, VIEW if run.config.view.fit == "window" else takes)
    graph = graph_of(run.model, facts)
    write(graph, facts.text(), folder / name)
    return open_artifact(folder / name), graph


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
        usual=run.usual,
    )  # fmt: skip


def certificate(artifact: Artifact, parity: Parity) -> str:
    """The content of parity.json."""
    known = {
        "megabytes": artifact.megabytes,
        "file_sha256": artifact.digest,
        "run_mean_iou": None if math.isnan(parity.loss) else parity.mean_iou + parity.loss,
        "limits": asdict(limits_of(artifact)),
        "made": artifact.facts.made,
    }
    return json.dumps({**parity.to_dict(), **known}, indent=2) + "\n"


def certified(artifact: Artifact, examples: list[Example]) -> Parity:
    """How an artifact compares; RunError where it does not do what its run does.

    It is compared in each way that it is used, and told of by itself.
    """
    parities = compare_all(artifact, examples)
    if wrong := wrong_in_any(parities, limits_of(artifact)):
        raise RunError(
            f"the exported model is not the run's: {'; '.join(wrong)} ({len(examples)} images). "
            "Nothing was kept of it; try another format, and tell us"
        )
    return parities[0]
