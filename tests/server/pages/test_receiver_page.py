# SPDX-License-Identifier: EUPL-1.2
"""The receiver's own page: whether it seals, who vouches for its log, what fails."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from lakzegel_server.pages import receiver
from lakzegel_server.pages.conditions import Tone
from lakzegel_server.pages.receiverstate import PHASES, state_of
from lakzegel_server.receivers import STOPPED, Receiver
from lakzegel_server.standing import SEALING, Phase, Standing


def get(world, role="audit"):
    answer = world.as_(role)("GET", "/receiver", **{"Accept-Language": "en"})
    assert answer.status_code == 200
    return answer.text


class With:
    """A desk that has something besides."""

    def __init__(self, desk, **more):
        self._desk, self._more = desk, more

    def __getattr__(self, name):
        return self._more[name] if name in self._more else getattr(self._desk, name)


def test_every_role_sees_it_and_nobody_else(world):
    for role in ("it", "records", "admin", "audit"):
        assert "Takes batches and seals them." in get(world, role)
    assert world.client("GET", "/receiver").status_code == 401


def test_it_tells_who_cosigned_and_what_the_office_holds(world, kit):
    tree = world.client.checkpoint()
    assert "nothing yet" in get(world)
    cosigned = kit.cosigned(tree, world.office.witness)
    assert world.client("POST", "/v1/cosignatures", cosigned).status_code == 204
    held = world.office.held_note(tree.checkpoint)
    assert world.client("POST", "/v1/held", held).status_code == 204
    state = state_of(world.desk)
    assert state.cosigned == (world.office.witness.verifier.name,)
    assert (state.size, state.held) == (1, 1)
    assert world.office.witness.verifier.name in get(world)


def test_a_witness_and_an_authority_that_fail_are_told_with_since_when_and_why(world, kit):
    witness = SimpleNamespace(
        name="w.example", cosigned=0, last_success=None, failing_since=kit.NOW, failure="ahead"
    )
    authority = SimpleNamespace(name="tsa", size=1, at=int(kit.NOW), failing=None, reason=None)
    desk = With(
        world.desk,
        witnesses=SimpleNamespace(states=lambda: (witness,)),
        timestamps=SimpleNamespace(states=lambda: (authority,)),
    )
    state = state_of(desk)
    assert state.witnesses[0].failing == kit.START
    assert state.witnesses[0].reason == "ahead"
    assert state.authorities[0].at == kit.START
    assert state.authorities[0].failing is None


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_is_said_in_words(world, monkeypatch, phase):
    found = replace(state_of(world.desk), phase=phase)
    monkeypatch.setattr(receiver, "state_of", lambda _desk: found)
    assert PHASES[phase][1].replace("'", "&#39;") in get(world)


def test_a_disk_that_fills_is_told_before_it_is_full(world):
    state = state_of(world.desk)
    tones = [replace(state, free=free, disk=100).disk_tone for free in (50, 14, 4)]
    assert tones == [Tone.GOOD, Tone.WARN, Tone.BAD]


def test_health_is_shown_while_the_log_is_caught_up_with_and_nothing_new_is(world, device, kit):
    log = world.desk.log
    token = kit.new_key(f"{kit.ORIGIN}/token/next")
    log.stand(Standing(Phase.CATCHING_UP))
    log.take_over([world.office.admission(token, device="laptop-9")])
    it = world.as_("it")
    assert world.client("POST", "/v1/heartbeats", device.heartbeat()).status_code == 204
    for path in ("/", "/devices/minister", "/problems", "/receiver", "/fleet.csv", "/metrics"):
        assert it("GET", path, Accept="text/html").status_code == 200, path
    assert "Read-only" in get(world)
    log.stand(SEALING)
    log.refresh()
    assert state_of(world.desk).size == 4


def peer(name, **more):
    known = {
        "beat": 7, "started": "", "version": "1.2.3", "size": 5, "standing": "sealing",
        "causes": {}, "settings": "", "seen": 0, "ahead": 0,
    }  # fmt: skip
    return Receiver(name=name, **known | more)


def test_the_receivers_of_one_index_are_listed_with_how_they_fare(world, monkeypatch):
    receivers = SimpleNamespace(
        name="a-1",
        all=lambda: [
            peer("a-1", leases=("alerts", "trail"), quiet=2.0),
            peer("b-2", ahead=-41_000, quiet=29.0),
            peer("c-3", quiet=600.0),
            peer("d-4", standing=STOPPED, quiet=600.0),
        ],
    )
    state = state_of(With(world.desk, receivers=receivers))
    one, other, missing, stopped = state.peers
    assert (one.is_this, one.tone, one.clock_tone, one.leases) == (
        *(True, Tone.GOOD, Tone.GOOD),
        ("alerts", "trail"),
    )
    assert (other.is_this, other.ahead, other.clock_tone) == (False, -41.0, Tone.BAD)
    assert (missing.tone, stopped.tone) == (Tone.BAD, Tone.CALM)
    monkeypatch.setattr(receiver, "state_of", lambda _desk: state)
    text = get(world)
    for said in (
        *("Receivers of this log", "shows you this page", "<code>trail</code>", "41 s behind"),
        *("10 minutes ago", "Says nothing any more.", "Stopped by itself.", "1.2.3"),
    ):
        assert said in text
    dutch = world.as_("audit")("GET", "/receiver", **{"Accept-Language": "nl"}).text
    assert "Ontvangers van dit logboek" in dutch
    assert "loopt 41 s achter" in dutch


def test_a_receiver_alone_lists_no_others(world):
    assert state_of(world.desk).peers == ()
    assert "Receivers of this log" not in get(world)
