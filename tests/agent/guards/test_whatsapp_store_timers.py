# SPDX-License-Identifier: EUPL-1.2
"""Timers of chats, read from databases of WhatsApp that are made here."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.errors import StoreError
from lakzegel_agent.guards.base import Surroundings, Watched
from lakzegel_agent.guards.of_protobuf import number_of_field
from lakzegel_agent.guards.of_timers import moment_of, moment_since_2001, seconds_of
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.guards.whatsapp_store_timers import GUARD
from lakzegel_agent.stores.database import hurried, opened
from lakzegel_core.annex import Phone

from .builders import built_by, settle
from .conftest import NOW, Kept, Make, readings, states

WHATSAPP = built_by("conftest")
CHAT_STORAGE = built_by("stores/test_whatsapp_ios")
READOUT = built_by("readout/conftest")
ANDROID_BACKUP = built_by("readout/test_android_backup")
ENCRYPTED = built_by("readout/test_encrypted")
WEEK = 604_800
MONDAY = 1_710_144_000_000  # 11 March 2024, 08:00 UTC
SET_AT = datetime(2024, 3, 11, 8, tzinfo=UTC)
DB = "Bron 0/msgstore.db"
# columns of `chat` and `message_ephemeral_setting` as they came over the years
CHAT_2020 = ""
CHAT_2023 = "ephemeral_setting_timestamp INTEGER, ephemeral_disappearing_messages_initiator INTEGER"
CHAT_2026 = CHAT_2023 + ", ephemeral_after_read_duration INTEGER"
EVENTS_2020 = "message_row_id INTEGER PRIMARY KEY, setting_duration INTEGER"
EVENTS_2023 = EVENTS_2020 + ", setting_reason INTEGER, ephemeral_trigger INTEGER"
EVENTS_2026 = EVENTS_2023 + ", pre_setting_duration INTEGER, after_read_duration INTEGER"
GROUP, BAS, EVA = "120363@g.us", "31600000001@s.whatsapp.net", "31600000002@s.whatsapp.net"


def android(path: Path, chat: str = CHAT_2026, events: str = EVENTS_2026) -> sqlite3.Connection:
    """A store of one version, open for more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(WHATSAPP.NEW_SCHEMA)
    for column in filter(None, chat.split(", ")):
        db.execute(f"ALTER TABLE chat ADD COLUMN {column}")
    if events:
        db.execute(f"CREATE TABLE message_ephemeral_setting ({events})")
    return db


def event(
    db: sqlite3.Connection, chat: int, at: int, seconds: Any, *, sender: int = 1, mine: int = 0
) -> None:
    number = db.execute(
        "INSERT INTO message (chat_row_id, from_me, key_id, sender_jid_row_id, timestamp,"
        " message_type) VALUES (?, ?, 'K', ?, ?, 36)",
        (chat, mine, sender, at),
    ).lastrowid
    db.execute(
        "INSERT INTO message_ephemeral_setting (message_row_id, setting_duration) VALUES (?, ?)",
        (number, seconds),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Callable[..., sqlite3.Connection]]:
    made: list[sqlite3.Connection] = []

    def make(*args: str, path: str = "phone/msgstore.db") -> sqlite3.Connection:
        made.append(android(tmp_path / path, *args))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def phone(around: Make, tmp_path: Path) -> Callable[..., Surroundings]:
    def make(kind: str = "whatsapp-android", **changed: Any) -> Surroundings:
        return around((kind, tmp_path / "phone"), **changed)

    return make


@pytest.mark.parametrize(
    ("chat", "events"),
    [(CHAT_2020, ""), (CHAT_2020, EVENTS_2020), (CHAT_2023, EVENTS_2023), (CHAT_2026, EVENTS_2026)],
)
def test_a_chat_with_a_timer_is_drifted_in_every_version(store, phone, chat, events) -> None:
    store(chat, events)
    assert states(readings(GUARD, phone())) == {
        f"{DB} {BAS}": ("compliant", ""),
        f"{DB} {EVA}": ("compliant", ""),
        f"{DB} {GROUP}": ("drifted", "timer"),
    }


