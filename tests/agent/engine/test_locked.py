# SPDX-License-Identifier: EUPL-1.2
"""A file that another program keeps to itself has its line, and is taken once it is let go."""

import contextlib
import errno
import fcntl
import os
import signal

import pytest

from lakzegel_agent.sealing.jobs import Stat
from lakzegel_agent.sealing.reading import MissedError, opened, read_file


@pytest.fixture
def held():
    """Hold a file as its only user: a lease, which another's opening asks to be given up."""

    @contextlib.contextmanager
    def hold(path):
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)
        descriptor = os.open(path, os.O_RDWR)
        try:
            try:
                fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            except OSError:
                pytest.skip("this file system has no leases")
            yield
        finally:
            os.close(descriptor)
            signal.signal(signal.SIGIO, before)

    return hold


def test_a_file_that_another_program_holds_is_locked_and_captured_later(engine, held):
    engine.write("open.pst", b"!BDN")
    engine.write("los", b"1")
    with held(engine.root / "open.pst"):
        engine.capture()
    assert engine.ledger.counts().reasons == {"locked": 1}
    [said] = engine.archive().observations("failed")
    assert (said["reason"], said["files"]) == ("locked", [{"path": "open.pst"}])
    engine.capture()
    assert engine.archive().latest() == {b"open.pst": b"!BDN", b"los": b"1"}
    counts = engine.ledger.counts()
    assert (counts.sealed, counts.excluded, counts.failed) == (2, 0, 0)


class SharingViolationError(OSError):
    """What a system says that has no error number for it."""

    winerror = 32


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.EBUSY, ""), "locked"),
        (OSError(errno.ETXTBSY, ""), "locked"),
        (SharingViolationError(errno.EACCES, ""), "locked"),
        (OSError(errno.EACCES, ""), "unreadable"),
        (OSError(errno.EIO, ""), "unreadable"),
        (OSError(errno.ENOENT, ""), "vanished"),
    ],
)
def test_why_a_file_cannot_be_opened_is_what_the_system_says(tmp_path, monkeypatch, error, why):
    path = tmp_path / "a"
    path.write_bytes(b"1")
    told = Stat.of(path.stat())

    def refuse(*_):
        raise error

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(MissedError) as missed:
        read_file(os.fsencode(path), told, lenient=False, most=9)
    assert missed.value.why == why
    with pytest.raises(MissedError) as missed, opened(os.fsencode(path), told, lenient=False):
        pass
    assert missed.value.why == why
