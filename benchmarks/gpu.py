"""A GPU at work: steps of the tutorial's network, beside PyTorch, and seconds to good masks.

Claim    On an H200 the tutorial's network trains in bfloat16 at three times the images a second of
         float32 as written, and at 1.15 times those of PyTorch in bfloat16, channels last and
         compiled; 83 % of the pets' pixels within 15 s of process start.
Command  KERAS_BACKEND=jax python benchmarks/gpu.py ../shared/data/pets [--only NAME …]
         (about 10 minutes; torch must be there for the rows of PyTorch)
Method   Each row is a process of its own. Steps: batches of 16 views of 256×256, 20 steps to warm
         up and 100 measured, up to the moment when the last loss is known on the host. "fed" is
         with batches from files, decoded, changed at random and sent over; "bare" shows one batch
         again and again. Share: arithmetic of the convolutions (three times that of a prediction)
         over the measured rate of a large matrix product in the same precision. Seconds: the
         command train for some epochs, from start to end, and evaluate on the 199 test images.
Result   Not measured yet on a GPU; its rows were run on a processor, with --size 32 --batch 2.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS = ("keras float32", "bare bfloat16", "fed bfloat16", "pytorch bfloat16")
SECONDS = "seconds"
WARM, STEPS = 20, 100
FILTERS = (32, 64, 128, 256, 512)


def timed(step: Callable[[], Any], wait: Callable[[Any], Any], batch: int) -> float:
    """Images a second of a step, of which many may be under way at once."""
    for _ in range(WARM):
        told = step()
    wait(told)
    begun = time.perf_counter()
    for _ in range(STEPS):
        told = step()
    wait(told)
    return STEPS * batch / (time.perf_counter() - begun)


def product_rate(dtype: str) -> float:
    """Arithmetic operations a second of a large matrix product."""
    from maskwright.precision import product_seconds

    side = 8192 if on_gpu() else 1024
    return 2 * side**3 / product_seconds(dtype, side=side)


def on_gpu() -> bool:
    from maskwright.engine import accelerated

    return accelerated()


def operations(size: int) -> float:
    """Arithmetic operations of a training step of the tutorial's network an image."""
    from maskwright.engine import keras
    from maskwright.models.unet import unet

    network, total = unet(3, filters=FILTERS), 0
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    layers = [layer for layer in network.layers if isinstance(layer, kinds)]
    shapes = keras.Model(network.input, [layer.output for layer in layers]).compute_output_shape(
        (1, size, size, 3)
    )
    for layer, shape in zip(layers, shapes, strict=True):
        # A transposed convolution of stride 2 multiplies once for each pixel that comes in.
        place = 4 if isinstance(layer, keras.layers.Conv2DTranspose) else 1
        total += 2 * np.prod(layer.kernel.shape) * shape[1] * shape[2] / place
    return 3 * total


