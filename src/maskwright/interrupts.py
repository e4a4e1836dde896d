"""Ctrl-C and SIGTERM ask for an end at the next good moment, and a second time for one at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from maskwright.console import say

SAID = "how it goes on is said"  # in a KeyboardInterrupt after which there is nothing to add


class Interrupts:
    """While it is entered, notes the first of these signals in ``caught`` instead of ending.

    In other threads than the main one signals are not ours: there it does nothing.
    """

    def __init__(self) -> None:
        self.caught: signal.Signals | None = None
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def note(self, number: int, frame: FrameType | None) -> None:
        """The first signal is noted; a second ends the program where it stands."""
        if self.caught:
            self.end()
        self.caught = signal.Signals(number)
        say("stopping after this step; once more to stop at once")

    def end(self) -> None:
        """End as the signal would have done."""
        if self.caught is signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt(SAID)