@pytest.mark.parametrize(
    ("seconds", "after_read", "found"),
    [
        (0, 0, ("compliant", "")),
        (None, None, ("compliant", "")),
        (86_400, None, ("drifted", "timer")),
        (7_776_000, 0, ("drifted", "timer")),
        (0, 3_600, ("drifted", "after-read")),
        (WEEK, 60, ("drifted", "timer")),
        ("een week", 0, ("unknown", "not-understood")),
        (0, "later", ("unknown", "not-understood")),
        (-1, 0, ("unknown", "not-understood")),
        (2**40, 0, ("unknown", "not-understood")),
        (2**60, 0, ("unknown", "not-understood")),
        (0.5, 0, ("unknown", "not-understood")),
        (b"\0", 0, ("unknown", "not-understood")),
    ],
)
def test_what_the_columns_say_decides(store, phone, seconds, after_read, found) -> None:
    store().execute(
        "UPDATE chat SET ephemeral_expiration = ?, ephemeral_after_read_duration = ? WHERE _id = 1",
        (seconds, after_read),
    )
    assert states(readings(GUARD, phone()))[f"{DB} {BAS}"] == found


def test_since_when_and_by_whom_come_from_the_events(store, phone) -> None:
    db = store()
    day = 86_400_000
    event(db, 3, MONDAY, 86_400, sender=2)
    event(db, 3, MONDAY + day, 0, mine=1)
    event(db, 3, MONDAY + 2 * day, 86_400, sender=2)
    event(db, 3, MONDAY + 3 * day, WEEK, mine=1)
    db.execute("UPDATE chat SET ephemeral_setting_timestamp = ?", (MONDAY + 3 * day,))
    (found,) = [one for one in readings(GUARD, phone()) if one.subject == f"{DB} {GROUP}"]
    assert found.since == SET_AT + timedelta(days=2)
    assert found.value == {
        "seconds": WEEK,
        "name": "Stukken",
        "set": "2024-03-14T08:00:00Z",
        "by": "self",
        "events": [
            {"at": "2024-03-11T08:00:00Z", "by": EVA, "seconds": 86_400},
            {"at": "2024-03-12T08:00:00Z", "by": "self", "seconds": 0},
            {"at": "2024-03-13T08:00:00Z", "by": EVA, "seconds": 86_400},
            {"at": "2024-03-14T08:00:00Z", "by": "self", "seconds": WEEK},
        ],
    }


def test_a_moment_that_lies_ahead_is_not_when_it_began(store, phone) -> None:
    ahead = int(NOW.timestamp() + 86_400) * 1000
    store().execute("UPDATE chat SET ephemeral_setting_timestamp = ? WHERE _id = 3", (ahead,))
    (found,) = [one for one in readings(GUARD, phone()) if one.subject == f"{DB} {GROUP}"]
    assert (found.reason, found.since) == ("timer", None)
    assert isinstance(found.value, dict)
    assert found.value["set"] == "2026-12-01T09:00:00Z"


def test_only_the_last_two_hundred_events_of_a_chat_are_told(store, phone) -> None:
    db = store()
    db.execute("BEGIN")
    for number in range(230):
        event(db, 1, MONDAY + number * 60_000, number % 2 * WEEK)
    db.execute("COMMIT")
    (found,) = [one for one in readings(GUARD, phone()) if one.subject == f"{DB} {BAS}"]
    assert isinstance(found.value, dict)
    assert len(found.value["events"]) == 200
    assert found.value["events"][-1] == {"at": "2024-03-11T11:49:00Z", "by": BAS, "seconds": WEEK}


