# SPDX-License-Identifier: EUPL-1.2
"""Databases that somebody damaged or made up: no look fails, whatever they hold."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.guards.base import Surroundings, Watched
from lakzegel_agent.guards.places import Files
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.guards.whatsapp_store_timers import GUARD

from .builders import built_by
from .conftest import NOW, Kept, policy, readings

WHATSAPP = built_by("conftest")
CHAT_STORAGE = built_by("stores/test_whatsapp_ios")
ANDROID = (
    WHATSAPP.NEW_SCHEMA,
    """CREATE TABLE message_ephemeral_setting (message_row_id INTEGER PRIMARY KEY,
      setting_duration INTEGER, after_read_duration INTEGER);
    INSERT INTO message VALUES (1, 3, 0, 'K', 1, 1710144000000, 36, NULL);
    INSERT INTO message_ephemeral_setting VALUES (1, 604800, 0);""",
)
IPHONE = (
    CHAT_STORAGE.SCHEMA,
    CHAT_STORAGE.ROWS,
    """ALTER TABLE ZWAMESSAGE ADD COLUMN ZGROUPEVENTTYPE INTEGER;
    INSERT INTO ZWAMESSAGE (Z_PK, ZMESSAGETYPE, ZGROUPEVENTTYPE, ZCHATSESSION, ZTEXT)
      VALUES (90, 6, 26, 1, '604800'), (91, 28, NULL, 2, NULL);
    INSERT INTO ZWAMEDIAITEM (Z_PK, ZMESSAGE, ZMETADATA) VALUES (91, 91, x'A00280F524');""",
)
STORES = {
    "whatsapp-android": ("msgstore.db", ANDROID),
    "whatsapp-ios": ("ChatStorage.sqlite", IPHONE),
}
# what SQLite keeps in a column of any type
VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(), st.binary(max_size=40)
)


@cache
def whole(kind: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as db:
        for script in STORES[kind][1]:
            db.executescript(script)
        return db.serialize()


def look(kind: str, data: bytes, change: Callable[[sqlite3.Connection], object]) -> set[str]:
    """Look into a store of these bytes, once it was changed; return the states."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / STORES[kind][0]
        path.write_bytes(data)
        with closing(sqlite3.connect(path)) as db:
            change(db)
            db.commit()
        surroundings = Surroundings(
            home=Path(folder),
            system=Path(folder),
            platform="linux",
            now=NOW,
            sources=(Watched("s", "Bron", kind, Path(folder)),),
            domains=frozenset(),
            places={"file": Files()},
            notes=GuardNotes(Kept(), "test"),
            policy=policy(),
            correspondents=("+31600000001",),
        )
        return {str(one.state) for one in readings(GUARD, surroundings)}


def test_what_is_damaged_here_is_whole_before_it() -> None:
    assert look("whatsapp-android", whole("whatsapp-android"), _nothing) == {"compliant", "drifted"}
    assert look("whatsapp-ios", whole("whatsapp-ios"), _nothing) == {"drifted"}


def _nothing(_: sqlite3.Connection) -> None:
    pass


@pytest.mark.parametrize("kind", sorted(STORES))
@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(16, 10**6), st.integers(0, 255)), max_size=6),
    end=st.integers(0, 10**6),
)
def test_no_damage_makes_a_look_fail(kind: str, places: list[tuple[int, int]], end: int) -> None:
    data = bytearray(whole(kind))
    for place, byte in places:
        data[16 + place % (len(data) - 16)] = byte
    cut = data[: max(16, end % (2 * len(data)))]
    look(kind, bytes(cut), _nothing)


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES, VALUES, VALUES)
def test_no_value_of_android_makes_a_look_fail(
    seconds: object, after: object, at: object, who: object
) -> None:
    def change(db: sqlite3.Connection) -> None:
        db.execute("UPDATE chat SET ephemeral_expiration = ?, subject = ?", (seconds, who))
        db.execute("UPDATE message_ephemeral_setting SET setting_duration = ?", (after,))
        db.execute("UPDATE message SET timestamp = ?, from_me = ?", (at, who))
        db.execute("UPDATE jid SET raw_string = ? WHERE _id = 1", (who,))

    states = look("whatsapp-android", whole("whatsapp-android"), change)
    if isinstance(seconds, int) and 0 < seconds < 2**31:
        assert "drifted" in states
    elif isinstance(seconds, int) and seconds:
        assert states == {"unknown"}


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES, VALUES, VALUES)
def test_no_value_of_an_iphone_makes_a_look_fail(
    text: object, at: object, metadata: object, who: object
) -> None:
    def change(db: sqlite3.Connection) -> None:
        db.execute("UPDATE ZWAMESSAGE SET ZTEXT = ?, ZMESSAGEDATE = ?", (text, at))
        db.execute("UPDATE ZWAMEDIAITEM SET ZMETADATA = ?", (metadata,))
        db.execute("UPDATE ZWACHATSESSION SET ZPARTNERNAME = ?, ZREMOVED = ?", (who, who))
        db.execute("UPDATE ZWACHATSESSION SET ZCONTACTJID = ? WHERE Z_PK = 1", (who,))
        db.execute("UPDATE ZWAGROUPMEMBER SET ZMEMBERJID = ?", (who,))

    look("whatsapp-ios", whole("whatsapp-ios"), change)
