# SPDX-License-Identifier: EUPL-1.2
"""How long Messages keeps what it has, on each version of macOS, from the session and from files.

Property lists are made here, as each version writes them by what is published; none was recorded
on a real device (docs/spec/settings-guarded.md).
"""

from __future__ import annotations

import os
import plistlib
import pwd
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guards.base import State
from lakzegel_agent.guards.checking import Found, check
from lakzegel_agent.guards.enforcing import Enforcer
from lakzegel_agent.guards.messages_retention import GUARD, Kept, judged
from lakzegel_agent.guards.placesdefaults import Defaults

from .conftest import Kept as Memory
from .conftest import Make, readings
from .twins import Gone, Mac, me

MOBILE, ICHAT = "com.apple.MobileSMS", "com.apple.iChat"
KEEP, SYNCED = "KeepMessageForDays", "SSKeepMessages"
XML, BINARY = plistlib.FMT_XML, plistlib.FMT_BINARY
FORMS = [pytest.param(XML, id="xml"), pytest.param(BINARY, id="binary")]

# version, what its domains hold, what that is
STATES: list[tuple[str, dict[str, dict[str, Any]], tuple[str, str]]] = [
    ("10.13.6", {ICHAT: {KEEP: 0, "KeepMessagesVersionID": 1}}, ("compliant", "")),
    ("10.13.6", {ICHAT: {KEEP: 30, "KeepMessagesVersionID": 2}}, ("drifted", "by-age")),
    ("10.15.7", {ICHAT: {KEEP: 365}}, ("drifted", "by-age")),
    ("11.7.10", {MOBILE: {KEEP: 0}}, ("compliant", "")),
    ("12.7.6", {MOBILE: {KEEP: 30}}, ("drifted", "by-age")),
    ("13.7", {MOBILE: {KEEP: 365}}, ("drifted", "by-age")),
    ("13.7", {MOBILE: {KEEP: 0}, ICHAT: {KEEP: 365}}, ("drifted", "by-age")),
    ("14.7", {MOBILE: {SYNCED: 0}}, ("compliant", "")),
    ("14.7", {MOBILE: {SYNCED: 30}}, ("drifted", "by-age")),
    ("15.3", {MOBILE: {SYNCED: 365, KEEP: 0}}, ("drifted", "by-age")),
    ("15.3", {MOBILE: {SYNCED: 0, KEEP: 30}}, ("drifted", "by-age")),
    ("26.5", {MOBILE: {SYNCED: 0, KEEP: 0}, ICHAT: {}}, ("compliant", "")),
    ("26.5", {MOBILE: {"TextFontSize": 3}}, ("compliant", "by-default")),
    ("13.7", {}, ("compliant", "by-default")),
    ("13.7", {MOBILE: {KEEP: "30"}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: "0"}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: True}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: False}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: 30.0}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: 7}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: -1}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: 366}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: 2**40}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: [30]}}, ("unknown", "not-understood")),
    ("13.7", {MOBILE: {KEEP: b"0"}}, ("unknown", "not-understood")),
    ("14.7", {MOBILE: {SYNCED: "forever", KEEP: 0}}, ("unknown", "not-understood")),
    ("14.7", {MOBILE: {SYNCED: "forever", KEEP: 30}}, ("drifted", "by-age")),
]


def put(path: Path, held: Any, form: Any = BINARY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(plistlib.dumps(held, fmt=form))
    return path


@pytest.fixture
def mac(around: Make):
    """A Mac with Messages in use: `files(domains)` and `session(domains)` make surroundings."""
    make = around()
    (make.home / "Library/Messages").mkdir(parents=True)

    class Made:
        home, system = make.home, make.system

        def of_version(self, version: str) -> None:
            about = {"ProductName": "macOS", "ProductVersion": version}
            put(self.system / "System/Library/CoreServices/SystemVersion.plist", about, XML)

        def files(self, domains: dict[str, dict[str, Any]], form: Any = BINARY):
            for name, held in domains.items():
                put(self.home / f"Library/Preferences/{name}.plist", held, form)
            return around(platform="darwin")

        def session(self, domains: dict[str, dict[str, Any]]):
            self.programs = Mac()
            self.programs.domains = {name: dict(held) for name, held in domains.items()}
            places = {**around().places, "defaults": Defaults(self.home, self.programs, me=me)}
            return around(platform="darwin", places=places)

        def manage(self, domain: str, held: dict[str, Any], user: str | None) -> None:
            folder = self.system / "Library/Managed Preferences"
            put((folder / user if user else folder) / f"{domain}.plist", held)

    return Made()


def of(surroundings) -> tuple[str, str]:
    (found,) = readings(GUARD, surroundings)
    return str(found.state), found.reason


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("version", "domains", "expected"), STATES)
def test_files_of_each_version_say_how_long_messages_stay(mac, version, domains, expected, form):
    mac.of_version(version)
    assert of(mac.files(domains, form)) == expected


