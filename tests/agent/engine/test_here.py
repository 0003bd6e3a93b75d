# SPDX-License-Identifier: EUPL-1.2
"""A small job is done in the agent itself where that was said to be safe, and comes to the same."""

import errno
import os

import pytest

from lakzegel_agent import durable
from lakzegel_agent.errors import SpoolFullError
from lakzegel_agent.readers.maildir import MaildirReader
from lakzegel_agent.sealing.here import MOST, is_small
from lakzegel_agent.sealing.jobs import Cut, FileUnit, Job, Stat
from lakzegel_agent.sealing.surveys import ConversationUnit, Survey


@pytest.fixture
def here(engine):
    engine.pool.prefer_here(safe=True)
    return engine


def parts(engine):
    return [path.name for path in (engine.home / "spool").iterdir() if "part" in path.name]


def test_a_small_file_is_sealed_without_another_process(here):
    here.write("a", b"one")
    assert here.capture().sealed == 1
    assert here.pool.pids() == ()
    here.write("a", b"two")
    here.write("b", b"three")
    assert here.capture().sealed == 2
    assert here.archive().versions() == {b"a": [b"one", b"two"], b"b": [b"three"]}
    assert here.pool.pids() == ()


def test_a_large_file_is_sealed_by_another_process(here):
    here.use(batch_limit=4 * MOST)
    here.write("groot", os.urandom(MOST))
    here.capture()
    assert len(here.pool.pids()) == 1
    here.write("klein", b"and what is small goes the same way then")
    here.capture()
    assert len(here.archive().latest()) == 2


def test_by_itself_nothing_is_done_here(engine):
    engine.write("a", b"one")
    engine.capture()
    assert engine.pool.pids()


def test_what_is_remembered_of_one_epoch_is_not_taken_for_another(here):
    here.write("a", b"one")
    here.capture()
    here.enrolment = bytes(31) + b"1"
    here.ledger.begin_epoch(1, here.enrolment)
    here.use(epoch=1, header_key=here.header_key(1))
    here.write("b", b"two")
    here.capture()
    assert here.archive().latest() == {b"a": b"one", b"b": b"two"}


def test_a_fault_of_a_reader_costs_that_file_alone(here, monkeypatch):
    def cut(self, path, view):
        if b"bad" in path:
            raise RuntimeError("a fault of ours")
        return iter((view.size,))

    monkeypatch.setattr(MaildirReader, "cut", cut)
    here.watch(reader="maildir")
    for name in ("cur/1", "cur/bad", "cur/3"):
        here.write(name, name.encode())
    here.capture()
    assert here.archive().latest() == {b"cur/1": b"cur/1", b"cur/3": b"cur/3"}
    assert here.ledger.counts().reasons == {"unsealable": 1}
    assert parts(here) == []


def test_a_disk_that_is_full_leaves_nothing_behind(here, monkeypatch):
    def refuse(descriptor, data):
        raise OSError(errno.ENOSPC, "no space")

    here.write("a", b"one")
    with monkeypatch.context() as full:
        full.setattr(durable, "write_all", refuse)
        with pytest.raises(SpoolFullError):
            here.capture()
    assert parts(here) == []
    assert here.capture().sealed == 1
    assert here.archive().latest() == {b"a": b"one"}


def test_what_was_done_and_not_heard_is_left_in_no_spool(here, monkeypatch):
    heard = here.pool.hear

    def stop(timeout):
        here.stop.set()
        raise KeyboardInterrupt

    here.write("a", b"one")
    monkeypatch.setattr(here.pool, "hear", stop)
    with pytest.raises(KeyboardInterrupt):
        here.capture()
    assert parts(here) == []
    monkeypatch.setattr(here.pool, "hear", heard)
    here.stop.clear()
    assert here.capture().sealed == 1
    assert here.archive().latest() == {b"a": b"one"}


def test_at_rest_it_gives_everything_back_and_can_go_on(here):
    here.write("a", b"one")
    here.capture()
    here.pool.rest()
    here.write("b", b"two")
    assert here.capture().sealed == 1
    assert here.archive().latest() == {b"a": b"one", b"b": b"two"}


def test_neither_a_chat_store_nor_a_file_that_is_read_whole_for_its_seams_is_small():
    told = Stat(10, 0, 0, 0, 0)
    small = FileUnit(0, b"a", bytes(16), told, None, False, False, False)
    large = small._replace(stat=told._replace(size=MOST))
    talk = ConversationUnit(0, b"s", "k", b"p", bytes(16), None, False, 0, 10, 1)

    def job(*units):
        return Job(0, "t", "2026-11-24T02:00:00Z", 2**20, units)

    assert is_small(job(small, small))
    assert is_small(job())
    assert not is_small(job(small, large))
    assert not is_small(job(small, talk))
    assert not is_small(Survey(0, 0, b"s"))
    assert not is_small(Cut(0, 0, b"a", told, b"", False, False))
