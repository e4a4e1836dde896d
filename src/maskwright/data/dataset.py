"""A dataset: pairs, class table and split, after an audit that lets no bad file through."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tomli_w

from maskwright.config import SplitConfig
from maskwright.console import amount, say
from maskwright.data.audit import Audit, check
from maskwright.data.audit.facts import ImageFacts
from maskwright.data.bands import to_bands
from maskwright.data.findings import LOWERS, Finding
from maskwright.data.folders import SPLITS
from maskwright.data.images import RGB, Bands, RawMask, read_image, read_mask
from maskwright.data.kinds import KINDS, LEFT_OUT
from maskwright.data.labels import ClassTable
from maskwright.data.pairing import Pair
from maskwright.data.usual import Usual, usual_of
from maskwright.errors import DataError, UsageError, command, nearest, some

AUTO = SplitConfig()
NAMED = 20  # files, at most, of a list in the terminal


@dataclass(frozen=True)
class Noticed:
    """A finding that lowers quality, and how many files it is about."""

    kind: str
    title: str
    count: int


@dataclass(frozen=True)
class Dataset:
    """Images, masks, the class table and the split.

    ``pixels`` counts the pixels of each class in the masks of each split, int64 [classes];
    ``bands`` says how image files become uint8 [H, W, C]; ``usual`` what the training images are
    like, ``noticed`` what was wrong with the data that stopped nothing.
    """

    root: Path
    layout: str
    table: ClassTable
    pairs: tuple[Pair, ...]
    pixels: dict[str, np.ndarray] = field(default_factory=dict, compare=False)
    bands: Bands = RGB
    usual: Usual | None = field(default=None, compare=False)
    noticed: tuple[Noticed, ...] = field(default=(), compare=False)

    def of(self, split: str) -> list[Pair]:
        """The pairs of one split."""
        if split not in SPLITS:
            raise UsageError(f"no split called {split}: {nearest(split, SPLITS)}")
        return [pair for pair in self.pairs if pair.split == split]

    def counts(self) -> dict[str, int]:
        """The number of images in each split."""
        return {split: len(self.of(split)) for split in SPLITS}


def load_dataset(
    data: str | Path,
    *,
    seed: int = 0,
    table: ClassTable | None = None,
    bands: Bands | None = None,
    split: SplitConfig | None = AUTO,
    skip_bad: bool = False,
) -> Dataset:
    """Find, audit, understand and split a dataset.

    ``data`` is a folder in a known layout, an export, a CSV manifest, or a ``dataset.toml``. Every
    image and mask is decoded once, so that a broken file is named here and not an hour into the
    training. ``table`` and ``bands`` override those of the data; with ``split`` None, pairs that
    come without a split stay without one. With ``skip_bad``, here or there, pairs whose files
    cannot be used are left out, and named.

    Raises DataError in one line for the first kind of thing that stops training, after a list of
    the files, and says in one line what lowers quality.
    """
    found = check(data, seed=seed, table=table, bands=bands, split=split)
    skips = skip_bad or (split is not None and split.skip_bad)
    look = looking(data, split, seed)
    left_out = [f for f in found.stops if skips and can_be_skipped(f)]
    for finding in left_out:
        name_files(finding, "left out", look)
    if stops := [finding for finding in found.stops if finding not in left_out]:
        if len(stops[0].flaws) > 1:
            name_files(stops[0], "wrong", look)
        raise DataError(in_one_line(stops[0], found, look))
    assert found.table is not None
    lowers = [finding for finding in found.findings if finding.severity == LOWERS]
    noticed = tuple(Noticed(one.kind, one.title, one.count) for one in lowers)
    if noticed:
        things = some((f"{one.title} ({one.count})" for one in noticed), 3)
        say(f"noticed: {things}; {look} tells more")
    root, layout = found.listing.root, found.listing.layout
    return Dataset(
        root, layout, found.table, found.pairs, found.pixels, found.bands, usual_in(found), noticed
    )


def usual_in(found: Audit) -> Usual | None:
    """What the training images of audited data are like, or all images that are not split."""
    pairs = [pair for pair in found.pairs if pair.split in ("train", "")]
    seen = [one for pair in pairs if isinstance(one := found.facts[pair.image].image, ImageFacts)]
    return usual_of(
        [(one.height, one.width) for one in seen],
        [level_in(one, found.bands) for one in seen],
        [one.spot.side if one.spot else None for one in seen],
    )


def level_in(image: ImageFacts, bands: Bands) -> np.ndarray:
    """The mean of each band of an image as the network sees it, uint8 [bands]; empty where bands
    were left out that it sees."""
    if len(image.level) not in (1, bands.count):
        return np.zeros(0, np.uint8)
    level = np.array([[image.level]], np.float32)
    kinds = {8: np.uint8, 16: np.uint16}
    stored = np.rint(level).astype(kinds[image.depth]) if image.depth in kinds else level
    return to_bands(stored, bands, "its mean")[0, 0]


def looking(data: object, split: SplitConfig | None, seed: int) -> str:
    """The command that shows all that is wrong with data that are split in this way.

    >>> print(looking("cells", SplitConfig(group="(.+)_"), seed=0))
    maskwright check cells --set 'split.group="(.+)_"'
    """
    words = ["--seed", str(seed)] if seed else []
    for key, value in vars(split or AUTO).items():
        if value != getattr(AUTO, key) and key != "skip_bad":  # check shows them in any case
            words += ["--set", f"split.{key}={json.dumps(value, ensure_ascii=False)}"]
    return command("check", data, *words)


def name_files(finding: Finding, what: str, look: str) -> None:
    """Say each file of a finding, up to twenty of them."""
    for flaw in finding.flaws[:NAMED]:
        say(f"{what}: {flaw.path}: {flaw.detail}")
    if (more := len(finding.flaws) - NAMED) > 0:
        say(f"{what}: {more} more; {look} shows all")


def in_one_line(finding: Finding, found: Audit, look: str) -> str:
    """A finding as an error: the first file, what is wrong, what to do, and how many more."""
    first, *others = finding.flaws
    more = ""
    if others:
        names = some(flaw.path.name for flaw in others)
        more = f" (so it is with {len(others)} more: {names})"
    kinds = len(found.stops) - 1
    skip = "; --skip-bad leaves such files out" if can_be_skipped(finding) else ""
    rest = f"; {look} shows {amount(kinds, 'more kind')}" if kinds else ""
    return f"{first.path}: {first.detail}; {finding.remedy}{more}{skip}{rest}"


def can_be_skipped(finding: Finding) -> bool:
    """Whether it is about single files, without which the others can be used."""
    return KINDS[finding.kind].repair == LEFT_OUT


def read_pair(pair: Pair, bands: Bands = RGB) -> tuple[np.ndarray, RawMask]:
    """The image uint8 [H, W, C] and the mask as stored, of the same height and width."""
    image, mask = read_image(pair.image, bands), read_mask(pair.mask)
    height, width = mask.values.shape
    if image.shape[:2] != (height, width):
        raise DataError(
            f"{pair.mask} is {width}×{height} pixels, its image {pair.image.name} "
            f"{image.shape[1]}×{image.shape[0]}; give both the same size"
        )
    return image, mask


def write_dataset(path: Path, dataset: Dataset) -> None:
    """Write ``dataset.toml`` beside a ``split.csv``; ``load_dataset`` reads them back."""
    described = {
        "root": dataset.root.resolve().as_posix(),
        "manifest": "split.csv",
        **({"bands": dataset.bands.to_dict()} if dataset.bands != RGB else {}),
        **dataset.table.to_dict(),
    }
    path.write_text(tomli_w.dumps(described), encoding="utf-8")
