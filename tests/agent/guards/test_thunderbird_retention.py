# SPDX-License-Identifier: EUPL-1.2
"""What Thunderbird deletes by itself, and the locks against it."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.guards.base import PlaceError, Reading, State, Surroundings
from lakzegel_agent.guards.checking import check
from lakzegel_agent.guards.enforcing import Enforcer
from lakzegel_agent.guards.of_thunderbirdlocks import BEGIN, END, locks_in, merged
from lakzegel_agent.guards.remembered import recall_places
from lakzegel_agent.guards.thunderbird_retention import GUARD

from .conftest import Kept, Make, readings, states

ACCOUNTS = {
    "mail.server.server1.type": "imap",
    "mail.server.server1.hostname": "imap.minxyz.example",
}
POP = {"mail.server.server1.type": "pop3", "mail.server.server1.leave_on_server": True}
BEHIND = {"toolkit.startup.last_success": 1796008721}
LIB = "usr/lib/thunderbird"


def shown(value: object) -> str:
    return json.dumps(value) if isinstance(value, (str, bool)) else str(value)


def prefs_js(prefs: dict[str, Any]) -> bytes:
    """As Thunderbird writes it: in the order of its lines."""
    lines = sorted(f'user_pref("{name}", {shown(value)});' for name, value in prefs.items())
    return ("// Mozilla User Preferences\n\n" + "\n".join(lines) + "\n").encode()


def profile(home: Path, prefs: dict[str, Any], base: str = ".thunderbird/abcd.default") -> Path:
    folder = home / base
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prefs.js").write_bytes(prefs_js({**ACCOUNTS, **BEHIND, **prefs}))
    return folder


def program(system: Path, place: str = LIB) -> Path:
    root = system / place
    (root / "defaults/pref").mkdir(parents=True, exist_ok=True)
    (root / "application.ini").write_text("[App]\nName=Thunderbird\n")
    return root


def policies(at: Path, preferences: dict[str, Any]) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_text(json.dumps({"policies": {"Preferences": preferences}}))


def the(surroundings: Surroundings) -> Reading:
    (found,) = readings(GUARD, surroundings)
    return found


def state(surroundings: Surroundings) -> tuple[str, str]:
    found = the(surroundings)
    return str(found.state), found.reason


def test_without_a_profile_there_is_nothing_to_say(around: Make) -> None:
    program(around().system)
    assert readings(GUARD, around()) == []


S1 = "mail.server.server1."
D = "mail.server.default."


@pytest.mark.parametrize(
    ("prefs", "reason"),
    [
        ({}, ""),
        ({S1 + "retainBy": 1, S1 + "daysToKeepHdrs": 30}, ""),
        ({S1 + "retainBy": 2, S1 + "daysToKeepHdrs": 30}, "by-age"),
        ({S1 + "retainBy": 3, S1 + "numHdrsToKeep": 2000}, "by-number"),
        ({D + "retainBy": 2}, "by-age"),
        ({D + "retainBy": 2, S1 + "retainBy": 1}, ""),
        ({S1 + "purgeSpam": True}, "purges-spam"),
        ({S1 + "purgeSpamInterval": 3}, ""),
        ({S1 + "empty_trash_on_exit": True}, "empties-trash"),
        ({D + "empty_trash_on_exit": True}, "empties-trash"),
        ({S1 + "cleanup_inbox_on_exit": True}, "cleans-inbox"),
        ({"mail.imap.expunge_after_delete": True}, "expunges"),
        ({S1 + "offline_download": False}, "not-offline"),
        ({S1 + "autosync_offline_stores": False}, "not-offline"),
        ({S1 + "autosync_max_age_days": 90}, "drops-old-offline"),
        ({S1 + "limit_offline_message_size": True}, "limits-size"),
        ({S1 + "cleanupBodies": True}, "drops-bodies"),
        ({S1 + "keepUnreadOnly": True}, "keeps-unread-only"),
        ({S1 + "leave_on_server": False}, ""),  # means nothing for imap
        (POP, ""),
        ({S1 + "type": "pop3"}, "deletes-from-server"),
        ({**POP, S1 + "delete_mail_left_on_server": True}, "deletes-from-server"),
        ({**POP, S1 + "delete_by_age_from_server": True}, "deletes-from-server"),
        ({**POP, S1 + "autosync_max_age_days": 90}, ""),
        ({S1 + "type": "none", S1 + "retainBy": 2}, "by-age"),
        ({S1 + "type": "rss", S1 + "retainBy": 3}, "by-number"),
        ({S1 + "type": "nntp", S1 + "offline_download": False}, ""),
    ],
)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_effective_value_decides(
    around: Make, prefs: dict[str, Any], reason: str, platform: str
) -> None:
    base = {
        "linux": ".thunderbird/abcd.default",
        "darwin": "Library/Thunderbird/Profiles/abcd.default",
        "win32": "AppData/Roaming/Thunderbird/Profiles/abcd.default",
    }[platform]
    profile(around().home, prefs, base)
    found = the(around(platform=platform))
    assert (found.subject, found.reason) == ("abcd.default/server1", reason)
    assert found.state is (State.DRIFTED if reason else State.COMPLIANT)


@pytest.mark.parametrize(
    ("prefs", "reason"),
    [
        ({S1 + "retainBy": "2"}, "wrong-type"),
        ({S1 + "retainBy": True}, "wrong-type"),
        ({S1 + "retainBy": 0}, "wrong-type"),
        ({S1 + "purgeSpam": 1}, "wrong-type"),
        ({D + "purgeSpam": "false"}, "wrong-type"),
        ({S1 + "type": "ews"}, "account-type"),
        ({S1 + "type": 4}, "account-type"),
    ],
)
def test_what_is_not_understood_is_unknown(
    around: Make, prefs: dict[str, Any], reason: str
) -> None:
    profile(around().home, prefs)
    assert state(around()) == ("unknown", reason)


def test_an_account_of_an_unknown_type_can_be_seen_to_delete(around: Make) -> None:
    profile(around().home, {S1 + "type": "ews", S1 + "retainBy": 2})
    assert state(around()) == ("drifted", "by-age")


def test_chat_has_no_mail(around: Make) -> None:
    profile(around().home, {S1 + "type": "im"})
    assert state(around()) == ("not-applicable", "")


def test_all_reasons_are_stated_to_the_office(around: Make) -> None:
    profile(around().home, {S1 + "retainBy": 2, S1 + "daysToKeepHdrs": 30, S1 + "purgeSpam": True})
    value = the(around()).value
    assert isinstance(value, dict)
    assert value["why"] == ["by-age", "purges-spam"]
    assert (value["type"], value["host"]) == ("imap", "imap.minxyz.example")
    assert (value["retainBy"], value["daysToKeepHdrs"]) == (2, 30)


def test_each_server_of_each_profile_is_a_subject(around: Make) -> None:
    home = around().home
    two = {"mail.server.server2.type": "none", "mail.server.server2.retainBy": 2}
    profile(home, two)
    profile(home, {}, "snap/thunderbird/common/.thunderbird/abcd.default")
    elsewhere = profile(home, {S1 + "retainBy": 3}, "Documents/abcd.default")
    (home / ".thunderbird/profiles.ini").write_text(
        f"[Profile1]\nIsRelative=0\nPath={elsewhere}\n[Profile0]\nPath=abcd.default\n"
    )
    assert states(readings(GUARD, around())) == {
        "abcd.default/server1": ("compliant", ""),
        "abcd.default/server2": ("drifted", "by-age"),
        "abcd.default (2)/server1": ("drifted", "by-number"),
        "snap/abcd.default/server1": ("compliant", ""),
    }


def test_user_js_wins_over_prefs_js(around: Make) -> None:
    folder = profile(around().home, {})
    (folder / "user.js").write_text(f'user_pref("{S1}retainBy", 2);\n')
    assert state(around()) == ("drifted", "by-age")


@pytest.mark.parametrize("name", ["prefs.js", "user.js"])
def test_a_syntax_error_is_unknown(around: Make, name: str) -> None:
    folder = profile(around().home, {})
    with (folder / name).open("ab") as file:
        file.write(b'user_pref("zzz", oops);\n')
    assert state(around()) == ("unknown", "not-understood")


def test_a_file_that_others_appended_to_may_be_cut(around: Make) -> None:
    folder = profile(around().home, {})
    with (folder / "prefs.js").open("ab") as file:
        file.write(b'user_pref("a.b", 1);\n')
    assert state(around()) == ("unknown", "half-written")


def test_prefs_cut_at_any_byte_are_never_compliant(around: Make) -> None:
    folder = profile(around().home, {S1 + "retainBy": 2, S1 + "trash_folder_name": "Prullenbak"})
    data = (folder / "prefs.js").read_bytes()
    for length in range(len(data) - 1):
        (folder / "prefs.js").write_bytes(data[:length])
        for found in readings(GUARD, around()):
            assert found.state in {State.UNKNOWN, State.DRIFTED}, length
    (folder / "prefs.js").write_bytes(data[:-1])  # only the last line's end is missing
    assert state(around()) == ("drifted", "by-age")


def test_eight_mebibytes_of_one_line_take_seconds(around: Make) -> None:
    folder = profile(around().home, {})
    begin = time.monotonic()
    for piece in (b"a", b"\\\\", b"/*", b'"', b"user_pref(", b" "):
        data = b'user_pref("' + piece * (8 * 2**20 // len(piece) - 20)
        (folder / "prefs.js").write_bytes(data)
        assert the(around()).state is State.UNKNOWN
    assert time.monotonic() - begin < 20


names = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\'), min_size=1
).map(lambda text: "a." + text)
values = st.booleans() | st.integers(-(2**31), 2**31 - 1)


@given(
    st.dictionaries(names, values, max_size=20),
    st.dictionaries(names, values, min_size=1, max_size=20),
    st.binary(max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_locks_go_in_and_out_of_a_file_and_leave_the_rest(
    first: dict[str, Any], second: dict[str, Any], theirs: bytes
) -> None:
    theirs = theirs.replace(b"//", b"") + b"\n"
    with_first = merged(theirs, first)
    assert with_first is not None
    assert locks_in(with_first) == first
    with_second = merged(with_first, second)
    assert with_second is not None
    assert with_second.startswith(theirs)
    assert merged(with_second, {}) == theirs
    assert merged(merged(None, second), {}) is None


@pytest.mark.parametrize("held", [BEGIN, END, BEGIN + BEGIN + END, END + BEGIN])
def test_half_of_our_lines_are_not_understood(held: bytes) -> None:
    with pytest.raises(PlaceError):
        merged(held, {"a": 1})


def test_who_cannot_be_read_now_keeps_his_subjects(around: Make) -> None:
    here = around()
    home = here.home
    folder = profile(home, {S1 + "retainBy": 2, "mail.server.server2.type": "none"})
    elsewhere = profile(home, {}, "Documents/other")
    ini = home / ".thunderbird/profiles.ini"
    ini.write_text(f"[Profile0]\nIsRelative=0\nPath={elsewhere}\n")
    whole = {
        "abcd.default/server1": ("drifted", "by-age"),
        "abcd.default/server2": ("compliant", ""),
        "other/server1": ("compliant", ""),
    }
    assert states(readings(GUARD, here)) == whole
    prefs = (folder / "prefs.js").read_bytes()
    (folder / "prefs.js").write_bytes(prefs[:100])
    ini.write_bytes(b"\xff\xfe")
    for _ in range(2):
        assert states(readings(GUARD, here)) == {
            "abcd.default/server1": ("unknown", "not-understood"),
            "abcd.default/server2": ("unknown", "not-understood"),
            "other/server1": ("unknown", "not-understood"),
            "": ("unknown", "not-understood"),
        }
    (folder / "prefs.js").write_bytes(prefs)
    ini.write_text("")
    assert states(readings(GUARD, here)) == {
        name: one for name, one in whole.items() if name != "other/server1"
    }


# what MDM and others say


def test_a_lock_of_mdm_wins_over_the_profile(around: Make) -> None:
    profile(around().home, {S1 + "retainBy": 2, D + "retainBy": 2})
    program(around().system)
    file = around().system / "etc/thunderbird/policies/policies.json"
    policies(file, {S1 + "retainBy": {"Value": 1, "Status": "locked"}})
    assert state(around()) == ("compliant", "")  # an int by then: the profile made it one


def test_a_drift_that_mdm_locked_in_is_left_alone(around: Make, memory: Kept) -> None:
    profile(around().home, {})
    root = program(around().system)
    policies(root / "distribution/policies.json", {S1 + "retainBy": 3, S1 + "numHdrsToKeep": 99})
    assert state(around()) == ("drifted", "mdm-owned")
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert [(str(one.state), one.reason) for one in found.readings] == [("drifted", "mdm-owned")]
    locks = locks_in((root / "defaults/pref/lakzegel.js").read_bytes())
    assert S1 + "retainBy" not in locks
    assert locks[S1 + "purgeSpam"] is False


def test_mdms_one_that_became_a_flag_is_unknown(around: Make) -> None:
    profile(around().home, {})
    root = program(around().system)
    policies(root / "distribution/policies.json", {S1 + "retainBy": 1})
    assert state(around()) == ("unknown", "wrong-type")


def test_a_default_of_mdms_holds_until_the_profile_says_otherwise(around: Make) -> None:
    root = program(around().system)
    policies(root / "distribution/policies.json", {D + "retainBy": {"Value": 2}})
    profile(around().home, {})
    assert state(around()) == ("drifted", "by-age")
    profile(around().home, {S1 + "retainBy": 1})
    assert state(around()) == ("compliant", "")


def test_on_linux_the_policies_in_etc_come_first(around: Make) -> None:
    root = program(around().system)
    profile(around().home, {})
    policies(root / "distribution/policies.json", {D + "retainBy": 2})
    policies(around().system / "etc/thunderbird/policies/policies.json", {})
    assert state(around()) == ("compliant", "")


@pytest.mark.parametrize("text", ["{", "[]", '{"policies":{"Preferences":[]}}', "{}"])
def test_policies_that_are_not_understood_are_unknown(around: Make, text: str) -> None:
    root = program(around().system)
    profile(around().home, {})
    (root / "distribution").mkdir()
    (root / "distribution/policies.json").write_text(text)
    assert state(around()) == ("unknown", "not-understood")


CFG = 'pref("general.config.filename", "corp.cfg");\n'


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (f'lockPref("{S1}retainBy", 1);', ("compliant", "")),
        (f'lockPref("{S1}retainBy", 3);', ("drifted", "mdm-owned")),
        (f'defaultPref("{S1}retainBy", 1);', ("drifted", "by-age")),
        (f'clearPref("{S1}retainBy");', ("compliant", "")),
        (f'pref("{S1}retainBy", 1);', ("compliant", "")),
        (f'lockPref("{S1}retainBy", 1); unlockPref("{S1}retainBy");', ("drifted", "by-age")),
        (f'if (true) {{ lockPref("{S1}retainBy", 1); }}', ("unknown", "not-understood")),
        ('lockPref("autoadmin.global_config_url", "http://x");', ("unknown", "not-understood")),
        ("", ("drifted", "by-age")),
    ],
)
@pytest.mark.parametrize("shift", [0, 13])
def test_autoconfig_is_read(
    around: Make, calls: str, expected: tuple[str, str], shift: int
) -> None:
    root = program(around().system)
    profile(around().home, {S1 + "retainBy": 2})
    obscured = f'pref("general.config.obscure_value", {shift});\n'
    (root / "defaults/pref/autoconfig.js").write_text(CFG + obscured)
    text = f"anything (at all\n// theirs\n{calls}\n".encode()
    (root / "corp.cfg").write_bytes(bytes((byte + shift) % 256 for byte in text))
    assert state(around()) == expected


def test_autoconfig_that_is_named_and_not_there_is_unknown(around: Make) -> None:
    root = program(around().system)
    profile(around().home, {})
    (root / "defaults/pref/autoconfig.js").write_text(CFG)
    assert state(around()) == ("unknown", "not-understood")


def test_files_of_defaults_are_read_also_debians(around: Make) -> None:
    system = around().system
    root = program(system)
    profile(around().home, {})
    (root / "defaults/pref/vendor.js").write_text('pref("app.update.enabled", false, locked);\n')
    (system / "etc/thunderbird/pref").mkdir(parents=True)
    file = system / "etc/thunderbird/pref/thunderbird.js"
    file.write_text(f'// of Debian\npref ("{D}empty_trash_on_exit", true);\n')
    assert state(around()) == ("drifted", "empties-trash")
    file.write_text(f'pref("{D}empty_trash_on_exit", true, locked);\n')
    assert state(around()) == ("drifted", "mdm-owned")
    (root / "defaults/pref/other.js").write_text(f'pref("{S1}purgeSpam", true);\n')
    file.write_text(f'pref("{S1}purgeSpam", false);\n')
    assert state(around()) == ("unknown", "wrong-type")  # nobody knows which is read last


def test_a_distribution_that_sets_preferences_is_unknown(around: Make) -> None:
    root = program(around().system)
    profile(around().home, {})
    (root / "distribution").mkdir()
    (root / "distribution/distribution.ini").write_text("[Preferences]\nmail.server.x=1\n")
    assert state(around()) == ("unknown", "not-understood")


def test_managed_settings_of_macos_are_read(around: Make) -> None:
    system = around().system
    program(system, "Applications/Thunderbird.app/Contents/Resources")
    profile(around().home, {}, "Library/Thunderbird/Profiles/abcd.default")
    at = system / "Library/Managed Preferences/org.mozilla.thunderbird.plist"
    at.parent.mkdir(parents=True)
    at.write_bytes(plistlib.dumps({"Preferences": {D + "retainBy": {"Value": 2}}}))
    assert state(around(platform="darwin")) == ("drifted", "by-age")
    at.write_bytes(plistlib.dumps({"Preferences__mail.x": 1}))
    assert state(around(platform="darwin")) == ("unknown", "not-understood")
    for half in (b"bplist00garbage", b"<?xml version='1.0'?><plist><dict>"):
        at.write_bytes(half)
        assert state(around(platform="darwin")) == ("unknown", "not-understood")


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ({"keys": [], "values": ["DisableTelemetry"]}, ("compliant", "")),
        ({"keys": [], "values": ["Preferences"]}, ("unknown", "not-understood")),
        ({"keys": ["preferences"], "values": []}, ("unknown", "not-understood")),
    ],
)
def test_policies_in_windows_registry_cannot_be_read(
    around: Make, listed: dict[str, list[str]], expected: tuple[str, str]
) -> None:
    program(around().system, "Program Files/Mozilla Thunderbird")
    profile(around().home, {}, "AppData/Roaming/Thunderbird/Profiles/x")

    class Registry:
        def read(self, place: str) -> bytes | None:
            return json.dumps(listed).encode() if place.startswith("HKLM") else None

        def write(self, place: str, value: bytes | None) -> None:
            raise AssertionError

    places = {**around().places, "registry": Registry()}
    assert state(around(platform="win32", places=places)) == expected


# setting it right


@pytest.mark.parametrize(
    ("platform", "place", "base"),
    [
        ("linux", LIB, ".thunderbird/abcd.default"),
        ("linux", "usr/lib64/thunderbird", ".thunderbird/abcd.default"),
        ("linux", "opt/thunderbird", ".thunderbird/abcd.default"),
        (
            "darwin",
            "Applications/Thunderbird.app/Contents/Resources",
            "Library/Thunderbird/Profiles/abcd.default",
        ),
        (
            "win32",
            "Program Files/Mozilla Thunderbird",
            "AppData/Roaming/Thunderbird/Profiles/abcd.default",
        ),
    ],
)
def test_what_deletes_is_locked_and_undone(
    around: Make, memory: Kept, platform: str, place: str, base: str
) -> None:
    root = program(around().system, place)
    folder = profile(around().home, {**POP, S1 + "retainBy": 2, S1 + "daysToKeepHdrs": 30}, base)
    before = (folder / "prefs.js").read_bytes()
    here = around(platform=platform)
    found = check(GUARD, here, "enforce", Enforcer(memory, "p"))
    assert [(str(one.state), one.locked) for one in found.readings] == [("repaired", True)]
    own = root / "defaults/pref/lakzegel.js"
    assert own.read_text() == (
        "// Lakzegel locks: begin\n"
        f'pref("{S1}cleanupBodies", false, sticky, locked);\n'
        f'pref("{S1}delete_by_age_from_server", false, sticky, locked);\n'
        f'pref("{S1}delete_mail_left_on_server", false, sticky, locked);\n'
        f'pref("{S1}empty_trash_on_exit", false, sticky, locked);\n'
        f'pref("{S1}leave_on_server", true, sticky, locked);\n'
        f'pref("{S1}limit_offline_message_size", false, sticky, locked);\n'
        f'pref("{S1}purgeSpam", false, sticky, locked);\n'
        f'pref("{S1}retainBy", 1, sticky, locked);\n'
        "// Lakzegel locks: end\n"
    )
    found = check(GUARD, here, "enforce", Enforcer(memory, "p"))
    assert [str(one.state) for one in found.readings] == ["compliant"]
    assert (folder / "prefs.js").read_bytes() == before
    check(GUARD, here, "report", Enforcer(memory, "p"))
    assert state(here) == ("drifted", "by-age")
    assert not own.exists()
    assert recall_places(memory) == []


def test_a_server_that_comes_later_is_locked_too(around: Make, memory: Kept) -> None:
    root = program(around().system)
    profile(around().home, {})
    check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    profile(around().home, {"mail.server.server2.type": "none", "mail.server.server2.retainBy": 2})
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert states(found.readings)["abcd.default/server2"] == ("repaired", "")
    assert "server2" in (root / "defaults/pref/lakzegel.js").read_text()


def test_a_profile_that_cannot_be_read_just_now_stays_locked(around: Make, memory: Kept) -> None:
    home = around().home
    root = program(around().system)
    folder = profile(home, {S1 + "retainBy": 2})
    profile(home, {"mail.server.server7.type": "none"}, ".thunderbird/other")
    check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    own = (root / "defaults/pref/lakzegel.js").read_bytes()
    (folder / "prefs.js").write_bytes(b"user_pref(")
    check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert (root / "defaults/pref/lakzegel.js").read_bytes() == own


def test_what_is_of_a_wrong_type_is_not_locked(around: Make, memory: Kept) -> None:
    root = program(around().system)
    profile(around().home, {S1 + "retainBy": "2", S1 + "purgeSpam": True})
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert states(found.readings) == {"abcd.default/server1": ("unknown", "wrong-type")}
    locks = locks_in((root / "defaults/pref/lakzegel.js").read_bytes())
    assert S1 + "retainBy" not in locks
    assert S1 + "purgeSpam" in locks


def test_a_sandbox_cannot_be_locked(around: Make, memory: Kept) -> None:
    system, home = around().system, around().home
    program(system)
    program(system, "snap/thunderbird/current/usr/lib/thunderbird")
    profile(home, {S1 + "retainBy": 2}, "snap/thunderbird/common/.thunderbird/x")
    profile(home, {S1 + "retainBy": 2}, ".var/app/org.mozilla.Thunderbird/.thunderbird/x")
    profile(home, {S1 + "retainBy": 2}, ".var/app/net.thunderbird.Thunderbird/.thunderbird/y")
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert states(found.readings) == {
        "snap/x/server1": ("drifted", "not-permitted"),
        "flatpak/x/server1": ("drifted", "not-permitted"),
        "flatpak/y/server1": ("drifted", "not-permitted"),
    }
    assert [one.locked for one in found.readings] == [None, None, None]
    assert recall_places(memory) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_program_of_somebody_elses_stays_drifted(around: Make, memory: Kept) -> None:
    root = program(around().system)
    profile(around().home, {S1 + "retainBy": 2})
    os.chown(root / "defaults/pref", 12345, 12345)
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert states(found.readings) == {"abcd.default/server1": ("drifted", "not-permitted")}


def test_one_file_of_two_programs_that_are_one_by_a_link(around: Make, memory: Kept) -> None:
    root = program(around().system)
    (around().system / "usr/lib64").symlink_to("lib")
    profile(around().home, {S1 + "retainBy": 2})
    check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert [one.place for one in recall_places(memory)] == [str(root / "defaults/pref/lakzegel.js")]


def test_two_programs_are_both_locked(around: Make, memory: Kept) -> None:
    first, second = program(around().system), program(around().system, "opt/thunderbird")
    profile(around().home, {S1 + "retainBy": 2})
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert states(found.readings) == {"abcd.default/server1": ("repaired", "")}
    shutil.rmtree(second / "defaults")
    (second / "defaults/pref").mkdir(parents=True)
    assert state(around()) == ("drifted", "by-age")
    assert (first / "defaults/pref/lakzegel.js").exists()


def running(folder: Path, system: Path, pid: int, *, alive: bool) -> None:
    (folder / "lock").symlink_to(f"127.0.1.1:+{pid}")
    if alive:
        (system / f"proc/{pid}").mkdir(parents=True)


@pytest.mark.parametrize(
    ("runs_as", "expected"),
    [("a process", ("drifted", "at-next-start")), ("none", ("repaired", ""))],
)
def test_one_that_was_started_before_has_not_read_the_locks(
    around: Make, memory: Kept, runs_as: str, expected: tuple[str, str]
) -> None:
    program(around().system)
    folder = profile(around().home, {S1 + "retainBy": 2})
    running(folder, around().system, 4711, alive=runs_as == "a process")
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert [(str(one.state), one.reason) for one in found.readings] == [expected]
    (folder / "lock").unlink()
    time.sleep(0.01)  # a link's own time cannot be set everywhere
    running(folder, around().system, 4712, alive=True)
    assert state(around()) == ("compliant", "")


def test_who_needed_no_lock_waits_for_no_start(around: Make, memory: Kept) -> None:
    program(around().system)
    folder = profile(around().home, {})
    running(folder, around().system, 4711, alive=True)
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert states(found.readings) == {"abcd.default/server1": ("compliant", "")}


@pytest.mark.parametrize(
    ("platform", "base", "place", "lock"),
    [
        (
            "darwin",
            "Library/Thunderbird/Profiles/x",
            "Applications/Thunderbird.app/Contents/Resources",
            ".parentlock",
        ),
        (
            "win32",
            "AppData/Roaming/Thunderbird/Profiles/x",
            "Program Files/Mozilla Thunderbird",
            "parent.lock",
        ),
    ],
)
def test_elsewhere_the_file_of_the_last_start_decides(
    around: Make, memory: Kept, platform: str, base: str, place: str, lock: str
) -> None:
    program(around().system, place)
    folder = profile(around().home, {S1 + "retainBy": 2}, base)
    (folder / lock).touch()
    os.utime(folder / lock, (1, 1))
    here = around(platform=platform)
    found = check(GUARD, here, "enforce", Enforcer(memory, "p"))
    assert states(found.readings) == {"x/server1": ("drifted", "at-next-start")}
    os.utime(folder / lock, (2**31 - 1, 2**31 - 1))
    assert state(here) == ("compliant", "")


def test_a_competitor_who_takes_the_locks_away_is_not_fought(around: Make, memory: Kept) -> None:
    root = program(around().system)
    profile(around().home, {S1 + "retainBy": 2})
    check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    (root / "defaults/pref/lakzegel.js").unlink()
    found = check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    assert states(found.readings) == {"abcd.default/server1": ("drifted", "contested")}


def test_undoing_leaves_what_others_wrote_into_the_file_since(around: Make, memory: Kept) -> None:
    root = program(around().system)
    profile(around().home, {S1 + "retainBy": 2})
    check(GUARD, around(), "enforce", Enforcer(memory, "p"))
    own = root / "defaults/pref/lakzegel.js"
    own.write_bytes(own.read_bytes() + b'pref("theirs", 1);\n')
    check(GUARD, around(), "off", Enforcer(memory, "p"))
    assert own.read_bytes() == b'pref("theirs", 1);\n'
