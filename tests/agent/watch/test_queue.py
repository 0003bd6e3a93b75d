# SPDX-License-Identifier: EUPL-1.2
"""The kernel's queue: what was dropped is known. Fails when watchdog changes underneath."""

import logging
import threading
from pathlib import Path

import pytest

from lakzegel_agent.watchqueue import Queue

LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.fixture
def slow(monkeypatch):
    """A queue that nobody reads until `go` is set."""
    go, true = threading.Event(), Queue.read_events

    def read(self, **more):
        assert go.wait(120)
        return true(self, **more)

    monkeypatch.setattr(Queue, "read_events", read)
    yield go
    go.set()


def test_dropped_events_are_noticed_once_a_full_queue(start, tmp_path, hints, slow):
    limit = int(LIMIT.read_text())
    if limit > 100_000:
        pytest.skip(f"{LIMIT}: {limit}, too many files to fill it")
    watcher = start(tmp_path)
    for number in range(limit // 3 + 500):  # created, written, closed: three events each
        (tmp_path / str(number)).write_bytes(b"x")
    assert not hints.lost
    slow.set()
    assert hints.wait(lambda: hints.lost)
    assert hints.lost == 1
    assert not watcher.is_well()
    assert hints.came(bytes(tmp_path))  # those before it


def test_a_queue_that_was_read_in_time_drops_nothing(start, tmp_path, hints):
    watcher = start(tmp_path)
    (tmp_path / "new").write_bytes(b"x")
    assert hints.came(bytes(tmp_path))
    assert not hints.lost
    assert watcher.is_well()


def test_the_end_of_a_large_tree_is_no_overflow(start, tmp_path, hints):
    for number in range(2_000):
        (tmp_path / str(number)).mkdir()
    watcher = start(tmp_path)
    watcher.stop()
    assert not hints.lost


def test_watchdog_names_no_folder_in_a_log():
    assert not logging.getLogger("watchdog").propagate
