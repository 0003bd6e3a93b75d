# SPDX-License-Identifier: EUPL-1.2
"""A command can be ended at any moment, in order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LOOK: Final = 0.5  # seconds after which a signal is heard at the latest


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: in order, with the home given back and one line.

    Python notes a signal and acts on it at its next instruction. One that comes just before a
    system call would wait as long as the call does, a receiver that says nothing for minutes. So
    a timer breaks into every call twice a second; the call goes on, after Python had its look.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    timed = hasattr(signal, "setitimer")  # not on Windows
    if timed:
        unbroken = signal.signal(signal.SIGALRM, _look)
        signal.setitimer(signal.ITIMER_REAL, LOOK, LOOK)
    try:
        yield
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, unbroken)
        signal.signal(signal.SIGTERM, before)


def _look(_number: int, _frame: object) -> None:
    """Do nothing: that the system call was broken into is enough."""
