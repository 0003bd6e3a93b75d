# SPDX-License-Identifier: EUPL-1.2
"""What every engine of an index keeps to when processes, servers or disks fail (stores.md §2)."""

import multiprocessing
import os
import signal
import threading
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_server.database import FAILURES, Database, is_full, open_turns
from lakzegel_server.errors import BusyError, ConfigError
from lakzegel_server.index.place import Address
from lakzegel_server.schema import put

WRITERS, ROUNDS = 4, 8
_forking = multiprocessing.get_context("fork")


@contextmanager
def process(work, *arguments):
    """A process of its own that does this, and its end of a pipe; it is killed in the end."""
    here, there = _forking.Pipe()
    child = _forking.Process(target=work, args=(there, *arguments))
    child.start()
    there.close()
    try:
        yield child, here
    finally:
        child.kill()
        child.join()
        here.close()


def kill(child):
    os.kill(child.pid, signal.SIGKILL)
    child.join()


def append(pipe, place, name, together):
    """Append at the same moment as others, again and again; tell which times it was done."""
    done = []
    with closing(Database.open(place)) as database:
        for number in range(ROUNDS):
            tree = database.tree()
            together.wait(30)
            if database.commit(tree, [f"{name} {number}".encode()]):
                done.append(number)
            together.wait(30)
    pipe.send(done)


def test_of_many_processes_that_append_at_once_one_does_and_each_entry_is_there_once(place):
    Database.open(place).close()
    together = _forking.Barrier(WRITERS)
    with ExitStack() as stack:
        writers = [process(append, place, name, together) for name in "abcd"]
        pipes = [stack.enter_context(writer)[1] for writer in writers]
        done = [pipe.recv() for pipe in pipes]
    assert sorted(number for numbers in done for number in numbers) == list(range(ROUNDS))
    with closing(Database.open(place)) as database:
        tree, pending = database.tree(), database.pending()
    wanted = Frontier()
    for _, data in pending:
        wanted.append(leaf_hash(data))
    assert [number for number, _ in pending] == list(range(ROUNDS))
    assert (tree.size, tree.root()) == (wanted.size, wanted.root())


def make(pipe, place, together):
    together.wait(30)
    Database.open(place).close()
    pipe.send("made")


def test_of_many_that_make_the_tables_at_once_none_fails(place):
    together = _forking.Barrier(WRITERS)
    with ExitStack() as stack:
        makers = [process(make, place, together) for _ in range(WRITERS)]
        pipes = [stack.enter_context(maker)[1] for maker in makers]
        assert [pipe.recv() for pipe in pipes] == ["made"] * WRITERS
    with closing(Database.open_readonly(place)) as database:
        assert database.size() == 0


def change_and_wait(pipe, place):
    with closing(Database.open(place)) as database, database.transaction() as change:
        change.execute(put("told"), ("half", 1, b""))
        pipe.send("under way")
        pipe.recv()


def test_who_is_killed_in_the_middle_of_a_change_leaves_nothing_and_holds_up_nobody(place):
    with process(change_and_wait, place) as (child, pipe):
        assert pipe.recv() == "under way"
        kill(child)
        with closing(Database.open(place)) as database:
            with database.transaction() as change:
                change.execute(put("told"), ("whole", 1, b""))
            assert told(database) == ["whole"]


def told(database):
    rows = database.connection.execute("SELECT place FROM told ORDER BY place")
    return [name for (name,) in rows]


def have_turn(pipe, place, lock):
    turns = open_turns(place, lock)
    with turns.turn() as held:
        held.require()
        pipe.send("mine")
        pipe.recv()


def test_one_at_a_time_has_the_turn_and_a_killed_one_gives_it_back(place, tmp_path):
    lock, got = tmp_path / "lock", threading.Event()
    with process(have_turn, place, lock) as (child, pipe):
        assert pipe.recv() == "mine"
        waiter = threading.Thread(target=wait_for_turn, args=(place, lock, got))
        waiter.start()
        assert not got.wait(0.2)
        kill(child)
        assert got.wait(10)
        waiter.join()


def wait_for_turn(place, lock, got):
    with closing(open_turns(place, lock)) as turns, turns.turn():
        got.set()


def hold_lease(pipe, address):
    lease = open_turns(address, Path("unused")).lease("chores")
    pipe.send(lease.holds())
    pipe.recv()


def test_one_of_several_receivers_holds_a_lease_and_a_killed_one_leaves_it(address):
    with closing(open_turns(address, Path("unused"))) as turns:
        mine, other = turns.lease("chores"), turns.lease("another")
        with process(hold_lease, address) as (child, pipe):
            assert pipe.recv() is True
            assert (mine.holds(), other.holds()) == (False, True)
            kill(child)
            until(mine.holds)
        assert mine.holds()
        mine.close()
        with process(hold_lease, address) as (_, pipe):
            assert pipe.recv() is True
            assert not mine.holds()


def until(happened, seconds=10):
    """Wait for something that another process causes."""
    tried = threading.Event()
    for _ in range(seconds * 20):
        if happened():
            return
        tried.wait(0.05)
    raise AssertionError("it did not happen")


