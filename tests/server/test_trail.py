# SPDX-License-Identifier: EUPL-1.2
"""The audit trail: what it says, that it gets into the log, and that nobody can change it."""

import hashlib
import json
import shutil
import sqlite3
from dataclasses import replace

import argon2
import pyotp
import pytest
import requests

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import FormatError
from lakzegel_core.trail import peek_trail
from lakzegel_server import durable
from lakzegel_server.__main__ import main
from lakzegel_server.accounts import AccountRole
from lakzegel_server.database import Database
from lakzegel_server.errors import DeniedError
from lakzegel_server.people import breakglass, trail, trailcount, trailrows
from lakzegel_server.people.people import Attempt
from lakzegel_server.people.records import FIELDS, SELF, Action, Event, Thing
from lakzegel_server.people.segmentfile import SegmentFile, parse_segment
from lakzegel_server.people.trail import ALL

DAY = 24 * 60 * 60
STEPS = ("replace_file", "add_segment", "submit", "finish_segment")


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock(kit):
    return Clock(kit.NOW)


@pytest.fixture
def world(kit, tmp_path, clock):
    with kit.world_at(tmp_path / "data", clock=clock) as made:
        yield made
    assert made.doubts() == []


@pytest.fixture(scope="module")
def stopped(kit, tmp_path_factory):
    """A DATA that was served and stopped, with two segments and records that wait."""
    with kit.world_at(tmp_path_factory.mktemp("stopped") / "data") as made:
        made.enrol("one")
        seal(made)
        made.enrol("two")
        seal(made)
        made.desk.trail.note(Event(SELF, Action.START, Thing.RECEIVER))
    assert made.doubts() == []
    return made


@pytest.fixture
def tried(stopped, tmp_path):
    """A copy of it, to change."""
    shutil.copytree(stopped.data, tmp_path / "data")
    return replace(stopped, data=tmp_path / "data")


def records(world):
    """Every record, oldest first."""
    world.desk.trail.flush()
    database = Database.open_readonly(world.layout.database)
    lines = [line for _, line in trailrows.waiting(database.connection, ALL)]
    database.close()
    sealed = []
    for number in sorted(int(path.stem) for path in world.layout.trail.iterdir()):
        sealed += parse_segment(world.layout.segment(number).read_bytes()).lines
    found = {line: json.loads(line) for line in (*sealed, *lines)}
    return list(found.values())


def told(world):
    return [(r["action"], r["object"], r["result"], r["who"]) for r in records(world)]


def seal(world):
    return world.desk.trail.seal(world.desk.log, world.desk.sequencer)


def tend(world):
    world.desk.trail.tend(world.desk.log, world.desk.sequencer)


def log_of(world):
    size = world.client.checkpoint().checkpoint.size
    return [world.desk.log.store.entry(index, size) for index in range(size)]


def entries(world):
    return [peek_trail(e) for e in log_of(world) if e.startswith(b"lakzegel.nl/trail/")]


def test_a_record_says_who_did_what_to_what_when_from_where_and_how_it_ended(world, kit):
    note = world.office.policy_note(1, "group:all")
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    record = records(world)[-1]
    assert set(record) == FIELDS
    assert record | {"previous": "", "number": 0} == {
        "action": "publish",
        "address": "127.0.0.1",
        "at": "2026-11-24T02:00:00Z",
        "code": "-",
        "count": 1,
        "id": hashlib.sha256(note).hexdigest(),
        "number": 0,
        "object": "policy",
        "previous": "",
        "result": "ok",
        "role": "admin",
        "way": "token",
        "who": "admin-person",
    }


def test_what_the_log_refuses_is_told_with_its_code(world):
    note = world.office.policy_note(1, "group:all")
    for _ in range(2):
        world.as_("admin")("POST", "/v1/notes", note)
    again = world.office.policy_note(1, "group:all", annexes={"one": b64(bytes(32))})
    assert world.as_("admin")("POST", "/v1/notes", again).status_code == 422
    assert records(world)[-1]["result"] == "refused"
    assert records(world)[-1]["code"] == "policy"


