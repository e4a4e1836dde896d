"""The first signal is noted, the second ends the program as it would have without us."""

import signal
import subprocess
import sys
import threading

import pytest

from maskwright.interrupts import Interrupts

TWICE = """
import os, signal, sys
from maskwright.interrupts import Interrupts

number = signal.Signals(int(sys.argv[1]))
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, also in the background
before = signal.getsignal(number)
try:
    with Interrupts() as interrupts:
        assert interrupts.caught is None
        os.kill(os.getpid(), number)
        assert interrupts.caught is number
        os.kill(os.getpid(), number)
        print("not obeyed")
except (KeyboardInterrupt, SystemExit) as error:
    assert signal.getsignal(number) is before
    print(type(error).__name__, getattr(error, "code", None))
"""


@pytest.mark.parametrize(
    ("number", "end"),
    [(signal.SIGINT, "KeyboardInterrupt None"), (signal.SIGTERM, "SystemExit 143")],
)
def test_a_signal_is_noted_first_and_obeyed_the_second_time(number, end):
    """In a process of its own: where libraries have threads, a signal may come late to ours."""
    words = [sys.executable, "-c", TWICE, str(int(number))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, end), done.stderr
    assert "stopping after this step; once more to stop at once" in done.stderr


def test_in_another_thread_signals_are_left_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
