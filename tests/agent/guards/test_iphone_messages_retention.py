# SPDX-License-Identifier: EUPL-1.2
"""How long an iPhone keeps messages, read from backups that are made here."""

from __future__ import annotations

import os
import plistlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.errors import StoreError
from lakzegel_agent.guards.base import State, Surroundings, Watched
from lakzegel_agent.guards.iphone_messages_retention import (
    DOMAIN,
    GUARD,
    NEW,
    OLD,
    PATH,
    PLACE,
    decided,
    version_of,
)
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.stores.appleplaces import hashed
from lakzegel_agent.stores.database import hurried
from lakzegel_agent.stores.ios_backup_keys import unlock
from lakzegel_core.annex import Phone

from .builders import built_by, settle
from .conftest import Kept, Make, readings, states

READOUT = built_by("readout/conftest")
ENCRYPTED = built_by("readout/test_encrypted")
PHONE = Phone(READOUT.SERIAL, "telefoon-1", datetime(2026, 7, 1, tzinfo=UTC), None)
LABEL = "phone (telefoon-1)"
SUBJECT = f"{LABEL}/{READOUT.UDID}"
KEPT, BY_DEFAULT, BY_AGE = ("compliant", ""), ("compliant", "by-default"), ("drifted", "by-age")
ODD, STALE, NOT_TOLD = (
    ("unknown", "not-understood"),
    ("unknown", "stale-key"),
    ("unknown", "not-told"),
)
REST = {"CKDefaultEmojiUsed": True, "KeepMessagesVersionID": 1}  # there is always more in it


def backup(
    root: Path,
    keys: dict[str, Any] | None,
    info: object = "17.4.1",
    manifest: object = "17.4.1",
) -> Any:
    """A backup of a phone of one version, with these settings of Messages."""
    made = READOUT.IPhone(root, READOUT.SERIAL)
    told = {"Serial Number": READOUT.SERIAL}
    made.plist("Info.plist", told | ({} if info is None else {"Product Version": info}))
    lockdown = {} if manifest is None else {"Lockdown": {"ProductVersion": manifest}}
    made.plist("Manifest.plist", {"IsEncrypted": False, **lockdown})
    if keys is not None:
        data = plistlib.dumps({**REST, **keys}, fmt=plistlib.FMT_BINARY)
        made.add(DOMAIN, PATH, data)
    made.status()
    return made


@pytest.fixture
def phones(tmp_path: Path) -> Path:
    return tmp_path / "phones" / READOUT.UDID


def read_out(around: Make, folder: Path, **changed: Any) -> Surroundings:
    source = Watched(
        "phone", LABEL, "ios-backup", folder, changed.pop("apps", ("messages",)), "telefoon-1"
    )
    return around(sources=(source,), **{"phones": (PHONE,), **changed})


def test_the_place_of_the_file_is_the_digest_of_its_name() -> None:
    assert hashed(DOMAIN, PATH).decode() == PLACE


@pytest.mark.parametrize(
    ("version", "keys", "found"),
    [
        # the older key decides until iOS 16
        ("12.4", {OLD: 0}, KEPT),
        ("13.3.1", {}, BY_DEFAULT),
        ("13.3.1", {OLD: 30}, BY_AGE),
        ("14.3", {OLD: 365}, BY_AGE),
        ("15.0.2", {}, BY_DEFAULT),
        ("16.7.10", {OLD: 365}, BY_AGE),
        ("16.5", {OLD: 0}, KEPT),
        ("16.5", {OLD: 0, NEW: 0}, KEPT),
        ("16.5", {OLD: 0, NEW: 30}, ODD),
        ("16.5", {NEW: 0}, ODD),
        # the newer one from iOS 17 on, whatever is left of the older
        ("17.0", {NEW: 0}, KEPT),
        ("17.4.1", {NEW: 0, OLD: 0}, KEPT),
        ("17.4.1", {NEW: 0, OLD: 30}, KEPT),
        ("17.4.1", {NEW: 365, OLD: 0}, BY_AGE),
        ("17.6.1", {NEW: 30}, BY_AGE),
        ("18.7.8", {NEW: 365}, BY_AGE),
        ("26.5.2", {NEW: 0}, KEPT),
        ("17.4.1", {OLD: 0}, STALE),
        ("17.4.1", {OLD: 365}, STALE),
        ("18.0", {}, NOT_TOLD),
        # what is no such number
        ("17.4.1", {NEW: 90}, ODD),
        ("17.4.1", {NEW: -1}, ODD),
        ("17.4.1", {NEW: False}, ODD),
        ("17.4.1", {NEW: "0"}, ODD),
        ("17.4.1", {NEW: 0.0}, ODD),
        ("17.4.1", {NEW: 2**60}, ODD),
        ("16.5", {OLD: b"0"}, ODD),
        ("16.5", {OLD: [0]}, ODD),
    ],
)
def test_the_version_says_which_key_counts(around, phones, version, keys, found) -> None:
    backup(phones, keys, version, version)
    assert states(readings(GUARD, read_out(around, phones.parent))) == {SUBJECT: found}


