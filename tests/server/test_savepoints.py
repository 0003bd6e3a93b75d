# SPDX-License-Identifier: EUPL-1.2
"""A receiver starts from a savepoint as if it had replayed everything, or replays everything."""

import logging
import os
import shutil

import pytest

from lakzegel_core import savepoint
from lakzegel_core.custody import Custody
from lakzegel_server import savepoints
from lakzegel_server.errors import DamageError
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import create
from lakzegel_server.logstate import LogState

DEVICES = 3


class Log:
    """The log of one DATA, without the rest of a receiver."""

    def __init__(self, kit, data):
        self.kit = kit
        self.signer = create(data, kit.ORIGIN, os.urandom(64))
        self.layout = Layout(data)
        self.office = kit.Office()
        self.devices = []

    def open(self):
        return LogState.open(self.layout, self.signer, clock=lambda: self.kit.NOW)

    def begin(self, state):
        state.append([self.office.delegation()])
        for number in range(DEVICES):
            tree = state.shown.checkpoint
            device = self.kit.unsealed_device(self.office, f"laptop-{number}", tree)
            state.append([device.admission])
            state.append([device.enrolment])
            self.devices.append(device)
        state.append([self.office.policy_note(1, "device:laptop-0")])

    def send(self, state, count):
        for number in range(count):
            state.append([self.devices[number % DEVICES].seal().note])


@pytest.fixture
def few(monkeypatch):
    """Savepoints of short logs too."""
    monkeypatch.setattr(savepoints, "FEW", 5)


@pytest.fixture
def log(few, kit, tmp_path):
    log = Log(kit, tmp_path / "data")
    state = log.open()
    log.begin(state)
    log.send(state, 30)
    state.close()
    return log


@pytest.fixture
def checked(monkeypatch):
    """Every entry that any custody checks."""
    seen = []
    check_one = Custody.check
    monkeypatch.setattr(Custody, "check", lambda self, e: seen.append(e) or check_one(self, e))
    return seen


def known(state):
    """What a log proves, as its next savepoint would tell it."""
    with state.looking() as custody:
        entries = list(state.store.entries(0, custody.size))
        return savepoint.Savepoint.of(custody, state.edge(), entries.__getitem__).to_bytes()


def test_a_start_replays_what_matters_and_what_is_new_and_nothing_else(log, checked):
    state = log.open()
    assert len(checked) == 1 + 2 * DEVICES + 1 + DEVICES
    log.send(state, 4)
    assert state.shown.checkpoint.size == 8 + 34
    state.close()  # too few for another savepoint
    checked.clear()

    again = log.open()
    assert len(checked) == 1 + 2 * DEVICES + 1 + DEVICES + 4
    there = known(again)
    again.close()
    log.layout.savepoint.unlink()
    whole = log.open()
    assert known(whole) == there
    log.send(whole, 2)
    whole.close()


def test_the_next_savepoint_reads_no_bundle_of_what_the_one_before_has(log, monkeypatch):
    state = log.open()
    log.send(state, 300)
    asked = []
    read = state.store.read
    monkeypatch.setattr(state.store, "read", lambda path: asked.append(path) or read(path))
    state.save(ending=True)
    bundles = [path for path in asked if "entries" in path]
    assert bundles == ["tile/entries/001.p/82"]  # of 338; the heads are all in the last one
    monkeypatch.undo()
    assert known(state) == log.layout.savepoint.read_bytes()
    state.close()


@pytest.mark.parametrize("spoil", ["cut", "bit", "gone", "other", "older-index"])
def test_without_a_savepoint_that_holds_the_whole_log_is_replayed(
    log, spoil, kit, tmp_path, checked, caplog
):
    place = log.layout.savepoint
    data = place.read_bytes()
    if spoil == "cut":
        place.write_bytes(data[: len(data) // 2])
    elif spoil == "bit":
        place.write_bytes(data[:900] + bytes([data[900] ^ 1]) + data[901:])
    elif spoil == "gone":
        place.unlink()
    elif spoil == "other":
        other = Log(kit, tmp_path / "other")
        state = other.open()
        other.begin(state)
        other.send(state, 9)
        state.close()
        shutil.copy(other.layout.savepoint, place)
    else:
        head = savepoint.peek([data])
        place.write_bytes(data.replace(f"size {head.size}\n".encode(), b"size 99\n"))
    checked.clear()
    with caplog.at_level(logging.WARNING):
        state = log.open()

    assert len(checked) >= 38
    assert spoil == "gone" or "the savepoint is not used, and the whole log replayed" in caplog.text
    log.send(state, 3)
    state.close()


def test_damage_after_the_savepoint_is_still_damage(log):
    state = log.open()
    log.send(state, 4)
    state.close()
    bundle = log.layout.log / "tile/entries/000.p/42"
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(data)

    with pytest.raises(DamageError):
        log.open()


def test_a_savepoint_that_does_not_lead_to_the_log_is_dropped_and_all_replayed(
    log, monkeypatch, caplog
):
    state = log.open()
    log.send(state, 4)
    there = known(state)
    state.close()
    load = savepoints.Savepoints.load

    def without_devices(self, origin, tree):
        found = load(self, origin, tree)
        found.custody.devices.clear()
        return found

    monkeypatch.setattr(savepoints.Savepoints, "load", without_devices)
    again = log.open()
    assert "the savepoint is not used, and the whole log replayed" in caplog.text
    assert known(again) == there
    again.close()


def test_it_is_written_after_an_hour_or_many_entries_and_never_for_few(log, monkeypatch):
    now = [0.0]
    state = log.open()
    monkeypatch.setattr(state._savepoints, "_monotonic", lambda: now[0])
    state._savepoints._at = 0.0
    size = savepoint.peek([log.layout.savepoint.read_bytes()]).size

    def saved():
        state.save()
        return savepoint.peek([log.layout.savepoint.read_bytes()]).size - size

    log.send(state, 5)
    assert saved() == 0
    now[0] = 3600.0
    assert saved() == 5
    now[0] = 7200.0
    log.send(state, 4)
    assert saved() == 5
    monkeypatch.setattr(savepoints, "MANY", 6)
    log.send(state, 2)
    assert saved() == 11
    state.close()


def test_a_disk_without_room_costs_the_savepoint_and_nothing_else(log, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = log.layout.savepoint.read_bytes()
    state = log.open()
    log.send(state, 9)
    monkeypatch.setattr(savepoints, "write_all", full)
    state.close()

    assert "no savepoint could be written" in caplog.text
    assert log.layout.savepoint.read_bytes() == before
    assert not list(log.layout.incoming.iterdir())


def test_check_knows_the_savepoint_and_names_one_that_is_not_this_logs(log):
    def doubts():
        return [str(d) for d in check(log.layout).doubts if d.place == "savepoint"]

    assert doubts() == []
    data = log.layout.savepoint.read_bytes()
    log.layout.savepoint.write_bytes(data[:-1])
    assert doubts() == [
        "savepoint: savepoint: cut off; take it away, and the next start replays the whole log"
    ]
