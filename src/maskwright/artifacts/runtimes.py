"""One function a format: open a file in its own runtime. None of them imports Keras."""

from __future__ import annotations

import importlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from maskwright.artifacts.facts import KEY
from maskwright.console import quiet
from maskwright.data.ingest.extras import import_needed
from maskwright.errors import DataError, RunError

Found = dict[str, np.ndarray]
INSIDE_ZIP = f"{KEY}.json"  # behind a .tflite file
ASSET = f"assets.extra/{KEY}.json"  # in a SavedModel


class Runtime(Protocol):
    """Images or views uint8 [B, H, W, C] to outputs by name; ``facts`` as JSON, where there are."""

    facts: str | None

    def __call__(self, pixels: np.ndarray) -> Found: ...


class Onnx:
    """ONNX Runtime on the processor."""

    def __init__(self, path: Path) -> None:
        onnxruntime = import_needed("onnxruntime", "onnx", f"opening {path.name}")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is told by exceptions
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise damaged(path, error) from None
        self.facts = self.session.get_modelmeta().custom_metadata_map.get(KEY)
        self.input = self.session.get_inputs()[0].name
        self.names = [one.name for one in self.session.get_outputs()]

    def __call__(self, pixels: np.ndarray) -> Found:
        found = self.session.run(self.names, {self.input: pixels})
        return dict(zip(self.names, found, strict=True))


class OpenVino:
    """OpenVINO on the processor, in float32 as the certificate says."""

    def __init__(self, path: Path) -> None:
        openvino = import_needed("openvino", "openvino", f"opening {path.name}")
        core = openvino.Core()
        try:
            model = core.read_model(path)
            known = KEY in model.get_rt_info()
            self.facts = str(model.get_rt_info([KEY]).value) if known else None
            exact = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
            self.model = core.compile_model(model, "CPU", exact)
        except Exception as error:
            raise damaged(path, error) from None

    def __call__(self, pixels: np.ndarray) -> Found:
        return by_name(self.model, pixels)


def by_name(model: Any, pixels: np.ndarray) -> Found:
    """What a compiled model of OpenVINO makes of images or views uint8 [B, H, W, C]."""
    found = model(pixels, share_inputs=True)
    return {one.get_any_name(): found[one] for one in model.outputs}


class LiteRt:
    """LiteRT, a square at a time."""

    def __init__(self, path: Path) -> None:
        litert = import_needed("ai_edge_litert.interpreter", "litert", f"opening {path.name}")
        content = path.read_bytes()
        threads = os.cpu_count() or 1
        try:
            with quiet():
                interpreter = litert.Interpreter(model_content=content, num_threads=threads)
                interpreter.allocate_tensors()
            self.run = interpreter.get_signature_runner()
        except Exception as error:
            raise damaged(path, error) from None
        self.interpreter = interpreter
        self.facts = behind(content)
        (self.input,) = self.run.get_input_details()

    def __call__(self, pixels: np.ndarray) -> Found:
        several = [self.run(**{self.input: one[None]}) for one in pixels]
        return {name: np.concatenate([one[name] for one in several]) for name in several[0]}


class SavedModel:
    """TensorFlow without Keras."""

    def __init__(self, path: Path) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            with quiet():
                tensorflow: Any = importlib.import_module("tensorflow")
        except ImportError:
            raise DataError(
                f"opening {path.name} needs tensorflow: pip install tensorflow-cpu"
            ) from None
        try:
            with quiet():
                self.model = tensorflow.saved_model.load(str(path))
            self.run = self.model.signatures["serving_default"]
        except Exception as error:
            raise damaged(path, error) from None
        asset = path / ASSET
        self.facts = asset.read_text("utf-8") if asset.is_file() else None
        ((self.input, _),) = self.run.structured_input_signature[1].items()
        self.tensor = tensorflow.constant

    def __call__(self, pixels: np.ndarray) -> Found:
        found = self.run(**{self.input: self.tensor(pixels)})
        return {name: one.numpy() for name, one in found.items()}


OPENERS: dict[str, Callable[[Path], Runtime]] = {
    ".onnx": Onnx,
    ".xml": OpenVino,
    ".tflite": LiteRt,
}


def behind(content: bytes) -> str | None:
    """The facts in the zip archive that follows a model, None where none does."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(INSIDE_ZIP).decode()
    except (zipfile.BadZipFile, KeyError):
        return None


def damaged(path: Path, error: Exception) -> RunError:
    """What a runtime says of a file that it cannot open."""
    said = " ".join(str(error).split())[:200]
    return RunError(f"{path} cannot be opened: it is damaged, or no model of its kind ({said})")