def test_the_office_sees_both_keys(around, phones) -> None:
    backup(phones, {NEW: 365, OLD: "x"})
    (found,) = readings(GUARD, read_out(around, phones.parent))
    assert found.value == {"ios": 17, "keys": {NEW: 365, OLD: {"type": "str"}}}


@pytest.mark.parametrize(
    ("info", "manifest", "found"),
    [
        ("17.4.1", None, KEPT),
        (None, "17.4.1", KEPT),
        ("17.4.1", "17.5", KEPT),
        ("16.5", "17.4.1", ("unknown", "unknown-version")),
        (None, None, ("unknown", "unknown-version")),
        ("zeventien", None, ("unknown", "unknown-version")),
        ("17.4.1", "zeventien", ("unknown", "unknown-version")),
        (17, None, ("unknown", "unknown-version")),
        ("17" * 200, None, ("unknown", "unknown-version")),
    ],
)
def test_a_version_that_is_not_clear_decides_nothing(around, phones, info, manifest, found) -> None:
    backup(phones, {NEW: 0}, info, manifest)
    assert states(readings(GUARD, read_out(around, phones.parent))) == {SUBJECT: found}


def test_a_backup_without_the_file_tells_nothing(around, phones) -> None:
    made = backup(phones, None)
    assert states(readings(GUARD, read_out(around, phones.parent))) == {
        SUBJECT: ("unknown", "no-settings")
    }
    made.add(DOMAIN, PATH, plistlib.dumps({**REST, NEW: 0}), listed=False)
    assert states(readings(GUARD, read_out(around, phones.parent))) == {
        SUBJECT: ("unknown", "no-settings")
    }


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", ODD),
        (b"bplist00", ODD),
        (b"<plist><dict><key>SSKeepMessages</key><integer>0</integer>", ODD),
        (plistlib.dumps([0]), ODD),
        (plistlib.dumps({}), ODD),
        (plistlib.dumps({NEW: 0}), KEPT),
        (b"x" * (9 * 2**20), ("unknown", "damaged")),
    ],
)
def test_a_file_that_is_no_whole_property_list_is_unknown(around, phones, data, found) -> None:
    backup(phones, {}).add(DOMAIN, PATH, data)
    assert states(readings(GUARD, read_out(around, phones.parent))) == {SUBJECT: found}


def test_a_link_and_a_file_that_is_gone_are_unknown(around, phones, tmp_path) -> None:
    place = backup(phones, {NEW: 0}).place(DOMAIN, PATH)
    place.rename(tmp_path / "elsewhere")
    assert states(readings(GUARD, read_out(around, phones.parent)))[SUBJECT][1] == "damaged"
    place.symlink_to(tmp_path / "elsewhere")
    assert states(readings(GUARD, read_out(around, phones.parent)))[SUBJECT][1] == "damaged"


