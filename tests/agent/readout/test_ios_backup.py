# SPDX-License-Identifier: EUPL-1.2
"""A backup of an iPhone through the engine: two apps' chats arrive, and nothing else does."""

import os
import plistlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.appleplists import parse_plist
from lakzegel_agent.stores.ios_backup import STORE

LABEL = "phone (telefoon-1)"
ANOTHER = "f" * 40
ANOTHER_SERIAL = "C39TEST0002"
SESSION = "1-5269635c35c37310"


def reasons(engine):
    return engine.ledger.counts().reasons


def test_two_apps_chats_and_their_media_arrive_and_no_canary_does(
    engine, iphone, watch, ours, office
):
    phone = iphone()
    watch(ours)
    engine.capture()
    archive = engine.archive()
    names = set(archive.latest(LABEL))
    talks = {name for name in names if name.endswith(b".jsonl")}
    assert len(talks) == 2
    shown = [
        phone.place("MediaDomain", "Library/SMS/Attachments/foto.heic"),
        phone.place(phone.chats[0], "Message/Media/foto.jpg"),
    ]
    assert names - talks == {os.fsencode(place.relative_to(engine.root)) for place in shown}
    told = office(archive)
    assert all(word in told for word in (b"Goedemorgen", b"Agenda", b"getoond-sms"))
    assert b"kanarie" not in told
    assert {s.item.source for s in archive.items} <= {LABEL, "device"}


def test_everything_else_is_counted(engine, iphone, watch, ours):
    iphone()
    watch(ours)
    engine.capture()
    assert reasons(engine) == {
        "as-conversations": 2,
        "part-of-store": 4,
        "private": 2,
        "not-in-scope": 5,
    }


def test_only_the_apps_of_the_policy_are_read(engine, iphone, watch, ours, office):
    iphone()
    watch(ours, apps=("whatsapp",))
    engine.capture()
    told = office(engine.archive())
    assert b"Agenda" in told
    assert b"Goedemorgen" not in told
    assert b"getoond-sms" not in told
    assert reasons(engine)["as-conversations"] == 1


@pytest.mark.parametrize("state", ["uploading", "new", None])
def test_a_backup_that_is_not_finished_is_not_read_and_takes_nothing_back(
    engine, iphone, watch, ours, state, office
):
    phone = iphone()
    watch(ours)
    engine.capture()
    before = len(engine.archive().of_kind("capture"))
    if state is None:
        (phone.folder / "Status.plist").unlink()
    else:
        phone.status(state)
    with closing(sqlite3.connect(phone.place(*phone.sms))) as db:
        db.execute("INSERT INTO message VALUES (9, 'half', 1, 700172800, 0)")
        db.execute("INSERT INTO chat_message_join VALUES (1, 9)")
        db.commit()
    engine.capture()
    archive = engine.archive()
    assert len(archive.of_kind("capture")) == before
    assert archive.observations("vanished") == []
    if state is not None:
        assert reasons(engine)["incomplete"] == 1
    phone.status(made=phone.made + timedelta(days=7))
    engine.capture()
    assert b"half" in office(engine.archive())


def test_an_encrypted_backup_without_its_passphrase_is_told_as_such(engine, iphone, watch, ours):
    phone = iphone()
    phone.plist("Manifest.plist", {"IsEncrypted": True, "BackupKeyBag": b"x", "ManifestKey": b"x"})
    watch(ours)
    engine.capture()
    assert reasons(engine)["no-key"] == 2
    assert engine.archive().of_kind("capture") == []


def test_a_database_that_the_manifest_does_not_list_is_not_read(engine, iphone, watch, ours):
    phone = iphone()
    with phone.manifest() as db:
        db.execute("UPDATE Files SET domain = 'CameraRollDomain' WHERE domain = 'HomeDomain'")
    watch(ours)
    engine.capture()
    assert reasons(engine)["no-store"] == 1


def test_a_snapshot_under_way_and_older_copies_are_no_backups(engine, iphone, watch, ours):
    phone = iphone()
    half = phone.folder / "Snapshot" / phone.place(*phone.sms).relative_to(phone.folder)
    half.parent.mkdir(parents=True)
    half.write_bytes(phone.place(*phone.sms).read_bytes())
    watch(ours)
    engine.capture()
    assert len({s.item.context.get("path") for s in engine.archive().of_kind("capture")}) == 4


# whose phone


def test_a_phone_that_the_policy_does_not_know_is_not_read(engine, iphone, watch, ours, office):
    iphone()
    stranger = iphone(ANOTHER, ANOTHER_SERIAL)
    with closing(sqlite3.connect(stranger.place(*stranger.sms))) as db:
        db.execute("UPDATE message SET text = 'vreemd'")
        db.commit()
    source = watch(ours)
    engine.capture()
    told = office(engine.archive())
    assert b"Goedemorgen" in told
    assert b"vreemd" not in told
    assert ANOTHER.encode() not in told
    files = sum(len(names) for _, _, names in os.walk(stranger.folder))
    assert reasons(engine)["unknown-phone"] == files
    assert source.custody == "telefoon-1"


