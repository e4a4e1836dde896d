"""One function a format: open a file in its own runtime. None of them imports Keras."""

from __future__ import annotations

import importlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from maskwright.artifacts.facts import KEY, Facts, facts_from
from maskwright.artifacts.networks import as_taken, onnx_network, openvino_network
from maskwright.console import quiet
from maskwright.data.ingest.extras import import_needed
from maskwright.errors import DataError, RunError
from maskwright.texts import MOST

Found = dict[str, np.ndarray]
INSIDE_ZIP = f"{KEY}.json"  # behind a .tflite file
ASSET = f"assets.extra/{KEY}.json"  # in a SavedModel
NETWORK = "network"  # its signature that takes squares and gives logits
LEAST = 1e-12  # of a probability, so that it has a logarithm


class Runtime(Protocol):
    """A file, open in its runtime. Called with images or squares uint8 [B, H, W, C], as its facts
    say, it gives its outputs by name."""

    @property
    def facts(self) -> Facts: ...

    def __call__(self, pixels: np.ndarray, /) -> Found: ...

    def logits(self, squares: np.ndarray) -> np.ndarray:
        """The network alone: squares uint8 [B, S, S, C] to logits at the temperature, float32
        [B, S, S, channels], without the margin."""


class Onnx:
    """ONNX Runtime on the processor."""

    def __init__(self, path: Path) -> None:
        import_needed("onnxruntime", "onnx", f"opening {path.name}")
        self.path, self.model = path, onnx_model(path)
        self.facts = facts_in(said_by(self.model), path)

    @cached_property
    def whole(self) -> Any:
        """The session of all that is in the file."""
        return onnx_session(self.path)

    @cached_property
    def network(self) -> tuple[Any, int]:
        """The session of the network alone, and the axis of its channels."""
        with opening(self.path):
            network, axis = onnx_network(self.model, self.facts)
        return onnx_session(self.path, network.SerializeToString()), axis

    def __call__(self, pixels: np.ndarray) -> Found:
        names = [one.name for one in self.whole.get_outputs()]
        found = self.whole.run(names, {self.whole.get_inputs()[0].name: pixels})
        return dict(zip(names, found, strict=True))

    def logits(self, squares: np.ndarray) -> np.ndarray:
        session, axis = self.network
        (found,) = session.run(None, {session.get_inputs()[0].name: as_taken(squares, self.facts)})
        return np.moveaxis(found, axis, -1)


def onnx_model(path: Path) -> Any:
    """The content of an ONNX file."""
    onnx = import_needed("onnx", "onnx", f"opening {path.name}")
    with opening(path):
        return onnx.load(path)


def onnx_facts(path: Path) -> dict[str, str]:
    """What an ONNX file says of itself."""
    return said_by(onnx_model(path))


def said_by(model: Any) -> dict[str, str]:
    """What the content of an ONNX file says of itself."""
    return {one.key: one.value for one in model.metadata_props}