def test_whose_connection_was_cut_has_neither_turn_nor_lease(address, cluster):
    turns, second = open_turns(address, Path("unused")), open_turns(address, Path("unused"))
    lease = turns.lease("chores")
    assert lease.holds()
    with turns.turn() as held:
        held.require()
        cluster.cut(address)
        with pytest.raises(BusyError, match="lost"):
            held.require()
        with second.turn() as other:
            other.require()
            with pytest.raises(BusyError, match="lost"):
                held.require()
        assert second.lease("chores").holds()
        assert not lease.holds()
    with turns.turn() as held:
        held.require()
    turns.close()
    second.close()


def test_a_change_whose_connection_was_cut_fails_and_the_next_goes_through(address, cluster):
    def interrupted():
        with database.transaction() as change:
            change.execute(put("told"), ("half", 1, b""))
            cluster.cut(address)
            change.execute(put("told"), ("other half", 1, b""))

    with closing(Database.open(address)) as database:
        with pytest.raises(FAILURES, match="connection broke"):
            interrupted()
        with database.transaction() as change:
            change.execute(put("told"), ("whole", 1, b""))
        cluster.cut(address)
        assert told(database) == ["whole"]


def test_a_commit_whose_connection_was_cut_before_it_fails(address, cluster):
    def interrupted():
        with database.transaction() as change:
            change.execute(put("told"), ("half", 1, b""))
            cluster.cut(address)

    with closing(Database.open(address)) as database:
        with pytest.raises(FAILURES, match="connection broke"):
            interrupted()
        assert told(database) == []


def test_of_threads_that_look_over_one_connection_all_find_it_again(address, cluster):
    def ask():
        together.wait(10)
        sizes.append(database.size())

    sizes = []
    Database.open(address).close()
    with closing(Database.open_readonly(address)) as database:
        database.size()
        cluster.cut(address)
        together = threading.Barrier(8)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sizes == [0] * 8
        assert cluster.connected(address) == 1


def test_what_a_session_is_told_elsewhere_makes_no_commit_less_durable(address):
    def synchronous():
        return database.connection.execute("SHOW synchronous_commit").fetchone()[0]

    careless = Address(f"{address.url}%20-csynchronous_commit%3Doff")
    with closing(Database.open(careless)) as database:
        assert synchronous() == "on"
        database.relax()
        assert synchronous() == "off"


def test_appending_does_not_wait_for_other_changes(address):
    with closing(Database.open(address)) as one, one.transaction() as change:
        change.execute(put("told"), ("office", 1, b""))
        with closing(Database.open(address)) as other:
            assert other.commit(Frontier(), [b"entry"])


# the server itself


@pytest.fixture(scope="module")
def own(cluster):
    """A server that these tests may stop; ``cluster`` says whether there can be one."""
    made = type(cluster).make()
    yield made
    made.end()


def test_a_server_that_was_killed_and_came_back_has_whole_changes_and_is_found_again(own):
    with closing(Database.open(own.address("killed"))) as database:
        with database.transaction() as change:
            change.execute(put("told"), ("whole", 1, b""))

        def interrupted():
            with database.transaction() as change:
                change.execute(put("told"), ("half", 1, b""))
                own.stop("immediate")

        with pytest.raises(FAILURES):
            interrupted()
        with pytest.raises(FAILURES):
            told(database)
        own.start()
        assert told(database) == ["whole"]
        with database.transaction() as change:
            change.execute(put("told"), ("after", 1, b""))
        assert told(database) == ["after", "whole"]


def test_a_backend_that_was_killed_takes_its_change_along(own):
    def interrupted():
        with database.transaction() as change:
            (pid,) = change.execute("SELECT pg_backend_pid()").fetchone()
            change.execute(put("told"), ("half", 1, b""))
            os.kill(pid, signal.SIGKILL)
            change.execute(put("told"), ("other half", 1, b""))

    with closing(Database.open(own.address("backend"))) as database:
        with pytest.raises(FAILURES, match="connection broke"):
            interrupted()
        until(lambda: answers(database))
        assert told(database) == []


def answers(database):
    try:
        database.size()
    except FAILURES:
        return False
    return True


def test_a_server_without_fsync_is_refused(own):
    address = own.address("careless")
    own.stop()
    own.start("-c fsync=off")
    try:
        with pytest.raises(ConfigError, match="fsync = off"):
            Database.open(address)
    finally:
        own.stop()
        own.start()


# full disks


@pytest.fixture(params=["sqlite", "postgresql"])
def cramped(request, tmp_path):
    """An index on a disk of 4 MiB."""
    if request.param == "sqlite":
        from tests.postgres import small_disk  # noqa: PLC0415 - needs the extra

        with small_disk(tmp_path / "small"):
            yield tmp_path / "small" / "index.sqlite"
        return
    cluster, address = request.getfixturevalue("cluster"), request.getfixturevalue("address")
    with cluster.small_disk() as space:
        yield Address(f"{address.url}%20-cdefault_tablespace%3D{space}")
        cluster.drop(address.url.rpartition("%3D")[2])


def test_a_full_disk_is_told_apart_and_leaves_the_changes_before_it(cramped):
    done = []
    with closing(Database.open(cramped)) as database:
        with pytest.raises(FAILURES) as failure:
            fill(database, done)
        assert is_full(failure.value)
        assert told(database) == done


def fill(database, done):
    for number in range(200):
        with database.transaction() as change:
            change.execute(put("told"), (f"{number:03}", 1, os.urandom(2**16)))
        done.append(f"{number:03}")
