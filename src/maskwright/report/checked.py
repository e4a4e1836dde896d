"""The page of ``maskwright check``: what a colleague would show who went through it with you."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from maskwright.console import amount, printable
from maskwright.data.audit import Audit
from maskwright.data.audit.facts import ImageFacts
from maskwright.data.audit.words import class_rows, next_command
from maskwright.data.findings import KINDS, LOWERS, NOTE, SEVERITIES, Finding
from maskwright.data.folders import SPLITS
from maskwright.data.labels import IGNORE
from maskwright.data.listing import data_name
from maskwright.errors import some
from maskwright.files import write_text
from maskwright.randomness import PICTURES, generator
from maskwright.report.embedded import SAMPLES, Picture, embed
from maskwright.report.exhibits import Exhibit, called, exhibits, pair_pictures
from maskwright.report.meanings import MEANINGS
from maskwright.report.page import check_file, fill
from maskwright.report.words import NONE, SPLIT_NAMES

NAMED = 50  # more files of a finding, after the examples
BANDS = {1: "grey", 3: "RGB"}


@dataclass(frozen=True)
class Shown:
    """A finding as the page shows it: ``pictured`` and ``told`` are its examples with and without
    pictures, ``others`` names and details of more files, ``rest`` how many there are besides."""

    kind: str
    severity: str
    title: str
    count: int
    meaning: str
    remedy: str
    repair: str
    pictured: list[Exhibit]
    told: list[Exhibit]
    others: list[tuple[str, str]]
    rest: int


def write_check_page(found: Audit, path: Path) -> Path:
    """Write the page of an audit, whole or not at all, and return its path.

    The page loads nothing from outside itself and holds no script. Nothing that is wrong with the
    data makes it fail.

    Raises UsageError where it is a folder, and WriteError where it cannot be written.
    """
    check_file(path, "check.html")
    page = render_check(found, path)
    write_text(path, page)
    return path


def render_check(found: Audit, path: Path) -> str:
    """The page as HTML; every name that comes from files is escaped."""
    data, page = (shlex.quote(name.as_posix()) for name in (found.data, path))
    table = found.table
    values = {
        "name": printable(data_name(found.data)),
        "answer": answer(found),
        "advice": advice(found),
        "facts": facts(found),
        "split": split_words(found),
        "evidence": printable(found.evidence),
        "stretched": stretched(found),
        "labels": table.labels if table else (),
        "ground": table.ground if table else [],
        "classes": class_rows(found),
        "ignored": ignored(found),
        "samples": samples(found),
        "severities": [one for one in SEVERITIES if any(f.severity == one for f in found.findings)],
        "findings": shown_findings(found),
        "again": f"maskwright check {data} --html {page}",
    }
    return fill("check.html", values)


def answer(found: Audit) -> str:
    """Whether training can begin, in a sentence."""
    lowers = sum(finding.severity == LOWERS for finding in found.findings)
    lower = f"{amount(lowers, 'thing')} lower{'s' if lowers == 1 else ''} quality"
    if found.stops:
        first, *others = found.stops
        more = f", and {amount(len(others), 'other kind')} of findings" if others else ""
        quality = f" Besides, {lower}." if lowers else ""
        return f"Training must stop: {first.title} ({first.count:,}){more}.{quality}"
    images = f"{amount(len(found.pairs), 'image')}, {len(found.table or ())} classes"
    return f"Training can begin: {images}, nothing stops it{f'; {lower}' if lowers else ''}."


def advice(found: Audit) -> tuple[str, str]:
    """What to do now: a sentence, and the command to type."""
    data = shlex.quote(found.data.as_posix())
    step = next_command(found)
    if not found.stops:
        return "Next:", step
    if found.table is None and step:
        return "Say what the classes are; this begins a list of them:", step
    unmended = sum(not KINDS[finding.kind].repair for finding in found.stops)
    if not step:
        return "Mend by hand what is told below, then look again:", f"maskwright check {data}"
    hand = "; the rest is to be mended by hand, as told below" if unmended else ""
    return f"This writes a clean copy, without what cannot be mended{hand}:", step


def facts(found: Audit) -> dict[str, str]:
    """The figures that stand beside each other at the top."""
    return {
        "Pairs of image and mask": f"{len(found.facts):,}",
        "Usable": f"{len(found.pairs):,}",
        "Layout": found.listing.layout,
        "Size in pixels": sizes(found),
        "Kind of images": kind_of_images(found),
        **{
            f"{SPLIT_NAMES[split].capitalize()} images": f"{count:,}"
            for split, count in found.counts().items()
            if count
        },
    }


def _images(found: Audit) -> list[ImageFacts]:
    return [one.image for one in found.facts.values() if isinstance(one.image, ImageFacts)]


def sizes(found: Audit) -> str:
    """The smallest and the largest size of the images."""
    known = [(image.width, image.height) for image in _images(found)]
    if not known:
        return NONE
    ends = [end(known, key=lambda size: size[0] * size[1]) for end in (min, max)]
    return " to ".join(dict.fromkeys(f"{width}×{height}" for width, height in ends))


def kind_of_images(found: Audit) -> str:
    """Bands and depth of most images."""
    kinds = Counter((image.bands, image.depth) for image in _images(found))
    if not kinds:
        return NONE
    (bands, depth), _ = kinds.most_common(1)[0]
    return f"{BANDS.get(bands, amount(bands, 'band'))}, {depth} bits"


def split_words(found: Audit) -> str:
    """Where the split comes from."""
    used = {pair.split for pair in found.pairs} - {""}
    given = {pair.split for pair in found.listing.pairs} - {""}
    if not used:
        return ""
    if not given:
        return "The data have no split; this is the one that training would draw."
    drawn = " and ".join(SPLIT_NAMES[split] for split in SPLITS if split in used - given)
    but = f", but the {drawn} images are as training would draw them" if drawn else ""
    return f"The split is that of the data{but}."


def stretched(found: Audit) -> str:
    """How stored values of more than 8 bits become those that the network sees."""
    pairs = zip(found.bands.low, found.bands.high, strict=True)
    ranges = [f"{low:g} to {high:g}" for low, high in pairs]
    if len(set(ranges)) > 1:
        return f"Stored values are stretched to 0–255, band by band: {some(ranges, 12)}."
    return f"Stored values from {ranges[0]} are stretched to 0–255." if ranges else ""


def ignored(found: Audit) -> float:
    """The share of all pixels that count for nothing."""
    every = sum(sum(classes.values()) for classes in found.classes)
    return sum(classes.get(IGNORE, 0) for classes in found.classes) / max(1, every)


def samples(found: Audit) -> dict[str, Picture]:
    """Some usable images with their masks, drawn at random, by name."""
    size = min(SAMPLES, len(found.pairs))
    if not size:
        return {}
    shown = {}
    for index in sorted(generator(PICTURES, 0).choice(len(found.pairs), size, replace=False)):
        pair = found.pairs[index]
        name = called(pair.image, found.listing.root)
        for title, picture in list(pair_pictures(found, pair).items())[:1]:
            shown[name] = embed(picture, f"{name}: {title}")
    return shown


def shown_findings(found: Audit) -> list[Shown]:
    """The findings, worst first, each with examples and the names of other files."""
    examples = exhibits(found)
    return [_shown(finding, examples[finding.kind], found) for finding in found.findings]


def _shown(finding: Finding, examples: list[Exhibit], found: Audit) -> Shown:
    begin = len(examples)
    others = [
        (called(flaw.path, found.listing.root), printable(flaw.detail))
        for flaw in finding.flaws[begin : begin + NAMED]
    ]
    return Shown(
        kind=finding.kind,
        severity=finding.severity,
        title=finding.title[0].upper() + finding.title[1:],
        count=finding.count,
        meaning=MEANINGS.get(finding.kind, ""),
        remedy=finding.remedy,
        repair=KINDS[finding.kind].repair or ("" if finding.severity == NOTE else "not mended"),
        pictured=[example for example in examples if example.parts],
        told=[example for example in examples if not example.parts],
        others=others,
        rest=finding.count - begin - len(others),
    )