@pytest.mark.parametrize(("version", "domains", "expected"), STATES)
def test_the_session_of_each_version_says_how_long_messages_stay(mac, version, domains, expected):
    mac.of_version(version)
    assert of(mac.session(domains)) == expected


def test_the_session_counts_and_not_the_file_that_is_behind_it(mac):
    mac.files({MOBILE: {KEEP: 0}})
    assert of(mac.session({MOBILE: {KEEP: 30}})) == ("drifted", "by-age")


def test_the_office_reads_keys_version_and_where_it_was_read(mac):
    mac.of_version("13.7")
    (found,) = readings(GUARD, mac.session({MOBILE: {KEEP: 30, SYNCED: "x"}}))
    assert found.value == {
        "keys": {f"{MOBILE} {KEEP}": 30, f"{MOBILE} {SYNCED}": "not-understood"},
        "read": "session",
        "macos": "13.7",
        "managed": False,
    }
    (found,) = readings(GUARD, mac.files({MOBILE: {KEEP: 30}}))
    assert (found.value["read"], found.locked) == ("file", False)


@pytest.mark.skipif(me() != 0, reason="another user's home needs root to be made")
def test_of_who_is_not_signed_in_the_files_count(mac):
    around = mac.session({MOBILE: {KEEP: 0}})
    mac.files({MOBILE: {KEEP: 365}})
    for path in [mac.home, *mac.home.rglob("*")]:
        os.chown(path, 501, -1)
    around.places["defaults"] = Defaults(mac.home, mac.programs, me=lambda: 0)
    assert of(around) == ("compliant", "")
    mac.programs.signed_in = False
    around.places["defaults"] = Defaults(mac.home, mac.programs, me=lambda: 0)
    assert of(around) == ("drifted", "by-age")


def test_a_file_of_the_apps_container_counts_too(mac):
    container = mac.home / f"Library/Containers/{MOBILE}/Data/Library/Preferences/{MOBILE}.plist"
    put(container, {KEEP: 30})
    assert of(mac.files({MOBILE: {KEEP: 0}})) == ("drifted", "by-age")
    put(container, {KEEP: "odd"})
    assert of(mac.files({MOBILE: {KEEP: 0}})) == ("unknown", "not-understood")
    put(container, {KEEP: 0})
    assert of(mac.files({MOBILE: {KEEP: 0}})) == ("compliant", "")


ME = pwd.getpwuid(me()).pw_name


@pytest.mark.parametrize("user", [ME, None])
def test_what_mdm_says_counts_before_what_the_user_says(mac, user):
    mac.manage(MOBILE, {KEEP: 30}, user)
    for around in (mac.session({MOBILE: {KEEP: 0}}), mac.files({MOBILE: {KEEP: 0}})):
        assert of(around) == ("drifted", "mdm-owned")
    mac.manage(MOBILE, {KEEP: 0}, user)
    for around in (mac.session({MOBILE: {KEEP: 30}}), mac.files({MOBILE: {KEEP: 30}})):
        assert of(around) == ("compliant", "")
    mac.manage(MOBILE, {KEEP: "30"}, user)
    assert of(mac.session({})) == ("unknown", "not-understood")


def test_what_mdm_says_of_the_user_counts_before_what_it_says_of_the_device(mac):
    mac.manage(MOBILE, {KEEP: 30}, None)
    mac.manage(MOBILE, {KEEP: 0}, ME)
    assert of(mac.session({})) == ("compliant", "")


def test_where_messages_was_never_used_there_is_nothing_to_say(around: Make):
    assert readings(GUARD, around(platform="darwin")) == []


def broken(path: Path, how: str) -> None:
    whole = plistlib.dumps({KEEP: 0, "more": "x" * 100}, fmt=BINARY)
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "link":
        put(path.parent / "real", {KEEP: 0})
        path.symlink_to("real")
    elif how == "folder":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "half": whole[:-20],
                "empty": b"",
                "text": b"KeepMessageForDays = 0",
                "list": plistlib.dumps([0]),
                "utf-16": plistlib.dumps({KEEP: 0}).decode().encode("utf-16"),
                "entities": b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "aa">]><plist><dict/>',
                "huge": b" " * (8 * 2**20 + 1),
            }[how]
        )


