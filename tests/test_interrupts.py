"""The first signal is noted, the second ends the program as it would have without us."""

import os
import signal
import threading

import pytest

from maskwright.interrupts import Interrupts


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_is_noted_first_and_obeyed_the_second_time(number, error, capsys):
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        assert interrupts.caught is None
        os.kill(os.getpid(), number)
        assert interrupts.caught is number
        with pytest.raises(error) as raised:
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before
    assert "stopping after this step; once more to stop at once" in capsys.readouterr().err
    if number is signal.SIGTERM:
        assert raised.value.code == 143


def test_in_another_thread_signals_are_left_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
