"""The audit of a dataset: one look at every file, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.config import SplitConfig
from maskwright.console import amount, track
from maskwright.data.audit.alignment import misplaced, shifted
from maskwright.data.audit.contents import bands_of, class_flaws, file_flaws, presence, same_masks
from maskwright.data.audit.duplicates import clusters
from maskwright.data.audit.encoding import Entry, Understood, understand
from maskwright.data.audit.facts import ImageFacts, MaskFacts, PairFacts, look
from maskwright.data.audit.leaks import group_flaws, leak_flaws, split_flaws, tied_flaws
from maskwright.data.audit.overlaps import ground_flaws, on_one_ground, overlapping, place_flaws
from maskwright.data.findings import KINDS, STOPS, Finding, Flaw, findings_of
from maskwright.data.folders import SPLITS, Listing
from maskwright.data.images import Bands
from maskwright.data.labels import ClassTable
from maskwright.data.listing import list_pairs
from maskwright.data.pairing import Pair
from maskwright.data.splits import split_pairs
from maskwright.errors import DataError

AUTO = SplitConfig()
# Findings that stop training and may be allowed: the pairs are used as they are. Of others that
# are allowed, the pairs are left out.
AS_IT_IS = {"flipped", "shifted", "several-candidates", "listed-twice"}


@dataclass(frozen=True)
class Audit:
    """A dataset as one look at every file shows it.

    ``facts`` are what was seen of every listed pair, by its image; ``pairs`` those without a flaw
    that stops training, with their split; ``classes`` the pixels of each class index in the mask
    of each; ``alike`` the groups of images that are nearly the same.
    """

    data: Path
    listing: Listing
    table: ClassTable | None
    bands: Bands
    evidence: str
    facts: dict[Path, PairFacts]
    pairs: tuple[Pair, ...] = ()
    classes: tuple[dict[int, int], ...] = ()
    alike: tuple[tuple[Path, ...], ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def stops(self) -> list[Finding]:
        """The findings for which training must stop."""
        return [finding for finding in self.findings if finding.severity == STOPS]

    @property
    def clusters(self) -> list[list[int]]:
        """The indices of ``pairs`` whose images are nearly the same."""
        place = {pair.image: index for index, pair in enumerate(self.pairs)}
        groups = [[place[image] for image in group if image in place] for group in self.alike]
        return [group for group in groups if len(group) > 1]

    def counts(self) -> dict[str, int]:
        """The number of usable pairs in each split."""
        return {split: sum(pair.split == split for pair in self.pairs) for split in SPLITS}

    @cached_property
    def pixels(self) -> dict[str, np.ndarray]:
        """Pixels of each class in the masks of each split ("" for none), int64 [classes]."""
        counted = {split: np.zeros(256, np.int64) for split in (*SPLITS, "")}
        for pair, classes in zip(self.pairs, self.classes, strict=True):
            np.add.at(counted[pair.split], list(classes), list(classes.values()))
        return {split: counts[: len(self.table or ())] for split, counts in counted.items()}

    def to_dict(self) -> dict[str, Any]:
        """What ``maskwright check --json`` prints."""
        return {
            "data": self.data.as_posix(),
            "layout": self.listing.layout,
            "images": len(self.facts),
            "usable": len(self.pairs),
            "encoding": self.table.encoding if self.table else None,
            "evidence": self.evidence,
            "classes": self.table.to_dict()["classes"] if self.table else [],
            "splits": self.counts(),
            "ok": not self.stops,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def check(
    data: str | Path,
    *,
    table: ClassTable | None = None,
    bands: Bands | None = None,
    seed: int = 0,
    split: SplitConfig | None = AUTO,
) -> Audit:
    """Look at every file of a dataset once and say all that is wrong with it.

    ``table`` and ``bands`` override those of the data; ``split`` says how pairs without a split
    get one, by default as in training, None that they get none. Kinds of findings that the
    dataset.toml allows are passed over; pairs that cannot be used for them are left out.

    Raises DataError only where nothing can be listed, such as a folder in no known layout.
    """
    listing = list_pairs(Path(data))
    looked = list(track(look(listing.pairs), "checking", len(listing.pairs)))
    entries = [
        Entry(index, pair.mask, pair.image, facts.mask)
        for index, (pair, facts) in enumerate(zip(listing.pairs, looked, strict=True))
        if isinstance(facts.mask, MaskFacts)
    ]
    known = understand(entries, table or listing.table) if entries else Understood(None, "none")
    flaws = [*listing.flaws, *file_flaws(listing.pairs, looked), *known.flaws]
    flaws += [*alignment_flaws(listing.pairs, looked), *place_flaws(listing.pairs, looked)]
    barring = [f for f in flaws if f.kind not in listing.allow or f.kind not in AS_IT_IS]
    good = usable(listing.pairs, looked, barring)
    flaws = [flaw for flaw in flaws if flaw.kind not in listing.allow]
    found = Audit(
        data=Path(data),
        listing=listing,
        table=known.table,
        bands=bands or listing.bands or bands_of(looked),
        evidence=known.evidence,
        facts={pair.image: facts for pair, facts in zip(listing.pairs, looked, strict=True)},
    )
    if not good and not any(KINDS[flaw.kind].severity == STOPS for flaw in flaws):
        flaws.append(Flaw("no-pairs", listing.root, f"none of {amount(len(looked), 'pair')}"))
    redrawn = split is not None and (split.by != "auto" or bool(split.folds))
    found, leaks = with_duplicates(found, redrawn)
    flaws += leaks
    if known.table and good:
        kept = [entry for entry in entries if entry.index in good]
        found, more = with_classes(found, known.table, kept)
        found, torn = divided(found, known.table, seed, split)
        flaws += [*more, *torn]
    return replace(found, findings=findings_of(f for f in flaws if f.kind not in listing.allow))


def with_duplicates(found: Audit, redrawn: bool) -> tuple[Audit, list[Flaw]]:
    """The audit with all near-duplicates, usable or not, and what is wrong with them.

    A split that is ``redrawn`` has no leaks: it keeps near-duplicates together.
    """
    seen = {
        pair: facts.image
        for pair in found.listing.pairs
        if isinstance((facts := found.facts[pair.image]).image, ImageFacts)
    }
    pairs, digests = list(seen), [image.digest for image in seen.values()]
    near, scene = clusters(digests, [image.thumbnail for image in seen.values()])
    splits = [replace(pair, split="") for pair in pairs] if redrawn else pairs
    flaws = list(leak_flaws(splits, near, digests, found.listing.root))
    if scene:
        flaws.append(Flaw("one-scene", found.listing.root, amount(len(scene), "image")))
    alike = tuple(tuple(pairs[index].image for index in cluster) for cluster in near)
    return replace(found, alike=alike), flaws


def with_classes(
    found: Audit, table: ClassTable, kept: Sequence[Entry]
) -> tuple[Audit, list[Flaw]]:
    """The audit with its usable pairs and their classes, and what is wrong with these."""
    pairs = tuple(found.listing.pairs[entry.index] for entry in kept)
    classes = tuple(presence(entry.mask, table) for entry in kept)
    digests = [
        facts.digest if isinstance(facts := found.facts[pair.image].image, ImageFacts) else ""
        for pair in pairs
    ]
    flaws = [*class_flaws(kept, classes, table), *same_masks(kept, digests)]
    return replace(found, pairs=pairs, classes=classes), flaws


def divided(
    found: Audit, table: ClassTable, seed: int, split: SplitConfig | None
) -> tuple[Audit, list[Flaw]]:
    """The usable pairs with their split, and what is wrong with the split."""
    root = found.listing.root
    if split is None:
        return found, list(group_flaws(found.pairs))
    looked = [found.facts[pair.image].image for pair in found.pairs]
    links = list(overlapping([one.spot if isinstance(one, ImageFacts) else None for one in looked]))
    together = [*found.clusters, *on_one_ground(links, len(looked))]
    try:
        pairs = split_pairs(
            found.pairs, root, seed, split, together=together, presence=found.classes
        )
    except DataError as error:
        return found, [Flaw("too-few", root, str(error).removeprefix(f"{root} has "))]
    given = any(pair.split for pair in found.pairs)
    whole = len(pairs) == len(found.listing.pairs)  # else it is drawn anew after the repair
    flaws = [
        *group_flaws(pairs),
        *ground_flaws(pairs, links, root),
        *tied_flaws(pairs, found.clusters, root),
        *(split_flaws(pairs, found.classes, table.names, root) if given or whole else ()),
    ]
    if split.folds:  # all are tested in turns
        flaws = [flaw for flaw in flaws if flaw.kind not in ("thin-split", "few-test")]
    return replace(found, pairs=pairs), flaws


def alignment_flaws(pairs: Sequence[Pair], looked: Sequence[PairFacts]) -> Iterator[Flaw]:
    """Masks that fit their image better flipped, turned or shifted."""
    fits = [facts.fit for facts in looked]
    wrong = misplaced(fits)
    for index, place in wrong.items():
        yield Flaw("flipped", pairs[index].mask, f"fits when {place}", pairs[index].image)
    for index, (x, y) in shifted(fits).items():
        mask = looked[index].mask
        if index not in wrong and isinstance(mask, MaskFacts):
            moved = f"{round(x * mask.width):+} pixels across and {round(y * mask.height):+} down"
            yield Flaw("shifted", pairs[index].mask, f"is off by {moved}", pairs[index].image)


def usable(pairs: Sequence[Pair], looked: Sequence[PairFacts], flaws: Sequence[Flaw]) -> set[int]:
    """The indices of the pairs that no finding keeps from training."""
    bad = {flaw.image or flaw.path for flaw in flaws if KINDS[flaw.kind].severity == STOPS}
    return {
        index
        for index, (pair, facts) in enumerate(zip(pairs, looked, strict=True))
        if isinstance(facts.image, ImageFacts) and pair.image not in bad
    }