def test_a_backup_that_is_not_finished_or_damaged_is_unknown(around, phones) -> None:
    made = backup(phones, {NEW: 0})
    made.status("new")
    assert states(readings(GUARD, read_out(around, phones.parent)))[SUBJECT][1] == "incomplete"
    made.status()
    (phones / "Manifest.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    assert states(readings(GUARD, read_out(around, phones.parent)))[SUBJECT][1] == "damaged"


def test_the_root_itself_may_be_the_backup(around, phones) -> None:
    backup(phones, {NEW: 30})
    assert states(readings(GUARD, read_out(around, phones))) == {LABEL: BY_AGE}


def test_other_phones_and_sources_without_messages_are_not_looked_into(around, phones) -> None:
    backup(phones, {NEW: 30})
    assert readings(GUARD, read_out(around, phones.parent, apps=("whatsapp",))) == []
    assert readings(GUARD, read_out(around, phones.parent, phones=())) == []
    assert readings(GUARD, read_out(around, phones.parent, excluded=(READOUT.UDID,))) == []


def test_a_folder_of_backups_that_nobody_may_list_is_unknown(around, phones, monkeypatch) -> None:
    real = os.scandir

    def refused(path: Any) -> Any:
        if os.fsencode(path) == os.fsencode(phones):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refused)
    label = read_out(around, phones).sources[0].label
    assert states(readings(GUARD, read_out(around, phones))) == {label: ("unknown", "unreadable")}
    assert readings(GUARD, read_out(around, phones, apps=("whatsapp",))) == []


def test_an_encrypted_backup_is_read_with_its_passphrase_alone(around, phones, tmp_path) -> None:
    made = backup(phones, {NEW: 365})
    ENCRYPTED.encrypt(made)
    about = plistlib.loads((phones / "Manifest.plist").read_bytes())
    made.plist("Manifest.plist", {**about, "Lockdown": {"ProductVersion": "17.4.1"}})
    keys = tmp_path / "keys"
    keys.mkdir()
    at = read_out(around, phones.parent, keys=keys)
    assert states(readings(GUARD, at)) == {SUBJECT: ("unknown", "no-key")}
    phrase = keys / f"{LABEL}.pass"
    phrase.write_bytes(b"een ander")
    phrase.chmod(0o600)
    assert states(readings(GUARD, at)) == {SUBJECT: ("unknown", "no-key")}
    phrase.write_bytes(ENCRYPTED.PHRASE)
    assert states(readings(GUARD, at)) == {SUBJECT: BY_AGE}


def test_a_key_bag_that_takes_longer_than_a_look_is_too_slow() -> None:
    bag = ENCRYPTED.key_bag().replace(
        ENCRYPTED.field(b"DPIC", 20), ENCRYPTED.field(b"DPIC", 40_000_000)
    )
    with hurried(1), pytest.raises(StoreError, match="too-slow"):
        unlock(bag, ENCRYPTED.PHRASE)


def test_a_backup_that_did_not_change_is_not_opened_again(
    around, phones, memory: Kept, monkeypatch
) -> None:
    made = backup(phones, {NEW: 0})
    settle(phones.parent)

    def look() -> dict[str, tuple[str, str]]:
        notes = GuardNotes(memory, "test")
        found = readings(GUARD, replace(read_out(around, phones.parent), notes=notes))
        memory.values |= dict(notes.named())
        return states(found)

    assert look() == {SUBJECT: KEPT}
    with monkeypatch.context() as patch:
        patch.setattr("lakzegel_agent.stores.ios_backup.read_file", None)
        assert look() == {SUBJECT: KEPT}
    made.add(DOMAIN, PATH, plistlib.dumps({NEW: 30}))
    assert look() == {SUBJECT: BY_AGE}


@given(
    st.one_of(st.none(), st.integers(1, 40)),
    st.dictionaries(
        st.sampled_from([OLD, NEW]), st.one_of(st.integers(), st.booleans(), st.text())
    ),
)
def test_nothing_is_said_to_be_right_but_zero_or_an_older_default(major, found) -> None:
    state, _ = decided(major, found)
    if state is State.COMPLIANT:
        assert major is not None
        key = NEW if major >= 17 else OLD
        assert found.get(key, None if major < 17 else 1) in (0, None)
        assert found.get(key) is not False


@given(st.lists(st.one_of(st.none(), st.text(), st.integers()), max_size=3))
def test_no_description_makes_a_version_fail(told) -> None:
    major = version_of(*told)
    assert major is None or 0 <= major < 1000
