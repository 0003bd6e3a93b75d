# SPDX-License-Identifier: EUPL-1.2
"""What a page, an alert or a heartbeat costs does not grow with the fleet: work is counted."""

import random
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import product

import pytest

from bench.fleetfilling import NOW, ORIGIN, Simulated, fill_custody, fill_index
from lakzegel_core.errors import ReplayError
from lakzegel_core.heartbeat import peek_heartbeat
from lakzegel_server.alerting.observed import observe
from lakzegel_server.database import Database
from lakzegel_server.desk import open_desk
from lakzegel_server.fleet import counts, records
from lakzegel_server.fleet.gathering import Arriving
from lakzegel_server.fleet.judging import Judge
from lakzegel_server.fleet.reading import read_fleet
from lakzegel_server.fleet.states import State, all_names, health_of, read_states
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import create
from lakzegel_server.pages import sources
from lakzegel_server.pages.fleetquery import SORTS, Query
from lakzegel_server.pages.inforce import read_in_force
from lakzegel_server.web import vitals

SIZES = SMALL, LARGE = 110, 1_100
KINDS = ("condition", "code", "group", "ring", "follows", "ending")
STEP = 10  # instructions of SQLite between two looks


@contextmanager
def receiver(folder, devices, index=None):
    """A receiver with so many devices, whose rows are made; nothing goes on by itself."""
    simulated = Simulated(devices, weeks=1)
    signer = create(folder, ORIGIN, bytes(range(64)))
    layout = Layout(folder, index=index)
    fill_index(layout.database, simulated)
    with open_desk(layout, signer, clock=NOW.timestamp) as desk:
        desk.chores.stop()
        with desk.log.looking() as custody:
            fill_custody(custody, simulated)
        desk.fleet.grace.began -= timedelta(hours=1)
        desk.fleet.tending.hurry()
        desk.fleet.tending.all(NOW)
        yield desk


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    with ExitStack() as stack:
        yield {
            size: stack.enter_context(receiver(tmp_path_factory.mktemp("fleet") / "data", size))
            for size in SIZES
        }


@pytest.fixture(autouse=True)
def nobody_is_small(monkeypatch):
    monkeypatch.setattr(records, "SMALL", 0)


class Counted:
    """The instructions that SQLite carried out for the fleet, and its statements."""

    def __init__(self):
        self.steps = 0
        self.statements = []

    def step(self):
        self.steps += STEP
        return 0


@contextmanager
def counting(desk):
    found = Counted()
    connections = desk.fleet._database.connection, desk.fleet._reading.connection
    for one in connections:
        one.set_progress_handler(found.step, STEP)
        one.set_trace_callback(found.statements.append)
    try:
        yield found
    finally:
        for one in connections:
            one.set_progress_handler(None, 0)
            one.set_trace_callback(None)


def listed(**asked):
    return lambda desk: sources.selection_of(desk, Query(**asked), NOW)


def device(desk):
    name = Simulated(SMALL).name(7)
    return sources.device_of(desk, name, NOW), sources.timeline_of(desk, name, NOW)


