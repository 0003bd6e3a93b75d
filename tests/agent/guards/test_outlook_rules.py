# SPDX-License-Identifier: EUPL-1.2
"""Outlook's rules: honest that they are not read."""

from __future__ import annotations

from lakzegel_agent.guards.outlook_rules import GUARD

from .conftest import Make, readings, states


def test_each_source_of_outlooks_files_is_unknown_and_others_say_nothing(around: Make) -> None:
    home = around().home
    found = readings(GUARD, around(("pst", home), ("maildir", home), ("pst", home / "x")))
    assert states(found) == {"s0": ("unknown", "not-readable"), "s2": ("unknown", "not-readable")}


def test_without_outlooks_files_there_is_nothing_to_say(around: Make) -> None:
    assert readings(GUARD, around(("eml", around().home))) == []
