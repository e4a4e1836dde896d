"""Images of any size to masks of the same size, and to the objects in them."""

from __future__ import annotations

import csv
import glob
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

from maskwright.artifacts import Artifact, opened
from maskwright.averaging import averaged
from maskwright.console import amount, passing_note, say
from maskwright.data.ingest.extras import import_needed
from maskwright.data.labels import IGNORE
from maskwright.data.listing import is_dataset
from maskwright.data.maps import lies_on_map
from maskwright.deciding import Decision, decision
from maskwright.errors import DataError, UsageError, nearest, some
from maskwright.files import write_text
from maskwright.lock import locked
from maskwright.prediction.inputs import STANDARD_INPUT, find_images, is_video_name, stem_of
from maskwright.prediction.outputs import FORMATS, Extra
from maskwright.prediction.record import Record
from maskwright.prediction.saying import (
    TABLE,
    say_what_is_odd,
    say_what_is_unlike,
    say_what_is_written,
    say_what_was_found,
)
from maskwright.prediction.working import Work
from maskwright.predictor import Predictor
from maskwright.recording import FIRST, LAST
from maskwright.runs import Run
from maskwright.shapes.writing import finding

LOCK = ".predictions.lock"
LOOKED_AT = 20  # images, whether they lie on a map, before anything begins


def predict(
    model: Run | Artifact | str | Path,
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
    of: Sequence[str] = (),
    format: str | None = None,
    tta: Sequence[str] = (),
    resume: bool = False,
) -> list[Path]:
    """Write a mask for each image: ``out/STEM.png``, a palette PNG in the class colours.

    ``inputs`` are files, folders or globs; videos, whose frames are ``STEM-000000`` and so on; "-"
    is an image file on standard input. The pixel values of a mask are those of the masks that the
    run was trained on (class indices for RGB masks). ``predictions.csv`` has a row an image:
    class shares, counts of objects, confidence. Returns the mask files.

    ``overlay`` adds ``STEM-overlay.jpg``; ``probabilities`` ``STEM-probabilities.npz`` with
    ``probabilities`` float16 [H, W, classes] and ``classes``, their names; ``confidence``
    ``STEM-confidence.png``, grey of 8 bits: the probability of the likeliest class, 255 for 1.

    With ``format`` "tiff" mask, probabilities (float32, a band a class) and confidence are tiled
    TIFF files, on the map where the image is, written as the image is read: memory is bounded
    whatever its size. Without it they are that for images on a map or too large for PNG.

    ``tta``, test-time augmentation, takes the mean over views of the image: "flip", "flips" and
    "scales", see ``averaging.averaged``.

    A pixel has its likeliest class, unless ``thresholds``, ``recalls`` or ``abstain`` ask for
    something else, see ``deciding.decision``; what is left open has the value that means ignore.

    ``objects`` adds ``objects.csv``, a row an object, and ``STEM-objects.tif``, their numbers as
    pixels; ``shapes`` files with the objects as polygons: "geojson" and "svg" for each image,
    "coco", "cvat" and "labelstudio" for all. Objects are ``of`` the classes of these names, by
    default all but the background, and have ``least`` pixels or more; ``part`` and ``boundary`` say
    how those that touch are parted, see ``find_objects``, and ``tolerance`` how far outlines may be
    simplified, see ``Objects.polygons``.

    Never writes over a file that exists, unless ``resume`` goes on in a folder where the same
    model wrote the same: images that are done, and have not changed, are passed over. One process
    at a time works in ``out``. An image that cannot be read is passed over and named in a DataError
    at the end; of one that breaks off what came before is kept.
    """
    run = opened(model)
    names, known = run.table.names, run.calibration
    decide = decision(names, known, thresholds=thresholds, recalls=recalls, abstain=abstain)
    for line in decide.in_words(names, int(run.table.stored[IGNORE])):
        say(line)
    finds = finding(
        run.table, objects=objects, shapes=shapes, least=least, part=part, boundary=boundary,
        tolerance=tolerance, of=of, rims=run.rims,
    )  # fmt: skip
    if format not in (None, *FORMATS):
        raise UsageError(f"no format of masks called {format}: {nearest(str(format), FORMATS)}")
    extra = Extra(overlay, probabilities, confidence, finds, format)
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    found, folder = find_images(given), Path(out)
    if format == "tiff":
        import_needed("rasterio", "geo", "writing masks as tiled TIFF")
    elif format is None and (first := first_on_map(found)):
        import_needed("rasterio", "geo", f"the mask of {first}, which lies on a map,")
    record = Record(folder, {**made_by(run, decide, extra), "tta": sorted(set(tta))})
    check_place(folder, given)
    with locked(folder, LOCK) as guard:
        plan_outputs(found, record, extra, resume)
        predictor = averaged(started(run, rims=bool(finds)), tta)
        work = Work(predictor, record, decide, extra, guard, run.usual)
        try:
            with record:
                work.go(found)
        finally:
            if not record.lines:
                with suppress(OSError):
                    record.path.unlink()
        write_tables(record, extra)
    lines = [record.lines[stem] for stem in work.asked if stem in work.done]
    rows = [line["row"] for line in lines]
    if finds and rows:
        say_what_was_found(rows, names, finds.least)
    say_what_is_odd(rows, names, bool(abstain))
    say_what_is_unlike(rows, run.usual, predictor.view.size)
    if lines:
        say_what_is_written(extra, Path(lines[0]["mask"]).suffix, folder)
    if work.unreadable:
        refuse(work.unreadable, len(found), len(lines), folder)
    return [folder / line["mask"] for line in lines]


