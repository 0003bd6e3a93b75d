# SPDX-License-Identifier: EUPL-1.2
"""A command ends when it is told, in whatever call it is at that moment."""

import signal
import socket
import threading

import pytest

from lakzegel_office.interrupt import LOOK, interruptible
from lakzegel_office.transfer.formats import _limited


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_no_system_call_was_broken_into_by_is_heard(how):
    """As where it comes just before the call: here another thread takes it."""
    here, there = socket.socketpair()
    waits, heard, late = threading.Event(), threading.Event(), []

    def tell():
        waits.wait()
        signal.pthread_kill(threading.get_ident(), how)
        if not heard.wait(10):
            late.append(how)
            there.send(b".")

    other = threading.Thread(target=tell)
    other.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            _receive(here, waits)
    finally:
        heard.set()
        other.join()
        signal.signal(signal.SIGINT, before)
        here.close()
        there.close()
    assert not late


def _receive(here, waits):
    with interruptible():
        waits.set()
        here.recv(1)


def test_what_was_before_is_after():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)]
    with interruptible():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_limit_of_another_kind_leaves_signals_heard():
    with interruptible():
        with _limited(5):
            pass
        assert signal.getitimer(signal.ITIMER_REAL)[1] == LOOK