LOOKS = {
    **{f"sorted by {one}": listed(sort=one) for one in SORTS},
    **{f"turned around by {one}": listed(sort=f"-{one}") for one in SORTS},
    "a condition that most have": listed(condition="capturing"),
    "a condition that most have, sorted": listed(condition="capturing", sort="version"),
    "groups": sources.rings_of,
    "a device": device,
    "problems": lambda desk: sources.shared_of(desk, NOW),
    "what is in force": lambda desk: read_in_force(desk, NOW),
    "metrics": vitals.read,
    "alerts": lambda desk: observe(desk, int(NOW.timestamp())),
    "a chore's round with nothing to do": lambda desk: desk.fleet.tending.some(NOW),
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_costs_the_same_with_ten_times_the_devices(desks, look, monkeypatch):
    monkeypatch.setattr("lakzegel_server.pages.selecting.FEW", 50)
    steps = {}
    for size, desk in desks.items():
        with counting(desk) as found:
            LOOKS[look](desk)
        steps[size] = found.steps
    assert steps[LARGE] <= 1.5 * steps[SMALL] + 1_000, steps


def plan(connection, statement):
    return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


@pytest.mark.parametrize("look", LOOKS)
def test_no_table_of_devices_is_read_through(desks, look, monkeypatch):
    monkeypatch.setattr("lakzegel_server.pages.selecting.FEW", 50)
    desk = desks[LARGE]
    with counting(desk) as found:
        LOOKS[look](desk)
    with desk.fleet.reading() as connection:
        plans = [
            line
            for one in found.statements
            if one.startswith("SELECT")
            for line in plan(connection, one)
        ]
    big = ("fleet", "heartbeats", "arrivals", "device_days", "lives", "fleet_troubles", "refusals")
    assert plans or look == "what is in force"
    assert [
        line for line in plans if line.startswith("SCAN") and line.split()[1] in big and
        "USING" not in line
    ] == []  # fmt: skip


def test_postgresql_has_an_index_for_each_look_too(tmp_path, address, monkeypatch):
    monkeypatch.setattr("lakzegel_server.pages.selecting.FEW", 50)
    asked = []
    with receiver(tmp_path / "data", 200, address) as desk:
        connection = desk.fleet._reading.connection
        execute = connection.execute

        def noted(sql, parameters=()):
            asked.append((sql, parameters))
            return execute(sql, parameters)

        monkeypatch.setattr(connection, "execute", noted)
        for look in LOOKS.values():
            look(desk)
        execute("SET enable_seqscan = off")  # one that is read through all the same has no index
        plans = {
            sql: " ".join(row[0] for row in execute(f"EXPLAIN {sql}", parameters))
            for sql, parameters in asked
        }
        assert_rows_are_right(desk)
    assert len(plans) > len(LOOKS)
    assert [sql for sql, text in plans.items() if "Seq Scan" in text] == []


def arriving(desk, place, counter):
    data = Simulated(LARGE).heartbeat(place, counter, NOW)
    return Arriving(peek_heartbeat(data), data, NOW)


def test_a_group_of_heartbeats_is_a_few_statements_however_many_devices_there_are(desks):
    statements, steps = {}, {}
    for (size, desk), many in product(desks.items(), (1, 40)):
        group = [arriving(desk, place, 100 + many) for place in range(many)]
        with counting(desk) as found:
            desk.fleet._receive(group)
        reads = [one for one in found.statements if one.startswith("SELECT")]
        statements[size, many] = len(reads)
        steps[size, many] = found.steps
    assert statements[LARGE, 40] == statements[SMALL, 40] <= statements[SMALL, 1] + 12
    assert steps[LARGE, 40] <= 1.5 * steps[SMALL, 40] + 1_000, steps


def test_heartbeats_that_come_together_are_all_kept_and_a_replay_among_them_is_told(desks):
    desk = desks[SMALL]
    notes = [Simulated(LARGE).heartbeat(place, 500, NOW) for place in range(60)]
    twice = Simulated(LARGE).heartbeat(3, 501, NOW)
    kept = [desk.hearing.verify(note) for note in (*notes, twice, notes[5])]
    assert [one.result(10) for one in kept[:-1]] == [None] * 61
    with pytest.raises(ReplayError):
        kept[-1].result(10)
    assert_rows_are_right(desk)


def test_an_odd_device_keeps_nobody_else_out(desks, monkeypatch):
    desk, state_of = desks[SMALL], Judge.state
    odd = Simulated(LARGE).name(1)

    def state(judge, known, told):
        if known.device == odd:
            raise OverflowError
        return state_of(judge, known, told)

    with monkeypatch.context() as patched:
        patched.setattr(Judge, "state", state)
        kept = [
            desk.hearing.verify(Simulated(LARGE).heartbeat(place, 900, NOW)) for place in range(4)
        ]
        with pytest.raises(OverflowError):
            kept[1].result(10)
        assert [kept[place].result(10) for place in (0, 2, 3)] == [None] * 3
        desk.fleet.tending.hurry()
        desk.fleet.tending.all(NOW)
        assert not desk.fleet.tending.is_behind
    assert_rows_are_right(desk)


def assert_rows_are_right(desk):
    """Every row is what looking at the device says, and what is counted is what there is."""
    with desk.fleet.reading() as connection:
        states = read_states(connection, sorted(all_names(connection)))
        census = counts.read_census(connection, *KINDS)
    found = {one.device: one for one in read_fleet(desk, NOW).devices}
    assert states.keys() == found.keys()
    for name, state in states.items():
        row, health = health_of(state), found[name]
        for field in ("group", "condition", "troubles", "heard", "version", "policy", "away"):
            assert getattr(row, field) == getattr(health, field), (name, field)
        assert row.newest.at == health.newest.at
    assert census.total == len(states)
    assert counted(states.values()) == kept(census)


def counted(states):
    """What is counted of rows, one by one."""
    found = {}
    for state in states:
        for (what, name, detail), amount in counts._counted(state):
            devices, amounts = found.get((what, name, detail), (0, 0))
            found[what, name, detail] = devices + 1, amounts + amount
    return {key: value[0] for key, value in found.items() if key[0] in {"condition", "code"}}


def kept(census):
    """The same of what is kept."""
    conditions = {("condition", one.value, ""): n for one, n in census.conditions.items()}
    return conditions | {("code", code, ""): n for code, (n, _) in census.codes.items()}


def test_every_row_and_count_is_right_after_a_start(desks):
    for desk in desks.values():
        assert_rows_are_right(desk)


def state(device, condition, codes, chance):
    troubles = "\n".join(f"{code} 1 {chance.randint(1, 5)}" for code in sorted(codes))
    text = dict.fromkeys(("custody", "ordered", "away"), "")
    numbers = dict.fromkeys(set(State._fields) - text.keys(), 0)
    return State(**{
        **numbers, **text, "device": device, "condition": condition, "troubles": troubles,
        "grp": chance.choice(("", "g", "h")), "follows": chance.choice(("", "aa")),
        "version": chance.choice(("", "1.0", "a b")), "policy": chance.choice((-1, 7)),
    })  # fmt: skip


def test_what_is_counted_is_right_whatever_came_and_went(tmp_path):
    chance, codes = random.Random(4), ("late", "certificate-ending", "files-failed")
    rows, wanted = {}, {}
    database = Database.open(tmp_path / "index.sqlite")
    for _ in range(60):
        name = f"d{chance.randrange(9)}"
        before, after = [rows.pop(name)] if name in rows else [], []
        if chance.random() < 0.7:
            some = {chance.choice(codes) for _ in range(chance.randrange(3))}
            after = [state(name, chance.choice(("silent", "capturing", "revoked")), some, chance)]
            rows[name] = after[0]
        with database.transaction() as change:
            counts.change_counts(change, before, after)
    found = database.connection.execute(
        "SELECT what, name, detail, devices, amount FROM fleet_counts"
    )
    for one in rows.values():
        for key, amount in counts._counted(one):
            devices, amounts = wanted.get(key, (0, 0))
            wanted[key] = devices + 1, amounts + amount
    assert {tuple(row[:3]): tuple(row[3:]) for row in found} == wanted
    database.close()