def test_handing_out_and_what_a_role_may_not_is_counted(world):
    device = world.enrol()
    upload = device.seal()
    world.receipt(world.client.put(upload), upload)
    for _ in range(3):
        assert world.as_("records")("GET", f"/v1/batches/{upload.name}").status_code == 200
    assert world.as_("it")("GET", f"/v1/keyrings/{upload.name}").status_code == 403
    handed, asked = records(world)[-2:]
    assert (handed["action"], handed["object"], handed["count"]) == ("hand-out", "batch", 3)
    assert (asked["who"], asked["id"]) == ("it-person", "GET /v1/keyrings/{name}")
    assert asked["result"] == "refused"


def test_logins_failures_lock_outs_and_logouts_are_told(world, monkeypatch):
    monkeypatch.setattr(breakglass, "_HASHER", argon2.PasswordHasher(1, 8, 1))
    database = Database.open(world.layout.database)
    shown = breakglass.add(database, "nood", AccountRole.IT, now="then")
    database.close()
    code = pyotp.parse_uri(shown.address).generate_otp(int(world.desk.people.now()) // 30)
    form = {"name": "nood", "password": shown.password, "code": code}
    with requests.Session() as http:
        http.trust_env = False
        http.headers["Origin"] = world.client.url
        where = f"{world.client.url}/login"
        http.post(where, form | {"name": shown.password})
        for _ in range(4):
            http.post(where, form | {"password": "x"})
        http.post(where, form, allow_redirects=False)
        token = world.desk.people.find(world.desk.accounts, http.cookies["lakzegel-loopback"]).csrf
        http.post(f"{world.client.url}/logout", {"csrf": token}, allow_redirects=False)
        for _ in range(6):
            http.post(where, form | {"password": "x"})
    failed = [r["count"] for r in records(world) if r["result"] == "refused" and r["who"] == "nood"]
    assert sum(failed) == 4 + 5 + 1
    seen = told(world)
    assert seen[seen.index(("login", "session", "ok", "nood")) + 1][0] == "logout"
    assert ("lock-out", "session", "ok", "nood") in seen
    assert ("login", "session", "refused", "-") in seen  # what was typed may be a password
    assert shown.password not in json.dumps(records(world))


def test_what_the_command_line_does_is_told_with_the_user_of_the_machine(world, tmp_path, capsys):
    data = str(world.data)
    assert main(["account", "add", "--data", data, "--role", "it", "piet"]) == 0
    assert main(["account", "remove", "--data", data, "piet"]) == 0
    path = tmp_path / "policy.note"
    path.write_bytes(world.office.policy_note(1, "group:all"))
    assert main(["publish", "--data", data, str(path)]) == 0
    made, gone, published = records(world)[-3:]
    assert (made["action"], made["id"]) == ("add", "piet it token")
    assert (gone["action"], gone["id"]) == ("remove", "piet it token")
    assert (published["action"], published["object"]) == ("publish", "policy")
    assert {r["way"] for r in (made, gone, published)} == {"command"}
    assert made["who"] not in {"", "-"}


def test_starts_stops_and_changed_settings_are_told(kit, tmp_path):
    layout, signer, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    for text in ("", "", "[web]\n"):
        layout.settings.write_text(text)
        with kit.serving(layout, signer) as (_, _desk):
            pass
    database = Database.open_readonly(layout.database)
    lines = [json.loads(line) for _, line in trailrows.waiting(database.connection, ALL)]
    database.close()
    assert [f"{r['action']} {r['object']}" for r in lines] == [
        *("start receiver", "stop receiver") * 2,
        "start receiver",
        "change settings",
        "stop receiver",
    ]


def test_the_log_tells_of_a_segment_and_of_nobody_in_it(world):
    world.enrol()
    assert seal(world)
    (entry,) = entries(world)
    data = world.layout.segment(0).read_bytes()
    assert hashlib.sha256(data).digest() == entry.records
    assert entry.count == len(parse_segment(data).lines)
    assert b"admin-person" in data
    assert all(b"admin-person" not in e for e in log_of(world))
    assert not seal(world)


def test_an_auditor_reads_it_and_that_is_told_too(world):
    world.enrol()
    seal(world)
    auditor = world.as_("audit")
    listed = auditor("GET", "/v1/trail").json()
    assert [s["number"] for s in listed["segments"]] == [0]
    got = auditor("GET", "/v1/trail/0")
    assert hashlib.sha256(got.content).digest() == unb64(listed["segments"][0]["records"], what="")
    assert auditor("GET", "/v1/trail/1").status_code == 404
    assert auditor("GET", "/v1/trail/x").status_code == 404
    assert ("read", "segment", "ok", "audit-person") in told(world)


def test_a_segment_that_was_changed_or_lost_is_not_handed_out(world):
    world.enrol()
    seal(world)
    path = world.layout.segment(0)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"admin-person", b"other-person"))
    assert world.as_("audit")("GET", "/v1/trail/0").status_code == 503
    path.unlink()
    assert world.as_("audit")("GET", "/v1/trail/0").status_code == 410
    path.write_bytes(whole)


