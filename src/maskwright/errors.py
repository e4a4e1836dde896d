"""What a user can get wrong, as a small tree.

    MaskwrightError         the job could not be done           exit code 1
    ├── UsageError          an option, recipe, key or verb       exit code 2
    ├── DataError           a folder, an image, a mask, a class table
    ├── RunError            a run folder or its model
    ├── WriteError          a file that could not be written
    └── DownloadError       a file that could not be fetched

Each message says what, where, which value, and what to do, in one line. The command line prints
it after ``error: `` and ends with ``exit_code``; a traceback appears only with ``--debug``.
"""

from __future__ import annotations

import difflib
import errno
import shlex
from collections.abc import Iterable
from pathlib import Path


class MaskwrightError(Exception):
    """Base of all errors that a user can mend."""

    exit_code = 1


class UsageError(MaskwrightError, ValueError):
    """An option, a recipe, a configuration key or its value is wrong."""

    exit_code = 2


class DataError(MaskwrightError, ValueError):
    """A dataset, an image or a mask cannot be used as it is.

    ``kind`` names what is wrong with a single file, in the words of ``data/kinds.py``.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class RunError(MaskwrightError):
    """A run folder is missing, incomplete, or in the way."""


class WriteError(MaskwrightError):
    """A file could not be written whole; what was there before is untouched."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> WriteError:
        """The error for a file that the system refuses to write, with its reason.

        >>> print(WriteError.of(Path("run/log.txt"), OSError(errno.ENOSPC, "No space left")))
        run/log.txt cannot be written (No space left); free some space
        """
        advice = ADVICE.get(error.errno or 0, "mend that, or choose another place")
        return cls(f"{path} cannot be written ({error.strerror or error}); {advice}")


ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for more",
    errno.EACCES: "change its permissions, or choose another place",
    errno.EROFS: "choose a place that is not read-only",
    errno.ENOENT: "its folder is not there: make it, or choose another place",
    errno.EISDIR: "a folder is in its place: move that away",
}


class DownloadError(MaskwrightError, OSError):
    """A file could not be fetched whole."""


def command(*words: object) -> str:
    """What to type: ``maskwright`` and the words, each in quotes where a shell needs them.

    >>> command("train", Path("my cells"))
    "maskwright train 'my cells'"
    """
    return shlex.join(["maskwright", *map(str, words)])


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word most like ``word``, or lists them all.

    >>> nearest("tutorail", ["default", "tutorial"])
    'did you mean tutorial?'
    >>> nearest("x", ["default", "tutorial"])
    'choose from default, tutorial'
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(names)}"


def beside(path: Path, otherwise: str) -> str:
    """A hint that names the file or folder most like one that is not there, else another hint.

    >>> beside(Path(__file__).with_name("error.py"), "check the path").rpartition("/")[2]
    'errors.py?'
    """
    try:
        names = [other.name for other in path.parent.iterdir() if other.name != path.name]
    except OSError:
        return otherwise
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else otherwise


def some(names: Iterable[object], limit: int = 3) -> str:
    """The first few names and how many more there are.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    every = [str(name) for name in names]
    rest = len(every) - limit
    return ", ".join(every[:limit]) + (f" and {rest} more" if rest > 0 else "")
