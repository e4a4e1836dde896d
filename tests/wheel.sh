#!/usr/bin/env bash
# Installs the built wheel into a clean environment, does a whole small job there, and opens the
# model with plain Keras once the package is gone again.
set -euo pipefail
wheel=$(realpath "$1")
constraints=$(realpath constraints.txt)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  --constraint "$constraints" "$wheel"
cd "$work"
PATH="$work/venv/bin:$PATH"

export MASKWRIGHT_CACHE="$work/cache"

maskwright --version
maskwright data shapes shapes --count 24 --size 48
maskwright check shapes --html check.html
maskwright train shapes --out run --epochs 1 --size 32 --batch 4
maskwright evaluate run --json > scores.json
python -c 'import json; assert json.load(open("scores.json"))["images"] == 7'
maskwright predict run shapes/images/shape_0000.jpg --out masks
test -s masks/shape_0000.png
test -s run/report.html
test -s check.html

python -m pip uninstall --quiet --yes maskwright
python - <<'PY'
import importlib.util
import os

assert importlib.util.find_spec("maskwright") is None
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np

model = keras.saving.load_model("run/model.keras")
logits = model.predict(np.zeros((1, 64, 96, 3), np.uint8), verbose=0)
assert logits.shape == (1, 64, 96, 5), logits.shape
print("the wheel works, and its model opens with plain Keras", keras.__version__)
PY
