"""A clean dataset beside the old one: what can be mended safely is, the rest is left out."""

from __future__ import annotations

import csv
import filecmp
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tomli_w

from maskwright.console import amount, track
from maskwright.data.audit import Audit
from maskwright.data.audit.facts import ImageFacts
from maskwright.data.audit.mending import Done, Job
from maskwright.data.findings import KINDS, STOPS, Flaw
from maskwright.data.images import RGB
from maskwright.data.labels import IGNORE, ClassTable, Label, value_name
from maskwright.data.pairing import Pair
from maskwright.data.splits import relative, write_split
from maskwright.data.threads import map_ahead
from maskwright.errors import DataError, UsageError
from maskwright.files import whole_folder

MENDED = {"mask-size", "mask-orientation", "mask-damaged", "mask-kind", "mask-scale",
          "listed-twice", "several-candidates"}  # fmt: skip
ALSO_OUT = {"blank-image", "ignored-mask"}
RANK = {"train": 0, "val": 1, "test": 2}  # which of two copies goes: the one of lower rank


@dataclass(frozen=True)
class Repaired:
    """The new dataset: its folder, the pairs in it, and what was done to each file."""

    path: Path
    pairs: tuple[Pair, ...]
    done: tuple[Done, ...]

    def in_words(self) -> str:
        """How many pairs there are, how many files were left out, and where that is said."""
        left = sum(one.into is None for one in self.done)
        return (
            f"{amount(len(self.pairs), 'pair')} in {self.path}, {amount(left, 'file')} left out; "
            f"what was done to which file is in {self.path / 'repair.csv'}"
        )


def check_out(data: Path, out: Path) -> None:
    """Raise UsageError where a repaired copy of data, which need not be audited yet, cannot be."""
    if out.exists():
        raise UsageError(f"--repair {out} already exists; name a new folder")
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise UsageError(f"--repair {out} lies in {data} itself; name a folder beside it")


def repair(found: Audit, out: str | Path) -> Repaired:
    """Write a clean copy of an audited dataset into the new folder ``out``.

    Masks become index PNGs (16-bit where they number more than 255 objects), images that need it
    PNGs, all others are copied byte for byte. ``repair.csv`` says what was done to which file. No
    source file is changed; the folder is there whole or not at all.

    Raises as ``check_out``, and DataError if the classes cannot be told or nothing is left.
    """
    path, table = Path(out), found.table
    check_out(found.data, path)
    if table is None:
        raise DataError(
            f"{found.data} cannot be repaired: its masks do not show what the classes are; "
            "list them in a dataset.toml (maskwright check DATA --init)"
        )
    clean = clean_table(table)
    jobs, done = plan(found)
    with whole_folder(path) as part:
        written = map_ahead(lambda job: job.write(part, table, clean), jobs)
        results = list(track(written, "repairing", len(jobs)))
        pairs = tuple(one.pair for one in results if one.pair)
        done = sorted([*done, *(do for one in results for do in one.done)], key=_by_source)
        if not pairs:
            raise DataError(f"{found.data}: nothing is left after repair; {done[0].what}")
        if not any(one.ignores for one in results):
            clean = replace(clean, ignore=table.ignore and clean.ignore)
        _describe(part, found, clean, pairs, done)
    moved = tuple(replace(p, image=path / p.image, mask=path / p.mask) for p in pairs)
    return Repaired(path, moved, tuple(done))


def _by_source(one: Done) -> str:
    return str(one.source)


def clean_table(table: ClassTable) -> ClassTable:
    """The class table of the new masks: one value a class, the one it had if that fits a byte.

    Colours become 0, 1, 2, … A class that is called after its value is called after the new one.
    """
    if table.encoding == "instances":
        return replace(table, labels=(replace(table.labels[0], values=(0,)), table.labels[1]))
    values = table.stored.tolist()
    names = [
        value_name(value) if label.name in map(value_name, label.values) else label.name
        for value, label in zip(values, table.labels, strict=False)
    ]
    labels = [
        Label(name, label.color, (value,))
        for name, value, label in zip(names, values, table.labels, strict=False)
    ]
    encoding = "binary" if table.encoding == "binary" else "index"
    return ClassTable(encoding, tuple(labels), (values[IGNORE],))