@pytest.mark.parametrize(
    "script",
    [
        "ALTER TABLE chat DROP COLUMN ephemeral_expiration",
        "DROP TABLE chat",
        """DROP TABLE chat;
        CREATE TABLE chat_list (_id INTEGER PRIMARY KEY, key_remote_jid TEXT);
        CREATE TABLE messages (_id INTEGER PRIMARY KEY, key_remote_jid TEXT, timestamp INTEGER)""",
    ],
)
def test_a_schema_without_timers_is_unknown(store, phone, script) -> None:
    store().executescript(script)
    assert states(readings(GUARD, phone())) == {DB: ("unknown", "unknown-schema")}


def test_what_is_no_database_or_damaged_is_unknown(phone, store, tmp_path) -> None:
    db = store()
    db.close()
    whole = (tmp_path / "phone/msgstore.db").read_bytes()
    for wrong in (b"", b"SQLite format 3\0", whole[:5000], whole[:100] + b"\xff" * 4000):
        (tmp_path / "phone/msgstore.db").write_bytes(wrong)
        assert states(readings(GUARD, phone())) == {DB: ("unknown", "damaged")}


def test_a_link_is_not_followed(phone, store, tmp_path) -> None:
    store(path="elsewhere/msgstore.db")
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone/msgstore.db").symlink_to(tmp_path / "elsewhere/msgstore.db")
    assert readings(GUARD, phone()) == []


def test_what_a_writer_committed_to_its_log_counts(store, phone) -> None:
    db = store()
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("UPDATE chat SET ephemeral_expiration = 0")
    db.execute("UPDATE chat SET ephemeral_expiration = 60 WHERE _id = 2")
    found = states(readings(GUARD, phone()))
    assert (found[f"{DB} {GROUP}"][0], found[f"{DB} {EVA}"][0]) == ("compliant", "drifted")