def started(run: Run | Artifact, *, rims: bool) -> Predictor:
    """What predicts; that of a run starts Keras, which takes seconds, while a note says so."""
    with passing_note("starting Keras …") if isinstance(run, Run) else nullcontext():
        return run.parter if rims else run.predictor


def first_on_map(paths: Sequence[Path]) -> Path | None:
    """The first of these image files, of some at the beginning, that lies on a map."""
    for path in paths[:LOOKED_AT]:
        with suppress(DataError):
            if path != STANDARD_INPUT and lies_on_map(path):
                return path
    return None


def made_by(run: Run | Artifact, decide: Decision, extra: Extra) -> dict[str, Any]:
    """What the predictions of a folder have in common: the model, and how they are written."""
    ways: dict[str, Any] = {
        "decision": repr(decide),
        "files": sorted(extra.ends()),
        "format": extra.format,
    }
    if found := extra.finding:
        ways["objects"] = [found.listed, found.least, found.part, found.boundary, found.tolerance]
        ways["of"] = list(found.of)
        ways["shapes"] = list(found.shapes)
    return {"model": run.digest[:16], **ways}


def check_place(out: Path, inputs: Sequence[str | Path]) -> None:
    """Refuse a file, and a folder that is a run, a dataset or one of the inputs, among whose files
    masks would lie."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; name a folder")
    is_run = any((out / name).is_file() for name in (FIRST, LAST))
    if is_run or is_dataset(out):
        raise UsageError(
            f"--out {out} is {'the folder of a run' if is_run else 'a dataset'}; name a folder for "
            f"the masks alone, such as {out.resolve().name}-masks"
        )
    folders = [Path(one).parent if glob.has_magic(str(one)) else Path(one) for one in inputs]
    if out.is_dir() and any(one.is_dir() and out.samefile(one) for one in folders):
        raise UsageError(
            f"--out {out} is the folder of the images, where masks would be taken for images the "
            f"next time; name a folder for the masks alone, such as {out.resolve().name}-masks"
        )


def plan_outputs(paths: Sequence[Path], record: Record, extra: Extra, resume: bool = False) -> None:
    """Refuse two images for one name, files that exist, and to go on with something else."""
    out = record.out
    refuse_same_files(paths, extra)
    if record.path.exists():
        if not resume:
            raise UsageError(
                f"{out} holds predictions already; add --resume to go on there, or choose another "
                "--out"
            )
        record.read()
        record.refuse_others(paths)
        return
    shared = [path.name for path in extra.finding.shared(out)] if extra.finding else []
    own = [file for file, _ in files_and_makers(paths, extra)]
    taken = existing([TABLE, *shared, *own], out)
    if taken and taken[0].resolve() in {path.resolve() for path in paths}:
        raise UsageError(
            f"--out {out} is the folder of the images, and {taken[0]} would be written over; name "
            f"a folder for the masks alone, such as {out.resolve().name}-masks"
        )
    if taken:
        raise UsageError(
            f"{taken[0]} already exists{f' (and {len(taken) - 1} more)' if taken[1:] else ''}; "
            "choose another --out, or remove it"
        )


def refuse_same_files(paths: Sequence[Path], extra: Extra) -> None:
    """Refuse images of which one would write over a file of the other."""
    films = [path.stem for path in paths if is_video_name(path)]
    makers: dict[str, list[Path]] = {}
    for file, path in files_and_makers(paths, extra):
        makers.setdefault(file, []).append(path)
    for file, several in makers.items():
        if len(several) > 1:
            raise UsageError(
                f"{some(several)} would all become {file}; predict each into an --out of its own"
            )
        film, _, number = several[0].stem.rpartition("-")
        if film in films and re.fullmatch(r"\d{6,}", number):
            raise UsageError(
                f"{several[0]} has the name of a frame of the video {film}; predict each into an "
                "--out of its own"
            )


def files_and_makers(paths: Sequence[Path], extra: Extra) -> Iterator[tuple[str, Path]]:
    """The names of the files that there may be of each image; of a video of its first frame."""
    ends = [end for several in extra.ends().values() for end in several]
    for path in paths:
        stem = f"{path.stem}-000000" if is_video_name(path) else stem_of(path)
        yield from ((f"{stem}{end}", path) for end in ends)


def existing(names: Sequence[str], folder: Path) -> list[Path]:
    """Those of the files that are in a folder, which is listed once: network drives are slow."""
    if not folder.is_dir():
        return []
    there = {path.name.casefold() for path in folder.iterdir()}  # some systems mind no case
    found = [folder / name for name in names if name.casefold() in there]
    return [path for path in found if path.exists()]


def write_tables(record: Record, extra: Extra) -> None:
    """Write the tables and files of all images of the folder."""
    lines = [record.lines[stem] for stem in sorted(record.lines)]
    if not lines:
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]["row"]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(line["row"] for line in lines)
    write_text(record.out / TABLE, text.getvalue())
    if extra.finding:
        extra.finding.write_shared(record.out, lines)


def refuse(unreadable: Sequence[DataError], images: int, written: int, out: Path) -> NoReturn:
    """Name the images that could not be read."""
    if len(unreadable) > 1:
        for error in unreadable:
            say(f"passed over: {error}")
    raise DataError(
        f"{len(unreadable)} of {amount(images, 'image')} could not be read, the first: "
        f"{unreadable[0]}. Written: {amount(written, 'mask')}{f' to {out}' if written else ''}"
    )
