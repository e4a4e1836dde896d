"""Label Studio: one JSON file of tasks with predictions, to import into a project.

See labelstud.io/guide/predictions; corners are in percent of the image's sides. An object of one
piece without holes is a polygon, any other a brush stroke. The labels need a project whose settings
have both, see ``settings``; images are named as local files, see ``text``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from maskwright.console import printable
from maskwright.data.ingest.rlepack import pack_runs
from maskwright.data.labels import ClassTable, Label
from maskwright.shapes.coco import categories
from maskwright.shapes.drawing import Drawing, Page, outers
from maskwright.shapes.objects import Object

DECIMALS = 6  # of a percent
LOCAL = "/data/local-files/?d="  # what Label Studio calls a file below its document root
TAGS = {"polygon": "PolygonLabels", "brush": "BrushLabels"}  # of the labelling interface


def items(drawing: Drawing) -> list[dict[str, Any]]:
    """A region of each object."""
    return [
        region(one, outers(shape), drawing)
        | ({} if one.confidence is None else {"score": round(one.confidence, 4)})
        for one, shape in drawing.pairs()
    ]


def entry(page: Page, regions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A task, as yet with the whole path of its image; its score is the mean of its regions."""
    sure = [one["score"] for one in regions if "score" in one]
    score = round(fmean(sure), 4) if sure else None
    return task({"image": str(page.file.absolute())}, regions, score)


def task(
    data: Mapping[str, Any], regions: Sequence[Mapping[str, Any]], score: float | None
) -> dict[str, Any]:
    """A task with one prediction."""
    prediction = {"model_version": "maskwright", "result": [*regions]}
    known = {} if score is None else {"score": score}
    return {"data": {**data}, "predictions": [prediction | known]}


def region(one: Object, rings: list[Any] | None, drawing: Drawing) -> dict[str, Any]:
    """A polygon, or where there is more than one ring, a brush stroke."""
    ident, size = f"object-{one.number}", (drawing.page.width, drawing.page.height)
    if rings is not None and len(rings) == 1:
        return polygon(ident, rings[0], one.name, size)
    # A pixel is four words: red, green, blue and alpha.
    code = pack_runs([4 * count for count in drawing.runs(one, by_column=False)])
    return _region(ident, "brush", {"format": "rle", "rle": list(code)}, one.name, size)


def polygon(ident: str, ring: np.ndarray, name: str, size: tuple[int, int]) -> dict[str, Any]:
    """A polygon float64 [n, 2] of the label ``name``, in an image of this width and height."""
    points = (ring * 100 / size).round(DECIMALS).tolist()
    return _region(ident, "polygon", {"points": points, "closed": True}, name, size)


def _region(
    ident: str, kind: str, value: dict[str, Any], name: str, size: tuple[int, int]
) -> dict[str, Any]:
    labels = f"{kind}labels"
    return {
        "id": ident,
        "type": labels,
        "from_name": kind,
        "to_name": "image",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": value | {labels: [printable(name)]},
    }


def text(entries: Sequence[dict[str, Any]], table: ClassTable) -> str:
    """The file of all images.

    Their paths begin in the folder above the one that holds all of them: Label Studio shows what is
    in a local storage, and takes none that is its document root.
    """
    files = [Path(one["data"]["image"]) for one in entries]
    root = above(files)
    tasks = [
        dict(one, data={"image": served(path)})
        for one, file in zip(entries, files, strict=True)
        for path in [file.relative_to(root or file.parent.parent).as_posix()]
    ]
    return json.dumps(tasks) + "\n"


def served(path: str) -> str:
    """What Label Studio calls the file of this path from its document root."""
    return LOCAL + quote(os.fsencode(path))


def above(files: Sequence[Path]) -> Path | None:
    """The folder above the one that holds all files; None where no folder does.

    >>> above([Path("/x/cells/1.png"), Path("/x/cells/2.png")]) == Path("/x")
    True
    """
    try:
        return Path(os.path.commonpath([file.parent for file in files])).parent
    except ValueError:  # of no file, or of files on several drives of Windows
        return None


def settings(entries: Sequence[dict[str, Any]], table: ClassTable) -> str:
    """The labelling interface of a project that the file fits, to paste into its settings."""
    return interface([table.labels[index] for index in categories(table)], TAGS)


def interface(labels: Sequence[Label], kinds: Iterable[str]) -> str:
    """A labelling interface with these labels, for regions of these kinds of TAGS.

    Without an XML declaration: Label Studio answers one with an error.
    """
    lines = [
        f"<Label value={quoteattr(printable(one.name))} background={quoteattr(one.color)}/>"
        for one in labels
    ]
    parts = ["<View>", '<Image name="image" value="$image" zoom="true"/>']
    for kind in kinds:
        parts += [f'<{TAGS[kind]} name="{kind}" toName="image">', *lines, f"</{TAGS[kind]}>"]
    return "\n".join([*parts, "</View>"]) + "\n"