def test_a_store_that_is_locked_makes_its_chats_unknown(
    store, phone, memory, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("lakzegel_agent.stores.database.BUSY", 0.05)
    monkeypatch.setattr("lakzegel_agent.guards.of_stores.PATIENCE", 0.2)
    db = store()
    settle(tmp_path / "phone", ago=1)
    look(phone(), memory)
    db.execute("BEGIN EXCLUSIVE")
    assert states(look(phone(), memory)) == {
        DB: ("unknown", "in-use"),
        f"{DB} {BAS}": ("unknown", "in-use"),
        f"{DB} {EVA}": ("unknown", "in-use"),
        f"{DB} {GROUP}": ("unknown", "in-use"),
    }
    db.execute("ROLLBACK")
    assert states(look(phone(), memory))[f"{DB} {BAS}"] == ("compliant", "")


def look(surroundings: Surroundings, memory: Kept) -> list[Any]:
    """A look of which the notes are kept."""
    notes = GuardNotes(memory, "test")
    found = readings(GUARD, replace(surroundings, notes=notes))
    memory.values |= dict(notes.named())
    return found


def test_a_store_that_did_not_change_is_not_opened_again(
    store, phone, memory, tmp_path, monkeypatch
) -> None:
    db = store()
    settle(tmp_path / "phone")
    first = look(phone(), memory)
    with monkeypatch.context() as patch:
        patch.setattr("lakzegel_agent.stores.opening.open_store", None)
        assert look(phone(), memory) == first
    db.execute("UPDATE chat SET ephemeral_expiration = 0")
    settle(tmp_path / "phone")
    assert states(look(phone(), memory))[f"{DB} {GROUP}"] == ("compliant", "")


def test_a_store_that_changed_just_now_is_opened_again(
    store, phone, memory, tmp_path, monkeypatch
) -> None:
    store()
    settle(tmp_path / "phone", ago=1)
    look(phone(), memory)

    def gone(*_: object) -> None:
        raise StoreError("damaged")

    monkeypatch.setattr("lakzegel_agent.stores.opening.open_store", gone)
    assert states(look(phone(), memory))[DB] == ("unknown", "damaged")


def test_notes_of_a_store_that_is_gone_go_too(store, phone, memory, tmp_path) -> None:
    store().close()
    look(phone(), memory)
    (tmp_path / "phone/msgstore.db").unlink()
    assert look(phone(), memory) == []
    assert memory.values["guards-notes-test"] == b"{}"


def test_notes_that_are_not_understood_are_made_anew(store, phone, memory) -> None:
    store()
    first = look(phone(), memory)
    for wrong in (b"", b"[]", b'{"mark":"","why":"","seen":[[1]],"more":null}'):
        notes = GuardNotes(memory, "test")
        for name in list(notes._notes):
            notes.put(name, wrong)
        assert readings(GUARD, phone(notes=notes)) == first


def test_a_private_chat_is_nobodys_business(store, phone) -> None:
    db = store()
    db.execute("UPDATE chat SET ephemeral_expiration = 60")
    listed = ("+31 6 0000 0001", "tel:+31600000002")
    found = states(readings(GUARD, phone(correspondents=listed[:1])))
    assert set(found) == {f"{DB} {EVA}", f"{DB} {GROUP}"}
    assert readings(GUARD, phone(correspondents=listed)) == []
    db.execute("INSERT INTO jid VALUES (9, '99', 'lid', '99@lid')")
    db.execute(
        "INSERT INTO message (chat_row_id, from_me, key_id, sender_jid_row_id)"
        " VALUES (3, 0, 'K', 9)"
    )
    assert set(states(readings(GUARD, phone(correspondents=listed)))) == {f"{DB} {GROUP}"}


def test_agreed_folders_and_other_paths_are_not_looked_into(store, around, tmp_path) -> None:
    for folder in ("phone/Privé", "phone/werk"):
        store(path=f"{folder}/msgstore.db")
    source = Watched("s", "Bron", "whatsapp-android", tmp_path / "phone")
    both = {one.subject.partition(" ")[0] for one in readings(GUARD, around(sources=(source,)))}
    assert both == {"Bron/Privé/msgstore.db", "Bron/werk/msgstore.db"}
    only = replace(source, only=lambda path: path.startswith("Privé".encode()))
    assert len(readings(GUARD, around(sources=(only,)))) == 3
    assert readings(GUARD, around(sources=(only,), excluded=("Privé",))) == []


def test_of_two_chats_of_one_name_the_worse_one_counts(store, phone) -> None:
    store().executescript(
        f"""INSERT INTO jid VALUES (7, '1', 's.whatsapp.net', '{BAS}');
        INSERT INTO chat (_id, jid_row_id, ephemeral_expiration) VALUES (7, 7, 60);"""
    )
    assert states(readings(GUARD, phone()))[f"{DB} {BAS}"] == ("drifted", "timer")


def test_more_chats_than_capture_takes_are_too_many(store, phone, monkeypatch) -> None:
    monkeypatch.setattr("lakzegel_agent.guards.of_seen.MAX_SEEN", 2)
    store()
    assert states(readings(GUARD, phone())) == {DB: ("unknown", "too-large")}


def test_a_look_whose_time_is_over_says_so(store, phone, monkeypatch) -> None:
    monkeypatch.setattr("lakzegel_agent.guards.of_stores.SECONDS", 0.0)
    store()
    assert states(readings(GUARD, phone())) == {DB: ("unknown", "too-slow")}


def test_a_query_that_outlasts_a_look_is_ended(store, tmp_path) -> None:
    db = store()
    db.execute("BEGIN")
    for number in range(2_000):
        event(db, 1, MONDAY + number, 60)
    db.execute("COMMIT")
    with (
        hurried(0.02),
        pytest.raises(StoreError, match="too-slow"),
        opened(os.fsencode(tmp_path / "phone/msgstore.db")) as found,
    ):
        found.execute("SELECT count(*) FROM message a, message b, message c").fetchall()


def test_feeds_have_no_timer(store, phone) -> None:
    db = store()
    db.execute("INSERT INTO jid VALUES (8, 'status', 'broadcast', 'status@broadcast')")
    db.execute("INSERT INTO chat (_id, jid_row_id) VALUES (8, 8)")
    assert len(readings(GUARD, phone())) == 3


def test_names_that_are_no_text_can_be_stated(store, phone) -> None:
    db = store()
    db.execute("UPDATE jid SET raw_string = CAST(x'80ff40' AS TEXT) WHERE _id = 1")
    db.execute("UPDATE jid SET raw_string = ? WHERE _id = 2", ("x" * 5000,))
    found = [one.subject for one in readings(GUARD, phone())]
    assert f"{DB} \\udc80\\udcff@" in found
    assert max(len(one) for one in found) < 500
    assert all(one.encode() for one in found)


# encrypted backups


@pytest.mark.parametrize("name", ["msgstore.db.crypt15"])
def test_an_encrypted_backup_is_read_with_its_key_and_else_unknown(
    store, phone, tmp_path, memory, name
) -> None:
    store(path="made/msgstore.db").close()
    target = tmp_path / "phone" / name
    target.parent.mkdir()
    target.write_bytes(ANDROID_BACKUP.encrypted((tmp_path / "made/msgstore.db").read_bytes()))
    settle(tmp_path / "phone")
    keys = tmp_path / "keys"
    keys.mkdir()
    backup = f"Bron 0/{name}"
    assert states(look(phone(), memory)) == {backup: ("unknown", "no-key")}
    assert states(look(phone(keys=keys), memory)) == {backup: ("unknown", "no-key")}
    key = keys / "Bron 0.key"
    key.write_text(bytes(32).hex())
    key.chmod(0o600)
    assert states(look(phone(keys=keys), memory)) == {backup: ("unknown", "no-key")}
    key.write_text(bytes(range(32)).hex())
    found = states(look(phone(keys=keys), memory))
    assert found[f"{backup} {GROUP}"] == ("drifted", "timer")
    target.write_bytes(target.read_bytes()[:-40])
    assert {reason for _, reason in states(look(phone(keys=keys), memory)).values()} == {"damaged"}


def test_an_encrypted_backup_that_is_huge_is_too_large(store, phone, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("lakzegel_agent.stores.whatsapp_crypt.MAX_BACKUP", 10)
    store(path="made/msgstore.db").close()
    (tmp_path / "phone").mkdir()
    data = ANDROID_BACKUP.encrypted((tmp_path / "made/msgstore.db").read_bytes())
    (tmp_path / "phone/msgstore.db.crypt15").write_bytes(data)
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys/Bron 0.key"
    key.write_text(bytes(range(32)).hex())
    key.chmod(0o600)
    found = states(readings(GUARD, phone(keys=tmp_path / "keys")))
    assert found == {"Bron 0/msgstore.db.crypt15": ("unknown", "too-large")}


# iPhone

EVENTS = "ALTER TABLE ZWAMESSAGE ADD COLUMN ZGROUPEVENTTYPE INTEGER;"
MARCH = 700_000_000  # 8 March 2023, 20:26:40 UTC
IOS = "Bron 0/ChatStorage.sqlite"
BERAAD = "31600000001-160@g.us"


def ios(path: Path, *scripts: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        for script in (CHAT_STORAGE.SCHEMA, CHAT_STORAGE.ROWS, *scripts):
            db.executescript(script)


def said(*events: tuple[int, int, str]) -> str:
    """SQL that adds events: (session, moment, text)."""
    return "".join(
        "INSERT INTO ZWAMESSAGE (ZISFROMME, ZMESSAGETYPE, ZGROUPEVENTTYPE, ZCHATSESSION,"
        f" ZGROUPMEMBER, ZMESSAGEDATE, ZTEXT) VALUES (0, 6, 26, {chat}, 4, {at}, {text});"
        for chat, at, text in events
    )


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["'604800'"], ("drifted", "timer")),
        (["'86400'"], ("drifted", "timer")),
        (["'604800'", "NULL"], ("compliant", "")),
        (["'604800'", "''"], ("compliant", "")),
        (["'604800'", "'0'"], ("compliant", "")),
        (["'0'", "'7776000'"], ("drifted", "timer")),
        (["'0'", "'een week'"], ("unknown", "not-understood")),
        (["'0'", "x'00'"], ("unknown", "not-understood")),
        (["'0'", "'99999999999'"], ("unknown", "not-understood")),
    ],
)
def test_the_last_event_of_a_session_decides(phone, tmp_path, texts, found) -> None:
    ios(
        tmp_path / "phone/ChatStorage.sqlite",
        EVENTS,
        said(*((2, MARCH + at, text) for at, text in enumerate(texts))),
    )
    assert states(readings(GUARD, phone("whatsapp-ios"))) == {
        f"{IOS} {BERAAD}": found,
        IOS: ("unknown", "events-only"),
    }