BROKEN = ["half", "empty", "text", "list", "utf-16", "entities", "huge", "link", "folder"]


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_that_is_not_understood_is_unknown(mac, how, memory):
    broken(mac.home / f"Library/Preferences/{MOBILE}.plist", how)
    state, reason = of(mac.files({}))
    assert state == "unknown"
    assert reason in {"not-understood", "too-large", "not-ours", "unreadable"}
    assert enforced(mac.files({}), memory) == (state, reason)


def test_a_mac_without_its_programs_is_unknown(mac, around: Make):
    places = {**around().places, "defaults": Defaults(mac.home, Gone(), me=me)}
    assert of(around(platform="darwin", places=places)) == ("unknown", "unreadable")


@given(
    st.lists(
        st.builds(
            Kept,
            domain=st.just("d"),
            key=st.just("k"),
            value=st.sampled_from([None, 0, 30, 365]),
            managed=st.booleans(),
            is_odd=st.booleans(),
        ),
        max_size=3,
    )
)
def test_compliant_is_only_what_deletes_nothing_and_is_understood(found):
    state, reason = judged(found)
    if state is State.COMPLIANT:
        assert not any(one.is_odd or one.value for one in found)
    assert (state is State.DRIFTED) == any(one.value and not one.is_odd for one in found)
    assert state is not State.DRIFTED or reason in {"by-age", "mdm-owned"}


def enforced(surroundings, memory: Memory, mode: str = "enforce") -> tuple[str, str]:
    found: Found = check(GUARD, surroundings, mode, Enforcer(memory, "p1"))
    (reading,) = found.readings
    return str(reading.state), reading.reason


def test_what_deletes_is_set_to_for_ever_and_the_deleting_agent_is_told(mac, memory):
    around = mac.session({MOBILE: {KEEP: 30, SYNCED: 365, "more": 1}, ICHAT: {KEEP: 365}})
    assert enforced(around, memory) == ("repaired", "")
    held = mac.programs.domains
    assert held == {MOBILE: {KEEP: 0, SYNCED: 0, "more": 1}, ICHAT: {KEEP: 0}}
    assert "com.apple.imautomatichistorydeletionagent.prefchange" in mac.programs.posted
    assert enforced(around, memory) == ("compliant", "")


def test_in_report_nothing_is_set_and_undoing_gives_back_what_was_there(mac, memory):
    around = mac.session({MOBILE: {KEEP: 30}})
    assert enforced(around, memory, "report") == ("drifted", "by-age")
    assert enforced(around, memory) == ("repaired", "")
    enforced(around, memory, "report")
    assert mac.programs.domains == {MOBILE: {KEEP: 30}}
    assert enforced(around, memory, "report") == ("drifted", "by-age")


def test_a_key_that_is_not_there_is_not_made(mac, memory):
    around = mac.session({MOBILE: {"more": 1}})
    assert enforced(around, memory) == ("compliant", "by-default")
    assert mac.programs.domains == {MOBILE: {"more": 1}}


def test_what_is_not_understood_is_left_as_it_is(mac, memory):
    around = mac.session({MOBILE: {KEEP: "30", SYNCED: 30}})
    assert enforced(around, memory) == ("unknown", "not-understood")
    assert mac.programs.domains == {MOBILE: {KEEP: "30", SYNCED: 0}}


def test_who_sets_it_again_is_told_of_and_not_fought(mac, memory):
    around = mac.session({MOBILE: {KEEP: 30}})
    assert enforced(around, memory) == ("repaired", "")
    mac.programs.domains[MOBILE][KEEP] = 365
    assert enforced(around, memory) == ("drifted", "contested")
    assert mac.programs.domains[MOBILE][KEEP] == 365


def test_what_mdm_says_is_reported_and_left(mac, memory):
    mac.manage(MOBILE, {KEEP: 30}, None)
    around = mac.session({MOBILE: {KEEP: 365}})
    assert enforced(around, memory) == ("drifted", "mdm-owned")
    assert mac.programs.domains == {MOBILE: {KEEP: 365}}


def test_what_may_not_be_set_stays_drifted(mac, memory):
    around = mac.session({MOBILE: {KEEP: 30}})
    mac.programs.refuses = True
    assert enforced(around, memory) == ("drifted", "not-permitted")


@pytest.mark.skipif(me() != 0, reason="another user's home needs root to be made")
def test_of_who_is_not_signed_in_nothing_is_set(mac, memory):
    mac.files({MOBILE: {KEEP: 365}})
    around = mac.session({})
    for path in [mac.home, *mac.home.rglob("*")]:
        os.chown(path, 501, -1)
    around.places["defaults"] = Defaults(mac.home, mac.programs, me=lambda: 0)
    mac.programs.signed_in = False
    assert enforced(around, memory) == ("drifted", "not-signed-in")