@pytest.mark.parametrize(
    "term",
    [
        {"custody": "telefoon-2"},
        {"serial": ANOTHER_SERIAL},
        {"begins": timedelta(seconds=1)},
        {"ends": timedelta(0)},
    ],
)
def test_a_phone_of_another_custody_or_term_is_not_read(engine, iphone, watch, ours, term):
    phone = iphone()
    dates = {k: phone.made + v for k, v in term.items() if isinstance(v, timedelta)}
    watch(replace(ours, **{**term, **dates}))
    engine.capture()
    assert engine.archive().of_kind("capture") == []
    assert set(reasons(engine)) == {"unknown-phone"}


def test_a_phone_whose_term_ended_takes_nothing_back(engine, iphone, watch, ours):
    phone = iphone()
    watch(replace(ours, ends=phone.made + timedelta(days=1)))
    engine.capture()
    before = len(engine.archive().of_kind("capture"))
    phone.status(made=phone.made + timedelta(days=2))
    watch(replace(ours, ends=phone.made + timedelta(days=1)))
    engine.capture()
    archive = engine.archive()
    assert len(archive.of_kind("capture")) == before
    assert archive.observations("vanished") == []


def test_a_phone_that_is_handed_on_begins_another_history(engine, iphone, watch, ours):
    phone = iphone()
    ends = phone.made + timedelta(days=1)
    terms = (replace(ours, ends=ends), replace(ours, custody="telefoon-2", begins=ends))
    watch(*terms)
    engine.capture()
    first = {s.item.context["file"] for s in engine.archive().of_kind("capture", LABEL)}
    phone.status(made=ends)
    watch(*terms, custody="telefoon-2")
    engine.capture()
    archive = engine.archive()
    second = {s.item.context["file"] for s in archive.of_kind("capture", "phone (telefoon-2)")}
    assert len(first) == len(second) == 4
    assert first.isdisjoint(second)


def test_a_backup_that_says_nothing_of_itself_is_nobodys(engine, iphone, watch, ours):
    phone = iphone()
    (phone.folder / "Info.plist").write_bytes(b"<plist><dict><key>Serial Number</key></dict>")
    watch(ours)
    engine.capture()
    assert set(reasons(engine)) == {"unknown-phone"}


def test_descriptions_that_are_links_are_not_followed(engine, iphone, watch, ours, tmp_path):
    phone = iphone()
    (phone.folder / "Info.plist").rename(tmp_path / "Info.plist")
    (phone.folder / "Info.plist").symlink_to(tmp_path / "Info.plist")
    watch(ours)
    engine.capture()
    assert engine.archive().of_kind("capture") == []


def test_a_phone_that_becomes_known_is_read_whole(engine, iphone, watch, ours):
    iphone()
    watch(replace(ours, serial=ANOTHER_SERIAL))
    engine.capture()
    watch(ours)
    engine.capture()
    assert len(engine.archive().latest(LABEL)) == 4
    watch(replace(ours, serial=ANOTHER_SERIAL))
    engine.capture()
    watch(ours)
    engine.capture()
    archive = engine.archive()
    assert len(archive.latest(LABEL)) == 4
    assert archive.observations("vanished") == []


# hostile bytes


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_a_property_list_fail(data):
    parse_plist(data)
    parse_plist(b"bplist00" + data)
    parse_plist(b'<?xml version="1.0"?><plist version="1.0"><dict>' + data + b"</dict></plist>")


@given(st.data())
def test_a_damaged_property_list_is_read_or_is_none(data):
    whole = bytearray(
        plistlib.dumps({"Serial Number": "C39", "x": [1, 2.5, b"y"]}, fmt=plistlib.FMT_BINARY)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert hasattr(parse_plist(bytes(whole)), "get")


@pytest.mark.parametrize(
    "hurt",
    [
        "Manifest.db",
        "Manifest.plist",
        "Status.plist",
        "3d/3d0d7e5fb2ce288813306e4d4636395e047a3d28",
    ],
)
def test_a_damaged_backup_is_refused_with_a_reason(iphone, engine, hurt):
    phone = iphone()
    (phone.folder / hurt).write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    path = os.fsencode(phone.place(*phone.sms).relative_to(engine.root))
    with pytest.raises(StoreError) as told, STORE.open(bytes(engine.root), path) as store:
        list(store.conversations())
    assert told.value.reason in {"damaged", "incomplete", "no-key", "unknown-schema"}
