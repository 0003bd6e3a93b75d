# SPDX-License-Identifier: EUPL-1.2
"""A watchdog in the process itself (docs/spec/services.md §2)."""

import threading

import pytest

from lakzegel_agent.notify import Quiet
from lakzegel_agent.services.warden import HUNG, warded

TIME = 0.1


@pytest.fixture
def death():
    class Death(threading.Event):
        code = None

        def __call__(self, code):
            self.code = code
            self.set()

    return Death()


def test_work_that_hangs_is_ended(death):
    with warded(Quiet(), seconds=TIME, die=death) as pulse, pulse.working():
        assert death.wait(10)
    assert death.code == HUNG


def test_who_waits_for_work_does_not_hang(death):
    with warded(Quiet(), seconds=TIME, die=death) as pulse:
        with pulse.working():
            pulse.progress()
        assert not death.wait(5 * TIME)


def test_work_with_progress_goes_on(death):
    with warded(Quiet(), seconds=5 * TIME, die=death) as pulse, pulse.working():
        for _ in range(20):
            pulse.progress()
            assert not death.wait(TIME / 2)


def test_it_passes_on_what_it_is_told(death):
    heard = []

    class Told(Quiet):
        def ready(self):
            heard.append("ready")

        def status(self, text):
            heard.append(text)

        def stopping(self):
            heard.append("stopping")

    with warded(Told(), seconds=TIME, die=death) as pulse:
        pulse.ready()
        pulse.status("3 found")
        pulse.stopping()
    assert heard == ["ready", "3 found", "stopping"]
