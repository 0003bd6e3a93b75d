# SPDX-License-Identifier: EUPL-1.2
"""What a read-out's certificate says, and when it is sealed."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_agent.correspondents import agreed
from lakzegel_agent.readoutcertificate import ReadSource, certify

NOW = datetime(2026, 11, 20, 17, 41, 12, tzinfo=UTC)
LABEL = "phone (telefoon-1)"


@pytest.fixture
def read_out(engine):
    """Capture, certify, seal; return the certificates that are sealed by now, and the new ones."""

    def run(now=NOW):
        engine.capture()
        source = ReadSource(LABEL, engine.source.gate, agreed(engine.source.correspondents))
        new = certify(engine.ledger, source, now)
        engine.capture()
        said = [
            s.payload
            for s in engine.archive().of_kind("observation", LABEL)
            if s.payload["type"] == "readout"
        ]
        return said, new

    return run


def test_it_says_when_which_app_which_days_and_how_much(iphone, watch, ours, read_out):
    phone = iphone()
    watch(ours)
    said, new = read_out()
    assert said == [
        {
            "type": "readout",
            "custody": "telefoon-1",
            "backup": "2026-11-20T17:04:00Z",
            "read": "2026-11-20T17:41:12Z",
            "complete": True,
            "left_out": 5,
            "apps": [
                {
                    "app": "messages",
                    "complete": True,
                    "why": "",
                    "conversations": 1,
                    "private": 1,
                    "failed": 0,
                    "messages": 2,
                    "media": 1,
                    "absent": 0,
                    "from": "2023-03-08",
                    "until": "2023-03-10",
                },
                {
                    "app": "whatsapp",
                    "complete": True,
                    "why": "",
                    "conversations": 1,
                    "private": 1,
                    "failed": 0,
                    "messages": 1,
                    "media": 1,
                    "absent": 0,
                    "from": "2023-03-08",
                    "until": "2023-03-08",
                },
            ],
        }
    ]
    assert [(one.made, one.complete) for one in new] == [(phone.made, True)]


def test_the_same_backup_is_certified_once_and_the_next_one_again(iphone, watch, ours, read_out):
    phone = iphone()
    watch(ours)
    read_out()
    assert read_out(NOW + timedelta(hours=1))[1] == []
    phone.status(made=phone.made + timedelta(days=7))
    watch(ours)
    said, new = read_out(NOW + timedelta(days=7))
    assert len(new) == 1
    assert [one["backup"] for one in said] == ["2026-11-20T17:04:00Z", "2026-11-27T17:04:00Z"]


def test_what_could_not_be_read_is_said_with_its_reason(iphone, watch, ours, read_out):
    phone = iphone()
    phone.place(*phone.chats).unlink()
    phone.place(*phone.sms).write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    watch(ours)
    (said,), (new,) = read_out()
    assert not said["complete"]
    assert not new.complete
    assert [(app["app"], app["why"], app["from"]) for app in said["apps"]] == [
        ("messages", "damaged", None),
        ("whatsapp", "not-there", None),
    ]


def test_a_read_out_that_is_mended_is_certified_anew(iphone, watch, ours, read_out):
    phone = iphone()
    phone.plist("Manifest.plist", {"IsEncrypted": True})
    watch(ours)
    read_out()
    phone.plist("Manifest.plist", {"IsEncrypted": False})
    said, _ = read_out()
    assert [one["complete"] for one in said] == [False, True]
    assert {app["why"] for app in said[0]["apps"]} == {"no-key"}


def test_media_that_a_chat_shows_and_the_backup_lacks_are_counted(iphone, watch, ours, read_out):
    phone = iphone()
    phone.place(phone.chats[0], "Message/Media/foto.jpg").unlink()
    watch(ours)
    (said,), _ = read_out()
    assert [(app["media"], app["absent"]) for app in said["apps"]] == [(1, 0), (0, 1)]


def test_no_certificate_of_a_backup_under_way_or_of_an_unknown_phone(iphone, watch, ours, read_out):
    phone = iphone()
    phone.status("uploading")
    stranger = iphone("f" * 40, "C39TEST0002")
    watch(ours)
    assert read_out() == ([], [])
    assert stranger.folder.exists()


def test_a_phone_whose_clock_is_ahead_was_not_read_out_in_the_future(iphone, watch, ours, read_out):
    phone = iphone()
    phone.status(made=NOW + timedelta(days=300))
    watch(ours)
    (said,), (new,) = read_out()
    assert new.made == NOW
    assert said["backup"].startswith("2027-")


def test_it_names_nobody(iphone, watch, ours, read_out):
    phone = iphone()
    with closing(sqlite3.connect(phone.place(*phone.sms))) as db:
        db.execute("UPDATE chat SET guid = 'kanarie'")
        db.commit()
    watch(ours)
    (said,), _ = read_out()
    assert not any(word in str(said) for word in ("kanarie", "316", phone.whose, "00008030"))
