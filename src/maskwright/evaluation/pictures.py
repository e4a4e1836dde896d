"""Pictures of some of the scored images: the image, and layers to lay over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maskwright.data.images import display, write_image
from maskwright.data.labels import IGNORE, ClassTable
from maskwright.data.pairing import Pair
from maskwright.files import make_folder, whole_file
from maskwright.pictures import boundaries, fit_within
from maskwright.predictor import most_likely
from maskwright.randomness import PICTURES, generator
from maskwright.runs import Run
from maskwright.validate import Predicted, predict_pairs

SHOWN = {"worst": 6, "uncertain": 6, "random": 6, "median": 1, "best": 3}
SIDE = 320  # pixels of the longer side
TINT, LINE = 115, 255  # opacity of a class and of its outline, of 255
WRONG, IGNORED = (214, 39, 90), (128, 128, 128)  # colours of the layer of differences
UNSURE = (255, 214, 10)
LEVELS = 6  # of the layer of uncertainty


@dataclass(frozen=True)
class Layer:
    """A picture to lay over an image: uint8 [h, w] of places in colours uint8 [k, 4] (RGBA)."""

    places: np.ndarray
    colors: np.ndarray

    def write(self, path: Path) -> None:
        """As a palette PNG file, whole or not at all."""
        image = Image.fromarray(self.places, "P")
        image.putpalette(self.colors[:, :3].tobytes())
        with whole_file(path) as part:
            image.save(part, transparency=self.colors[:, 3].tobytes())


def notable(
    scores: Sequence[float | None], confidence: Sequence[float | None], seed: int = 0
) -> dict[str, list[int]]:
    """The places of the worst, the least sure, some random, the median and the best images.

    By their own mean IoU and mean confidence; images without a score are left out, and none is
    shown twice under one name, though the worst may well be the least sure. Of no more images
    than are shown of many, the others are shown as well.
    """
    known = [place for place, score in enumerate(scores) if score is not None]
    ranked = sorted(known, key=lambda place: (scores[place], place))
    if len(ranked) < 3:
        return {"median": ranked} if ranked else {}
    unsure = sorted(known, key=lambda place: (confidence[place], place))
    drawn = generator(PICTURES, seed).permutation(len(known))
    some = {kind: min(most, max(1, len(ranked) // 3)) for kind, most in SHOWN.items()}
    middle = (len(ranked) - 1) // 2
    chosen = {
        "worst": ranked[: some["worst"]],
        "uncertain": unsure[: some["uncertain"]],
        "random": [known[place] for place in drawn[: some["random"]]],
        "median": [ranked[middle]],
        "best": ranked[::-1][: some["best"]],
    }
    rest = [place for place in ranked if not any(place in ones for ones in chosen.values())]
    return chosen | ({"other": rest} if rest and len(ranked) <= sum(SHOWN.values()) else {})


def write_pictures(
    run: Run, pairs: Sequence[Pair], rows: Sequence[dict[str, Any]], name: str
) -> list[dict[str, Any]]:
    """Write the image and its layers of each notable pair; what the pictures are, for JSON.

    ``rows`` are the scores of the pairs, by ``rows.image_rows``. An image under several names is
    written once.
    """
    chosen = notable(
        [row["mean_iou"] for row in rows], [row["confidence"] for row in rows], run.config.seed
    )
    places = sorted({place for ones in chosen.values() for place in ones})
    folder = run.evaluations / f"{name}-pictures"
    make_folder(folder)
    for old in folder.iterdir():
        if old.suffix in (".jpg", ".png"):
            old.unlink()
    predicted = predict_pairs(run.predictor, [pairs[place] for place in places])
    files = {
        place: _write(folder, f"{number:02}", run, one)
        for number, (place, one) in enumerate(zip(places, predicted, strict=True), 1)
    }
    shown = ("mean_iou", "pixel_accuracy", "confidence")
    return [
        {
            "kind": kind,
            "name": rows[place]["image"],
            **{key: rows[place][key] for key in shown},
            "files": files[place],
        }
        for kind, ones in chosen.items()
        for place in ones
    ]


def _write(folder: Path, number: str, run: Run, one: Predicted) -> dict[str, str]:
    """Write the files of one image and give their names within evaluation/."""
    image = fit_within(display(run.predictor.read(one.pair.image)), SIDE)
    files = {"image": folder / f"{number}-image.jpg"}
    write_image(files["image"], image)
    for kind, layer in layers(one, run.table, image.shape[:2]).items():
        files[kind] = folder / f"{number}-{kind}.png"
        layer.write(files[kind])
    return {kind: f"{folder.name}/{path.name}" for kind, path in files.items()}


def layers(one: Predicted, table: ClassTable, size: tuple[int, int]) -> dict[str, Layer]:
    """Truth, prediction, their difference and how unsure the model is, each [h, w] of ``size``."""
    height, width = size
    small, mask = (width, height), most_likely(one.probabilities)
    truth = cv2.resize(one.truth, small, interpolation=cv2.INTER_NEAREST)
    mask = cv2.resize(mask, small, interpolation=cv2.INTER_NEAREST)
    sure = cv2.resize(one.probabilities.max(axis=-1), small, interpolation=cv2.INTER_AREA)
    return {
        "truth": class_layer(truth, table),
        "prediction": class_layer(mask, table),
        "difference": difference_layer(truth, mask),
        "uncertainty": uncertainty_layer(sure, len(table)),
    }


def class_layer(mask: np.ndarray, table: ClassTable) -> Layer:
    """Each class of mask uint8 [h, w] in its colour with an outline; ground and 255 left bare."""
    bare = [k for k in range(256) if k >= len(table) or k in table.ground]
    used = {k: 1 + 2 * place for place, k in enumerate(k for k in range(256) if k not in bare)}
    used = {k: place for k, place in used.items() if place < 255}
    lookup = np.zeros(256, np.uint8)
    colors = np.zeros((2 + 2 * len(used), 4), np.uint8)
    for k, place in used.items():
        lookup[k] = place
        colors[place] = *table.colors[k], TINT
        colors[place + 1] = *table.colors[k], LINE
    places = lookup[mask]
    places[boundaries(mask) & (places > 0)] += 1
    return Layer(places, colors)


def difference_layer(truth: np.ndarray, mask: np.ndarray) -> Layer:
    """Where the prediction is wrong, and where nothing is known."""
    places = np.where(truth == IGNORE, 2, truth != mask).astype(np.uint8)
    colors = [(0, 0, 0, 0), (*WRONG, 200), (*IGNORED, 150)]
    return Layer(places, np.array(colors, np.uint8))


def uncertainty_layer(sure: np.ndarray, classes: int) -> Layer:
    """The stronger, the less sure: from confidence 1 down to that of a guess among the classes."""
    doubt = (1 - sure) / (1 - 1 / classes)
    places = np.clip(doubt * LEVELS, 0, LEVELS - 1).astype(np.uint8)
    opacity = np.linspace(0, 235, LEVELS).astype(np.uint8)
    colors = np.concatenate([np.tile(UNSURE, (LEVELS, 1)), opacity[:, None]], axis=1)
    return Layer(places, colors.astype(np.uint8))
