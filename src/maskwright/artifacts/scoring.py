"""An artifact where a run is scored: on the data of its run, or away from it on other data."""

from __future__ import annotations

from pathlib import Path

from maskwright.artifacts import Artifact, opened
from maskwright.config import Config
from maskwright.data.dataset import Dataset
from maskwright.errors import RunError
from maskwright.runs import RIM, Run
from maskwright.settings import change


def scored_run(model: Run | Artifact | str | Path, *, elsewhere: bool = False) -> Run:
    """The run that is scored: an artifact's own, predicting by it, with its results beside it.

    Raises RunError where that run is not there, for it knows the data and how they were split;
    where it is to be scored ``elsewhere``, on other data, it does without.
    """
    one = opened(model)
    if isinstance(one, Run):
        return one
    folder = one.path.parent
    run = Run(folder.parent.parent, results=folder)
    if not (run.path / "config.toml").is_file() or run.digest != one.facts.made.get("sha256"):
        if elsewhere:
            return alone(one)
        raise RunError(
            f"{one.path} is scored on the data of the run that it was made of, "
            f"{one.facts.made.get('run', 'unknown')}, and does not lie in its exports/; put its "
            f"folder back there, or score it on other data: maskwright evaluate {one.path} DATA"
        )
    vars(run).update(predictor=one.predictor, _rims_predictor=one.parter)
    return run


def alone(one: Artifact) -> Run:
    """A run that is nothing but an artifact, and knows no data."""
    run = Run(one.path.parent, results=one.path.parent)
    facts = one.facts
    vars(run).update(
        config=change(Config(view=facts.view), {} if facts.rims else {RIM: 0.0}),
        dataset=Dataset(Path(), "none", facts.table, (), {}, facts.bands),
        calibration=facts.calibration,
        predictor=one.predictor,
        _rims_predictor=one.parter,
    )
    return run
