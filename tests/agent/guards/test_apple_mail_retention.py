# SPDX-License-Identifier: EUPL-1.2
"""Apple Mail: honest that it is not known (docs/spec/settings-guarded.md)."""

from __future__ import annotations

import pytest

from lakzegel_agent.guards.apple_mail_retention import GUARD, is_used
from lakzegel_agent.guards.checking import mode_of

from .conftest import Make, policy, readings, states


@pytest.mark.parametrize("version", ["V2", "V8", "V10", "V11"])
def test_where_apple_mail_is_used_it_is_not_known_whether_it_deletes(around: Make, version):
    surroundings = around(platform="darwin")
    (surroundings.home / "Library/Mail" / version).mkdir(parents=True)
    assert states(readings(GUARD, surroundings)) == {"apple-mail": ("unknown", "no-known-key")}


@pytest.mark.parametrize("name", [None, "", "PersistenceInfo.plist", "Vx", "V"])
def test_where_it_was_never_used_there_is_nothing_to_say(around: Make, name):
    surroundings = around(platform="darwin")
    if name is not None:
        (surroundings.home / "Library/Mail" / name).mkdir(parents=True)
    assert readings(GUARD, surroundings) == []


def test_a_folder_that_lets_nobody_in_may_have_mail(tmp_path, monkeypatch):
    def refused(self):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(type(tmp_path), "iterdir", refused)
    assert is_used(tmp_path)


def test_it_can_only_report():
    assert mode_of(policy('[guards]\napple-mail-retention = "enforce"\n'), GUARD) == "report"
    assert list(GUARD.changes(None, ())) == []
    assert GUARD.without("x", b"held") == b"held"
