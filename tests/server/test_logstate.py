# SPDX-License-Identifier: EUPL-1.2
"""A signature that takes long, as of a token, keeps nobody from what was shown before."""

import threading
import time

import pytest

from lakzegel_server import logturn
from lakzegel_server.errors import BusyError


@pytest.fixture
def slow(world, monkeypatch):
    """A receiver whose next signature waits for us; gives when it began, and how to end it."""
    begun, may_end = threading.Event(), threading.Event()
    signing = world.desk.log._signing
    sign = signing.sign

    def wait(checkpoint):
        begun.set()
        assert may_end.wait(20)
        return sign(checkpoint)

    monkeypatch.setattr(signing, "sign", wait)
    yield begun, may_end
    may_end.set()


def publish(world):
    policy = world.office.policy_note(7, "group:x")
    return threading.Thread(target=world.as_("admin"), args=("POST", "/v1/notes", policy))


def test_what_was_shown_is_handed_out_while_a_token_signs(world, slow):
    begun, may_end = slow
    size = world.client.checkpoint().checkpoint.size
    sealing = publish(world)
    sealing.start()
    assert begun.wait(20)
    assert world.client.checkpoint().checkpoint.size == size
    with world.desk.log.looking() as custody:
        assert custody.size == size + 1
    assert world.desk.log.edge().size == size + 1
    may_end.set()
    sealing.join()
    assert world.client.checkpoint().checkpoint.size == size + 1


def test_whoever_has_to_know_what_is_shown_waits_a_while_and_no_longer(world, slow, monkeypatch):
    begun, may_end = slow
    monkeypatch.setattr(logturn, "PATIENCE", 0.05)
    sealing = publish(world)
    sealing.start()
    assert begun.wait(20)
    with pytest.raises(BusyError), world.desk.log.reading():
        pass
    monkeypatch.setattr(logturn, "PATIENCE", 20.0)
    ending = threading.Thread(target=lambda: (time.sleep(0.05), may_end.set()))
    ending.start()
    with world.desk.log.reading() as (custody, shown):
        assert custody.size == shown.checkpoint.size
    ending.join()
    sealing.join()
