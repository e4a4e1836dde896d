"""Label Studio: one JSON file of tasks with predictions, to import into a project.

An object of one piece without holes is a polygon, any other a brush stroke. The labels need a
project whose settings have both, see ``settings``; images are named as local files, see ``text``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from maskwright.console import printable
from maskwright.data.ingest.rlepack import pack_runs
from maskwright.data.labels import ClassTable
from maskwright.shapes.coco import categories
from maskwright.shapes.drawing import Drawing, Page, outers
from maskwright.shapes.objects import Object

DECIMALS = 6  # of a percent
LOCAL = "/data/local-files/?d="  # what Label Studio calls a file below its document root


def items(drawing: Drawing) -> list[dict[str, Any]]:
    """A region of each object."""
    return [
        {
            "id": f"object-{one.number}",
            "to_name": "image",
            "original_width": drawing.page.width,
            "original_height": drawing.page.height,
            "image_rotation": 0,
            **region(one, outers(shape), drawing),
        }
        | ({} if one.confidence is None else {"score": round(one.confidence, 4)})
        for one, shape in drawing.pairs()
    ]


def entry(page: Page, regions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A task, as yet with the whole path of its image; its score is the mean of its regions."""
    sure = [one["score"] for one in regions if "score" in one]
    prediction = {"model_version": "maskwright", "result": [*regions]}
    score = {"score": round(fmean(sure), 4)} if sure else {}
    return {"data": {"image": str(page.file.absolute())}, "predictions": [prediction | score]}


def region(one: Object, rings: list[Any] | None, drawing: Drawing) -> dict[str, Any]:
    """The type and the geometry of an object; points are in percent of the image's sides."""
    if rings is not None and len(rings) == 1:
        points = rings[0] * 100 / (drawing.page.width, drawing.page.height)
        value = {"points": points.round(DECIMALS).tolist(), "polygonlabels": [one.name]}
        return {"type": "polygonlabels", "from_name": "polygon", "value": value | {"closed": True}}
    # A pixel is four words: red, green, blue and alpha.
    code = pack_runs([4 * count for count in drawing.runs(one, by_column=False)])
    brush = {"format": "rle", "rle": list(code), "brushlabels": [one.name]}
    return {"type": "brushlabels", "from_name": "brush", "value": brush}


def text(entries: Sequence[dict[str, Any]], table: ClassTable) -> str:
    """The file of all images.

    Their paths begin in the folder above the one that holds all of them: Label Studio shows what is
    in a local storage, and takes none that is its document root.
    """
    files = [Path(one["data"]["image"]) for one in entries]
    root = above(files)
    tasks = [
        dict(one, data={"image": LOCAL + quote(os.fsencode(path))})
        for one, file in zip(entries, files, strict=True)
        for path in [file.relative_to(root or file.parent.parent).as_posix()]
    ]
    return json.dumps(tasks) + "\n"


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
    kinds = [table.labels[index] for index in categories(table)]
    labels = [
        f"<Label value={quoteattr(printable(kind.name))} background={quoteattr(kind.color)}/>"
        for kind in kinds
    ]
    parts = []
    for name, tag in (("polygon", "PolygonLabels"), ("brush", "BrushLabels")):
        parts += [f'<{tag} name="{name}" toName="image">', *labels, f"</{tag}>"]
    return "\n".join(["<View>", '<Image name="image" value="$image"/>', *parts, "</View>"]) + "\n"
