# SPDX-License-Identifier: EUPL-1.2
"""Chat stores through the engine: conversations arrive, and nothing else of the phone does."""

import contextlib
import os
import sqlite3
import threading
from collections import defaultdict

import pytest

from lakzegel_agent.errors import StoreError
from lakzegel_agent.sealing import conversations
from lakzegel_agent.sealing.surveys import Survey, Surveyed, SurveyFailed, SurveyResult
from lakzegel_agent.stores.opening import key_of
from lakzegel_agent.surveymemory import pack, unpack

DAY = 86_400_000
MONDAY = 1_710_144_000_000
STORE = b"msgstore.db"
FIRST = b"msgstore.db.conversations/31600000001.s.whatsapp.net.jsonl"
SECOND = b"msgstore.db.conversations/31600000002.s.whatsapp.net.jsonl"
GROUP = b"msgstore.db.conversations/120363.g.us.jsonl"


@pytest.fixture
def phone(engine, whatsapp):
    engine.watch(reader="whatsapp-android")
    return whatsapp("docs/msgstore.db")


def counts(engine):
    return engine.ledger.counts()


def everything(archive):
    return b"\0".join(s.item.payload + repr(s.item.context).encode() for s in archive.items)


def segments(engine):
    return len(engine.archive().of_kind("segment"))


def test_each_conversation_is_a_file_below_its_store(engine, phone):
    phone.say(1, "Goedemorgen")
    phone.say(3, "Agenda")
    report = engine.capture()
    latest = engine.archive().latest()
    assert set(latest) == {FIRST, SECOND, GROUP}
    head, row = latest[FIRST].splitlines()
    assert b'"jid":"31600000001@s.whatsapp.net"' in head
    assert b"Goedemorgen" in row
    assert (report.sealed, report.failed) == (3, 0)
    assert counts(engine).reasons == {"as-conversations": 1}
    assert {s.item.context["reader"] for s in engine.archive().of_kind("capture")} == {
        "whatsapp-android"
    }


def test_nothing_but_conversations_leaves_the_phone(engine, phone):
    phone.say(1, "zakelijk")
    phone.say(2, "kanarie-prive")
    for number in range(400):
        phone.say(1, f"kanarie-gewist-{number}" * 5)
    phone.db.execute("DELETE FROM message WHERE text_data LIKE 'kanarie-gewist%'")
    phone.db.execute("INSERT INTO jid VALUES (8, 'x', 'y', 'kanarie-contact')")
    phone.db.execute(["CREATE TABLE other (a)", " INSERT INTO other"][0])
    phone.db.execute("INSERT INTO other VALUES ('kanarie-tabel')")
    phone.show(phone.say(1, "foto"), "Media/IMG-1.jpg")
    phone.show(phone.say(1, "foto"), "../DCIM/kanarie-pad.jpg")
    engine.write("Media/IMG-1.jpg", b"getoond")
    engine.write("Media/IMG-2.jpg", b"kanarie-media")
    engine.write("DCIM/kanarie.jpg", b"kanarie-camera")
    engine.write("other/chats.db", b"kanarie-app")
    (engine.root / "kanarie-map").mkdir()
    engine.watch(correspondents=("+31 6 00000002",))
    engine.capture()
    assert b"kanarie-gewist-7" in phone.path.read_bytes()
    archive = engine.archive()
    assert set(archive.latest()) == {FIRST, GROUP, b"Media/IMG-1.jpg"}
    told = everything(archive).replace(b"../DCIM/kanarie-pad.jpg", b"")  # the row's own words
    assert b"kanarie" not in told
    assert counts(engine).reasons == {"as-conversations": 1, "not-in-scope": 3, "private": 1}
    assert counts(engine).found == 8


def test_a_group_with_somebody_else_is_not_private(engine, phone):
    phone.say(3, "met een collega")
    engine.watch(correspondents=("+31600000002",))
    engine.capture()
    assert set(engine.archive().latest()) == {FIRST, GROUP}


