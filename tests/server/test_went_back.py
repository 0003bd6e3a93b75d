# SPDX-License-Identifier: EUPL-1.2
"""An index that went back under a receiver that serves: read-only at once, and never a fork."""

import os
import time

import pytest

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_server.database import Database
from lakzegel_server.errors import ReadOnlyError
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import create, load_signer
from lakzegel_server.logstate import LogState
from lakzegel_server.standing import Phase
from lakzegel_server.stores import names

TABLES = {"tree": "(?, ?, ?)", "entries": "(?, ?)", "pending": "(?, ?)"}


class Index:
    """The rows that say what the log is, put aside and put back by somebody else."""

    def __init__(self, layout):
        self.place = layout.database

    def rows(self):
        database = Database.open(self.place)
        found = {
            table: list(database.connection.execute(f"SELECT * FROM {table}")) for table in TABLES
        }
        database.close()
        return found

    def put(self, rows):
        database = Database.open(self.place)
        with database.transaction() as change:
            for table, places in TABLES.items():
                change.execute(f"DELETE FROM {table}")
                change.executemany(f"INSERT INTO {table} VALUES {places}", rows[table])
        database.close()


@pytest.fixture
def aside(world):
    return Index(world.layout)


def wait_for(phase, world, seconds=20):
    end = time.monotonic() + seconds
    while world.desk.log.standing.phase is not phase:
        assert time.monotonic() < end, world.desk.log.standing
        time.sleep(0.02)  # a chore's work: nothing to await


def wait_for_evidence(world, shown, seconds=20):
    """Until what was shown lies there; the receiver stops before it writes that down."""
    end = time.monotonic() + seconds
    while shown not in [
        open_checkpoint(path.read_bytes(), world.keys).checkpoint
        for path in world.layout.evidence.glob("*")
    ]:
        assert time.monotonic() < end, "no evidence of what was shown"
        time.sleep(0.02)  # likewise


def test_an_index_that_went_back_stops_sealing_and_forward_again_lets_it_go_on(
    world, device, aside
):
    before = aside.rows()
    upload = device.seal()
    sealed = world.receipt(world.client.put(upload), upload)
    after, shown = aside.rows(), world.client.checkpoint().checkpoint
    aside.put(before)
    again = device.seal()
    assert world.client.put(again).json()["title"] == "catching up"
    assert world.client("GET", "/log/checkpoint").status_code == 503
    assert world.client("GET", "/v1/health").json()["status"] == "read-only"
    assert aside.rows()["tree"] == before["tree"]
    wait_for(Phase.SHORT, world)
    documents = world.layout.stores.documents
    kept = open_checkpoint(documents.read(names.AHEAD, MAX_CHECKPOINT), world.keys)
    assert kept.checkpoint == shown
    aside.put(after)
    world.desk.recovery._due = 0.0
    wait_for(Phase.SEALING, world)
    assert world.receipt(world.client.put(again), again).index == sealed.index + 1
    assert not documents.exists(names.AHEAD)


def test_an_index_that_went_back_and_grew_another_way_is_seen_by_its_edge(kit, tmp_path):
    with kit.world_at(tmp_path / "data") as world:
        device, index = world.enrol(), Index(world.layout)
        before, checkpoint = index.rows(), world.client("GET", "/log/checkpoint").content
        first, other = device.seal(advance=False), device.seal([b"iets anders"], advance=False)
        world.receipt(world.client.put(first), first)
        shown = world.client.checkpoint().checkpoint
        index.put(before)
        (world.layout.log / "checkpoint").write_bytes(checkpoint)
        elsewhere = LogState.open(world.layout, load_signer(world.layout), clock=time.time)
        assert elsewhere.append([other.note]) == [shown.size - 1]
        elsewhere.close()
        wrong = index.rows()
        wait_for(Phase.FORKED, world)
        wait_for_evidence(world, shown)
        assert index.rows()["tree"] == wrong["tree"], "nothing is appended to it"


def test_an_index_that_grew_another_way_is_not_signed_by_whoever_showed_the_first(kit, tmp_path):
    signer, office = create(tmp_path / "data", kit.ORIGIN, os.urandom(64)), kit.Office()
    layout = Layout(tmp_path / "data")
    state, index = LogState.open(layout, signer, clock=lambda: kit.NOW), Index(layout)
    state.append([office.delegation()])
    before = index.rows()
    state.append([office.policy_note(1, "group:x")])
    shown = state.shown.data
    index.put(before)
    database = Database.open(layout.database)
    assert database.commit(database.tree(), [office.policy_note(1, "group:y")])
    database.close()
    with pytest.raises(ReadOnlyError):
        state.refresh()
    assert (state.shown.checkpoint.size, state.shown.data, state.lost) == (2, b"", shown)
    assert state.standing.phase is Phase.ASKING
    assert layout.log.joinpath("checkpoint").read_bytes() == shown
    state.close()


def test_entries_are_appended_to_the_tree_that_they_were_checked_against_and_to_no_other(
    world, device
):
    database = Database.open(world.layout.database)
    known = database.tree()
    other = known.copy()
    world.client.put(device.seal())
    assert not database.commit(known, [b"an entry"])
    other.append(bytes(32))
    assert (other.size, database.size()) == (known.size + 1, known.size + 1)
    assert not database.commit(other, [b"an entry"]), "of the same size"
    database.close()