def test_an_event_tells_since_when_and_by_whom(phone, tmp_path) -> None:
    ios(
        tmp_path / "phone/ChatStorage.sqlite",
        EVENTS,
        said((2, MARCH + 60, "'604800'"), (2, MARCH, "'86400'")),  # synchronised later, but older
    )
    (found, _) = readings(GUARD, phone("whatsapp-ios"))
    assert found.since == datetime(2023, 3, 8, 20, 26, 40, tzinfo=UTC)
    assert found.value == {
        "seconds": WEEK,
        "name": "Beraad",
        "by": BAS,
        "events": [
            {"at": "2023-03-08T20:26:40Z", "by": BAS, "seconds": 86_400},
            {"at": "2023-03-08T20:27:40Z", "by": BAS, "seconds": WEEK},
        ],
    }


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ("x'A00280F524'", ("drifted", "timer")),
        ("x'0801A00280F524'", ("drifted", "timer")),
        ("x'A00200'", ("compliant", "")),
        ("x'0801'", ("unknown", "not-understood")),
        ("x'FFFF'", ("unknown", "not-understood")),
        ("NULL", ("unknown", "not-understood")),
    ],
)
def test_a_default_timer_is_in_the_items_metadata(phone, tmp_path, metadata, found) -> None:
    ios(
        tmp_path / "phone/ChatStorage.sqlite",
        EVENTS,
        "INSERT INTO ZWAMESSAGE (Z_PK, ZISFROMME, ZMESSAGETYPE, ZCHATSESSION, ZMESSAGEDATE)"
        f" VALUES (90, 1, 28, 1, {MARCH});"
        f"INSERT INTO ZWAMEDIAITEM (Z_PK, ZMESSAGE, ZMETADATA) VALUES (90, 90, {metadata});",
    )
    (one,) = [one for one in readings(GUARD, phone("whatsapp-ios")) if BAS in one.subject]
    assert (str(one.state), one.reason) == found
    assert isinstance(one.value, dict)
    assert one.value["events"][0]["default"] is True
    assert one.value["by"] == "self"


