# SPDX-License-Identifier: EUPL-1.2
"""The agent under managers that send signals (docs/spec/services.md §1, §2)."""

import os
import signal

import pytest

from lakzegel_agent.errors import UsageError
from lakzegel_agent.services import manager
from lakzegel_agent.services.signalled import Signalled
from lakzegel_agent.services.warden import Warden


@pytest.fixture(params=["launchd", "another"])
def by(request, monkeypatch):
    """Who started this process, by what launchd says in the environment."""
    label = {"launchd": "nl.lakzegel.agent", "another": "com.apple.Terminal"}[request.param]
    monkeypatch.setenv("XPC_SERVICE_NAME", label)
    return request.param


def test_launchd_alone_needs_a_watchdog_of_the_agents_own(by):
    lives = []

    def work(life):
        lives.append(life)
        return 3

    assert Signalled().serve(work) == 3
    assert isinstance(lives[0].pulse, Warden) is (by == "launchd")


def test_it_ends_on_sigterm_and_looks_on_sighup(by):
    def work(life):
        life.wake.take()
        os.kill(os.getpid(), signal.SIGHUP)
        life.wake.wait()
        looked = life.wake.take() is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert life.stop.wait(10)
        return 0 if looked else 1

    assert Signalled().serve(work) == 0


def test_what_goes_wrong_comes_out(by):
    def work(_life):
        raise UsageError("not enrolled")

    with pytest.raises(UsageError):
        Signalled().serve(work)


def test_this_system_has_a_manager_that_sends_signals():
    assert isinstance(manager(), Signalled)