def test_it_is_sealed_when_there_is_enough_when_it_is_old_and_at_the_end(world, clock, kit):
    world.enrol()
    tend(world)
    assert entries(world) == []
    clock.now += DAY - 1
    tend(world)
    assert entries(world) == []
    clock.now += 1
    tend(world)
    assert [e.number for e in entries(world)] == [0]
    for _ in range(trail.FULL):
        world.desk.trail.note(Event(SELF, Action.START, Thing.RECEIVER))
    tend(world)
    assert [(e.number, e.count) for e in entries(world)][1:] == [(1, trail.FULL)]


def test_many_records_wake_the_chore_that_seals_them(world, kit):
    world.enrol()
    for _ in range(trail.FULL):
        world.desk.trail.note(Event(SELF, Action.START, Thing.RECEIVER))
    kit.ended(world.desk.chores["trail"])  # which waits for what is under way
    tend(world)
    assert sum(e.count for e in entries(world)) >= trail.FULL


def test_a_stop_seals_what_people_did_and_nothing_else(kit, tmp_path):
    with kit.world_at(tmp_path / "data") as world:
        world.enrol()
    database = Database.open_readonly(world.layout.database)
    assert [s.state for s in trailrows.segments(database.connection)] == [trailrows.State.SEALED]
    database.close()
    assert world.doubts() == []


def test_nothing_is_sealed_before_the_second_entry_which_may_be_anothers(kit, tmp_path):
    with kit.world_at(tmp_path / "data") as world:
        world.desk.trail.note(Event(SELF, Action.START, Thing.RECEIVER))
        assert not seal(world)
        assert world.client.checkpoint().checkpoint.size == 1
    assert world.doubts() == []


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_of_sealing_ends_in_one_whole_trail(kit, tmp_path, monkeypatch, step):
    def crash(*_, **__):
        raise OSError("the power went")

    with kit.world_at(tmp_path / "data") as world:
        world.enrol()
        desk, place = world.desk, durable if step == "replace_file" else trailrows
        before = len(records(world))
        with monkeypatch.context() as patch:
            patch.setattr(desk.sequencer if step == "submit" else place, step, crash)
            with pytest.raises(OSError, match="power"):
                seal(world)
        assert seal(world)
        (entry,) = entries(world)
        assert entry.count == before
        assert not seal(world)
    assert world.doubts() == []


