# SPDX-License-Identifier: EUPL-1.2
"""Chores: each goes on whatever becomes of the others."""

import threading
import time

import pytest

from lakzegel_server import chores as module
from lakzegel_server.chores import Chores

LONG = 3600.0


@pytest.fixture
def chores():
    found = Chores()
    yield found
    found.stop()


def test_a_chore_is_done_at_once_and_again_when_it_is_woken(chores):
    done = threading.Semaphore(0)
    chore = chores.add("count", LONG, done.release)
    chores.start()
    assert done.acquire(timeout=10)
    chore.wake()
    assert done.acquire(timeout=10)


def test_a_chore_that_fails_is_tried_again_and_says_so_until_it_succeeds(chores):
    tried = threading.Semaphore(0)
    failures = [ValueError("secret")]

    def work():
        try:
            if failures:
                raise failures.pop()
        finally:
            tried.release()

    chore = chores.add("fails", 0.001, work)
    chores.start()
    assert tried.acquire(timeout=10)
    assert tried.acquire(timeout=10)
    chores.stop()
    assert chore.failed is None


def test_the_kind_of_a_failure_is_kept_and_not_its_text(chores):
    tried = threading.Event()

    def work():
        tried.set()
        raise ValueError("secret")

    chore = chores.add("fails", LONG, work)
    chores.start()
    assert tried.wait(10)
    chores.stop()
    assert chore.failed == "ValueError"


def test_a_chore_that_hangs_holds_up_no_other(chores):
    hanging, done = threading.Event(), threading.Event()
    chores.add("hangs", LONG, lambda: hanging.wait(20))
    chores.add("works", LONG, done.set)
    chores.start()
    assert done.wait(10)
    hanging.set()


def test_a_chore_that_comes_later_begins_by_itself(chores):
    chores.start()
    done = threading.Event()
    chores.add("later", LONG, done.set)
    assert done.wait(10)
    assert "later" in chores
    with pytest.raises(ValueError, match="already"):
        chores.add("later", LONG, done.set)


def test_work_under_way_is_told_to_end(chores):
    begun, ended = threading.Event(), threading.Event()

    def work():
        begun.set()
        while not chores["long"].stopping:
            pass
        ended.set()

    chores.add("long", LONG, work)
    chores.start()
    assert begun.wait(10)
    chores.stop()
    assert ended.is_set()


def test_chores_that_hang_keep_the_end_waiting_no_longer_than_one(chores, monkeypatch):
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    begun, free = threading.Barrier(7), threading.Event()
    for number in range(6):
        chores.add(f"hangs-{number}", LONG, lambda: (begun.wait(10), free.wait(10)))
    chores.start()
    begun.wait(10)
    began = time.monotonic()
    chores.stop()
    assert time.monotonic() - began < 0.9
    free.set()
