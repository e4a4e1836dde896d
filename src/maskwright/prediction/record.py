"""What is known of the predicted images of a folder: a line each, for its tables and --resume."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from maskwright.errors import UsageError, WriteError
from maskwright.files import write_text
from maskwright.prediction.inputs import Picture, is_video_name

NAME = ".predictions.jsonl"
VERSION = 4  # of a line; before, places without data had a class, and no column


class Record:
    """The lines of a folder, by the stems of their files, and where the next ones are added.

    ``made`` says by what they are made: lines of one folder are made by the same.
    """

    def __init__(self, out: Path, made: Mapping[str, Any]) -> None:
        self.out, self.made = out, {"version": VERSION, **made}
        self.lines: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self.file: IO[str] | None = None

    @property
    def path(self) -> Path:
        return self.out / NAME

    def read(self) -> None:
        """The lines that are there; a last one that is torn does not count.

        Raises UsageError where they were made by something else.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1].splitlines()
            made, *lines = [json.loads(line) for line in whole] or [None]
            self.lines = {line["stem"]: line for line in lines if line["file"] and line["mask"]}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UsageError(
                f"{self.path} is damaged ({error}), by which predictions go on; choose another "
                "--out"
            ) from None
        if made != json.loads(json.dumps(self.made)):
            raise UsageError(
                f"{self.out} holds predictions that differ in {_difference(made, self.made)}; "
                "go on with the same, or choose another --out"
            )

    def refuse_others(self, inputs: Sequence[Path]) -> None:
        """Raise UsageError for an image or a video whose files are those of another of its name."""
        for path in inputs:
            line = self.lines.get(f"{path.stem}-000000" if is_video_name(path) else path.stem)
            if line and line["file"][0] != os.path.relpath(path, self.out):
                raise UsageError(
                    f"{path} would become what {self.out / line['mask']} is there already, of "
                    f"{line['file'][0]}; choose another --out"
                )

    def __enter__(self) -> Record:
        """Open the file for further lines, those that are known at its beginning."""
        lines = [json.dumps(line) + "\n" for line in (self.made, *self.lines.values())]
        write_text(self.path, "".join(lines))  # whole or not at all: what was known stays known
        try:
            self.file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise WriteError.of(self.path, error) from error
        return self

    def __exit__(self, *error: object) -> None:
        if self.file:
            self.file.close()

    def has(self, picture: Picture) -> bool:
        """Whether the image was predicted, as it is now, and its mask is there.

        Of standard input nobody knows whether it is the same again.
        """
        line = self.lines.get(picture.stem)
        if not line or not picture.source or line["file"] != _state(picture, self.out):
            return False
        return bool((self.out / line["mask"]).exists())

    def add(self, picture: Picture, line: Mapping[str, Any]) -> None:
        """Note an image, all of whose files are written; of any thread."""
        known = {"stem": picture.stem, "file": _state(picture, self.out), **line}
        with self.lock:
            self.lines[picture.stem] = known
            if self.file:
                try:
                    self.file.write(json.dumps(known) + "\n")
                    self.file.flush()
                except OSError as error:
                    raise WriteError.of(self.path, error) from error


def _state(picture: Picture, out: Path) -> list[Any]:
    """What tells whether an image is still the same: where its file is, its size and its date."""
    if picture.source is None:
        return [picture.name]
    found = picture.source.stat()
    return [os.path.relpath(picture.source, out), found.st_size, found.st_mtime_ns]


def _difference(made: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """The first thing that two ways differ in, and how."""
    for key, value in now.items():
        if made is None or made.get(key) != value:
            before = made.get(key) if made else None
            if key == "decision":
                return "decision (thresholds, recalls, or what is left open)"
            return f"{key} ({_words(before)} there, {_words(value)} here)"
    return "kind"


def _words(value: Any) -> str:
    """A value of the record for people.

    >>> _words(["mask", "svg"]), _words([]), _words(None)
    ('mask and svg', 'none', 'none')
    """
    if isinstance(value, list):
        *rest, last = [str(one) for one in value] or ["none"]
        return f"{', '.join(rest)} and {last}" if rest else last
    return str(value or "none")