def test_a_message_costs_its_day(engine, phone):
    for day in range(5):
        phone.say(1, f"dag {day}", at=MONDAY + day * DAY)
    engine.capture()
    before = segments(engine)
    phone.say(1, "nog een", at=MONDAY + 4 * DAY)
    engine.capture()
    assert segments(engine) == before + 1
    phone.say(1, "volgende dag", at=MONDAY + 5 * DAY)
    engine.capture()
    assert segments(engine) == before + 2
    assert len(engine.archive().versions()[FIRST]) == 3
    assert len(engine.archive().versions()[SECOND]) == 1


def test_a_store_that_is_as_it_was_is_not_surveyed_again(engine, phone):
    os.utime(phone.path, ns=(0, 0))
    engine.now = engine.now.replace(year=2030)
    engine.capture()
    asked = []
    ask = engine.pool.ask
    engine.pool.ask = lambda request: (asked.append(request), ask(request))
    assert engine.capture().batches == 0
    assert asked == []
    phone.say(1, "nieuw")
    engine.capture()
    assert len(asked) == 2


def test_what_a_writer_commits_to_its_log_is_captured(engine, phone):
    phone.db.execute("PRAGMA journal_mode = WAL")
    phone.say(1, "in het logboek")
    engine.capture()
    assert b"in het logboek" in engine.archive().latest()[FIRST]
    phone.say(1, "nog later")
    engine.capture()
    assert b"nog later" in engine.archive().latest()[FIRST]


@contextlib.contextmanager
def written_throughout(path):
    """A program that says one thing in two conversations, in one transaction, over and over."""
    stop, begun = threading.Event(), threading.Event()

    def write():
        db = sqlite3.connect(path, isolation_level=None)
        number = 0
        while not stop.is_set():
            db.execute("BEGIN")
            for chat in (1, 2):
                db.execute(
                    "INSERT INTO message (chat_row_id, timestamp, text_data) VALUES (?, ?, ?)",
                    (chat, MONDAY, f"paar {number}"),
                )
            db.execute("COMMIT")
            begun.set()
            number += 1
        db.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        yield
    finally:
        stop.set()
        writer.join()


def said_by_batch(engine):
    """Each batch, and how many pairs the conversations hold that were captured in it."""
    found = defaultdict(dict)
    archive = engine.archive()
    contents = {path: iter(versions) for path, versions in archive.versions().items()}
    for one in archive.of_kind("capture", "docs"):
        path = one.item.context["path"].encode()
        found[one.batch][path] = next(contents[path]).count(b"paar ")
    return dict(found)


def test_what_is_sealed_while_a_writer_writes_is_some_moment_of_it(engine, phone):
    engine.use(batch_limit=2**27)  # room for both, however much is written until they are sealed
    phone.db.execute("PRAGMA journal_mode = WAL")
    with written_throughout(phone.path):
        engine.capture()
    (said,) = (both for both in said_by_batch(engine).values() if FIRST in both)
    assert said[FIRST] == said[SECOND] > 0
    assert counts(engine).failed == 0


def test_conversations_of_one_batch_are_of_one_moment_and_of_a_later_batch_of_a_later(
    engine, phone
):
    engine.use(batch_limit=2**16)
    phone.db.execute("PRAGMA journal_mode = WAL")
    with written_throughout(phone.path):
        engine.capture()
    engine.capture()  # nobody writes: what is last is all there is
    by_batch = said_by_batch(engine)
    together = [said for said in by_batch.values() if FIRST in said and SECOND in said]
    assert all(said[FIRST] == said[SECOND] for said in together)
    for path in (FIRST, SECOND):
        told = [said[path] for said in by_batch.values() if path in said]
        assert told == sorted(told)
    latest = engine.archive().latest()
    rows = phone.db.execute("SELECT count(*) FROM message WHERE chat_row_id = 1")
    (written,) = rows.fetchone()
    assert [latest[path].count(b"paar ") for path in (FIRST, SECOND)] == [written, written]
    assert counts(engine).failed == 0


