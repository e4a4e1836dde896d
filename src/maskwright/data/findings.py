"""What is wrong with a dataset: flaws and findings.

A **flaw** is one thing seen in one file; a **finding** is all flaws of one kind (see ``kinds.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.data.kinds import KINDS as KINDS
from maskwright.data.kinds import LOWERS as LOWERS
from maskwright.data.kinds import NOTE as NOTE
from maskwright.data.kinds import SEVERITIES as SEVERITIES
from maskwright.data.kinds import STOPS as STOPS


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong in one file: its kind, the file, and what exactly was seen.

    ``image`` is the image of the pair that the file belongs to, where it belongs to one; ``other``
    a second file that the detail speaks of: of the same name, or with nearly the same picture.
    """

    kind: str
    path: Path
    detail: str
    image: Path | None = None
    other: Path | None = None


@dataclass(frozen=True)
class Finding:
    """All flaws of one kind.

    >>> finding = Finding("empty-file", (Flaw("empty-file", Path("a.png"), "0 bytes"),))
    >>> finding.severity, finding.title, finding.count
    ('stops training', 'empty files (0 bytes)', 1)
    """

    kind: str
    flaws: tuple[Flaw, ...]

    @property
    def severity(self) -> str:
        return KINDS[self.kind].severity

    @property
    def title(self) -> str:
        return KINDS[self.kind].title

    @property
    def remedy(self) -> str:
        return KINDS[self.kind].remedy

    @property
    def count(self) -> int:
        return len(self.flaws)

    def to_dict(self) -> dict[str, Any]:
        """What ``check --json`` prints of it."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "title": self.title,
            "count": self.count,
            "remedy": self.remedy,
            "repair": KINDS[self.kind].repair,
            "files": [{"path": flaw.path.as_posix(), "detail": flaw.detail} for flaw in self.flaws],
        }


def findings_of(flaws: Iterable[Flaw]) -> tuple[Finding, ...]:
    """The flaws gathered by kind, the worst kinds first, else in the order of ``KINDS``."""
    kinds = list(KINDS)
    gathered: dict[str, list[Flaw]] = {}
    for flaw in flaws:
        gathered.setdefault(flaw.kind, []).append(flaw)
    found = [Finding(kind, tuple(ones)) for kind, ones in gathered.items()]
    found.sort(key=lambda one: (SEVERITIES.index(one.severity), kinds.index(one.kind)))
    return tuple(found)
