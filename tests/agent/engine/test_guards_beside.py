# SPDX-License-Identifier: EUPL-1.2
"""A look of the guards beside a pass: what tells of what was captured waits until it was."""

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from lakzegel_agent.guardbeside import MANY, Beside
from lakzegel_agent.guarding import attend
from lakzegel_agent.guards.of_habits import recalled
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.guardtimes import SHOWN, WHEN, Where, guard
from lakzegel_agent.passes import Progress
from lakzegel_agent.policies import InForce
from lakzegel_agent.problems import Problems
from lakzegel_core.annex import parse_annex
from lakzegel_core.policy import parse_policy_toml, sign_policy

from .conftest import ORIGIN

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
mdm-marker = "report"
"""
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def far(sealed):
    """A pass that has sealed so many files."""
    return Progress(sealed, sealed, 0, 0, 0, 0, 0, 0)


@pytest.fixture
def in_force(engine):
    text = TOML.format(recipient=engine.identity.recipient.to_text(), path=engine.root)
    policy = parse_policy_toml(text)
    annex = parse_annex('device = "minister"\n[[source]]\nname = "s1"\nlabel = "docs"\n')
    return InForce(sign_policy(ORIGIN, policy, [engine.header_key(0)]), policy, annex, None)


@pytest.fixture
def station(engine, tmp_path):
    """As much of an agent as a look asks for."""
    home = SimpleNamespace(ledger=engine.home / "ledger.sqlite")
    config = SimpleNamespace(user_home=tmp_path, home=engine.home, marker=None)
    return SimpleNamespace(
        ledger=engine.ledger,
        ledger_key=engine.key,
        home=home,
        config=config,
        problems=Problems(lambda: NOW),
    )


def test_guards_that_count_what_was_captured_look_once_it_was_and_others_before(engine, in_force):
    where = Where(engine.home, engine.root.parent / "system", "linux", marker="/managed")
    marker = where.system / "managed"
    where.system.mkdir(mode=0o755)
    marker.touch(mode=0o644)
    attend(engine.ledger, in_force, where, NOW)
    engine.write("brief", b"een brief")

    def captured():
        marker.unlink()
        engine.capture()

    outcome = attend(engine.ledger, in_force, where, NOW + timedelta(days=8), captured)
    assert not outcome.problems["guard-drifted"]  # the marker was there when it was looked for
    habit = recalled(GuardNotes(engine.ledger, "sources-silent").get("docs"))
    assert habit.sealed == 1


def test_a_long_pass_has_a_process_look_beside_it(engine, in_force, station):
    with Beside(station, in_force) as beside:
        beside.tell(far(MANY))
        engine.write("brief", b"een brief")
        engine.capture()
        assert engine.ledger.recall(WHEN) is None  # it waits until it is asked
        assert guard(station, in_force, beside.look, NOW)
    shown = json.loads(engine.ledger.recall(SHOWN))
    assert [row["id"] for row in shown] == ["mdm-marker", "sources-silent"]
    assert recalled(GuardNotes(engine.ledger, "sources-silent").get("docs")).sealed == 1


def test_a_short_pass_is_looked_after_in_this_very_process(engine, in_force, station, monkeypatch):
    monkeypatch.setattr("lakzegel_agent.guardapart.subprocess.Popen", None)
    with Beside(station, in_force) as beside:
        beside.tell(far(MANY - 1))
        assert guard(station, in_force, beside.look, NOW)
    assert engine.ledger.recall(SHOWN)


def test_a_look_that_nobody_asks_for_after_the_pass_never_was(
    engine, in_force, station, monkeypatch
):
    started = []
    begin = subprocess.Popen

    def popen(*arguments, **more):
        started.append(begin(*arguments, **more))
        return started[-1]

    monkeypatch.setattr("lakzegel_agent.guardapart.subprocess.Popen", popen)
    with Beside(station, in_force) as beside:
        beside.tell(far(MANY))
        beside.tell(far(MANY))  # once is enough
    assert [process.returncode for process in started] == [-signal.SIGKILL]
    assert engine.ledger.recall(WHEN) is None
