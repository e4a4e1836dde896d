"""Image files to mask files of the same size."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NoReturn

import numpy as np

from maskwright.console import amount, say, track
from maskwright.data.images import is_image_name, write_image, write_mask
from maskwright.data.labels import IGNORE
from maskwright.data.threads import map_ahead
from maskwright.deciding import decision
from maskwright.errors import DataError, UsageError, some
from maskwright.pictures import overlay as overlaid
from maskwright.predictor import Predictor
from maskwright.runs import Run, load
from maskwright.shapes.objects import Objects
from maskwright.shapes.writing import Finding, Told, finding


def predict(
    model: Run | str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    out: str | Path,
    overlay: bool = False,
    probabilities: bool = False,
    confidence: bool = False,
    thresholds: Mapping[str, float] | None = None,
    recalls: Mapping[str, float] | None = None,
    abstain: float | None = None,
    objects: bool = False,
    shapes: Sequence[str] = (),
    least: int | None = None,
    part: str | None = None,
    boundary: str | None = None,
    tolerance: float | None = None,
) -> list[Path]:
    """Write a mask for each image: ``out/STEM.png``, a palette PNG in the class colours.

    ``inputs`` are files, folders or globs. The pixel values of a mask are those of the masks that
    the run was trained on (class indices for RGB masks). ``overlay`` adds ``STEM-overlay.jpg``,
    ``probabilities`` adds ``STEM-probabilities.npz`` with ``probabilities`` float16
    [H, W, classes] and ``classes``, their names; ``confidence`` adds ``STEM-confidence.png``, grey
    of 8 bits: the probability of the likeliest class, 255 for 1. Returns the mask files.

    A pixel has its likeliest class, unless ``thresholds``, ``recalls`` or ``abstain`` ask for
    something else, see ``deciding.decision``; what is left open has the value that means ignore.

    ``objects`` adds ``objects.csv``, a row an object, and ``predictions.csv``, a row an image;
    ``shapes`` files with the objects as polygons: "geojson" and "svg" for each image, "coco",
    "cvat" and "labelstudio" for all. Objects have ``least`` pixels or more; ``part`` and
    ``boundary`` say how those that touch are parted, see ``find_objects``, and ``tolerance`` how
    far outlines may be simplified, see ``Objects.polygons``.

    Never writes over a file that exists. An image that cannot be read is passed over and named in
    a DataError at the end.
    """
    run = model if isinstance(model, Run) else load(model)
    names, known = run.table.names, run.calibration
    decide = decision(names, known, thresholds=thresholds, recalls=recalls, abstain=abstain)
    for line in decide.in_words(names, int(run.table.stored[IGNORE])):
        say(line)
    finds = finding(
        run.table, objects=objects, shapes=shapes, least=least, part=part, boundary=boundary,
        tolerance=tolerance,
    )  # fmt: skip
    extra = Extra(overlay, probabilities, confidence, finds)
    targets = plan_outputs(find_images(inputs), Path(out), extra)
    unreadable: list[DataError] = []
    alone: list[str] = []  # the class of each mask that has one only
    opened: list[float] = []  # share of each mask that is left open
    told: dict[Path, Told] = {}  # of each mask, for the files of all images
    predictor = run.predictor
    predicted = predictor.predict_all(targets, predictor.read, unreadable)

    def write(job: tuple[Path, np.ndarray]) -> Path:
        image, scores = job
        mask = decide(scores)
        if mask[0, 0] != IGNORE and (mask == mask[0, 0]).all():
            alone.append(predictor.table.names[mask[0, 0]])
        opened.append(float((mask == IGNORE).mean()))
        target = targets[image]
        found = finds.find(mask, scores) if finds else None
        if finds and found is not None:
            told[target] = finds.write(image, mask, found, target)
        return write_prediction(predictor, image, mask, target, extra, scores, found)

    Path(out).mkdir(parents=True, exist_ok=True)
    written = list(track(map_ahead(write, predicted), "predicting", len(targets)))
    if finds:
        finds.write_shared(Path(out), [told[target] for target in written])
        total = sum(one.count for one in told.values())
        say(f"{amount(total, 'object')} in {amount(len(written), 'image')}")
    if alone:
        say(
            f"{len(alone)} of {amount(len(written), 'mask')} hold one class alone "
            f"({some(sorted(set(alone)))}); if that is wrong, the images may be unlike those that "
            f"the run was trained on"
        )
    if abstain and opened:
        say(f"{fmean(opened):.1%} of the pixels are left open, as an image has them on average")
    if unreadable:
        refuse(unreadable, len(targets), len(written), Path(out))
    return written


def refuse(unreadable: Sequence[DataError], images: int, written: int, out: Path) -> NoReturn:
    """Name the images that could not be read; a folder in which nothing was written goes again."""
    if not written and not any(out.iterdir()):
        out.rmdir()
    for error in unreadable[1:]:
        say(f"passed over: {error}")
    raise DataError(
        f"{len(unreadable)} of {amount(images, 'image')} could not be read, the first being "
        f"{unreadable[0]}. Written: {amount(written, 'mask')}{f' to {out}' if written else ''}"
    )


def find_images(inputs: str | Path | Iterable[str | Path]) -> list[Path]:
    """The image files that files, folders and globs name, in sorted order within each."""
    named = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if not named:
        raise UsageError("no image to predict; name files, folders of images or globs")
    found: list[Path] = []
    for name in named:
        path = Path(name)
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if is_image_name(file))
        elif path.exists():
            files = [path]
        else:
            files = sorted(Path(match) for match in glob.glob(str(name), recursive=True))  # noqa: PTH207
        if not files:
            raise DataError(f"{name}: no image there; name a file, a folder of images or a glob")
        found += files
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Extra:
    """What is written beside each mask."""

    overlay: bool = False
    probabilities: bool = False
    confidence: bool = False
    finding: Finding | None = None

    def files(self, target: Path) -> dict[str, Path]:
        """The files beside the mask ``target``, by what they are."""
        ends = {
            "overlay": "-overlay.jpg",
            "probabilities": "-probabilities.npz",
            "confidence": "-confidence.png",
        }
        own = {k: target.with_name(target.stem + e) for k, e in ends.items() if getattr(self, k)}
        return own | (self.finding.each(target) if self.finding else {})


def plan_outputs(images: Sequence[Path], out: Path, extra: Extra) -> dict[Path, Path]:
    """The mask file of each image; refuses two for one name, and files that exist."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; name a folder")
    stem, count = Counter(image.stem for image in images).most_common(1)[0]
    if count > 1:
        same = [image for image in images if image.stem == stem]
        raise UsageError(
            f"{some(same)} would all become {stem}.png; predict each into an --out of its own"
        )
    targets = {image: out / f"{image.stem}.png" for image in images}
    wanted = [path for target in targets.values() for path in extra.files(target).values()]
    wanted += extra.finding.shared(out) if extra.finding else []
    taken = [path for path in [*targets.values(), *wanted] if path.exists()]
    if taken:
        raise UsageError(
            f"{taken[0]} already exists{f' (and {len(taken) - 1} more)' if taken[1:] else ''}; "
            "choose another --out, or remove it"
        )
    return targets


def write_prediction(
    predictor: Predictor,
    image: Path,
    mask: np.ndarray,
    target: Path,
    extra: Extra,
    probabilities: np.ndarray,
    objects: Objects | None = None,
) -> Path:
    """Write the pictures of one image: its mask of class indices uint8 [H, W], and what is asked
    for. ``probabilities`` are float32 [H, W, classes]; an overlay outlines ``objects`` as well.
    """
    table, files = predictor.table, extra.files(target)
    parts = None if objects is None else objects.labels
    if "overlay" in files:
        write_image(files["overlay"], overlaid(predictor.read(image), mask, table, parts))
    if "probabilities" in files:
        np.savez_compressed(
            files["probabilities"],
            probabilities=probabilities.astype(np.float16),
            classes=np.array(table.names),
        )
    if "confidence" in files:
        sure = probabilities.max(axis=-1)
        write_image(files["confidence"], np.rint(255 * sure).astype(np.uint8))
    part = target.with_suffix(".png.part")
    write_mask(part, table.encode(mask), table.palette)
    return part.replace(target)