def onnx_session(path: Path, part: bytes | None = None) -> Any:
    """ONNX Runtime's session of a file, or of a part of it."""
    onnxruntime = import_needed("onnxruntime", "onnx", f"opening {path.name}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is told by exceptions
    with opening(path):
        return onnxruntime.InferenceSession(
            part or str(path), options, providers=["CPUExecutionProvider"]
        )


class OpenVino:
    """OpenVINO on the processor, in float32 as the certificate says."""

    def __init__(self, path: Path) -> None:
        openvino = import_needed("openvino", "openvino", f"opening {path.name}")
        self.path, self.core = path, openvino.Core()
        with opening(path):
            model = self.core.read_model(path)
            info = {KEY: str(model.get_rt_info([KEY]).value)} if KEY in model.get_rt_info() else {}
        self.model = model
        self.facts = facts_in(info, path)

    def compiled(self, model: Any, aim: str = "LATENCY") -> Any:
        """A model, made ready to give one answer soon, or many a second ("THROUGHPUT")."""
        exact = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": aim}
        with opening(self.path):
            return self.core.compile_model(model, "CPU", exact)

    @cached_property
    def whole(self) -> Any:
        """All that is in the file."""
        return self.compiled(self.model)

    @cached_property
    def network(self) -> tuple[Any, int]:
        """The network alone, of squares uint8, and the axis of its channels."""
        from openvino import Type
        from openvino.preprocess import PrePostProcessor

        with opening(self.path):
            network, axis = openvino_network(self.model.clone(), self.facts)
            taking = PrePostProcessor(network)
            taking.input().tensor().set_element_type(Type.u8)
            return taking.build(), axis

    @cached_property
    def alone(self) -> Any:
        """The network for one square at a time, all cores on it."""
        return self.compiled(self.network[0])

    @cached_property
    def abreast(self) -> list[Any]:
        """Requests to the network for as many parts of a batch as run best side by side."""
        model = self.compiled(self.network[0], "THROUGHPUT")
        count = model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        return [model.create_infer_request() for _ in range(count)]

    def __call__(self, pixels: np.ndarray) -> Found:
        found = self.whole(pixels, share_inputs=True)
        return {one.get_any_name(): found[one] for one in self.whole.outputs}

    def logits(self, squares: np.ndarray) -> np.ndarray:
        axis = self.network[1]
        if len(squares) == 1:
            return np.moveaxis(self.alone(squares, share_inputs=True)[0], axis, -1)
        parts = np.array_split(squares, min(len(squares), len(self.abreast)))
        asked = list(zip(self.abreast, parts, strict=False))
        for request, part in asked:  # cores that need not wait for each other are a tenth faster
            request.start_async([part], share_inputs=True)
        for request, _ in asked:
            request.wait()
        found = np.concatenate([request.get_output_tensor(0).data for request, _ in asked])
        return np.moveaxis(found, axis, -1)


class LiteRt:
    """LiteRT, a square at a time."""

    def __init__(self, path: Path) -> None:
        litert = import_needed("ai_edge_litert.interpreter", "litert", f"opening {path.name}")
        content = path.read_bytes()
        threads = os.cpu_count() or 1
        with opening(path), quiet():
            self.interpreter = litert.Interpreter(model_content=content, num_threads=threads)
            self.interpreter.allocate_tensors()
            self.run = self.interpreter.get_signature_runner()
        self.facts = facts_in(behind(content, path), path)
        (self.input,) = self.run.get_input_details()

    def __call__(self, pixels: np.ndarray) -> Found:
        several = [self.run(**{self.input: one[None]}) for one in pixels]
        return {name: np.concatenate([one[name] for one in several]) for name in several[0]}

    def logits(self, squares: np.ndarray) -> np.ndarray:
        found = self(squares)
        chances = found["probabilities"]
        if self.facts.rims:
            inside = found["inside"]
            chances = np.stack([chances[..., 0], inside, chances[..., 1] - inside], axis=-1)
        return np.log(np.maximum(chances, LEAST))


class SavedModel:
    """TensorFlow without Keras."""

    def __init__(self, path: Path) -> None:
        try:
            with quiet():
                tensorflow: Any = importlib.import_module("tensorflow")
        except ImportError:
            raise DataError(
                f"opening {path.name} needs tensorflow: pip install tensorflow-cpu"
            ) from None
        with opening(path), quiet():
            self.model = tensorflow.saved_model.load(str(path))
            self.whole = self.model.signatures["serving_default"]
        asset = path / ASSET
        with opening(path):
            known = {KEY: asset.read_text("utf-8")} if asset.is_file() else {}
        self.facts = facts_in(known, path)
        with opening(path):
            self.network = self.model.signatures[NETWORK]
        self.tensor = tensorflow.constant

    def __call__(self, pixels: np.ndarray) -> Found:
        found = self.whole(image=self.tensor(pixels))
        return {name: one.numpy() for name, one in found.items()}

    def logits(self, squares: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.network(square=self.tensor(squares))["logits"].numpy()
        return found


OPENERS: dict[str, Callable[[Path], Runtime]] = {
    ".onnx": Onnx,
    ".xml": OpenVino,
    ".tflite": LiteRt,
}


def behind(content: bytes, path: Path) -> dict[str, str]:
    """What the zip archive that follows a model says, nothing where none does."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return {}
    with opening(path), zipfile.ZipFile(io.BytesIO(content)) as archive:
        if INSIDE_ZIP not in archive.namelist():
            return {}
        if archive.getinfo(INSIDE_ZIP).file_size > MOST:
            raise ValueError(f"what it says of itself has more than {MOST:,} bytes")
        return {KEY: archive.read(INSIDE_ZIP).decode()}


def facts_in(known: dict[str, str], path: Path) -> Facts:
    """The facts among what a file says of itself; RunError where there are none."""
    if KEY not in known:
        raise RunError(
            f"{path} was not exported by Maskwright: it says nothing of its classes and views; of "
            "an ONNX file they can be told by --classes dataset.toml (docs/export.md says how)"
        )
    return facts_from(known[KEY], path)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Say in place of what a runtime says that a file is damaged."""
    try:
        yield
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise RunError(
            f"{path} cannot be opened: it is damaged, or no model of its kind ({said})"
        ) from None
