"""Maskwright: from a folder of images and masks to a trained, honestly measured model.

The public names, in the order of the flow. Each is imported when it is first used, so that
``import maskwright`` and ``maskwright --help`` do not wait for an engine.

>>> import maskwright as mw
>>> mw.recipe("tutorial").train.batch
16
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskwright.artifacts import Artifact as Artifact
    from maskwright.artifacts import open_artifact as open_artifact
    from maskwright.artifacts.parity import verify as verify
    from maskwright.comparison import compare as compare
    from maskwright.config import Config as Config
    from maskwright.data.audit import Audit as Audit
    from maskwright.data.audit import check as check
    from maskwright.data.dataset import Dataset as Dataset
    from maskwright.data.dataset import load_dataset as load_dataset
    from maskwright.errors import (
        DataError as DataError,
    )
    from maskwright.errors import (
        DownloadError as DownloadError,
    )
    from maskwright.errors import (
        MaskwrightError as MaskwrightError,
    )
    from maskwright.errors import (
        RunError as RunError,
    )
    from maskwright.errors import (
        UsageError as UsageError,
    )
    from maskwright.errors import (
        WriteError as WriteError,
    )
    from maskwright.evaluation import evaluate as evaluate
    from maskwright.exporting import export as export
    from maskwright.models.blocks import conv_block as conv_block
    from maskwright.models.blocks import up_block as up_block
    from maskwright.models.unet import unet as unet
    from maskwright.planning import Plan as Plan
    from maskwright.planning import plan as plan
    from maskwright.pooling import pool as pool
    from maskwright.prediction import predict as predict
    from maskwright.predictor import Predictor as Predictor
    from maskwright.recipes import recipe as recipe
    from maskwright.report import write_report as write_report
    from maskwright.runs import Run as Run
    from maskwright.runs import load as load
    from maskwright.shapes.objects import find_objects as find_objects
    from maskwright.suspicion import suspects as suspects
    from maskwright.training import train as train

__version__ = "0.1.0"

_HOME = {
    "Config": "config",
    "recipe": "recipes",
    "check": "data.audit",
    "Audit": "data.audit",
    "Dataset": "data.dataset",
    "load_dataset": "data.dataset",
    "conv_block": "models.blocks",
    "up_block": "models.blocks",
    "unet": "models.unet",
    "plan": "planning",
    "Plan": "planning",
    "train": "training",
    "Run": "runs",
    "load": "runs",
    "Predictor": "predictor",
    "evaluate": "evaluation",
    "compare": "comparison",
    "pool": "pooling",
    "suspects": "suspicion",
    "predict": "prediction",
    "find_objects": "shapes.objects",
    "write_report": "report",
    "export": "exporting",
    "verify": "artifacts.parity",
    "Artifact": "artifacts",
    "open_artifact": "artifacts",
    "MaskwrightError": "errors",
    "DataError": "errors",
    "DownloadError": "errors",
    "RunError": "errors",
    "UsageError": "errors",
    "WriteError": "errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'maskwright' has no attribute {name!r}")
    return getattr(importlib.import_module(f"maskwright.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__"])
