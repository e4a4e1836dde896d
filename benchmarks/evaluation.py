"""What the scores of `evaluate` cost beside the predictions that they are of.

Claim    Over the pets' test images the whole table, with its intervals, takes less than a third of
         the time that the model takes to predict them.
Command  python benchmarks/evaluation.py RUN      (a run on the pets, such as of `--time 10m`)
Method   In one process, after a warm-up: all test images are predicted at their own size and thrown
         away; then they are predicted and counted, as `evaluate` does it; then scores and intervals
         are formed. Seven times in turn, medians; of the share that of each turn. Reading files is
         part of both, pictures of none.
Result   See README.md.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import maskwright as mw
from maskwright.evaluation import count_all
from maskwright.validate import predict_pairs

TIMES = 7


def seconds(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    run = mw.load(sys.argv[1])
    pairs = run.dataset.of("test")

    def predict() -> None:
        for _ in predict_pairs(run.predictor, pairs):
            pass

    def count() -> None:
        counted = count_all(run, pairs, run.dataset.root, "test")
        counted.table(run)
        counted.subsets()

    predict()
    rounds = [(seconds(predict), seconds(count)) for _ in range(TIMES)]
    alone, whole = (statistics.median(column) for column in zip(*rounds, strict=True))
    share = statistics.median((counted - predicted) / predicted for predicted, counted in rounds)
    row = {
        "images": len(pairs),
        "predicting": round(alone, 2),
        "predicting and scoring": round(whole, 2),
        "scoring, as a share of predicting": round(share, 3),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
