"""Plans, scores and what else verbs print as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maskwright.console import alone, amount, console, say
from maskwright.errors import some


def print_plan(plan: Any) -> None:
    """The facts and choices of a ``maskwright.planning.Plan`` on standard error."""
    from rich.table import Table
    from rich.text import Text

    for fact in plan.facts:
        say(fact)
    table = Table("setting", "value", "why", box=None, padding=(0, 2, 0, 0))
    for choice in plan.choices:
        table.add_row(choice.key, Text(choice.shown), Text(choice.reason))
    console().print(table, soft_wrap=False)


def print_scores(scores: dict[str, Any]) -> None:
    """The table of ``evaluate`` on standard error."""
    from rich.table import Table
    from rich.text import Text

    table = Table("class", *COLUMNS, "pixels", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in scores["classes"]:
        values = [_score(row[key]) for key in COLUMNS.values()]
        table.add_row(Text(row["name"]), *values, f"{row['pixels']:,}")
    console().print(table)
    say(
        f"{amount(scores['images'], 'image')} ({scores['split']}): "
        f"{_ranged(scores, 'pixel_accuracy')} of the pixels right, mean IoU "
        f"{_ranged(scores, 'mean_iou')}, mean Dice {_ranged(scores, 'mean_dice')}"
    )
    say(
        f"outlines: boundary IoU {_ranged(scores, 'mean_boundary_iou')}, within "
        f"{scores['tolerance']:g} pixels of each other {_ranged(scores, 'mean_surface_dice')} of "
        "them (surface Dice)"
    )
    if told := outlines_unseen(scores["classes"]):
        say(told)
    if "panoptic_quality" in scores:
        count = scores["objects"]
        small = _too_small(count.get("dropped", 0), scores["least_area"])
        told = (
            f"objects: {count['true']:,} in the masks, {count['predicted']:,} predicted{small}, "
            f"panoptic quality {_ranged(scores, 'panoptic_quality')}"
        )
        if "average_precision_50" in scores:
            told += f", average precision at IoU 0.5 {_ranged(scores, 'average_precision_50')}"
        say(told)
    _say_intervals(scores["interval"])
    commonest = max(scores["classes"], key=lambda row: row["pixels"])
    share = commonest["pixels"] / max(1, sum(row["pixels"] for row in scores["classes"]))
    if scores["pixel_accuracy"] is not None and scores["pixel_accuracy"] <= share:
        say(
            f"that is no better than to say {commonest['name']} everywhere, which gets {share:.3f} "
            "right: the model has learnt little yet; train longer, or look at data and settings"
        )


def outlines_unseen(classes: Sequence[Mapping[str, Any]]) -> str:
    """Of which classes, by their scores, outlines are measured in few of the images that show them;
    empty where of none.

    >>> outlines_unseen([{"name": "pet", "shown": 9, "outlined": 1}])[:53]
    'outlines are measured in few images, of pet in 1 of 9'
    """
    few = [
        f"of {row['name']} in {row['outlined']} of {row['shown']}"
        for row in classes
        if 2 * row.get("outlined", 0) < row.get("shown", 0)
    ]
    if not few:
        return ""
    return (
        f"outlines are measured in few images, {some(few)}: in the others the masks show none, as "
        "where ignored pixels lie between the classes"
    )


def _too_small(dropped: int, least: int) -> str:
    """How many predicted pieces were too small to be objects, in brackets."""
    if not dropped:
        return ""
    return f" ({amount(dropped, 'piece')} of fewer than {least} pixels counted as none)"


def _say_intervals(drawn: dict[str, Any]) -> None:
    """What the numbers in brackets are, or why there are none."""
    count, of = drawn["count"], drawn["of"]
    if count < 2:
        say(f"no intervals: {alone(of)} cannot tell how much the scores of others would differ")
        return
    units = "images" if of == "images" else f"{count} groups of images"
    narrow = f"; {count} are few, so they are too narrow" if drawn["few"] else ""
    say(f"in brackets: 95 % intervals, found by drawing the {units} again and again{narrow}")


# Of the table of scores: a column and the measure in it.
COLUMNS = {
    "IoU": "iou",
    "Dice": "dice",
    "precision": "precision",
    "recall": "recall",
    "boundary IoU": "boundary_iou",
    "HD95 px": "hd95",
}


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _ranged(scores: dict[str, Any], key: str) -> str:
    """A score with its interval in brackets."""
    between = scores["intervals"][key]
    told = f" [{between[0]:.3f}, {between[1]:.3f}]" if between else ""
    return f"{_score(scores[key])}{told}"


def print_pool(result: dict[str, Any]) -> None:
    """What ``pool`` found, on standard error: a row a run, then the scores of all images."""
    from rich.table import Table
    from rich.text import Text

    table = Table("run", "fold", "test images", "mean IoU", "pixels right", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in result["runs"]:
        fold = "–" if row["fold"] is None else str(row["fold"])
        values = [_score(row[key]) for key in ("mean_iou", "pixel_accuracy")]
        table.add_row(Text(row["run"]), fold, f"{row['images']:,}", *values)
    console().print(table)
    print_scores(result)
    say(result["answer"])


def print_comparison(result: dict[str, Any]) -> None:
    """What ``compare`` found, on standard error: a row a measure, the images, the answer."""
    from rich.table import Table
    from rich.text import Text

    say(f"A = {result['first']}\nB = {result['second']}")
    seen = f"{amount(result['images'], 'image')} ({result['split']})"
    table = Table(seen, "A", "B", "B − A", "", box=None)
    for column in table.columns[1:4]:
        column.justify = "right"
    iou = [{**row, "name": f"IoU of {row['name']}"} for row in result["classes"]]
    for row in [*result["measures"], *iou]:
        if row["difference"] is not None:
            told = "the same" if row["same"] else "real" if row["real"] else "may be chance"
            if row["interval"]:
                low, high = row["interval"]
                told = f"[{low:+.3f}, {high:+.3f}] {told}"
            differs = "0.000" if row["same"] else f"{row['difference']:+.3f}"
            values = [_score(row["first"]), _score(row["second"]), differs]
            table.add_row(Text(row["name"]), *values, Text(told))
    console().print(table)
    if result["images_differ"]:
        say("the images whose mean IoU differs most:")
    for one in result["images_differ"]:
        scores = f"{_score(one['first'])} → {_score(one['second'])}"
        say(f"  {one['difference']:+.3f}  {scores}  {one['image']}")
    if result["alone"]:
        say(f"left out: {amount(result['alone'], 'image')} that only one of them was scored on")
    say(result["answer"])


def print_trade(rows: list[tuple[str, float, float, float, float]]) -> None:
    """What int8 costs and gains: name, mean IoU, pixels as the run's, seconds, megabytes."""
    from rich.table import Table

    table = Table("", "mean IoU", "pixels as the run's", "network, ms", "MB", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, score, equal, seconds, size in rows:
        table.add_row(name, f"{score:.4f}", f"{equal:.2%}", f"{1e3 * seconds:.1f}", f"{size:.1f}")
    console().print(table)


def print_info(facts: dict[str, Any]) -> None:
    """What ``maskwright info`` shows, on standard output."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=True)
    for name, value in facts.items():
        items = value.items() if isinstance(value, dict) else [("", value)]
        for number, (key, text) in enumerate(items):
            out.print(f"{name if number == 0 else '':13} {key:22} {text}".rstrip(), markup=False)


def print_settings(values: Mapping[str, Any], meanings: Mapping[str, str]) -> None:
    """What ``maskwright info --settings`` shows, on standard output: a row a setting."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "default", "is", box=None, padding=(0, 2, 0, 0))
    for key, meaning in meanings.items():
        value = values[key]
        table.add_row(
            key, Text(value or "–" if isinstance(value, str) else str(value)), Text(meaning)
        )
    Console(highlight=False).print(table)


def print_encoders(encoders: list[dict[str, Any]]) -> None:
    """What ``maskwright info --encoders`` shows, on standard output."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=True)
    out.print("encoder             parameters  an image of 256×256    ImageNet weights")
    for one in encoders:
        millions = f"{one['parameters'] / 1e6:.1f} M"
        cost = f"{one['multiply_adds'] / 1e9:.2f} G multiply-adds"
        weights = "missing" if one["weights"] else "at hand"
        out.print(f"{one['name']:18} {millions:>10}  {cost:>21}    {weights}")
    if any(one["weights"] for one in encoders):
        out.print("missing: whoever chooses such an encoder is told what to fetch, and to where")
