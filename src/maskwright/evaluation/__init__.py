"""Predict and compare: it scores what is shipped, at each image's own size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.artifacts import Artifact
from maskwright.artifacts.scoring import scored_run
from maskwright.averaging import averaged
from maskwright.console import say, track
from maskwright.data.listing import data_name
from maskwright.data.pairing import Pair
from maskwright.data.splits import relative
from maskwright.data.threads import WORKERS, map_ahead
from maskwright.evaluation.chosen import add_test_use, at_new_place, choose_pairs, known_from
from maskwright.evaluation.pictures import write_pictures
from maskwright.evaluation.rows import Counts, image_rows, write_counts, write_rows
from maskwright.evaluation.subsets import mean_area, noting_brightness, scored, subsets
from maskwright.evaluation.table import Sums, table
from maskwright.evaluation.tally import USUAL, Limits, Tally, stacked, tally, total
from maskwright.files import make_folder
from maskwright.measures.objects import Detections
from maskwright.runs import Run, write_json
from maskwright.validate import Predicted, predict_pairs

FORMAT = 2  # of evaluation/NAME.json; 1 had neither intervals nor measures of boundaries


def evaluate(
    model: Run | Artifact | str | Path,
    data: str | Path | None = None,
    *,
    split: str | None = None,
    tolerance: float = USUAL.tolerance,
    least_area: int = USUAL.least_area,
    tta: Sequence[str] = (),
) -> dict[str, Any]:
    """Scores of a run on a split of its own data, or on other data with the same classes.

    An artifact is scored as the run that it was made of, and its results lie beside it; away from
    that run on other data alone, and which of these it was trained on is then unknown (None).

    ``split`` is train, val, test or all; by default test where the data has one, else val (of the
    run's own data) or all (of other data). Pixels are counted over all images at their own size;
    ``tolerance`` in pixels is that of the surface distance. Where masks number their objects, a
    predicted piece of ``least_area`` pixels or more is one, as in ``predict``. Writes NAME.json,
    NAME.csv (a row an image), NAME.npz (what was counted in each, for ``compare``) and pictures
    into the run's evaluation/, where NAME is the split, after the data's name where that is not the
    run's own. ``tta`` scores the mean over views, see ``averaging.averaged``; NAME ends in them
    then.

    Returns what ``evaluation.table.table`` says, with these added: split, name, data (the root),
    trained_on (how many of the images the run was trained on), test_uses (how often the run's test
    images have been scored, this time included but for exports of a run that was; None where none
    of them is scored here), subsets, seconds and pictures.
    """
    run = scored_run(model, elsewhere=data is not None)
    begun = time.perf_counter()
    at_home = bool(run.dataset.pairs)
    if data is not None and at_home and (moved := at_new_place(run, Path(data))):
        say(f"{data} holds the images of this run, at another place: they are split as for it")
        run, data = moved, None
    root, pairs, split = choose_pairs(run, data, split)
    known = known_from(run, "train", pairs, root) if at_home else None
    if known:
        say(f"{known} of these {len(pairs)} images were trained on, so the scores flatter")
    if known is None:
        say("nobody here knows what it was trained on: if on some of these, the scores flatter")
    run = looking(run, tta)
    counted = count_all(run, pairs, root, split, Limits(tolerance, least_area))
    name = split if data is None else f"{data_name(data)}-{split}"
    name = "-".join([name, *sorted(set(tta))])
    rows = image_rows(counted.kept.each, counted.kept.images, run.table.names)
    result = {
        "format": FORMAT,
        **counted.table(run),
        "split": split,
        "tta": sorted(set(tta)),
        "trained_on": known,
        "test_uses": add_test_use(run, pairs, split, root),
        "name": name,
        "data": root.resolve().as_posix(),
        "subsets": counted.subsets(),
        "pictures": write_pictures(run, pairs, rows, name),
        "seconds": round(time.perf_counter() - begun, 2),
    }
    folder = run.evaluations
    write_rows(folder / f"{name}.csv", rows)
    write_counts(folder / f"{name}.npz", counted.kept)
    write_json(folder / f"{name}.json", result)
    return result


def looking(run: Run, ways: Sequence[str]) -> Run:
    """The run, predicting the mean over these ways to look at an image."""
    if not ways:
        return run
    found = replace(run)
    vars(found).update({**vars(run), "predictor": averaged(run.predictor, ways)})
    if run.rims:
        vars(found)["_rims_predictor"] = averaged(run.parter, ways)
    say(f"scoring the mean over views: {', '.join(ways)}")
    return found


@dataclass(frozen=True)
class Counted:
    """What was counted: by image, and in all; and what parts the images by.

    ``areas`` is the mean area of an image's objects as a share of it, NaN where it has none.
    """

    kept: Counts
    fine: Sums
    detections: list[Detections]
    brightness: list[float]
    areas: np.ndarray

    def table(self, run: Run) -> dict[str, Any]:
        """The scores of all images together."""
        kept, names = self.kept, run.table.names
        sums = {**total(kept.each), **self.fine}
        found, calibration = self.detections, run.calibration
        return table(sums, kept.each, found, kept.groups, names, calibration, kept.limits)

    def subsets(self) -> list[dict[str, Any]]:
        """The scores of images that have something in common."""
        parts = subsets(self.kept.images, self.kept.groups, self.brightness, self.areas)
        return scored(self.kept.each, self.kept.groups, parts)


def count_all(
    run: Run, pairs: Sequence[Pair], root: Path, split: str, limits: Limits = USUAL
) -> Counted:
    """Predict all pairs, and count."""
    brightness: dict[Pair, float] = {}
    read = noting_brightness(lambda pair: run.predictor.read(pair.image), brightness)
    predicted = predict_pairs(run.parter, pairs, read)

    def count(one: Predicted) -> Tally:
        return tally(one, run.table, run.predictor.temperature, limits)

    counted = map_ahead(count, predicted, ahead=WORKERS)
    each: list[Sums] = []
    fine: Sums = {}
    found: list[Detections] = []
    areas: list[float] = []
    for one in track(counted, f"evaluating {split}", len(pairs)):
        each.append(one.each)
        fine = {key: fine.get(key, 0) + values for key, values in one.fine.items()}
        found += [one.detections] if one.detections else []
        areas.append(mean_area(one.fine["sizes"], int(one.each["classes"][:, 1].sum())))
    make_folder(run.evaluations)
    images, groups = [relative(pair.image, root) for pair in pairs], [pair.group for pair in pairs]
    kept = Counts(images, groups, run.table.names, stacked(each), limits)
    return Counted(kept, fine, found, [brightness[pair] for pair in pairs], np.array(areas))