def test_a_crash_before_an_entry_was_remembered_leaves_nothing_behind(kit, tmp_path, monkeypatch):
    with kit.world_at(tmp_path / "data") as world:
        world.enrol()
        with monkeypatch.context() as patch:
            patch.setattr(trailrows, "add_segment", None)
            with pytest.raises(TypeError):
                seal(world)
        assert len(list(world.layout.trail.iterdir())) == 1
        left = trail.AuditTrail.open(world.layout, world.desk.log.origin, lambda: 0.0)
        assert len(list(world.layout.trail.iterdir())) == 1  # not before it is the newest log
        left.tend(world.desk.log, world.desk.sequencer)
        assert list(world.layout.trail.iterdir()) == []
        left.close()
    assert world.doubts() == []


def test_an_index_that_was_set_back_costs_no_segment_whose_file_is_here(kit, tmp_path):
    with kit.world_at(tmp_path / "data") as world:
        world.enrol("one")
        seal(world)
        database = Database.open(world.layout.database)
        for table in ("trail", "trail_head", "trail_segments"):
            database.connection.execute(f"DELETE FROM {table}")
        database.close()
        kept = world.layout.segment(0).read_bytes()
        back = trail.AuditTrail.open(world.layout, world.desk.log.origin, lambda: 0.0)
        back.tend(world.desk.log, world.desk.sequencer)
        assert world.layout.segment(0).read_bytes() == kept
        assert [segment.state for segment in back.segments()] == [trailrows.State.BACK]
        back.close()


def trail_rows(world):
    """What the index holds of the trail, as a backup would."""
    database = Database.open(world.layout.database)
    tables = ("trail", "trail_head", "trail_segments")
    rows = {t: database.connection.execute(f"SELECT * FROM {t}").fetchall() for t in tables}
    database.close()
    return rows


def put_back(world, old):
    """Leave the index as it was when `old` was read of it."""
    database = Database.open(world.layout.database)
    for table, rows in old.items():
        database.connection.execute(f"DELETE FROM {table}")
        for row in rows:
            marks = ", ".join("?" * len(row))
            database.connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)
    database.close()


def test_after_a_restore_the_trail_goes_on_and_says_what_is_lost(kit, tmp_path):
    with kit.world_at(tmp_path / "data") as world:
        world.enrol("one")
        seal(world)
        old = trail_rows(world)
        world.enrol("two")
        seal(world)
        world.layout.segment(1).unlink()
        put_back(world, old)
        world.enrol("three")
        assert seal(world)
        assert [e.number for e in entries(world)] == [0, 1, 2]
        assert world.as_("audit")("GET", "/v1/trail/1").status_code == 410
        assert world.as_("audit")("GET", "/v1/trail/2").status_code == 200
        assert world.as_("audit")("GET", "/v1/trail").json()["segments"][1]["lost"]
        assert [r["id"] for r in records(world) if r["action"] == "lose"] == ["1"]
    assert world.doubts() == []


def test_after_a_restore_of_the_index_alone_segments_are_taken_in_again(kit, tmp_path):
    with kit.world_at(tmp_path / "data") as world:
        world.enrol("one")
        seal(world)
        old = trail_rows(world)
        world.enrol("two")
        seal(world)
        put_back(world, old)
        world.enrol("three")
        assert seal(world)
        told = world.as_("audit")("GET", "/v1/trail").json()["segments"]
        assert [s["lost"] for s in told] == [False] * 3


def test_anonymous_failures_fill_neither_disk_nor_log(world):
    for index in range(5 * trailcount.MAX_COUNTED):
        who = replace(SELF, address=f"192.0.{index // 256}.{index % 256}")
        world.desk.trail.count(Event(who, Action.LOGIN, Thing.SESSION).refused("denied"))
    before = len(records(world))
    world.desk.trail.flush()
    assert before <= trailcount.MAX_COUNTED + 10
    assert sum(r["count"] for r in records(world) if r["action"] == "login") == 5 * 256


