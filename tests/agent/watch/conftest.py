# SPDX-License-Identifier: EUPL-1.2
"""Hints that can be awaited."""

import threading
import time

import pytest


class Hints:
    """What a watcher said: roots below which something changed, and that events were dropped."""

    def __init__(self):
        self.roots = []
        self.lost = 0
        self._came = threading.Condition()

    def hint(self, root):
        with self._came:
            self.roots.append(root)
            self._came.notify_all()

    def drop(self):
        with self._came:
            self.lost += 1
            self._came.notify_all()

    def wait(self, what, seconds=20):
        """Whether ``what`` came true within that time."""
        with self._came:
            return self._came.wait_for(what, seconds)

    def came(self, root, seconds=20):
        return self.wait(lambda: root in self.roots, seconds)

    def forget(self):
        with self._came:
            self.roots.clear()


@pytest.fixture
def hints():
    return Hints()


@pytest.fixture
def start(hints):
    """Starts watchers, and stops them at the end."""
    from lakzegel_agent.watch import Watcher  # noqa: PLC0415

    started = []

    def go(*roots, mounts=()):
        watcher = Watcher.start(
            map(bytes, roots), hint=hints.hint, lost=hints.drop, mounts=tuple(mounts)
        )
        started.append(watcher)
        return watcher

    yield go
    for watcher in started:
        watcher.stop()


def until(true, seconds=20):
    """Wait for something in another thread or process that cannot be awaited."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
