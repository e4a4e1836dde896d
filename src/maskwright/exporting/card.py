"""model-card.md: what an exported model was trained on, is worth, cannot do, and how to call it."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from maskwright.artifacts import Artifact
from maskwright.artifacts.facts import IMAGE
from maskwright.artifacts.parity import Parity
from maskwright.console import amount
from maskwright.data.bands import RGB
from maskwright.data.listing import data_name
from maskwright.runs import Run

HERE = Path(__file__).parent
WINDOWS = (
    "It takes squares: cut the image$larger into squares of $size pixels "
    "that overlap by $overlap of their side, and blend what comes back, with weights that fall "
    "towards a square's border; `maskwright predict` does so, and the lines for Python below do."
)
WHOLE_VIEWS = (
    "It takes squares: $how; what comes back goes the same way back, bilinearly; `maskwright "
    "predict` does so, and the lines for Python below do."
)
IMAGES = (
    "It takes images of any size as they are, and gives masks of that size: the way into the view "
    "($how) and back is inside. A batch holds images of one size."
)
PIXELS = (
    "`uint8_t *pixels` holds red, green and blue of {0}, a row after another, "
    "`size_t height` and `width` its size"
)
INSIDE = (
    "| `inside` | float32 [batch, height, width], the probability of lying inside of an object, "
    "not on its rim; `maskwright predict {0} IMAGES --out masks --objects` parts by it what "
    "touches |\n"
)
OTHER_BANDS = (
    "What follows reads pictures as RGB; this model takes {0} bands, so read yours with as many."
    "\n\n"
)
INT8 = (
    "These are the scores of the run, in float32. What 8 bits cost is measured below; "
    "`maskwright evaluate {0}` scores this file on the same images.\n\n"
)
ROUNDING = (
    "\nIn 8 bits small roundings count: `maskwright predict` cuts out the squares itself, in whole "
    "numbers, and some pixels in a thousand get another class than from the file by itself. Both "
    "are within the limits.\n"
)
WAYS = {
    "pad": "the image scaled to fit into $size × $size pixels, mirrored at its border",
    "squash": "the image scaled to $size × $size pixels",
    "window": "",
}


def card(run: Run, artifact: Artifact, parity: Parity) -> str:
    """The card as Markdown."""
    facts, view = artifact.facts, artifact.facts.view
    known = {
        "size": view.size + 2 * facts.margin,
        "larger": "" if view.scale == 1 else f", made {view.scale:g} times as large,",
        "overlap": f"{view.overlap:.0%}",
    }  # fmt: skip
    known["how"] = Template(WAYS[view.fit]).substitute(known)
    takes = IMAGES if facts.takes == IMAGE else WINDOWS if view.fit == "window" else WHOLE_VIEWS
    template = Template((HERE / "card.md").read_text("utf-8"))
    int8 = "int8" in facts.made
    counts = {split: len(run.dataset.of(split)) for split in ("train", "val", "test")}
    return template.substitute(
        name=run.path.name,
        file=artifact.path.name,
        version=facts.made["version"],
        sha256=facts.made["sha256"],
        kind=" in 8 bits (int8)" if int8 else "",
        whose=INT8.format(artifact.path.name) if int8 and scores_of(run) else "",
        rounding=ROUNDING if int8 and facts.takes == IMAGE else "",
        takes=Template(takes).substitute(known),
        data=data_name(run.dataset.root),
        train=counts["train"], val=counts["val"], test=counts["test"],
        classes="\n".join(f"| {k} | {run.table.stored[k]} | {one.name} | {one.color} |"
                          for k, one in enumerate(run.table.labels)),
        scores=scores(run),
        parity=parity.in_words(),
        sizes=", ".join(parity.sizes),
        bands=facts.bands.count,
        inside=INSIDE.format(artifact.path.name) if facts.rims else "",
        calls=calls(artifact),
    )  # fmt: skip


def calls(artifact: Artifact) -> str:
    """How to call it, in several languages; in Python with the way into squares and back."""
    facts, view, folder = artifact.facts, artifact.facts.view, HERE / "calls"
    whole = facts.takes == IMAGE
    side = view.size + 2 * facts.margin
    way = (folder / "ways" / f"{'image' if whole else view.fit}.md").read_text("utf-8")
    known = {
        "WAY": way,
        "NEEDS": " opencv-python-headless" if "cv2" in way else "",
        "IMPORT": "import cv2\n" if "cv2" in way else "",
        "PIXELS": PIXELS.format("an image" if whole else f"a square of {side} pixels"),
        "PHOTO": "photo.jpg" if whole else "square.png",
        "FILE": artifact.path.name,
        "SIZE": str(view.size), "MARGIN": str(facts.margin), "CLASSES": str(len(facts.table)),
        "STEP": str(max(1, view.size - int(view.overlap * view.size))),
        "SCALE": f"{view.scale:g}",
    }  # fmt: skip
    text = (folder / f"{artifact.path.suffix[1:] or 'saved_model'}.md").read_text("utf-8")
    for token, value in known.items():
        text = text.replace(token, value)
    bands = facts.bands.count
    return text if bands == RGB.count else OTHER_BANDS.format(bands) + text


def scores(run: Run) -> str:
    """The scores of the test images, a row a class, or a word that there are none."""
    found = scores_of(run)
    if found is None:
        return (
            f"Not measured yet: `maskwright evaluate {run.path.name}`, remove this folder, and "
            "export again."
        )
    rows = [f"| all | {measured(found, 'mean_iou')} | {measured(found, 'mean_boundary_iou')} |"]
    rows += [
        f"| {one['name']} | {measured(one, 'iou')} | {measured(one, 'boundary_iou')} |"
        for one in found["classes"]
    ]
    drawn = found["interval"]
    of = "" if drawn["of"] == "images" else f" of {amount(drawn['count'], 'group')}"
    beyond = "in brackets where 95 % of other sets of such images would lie"
    if drawn["count"] < 2:
        beyond = "how much the scores of others would differ cannot be told from so few"
    elif drawn["few"]:
        beyond += f", too narrow for want of more {drawn['of']}"
    images = amount(found["images"], f"{found['split']} image")
    return (
        f"{images}{of}, all pixels at their own size; {beyond}.\n\n"
        "| class | IoU | boundary IoU |\n|---|---|---|\n" + "\n".join(rows)
    )


def scores_of(run: Run) -> dict[str, Any] | None:
    """The scores of the run that stand for it, None where it has none."""
    return run.evaluation("test") or run.evaluation("val")


def measured(scores: dict[str, Any], name: str) -> str:
    """A score and its interval, a dash where it is unknown.

    >>> measured({"iou": 0.81234, "intervals": {"iou": [0.79, 0.83]}}, "iou")
    '0.812 (0.790 to 0.830)'
    """
    value, interval = scores.get(name), (scores.get("intervals") or {}).get(name)
    if value is None:
        return "–"
    if not interval or None in interval:
        return f"{value:.3f}"
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"