def keras_float32(data: Path, size: int, batch: int) -> float:
    """The tutorial's network as written, in Keras's own loop."""
    from maskwright.engine import keras
    from maskwright.models.unet import unet

    model = unet(3, filters=FILTERS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    images = np.zeros((batch * STEPS, size, size, 3), np.uint8)
    masks = np.zeros((batch * STEPS, size, size), np.uint8)
    warm = batch * WARM
    model.fit(images[:warm], masks[:warm], batch_size=batch, verbose=0)
    begun = time.perf_counter()
    model.fit(images, masks, batch_size=batch, verbose=0)
    return len(images) / (time.perf_counter() - begun)


def ours(data: Path, size: int, batch: int, *, fed: bool) -> float:
    """The same network by our own step in bfloat16."""
    from maskwright.data.batches import Batches
    from maskwright.data.cache import open_source
    from maskwright.data.dataset import load_dataset
    from maskwright.losses import parse_loss
    from maskwright.models.unet import unet
    from maskwright.recipes import recipe
    from maskwright.stepping import stepper
    from maskwright.training import compiled

    changes = {"view.size": size, "train.batch": batch, "train.precision": "bfloat16"}
    config = recipe("tutorial", changes)
    steps = stepper(compiled(unet(3), config), parse_loss("cross_entropy"), "bfloat16")
    steps.begin()
    dataset = load_dataset(data)
    pairs = dataset.of("train")
    batches = Batches(open_source(pairs, dataset.table, config.view, 0.0, dataset.bands), config)

    stream = batches.ahead() if fed else itertools.repeat(batches[0])
    return timed(lambda: steps.step(*next(stream), 1e-3), lambda told: float(told[0]), batch)


def pytorch(data: Path, size: int, batch: int) -> float:
    """The same network in PyTorch: bfloat16, channels last, compiled."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Unet(nn.Module):
        def __init__(self) -> None:
            super().__init__()

            def block(before: int, after: int) -> nn.Module:
                first, second = nn.Conv2d(before, after, 3, padding=1), nn.ReLU()
                return nn.Sequential(
                    first, second, nn.Conv2d(after, after, 3, padding=1), nn.ReLU()
                )

            pairs = list(itertools.pairwise(FILTERS))
            self.down = nn.ModuleList([block(3, FILTERS[0]), *(block(a, b) for a, b in pairs)])
            grow = {"stride": 2, "padding": 1, "output_padding": 1}
            self.grow = nn.ModuleList(nn.ConvTranspose2d(b, a, 3, **grow) for a, b in pairs[::-1])
            self.up = nn.ModuleList(block(2 * a, a) for a, _ in pairs[::-1])
            self.last = nn.Conv2d(FILTERS[0], 3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sides = []
            for level, block in enumerate(self.down):
                x = block(functional.max_pool2d(x, 2) if level else x)
                sides.append(x)
            for grow, block, side in zip(self.grow, self.up, sides[-2::-1], strict=True):
                x = block(torch.cat([grow(x), side], dim=1))
            return self.last(x)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.benchmark = True
    model = Unet().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=device == "cuda")
    images = torch.zeros(batch, 3, size, size, device=device)
    images = images.to(memory_format=torch.channels_last)
    masks = torch.zeros(batch, size, size, dtype=torch.long, device=device)
    forward = torch.compile(model, mode="max-autotune") if device == "cuda" else model

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            loss = functional.cross_entropy(forward(images).float(), masks)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return timed(step, float, batch)


def row(name: str, data: Path, size: int, batch: int) -> None:
    """Measure one of ROWS and print it."""
    if name == "pytorch bfloat16":
        print(json.dumps({"row": name, "images_a_second": round(pytorch(data, size, batch), 1)}))
        return
    if name == "keras float32":
        rate = keras_float32(data, size, batch)
    else:
        rate = ours(data, size, batch, fed=name.startswith("fed"))
    share = rate * operations(size) / product_rate(name.split()[1])
    told = {"row": name, "images_a_second": round(rate, 1), "share_of_product": round(share, 3)}
    print(json.dumps(told), flush=True)


def seconds(data: Path, epochs: int) -> None:
    """Train for some epochs from process start to end, and score."""
    program = Path(sys.executable).parent / "maskwright"
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        begun = time.perf_counter()
        words = [program, "train", data, "--epochs", str(epochs), "--out", run]
        subprocess.run(words, check=True)
        taken = time.perf_counter() - begun
        words = [program, "evaluate", run, "--json"]
        scores = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    told = {"epochs": epochs, "seconds": round(taken, 1)}
    print(json.dumps(told | {key: scores[key] for key in ("pixel_accuracy", "mean_iou")}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", default=[*ROWS, SECONDS])
    parser.add_argument("--row", choices=ROWS, help="measure this one, in this process")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, nargs="+", default=[5, 10, 20])
    options = parser.parse_args()
    if options.row:
        row(options.row, options.data, options.size, options.batch)
        return
    sizes = ["--size", str(options.size), "--batch", str(options.batch)]
    for name in ROWS:
        if name in options.only:
            subprocess.run([sys.executable, __file__, options.data, "--row", name, *sizes])
    if SECONDS in options.only:
        for epochs in options.epochs:
            seconds(options.data, epochs)


if __name__ == "__main__":
    main()