def test_a_conversation_that_is_gone_has_vanished_and_comes_back(engine, phone):
    phone.say(2, "tijdelijk")
    engine.capture()
    phone.db.execute("DELETE FROM chat WHERE _id = 2")
    assert engine.capture().vanished == 1
    (said,) = engine.archive().observations("vanished")
    assert [file["path"] for file in said["files"]] == [SECOND.decode()]
    phone.db.execute("INSERT INTO chat VALUES (2, 2, NULL, 0)")
    engine.capture()
    assert len(engine.archive().versions()[SECOND]) == 2


def test_a_store_that_cannot_be_read_has_failed_and_nothing_of_it_vanished(engine, phone):
    phone.show(phone.say(1, "foto"), "Media/IMG-1.jpg")
    engine.write("Media/IMG-1.jpg", b"getoond")
    engine.capture()
    whole = phone.path.read_bytes()
    phone.path.write_bytes(b"x" * len(whole))
    report = engine.capture()
    assert (report.failed, report.vanished) == (1, 0)
    assert counts(engine).reasons["damaged"] == 1
    phone.path.write_bytes(whole)
    report = engine.capture()
    assert (report.failed, report.sealed, report.vanished) == (0, 0, 0)
    assert counts(engine).failed == 0  # of its one version there is nothing that was not captured


def test_a_store_that_a_writer_holds_alone_is_locked_and_taken_later(engine, phone):
    phone.db.execute("PRAGMA locking_mode = EXCLUSIVE")
    phone.say(1, "vast")
    engine.capture()
    assert counts(engine).reasons == {"locked": 1, "part-of-store": 1}
    phone.db.execute("PRAGMA locking_mode = NORMAL")
    phone.say(1, "los")
    engine.capture()
    assert b"vast" in engine.archive().latest()[FIRST]


def test_an_encrypted_backup_without_a_key_has_failed_by_name(engine):
    engine.watch(reader="whatsapp-android")
    engine.write("msgstore.db.crypt15", bytes(1000))
    engine.capture()
    assert counts(engine).reasons == {"no-key": 1}


def test_a_conversation_larger_than_a_batch_goes_alone_in_one(engine, phone):
    for day in range(40):
        phone.say(1, os.urandom(40_000).hex(), at=MONDAY + day * DAY)
    engine.use(batch_limit=2**20)
    engine.capture()
    assert len(engine.archive().latest()[FIRST]) > 3 * 2**20


def test_a_conversation_that_changed_whole_though_its_size_did_not_is_sealed(engine, phone):
    for day in range(60):
        phone.say(1, f"{day:02d}" + "x" * 60_000, at=MONDAY + day * DAY)
    engine.use(batch_limit=2**27)
    engine.capture()
    phone.db.execute("UPDATE message SET from_me = 1")
    engine.capture()
    assert engine.archive().latest()[FIRST].count(b'"from_me":1') == 60
    assert counts(engine).failed == 0


def test_a_kill_between_survey_and_sealing_seals_it_later(engine, phone):
    phone.say(1, "eerst")
    engine.capture()
    stop = threading.Event()
    engine.stop, stop = stop, engine.stop
    engine.stop.set()
    phone.say(1, "daarna")
    engine.capture()
    engine.stop = stop
    engine.restart()
    engine.capture()
    assert b"daarna" in engine.archive().latest()[FIRST]


# raw


@pytest.fixture
def database(engine):
    engine.watch(reader="sqlite")
    db = sqlite3.connect(engine.root / "a.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t (number INTEGER PRIMARY KEY, text TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", ((n, "x" * 900) for n in range(2_000)))
    yield db
    db.close()


def restored(engine, path):
    path.write_bytes(engine.archive().latest()[b"a.db"])
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = db.execute("SELECT count(*), max(text) FROM t").fetchone()
    db.close()
    return rows


