# SPDX-License-Identifier: EUPL-1.2
"""The commands as processes, against a receiver on this machine."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest

from lakzegel_agent.transport import NeverError, UnreachableError

TIMEOUT = 40


class Agent:
    """An agent's configuration, and its commands."""

    def __init__(self, root, server, office, mail):
        self.root, self.home, self.mail = root, root / "agent", mail
        self.config = root / "agent.toml"
        log, policy = office.log.keys, office.policy
        self.values = {
            "server": server,
            "home": str(self.home),
            "log_keys": [log.ed25519.to_text(), log.mldsa.to_text()],
            "policy_keys": [key.verifier.to_text() for key in policy],
        }
        self.write()

    def write(self, **more):
        values = {**self.values, **more}
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
        self.config.write_text("".join(lines))

    def command(self, *words):
        return [sys.executable, "-m", "lakzegel_agent", words[0], "--config", str(self.config),
                *words[1:]]  # fmt: skip

    def run(self, *words, code=0, **more):
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=TIMEOUT, check=False,
            **more,
        )  # fmt: skip
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def once(self, code=0):
        done = self.run("once", "--json", code=code)
        return json.loads(done.stdout), done.stderr

    def status(self, code=0):
        return json.loads(self.run("status", "--json", code=code).stdout)

    def peek(self):
        """The status, whatever its exit code."""
        done = subprocess.run(
            self.command("status", "--json"), capture_output=True, timeout=TIMEOUT, check=False
        )
        return json.loads(done.stdout)

    def start(self):
        return subprocess.Popen(self.command("run"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def until(check, *, seconds=TIMEOUT):
    """Wait for another process; there is no event to await from it."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.05)


@pytest.fixture
def mail(tmp_path):
    folder = tmp_path / "mail"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.eml").write_bytes(b"Subject: canary\n\nbody %d\n" % number)
    return folder


@pytest.fixture
def policy(office, mail):
    """A policy for the folder, in the log."""
    source = f"[[source]]\nname = 's1'\nkind = 'folder'\npath = '{mail}'\nsettle = '0s'\n"
    office.publish(office.policy_toml(1, more=source))
    return source


@pytest.fixture
def agent(tmp_path, served, office, mail, token):
    agent = Agent(tmp_path, served, office, mail)
    agent.run("enrol", "--token-file", str(token))
    return agent


def test_enrolling_twice_says_that_it_is_done(agent, token, log):
    before = len(log.entries)
    done = agent.run("enrol", "--token-file", str(token))
    assert "already" in done.stdout
    assert len(log.entries) == before


def test_once_seals_everything_and_lets_go_what_is_held(agent, policy, office, receiver, log):
    report, _ = agent.once()
    assert report["found"] == report["sealed"] == 3
    assert report["failed"] == 0
    status = agent.status()
    assert status["spool"]["batches"] == report["batches"] > 0
    assert status["spool"]["waiting"] == 0
    assert status["sources"][0]["name"] == "s1"
    receiver.held = office.hold(len(log.entries))
    again, _ = agent.once()
    assert again["batches"] == 0
    assert agent.status()["spool"]["batches"] == 0
    assert list((agent.home / "spool").iterdir()) == []


def test_once_with_nothing_new_adds_nothing_to_the_log(agent, policy, log):
    agent.once()
    before = len(log.entries)
    agent.once()
    assert len(log.entries) == before


def test_once_without_a_policy_says_so(agent):
    done = agent.run("once", code=1)
    assert "no policy" in done.stderr
    assert done.stderr.count("\n") == 1


def test_once_without_a_receiver_captures_into_the_spool(agent, policy, receiver, log):
    agent.once()
    (agent.mail / "new.eml").write_bytes(b"Subject: later\n\nx\n")
    receiver.broken = [UnreachableError("down")] * 99
    report, error = agent.once(code=3)
    assert report["sealed"] == 4
    assert "lakzegel-agent:" in error
    found = agent.status(code=1)
    assert found["spool"]["waiting"] == 1
    assert [p["code"] for p in found["problems"]] == ["busy"]
    receiver.broken = []
    agent.once()
    assert agent.status()["spool"]["waiting"] == 0


def test_a_rollback_ends_in_one_line_and_capture_goes_on(agent, policy, receiver, log):
    before = log.copy()
    agent.once()
    (agent.mail / "new.eml").write_bytes(b"Subject: later\n\nx\n")
    receiver.log = before
    report, error = agent.once(code=1)
    assert report["sealed"] == 4
    assert "rollback" in error
    found = agent.status(code=1)
    assert found["problems"][0]["code"] == "rollback"
    assert found["spool"]["batches"] == 2
    assert len(list((agent.home / "evidence").iterdir())) == 2


def test_nothing_in_the_home_tells_what_was_captured(agent, policy):
    agent.once()
    agent.status()
    for path in agent.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"canary" not in data
            assert b".eml" not in data
            assert str(agent.mail).encode() not in data


def test_a_second_agent_in_one_home_is_refused(agent, policy):
    with (agent.home / "lock").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = agent.run("once", code=2)
    assert "another agent is at work here" in done.stderr


def test_run_captures_what_appears_and_ends_on_sigterm(agent, policy, log):
    process = agent.start()
    try:
        until(lambda: agent.home.joinpath("status.json").exists())
        until(lambda: agent.peek()["ledger"]["sealed"] == 3)
        assert agent.status()["at_work"]
        before = len(log.entries)
        (agent.mail / "new.eml").write_bytes(b"Subject: hint\n\nx\n")
        until(lambda: len(log.entries) > before)
        until(lambda: agent.peek()["ledger"]["sealed"] == 4)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=TIMEOUT)
        assert time.monotonic() - started < 6
        assert process.returncode == 0, error
        assert error == b""
    finally:
        process.kill()
        process.communicate()
    assert not agent.status()["at_work"]


def test_run_applies_a_policy_that_comes_later(agent, office, mail, log):
    process = agent.start()
    try:
        until(lambda: agent.home.joinpath("status.json").exists())
        assert agent.status(code=1)["problems"][0]["code"] == "no-policy"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0
        assert b"no-policy" in error
    finally:
        process.kill()
        process.communicate()


def test_an_unknown_key_of_the_configuration_is_named(agent):
    agent.write(passphrase="x")
    done = agent.run("status", code=2)
    assert "'passphrase' is not known" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"server": "http://receiver.example"}, "https"),
        ({"server": "ftp://127.0.0.1"}, "https"),
        ({"log_keys": []}, "log keys"),
        ({"policy_keys": []}, "policy_keys"),
        ({"threshold": 3}, "threshold"),
        ({"threshold": 0}, "threshold"),
        ({"workers": 99}, "workers"),
        ({"home": 7}, "home"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(agent, change, word):
    agent.write(**change)
    done = agent.run("config", code=2)
    assert word in done.stderr
    assert done.stderr.count("\n") == 1


def test_config_says_where_each_setting_came_from(agent):
    environment = {
        **os.environ,
        "LAKZEGEL_AGENT_WORKERS": "1",
        "LAKZEGEL_AGENT_THRESHOLD": "1",
        "LAKZEGEL_AGENT_POLICY_KEYS": "[]",
    }
    found = json.loads(agent.run("config", "--json", env=environment).stdout)
    assert (found["workers"]["value"], found["workers"]["from"]) == (1, "environment")
    assert found["server"]["from"] == "file"
    assert (found["threshold"]["value"], found["threshold"]["from"]) == (2, "default")
    assert len(found["policy_keys"]["value"]) == 2


def test_doctor_is_content_with_a_healthy_agent_and_names_what_is_wrong(agent, policy, receiver):
    agent.once()
    assert agent.run("doctor").stdout.count("ok ") == 10
    (agent.home / "keys" / "ledger").chmod(0o644)
    receiver.broken = [NeverError("gone", status=410, code="gone")]
    done = agent.run("doctor", code=1)
    assert "BAD home" in done.stdout
    assert "BAD receiver" in done.stdout


def test_every_command_teaches_its_exit_codes(agent):
    names = ("enrol", "once", "run", "status", "explain", "config", "doctor", "diagnostics")
    for name in names:
        done = agent.run(name, "--help")
        assert "exit: 0" in done.stdout
        assert f"lakzegel-agent {name} --config" in done.stdout


def test_status_imports_nothing_heavy():
    program = (
        "import sys, lakzegel_agent.commands.status, lakzegel_agent.__main__ as m; m.parser();"
        "print([x for x in ('requests', 'pydantic', 'apscheduler', 'watchdog', 'psutil',"
        " 'cryptography') if x in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_run_goes_on_capturing_after_a_rollback_and_says_so_once(agent, policy, receiver, log):
    before = log.copy()
    agent.once()
    receiver.log = before
    process = agent.start()
    try:
        (agent.mail / "new.eml").write_bytes(b"Subject: hint\n\nx\n")
        until(lambda: agent.peek()["ledger"]["sealed"] == 4)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 1
        assert error.count(b"rollback:") == 2  # the code, and the sentence
        assert error.count(b"\n") == 1
    finally:
        process.kill()
        process.communicate()
    assert agent.status(code=1)["spool"]["waiting"] == 1


def test_run_begins_again_where_a_kill_left_it(agent, policy, log):
    process = agent.start()
    until(lambda: agent.home.joinpath("status.json").exists())
    process.kill()
    process.communicate()
    agent.once()
    assert agent.status()["ledger"]["sealed"] == 3
    assert not agent.status()["at_work"]


def test_what_waits_for_its_hours_is_captured_and_status_and_config_say_why(agent, policy, office):
    now = datetime.now().astimezone()
    far = (now + timedelta(days=3)).strftime("%a")
    office.publish(office.policy_toml(2, more=f'{policy}[shipping]\nhours = "{far} 10:00-11:00"\n'))
    report, error = agent.once(code=3)
    assert report["sealed"] == 3
    assert "wait in the spool" in error
    found = agent.status()  # to wait as agreed is no problem
    assert (found["shipping"]["waits"], found["shipping"]["anyway"]) == ("hours", None)
    assert found["spool"]["waiting"] > 0
    assert "waits: hours" in agent.run("status").stdout
    shown = json.loads(agent.run("config", "--json").stdout)
    assert shown["shipping.hours"]["from"] == "policy"
    assert shown["shipping.hours"]["locked"]
    office.publish(office.policy_toml(3, more=policy))
    agent.once()
    found = agent.status()
    assert (found["shipping"]["waits"], found["spool"]["waiting"]) == (None, 0)
