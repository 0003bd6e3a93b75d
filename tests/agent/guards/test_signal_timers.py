# SPDX-License-Identifier: EUPL-1.2
"""Timers of conversations, read from databases of Signal Desktop that are made here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.errors import StoreError
from lakzegel_agent.guards.base import Reading, Surroundings
from lakzegel_agent.guards.of_timers_signal import Log
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.guards.signal_timers import GUARD

from .builders import built_by, settle
from .conftest import Kept, Make, readings, states

pytest.importorskip("sqlcipher3")

SIGNAL = built_by("stores/test_signal_desktop")
DB = "Bron 0/sql/db.sqlite"
WEEK = 604_800
MARCH = 1_678_233_600_000  # 8 March 2023, 00:00 UTC
AT = datetime(2023, 3, 8, tzinfo=UTC)
COMPLIANT, TIMER, ODD = ("compliant", ""), ("drifted", "timer"), ("unknown", "not-understood")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "Signal"
    (home / "sql").mkdir(parents=True)
    (home / "config.json").write_text(json.dumps({"key": SIGNAL.KEY}))
    SIGNAL.change(home, SIGNAL.SCHEMA, SIGNAL.ROWS)
    return home


@pytest.fixture
def signal(around: Make, home: Path) -> Callable[..., Surroundings]:
    return lambda **changed: around(("signal-desktop", home), **changed)


def set_timer(home: Path, chat: str, text: str) -> None:
    SIGNAL.change(home, f"UPDATE conversations SET json = '{text}' WHERE id = '{chat}'")


def notice(number: int, chat: str, update: dict[str, Any] | None, at: int = MARCH) -> str:
    """SQL of a message that says that a timer was set."""
    text = json.dumps({} if update is None else {"expirationTimerUpdate": update})
    return (
        "INSERT INTO messages (rowid, id, json, sent_at, conversationId, type) VALUES"
        f" ({number}, 'n{number}', '{text}', {at}, '{chat}', 'timer-notification');"
    )


def of(found: list[Reading], chat: str) -> Reading:
    (one,) = [one for one in found if one.subject == f"{DB} {chat}"]
    return one


def look(surroundings: Surroundings, memory: Kept) -> list[Reading]:
    """A look of which the notes are kept."""
    notes = GuardNotes(memory, "test")
    found = readings(GUARD, replace(surroundings, notes=notes))
    memory.values |= dict(notes.named())
    return found


def test_each_conversation_with_a_message_and_the_default_has_a_state(signal, home) -> None:
    set_timer(home, "c-group", json.dumps({"expireTimer": WEEK, "expireTimerVersion": 3}))
    assert states(readings(GUARD, signal())) == {
        f"{DB} default": COMPLIANT,
        f"{DB} c-bas": COMPLIANT,
        f"{DB} c-group": TIMER,
        f"{DB} c-self": COMPLIANT,
        f"{DB} c-empty": COMPLIANT,  # a story
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{}", COMPLIANT),
        ('{"expireTimer":0}', COMPLIANT),
        ('{"expireTimer":null}', COMPLIANT),
        ('{"expireTimer":30}', TIMER),
        ('{"expireTimer":2419200,"expireTimerVersion":7}', TIMER),
        ('{"expireTimer":"30"}', ODD),
        ('{"expireTimer":true}', ODD),
        ('{"expireTimer":30.5}', ODD),
        ('{"expireTimer":-1}', ODD),
        ('{"expireTimer":99999999999}', ODD),
        ("", ODD),
        ("[]", ODD),
        ('{"expireTimer":3', ODD),
        ("[" * 5000, ODD),
    ],
)
def test_what_a_conversations_json_says_decides(signal, home, text, found) -> None:
    set_timer(home, "c-bas", text)
    assert states(readings(GUARD, signal()))[f"{DB} c-bas"] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"id":"universalExpireTimer","value":0}', COMPLIANT),
        ('{"id":"universalExpireTimer","value":null}', COMPLIANT),
        ('{"id":"universalExpireTimer","value":2419200}', TIMER),
        ('{"id":"universalExpireTimer","value":"4 weken"}', ODD),
        ('{"id":"universalExpireTimer"}', ODD),
        ("2419200", ODD),
        ("", ODD),
    ],
)
def test_the_accounts_default_is_a_subject_of_its_own(signal, home, text, found) -> None:
    SIGNAL.change(home, f"INSERT INTO items VALUES ('universalExpireTimer', '{text}')")
    assert states(readings(GUARD, signal()))[f"{DB} default"] == found


def test_since_when_and_by_whom_come_from_the_notices(signal, home) -> None:
    day = 86_400_000
    set_timer(home, "c-bas", json.dumps({"expireTimer": WEEK}))
    SIGNAL.change(
        home,
        notice(20, "c-bas", {"expireTimer": 30, "source": "+31600000001"}),
        notice(21, "c-bas", {"sourceServiceId": SIGNAL.SELF, "fromSync": True}, MARCH + day),
        notice(22, "c-bas", {"expireTimer": 60, "sourceServiceId": SIGNAL.BAS}, MARCH + 2 * day),
        notice(23, "c-bas", {"expireTimer": WEEK, "sourceServiceId": SIGNAL.SELF}, MARCH + 3 * day),
        notice(24, "c-eva", {"expireTimer": 1}),
    )
    found = of(readings(GUARD, signal()), "c-bas")
    assert found.since == AT + timedelta(days=2)
    assert found.value == {
        "seconds": WEEK,
        "name": "Bas",
        "by": "self",
        "events": [
            {"at": "2023-03-08T00:00:00Z", "by": "+31600000001", "seconds": 30},
            {"at": "2023-03-09T00:00:00Z", "by": "self", "seconds": 0},
            {"at": "2023-03-10T00:00:00Z", "by": SIGNAL.BAS, "seconds": 60},
            {"at": "2023-03-11T00:00:00Z", "by": "self", "seconds": WEEK},
        ],
    }


def test_a_conversation_with_a_timer_and_no_message_left_is_told(signal, home) -> None:
    SIGNAL.change(home, "DELETE FROM messages WHERE conversationId = 'c-bas'")
    assert f"{DB} c-bas" not in states(readings(GUARD, signal()))
    set_timer(home, "c-bas", '{"expireTimer":30}')
    assert states(readings(GUARD, signal()))[f"{DB} c-bas"] == TIMER


def test_a_notice_without_an_update_is_told_as_not_understood(signal, home) -> None:
    SIGNAL.change(home, notice(20, "c-bas", None), notice(21, "c-bas", {"expireTimer": "x"}))
    value = of(readings(GUARD, signal()), "c-bas").value
    assert isinstance(value, dict)
    assert [event["seconds"] for event in value["events"]] == [None, None]


def test_messages_are_looked_through_once_and_a_while_at_a_time(
    signal, home, memory, monkeypatch
) -> None:
    asked: list[int] = []
    kinds = Log.go_on

    def counted(self: Log, store: Any, **more: float) -> None:
        asked.append(self.at)
        kinds(self, store, **more)

    monkeypatch.setattr(Log, "go_on", counted)
    SIGNAL.change(home, notice(20, "c-bas", {"expireTimer": 30}))
    look(signal(), memory)
    SIGNAL.change(home, notice(21, "c-bas", {"expireTimer": 60}))
    value = of(look(signal(), memory), "c-bas").value
    assert asked == [0, 20]
    assert isinstance(value, dict)
    assert [event["seconds"] for event in value["events"]] == [30, 60]
    SIGNAL.change(home, "DELETE FROM messages WHERE rowid > 10", notice(11, "c-bas", {}))
    value = of(look(signal(), memory), "c-bas").value
    assert isinstance(value, dict)
    assert [event["seconds"] for event in value["events"]] == [0]


def test_without_time_it_goes_on_at_the_next_look(home) -> None:
    SIGNAL.change(home, notice(20, "c-bas", {"expireTimer": 30}))
    log = Log()
    with SIGNAL.STORE.open(bytes(home), b"sql/db.sqlite") as store:
        log.go_on(store, seconds=-1)
        assert (log.at, log.events) == (0, {})
        log.go_on(store)
        assert (log.at, len(log.of("c-bas"))) == (20, 1)
    assert Log.unpacked(json.loads(json.dumps(log.packed()))) == log


@given(
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["at", "events", "c"]), inner, max_size=3),
        ),
        max_leaves=8,
    )
)
def test_no_notes_make_a_look_fail(kept: object) -> None:
    assert Log.unpacked(kept).at >= 0 or isinstance(kept, dict)


def test_a_database_that_did_not_change_is_not_opened_again(
    signal, home, memory, monkeypatch
) -> None:
    settle(home)
    first = look(signal(), memory)
    monkeypatch.setattr("lakzegel_agent.stores.opening.open_store", None)
    assert look(signal(), memory) == first


def test_without_a_key_what_was_known_is_unknown(signal, home, memory) -> None:
    look(signal(), memory)
    (home / "config.json").write_text(json.dumps({"key": "f" * 64}))
    found = states(look(signal(), memory))
    assert found[DB] == ("unknown", "no-key")
    assert found[f"{DB} c-bas"] == ("unknown", "no-key")
    (home / "config.json").unlink()
    assert set(states(look(signal(), memory)).values()) == {("unknown", "no-key")}


def test_a_keyring_that_was_locked_is_asked_again(signal, home, memory, monkeypatch) -> None:
    settle(home)

    def locked(*_: object) -> None:
        raise StoreError("no-key")

    with monkeypatch.context() as patch:
        patch.setattr("lakzegel_agent.stores.opening.open_store", locked)
        assert states(look(signal(), memory)) == {DB: ("unknown", "no-key")}
    assert states(look(signal(), memory))[f"{DB} c-bas"] == COMPLIANT


def test_a_device_without_the_library_says_so(signal, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sqlcipher3.dbapi2", None)
    assert states(readings(GUARD, signal())) == {DB: ("unknown", "no-library")}


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("DROP TABLE conversations", {DB: ("unknown", "unknown-schema")}),
        ("ALTER TABLE conversations DROP COLUMN json", {DB: ("unknown", "unknown-schema")}),
    ],
)
def test_another_schema_is_unknown(signal, home, script, found) -> None:
    SIGNAL.change(home, script)
    assert states(readings(GUARD, signal())) == found


def test_without_items_the_default_alone_is_unknown(signal, home) -> None:
    SIGNAL.change(home, "DROP TABLE items")
    found = states(readings(GUARD, signal()))
    assert found[f"{DB} default"] == ("unknown", "unknown-schema")
    assert found[f"{DB} c-bas"] == COMPLIANT


def test_what_is_damaged_is_unknown(signal, home) -> None:
    path = home / "sql/db.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert states(readings(GUARD, signal()))[DB][0] == "unknown"
    path.write_bytes(b"")
    assert states(readings(GUARD, signal()))[DB][0] == "unknown"


def test_private_conversations_are_left_out(signal, home) -> None:
    for chat in ("c-bas", "c-group"):
        set_timer(home, chat, '{"expireTimer":30}')
    found = states(readings(GUARD, signal(correspondents=("+31600000001",))))
    assert f"{DB} c-bas" not in found
    assert f"{DB} c-group" in found  # Eva wrote in it and left
    both = ("+31600000001", f"id:{SIGNAL.EVA}")
    assert f"{DB} c-group" not in states(readings(GUARD, signal(correspondents=both)))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("signal-2026-11-20-03-00-01.backup", {"Bron 0": ("unknown", "no-key")}),
        ("map/signal-2026-11-20-03-00-01.backup", {"Bron 0": ("unknown", "no-key")}),
        ("Privé/signal-2026-11-20-03-00-01.backup", {}),
        ("notes.backup", {}),
    ],
)
def test_a_backup_of_a_phone_is_closed(around, tmp_path, name, found) -> None:
    path = tmp_path / "backups" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\0")
    source = ("signal-android-backup", tmp_path / "backups")
    assert states(readings(GUARD, around(source, excluded=("Privé",)))) == found


def test_a_folder_of_backups_that_cannot_be_looked_through_is_unknown(
    around, tmp_path, monkeypatch
) -> None:
    (tmp_path / "backups").mkdir()
    real = os.scandir

    def refused(path):
        if os.fsencode(path).endswith(b"/backups"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refused)
    source = ("signal-android-backup", tmp_path / "backups")
    assert states(readings(GUARD, around(source))) == {"Bron 0": ("unknown", "unreadable")}


def test_where_signal_is_not_there_is_nothing_to_guard(around, tmp_path) -> None:
    (tmp_path / "leeg").mkdir()
    assert readings(GUARD, around(("signal-desktop", tmp_path / "leeg"))) == []
