# SPDX-License-Identifier: EUPL-1.2
"""Hints that can be awaited."""

import importlib.util
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest


class Hints:
    """What a watcher said: roots below which something changed, and that events were dropped."""

    def __init__(self):
        self.roots = []
        self.paths = []  # that were named, None where none was
        self.lost = 0
        self._came = threading.Condition()

    def hint(self, root, paths):
        with self._came:
            self.roots.append(root)
            self.paths += [None] if paths is None else paths
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
            self.paths.clear()


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


def _whole():
    """The fixtures of tests/path: a custody of real processes."""
    path = Path(__file__).parents[2] / "path" / "conftest.py"
    spec = importlib.util.spec_from_file_location("custody_of_the_path", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_path = _whole()
enrolled, template, world, ready = _path.enrolled, _path.template, _path.world, _path.ready


@pytest.fixture
def run_agent(ready):
    """Starts the daemon of `ready`; it is told to end at the end."""
    started = []

    def go(*before):
        command = _path.command("agent", "run", "--config", ready.config)
        started.append(subprocess.Popen([*before, *command], stderr=subprocess.DEVNULL))
        return started[-1]

    yield go
    for process in started:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(30)
