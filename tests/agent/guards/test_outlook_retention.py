# SPDX-License-Identifier: EUPL-1.2
"""Whether classic Outlook deletes by itself, over exports of the registry of each version.

The exports are written here, as regedit writes them, with the names that are published; none was
made on a real device (docs/spec/settings-guarded.md).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guards.base import State
from lakzegel_agent.guards.checking import check, compare, shown
from lakzegel_agent.guards.checking import look as look_once
from lakzegel_agent.guards.enforcing import Enforcer
from lakzegel_agent.guards.of_outlook import AGING, ODD, OFF, ON, Said, aging, worst
from lakzegel_agent.guards.outlook_retention import GUARD
from lakzegel_agent.guards.placesregistry import USERS, Registry

from .conftest import Make, readings, states
from .twins import BINARY, MULTI_SZ, SID, Windows

HEAD = "Windows Registry Editor Version 5.00\n"
OWN = r"HKEY_CURRENT_USER\Software\Microsoft\Office\{}\Outlook"
POLICY = r"HKEY_CURRENT_USER\Software\Policies\Microsoft\Office\{}\Outlook"
CLOUD = r"HKEY_CURRENT_USER\Software\Policies\Microsoft\Cloud\Office\{}\Outlook"
VERSIONS = ["14.0", "15.0", "16.0"]


def export(version: str, **keys: dict[str, Any]) -> str:
    """An export: `own`, `policy`, `cloud` and `pst`, `policy_pst` with their values."""
    below = {
        "own": rf"{OWN}\Preferences",
        "policy": rf"{POLICY}\Preferences",
        "cloud": rf"{CLOUD}\Preferences",
        "pst": rf"{OWN}\PST",
        "policy_pst": rf"{POLICY}\PST",
    }
    text = HEAD + f"\n[{OWN.format(version)}]\n"
    for name, held in keys.items():
        text += f"\n[{below[name].format(version)}]\n"
        text += "".join(f'"{one}"={typed(value)}\n' for one, value in held.items())
    return text


def typed(value: Any) -> str:
    if isinstance(value, int):
        return f"dword:{value:08x}"
    return f'"{value}"' if isinstance(value, str) else f"hex:{value.hex(',')}"


def load(windows: Windows, text: str) -> None:
    """Put an export into the registry of the user."""
    assert text.startswith(HEAD)
    key = ""
    for line in text.splitlines()[1:]:
        if found := re.fullmatch(r"\[HKEY_CURRENT_USER\\(.*)\]", line):
            key = rf"{SID}\{found[1]}"
            windows.key(USERS, key)
        elif found := re.fullmatch(r'"(.*?)"=dword:([0-9a-f]{8})', line):
            windows.hold(USERS, key, found[1], int(found[2], 16))
        elif found := re.fullmatch(r'"(.*?)"="(.*)"', line):
            windows.hold(USERS, key, found[1], found[2], 1)
        elif found := re.fullmatch(r'"(.*?)"=hex:(.*)', line):
            windows.hold(USERS, key, found[1], bytes.fromhex(found[2].replace(",", "")), BINARY)
        else:
            assert line == ""


@pytest.fixture
def device(around: Make):
    """A device: `device.windows`, and `device(export, …)` for surroundings with these in it."""

    class Device:
        windows = Windows(around().home)

        def __call__(self, *exports: str):
            for text in exports:
                load(self.windows, text)
            home = around().home
            places = {**around().places, "registry": Registry(home, self.windows)}
            return around(platform="win32", places=places)

        def policies(self, version: str = "16.0") -> dict[str, object]:
            below = POLICY.format(version).partition("\\")[2]
            at = (USERS, rf"{SID}\{below}\Preferences".lower())
            held = self.windows.keys.get(at, {})
            return {name: value for name, value, _ in held.values()}

    return Device()


GPO_OFF = {  # what a group policy that turns all of it off leaves behind
    "doaging": 0, "everydays": 14, "promptforaging": 0, "deleteexpired": 0, "archiveold": 0,
    "archivemount": 0, "archiveperiod": 6, "archivegranularity": 0, "archivedelete": 0,
}  # fmt: skip

# own and policies' values, what AutoArchive is
AGINGS: list[tuple[str, dict[str, dict[str, Any]], tuple[str, str]]] = [
    ("nothing is said", {}, ("compliant", "by-default")),
    ("off by the user", {"own": {"DoAging": 0}}, ("compliant", "")),
    (
        "off by the user, the rest on",
        {"own": {"DoAging": 0, "ArchiveDelete": 1}},
        ("compliant", ""),
    ),
    ("off by a policy", {"policy": GPO_OFF}, ("compliant", "")),
    ("a policy before the user", {"own": {"DoAging": 1}, "policy": GPO_OFF}, ("compliant", "")),
    ("on, nothing else said", {"own": {"DoAging": 1}}, ("drifted", "archives-by-folder")),
    (
        "on, each folder for itself",
        {"own": {"DoAging": 1, "ArchiveOld": 0, "ArchiveDelete": 1}},
        ("drifted", "archives-by-folder"),
    ),
    (
        "moves into a local file",
        {"own": {"DoAging": 1, "ArchiveOld": 1, "ArchiveDelete": 0, "DeleteExpired": 0}},
        ("drifted", "archives-elsewhere"),
    ),
    (
        "moves, default for deleting",
        {"own": {"DoAging": 1, "ArchiveOld": 1}},
        ("drifted", "archives-elsewhere"),
    ),
    (
        "deletes what is old",
        {"own": {"DoAging": 1, "ArchiveOld": 1, "ArchiveDelete": 1}},
        ("drifted", "deletes-old"),
    ),
    (
        "deletes, default for being old",
        {"own": {"DoAging": 1, "ArchiveDelete": 1}},
        ("drifted", "deletes-old"),
    ),
    (
        "deletes what is expired",
        {"own": {"DoAging": 1, "DeleteExpired": 1, "ArchiveOld": 1}},
        ("drifted", "deletes-expired"),
    ),
    ("on by a policy", {"policy": {"DoAging": 1, "ArchiveDelete": 1}}, ("drifted", "mdm-owned")),
    (
        "on by a policy, off by the user",
        {"own": {"DoAging": 0}, "policy": {"DoAging": 1}},
        ("drifted", "mdm-owned"),
    ),
    (
        "the rest by a policy, on by the user",
        {"own": {"DoAging": 1}, "policy": {"ArchiveOld": 1, "ArchiveDelete": 1}},
        ("drifted", "deletes-old"),
    ),
    ("a text", {"own": {"DoAging": "1"}}, ("unknown", "not-understood")),
    ("a text that says off", {"own": {"DoAging": "0"}}, ("unknown", "not-understood")),
    ("bytes", {"own": {"DoAging": b"\0\0\0\0"}}, ("unknown", "not-understood")),
    ("another number", {"own": {"DoAging": 2}}, ("unknown", "not-understood")),
    ("all bits", {"own": {"DoAging": 0xFFFFFFFF}}, ("unknown", "not-understood")),
    ("a policy that is a text", {"policy": {"DoAging": "0"}}, ("unknown", "not-understood")),
    (
        "on, and the rest not understood",
        {"own": {"DoAging": 1, "ArchiveDelete": "x", "ArchiveOld": 7}},
        ("drifted", "archives-by-folder"),
    ),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("held", "expected"), [case[1:] for case in AGINGS], ids=[case[0] for case in AGINGS]
)
def test_autoarchive_of_each_version_says_what_becomes_of_old_mail(device, version, held, expected):
    found = states(readings(GUARD, device(export(version, **held))))
    assert found[f"{version}/autoarchive"] == expected
    assert len(found) == 2


TRASH: list[tuple[dict[str, dict[str, Any]], tuple[str, str]]] = [
    ({}, ("compliant", "by-default")),
    ({"own": {"EmptyTrash": 0}}, ("compliant", "")),
    ({"own": {"EmptyTrash": 1}}, ("drifted", "empties-trash")),
    ({"own": {"EmptyTrash": 1}, "policy": {"EmptyTrash": 0}}, ("drifted", "empties-trash")),
    ({"policy": {"EmptyTrash": 0}}, ("compliant", "")),
    ({"policy": {"EmptyTrash": 1}}, ("drifted", "mdm-owned")),
    ({"own": {"EmptyTrash": 0}, "policy": {"EmptyTrash": 1}}, ("drifted", "mdm-owned")),
    ({"own": {"EmptyTrash": 3}}, ("unknown", "not-understood")),
    ({"own": {"EmptyTrash": "no"}, "policy": {"EmptyTrash": 0}}, ("unknown", "not-understood")),
    ({"own": {"EmptyTrash": "no"}, "policy": {"EmptyTrash": 1}}, ("drifted", "mdm-owned")),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("held", "expected"), TRASH)
def test_deleted_items_that_are_emptied_on_closing_are_told_apart(device, version, held, expected):
    found = states(readings(GUARD, device(export(version, **held))))
    assert found[f"{version}/deleted-items"] == expected


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"policy_pst": {"PSTNullFreeOnDelete": 1}}, ("compliant", "purges-pst")),
        ({"pst": {"PSTNullFreeOnDelete": 1}}, ("compliant", "purges-pst")),
        ({"policy_pst": {"PSTNullFreeOnDelete": 0}}, ("compliant", "")),
        ({"policy_pst": {"PSTNullFreeOnDelete": "1"}}, ("unknown", "not-understood")),
        ({"pst": {"PSTNullFreeOnDelete": 9}}, ("unknown", "not-understood")),
    ],
)
def test_overwriting_in_pst_files_is_told_and_is_no_deleting(device, version, held, expected):
    found = states(readings(GUARD, device(export(version, **held))))
    assert found[f"{version}/pst"] == expected


def test_policies_from_the_cloud_count_as_well_and_the_worse_one_of_two(device):
    text = export("16.0", cloud={"doaging": 1}, policy=GPO_OFF)
    assert states(readings(GUARD, device(text)))["16.0/autoarchive"] == ("drifted", "mdm-owned")
    device.windows = Windows(device().home)
    text = export("16.0", cloud={"doaging": 0}, own={"DoAging": 1})
    assert states(readings(GUARD, device(text)))["16.0/autoarchive"] == ("compliant", "")


def test_each_version_that_is_there_is_guarded_and_others_are_not(device):
    found = states(
        readings(
            GUARD,
            device(
                export("12.0", own={"DoAging": 1}),
                export("14.0", own={"DoAging": 1, "DeleteExpired": 1}),
                export("16.0", own={"DoAging": 0, "EmptyTrash": 0}),
            ),
        )
    )
    assert found == {
        "14.0/autoarchive": ("drifted", "deletes-expired"),
        "14.0/deleted-items": ("compliant", "by-default"),
        "16.0/autoarchive": ("compliant", ""),
        "16.0/deleted-items": ("compliant", ""),
    }


def test_a_policy_alone_is_no_outlook(device):
    load(
        device.windows, HEAD + f'\n[{POLICY.format("16.0")}\\Preferences]\n"DoAging"=dword:00000001'
    )
    assert readings(GUARD, device()) == []


def test_the_office_reads_what_a_policy_and_what_the_user_says(device):
    text = export("16.0", own={"DoAging": 1, "ArchiveOld": "x"}, policy={"DoAging": 1})
    found = {one.subject: one for one in readings(GUARD, device(text))}
    one = found["16.0/autoarchive"]
    assert one.value == {
        "DoAging": {"policy": 1, "own": 1},
        "DeleteExpired": {},
        "ArchiveDelete": {},
        "ArchiveOld": {"own": "not-understood"},
        "does": "archives-by-folder",
    }
    json.dumps(one.value)


@pytest.mark.parametrize(
    ("own", "policy", "data", "expected"),
    [
        ({"UseNewOutlook": 1}, {}, False, ("unknown", "new-outlook")),
        ({"UseNewOutlook": 1}, {}, True, ("unknown", "new-outlook")),
        ({"UseNewOutlook": 0}, {}, False, None),
        ({"UseNewOutlook": 0}, {}, True, None),
        ({}, {}, True, ("unknown", "new-outlook")),
        ({}, {}, False, None),
        ({"UseNewOutlook": 1}, {"UseNewOutlook": 0}, False, ("unknown", "new-outlook")),
        ({}, {"UseNewOutlook": 1}, False, ("unknown", "new-outlook")),
        ({"UseNewOutlook": "1"}, {}, False, ("unknown", "not-understood")),
        ({"UseNewOutlook": 2}, {}, True, ("unknown", "not-understood")),
    ],
)
def test_the_new_outlook_is_never_good(device, own, policy, data, expected):
    surroundings = device(export("16.0", own={**own, "DoAging": 0}, policy=policy))
    if data:
        (surroundings.home / "AppData/Local/Microsoft/Olk").mkdir(parents=True)
    found = states(readings(GUARD, surroundings))
    assert found.get("new-outlook") == expected
    assert found["16.0/autoarchive"] == ("compliant", "")
    state = look_once(GUARD, surroundings, "report").state
    assert (state is State.UNKNOWN) == (expected is not None)


def test_where_there_is_no_outlook_there_is_nothing_to_say(device):
    assert readings(GUARD, device()) == []


def test_what_cannot_be_read_is_unknown(device):
    class Closed(Windows):
        def get(self, hive: str, key: str, name: str):
            if name.lower() == "doaging":
                raise PermissionError(13, "Access is denied")
            return super().get(hive, key, name)

    device.windows = Closed(device().home)
    found = look_once(GUARD, device(export("16.0")), "report")
    assert [(one.state, one.reason) for one in found.readings] == [(State.UNKNOWN, "unreadable")]


def test_who_is_not_signed_in_is_unknown_each_subject_for_itself(device, memory):
    surroundings = device(export("16.0", own={"DoAging": 1}))
    device.windows.sign_out()
    found = look_once(GUARD, surroundings, "report")
    assert [(one.state, one.reason) for one in found.readings] == [(State.UNKNOWN, "not-signed-in")]
    load(device.windows, export("16.0", own={"DoAging": 1}))
    assert set(states(readings(GUARD, surroundings))) == {"16.0/autoarchive", "16.0/deleted-items"}
    device.windows.sign_out()
    assert set(states(readings(GUARD, surroundings)).values()) == {("unknown", "not-signed-in")}
    assert set(states(readings(GUARD, surroundings))) == {"16.0/autoarchive", "16.0/deleted-items"}
    assert checked(surroundings, memory) == {
        "16.0/autoarchive": ("unknown", "not-signed-in"),
        "16.0/deleted-items": ("unknown", "not-signed-in"),
    }


def test_another_users_settings_are_not_looked_at(device):
    other = SID[:-1] + "2"
    for key in (rf"{other}\Software\Microsoft\Office\16.0\Outlook\Preferences",):
        device.windows.hold(USERS, key, "DoAging", 1)
    assert readings(GUARD, device()) == []


SWITCH = st.sampled_from([None, OFF, ON, ODD])


@given(st.tuples(*[st.builds(Said, policy=SWITCH, own=SWITCH)] * 4))
def test_compliant_is_only_an_autoarchive_that_is_known_not_to_run(found):
    settings = dict(zip(AGING, found, strict=True))
    state, reason = aging(settings)
    assert (state is State.COMPLIANT) == (found[0].counts in (None, OFF))
    assert (state is State.DRIFTED) == (found[0].counts == ON)
    assert reason in GUARD.declaration.reasons | {"", "not-understood"}


@given(st.lists(SWITCH, max_size=4))
def test_of_several_places_the_worst_counts(values):
    found = worst(values)
    for one in (ON, ODD, OFF):
        if one in values:
            assert found == one
            return
    assert found is None


def checked(surroundings, memory, mode: str = "enforce") -> dict[str, tuple[str, str]]:
    return states(check(GUARD, surroundings, mode, Enforcer(memory, "p1")).readings)


ALL_OFF = {"DoAging": 0, "DeleteExpired": 0, "ArchiveDelete": 0, "ArchiveOld": 0, "EmptyTrash": 0}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_deletes_is_set_right_under_the_users_policies(device, memory, version):
    own = {"DoAging": 1, "ArchiveOld": 1, "ArchiveDelete": 1, "EmptyTrash": 1, "EveryDays": 7}
    surroundings = device(export(version, own=own))
    repaired = {f"{version}/autoarchive", f"{version}/deleted-items"}
    assert checked(surroundings, memory) == dict.fromkeys(repaired, ("repaired", ""))
    assert device.policies(version) == ALL_OFF
    key = rf"{SID}\Software\Microsoft\Office\{version}\Outlook\Preferences"
    assert device.windows.get(USERS, key, "DoAging") == (1, 4)
    assert device.windows.get(USERS, key, "EmptyTrash") == (0, 4)
    assert checked(surroundings, memory) == dict.fromkeys(repaired, ("compliant", ""))


@pytest.mark.parametrize("own", [{}, ALL_OFF])
def test_what_is_off_already_is_locked(device, memory, own):
    surroundings = device(export("16.0", own=own))
    assert {one.locked for one in readings(GUARD, surroundings)} == {False}
    assert set(checked(surroundings, memory).values()) == {("compliant", "")}
    assert device.policies() == ALL_OFF
    assert {one.locked for one in readings(GUARD, surroundings)} == {True}


@pytest.mark.parametrize("mode", ["report", "off"])
def test_undoing_gives_back_what_was_there(device, memory, mode):
    surroundings = device(export("16.0", own={"DoAging": 1, "EmptyTrash": 1}))
    before = {at: dict(held) for at, held in device.windows.keys.items()}
    checked(surroundings, memory)
    checked(surroundings, memory, mode)
    assert {at: held for at, held in device.windows.keys.items() if held} == {
        at: held for at, held in before.items() if held
    }
    assert set(checked(surroundings, memory, "report").values()) == {
        ("drifted", "archives-by-folder"), ("drifted", "empties-trash"),
    }  # fmt: skip


def test_a_policy_that_says_on_is_reported_and_left(device, memory):
    policy = {"DoAging": 1, "ArchiveDelete": 1, "EmptyTrash": 1}
    surroundings = device(export("16.0", own={"EmptyTrash": 1}, policy=policy))
    assert checked(surroundings, memory) == {
        "16.0/autoarchive": ("drifted", "mdm-owned"),
        "16.0/deleted-items": ("drifted", "mdm-owned"),
    }
    assert device.policies() == policy


def test_what_a_policy_says_besides_stays(device, memory):
    policy = {"ArchiveOld": 1, "EveryDays": 14}
    surroundings = device(export("16.0", own={"DoAging": 1}, policy=policy))
    assert checked(surroundings, memory)["16.0/autoarchive"] == ("repaired", "")
    assert device.policies() == {**ALL_OFF, **policy}


def test_a_policy_that_says_off_already_is_not_this_agents_and_stays(device, memory):
    surroundings = device(export("16.0", policy={**ALL_OFF, "EveryDays": 14}))
    checked(surroundings, memory)
    assert memory.values.get("guards-places") in (None, b'{"places": []}')
    checked(surroundings, memory, "off")
    assert device.policies() == {**ALL_OFF, "EveryDays": 14}


def test_what_is_taken_away_again_is_told_of_and_not_fought(device, memory):
    surroundings = device(export("16.0", own={"DoAging": 1}))
    assert checked(surroundings, memory)["16.0/autoarchive"] == ("repaired", "")
    key = rf"{SID}\Software\Policies\Microsoft\Office\16.0\Outlook\Preferences"
    device.windows.remove(USERS, key, "DoAging")
    for _ in range(3):
        assert checked(surroundings, memory)["16.0/autoarchive"] == ("drifted", "contested")
        assert "DoAging" not in device.policies()


def test_who_may_not_write_policies_reports(device, memory):
    surroundings = device(export("16.0", own={"DoAging": 1}))
    device.windows.refuses = True
    assert checked(surroundings, memory) == {
        "16.0/autoarchive": ("drifted", "not-permitted"),
        "16.0/deleted-items": ("compliant", "by-default"),
    }


def test_it_sees_reasons_and_counts_and_no_values(device):
    text = export("16.0", own={"DoAging": 1, "EmptyTrash": 1}, pst={"PSTNullFreeOnDelete": 1})
    found = look_once(GUARD, device(text), "report")
    looked, said = compare(found, None, "2026-11-30T09:00:00Z")
    row = shown(looked, GUARD, "report")
    assert row["reasons"] == {"archives-by-folder": 1, "empties-trash": 1, "purges-pst": 1}
    assert len(said) == 3


@pytest.mark.parametrize("below", ["Software", r"Software\Policies"])
@pytest.mark.parametrize(
    ("value", "kind"), [(["0"], MULTI_SZ), (0, 11), (None, 4), ("0" * 100_000, 1), ("\ud800", 1)]
)
def test_other_types_of_the_registry_are_not_understood(device, below, value, kind):
    surroundings = device(export("16.0"))
    key = rf"{SID}\{below}\Microsoft\Office\16.0\Outlook\Preferences"
    device.windows.hold(USERS, key, "DoAging", value, kind)
    found = states(readings(GUARD, surroundings))
    assert found["16.0/autoarchive"] == ("unknown", "not-understood")
