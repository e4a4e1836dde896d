"""The certificates of a run's exports, as the page shows them."""

from __future__ import annotations

from typing import Any

from maskwright.artifacts import CERTIFICATE
from maskwright.runs import Run
from maskwright.texts import read_json


def exports(run: Run) -> list[dict[str, Any]]:
    """A row an export in RUN/exports that was made of this very model; damaged ones are left out.

    ``name``, ``images``, ``equal`` (share of pixels), ``largest`` (difference of a probability),
    ``shift`` (pixels down and right), ``mean_iou`` and ``of_run``, or None, and ``megabytes``.
    """
    rows = []
    certificates = sorted((run.path / "exports").glob(f"*/{CERTIFICATE}"))
    digest = run.digest if certificates else ""
    for path in certificates:
        try:
            told = read_json(path)
            if told["made"]["sha256"] != digest:
                continue
            score = told["mean_iou"]
            rows.append(
                {
                    "name": path.parent.name,
                    "images": int(told["images"]),
                    "equal": float(told["equal"]),
                    "largest": float(told["largest"]),
                    "shift": [int(pixels) for pixels in told["shift"]],
                    "mean_iou": score,
                    "of_run": None if score is None else score + told["loss"],
                    "megabytes": float(told["megabytes"]),
                }
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return rows
