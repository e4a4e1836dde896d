"""One function a format: open a file in its own runtime. None of them imports Keras."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np

from maskwright.artifacts.facts import KEY, Facts
from maskwright.artifacts.networks import (
    Part,
    as_taken,
    onnx_network,
    openvino_network,
    square_shape,
)
from maskwright.artifacts.opening import behind, facts_in, opening
from maskwright.console import quiet
from maskwright.data.ingest.extras import import_needed
from maskwright.errors import DataError, RunError
from maskwright.predictor import BATCH, SEVERAL, SMALL

Found = dict[str, np.ndarray]
ASSET = f"assets.extra/{KEY}.json"  # in a SavedModel
NETWORK = "network"  # its signature that takes squares and gives logits
LEAST = 1e-12  # of a probability, so that it has a logarithm
CORES = os.cpu_count() or 1
# Calls that need not wait for each other: some with a core each fill them better than one with all
# of them. In float32 squares go through one after another, which a core's caches hold.
FEW, ABREAST = 4, min(CORES, 8)


class Runtime(Protocol):
    """A file, open in its runtime. Called with images or squares uint8 [B, H, W, C], as its facts
    say, it gives its outputs by name.

    It is quickest with ``abreast`` calls of ``logits`` at a time, of ``batch`` squares each, and
    with a single square where there is one alone.
    """

    @property
    def batch(self) -> int: ...
    @property
    def abreast(self) -> int: ...
    @property
    def facts(self) -> Facts: ...

    def __call__(self, pixels: np.ndarray, /) -> Found: ...

    def logits(self, squares: np.ndarray) -> np.ndarray:
        """The network alone: squares uint8 [B, S, S, C] to logits at the temperature, float32
        [B, S, S, channels], without the margin."""


class Onnx:
    """ONNX Runtime on the processor."""

    batch, abreast = FEW, ABREAST

    def __init__(self, path: Path) -> None:
        import_needed("onnxruntime", "onnx", f"opening {path.name}")
        self.path, self.model = path, onnx_model(path)
        self.facts = facts_in(said_by(self.model), path)
        self.lock = threading.Lock()

    @cached_property
    def whole(self) -> Any:
        """The session of all that is in the file."""
        return onnx_session(self.path)

    @cached_property
    def network(self) -> Part:
        """The network alone."""
        with opening(self.path):
            return onnx_network(self.model, self.facts)

    @cached_property
    def alone(self) -> Any:
        """Its session for one square at a time, all cores on it."""
        return onnx_session(self.path, self.network.model.SerializeToString())

    @cached_property
    def beside(self) -> Any:
        """Its session for several calls at a time, which share the cores; it was called once."""
        part = self.network.model.SerializeToString()
        session = onnx_session(self.path, part, CORES // ABREAST)
        self.asked(session, nothing(self.facts))
        return session

    def asked(self, session: Any, squares: np.ndarray) -> np.ndarray:
        """What a session of the network gives for squares uint8, one after another."""
        name, seen = session.get_inputs()[0].name, as_taken(squares, self.facts)
        found = [session.run(None, {name: seen[k : k + 1]})[0] for k in range(len(seen))]
        return np.concatenate(found) if len(found) > 1 else found[0]

    def __call__(self, pixels: np.ndarray) -> Found:
        names = [one.name for one in self.whole.get_outputs()]
        found = self.whole.run(names, {self.whole.get_inputs()[0].name: pixels})
        return dict(zip(names, found, strict=True))

    def logits(self, squares: np.ndarray) -> np.ndarray:
        with self.lock:
            session = self.alone if len(squares) == 1 else self.beside
        return self.network.logits(self.asked(session, squares), self.facts)


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


def onnx_session(path: Path, part: bytes | None = None, threads: int = 0) -> Any:
    """ONNX Runtime's session of a file, or of a part of it; with 0 threads it takes all cores."""
    onnxruntime = import_needed("onnxruntime", "onnx", f"opening {path.name}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is told by exceptions
    options.intra_op_num_threads = threads
    with opening(path):
        return onnxruntime.InferenceSession(
            part or str(path), options, providers=["CPUExecutionProvider"]
        )


class OpenVino:
    """OpenVINO on the processor, in float32 as the certificate says."""

    batch, abreast = FEW, ABREAST

    def __init__(self, path: Path) -> None:
        openvino = import_needed("openvino", "openvino", f"opening {path.name}")
        self.path, self.core = path, openvino.Core()
        if not path.with_suffix(".bin").is_file():
            raise RunError(
                f"{path.with_suffix('.bin')} is missing, which holds the weights of {path.name}: "
                "take both along"
            )
        with opening(path), quiet():
            model = self.core.read_model(path)
            info = {KEY: str(model.get_rt_info([KEY]).value)} if KEY in model.get_rt_info() else {}
        self.model = model
        self.facts = facts_in(info, path)
        self.lock = threading.Lock()
        int8 = any(one.get_type_name() == "FakeQuantize" for one in model.get_ops())
        self.at_once = FEW if int8 else 1

    def compiled(self, model: Any, **aim: str) -> Any:
        """A model, made ready to give one answer soon, or as the aim says."""
        exact = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        with opening(self.path):
            return self.core.compile_model(model, "CPU", exact | aim)

    @cached_property
    def whole(self) -> Any:
        """All that is in the file."""
        return self.compiled(self.model)

    @cached_property
    def network(self) -> Part:
        """The network alone, of squares uint8."""
        from openvino import Type
        from openvino.preprocess import PrePostProcessor

        with opening(self.path):
            part = openvino_network(self.model.clone(), self.facts)
            taking = PrePostProcessor(part.model)
            taking.input().tensor().set_element_type(Type.u8)
            return part._replace(model=taking.build())

    @cached_property
    def alone(self) -> SimpleQueue[Any]:
        """The request to the network for one square at a time, all cores on it."""
        return self.requests(self.compiled(self.network.model), 1)

    @cached_property
    def beside(self) -> SimpleQueue[Any]:
        """The requests to the network that share the cores."""
        many = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(ABREAST)}
        return self.requests(self.compiled(self.network.model, **many), ABREAST)

    def requests(self, model: Any, count: int) -> SimpleQueue[Any]:
        """Requests to a compiled model, of which each thread takes one that is free.

        One of them has been asked: OpenVINO makes tables of types in its first call, and two
        threads that are there at once wait for each other for ever.
        """
        free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(count):
            free.put(model.create_infer_request())
        self.asked(free, nothing(self.facts))
        return free

    def asked(self, free: SimpleQueue[Any], squares: np.ndarray) -> np.ndarray:
        """What a free request gives for squares uint8, a few after another."""
        request, found = free.get(), []
        try:
            for k in range(0, len(squares), self.at_once):
                request.infer([squares[k : k + self.at_once]], share_inputs=True)
                found.append(request.get_output_tensor(0).data.copy())
        finally:
            free.put(request)
        return np.concatenate(found) if len(found) > 1 else found[0]

    def __call__(self, pixels: np.ndarray) -> Found:
        found = self.whole(pixels, share_inputs=True)
        return {one.get_any_name(): found[one] for one in self.whole.outputs}

    def logits(self, squares: np.ndarray) -> np.ndarray:
        with self.lock:
            free = self.alone if len(squares) == 1 else self.beside
        return self.network.logits(self.asked(free, squares), self.facts)


def nothing(facts: Facts) -> np.ndarray:
    """A black square uint8 [1, S, S, C], for a first call."""
    return np.zeros((1, *square_shape(facts)), np.uint8)


class LiteRt:
    """LiteRT, a square at a time."""

    batch, abreast = BATCH, 1

    def __init__(self, path: Path) -> None:
        litert = import_needed("ai_edge_litert.interpreter", "litert", f"opening {path.name}")
        content = path.read_bytes()
        with opening(path), quiet():
            self.interpreter = litert.Interpreter(model_content=content, num_threads=CORES)
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

    batch, abreast = SMALL, SEVERAL

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
