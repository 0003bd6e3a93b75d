# SPDX-License-Identifier: EUPL-1.2
"""The one thread that writes the log goes on whatever becomes of those who wait for it."""

import threading
from concurrent.futures import Future

import pytest

from lakzegel_server import counter
from lakzegel_server.errors import BusyError
from lakzegel_server.sequencer import Sequencer


class Log:
    """A log that takes everything, as fast as a test lets it."""

    def __init__(self):
        self.entries, self.failures = [], []
        self.begun, self.free, self.tidied = (threading.Event() for _ in range(3))
        self.free.set()

    def append(self, wanted):
        self.begun.set()
        assert self.free.wait(10)
        first = len(self.entries)
        self.entries += wanted
        return list(range(first, len(self.entries)))

    def refresh(self):
        if self.failures:
            raise self.failures.pop()
        self.tidied.set()

    def settle(self):
        pass


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def sequencer(log):
    made = Sequencer(log)
    made.start()
    yield made
    log.free.set()
    made.stop()


def test_whoever_stops_waiting_takes_nobody_elses_answer_away(log, sequencer):
    log.free.clear()
    gone = sequencer.submit(b"gone")
    assert log.begun.wait(10)
    also_gone, waiting = sequencer.submit(b"also gone"), sequencer.submit(b"waiting")
    assert isinstance(gone, Future)
    gone.cancel()  # as asyncio does with what a cancelled request waits for
    also_gone.cancel()
    log.free.set()
    assert waiting.result(10) >= 1
    assert sequencer.submit(b"later").result(10) >= 2


def test_a_failure_that_nobody_foresaw_does_not_end_it(log, sequencer):
    log.failures.append(RuntimeError("a library's own"))
    assert log.tidied.wait(10)
    assert sequencer.submit(b"later").result(10) == 0


def test_whoever_comes_after_the_end_is_turned_away_and_does_not_wait(sequencer):
    sequencer.stop()
    with pytest.raises(BusyError, match="ending"):
        sequencer.submit(b"late").result(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_ends_the_thread_itself_leaves_nobody_waiting(log, sequencer):
    log.free.clear()
    first = sequencer.submit(b"first")
    assert log.begun.wait(10)
    second = sequencer.submit(b"second")
    log.append = lambda _: (_ for _ in ()).throw(SystemExit)
    log.free.set()
    assert first.result(10) == 0
    with pytest.raises(BusyError):
        second.result(10)
    with pytest.raises(BusyError):
        sequencer.submit(b"third").result(10)


def test_a_note_that_fails_as_nobody_foresaw_does_not_end_the_counter(tmp_path, kit, monkeypatch):
    office = kit.Office()
    with kit.world_at(tmp_path / "data") as world:
        known, failures = counter.note_kind, [RuntimeError("a fault of ours")]

        def fail_once(data):
            if failures:
                raise failures.pop()
            return known(data)

        monkeypatch.setattr(counter, "note_kind", fail_once)
        monkeypatch.setattr(counter, "PATIENCE", 10.0)
        first, second = (counter.hand_over(world.layout, office.delegation()) for _ in range(2))
        assert (first.index, first.code, first.refused) == (None, "internal", False)
        assert second.refused
