"""Which decoder makes the best masks of a given time, on the same encoder.

Claim    The plan's decoder, U-Net, is not behind the others at equal minutes.
Command  python benchmarks/decoders.py ../shared/data [--times pets=5m nuclei=3m membranes=2m]
         [--seeds 0] (45 minutes; nothing else may run beside it)
Method   `maskwright train DATA --time T --set model.decoder=NAME` for each of DECODERS, one after
         the other on the same machine: the plan times the network that it is given, so a slower
         decoder gets fewer steps or a smaller view. Scored by `evaluate` on the same test images:
         the official ones of the pets, three tenths of the nuclei and the membranes.
Result   See README.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from domains import measured

from maskwright.models.decoders import DECODERS

TIMES = {"pets": "5m", "nuclei": "3m", "membranes": "2m"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--times", nargs="+", default=[f"{k}={v}" for k, v in TIMES.items()])
    parser.add_argument("--seeds", nargs="+", default=["0"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, minutes in (word.split("=") for word in options.times):
            for seed in options.seeds:
                for decoder in DECODERS:
                    words = "--time", minutes, "--seed", seed, "--set", f"model.decoder={decoder}"
                    run = Path(folder) / f"{name}-{seed}-{decoder}"
                    print(json.dumps(measured(options.data / name, run, words)), flush=True)


if __name__ == "__main__":
    main()
