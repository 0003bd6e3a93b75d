# SPDX-License-Identifier: EUPL-1.2
"""What is known of Apple Mail's rules; property lists are made here, as public code writes them."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path
from typing import Any

import pytest

from lakzegel_agent.guards.apple_mail_rules import GUARD
from lakzegel_agent.guards.base import PlaceError

from .conftest import Make, readings, states

PLAIN: dict[str, Any] = {
    "RuleId": "9C8F5248-7894-46B4-A081-37AAB2500086",
    "RuleName": "Nieuwsbrieven",
    "AllCriteriaMustBeSatisfied": False,
    "Criteria": [{"CriterionUniqueId": "1", "Expression": "nieuws", "Header": "Subject"}],
    "Deletes": False,
    "ShouldTransferMessage": False,
    "ShouldCopyMessage": False,
    "MarkRead": True,
    "MarkFlagged": False,
    "NotifyUser": False,
    "SendNotification": False,
    "HighlightTextUsingColor": False,
    "AutoResponseType": 0,
    "StopEvaluatingRules": True,
    "TimeStamp": 466421321,
}
FINE = ("compliant", "")


def write(home: Path, rules: Any, active: Any = None, *, version: str = "V10", **how: Any) -> Path:
    """The rules of one version of Mail, binary as macOS has them."""
    folder = home / "Library/Mail" / version / "MailData"
    folder.mkdir(parents=True, exist_ok=True)
    kind = how.get("fmt", plistlib.FMT_BINARY)
    name = how.get("name", "SyncedRules.plist")
    (folder / name).write_bytes(plistlib.dumps(rules, fmt=kind))
    if active is not None:
        (folder / "RulesActiveState.plist").write_bytes(plistlib.dumps(active))
    return folder


def one(make: Make, rule: dict[str, Any], active: Any = None, **how: Any) -> tuple[str, str]:
    around = make(platform="darwin")
    write(around.home, [rule], active, **how)
    ((_, found),) = states(readings(GUARD, around)).items()
    return found


UUID = "imap://0A1B2C3D-0000-4000-8000-000000000000/Archief"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, FINE),
        ({"Deletes": True}, ("drifted", "deletes")),
        ({"Deletes": "YES"}, ("drifted", "deletes")),
        ({"Deletes": "NO"}, FINE),
        ({"Deletes": "misschien"}, ("unknown", "not-understood")),
        ({"Deletes": 1}, ("unknown", "not-understood")),
        ({"AutoResponseType": 1}, ("unknown", "answers-or-forwards")),
        ({"AutoResponseType": 2}, ("unknown", "answers-or-forwards")),
        ({"AutoResponseType": "0"}, ("unknown", "answers-or-forwards")),
        ({"AutoResponseType": True}, ("unknown", "answers-or-forwards")),
        ({"AppleScript": "stuur.scpt"}, ("unknown", "runs-script")),
        ({"AppleScript": ""}, FINE),
        ({"Recipients": ["jan@ziggo.nl"]}, ("unknown", "unknown-action")),
        ({"ForwardText": "x"}, ("unknown", "unknown-action")),
        ({"Recipients": ["jan@ziggo.nl"], "Deletes": True}, ("drifted", "deletes")),
        ({"ShouldTransferMessage": True, "MailboxURL": UUID}, ("unknown", "unknown-folder")),
        ({"ShouldTransferMessage": True}, ("unknown", "unknown-folder")),
        (
            {"ShouldTransferMessage": True, "MailboxURL": "imap://jan@imap.ziggo.nl/A"},
            ("drifted", "moves-elsewhere"),
        ),
        (
            {"ShouldCopyMessage": True, "CopyToMailboxURL": "imap://jan%40gmail.com@x.example/A"},
            ("drifted", "copies-elsewhere"),
        ),
        (
            {"ShouldCopyMessage": True, "CopyToMailboxURL": "imap://jan@imap.minxyz.example:993/A"},
            FINE,
        ),
        ({"ShouldCopyMessage": False, "CopyToMailboxURL": "imap://jan@imap.ziggo.nl/A"}, FINE),
    ],
)
def test_what_is_known_of_a_rule_is_judged_and_the_rest_is_unknown(
    around: Make, changed: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert one(around, {**PLAIN, **changed}) == expected
    assert one(around, {**PLAIN, **changed}, fmt=plistlib.FMT_XML) == expected


@pytest.mark.parametrize(
    ("changed", "active", "expected"),
    [
        ({"Deletes": True}, {PLAIN["RuleId"]: False}, FINE),
        ({"Deletes": True}, {PLAIN["RuleId"]: True}, ("drifted", "deletes")),
        ({"Deletes": True}, {}, ("drifted", "deletes")),
        ({"Deletes": True}, {PLAIN["RuleId"]: 0}, ("drifted", "deletes")),
        ({"Deletes": True, "Active": "NO"}, None, FINE),
        ({"AutoResponseType": 1}, {PLAIN["RuleId"]: False}, FINE),
        ({"Unknown": 1}, {PLAIN["RuleId"]: False}, ("unknown", "unknown-action")),
        ({"Unknown": 1, "Deletes": True}, {PLAIN["RuleId"]: False}, ("unknown", "unknown-action")),
    ],
)
def test_a_rule_that_is_off_does_nothing(
    around: Make, changed: dict[str, Any], active: Any, expected: tuple[str, str]
) -> None:
    assert one(around, {**PLAIN, **changed}, active) == expected


@pytest.mark.parametrize("name", ["UnsyncedRules.plist", "MessageRules.plist"])
def test_rules_that_are_not_synchronised_and_of_old_versions_count_too(
    around: Make, name: str
) -> None:
    surroundings = around(platform="darwin")
    write(surroundings.home, {"rules": [{**PLAIN, "Deletes": True}]}, name=name)
    ((subject, found),) = states(readings(GUARD, surroundings)).items()
    assert (subject.partition("/")[0], found) == (name, ("drifted", "deletes"))


def test_of_several_versions_the_newest_counts(around: Make) -> None:
    surroundings = around(platform="darwin")
    write(surroundings.home, [{**PLAIN, "Deletes": True}], version="V9")
    write(surroundings.home, [PLAIN], version="V10")
    assert set(states(readings(GUARD, surroundings)).values()) == {FINE}


@pytest.mark.parametrize(
    "rules", [["x"], [{}], [{**PLAIN, "RuleId": 7}], {"rules": 7}, "x", {"other": []}]
)
def test_what_is_no_rule_is_unknown(around: Make, rules: Any) -> None:
    surroundings = around(platform="darwin")
    write(surroundings.home, rules)
    found = states(readings(GUARD, surroundings))
    assert set(found.values()) == {("unknown", "not-understood")}


def test_a_file_that_is_cut_is_unknown_at_every_byte(around: Make) -> None:
    surroundings = around(platform="darwin")
    path = write(surroundings.home, [PLAIN]) / "SyncedRules.plist"
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        found = states(readings(GUARD, surroundings))
        assert found == {"SyncedRules.plist": ("unknown", "not-understood")}


def test_a_folder_that_lets_nobody_in_is_unknown(
    around: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: object) -> list[str]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(PlaceError, match="unreadable"):
        readings(GUARD, around(platform="darwin"))


def test_without_apple_mail_there_is_nothing_to_say(around: Make) -> None:
    assert readings(GUARD, around(platform="darwin")) == []
    (around().home / "Library/Mail/Bundles").mkdir(parents=True)
    assert readings(GUARD, around(platform="darwin")) == []


def test_thousands_of_rules_are_limited_and_said_to_be(around: Make) -> None:
    surroundings = around(platform="darwin")
    write(surroundings.home, [PLAIN] * 1_001)
    found = states(readings(GUARD, surroundings))
    assert found["SyncedRules.plist"] == ("unknown", "too-many")
    assert len(found) == 1_001
