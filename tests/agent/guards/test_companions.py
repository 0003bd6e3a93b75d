# SPDX-License-Identifier: EUPL-1.2
"""A device with our companion profiles is what the guards call compliant, whatever its user set."""

from __future__ import annotations

import json
import plistlib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lakzegel_agent.guards import messages_retention, outlook_retention, thunderbird_retention
from lakzegel_agent.guards.placesregistry import Registry

from .conftest import Make, readings
from .thunderbirds import PRIVATE, profile
from .twins import Windows

COMPANIONS = Path(__file__).resolve().parents[3] / "mdm-profiles/companions"
SPACE = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"
BAD = "".join(
    f'user_pref("mail.server.server{one}.{name}", {value});\n'
    for one in (1, 2, 3)
    for name, value in {
        "retainBy": 2,
        "daysToKeepHdrs": 7,
        "empty_trash_on_exit": "true",
        "leave_on_server": "false",
        "purgeSpam": "true",
    }.items()
)


def outlook_items(which: str) -> list[tuple[str, str, str]]:
    """What Windows does where the policy is on or off: key, value's name, element."""
    admx = COMPANIONS / "windows/PolicyDefinitions/LakzegelCompanions.admx"
    (policy,) = ET.fromstring(admx.read_text()).iter(f"{SPACE}policy")
    assert policy.get("class") == "User"
    rows = policy.find(f"{SPACE}{which}")
    assert rows is not None
    return [
        (item.get("key", ""), item.get("valueName", ""), item[0][0].tag.removeprefix(SPACE))
        for item in rows
    ]


@pytest.mark.parametrize("version", ["14.0", "15.0", "16.0"])
def test_outlook_that_deletes_is_compliant_once_the_policy_is_on(
    around: Make, version: str
) -> None:
    windows = Windows(around().home)
    places = {**around().places, "registry": Registry(around().home, windows)}
    surroundings = around(platform="win32", places=places)
    below = rf"Software\Microsoft\Office\{version}\Outlook\Preferences"
    windows.mine(below, DoAging=1, ArchiveOld=1, ArchiveDelete=1, DeleteExpired=1)
    before = readings(outlook_retention.GUARD, surroundings)
    assert {str(one.state) for one in before} >= {"drifted"}
    for key, name, element in outlook_items("enabledList"):
        assert element == "decimal"
        windows.mine(key, **{name: 0})
    after = readings(outlook_retention.GUARD, surroundings)
    assert {str(one.state) for one in after} == {"compliant"}


def test_switching_the_policy_off_takes_away_what_it_set() -> None:
    on, off = outlook_items("enabledList"), outlook_items("disabledList")
    assert [row[:2] for row in on] == [row[:2] for row in off]
    assert {row[2] for row in off} == {"delete"}
    assert len(on) == 15


def test_messages_that_forget_are_compliant_once_the_profile_is_there(around: Make) -> None:
    made = around()
    (made.home / "Library/Messages").mkdir(parents=True)
    own = made.home / "Library/Preferences/com.apple.MobileSMS.plist"
    own.parent.mkdir(parents=True)
    own.write_bytes(plistlib.dumps({"KeepMessageForDays": 30, "SSKeepMessages": 365}))
    surroundings = around(platform="darwin")
    (before,) = readings(messages_retention.GUARD, surroundings)
    assert (str(before.state), before.reason) == ("drifted", "by-age")
    data = plistlib.loads((COMPANIONS / "macos/messages.mobileconfig").read_bytes())
    folder = made.system / "Library/Managed Preferences"
    folder.mkdir(parents=True)
    for payload in data["PayloadContent"]:
        at = folder / f"{payload['PayloadType']}.plist"
        at.write_bytes(plistlib.dumps(payload, fmt=plistlib.FMT_BINARY))
    (after,) = readings(messages_retention.GUARD, surroundings)
    assert str(after.state) == "compliant"


def test_thunderbird_that_deletes_is_compliant_once_the_file_is_beside_it(around: Make) -> None:
    surroundings = around()
    profile(surroundings.home, PRIVATE, BAD)
    root = surroundings.system / "usr/lib/thunderbird"
    (root / "defaults/pref").mkdir(parents=True)
    (root / "application.ini").write_text("[App]\nName=Thunderbird\n")
    before = readings(thunderbird_retention.GUARD, surroundings)
    assert {str(one.state) for one in before} == {"drifted"}
    held = (COMPANIONS / "thunderbird/lakzegel-mdm.js").read_bytes()
    (root / "defaults/pref/lakzegel-mdm.js").write_bytes(held)
    after = readings(thunderbird_retention.GUARD, surroundings)
    assert [(str(one.state), one.reason) for one in after] == [("compliant", "")] * 3


def test_policies_for_thunderbird_name_only_what_it_has_a_type_of(around: Make) -> None:
    found = json.loads((COMPANIONS / "thunderbird/policies.json").read_bytes())
    preferences = found["policies"]["Preferences"]
    assert preferences["mail.server.default.retainBy"] == {"Value": 1, "Status": "locked"}
    assert all(name.startswith(("mail.server.default.", "mail.imap.")) for name in preferences)
    surroundings = around()
    profile(surroundings.home, PRIVATE)
    at = surroundings.system / "etc/thunderbird/policies/policies.json"
    at.parent.mkdir(parents=True)
    at.write_text(json.dumps(found))
    (surroundings.system / "usr/lib/thunderbird").mkdir(parents=True)
    (surroundings.system / "usr/lib/thunderbird/application.ini").write_text("[App]\n")
    states = {str(one.state) for one in readings(thunderbird_retention.GUARD, surroundings)}
    assert states == {"compliant"}