def test_a_raw_database_is_a_consistent_copy_with_its_log(engine, database, tmp_path):
    engine.capture()
    assert restored(engine, tmp_path / "copy.db") == (2_000, "x" * 900)
    assert counts(engine).reasons == {"part-of-store": 2}
    database.execute("UPDATE t SET text = 'z' WHERE number = 7")
    before = segments(engine)
    engine.capture()
    assert restored(engine, tmp_path / "copy2.db") == (2_000, "z")
    assert segments(engine) == before + 1
    assert not list(engine.home.rglob("*.db"))  # no plain copy anywhere


def test_a_raw_database_in_rollback_mode_and_any_other_file_are_captured(engine, tmp_path):
    engine.watch(reader="sqlite")
    db = sqlite3.connect(engine.root / "a.db", isolation_level=None)
    db.execute("CREATE TABLE t (text TEXT)")
    engine.write("b.db", b"geen databank")
    engine.write("b.db-wal", b"geen logboek")
    engine.write("c.txt", b"tekst")
    engine.capture()
    latest = engine.archive().latest()
    assert latest[b"a.db"] == (engine.root / "a.db").read_bytes()
    assert [latest[name] for name in (b"b.db", b"b.db-wal", b"c.txt")] == [
        b"geen databank",
        b"geen logboek",
        b"tekst",
    ]
    db.close()


def test_a_raw_database_is_consistent_while_a_writer_commits(engine, database, tmp_path):
    stop = threading.Event()

    def write():
        db = sqlite3.connect(engine.root / "a.db", isolation_level=None, timeout=30)
        number = 2_000
        while not stop.is_set():
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO t VALUES (?, ?)", (number, "y" * 2_000))
            db.execute("UPDATE t SET text = 'w' || text WHERE number % 97 = ?", (number % 97,))
            db.execute("COMMIT")
            number += 1
            stop.wait(0.002)
        db.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(4):
            engine.capture()
    finally:
        stop.set()
        writer.join()
    for number, data in enumerate(engine.archive().versions()[b"a.db"]):
        copy = tmp_path / f"{number}.db"
        copy.write_bytes(data)
        db = sqlite3.connect(copy)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


def test_what_is_remembered_of_a_survey_comes_back():
    one = Surveyed(b"a/\xff", "a", 3, 2, 1, b"m" * 16, frozenset({"tel:+31600000001"}), (b"\xfe",))
    two = replace_people(one)
    assert unpack(pack(b"mark", [one, two])) == (b"mark", (one, two))
    assert unpack(None) == (b"", ())


def replace_people(one):
    return one._replace(people=None)


@pytest.mark.parametrize(
    ("digits", "mode", "taken"), [(64, 0o600, True), (64, 0o644, False), (62, 0o600, False)]
)
def test_a_key_is_64_digits_that_nobody_else_may_read(tmp_path, digits, mode, taken):
    path = tmp_path / "phone.key"
    path.write_text("0a" * (digits // 2) + "\n")
    path.chmod(mode)
    if taken:
        assert key_of(path) == b"\x0a" * 32
    else:
        with pytest.raises(StoreError, match="no-key"):
            key_of(path)


class Busy:
    """A store whose log is begun anew so often while it is read."""

    def __init__(self, times):
        self.times = times
        self.opened = 0

    @contextlib.contextmanager
    def __call__(self, _source, _path):
        self.opened += 1
        yield self

    def conversations(self):
        if self.opened <= self.times:
            raise StoreError("locked")
        return iter(())


@pytest.mark.parametrize(("times", "patience"), [(0, 9.0), (3, 9.0), (3, 0.0)])
def test_a_store_that_is_written_throughout_is_tried_again(monkeypatch, times, patience):
    monkeypatch.setattr(conversations, "PAUSE", 0.0)
    monkeypatch.setattr(conversations, "PATIENCE", patience)
    found = conversations.Conversations(None, None)
    store = Busy(times)
    monkeypatch.setattr(found, "_open", store)
    answer = found.survey(Survey(7, 0, b"a.sqlite"))
    if patience:
        assert answer == SurveyResult(7, ())
        assert store.opened == times + 1
    else:
        assert answer == SurveyFailed(7, "locked")