def test_a_chat_of_which_no_event_tells_is_not_said_to_be_right(phone, tmp_path) -> None:
    ios(tmp_path / "phone/ChatStorage.sqlite", EVENTS)
    assert states(readings(GUARD, phone("whatsapp-ios"))) == {IOS: ("unknown", "events-only")}
    everyone = ("+31600000001", "id:77@lid")
    assert readings(GUARD, phone("whatsapp-ios", correspondents=everyone)) == []


def test_private_sessions_and_removed_ones_are_left_out(phone, tmp_path) -> None:
    ios(tmp_path / "phone/ChatStorage.sqlite", EVENTS, said((1, MARCH, "'60'"), (4, MARCH, "'60'")))
    found = readings(GUARD, phone("whatsapp-ios", correspondents=("+31600000001",)))
    assert states(found) == {IOS: ("unknown", "events-only")}


def test_messages_without_a_type_are_an_unknown_schema(phone, tmp_path) -> None:
    ios(tmp_path / "phone/ChatStorage.sqlite")  # of before: without ZGROUPEVENTTYPE
    assert states(readings(GUARD, phone("whatsapp-ios"))) == {IOS: ("unknown", "unknown-schema")}


# phones' backups

PHONE = Phone(READOUT.SERIAL, "telefoon-1", datetime(2026, 7, 1, tzinfo=UTC), None)


