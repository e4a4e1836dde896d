"""How far what an artifact says agrees with what the model said that it was made of.

The reference is a file of images with the masks and probabilities that the run gave them, and with
the truth. It lies beside the artifact, so that the comparison can be made again anywhere.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maskwright.artifacts import Artifact, open_artifact
from maskwright.artifacts.facts import IMAGE
from maskwright.errors import RunError
from maskwright.measures.confusion import Scores, confusion

REACH = 3  # pixels up to which a shift is looked for
STEPS = 255  # of a probability in the reference
FILE = "reference.npz"
MOST = 2**30  # bytes of its arrays; six images of 2,048 × 2,048 take 150 million
INT8_EQUAL = 0.95  # share of pixels that int8 leaves as they were


@dataclass(frozen=True)
class Limits:
    """What is asked of an artifact: shares of pixels, and of mean IoU against the truth."""

    equal: float = 0.999
    largest: float = 0.1
    loss: float = 0.001


class Example(NamedTuple):
    """An image uint8 [H, W, C] with the run's mask uint8 [H, W], the probability of its class
    float32 [H, W], and the truth uint8 [H, W], 255 where there is none."""

    image: np.ndarray
    mask: np.ndarray
    confidence: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Parity:
    """``sizes``: of the images, "width×height" in pixels. ``equal``: share of pixels with the run's
    class, 0–1. ``largest``: difference of a probability,
    where the classes are equal. ``shift``: by how many pixels, down and right, the artifact's masks
    must be moved to agree best. ``mean_iou``: the artifact's against the truth, ``loss``: by how
    much the run's is higher; both NaN without truth."""

    images: int
    sizes: list[str]
    equal: float
    largest: float
    shift: tuple[int, int]
    mean_iou: float
    loss: float

    def to_dict(self) -> dict[str, Any]:
        """As parity.json has it; None for what is unknown (NaN)."""
        known = asdict(self)
        return {name: None if value != value else value for name, value in known.items()}

    def wrong(self, limits: Limits) -> list[str]:
        """What is beyond the limits, in words; nothing where the artifact is as it should be."""
        down, right = self.shift
        found = []
        if down or right:
            found.append(f"its masks are shifted, by {-down} pixels down and {-right} to the right")
        if self.equal < limits.equal:
            found.append(
                f"{self.equal:.3%} of the pixels have the run's class, and {limits.equal:.1%} must"
            )
        if np.isnan(self.largest):
            found.append("probabilities are no numbers (NaN)")
        if self.largest > limits.largest:
            found.append(
                f"a probability differs by {self.largest:.3f}, and {limits.largest:g} is the most"
            )
        if self.loss > limits.loss:
            found.append(
                f"mean IoU is {self.loss:.4f} below the run's, and {limits.loss:g} is the most"
            )
        return found

    def in_words(self) -> str:
        """One line for people."""
        down, right = self.shift
        shift = f"shifted by {-down}, {-right} pixels" if down or right else "not shifted"
        return (
            f"{self.equal:.3%} of the pixels of {self.images} images have the run's class, "
            f"probabilities differ by {self.largest:.4f} at the most, masks are {shift}, mean IoU "
            f"of these {self.mean_iou:.4f} where the run has {self.mean_iou + self.loss:.4f}"
        )


