"""What an artifact knows of itself: all that turns images into masks beside its graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from maskwright.calibration import Calibration
from maskwright.config import ViewConfig, check_values
from maskwright.data.bands import Bands, bands_from_dict
from maskwright.data.labels import ClassTable, from_dict
from maskwright.data.usual import Usual, usual_from
from maskwright.errors import DataError, RunError
from maskwright.texts import parsed_json

FORMAT = 2  # of these facts, and of the names below
IMAGE, VIEW = "image", "view"  # what a graph takes
SQUARE, CHANCES = "square", "chances"  # operations just before the network, and just behind it
KEY = "maskwright"  # under which a file carries them


@dataclass(frozen=True)
class Facts:
    """``takes``: "image", uint8 [B, H, W, C] of any size, or "view", squares as the network sees
    them, ``size`` and twice the ``margin`` a side, that somebody else cuts out.

    ``temperature`` is in the graph already. ``rims`` says that the graph also tells what lies
    inside of objects. ``made``: version, run and digest of what it was made of. ``usual``: what the
    images are like that it was trained on.
    """

    takes: str
    view: ViewConfig
    bands: Bands
    table: ClassTable
    margin: int
    temperature: float
    rims: bool
    calibration: Calibration | None
    made: dict[str, str]
    usual: Usual | None = None

    @property
    def size(self) -> int:
        """Pixels a side of the view, without the margin."""
        return self.view.size

    @property
    def fit(self) -> str:
        """How an image becomes a view: pad, squash or window."""
        return self.view.fit

    def text(self) -> str:
        """The facts as JSON, which reads back."""
        view, known = self.view, self.calibration
        return json.dumps(
            {
                "format": FORMAT,
                "takes": self.takes,
                "view": {
                    "size": view.size, "fit": view.fit, "scale": view.scale,
                    "overlap": view.overlap, "margin": self.margin,
                },
                "bands": self.bands.to_dict(),
                "table": self.table.to_dict(),
                "temperature": self.temperature,
                "rims": self.rims,
                "calibration": known.to_dict() if known else None,
                "made": self.made,
                "usual": self.usual.to_dict() if self.usual else None,
            },
            ensure_ascii=False,
        )  # fmt: skip


def facts_from(text: str, where: object) -> Facts:
    """The facts that the file called ``where`` carries; RunError where they are damaged."""
    try:
        read = parsed_json(text)
        if (version := read["format"]) != FORMAT:
            raise RunError(
                f"{where} carries facts of format {version}, and this version of Maskwright reads "
                f"{FORMAT}; install the version that made it, {made_with(read)}, or export it again"
            )
        known = read["calibration"]
        return Facts(
            takes=checked(read["takes"]),
            view=view_from(read["view"]),
            bands=bands_from_dict(read["bands"], where),
            table=from_dict(read["table"], where),
            margin=within(int(read["view"]["margin"]), "margin", 0, 8192),
            temperature=within(float(read["temperature"]), "temperature", 0.01, 100),
            rims=bool(read["rims"]),
            calibration=Calibration.from_dict(known) if known else None,
            made={str(name): str(value) for name, value in read["made"].items()},
            usual=usual_from(read.get("usual")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, DataError) as error:
        raise RunError(
            f"{where}: what it says of its classes and views is damaged ({error}); export it again"
        ) from None


def view_from(read: Mapping[str, Any]) -> ViewConfig:
    """The view; ValueError where one of its values makes no sense."""
    view = ViewConfig(
        int(read["size"]), str(read["fit"]), float(read["scale"]), float(read["overlap"])
    )
    check_values({f"view.{name}": value for name, value in vars(view).items()})
    return view


Number = TypeVar("Number", int, float)


def within(value: Number, name: str, low: float, high: float) -> Number:
    """A number, if it is within bounds."""
    if not low <= value <= high:
        raise ValueError(f"{name} = {value} is outside {low:g} to {high:g}")
    return value


def checked(takes: str) -> str:
    """What a graph takes, if that is known."""
    if takes not in (IMAGE, VIEW):
        raise ValueError(f"it takes {takes!r}")
    return takes


def made_with(read: Mapping[str, Any]) -> str:
    """The version that made it, as far as it says so."""
    made = read.get("made")
    return str(made.get("version", "a newer one")) if isinstance(made, Mapping) else "a newer one"