@pytest.fixture
def backup(tmp_path: Path) -> Any:
    made = READOUT.IPhone(tmp_path / "phones" / READOUT.UDID, READOUT.SERIAL)
    place = made.add(*READOUT.CHATS)
    ios(place, EVENTS, said((2, MARCH, "'604800'")))
    made.status()
    return made


def read_out(around: Make, backup: Any, **changed: Any) -> Surroundings:
    apps = changed.pop("apps", ("whatsapp",))
    custody = changed.pop("custody", "telefoon-1")
    root = backup.folder.parent
    source = Watched("phone", "phone (telefoon-1)", "ios-backup", root, apps, custody)
    return around(sources=(source,), **{"phones": (PHONE,), **changed})


def test_a_backup_of_a_known_phone_is_looked_into(around, backup) -> None:
    (found, silent) = readings(GUARD, read_out(around, backup))
    assert (str(found.state), found.reason) == ("drifted", "timer")
    assert found.subject.startswith(f"phone (telefoon-1)/{READOUT.UDID}/7c/7c7fba")
    assert found.subject.endswith(BERAAD)
    assert silent.reason == "events-only"


@pytest.mark.parametrize(
    "changed",
    [{"apps": ("messages",)}, {"custody": "telefoon-2"}, {"custody": None}, {"phones": ()}],
)
def test_another_phone_or_app_is_not_looked_into(around, backup, changed) -> None:
    assert readings(GUARD, read_out(around, backup, **changed)) == []


def test_a_backup_that_is_not_finished_is_unknown(around, backup) -> None:
    backup.status("new")
    (found,) = readings(GUARD, read_out(around, backup))
    assert (str(found.state), found.reason) == ("unknown", "incomplete")


def test_an_encrypted_backup_needs_its_passphrase(around, backup, tmp_path) -> None:
    ENCRYPTED.encrypt(backup)
    keys = tmp_path / "keys"
    keys.mkdir()
    (found,) = readings(GUARD, read_out(around, backup, keys=keys))
    assert (str(found.state), found.reason) == ("unknown", "no-key")
    phrase = keys / "phone (telefoon-1).pass"
    phrase.write_bytes(ENCRYPTED.PHRASE)
    phrase.chmod(0o600)
    (found, _) = readings(GUARD, read_out(around, backup, keys=keys))
    assert (str(found.state), found.reason) == ("drifted", "timer")


def test_a_pull_of_an_android_phone_is_looked_into(around, store, tmp_path) -> None:
    store(path="pulls/een/WhatsApp/Databases/msgstore.db").close()
    (tmp_path / "pulls/een/serial").write_bytes(READOUT.SERIAL.encode())
    source = Watched("p", "Bron", "android-backup", tmp_path / "pulls", ("whatsapp",), "telefoon-1")
    settle(tmp_path / "pulls")
    found = states(readings(GUARD, around(sources=(source,), phones=(PHONE,))))
    assert found[f"Bron/een/WhatsApp/Databases/msgstore.db {GROUP}"] == ("drifted", "timer")
    assert readings(GUARD, around(sources=(source,))) == []


# untrusted bytes


@given(st.binary(max_size=64))
def test_no_bytes_make_a_protocol_buffer_fail(data: bytes) -> None:
    found = number_of_field(data, 36)
    assert found is None or 0 <= found < 2**70


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.binary()))
def test_no_value_makes_a_number_of_seconds_or_a_moment_fail(value: object) -> None:
    assert seconds_of(value) in (None, 0) or isinstance(value, int)
    for moment in (moment_of(value), moment_since_2001(value)):
        assert moment is None or moment.tzinfo is UTC
