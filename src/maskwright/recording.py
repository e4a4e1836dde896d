"""How a run folder begins: where it goes, and what stands in it before the first step."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from maskwright.config import Config
from maskwright.data.dataset import Dataset, write_dataset
from maskwright.data.listing import data_name
from maskwright.data.splits import relative, write_split
from maskwright.environment import environment
from maskwright.errors import RunError, UsageError
from maskwright.files import whole_file, write_text
from maskwright.runs import Run, write_json
from maskwright.trackers import forget_tracking

# The files that stand before the first epoch has ended.
BEGUN = (
    "config.toml",
    "plan.md",
    "dataset.toml",
    "split.csv",
    "data.json",
    "environment.json",
    "log.txt",
    "run.json",
)
FIRST, LAST = "run.json", "config.toml"  # written first, and when there is a run to go on with
HALF = re.compile(r"\.[\w-]+\.part\.\w+")  # a file of whole_file that was not finished


def free_folder(out: str | Path | None, otherwise: str | Path) -> Path:
    """Where something new goes: ``out``, which must not exist, else the next free ``otherwise``."""
    if out is not None:
        path = Path(out)
        if path.is_file() or (path.is_dir() and not is_free(path)):
            if _has_begun(path):
                raise UsageError(
                    f"{path} holds a training that has not ended; go on with it by adding "
                    "--resume, or choose another --out"
                )
            raise UsageError(f"{path} already exists; choose another --out, or remove it")
        return path
    first = free = Path(otherwise)
    number = 1
    while free.exists():
        number += 1
        free = first.with_name(f"{first.name}-{number}")
    return free


def _has_begun(folder: Path) -> bool:
    """Whether a training was begun in a folder, and has not ended."""
    try:
        return not Run(folder).about["finished"]
    except RunError:
        return False


def run_name(data: str | Path, recipe: str) -> Path:
    """Where a run goes that is not told its place.

    >>> run_name("photos/cells", "default").as_posix()
    'runs/cells-default'
    """
    return Path("runs") / f"{data_name(data)}-{recipe}"


def is_free(folder: Path) -> bool:
    """Whether a folder is empty but for what a program left that was killed before it had a run."""
    names = {path.name for path in folder.iterdir()} - {"lock"}
    names = {name for name in names if not HALF.fullmatch(name)}
    return not names or (FIRST in names and LAST not in names and names <= set(BEGUN))


def remove_left_over(folder: Path) -> None:
    """Remove what was half written when a program was killed.

    >>> bool(HALF.fullmatch(".config.part.toml")), bool(HALF.fullmatch(".party.toml"))
    (True, False)
    """
    for path in (*folder.glob(".*"), *folder.glob("checkpoint/.*")):
        if HALF.fullmatch(path.name) and path.is_file():
            path.unlink()


def create_run(
    path: Path, config: Config, dataset: Dataset, *, plan: str = "", own_model: bool = False
) -> Run:
    """Make the run folder and write down everything that decides the training.

    ``plan`` is the text of plan.md, for a configuration that was planned.
    """
    path.mkdir(parents=True, exist_ok=True)
    run = Run(path)
    run.write_about(finished=False, own_model=own_model)
    if plan:
        write_text(path / "plan.md", plan)
    run.write_config(config)  # from here on there is a run to go on with
    with whole_file(path / "dataset.toml") as part:
        write_dataset(part, dataset)
    with whole_file(path / "split.csv") as part:
        write_split(part, dataset.pairs, dataset.root)
    write_json(path / "data.json", data_of(dataset))
    write_json(path / "environment.json", environment())
    return run


def data_of(dataset: Dataset) -> dict[str, Any]:
    """What data.json says of the data: images and pixels of each class in each split, a digest,
    what the training images are like, and what was noticed.

    The digest (SHA-256) is of all names, as they lie in the dataset, splits and contents.
    """
    pixels = {split: counts.tolist() for split, counts in dataset.pixels.items()}
    digest = hashlib.sha256()
    for pair in dataset.pairs:
        names = (relative(pair.image, dataset.root), relative(pair.mask, dataset.root))
        digest.update(json.dumps([*names, pair.split, pair.group]).encode())
        for path in (pair.image, pair.mask):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return {
        "images": dataset.counts(),
        "pixels": pixels,
        "digest": digest.hexdigest(),
        **({"usual": dataset.usual.to_dict()} if dataset.usual else {}),
        "noticed": [vars(one) for one in dataset.noticed],
    }


def discard_run(run: Run) -> None:
    """Remove the files of a run that came to nothing."""
    for name in BEGUN:
        (run.path / name).unlink(missing_ok=True)
    forget_tracking(run.path)
