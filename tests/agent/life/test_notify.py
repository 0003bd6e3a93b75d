# SPDX-License-Identifier: EUPL-1.2
"""The service manager's socket, a real one, and a watchdog that is fed by progress."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from lakzegel_agent.__main__ import main
from lakzegel_agent.notify import Feeder, Quiet, notifying
from lakzegel_agent.settingsconfig import ServiceManager, service_manager

WAIT = 10.0


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A datagram socket, and its name as a service manager would give it."""
    abstract = request.param == "abstract"
    name = f"@lakzegel-{os.urandom(8).hex()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:] if abstract else name)
        listening.settimeout(WAIT)
        yield listening, name


def test_it_is_told_of_the_life_of_an_agent(manager):
    listening, name = manager
    with notifying(ServiceManager(name, None)) as pulse:
        pulse.ready()
        pulse.status("3 found\n= 3 sealed")
        pulse.stopping()
    heard = [listening.recv(4096) for _ in range(3)]
    assert heard == [b"READY=1", b"STATUS=3 found = 3 sealed", b"STOPPING=1"]


def test_the_watchdog_is_fed_while_waiting_and_not_while_hanging(manager):
    listening, name = manager
    with notifying(ServiceManager(name, 0.3)) as pulse:
        pulse.ready()
        assert listening.recv(99) == b"READY=1"
        for _ in range(4):
            assert listening.recv(99) == b"WATCHDOG=1"
        with pulse.working():
            silent = threading.Event()
            listening.settimeout(0.9)  # three times its time: nothing but what was on its way
            fed = 0
            while not silent.is_set():
                try:
                    fed += listening.recv(99) == b"WATCHDOG=1"
                except TimeoutError:
                    silent.set()
            assert fed <= 4
            listening.settimeout(WAIT)
            pulse.progress()
            assert listening.recv(99) == b"WATCHDOG=1"


def test_progress_within_the_time_is_what_feeds():
    now = [0.0]
    feeder = Feeder(10.0, lambda: now[0])
    now[0] = 100.0
    assert feeder.is_due()  # waits for work
    with feeder.working():
        now[0] = 109.0
        assert feeder.is_due()
        now[0] = 110.0
        assert not feeder.is_due()
        feeder.progress()
        assert feeder.is_due()
        now[0] = 200.0
    assert feeder.is_due()


def test_a_manager_that_went_away_stops_nothing(tmp_path):
    with notifying(ServiceManager(str(tmp_path / "gone"), 0.01)) as pulse:
        pulse.ready()
        pulse.status("x")


def test_without_a_manager_nobody_hears(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert service_manager() is None
    with notifying(None) as pulse:
        assert isinstance(pulse, Quiet)
        pulse.ready()
        with pulse.working():
            pulse.progress()


@pytest.mark.parametrize(
    ("variables", "watchdog"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_time_is_this_processs_own(monkeypatch, variables, watchdog):
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"NOTIFY_SOCKET": "/run/x", **variables}.items():
        monkeypatch.setenv(name, value)
    assert service_manager() == ServiceManager("/run/x", watchdog)


def test_the_daemon_tells_its_service_manager_and_logs_to_it(tmp_path, served, office, token):
    mail = tmp_path / "mail"
    mail.mkdir()
    (mail / "1.eml").write_text("Subject: geheim\n\nx\n")
    source = f"[[source]]\nname = 's1'\nkind = 'folder'\npath = '{mail}'\nsettle = '0s'\n"
    office.publish(office.policy_toml(1, more=source))
    keys, config = office.log.keys, tmp_path / "agent.toml"
    values = {
        "server": served,
        "home": str(tmp_path / "agent"),
        "log_keys": [keys.ed25519.to_text(), keys.mldsa.to_text()],
        "policy_keys": [key.verifier.to_text() for key in office.policy],
    }
    config.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
    assert main(["enrol", "--config", str(config), "--token-file", str(token)]) == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(4 * WAIT)
        more = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
        process = subprocess.Popen(
            [sys.executable, "-m", "lakzegel_agent", "run", "--config", str(config)],
            env={**os.environ, **more},
            stderr=subprocess.PIPE,
        )
        try:
            heard = []
            while not any(b"1 found = 1 sealed" in one for one in heard):
                heard.append(listening.recv(4096))
            assert heard[0] == b"READY=1"
            while b"WATCHDOG=1" not in heard:
                heard.append(listening.recv(4096))
            process.terminate()
            while b"STOPPING=1" not in heard:
                heard.append(listening.recv(4096))
            _, error = process.communicate(timeout=4 * WAIT)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 0
    actions = [json.loads(line)["action"] for line in error.splitlines()]
    assert actions[0] == "policy-applied"
    assert {"start", "batch-sealed", "receipt", "stop"} <= set(actions)
    assert b"geheim" not in error
