# SPDX-License-Identifier: EUPL-1.2
"""What an MDM sees: `status --json` as scripts of MDMs read it, by a real shell, of a real agent.

PowerShell is not there: of its scripts, what they read and decide by is looked at.
"""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakzegel_agent.statusmdm import NEVER, summary
from lakzegel_core.encoding import format_time
from lakzegel_profiles.command import main as make_profiles

ROOT = Path(__file__).resolve().parents[3]
PROFILES = ROOT / "mdm-profiles"
STATE = PROFILES / "jamf/extension-attribute-state.sh"
DAYS = PROFILES / "jamf/extension-attribute-days.sh"
CUSTOM = PROFILES / "intune/macos/custom-attribute.sh"
LINUX = PROFILES / "intune/linux/compliance.sh"
POWERSHELL = sorted((PROFILES / "intune/windows").glob("*.ps1"))
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FIELDS = {
    "days_since_receipt": int,
    "enrolled": bool,
    "problems": str,
    "running": bool,
    "state": str,
    "version": str,
}


def made(tmp_path, text):
    path = tmp_path / "lakzegel-agent"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def shell(script, agent, config="/nowhere"):
    environment = {"PATH": os.environ["PATH"], "LAKZEGEL_AGENT": agent, "LAKZEGEL_CONFIG": config}
    done = subprocess.run(
        ["/bin/sh", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.replace("Killed\n", "")) == (0, "")
    assert done.stdout.count("\n") == 1
    return done.stdout.strip()


def status(**more):
    whole = {"device": "laptop-1", "at_work": True, "problems": [], "version": "1.2.3"}
    return {**whole, "last_receipt": {"at": format_time(NOW - timedelta(hours=1))}, **more}


@pytest.fixture
def told(tmp_path):
    """A program that answers as an agent of which this is so."""

    def answer(code=0, **more):
        found = {**status(**more), "mdm": summary(status(**more), now=NOW)}
        (tmp_path / "said").write_text(json.dumps(found, indent=2, sort_keys=True))
        return made(tmp_path, f"cat '{tmp_path}/said'; exit {code}")

    return answer


def test_a_real_agent_enrols_by_a_profile_and_is_seen_as_it_is(tmp_path, served, office, token):
    log, policy = office.log.keys, office.policy
    config = tmp_path / "agent's.toml"
    values = {
        "server": served,
        "home": str(tmp_path / "home"),
        "log_keys": [log.ed25519.to_text(), log.mldsa.to_text()],
        "policy_keys": [key.verifier.to_text() for key in policy],
        "token_file": str(token),
    }
    own = tmp_path / "own.toml"
    own.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    assert make_profiles(["--values", str(own), "--out", str(tmp_path / "out")]) == 0
    config.write_bytes((tmp_path / "out/mdm-profiles/linux/agent.toml").read_bytes())
    command = [sys.executable, "-m", "lakzegel_agent", "once", "--config", str(config)]
    subprocess.run(command, check=False, capture_output=True, timeout=60)  # no policy yet: 1
    program = made(tmp_path, f"exec '{sys.executable}' -m lakzegel_agent \"$@\"")
    found = json.loads(shell(LINUX, program, config))
    assert {name: type(value) for name, value in found.items()} == FIELDS
    assert (found["state"], found["enrolled"], found["running"]) == ("stopped", True, False)
    config.write_text("server = 7\n")
    assert shell(CUSTOM, program, config) == "not-configured"


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "healthy"),
        ({"problems": [{"code": "unreachable"}, {"code": "files-failed"}] * 2}, "problems"),
        ({"at_work": False, "problems": [{"code": "unreachable"}]}, "stopped"),
        ({"device": None, "problems": [{"code": "not-enrolled"}]}, "not-enrolled"),
        ({"ended": {"at": "x"}, "at_work": False, "device": None}, "ended"),
    ],
)
def test_each_state_is_what_every_script_says(told, more, state):
    codes = sorted({one["code"] for one in more.get("problems", [])})
    shown = state + (f": {','.join(codes)}" if codes else "")
    program = told(code=1 if codes else 0, **more)
    assert shell(STATE, program) == f"<result>{shown}</result>"
    assert shell(CUSTOM, program) == shown
    assert json.loads(shell(LINUX, program)) == summary(status(**more), now=NOW)


