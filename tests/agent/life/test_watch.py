# SPDX-License-Identifier: EUPL-1.2
"""Hints, times and locks: what wakes an agent, and what keeps two apart."""

import threading
import time

import pytest

from lakzegel_agent import watch
from lakzegel_agent.daemon import Wake
from lakzegel_agent.errors import UsageError
from lakzegel_agent.home import Home
from lakzegel_agent.problems import Problems
from lakzegel_agent.schedule import Timetable
from lakzegel_agent.watch import Watcher


class Hints:
    def __init__(self):
        self.roots = []
        self.came = threading.Event()

    def __call__(self, root):
        self.roots.append(root)
        self.came.set()


@pytest.fixture
def hints():
    return Hints()


@pytest.fixture
def watcher(tmp_path, hints):
    found = Watcher.start([bytes(tmp_path)], hints)
    yield found
    found.stop()


def test_a_new_file_is_a_hint(watcher, tmp_path, hints):
    (tmp_path / "new").write_bytes(b"x")
    assert hints.came.wait(10)
    assert set(hints.roots) == {bytes(tmp_path)}
    assert watcher.is_well()
    assert not watcher.blind


def test_a_file_in_a_new_folder_is_a_hint(watcher, tmp_path, hints):
    (tmp_path / "folder").mkdir()
    assert hints.came.wait(10)
    hints.came.clear()
    end = time.monotonic() + 10
    number = 0
    while not hints.came.wait(0.1):  # the folder's own watch comes a moment after the folder
        assert time.monotonic() < end
        number += 1
        (tmp_path / "folder" / str(number)).write_bytes(b"x")


def test_reading_a_file_is_no_hint(tmp_path, hints):
    path = tmp_path / "old"
    path.write_bytes(b"x")
    found = Watcher.start([bytes(tmp_path)], hints)
    path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
    assert not hints.came.wait(0.5)  # nothing can be awaited that must not come
    path.write_bytes(b"y")
    assert hints.came.wait(10)
    found.stop()


def test_where_watches_run_out_there_are_no_hints_and_that_is_known(tmp_path, hints, monkeypatch):
    class Full(watch.Observer):
        def start(self):
            raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watch, "Observer", Full)
    found = Watcher.start([bytes(tmp_path)], hints)
    assert found.blind == {bytes(tmp_path)}
    assert found.is_well()
    found.stop()


def test_a_folder_that_is_not_there_is_not_watched(tmp_path, hints):
    found = Watcher.start([bytes(tmp_path / "none")], hints)
    assert found.blind == {bytes(tmp_path / "none")}
    found.stop()


def test_the_first_waking_is_for_everything_and_later_ones_for_what_changed():
    wake = Wake(threading.Event())
    assert wake.take() is None
    wake.root(b"/a")
    wake.root(b"/b")
    assert wake.take() == {b"/a", b"/b"}
    wake.root(b"/a")
    wake.all()
    assert wake.take() is None
    assert wake.take() == set()


def test_a_hint_ends_the_wait():
    wake = Wake(threading.Event())
    wake.take()
    done = threading.Event()

    def wait():
        wake.wait()
        done.set()

    threading.Thread(target=wait).start()
    wake.root(b"/a")
    assert done.wait(10)


def test_the_end_ends_the_wait_and_the_settling():
    stop = threading.Event()
    wake = Wake(stop)
    wake.take()
    stop.set()
    started = time.monotonic()
    wake.wait()
    wake.settle(60.0)
    assert time.monotonic() - started < 5


def test_settling_waits_until_hints_stop():
    wake = Wake(threading.Event())
    wake.root(b"/a")
    started = time.monotonic()
    wake.settle(0.3)
    assert time.monotonic() - started >= 0.25


def test_what_is_due_is_called():
    called = threading.Event()
    timetable = Timetable()
    timetable.every(0.05, called.set)
    timetable.start()
    assert called.wait(10)
    timetable.stop()


def test_a_home_is_held_by_one(tmp_path):
    home = Home(tmp_path / "home")
    assert not home.is_locked()
    with home.exclusive():
        assert home.is_locked()
        with pytest.raises(UsageError, match="another agent is at work here"), home.exclusive():
            pass
    assert not home.is_locked()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_what_others_could_open_is_found(tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    (home.keys / "header-0").write_bytes(b"x")
    (home.keys / "header-0").chmod(0o640)
    assert home.open_to_others() == [home.keys / "header-0"]


def test_a_problem_keeps_when_it_began_and_is_kept(device):
    problems = device.problems
    assert problems.add(device.ledger, "polling", "1 of 2")
    began = problems.listed()[0].since
    assert not problems.add(device.ledger, "polling", "2 of 2\n")
    again = Problems(device.clock)
    again.load(device.ledger)
    (found,) = again.listed()
    assert (found.code, found.since, found.detail) == ("polling", began, "2 of 2?")
    again.clear(device.ledger, "polling")
    assert again.listed() == []
