"""One generator a format: write a model in int8, and again with more layers in float.

Each step puts a file in place of the one that is there, and says of which layers it is.
"""

from __future__ import annotations

import csv
import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.artifacts import Artifact
from maskwright.artifacts.facts import KEY, Facts
from maskwright.artifacts.networks import around_network, as_taken, openvino_network
from maskwright.artifacts.parity import Example
from maskwright.console import quiet
from maskwright.data.ingest.extras import import_needed
from maskwright.exporting.formats import litert_converter, with_facts
from maskwright.exporting.graph import Graph, graph_of
from maskwright.exporting.rounding import round_kernels, with_rounded_kernels
from maskwright.measures.confusion import Scores, confusion
from maskwright.predictor import BATCH

EVERY = "in all layers"
WORST = (2, 4, 8, 16, 32)  # LiteRT's layers that are left in float, one step after another
LOOKED_AT = 16  # squares by which these are found


@dataclass(frozen=True)
class Job:
    """A model in float32 at ``path``, and what it takes to make int8 of it.

    ``squares`` uint8 [n, S, S, C] tell the ranges, ``examples`` what is lost.
    """

    path: Path
    graph: Graph
    facts: Facts
    squares: np.ndarray
    examples: Sequence[Example]
    most_loss: float


def openvino_steps(job: Job) -> Iterator[str]:
    """By NNCF: all layers; then without those that cost most, as it finds them."""
    openvino = import_needed("openvino", "openvino", "exporting to openvino")
    whole = openvino.Core().read_model(job.path)
    for quantize in nncf_ways(job, openvino_network(whole.clone(), job.facts, whole=True).axis):
        network = openvino_network(whole.clone(), job.facts, whole=True).model
        round_kernels(network)
        with quiet(), redirect_stdout(sys.stderr):
            made = around_network(whole.clone(), quantize(network), job.facts)
        made.set_rt_info(job.facts.text(), [KEY])
        part = job.path.with_name(f"int8-{job.path.name}")  # the other may be mapped into memory
        openvino.save_model(made, part, compress_to_fp16=False)
        part.with_suffix(".bin").replace(job.path.with_suffix(".bin"))
        part.replace(job.path)
        floats = in_float(made)
        yield f"but for {floats} layers" if floats else EVERY


def in_float(model: Any) -> int:
    """How many layers of OpenVINO's have weights that are not in 8 bits."""
    found = []
    for layer in model.get_ops():
        if "Convolution" in layer.get_type_name():
            weights = layer.input_value(1).get_node()
            while weights.get_type_name() != "Constant":
                weights = weights.input_value(0).get_node()
            found.append(weights.get_element_type().get_type_name())
    return len(found) - found.count("i8")


def nncf_ways(job: Job, axis: int) -> tuple[Callable[[Any], Any], ...]:
    """What NNCF can do with a network whose channels lie along an axis, the quick way first.

    Ranges are the widest of all squares. Their mean over images, which is NNCF's default, cuts off
    what rare ones show: of the nuclei one image lost 0.094 of its IoU by it, and 0.004 by this.
    """
    with quiet():
        nncf = import_needed("nncf", "int8", "exporting in int8")
    nncf.set_log_level(logging.ERROR)
    ranges = nncf.Dataset([as_taken(square[None], job.facts) for square in job.squares])
    count = len(job.squares)
    widest = nncf.AdvancedQuantizationParameters(
        activations_range_estimator_params=(
            nncf.quantization.range_estimator.RangeEstimatorParametersSet.MINMAX
        )
    )

    def plain(network: Any) -> Any:
        return nncf.quantize(network, ranges, subset_size=count, advanced_parameters=widest)

    def controlled(network: Any) -> Any:
        return nncf.quantize_with_accuracy_control(
            network,
            ranges,
            nncf.Dataset(list(job.examples)),
            scoring(job.facts, axis),
            max_drop=job.most_loss,
            drop_type=nncf.DropType.ABSOLUTE,
            subset_size=count,
            advanced_quantization_parameters=widest,
        )

    return plain, controlled


def scoring(facts: Facts, axis: int) -> Callable[[Any, Iterable[Example]], float]:
    """Mean IoU of a compiled network on examples; its channels lie along an axis."""

    @dataclass(frozen=True)
    class Compiled:
        model: Any
        facts: Facts
        batch: int = BATCH
        abreast: int = 1

        def logits(self, squares: np.ndarray) -> np.ndarray:
            return np.moveaxis(self.model(as_taken(squares, self.facts))[0], axis, -1)

        def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
            raise NotImplementedError("a network alone has no other outputs")

    def score(model: Any, examples: Iterable[Example]) -> float:
        predictor = Artifact(Path(), Compiled(model, facts)).predictor
        classes = len(facts.table)
        sums = np.zeros((classes, classes), np.int64)
        for one in examples:
            sums += confusion(one.truth, predictor.mask(one.image), classes)
        return float(Scores.of(sums).mean_iou)

    return score


def litert_steps(job: Job) -> Iterator[str]:
    """By TensorFlow's converter: all layers; then without those that are furthest off."""
    import tensorflow as tf

    lite = tf.lite

    def squares(count: int) -> Callable[[], Iterator[list[np.ndarray]]]:
        return lambda: ([square[None]] for square in job.squares[:count])

    def wrote(make: Callable[[], bytes], floats: str) -> str:
        with silent():
            job.path.write_bytes(make())
        with_facts(job.path, job.facts.text())
        return floats

    graph = graph_of(with_rounded_kernels(job.graph.model), job.facts)
    with litert_converter(graph) as converter:
        converter.optimizations = [lite.Optimize.DEFAULT]
        converter.representative_dataset = squares(len(job.squares))
        yield wrote(converter.convert, EVERY)
        with silent():
            debugger = lite.experimental.QuantizationDebugger(
                converter=converter, debug_dataset=squares(LOOKED_AT)
            )
            debugger.run()
        worst = furthest_off(debugger)
        for count in [most for most in WORST if most < len(worst)]:
            options = lite.experimental.QuantizationDebugOptions(denylisted_nodes=worst[:count])
            with silent():
                debugger.options = options
            make = debugger.get_nondebug_quantized_model
            yield wrote(make, f"but for {count} layers")


@contextmanager
def silent() -> Iterator[None]:
    """Neither greetings nor warnings of what is to be replaced one day."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def furthest_off(debugger: Any) -> list[str]:
    """Layers by how far 8 bits are off, the worst first, in steps of their 8 bits.

    https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_debugger
    """
    text = io.StringIO()
    debugger.layer_statistics_dump(text)
    text.seek(0)
    rows = sorted(
        csv.DictReader(text),
        key=lambda row: float(row["mean_squared_error"]) / float(row["scale"]) ** 2,
        reverse=True,
    )
    return [row["tensor_name"] for row in rows]