def test_strangers_have_a_few_records_a_day_of_their_own_and_are_counted_together_then(world):
    def fail(minute):
        for index in range(300):
            who = replace(SELF, address=f"10.{minute}.{index // 256}.{index % 256}")
            world.desk.trail.count(Event(who, Action.LOGIN, Thing.SESSION).refused("denied"))
        world.desk.trail.flush()

    for minute in range(20):
        fail(minute)
    found = [r for r in records(world) if r["action"] == "login"]
    assert len(found) <= trailcount.STRANGERS + 20
    assert sum(r["count"] for r in found) == 20 * 300
    assert found[-1]["address"] == "-"
    known = Event(replace(SELF, name="somebody", address="10.99.0.1"), Action.ASK, Thing.ROUTE)
    world.desk.trail.count(known.refused("denied"))
    world.desk.trail.flush()
    assert records(world)[-1]["address"] == "10.99.0.1"


def test_doors_that_shut_for_names_that_nobody_has_are_counted(world):
    attempt = Attempt("nobody", "x", "x", "192.0.2.1")
    before = world.desk.trail.waiting()
    for _ in range(5):
        with pytest.raises(DeniedError):
            world.desk.people.break_glass(attempt, None)
    assert world.desk.trail.waiting() == before
    assert {r["action"]: r["count"] for r in records(world)[-2:]} == {"login": 5, "lock-out": 1}


CHANGES = {
    "a record's text": "UPDATE trail SET record = replace(record, 'stop', 'sxop')",
    "a record taken away": "DELETE FROM trail WHERE number = (SELECT max(number) FROM trail)",
    "the newest place": "UPDATE trail_head SET number = number + 1",
    "a segment forgotten": "UPDATE trail_segments SET note = x'00' WHERE number = 1",
    "a segment too many": "INSERT INTO trail_segments VALUES (7, x'00', 1, 1, x'00')",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_check_names_what_was_changed_in_the_index(tried, change):
    database = sqlite3.connect(tried.layout.database)
    with database:
        database.execute(change)
    database.close()
    assert any("index.sqlite" in doubt for doubt in tried.doubts())


def test_check_names_a_record_that_was_replaced_with_its_digest(tried):
    database = Database.open(tried.layout.database)
    number, line = trailrows.waiting(database.connection, 1)[0]
    text = line.decode().replace("start", "login")
    database.connection.execute(
        "UPDATE trail SET record = ?, digest = ? WHERE number = ?",
        (text, trailrows._digest(number, text), number),
    )
    database.close()
    assert any("no chain up to the newest" in doubt for doubt in tried.doubts())


def test_check_names_a_segment_or_a_key_that_is_not_the_logs(tried):
    path, key = tried.layout.segment(0), tried.layout.key("trail.ed25519")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"admin-person", b"other-person"))
    assert tried.doubts() == ["trail/0.jsonl: is not what the log says"]
    path.unlink()
    assert tried.doubts() == ["trail/0.jsonl: missing"]
    path.write_bytes(whole)
    (tried.layout.trail / "9.jsonl").write_bytes(whole)
    assert any(doubt.startswith("trail/9.jsonl:") for doubt in tried.doubts())
    (tried.layout.trail / "9.jsonl").unlink()
    key.write_text(key.read_text().replace("+", "-", 1))
    assert any(doubt.startswith("keys/trail.ed25519:") for doubt in tried.doubts())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b'{"salt":"","segment":0}\nx\n',
        SegmentFile(0, bytes(32), ()).to_bytes(),
        SegmentFile(0, bytes(32), (b"x",)).to_bytes()[:-1],
        SegmentFile(0, bytes(31), (b"x",)).to_bytes(),
        SegmentFile(0, bytes(32), (b"x",) * 1001).to_bytes(),
    ],
)
def test_what_is_no_segment_is_refused(data):
    with pytest.raises(FormatError):
        parse_segment(data)