@pytest.mark.parametrize(
    ("receipt", "days"),
    [
        (None, NEVER),
        (NOW - timedelta(days=8, hours=1), 8),
        (NOW - timedelta(hours=23), 0),
        (NOW + timedelta(days=3), 0),
    ],
)
def test_days_are_whole_and_never_less_than_none(told, receipt, days):
    at = receipt and {"at": format_time(receipt)}
    assert shell(DAYS, told(last_receipt=at)) == f"<result>{days}</result>"


@pytest.mark.parametrize(
    ("program", "state"),
    [
        (None, "not-installed"),
        ("exit 2", "not-configured"),
        ("echo '{'; exit 4", "no-answer"),
        ("kill -9 $$", "no-answer"),
        ("printf '  \"mdm\": nonsense\\n'", "no-answer"),
    ],
)
def test_without_an_answer_each_script_still_says_what_its_product_expects(
    tmp_path, program, state
):
    agent = tmp_path / "none" if program is None else made(tmp_path, program)
    assert shell(STATE, agent) == f"<result>{state}</result>"
    assert shell(CUSTOM, agent) == state
    assert shell(DAYS, agent) == f"<result>{NEVER}</result>"
    found = json.loads(shell(LINUX, agent))
    assert {name: type(value) for name, value in found.items()} == FIELDS
    assert found["state"] == state


def test_the_rules_judge_what_the_scripts_print_and_no_transient_trouble():
    rules = json.loads((PROFILES / "intune/compliance.json").read_bytes())["Rules"]
    types = {"Boolean": bool, "Int64": int, "String": str}
    for rule in rules:
        assert FIELDS[rule["SettingName"]] is types[rule["DataType"]] is type(rule["Operand"])
        assert rule["Operator"] in {"IsEquals", "NotEquals", "GreaterThan", "LessEquals"}
        assert rule["MoreInfoUrl"].startswith("https://")
        words = {row["Language"]: row for row in rule["RemediationStrings"]}
        assert words.keys() == {"en_US", "nl_NL"}
        assert all(row["Title"] and row["Description"] for row in words.values())
    judged = {rule["SettingName"] for rule in rules}
    assert judged == {"running", "enrolled", "days_since_receipt"}


def test_powershell_is_plain_and_reads_fields_that_there_are():
    assert {path.stem for path in POWERSHELL} == {
        "app-detection",
        "compliance",
        "detect",
        "remediate",
    }
    for path in POWERSHELL:
        text = path.read_bytes().decode("ascii")
        assert "\r" not in text
        assert set(re.findall(r"\$mdm\.(\w+)", text)) <= FIELDS.keys()
        for left, right in ("()", "{}", "[]"):
            assert text.count(left) == text.count(right), path.name
        assert not re.search(r'@["\']\s*$', text, re.MULTILINE), "a here-string"


def test_powershell_without_an_answer_has_the_fields_that_the_rules_ask_for():
    text = (PROFILES / "intune/windows/compliance.ps1").read_text()
    kinds = {"$false": bool, "99999": int, "''": str, "'0'": str, "$why": str}
    rows = re.findall(r"^        (\w+) = (\S+)$", text, re.MULTILINE)
    assert {name: kinds[value] for name, value in rows} == FIELDS


def test_what_each_script_calls_is_what_the_packages_install():
    for path in (STATE, DAYS, CUSTOM):
        assert "Lakzegel Agent.app/Contents/MacOS/lakzegel-agent" in path.read_text()
    assert "/usr/bin/lakzegel-agent" in LINUX.read_text()
    for path in POWERSHELL:
        text = path.read_text()
        assert (
            "Lakzegel\\Agent\\lakzegel-agent.exe" in text
            or "LakzegelAgent" in text
            or ("Uninstall" in text)
        )