def predicted(
    artifact: Artifact, image: np.ndarray, by_network: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Mask and confidence of an image uint8 [H, W, C], by the graph itself where it takes images.

    A graph that takes squares gets them from ``Predictor``, as whoever uses it has to do, and so
    does the network alone.
    """
    if artifact.facts.takes == IMAGE and not by_network:
        found = artifact.outputs(image[None])
        return found["mask"][0], found["confidence"][0]
    chances = artifact.predictor.probabilities(image)
    return chances.argmax(axis=-1).astype(np.uint8), chances.max(axis=-1)


def compare_all(artifact: Artifact, examples: list[Example]) -> list[Parity]:
    """How it compares in each way that it is used: the file by itself, where that takes images;
    and its network alone, as ``predict`` uses it."""
    ways = (False, True) if artifact.facts.takes == IMAGE else (True,)
    return [compare(artifact, examples, by_network) for by_network in ways]


def wrong_in_any(parities: list[Parity], limits: Limits) -> list[str]:
    """What is beyond the limits, in words, in the first way in which something is."""
    return next((wrong for one in parities if (wrong := one.wrong(limits))), [])


def compare(artifact: Artifact, examples: list[Example], by_network: bool = False) -> Parity:
    """An artifact, or its network alone, beside what its run gave for the same images."""
    classes, near = len(artifact.table), np.zeros((2 * REACH + 1,) * 2, np.int64)
    same = pixels = 0
    largest = 0.0
    by_run, by_artifact = np.zeros((2, classes, classes), np.int64)
    for one in examples:
        mask, confidence = predicted(artifact, one.image, by_network)
        equal = mask == one.mask
        same, pixels = same + int(equal.sum()), pixels + equal.size
        differ = np.abs(confidence - one.confidence)[equal]
        largest = float(np.maximum(largest, differ.max(initial=0)))  # NaN stays
        near += agreement(mask, one.mask)
        by_run += confusion(one.truth, one.mask, classes)
        by_artifact += confusion(one.truth, mask, classes)
    own = float(Scores.of(by_artifact).mean_iou)
    return Parity(
        images=len(examples),
        sizes=sorted({f"{one.image.shape[1]}×{one.image.shape[0]}" for one in examples}),
        equal=same / max(1, pixels),
        largest=largest,
        shift=best_shift(near),
        mean_iou=own,
        loss=float(Scores.of(by_run).mean_iou) - own,
    )


def agreement(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Equal pixels of two masks uint8 [H, W], the first one moved: int64 [7, 7] by how far.

    Only the inner pixels are compared, so that each shift compares as many.
    """
    height, width = mask.shape
    found = np.zeros((2 * REACH + 1,) * 2, np.int64)
    inner = other[REACH : height - REACH, REACH : width - REACH]
    if not inner.size:
        return found
    for down in range(2 * REACH + 1):
        for right in range(2 * REACH + 1):
            top, left = 2 * REACH - down, 2 * REACH - right
            moved = mask[top : top + inner.shape[0], left : left + inner.shape[1]]
            found[down, right] = np.count_nonzero(moved == inner)
    return found


def best_shift(near: np.ndarray) -> tuple[int, int]:
    """The shift, down and right, at which most pixels agree; none where none is better.

    >>> near = np.zeros((7, 7), int)
    >>> best_shift(near)
    (0, 0)
    >>> near[3, 4] = 9
    >>> best_shift(near)
    (0, 1)
    """
    if near[REACH, REACH] == near.max():
        return 0, 0
    down, right = np.unravel_index(int(near.argmax()), near.shape)
    return int(down) - REACH, int(right) - REACH


def write_reference(path: Path, examples: list[Example]) -> None:
    """Keep examples in a compressed file of NumPy; confidences in steps of 1/255."""
    arrays: dict[str, Any] = {}
    for place, one in enumerate(examples):
        arrays |= {
            f"image_{place}": one.image,
            f"mask_{place}": one.mask,
            f"confidence_{place}": np.rint(STEPS * one.confidence).astype(np.uint8),
            f"truth_{place}": one.truth,
        }
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_reference(path: Path) -> list[Example]:
    """The examples beside an artifact; RunError where they are missing or damaged."""
    if not path.is_file():
        raise RunError(
            f"{path} is missing, by which an artifact is verified: take it along with the model, "
            "or export again"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := sum(one.file_size for one in archive.infolist())) > MOST:
                raise ValueError(f"it holds {size:,} bytes, and {MOST:,} are the most")
        with np.load(path, allow_pickle=False) as arrays:
            return list(examples_in(arrays))
    except Exception as error:  # whatever zipfile, zlib and NumPy find wrong with it
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RunError(f"{path} is damaged ({reason}); export again") from None


def examples_in(arrays: Any) -> Iterator[Example]:
    """The examples of an open file of NumPy."""
    for place in range(len(arrays.files) // 4):
        image, mask, confidence, truth = (
            arrays[f"{name}_{place}"] for name in ("image", "mask", "confidence", "truth")
        )
        yield Example(image, mask, (confidence / STEPS).astype(np.float32), truth)


def limits_of(artifact: Artifact) -> Limits:
    """What an artifact is held to: one of int8 to the loss that it was allowed."""
    allowed = artifact.facts.made.get("int8")
    return Limits(INT8_EQUAL, 1.0, float(allowed)) if allowed else Limits()


def verify(path: str | Path) -> Parity:
    """Compare an artifact again with what its run gave for the images beside it.

    Gives how the file by itself compares. Raises RunError where they do not agree, or where the
    images are missing.
    """
    artifact = open_artifact(path)
    limits = limits_of(artifact)
    parities = compare_all(artifact, read_reference(artifact.path.parent / FILE))
    # What is kept of a probability is rounded to half a step.
    if wrong := wrong_in_any(parities, replace(limits, largest=limits.largest + 0.002)):
        raise RunError(f"{artifact.path} is not what was exported: {'; '.join(wrong)}")
    return parities[0]
