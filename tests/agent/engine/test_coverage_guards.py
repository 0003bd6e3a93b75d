# SPDX-License-Identifier: EUPL-1.2
"""Guards of coverage over a real ledger: what was captured day by day, and what is told of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_agent.guarding import Where, attend
from lakzegel_agent.policies import InForce
from lakzegel_core.annex import parse_annex
from lakzegel_core.policy import parse_policy_toml

DAY = timedelta(days=1)
TOML = """\
serial = 1
audience = ["device:minister"]
expires = 2036-01-01
recipients = ["{recipient}"]

[[source]]
name = "s1"
kind = "folder"
path = "{path}"

[guards]
default = "off"
sources-silent = "report"
apps-covered = "report"
mdm-marker = "report"

[[elsewhere]]
app = "teams"
attested_by = "functional-management"
until = 2026-04-10
why = "archived on the server"
"""


@pytest.fixture
def looks(engine, tmp_path):
    """Captures and lets the guards look, on one day."""
    text = TOML.format(recipient=engine.identity.recipient.to_text(), path=engine.root)
    annex = parse_annex('device = "minister"\n[[source]]\nname = "s1"\nlabel = "docs"\n')
    in_force = InForce(b"", parse_policy_toml(text), annex, None)
    home = tmp_path / "minister"
    (home / ".config/teams-for-linux").mkdir(parents=True)
    where = Where(home, tmp_path / "system", "linux", marker="/etc/managed")
    (tmp_path / "system").mkdir()

    def look(now):
        engine.capture()  # it seals what was told before
        outcome = attend(engine.ledger, in_force, where, now)
        rows = engine.ledger.files.queued(after=0, limit=10_000)
        look.told += [json.loads(row.payload) for row in rows]
        return outcome

    look.told = []
    return look


def said(looks, guard):
    return [
        (value["subject"], value["state"], value["reason"])
        for value in looks.told
        if value["type"] == "guard" and value["guard"] == guard
    ]


def test_a_source_that_goes_silent_is_told_to_the_office_and_to_it(engine, looks):
    now = datetime(2026, 3, 1, 9, tzinfo=UTC)
    for day in range(20):
        engine.write(f"brief-{day}", f"dag {day}".encode())
        outcome = looks(now)
        now += DAY
    assert (
        "guard-drifted" not in outcome.problems
        or "sources-silent" not in (outcome.problems["guard-drifted"])
    )
    for _ in range(9):
        outcome = looks(now)
        now += DAY
    told = outcome.problems["guard-drifted"]["sources-silent"]
    assert told.detail == "sources-silent: 1 (silent)"
    assert tuple(told.about) == ("docs",)
    engine.write("eindelijk", b"weer een brief")
    outcome = looks(now)
    assert "sources-silent" not in outcome.problems.get("guard-drifted", {})
    states = [state for _, state, _ in said(looks, "sources-silent")]
    assert states[0] == "not-applicable"
    assert "drifted" in states
    assert states[-1] == "compliant"
    assert len(states) < 12  # once where it changes, and once a week


def test_an_attestation_and_a_marker_are_told_when_they_end(looks, tmp_path):
    marker = tmp_path / "system/etc/managed"
    marker.parent.mkdir(mode=0o755)
    marker.touch(mode=0o644)
    before = datetime(2026, 4, 9, 9, tzinfo=UTC)
    looks(before)
    marker.unlink()
    outcome = looks(before + DAY)
    assert said(looks, "apps-covered") == [
        ("teams", "compliant", ""),
        ("teams", "drifted", "attestation-over"),
    ]
    assert said(looks, "mdm-marker") == [
        ("device", "compliant", ""),
        ("device", "drifted", "no-marker"),
    ]
    assert set(outcome.problems["guard-drifted"]) == {"apps-covered", "mdm-marker"}