def plan(found: Audit) -> tuple[list[Job], list[Done]]:
    """The pairs to write, and the files that are left out with the reason."""
    flaws: dict[Path, list[Flaw]] = {}
    for finding in found.findings:
        for flaw in finding.flaws:
            flaws.setdefault(flaw.image or flaw.path, []).append(flaw)
    copies = surplus(found)
    groups = {pair.image: pair.group for pair in found.pairs}  # also those that were asked for
    jobs: list[Job] = []
    done = list(_alone(found))
    names: set[str] = set()
    for pair in found.listing.pairs:
        image, mask = found.facts[pair.image].image, found.facts[pair.image].mask
        at, why = _why_not(flaws.get(pair.image, [])) or (pair.image, copies.get(pair.image, ""))
        if why or isinstance(image, Flaw) or isinstance(mask, Flaw):
            for path, other in ((pair.image, pair.mask), (pair.mask, pair.image)):
                beside = f" with {relative(at, found.listing.root)}" if at == other else ""
                done.append(Done(path, f"left out{beside}: {why}"))
            continue
        kinds = frozenset(flaw.kind for flaw in flaws.get(pair.image, []))
        pair = replace(pair, group=groups.get(pair.image, pair.group))
        jobs.append(Job(pair, _name(pair, found.listing.root, names), image, kinds))
    return jobs, done


def _why_not(flaws: Sequence[Flaw]) -> tuple[Path, str] | None:
    """The file for which a pair is left out, and why; None where it can be mended."""
    for flaw in flaws:
        if flaw.kind == "several-candidates" and not _equal_bytes(flaw):
            return flaw.path, f"{flaw.path.name}: {flaw.detail}"
        stops = KINDS[flaw.kind].severity == STOPS and flaw.kind not in MENDED
        if stops or flaw.kind in ALSO_OUT:
            return flaw.path, f"{KINDS[flaw.kind].title}: {flaw.detail}"
    return None


def _equal_bytes(flaw: Flaw) -> bool:
    """Whether the second file of one name holds the same as the first."""
    return flaw.other is not None and filecmp.cmp(flaw.other, flaw.path, shallow=False)


def _alone(found: Audit) -> Iterator[Done]:
    """The files that belong to no pair, with the reason."""
    listed = {path for pair in found.listing.pairs for path in (pair.image, pair.mask)}
    for finding in found.findings:
        for flaw in finding.flaws:
            if flaw.path not in listed and flaw.path.is_file():
                yield Done(flaw.path, f"left out: {finding.title}")


def surplus(found: Audit) -> dict[Path, str]:
    """The images that are copies of another one, and why they go.

    Of copies in several splits those of train go first, then those of val, so that the test set
    stays as it is; of equal files in one split the first stays.
    """
    split = {pair.image: pair.split for pair in found.listing.pairs}
    gone: dict[Path, str] = {}
    for group in found.alike:
        highest = max(RANK.get(split[image], 0) for image in group)
        kept: dict[str, Path] = {}
        for image in group:
            facts = found.facts[image].image
            digest = facts.digest if isinstance(facts, ImageFacts) else ""
            if RANK.get(split[image], 0) < highest:
                where = next(p for p in group if RANK.get(split[p], 0) == highest)
                gone[image] = f"nearly the same as {where.name} in {split[where]}"
            elif (first := kept.setdefault(digest, image)) != image:
                gone[image] = f"the same as {first.name}"
    return gone


def _name(pair: Pair, root: Path, taken: set[str]) -> str:
    """The name of the new files without extension: that of the image, made plain and unique.

    A list may name images above its own folder; none of the new ones leads out of theirs.
    """
    parts = Path(relative(pair.image, root)).with_suffix("").parts
    if pair.image.is_absolute() and not pair.image.is_relative_to(root):
        parts = parts[-1:]
    kept = [part for part in parts if part.lower() not in ("..", "images", "jpegimages")]
    plain = re.sub(r"[^\w/. ()+,=@~-]", "_", "/".join(kept)) or "image"
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain}-{number}"
    taken.add(name.casefold())
    return name


def _describe(
    part: Path, found: Audit, clean: ClassTable, pairs: Sequence[Pair], done: Sequence[Done]
) -> None:
    """Write manifest.csv, dataset.toml and repair.csv into the folder of the new dataset."""
    write_split(part / "manifest.csv", pairs, Path())
    bands = {"bands": found.bands.to_dict()} if found.bands != RGB else {}
    described = {"manifest": "manifest.csv", **clean.to_dict(), **bands}
    (part / "dataset.toml").write_text(tomli_w.dumps(described), encoding="utf-8")
    listed = part / "repair.csv"
    with listed.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "into", "what"])
        for one in done:
            into = one.into.as_posix() if one.into else ""
            writer.writerow([relative(one.source, found.listing.root), into, one.what])
