"""How much memory a training step takes, and how much there is."""

from __future__ import annotations

import math
from pathlib import Path

from maskwright.console import amount
from maskwright.engine import accelerated, keras

FLOAT = 4  # bytes
SHARE = 0.9  # of the memory that is free which a step may take
FREE = "MemAvailable:"
LIMITS = (  # of a container: what it may take, has taken, and of what (control groups 2 and 1)
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)


def step_bytes(network: keras.Model, side: int, batch: int) -> int:
    """About how many bytes a training step on so many images of side × side pixels holds.

    The outputs of all layers, of which 0.55 to 0.87 were measured at its peak, and the gradient
    and the optimiser's two slots of each weight, all in float32.
    """
    layers = [one for one in network.operations if not isinstance(one, keras.layers.InputLayer)]
    everything = keras.Model(network.input, [layer.output for layer in layers])
    shapes = everything.compute_output_shape((1, side, side, network.input.shape[-1]))
    outputs = sum(math.prod(shape) for shape in shapes)
    return FLOAT * (batch * outputs + 3 * network.count_params())


def fitting(network: keras.Model, side: int, batch: int) -> int:
    """The batch, halved until a step of it fits into the memory that is free; 1 at the least.

    On a GPU it is returned as it is: an engine says there by an error that memory has ended, while
    on a CPU the system ends the program without a word.
    """
    free = free_bytes()
    if free is None or accelerated():
        return batch
    while batch > 1 and step_bytes(network, side, batch) > SHARE * free:
        batch //= 2
    return batch


def free_bytes(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes of memory that a program may still take; None where the system does not tell."""
    known = [left for names in LIMITS if (left := _left(groups, *names)) is not None]
    try:
        for line in (proc / "meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(FREE):
                known.append(1024 * int(line.split()[1]))
    except OSError:
        pass
    return min(known, default=None)


def _left(groups: Path, limit: str, taken: str, stat: str) -> int | None:
    """What a control group has left, files that the system would give up counted in.

    None where it has no limit.
    """
    try:
        left = int((groups / limit).read_text()) - int((groups / taken).read_text())
        kept = dict(line.split() for line in (groups / stat).read_text().splitlines())
    except (OSError, ValueError):  # no such group, or "max"
        return None
    return left + int(kept.get("inactive_file", 0))


def memory_in_words(step: int, images: int) -> str:
    """What a step of so many images and bytes takes of the memory, where the system tells."""
    free = free_bytes()
    there = "" if free is None else f" of the {free / 1e9:.1f} GB that are free"
    return f"memory: a step of {amount(images, 'image')} takes about {step / 1e9:.1f} GB{there}"
