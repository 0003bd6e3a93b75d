# SPDX-License-Identifier: EUPL-1.2
"""Who waits for whom at one log: for a signature that takes long, for another process's turn."""

import fcntl
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.errors import RootMismatchError
from lakzegel_server import logturn
from lakzegel_server.errors import BusyError
from lakzegel_server.index.turns import FileTurns
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import create, load_signer
from lakzegel_server.logstate import LogState
from lakzegel_server.logturn import LogTurn


@pytest.fixture
def slow(world, monkeypatch):
    """A receiver whose next signature waits for us; gives when it began, and how to end it."""
    begun, may_end = threading.Event(), threading.Event()
    signing = world.desk.log._signing
    sign = signing.sign

    def wait(checkpoint):
        begun.set()
        assert may_end.wait(20)
        return sign(checkpoint)

    monkeypatch.setattr(signing, "sign", wait)
    yield begun, may_end
    may_end.set()


def publish(world):
    policy = world.office.policy_note(7, "group:x")
    return threading.Thread(target=world.as_("admin"), args=("POST", "/v1/notes", policy))


def test_what_was_shown_is_handed_out_while_a_token_signs(world, slow):
    begun, may_end = slow
    size = world.client.checkpoint().checkpoint.size
    sealing = publish(world)
    sealing.start()
    assert begun.wait(20)
    assert world.client.checkpoint().checkpoint.size == size
    with world.desk.log.looking() as custody:
        assert custody.size == size + 1
    assert world.desk.log.edge().size == size + 1
    may_end.set()
    sealing.join()
    assert world.client.checkpoint().checkpoint.size == size + 1


def test_whoever_has_to_know_what_is_shown_waits_a_while_and_no_longer(world, slow, monkeypatch):
    begun, may_end = slow
    monkeypatch.setattr(logturn, "PATIENCE", 0.05)
    sealing = publish(world)
    sealing.start()
    assert begun.wait(20)
    with pytest.raises(BusyError), world.desk.log.reading():
        pass
    monkeypatch.setattr(logturn, "PATIENCE", 20.0)
    ending = threading.Thread(target=lambda: (time.sleep(0.05), may_end.set()))
    ending.start()
    with world.desk.log.reading() as (custody, shown):
        assert custody.size == shown.checkpoint.size
    ending.join()
    sealing.join()


def test_whoever_changes_the_view_waits_for_a_signature_and_whoever_looks_does_not(tmp_path):
    turn, entered = LogTurn(FileTurns(tmp_path / "lock")), threading.Event()

    def change():
        with turn.among_threads():
            entered.set()

    with turn.among_all(), turn.signing():
        changing = threading.Thread(target=change)
        changing.start()
        with turn.looking():
            assert turn.is_signing
        assert not entered.wait(0.05)
    assert entered.wait(20)
    changing.join()


def test_of_the_threads_of_one_process_one_at_a_time_asks_for_the_turn_among_all():
    asked, done = [], threading.Event()

    class Counted:
        @contextmanager
        def turn(self):
            asked.append(threading.current_thread())
            yield

    def change():
        with turn.among_all():
            done.set()

    turn = LogTurn(Counted())
    with turn.among_all():
        changing = threading.Thread(target=change)
        changing.start()
        assert not done.wait(0.05)
        assert asked == [threading.current_thread()]
    changing.join()
    assert asked[1:] == [changing]


@pytest.fixture
def two(kit, tmp_path):
    """Two processes' views of one log, and the office that it may begin with."""
    signer = create(tmp_path / "data", kit.ORIGIN, os.urandom(64))
    layout = Layout(tmp_path / "data")
    made = [LogState.open(layout, signer, clock=lambda: kit.NOW) for _ in range(2)]
    yield layout, *made, kit.Office()
    for state in made:
        state.close()


def test_what_another_process_showed_is_shown_while_a_third_has_its_turn_and_threads_wait(two):
    layout, one, other, office = two
    assert other.append([office.delegation()]) == [0]
    with layout.lock.open("a") as lock, ThreadPoolExecutor(1) as pool:
        with one._turn._queue:  # as a thread that waits for its turn
            fcntl.flock(lock, fcntl.LOCK_EX)
            refreshing = pool.submit(one.refresh)
            try:
                refreshing.result(timeout=10)
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)
        assert one.shown.data == other.shown.data


def test_a_tree_is_told_before_it_is_shown_and_after_and_is_not_shown_when_the_first_fails(two):
    _, one, other, office = two
    told, full = [], [OSError("no room")]

    def before(checkpoint):
        if full:
            raise full.pop()
        told.append((checkpoint.size, one.shown.checkpoint.size))

    one.before_shown(before)
    one.when_shown(lambda: told.append(one.shown.checkpoint.size))
    with pytest.raises(OSError, match="no room"):
        one.append([office.delegation()])
    assert one.shown.checkpoint.size == 0
    one.refresh()
    assert told == [(1, 0), 1]
    other.refresh()
    assert other.shown.data == one.shown.data


def test_what_is_taken_over_is_durable_and_shown_only_by_a_checkpoint_of_that_very_tree(two):
    layout, one, other, office = two
    one.take_over([office.delegation()])
    assert one._database.pending_start() is None
    assert one.shown.checkpoint.size == 0
    signer, tree = load_signer(layout), Checkpoint(one.origin, 1, one.edge().root())
    wrong, right = (
        sign_checkpoint(of, signer.ed25519, signer.mldsa, now=1)
        for of in (replace(tree, root=bytes(32)), tree)
    )
    with pytest.raises(RootMismatchError):
        one.show_as(wrong)
    assert one.shown.checkpoint.size == 0
    one.show_as(right)
    other.refresh()
    assert one.shown.data == other.shown.data == right


def test_whoever_decides_or_appends_knows_what_another_process_appended(two):
    _, one, other, office = two
    assert one.append([office.delegation()]) == [0]
    with other.deciding() as custody:
        assert custody.size == 1
    assert other.append([office.policy_note(1, "group:x")]) == [1]
    assert one.append([office.policy_note(2, "group:x")]) == [2], "it did not look before"
