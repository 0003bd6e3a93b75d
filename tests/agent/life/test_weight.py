# SPDX-License-Identifier: EUPL-1.2
"""What a process that stays for years does not hold, and how it does without."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from lakzegel_agent import settingspolicy
from lakzegel_agent.commands.common import stopping
from lakzegel_agent.errors import UsageError
from lakzegel_agent.settings import load_config
from lakzegel_agent.settingsapart import load_config_apart
from lakzegel_agent.settingspolicy import tuned

HEAVY = (
    *("pydantic", "pydantic_settings", "pydantic_core"),
    *("charset_normalizer", "dotenv", "asyncio"),
)


def test_the_daemon_imports_neither_the_schema_nor_what_guesses_encodings_nor_all_of_asyncio():
    code = (
        "import lakzegel_agent.commands.run, lakzegel_agent.running, lakzegel_agent.settingsapart,"
        "lakzegel_agent.wake, sys; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "requests" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_requests_guesses_nothing_and_others_can_still():
    code = (
        "from lakzegel_agent.lean import requests; r = requests.Response(); r._content = b'{}'\n"
        "assert r.apparent_encoding == 'utf-8' and r.json() == {}\n"
        "import charset_normalizer; print(charset_normalizer.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "charset_normalizer\n"


@pytest.fixture
def file(tmp_path, office):
    log = office.log.keys

    def write(more=""):
        path = tmp_path / "agent.toml"
        keys = [log.ed25519.to_text(), log.mldsa.to_text()]
        policy = [key.verifier.to_text() for key in office.policy]
        path.write_text(
            f'server = "https://receiver.example"\nhome = "{tmp_path}/home"\n'
            f"log_keys = {keys}\npolicy_keys = {policy}\n{more}"
        )
        return path

    return write


def test_a_configuration_that_is_read_apart_is_the_same(file):
    path = file('workers = 1\n[shipping]\nmetered = "wait"\n')
    assert load_config_apart(path) == load_config(path)


def test_what_is_wrong_is_said_as_if_it_were_read_here(file):
    path = file("nonsense = 1\n")
    with pytest.raises(UsageError) as here:
        load_config(path)
    with pytest.raises(UsageError) as apart:
        load_config_apart(path)
    assert str(apart.value) == str(here.value)
    assert "nonsense" in str(apart.value)


@pytest.fixture
def found(device, office):
    """A policy in force that says much."""
    more = '[limits]\nspool = "1 GiB"\nbatch = "2 MiB"\n[shipping]\nmetered = "wait"\n'
    more += 'hours = "Mon 01:00-02:00"\nbandwidth = "9 KiB"\n'
    office.publish(office.policy_toml(3, cadence="1h", more=more))
    device.liaison.consult(device.current)
    return device.liaison.policy(device.current)


def test_a_policy_that_nothing_tunes_is_what_the_schema_would_make_of_it(file, found):
    config = load_config(file())
    assert not config.is_tuned()
    assert tuned(found, config) is found
    said = config.tuned(found.policy.text)
    assert settingspolicy._with(found.policy, said) == found.policy


def test_a_file_that_says_what_the_policy_does_not_is_heard(file, found):
    config = load_config(file('[shipping]\non_battery = "wait"\n'))
    assert config.is_tuned()
    assert tuned(found, config).policy.shipping.on_battery == "wait"
    assert found.policy.shipping.on_battery == "ship"


def test_sighup_asks_for_a_look_and_ends_nothing():
    asked = threading.Event()
    with stopping(again=asked.set) as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert asked.wait(10)
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)
