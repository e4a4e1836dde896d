"""Masks that predictions all but rule out: a ranked list for people who look, and mend."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.console import say, track
from maskwright.data.pairing import Pair
from maskwright.errors import UsageError, WriteError
from maskwright.evaluation.chosen import add_test_use
from maskwright.files import whole_folder, write_text
from maskwright.runs import Run
from maskwright.suspicion.exchange import (
    for_cvat,
    label_studio,
    labelling,
    root_of,
    served,
    write_csv,
)
from maskwright.suspicion.looking import LEARNT, SEALED, chosen, look, open_runs
from maskwright.suspicion.page import Told, render
from maskwright.suspicion.suspect import Suspect, draw, suspected

MOST = 1_000  # masks in a list: nobody looks at more, and the pictures are kept in memory


def suspects(
    runs: Run | str | Path | Sequence[Run | str | Path],
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    count: int = 50,
    split: str | None = None,
    image_root: str | Path | None = None,
) -> list[dict[str, Any]]:
    """The masks that predictions contradict most, the worst first, at most ``count``.

    A run looks at images that it was not trained on: a single one at its validation images,
    several, such as the folds of a dataset, at all that are held out of one of them, but not at
    test images of all. Where several look at an image, the mean of their probabilities counts.
    ``split`` (train, val or test) asks for others; a look at test images is counted as a use of
    them. ``data`` is where the data lie now, if they were moved. ``suspicion.disputed.dispute``
    says how a mask is scored.

    With ``out`` a folder is made: suspects.csv, pictures/, suspects.html, tasks for Label Studio
    (label-studio.json, and label-studio.xml, the labelling interface that goes with them), and
    cvat.xml ("CVAT for images 1.1"). Paths begin at ``image_root``, by default the dataset's root;
    those of Label Studio one folder above it where ``exchange.served`` must; CVAT's images are
    called by file name alone where none is given.

    Returns a row a mask: rank, image, mask, score, area (pixels that are disputed), given and
    predicted (class names) and x, y, width, height of the region that weighs most, runs (how many
    looked) and regions (area, classes and box of each).
    """
    if not 1 <= count <= MOST:
        raise UsageError(f"count = {count} is outside 1 to {MOST:,}; choose within")
    opened = open_runs([runs] if isinstance(runs, Run | str | Path) else runs, data)
    pairs, which = chosen(opened, split)
    place = None if out is None else free(Path(out))
    given = None if image_root is None else Path(image_root)
    images = [pair.image for own in pairs for pair in own]
    table, home = opened[0].table, opened[0].dataset.root
    root = root_of(images, given, home)
    documents, folder = served(images, root)
    if remark := {"train": LEARNT, "test": SEALED}.get(split or "", ""):
        say(remark)
    found, disputed = worst(opened, pairs, count, which, drawn=place is not None)
    if split == "test":
        for run, own in zip(opened, pairs, strict=True):
            add_test_use(run, own, "test (suspects)", run.dataset.root)
    rows = [one.row(rank, home, table.names) for rank, one in enumerate(found, 1)]
    looked = len(set(images))
    paths, moved = [run.path for run in opened], None if data is None else home
    told = Told(home, documents, folder, paths, which, looked, disputed, remark, split, moved)
    say(told.answer)
    if place is not None:
        texts = {
            "suspects.csv": write_csv(rows),
            "suspects.html": render(told, rows, found, table),
            "label-studio.json": label_studio(found, table, documents),
            "label-studio.xml": labelling(table),
            "cvat.xml": for_cvat(found, table, given and root),
        }
        write(place, texts, found)
    return rows


def free(out: Path) -> Path:
    """The folder to make, which is not there yet, or empty."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; name a folder")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty; choose another, or remove it")
    return out


def worst(
    runs: Sequence[Run], pairs: Sequence[Sequence[Pair]], count: int, which: str, *, drawn: bool
) -> tuple[list[Suspect], int]:
    """The worst masks, with pictures if wanted, and how many are disputed at all."""
    images = {pair.image for own in pairs for pair in own}
    kept: list[Suspect] = []
    disputed = 0
    for one in track(look(runs, pairs), f"looking at {which} masks", len(images)):
        new = suspected(one)
        disputed += new is not None
        if new is None or (len(kept) == count and new.score <= kept[-1].score):
            continue
        if drawn:
            image = runs[0].predictor.read(one.pair.image)
            new = replace(new, picture=draw(image, one, new, runs[0].table))
        insort(kept, new, key=lambda known: -known.score)
        del kept[count:]
    return kept, disputed


def write(place: Path, texts: dict[str, str], found: Sequence[Suspect]) -> None:
    """Write the folder, whole or not at all."""
    try:
        with whole_folder(place) as part:
            (part / "pictures").mkdir()
            for rank, one in enumerate(found, 1):
                (part / "pictures" / one.file(rank)).write_bytes(one.picture)
            for name, text in texts.items():
                write_text(part / name, text)
    except OSError as error:
        raise WriteError.of(place, error) from error
